package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	driver "modernc.org/sqlite"
	codes "modernc.org/sqlite/lib"

	"github.com/rejoinhq/rejoin/consumer"
	"github.com/rejoinhq/rejoin/storage/internal/row"
)

// translate turns whatever failed into an error of the module, said what was being
// done. It is the only place that knows the driver's result codes. Neither the
// driver nor SQLite puts bound values into an error, so no text holds a record.
func translate(ctx context.Context, doing string, err error) error {
	switch {
	case err == nil:
		return nil
	case row.Said(err):
		return fmt.Errorf("%s: %w", doing, err)
	case ctx.Err() != nil:
		return fmt.Errorf("%s: %w", doing, ctx.Err())
	}
	if sentinel := sentinelOf(err); sentinel != nil {
		return fmt.Errorf("%s: %w: %w", doing, sentinel, err)
	}
	return fmt.Errorf("%s: %w", doing, err)
}

// sentinelOf returns nil for what can only be a mistake in this package.
func sentinelOf(err error) error {
	if errors.Is(err, sql.ErrNoRows) {
		return consumer.ErrNotFound
	}
	var result *driver.Error
	if !errors.As(err, &result) {
		return consumer.ErrUnavailable // database/sql or the operating system
	}
	switch result.Code() & 0xff { // the lowest byte is the primary code
	case codes.SQLITE_CONSTRAINT, codes.SQLITE_MISMATCH, codes.SQLITE_MISUSE,
		codes.SQLITE_RANGE, codes.SQLITE_TOOBIG, codes.SQLITE_INTERNAL:
		return nil
	case codes.SQLITE_ERROR:
		// The statements are constants, proven on this schema, so a missing table
		// or column means that the schema is another one.
		return consumer.ErrSchema
	}
	// BUSY, LOCKED, CANTOPEN, FULL, IOERR, CORRUPT, NOTADB, READONLY, PERM, NOMEM,
	// PROTOCOL, INTERRUPT and their like.
	return consumer.ErrUnavailable
}

func isBusy(err error) bool { return hasCode(err, codes.SQLITE_BUSY) }

// isSchemaMismatch reports whether a statement met another schema than the one that
// it was written for.
func isSchemaMismatch(err error) bool { return hasCode(err, codes.SQLITE_ERROR) }

func hasCode(err error, primary int) bool {
	var result *driver.Error
	return errors.As(err, &result) && result.Code()&0xff == primary
}
