package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/rejoinhq/rejoin/consumer"
	"github.com/rejoinhq/rejoin/consumer/event"
	"github.com/rejoinhq/rejoin/storage/postgres"
	"github.com/rejoinhq/rejoin/storage/sqlite"
)

const databaseUsage = "sqlite:PATH, sqlite::memory: or postgres://… (`URL`)"

// database is what the program needs of an adapter.
type database interface {
	consumer.Store
	event.Recorder
	io.Closer
	Ping(context.Context) error
	Migrate(context.Context) error
	SchemaVersion(context.Context) (current, required int64, err error)
}

// checkDatabaseURL refuses a value of -database that names no database, or not the one that
// it seems to name. Its errors never repeat the value, which may hold a password.
func checkDatabaseURL(url string) error {
	path, isSQLite := strings.CutPrefix(url, "sqlite:")
	switch {
	case isPostgres(url):
		return nil
	case !isSQLite:
		return usagef("-database must be sqlite:PATH, sqlite::memory: for a database in memory, or postgres://…")
	case path == sqlite.Memory:
		return nil
	case path == "":
		return usagef("-database: the path is missing after sqlite:")
	case strings.HasPrefix(path, "//"):
		return usagef("-database: sqlite: takes a path without slashes in front, such as sqlite:x.db or sqlite:/var/lib/x.db")
	case strings.HasPrefix(path, "file:"), strings.HasPrefix(path, ":"):
		return usagef("-database: sqlite: takes a path, such as sqlite:x.db, or sqlite::memory: for a database in memory")
	case strings.Contains(path, "?"):
		return usagef("-database: sqlite: takes a path without parameters, and a ? begins parameters")
	}
	return nil
}

func isPostgres(url string) bool {
	return strings.HasPrefix(url, "postgres://") || strings.HasPrefix(url, "postgresql://")
}

// openDatabase opens the database that -database names, at the schema that the program
// needs.
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

// openExisting is like openDatabase but does not create an embedded database.
func openExisting(ctx context.Context, url string) (database, error) {
	if isMissing(url) {
		return nil, fmt.Errorf("-database %s: there is no such file", url)
	}
	return openDatabase(ctx, url)
}

// isMissing reports whether -database names an embedded database that does not exist.
// Opening it would create it.
func isMissing(url string) bool {
	path, isSQLite := strings.CutPrefix(url, "sqlite:")
	_, err := os.Stat(path)
	return isSQLite && path != sqlite.Memory && errors.Is(err, os.ErrNotExist)
}

// openUnmigrated opens the database that -database names as it is. Its errors name the
// file of an embedded database, and never show the URL of another, which may hold a
// password.
func openUnmigrated(ctx context.Context, url string) (database, error) {
	if err := checkDatabaseURL(url); err != nil {
		return nil, err
	}
	if isPostgres(url) {
		store, err := postgres.Open(ctx, postgres.Options{URL: url})
		if err != nil {
			return nil, fmt.Errorf("-database: %w", err)
		}
		return store, nil
	}
	store, err := sqlite.Open(ctx, sqlite.Options{Path: strings.TrimPrefix(url, "sqlite:")})
	if err != nil {
		return nil, fmt.Errorf("-database %s: %w", url, err)
	}
	return store, nil
}
