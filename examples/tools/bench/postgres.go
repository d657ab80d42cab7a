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

// postgresServer creates databases on a server, and drops those that are not kept.
type postgresServer struct {
	url     string
	keep    bool
	suffix  string // makes the names unique, unless the databases are kept
	created []string
}

func newPostgresServer(url string, keep bool) *postgresServer {
	s := &postgresServer{url: url, keep: keep}
	if !keep {
		s.suffix = "_" + strings.ToLower(rand.Text()[:8])
	}
	return s
}

// create returns the URL of the database for a dataset. It creates the database unless a kept
// one exists.
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
		return "", errors.New("-postgres is not a URL")
	}
	u.Path = "/" + name
	return u.String(), nil
}

// close drops the databases unless they are kept. It also runs after an interrupt, so it has a
// context of its own.
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

// execute runs a statement on a new connection.
func execute(ctx context.Context, server, statement string) error {
	conn, err := pgx.Connect(ctx, server)
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	_, err = conn.Exec(ctx, statement)
	return err
}
