package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// postgresServer makes databases on a server, and drops those again that are not kept.
type postgresServer struct {
	url     string
	keep    bool
	suffix  string // makes the names new ones, unless the databases are kept
	created []string
}

func newPostgresServer(url string, keep bool) *postgresServer {
	s := &postgresServer{url: url, keep: keep}
	if !keep {
		s.suffix = "_" + strings.ToLower(rand.Text()[:8])
	}
	return s
}

// create returns the URL of the database for a dataset, which it makes if there is none.
func (s *postgresServer) create(ctx context.Context, data dataset) (string, error) {
	name := "rejoin_bench_" + data.String() + s.suffix
	err := execute(ctx, s.url, `CREATE DATABASE `+name+` TEMPLATE template0 ENCODING 'UTF8'`)
	var refused *pgconn.PgError
	switch {
	case errors.As(err, &refused) && refused.Code == "42P04" && s.keep: // duplicate_database
	case err != nil:
		return "", fmt.Errorf("-postgres: %w", err)
	default:
		s.created = append(s.created, name)
	}
	u, err := url.Parse(s.url)
	if err != nil {
		return "", errors.New("-postgres is no URL")
	}
	u.Path = "/" + name
	return u.String(), nil
}

// close drops what is not kept. It runs also when the benchmark was interrupted.
func (s *postgresServer) close() error {
	if s.keep {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	var failed []error
	for _, name := range s.created {
		failed = append(failed, execute(ctx, s.url, `DROP DATABASE IF EXISTS `+name+` WITH (FORCE)`))
	}
	return errors.Join(failed...)
}

// settle does what the server does by itself in time.
func settle(ctx context.Context, url string) error { return execute(ctx, url, `VACUUM ANALYZE`) }

// execute runs a statement on a connection of its own.
func execute(ctx context.Context, server, statement string) error {
	conn, err := pgx.Connect(ctx, server)
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	_, err = conn.Exec(ctx, statement)
	return err
}
