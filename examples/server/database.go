package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/rejoinhq/rejoin/consumer"
	"github.com/rejoinhq/rejoin/storage/sqlite"
)

// database is what the server needs of an adapter.
type database interface {
	consumer.Store
	io.Closer
	Migrate(context.Context) error
}

// openDatabase opens what -database names, at the schema that the program needs. Its
// errors name the file of an embedded database, and never show a connection string,
// which may hold a password.
func openDatabase(ctx context.Context, url string) (database, error) {
	path, isSQLite := strings.CutPrefix(url, "sqlite:")
	switch {
	case isSQLite && path == "":
		return nil, errors.New("-database: sqlite: needs a path")
	case isSQLite:
		store, err := sqlite.Open(ctx, sqlite.Options{Path: path})
		if err != nil {
			return nil, fmt.Errorf("-database %s: %w", url, err)
		}
		if err := store.Migrate(ctx); err != nil {
			return nil, errors.Join(fmt.Errorf("-database %s: %w", url, err), store.Close())
		}
		return store, nil
	}
	return nil, errors.New("-database must be sqlite:PATH, or sqlite::memory: for one in memory")
}
