package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/rejoinhq/rejoin/consumer"
	"github.com/rejoinhq/rejoin/storage/postgres"
	"github.com/rejoinhq/rejoin/storage/sqlite"
)

// database is what the program needs of an adapter.
type database interface {
	consumer.Store
	io.Closer
	Ping(context.Context) error
	Migrate(context.Context) error
	SchemaVersion(context.Context) (current, required int64, err error)
}

// openDatabase opens what -database names, at the schema that the program needs.
func openDatabase(ctx context.Context, url string) (database, error) {
	opened, err := openUnmigrated(ctx, url)
	if err != nil {
		return nil, err
	}
	if err := opened.Migrate(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("-database: %w", err), opened.Close())
	}
	return opened, nil
}

// isMissing reports whether -database names an embedded database that is not there.
// To open it would make it.
func isMissing(url string) bool {
	path, isSQLite := strings.CutPrefix(url, "sqlite:")
	_, err := os.Stat(path)
	return isSQLite && path != sqlite.Memory && errors.Is(err, os.ErrNotExist)
}

// openUnmigrated opens what -database names as it is. Its errors name the file of an
// embedded database, and never show a connection string, which may hold a password.
func openUnmigrated(ctx context.Context, url string) (database, error) {
	path, isSQLite := strings.CutPrefix(url, "sqlite:")
	switch {
	case isSQLite && path == "":
		return nil, errors.New("-database: sqlite: needs a path")
	case isSQLite:
		store, err := sqlite.Open(ctx, sqlite.Options{Path: path})
		if err != nil {
			return nil, fmt.Errorf("-database %s: %w", url, err)
		}
		return store, nil
	case strings.HasPrefix(url, "postgres://"), strings.HasPrefix(url, "postgresql://"):
		store, err := postgres.Open(ctx, postgres.Options{URL: url})
		if err != nil {
			return nil, fmt.Errorf("-database: %w", err)
		}
		return store, nil
	}
	return nil, errors.New("-database must be sqlite:PATH, sqlite::memory: for one in memory, or postgres://…")
}
