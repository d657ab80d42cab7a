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

// translate returns an error of the module for any error, with the operation that failed.
// It is the only place that knows the driver's result codes. Neither the driver nor SQLite
// puts parameters into an error, so its text contains no record.
func translate(ctx context.Context, operation string, err error) error {
	switch {
	case err == nil:
		return nil
	case row.IsPublic(err):
		return fmt.Errorf("%s: %w", operation, err)
	case ctx.Err() != nil:
		return fmt.Errorf("%s: %w", operation, ctx.Err())
	}
	if sentinel := sentinelOf(err); sentinel != nil {
		return fmt.Errorf("%s: %w: %s%w", operation, sentinel, explanationOf(err), err)
	}
	return fmt.Errorf("%s: %w", operation, err)
}

// translateTo translates the error that a method returns. Methods defer it.
func translateTo(err *error, ctx context.Context, operation string) {
	*err = translate(ctx, operation, *err)
}

// sentinelOf returns nil for an error that only a mistake in this package can cause.
func sentinelOf(err error) error {
	if errors.Is(err, sql.ErrNoRows) {
		return consumer.ErrNotFound
	}
	code, ok := primaryCode(err)
	if !ok {
		return consumer.ErrUnavailable // database/sql or the operating system
	}
	switch code {
	case codes.SQLITE_CONSTRAINT, codes.SQLITE_MISMATCH, codes.SQLITE_MISUSE,
		codes.SQLITE_RANGE, codes.SQLITE_TOOBIG, codes.SQLITE_INTERNAL:
		return nil
	case codes.SQLITE_ERROR:
		// The statements are constants that are tested on this schema, so a missing
		// table or column means another schema.
		return consumer.ErrSchema
	}
	// BUSY, LOCKED, CANTOPEN, FULL, IOERR, CORRUPT, NOTADB, READONLY, PERM, NOMEM,
	// PROTOCOL, INTERRUPT and similar codes.
	return consumer.ErrUnavailable
}

// explanationOf returns what an operator can check, followed by a colon, or nothing if
// SQLite's own text is enough.
func explanationOf(err error) string {
	code, _ := primaryCode(err)
	switch code {
	case codes.SQLITE_CANTOPEN, codes.SQLITE_PERM:
		return "the file cannot be opened; check that this process may read and write it and its directory: "
	case codes.SQLITE_READONLY:
		return "the file cannot be written; check that this process may write it and its directory, and that the file system is not read-only: "
	case codes.SQLITE_FULL:
		return "no space is left on the disk: "
	case codes.SQLITE_IOERR:
		return "the operating system reported an input or output error; check the disk and its free space: "
	case codes.SQLITE_NOTADB:
		return "the file is not a SQLite database, or it is encrypted: "
	case codes.SQLITE_CORRUPT:
		return "the file is damaged; restore a backup: "
	case codes.SQLITE_BUSY, codes.SQLITE_LOCKED:
		return "another process keeps the database locked: "
	}
	return ""
}

func isBusy(err error) bool {
	code, _ := primaryCode(err)
	return code == codes.SQLITE_BUSY
}

// isSchemaMismatch reports whether a statement found another schema than the one that it
// was written for.
func isSchemaMismatch(err error) bool {
	code, _ := primaryCode(err)
	return code == codes.SQLITE_ERROR
}

// primaryCode returns the lowest byte of SQLite's result code, and false if the error is
// not SQLite's.
func primaryCode(err error) (int, bool) {
	var result *driver.Error
	if !errors.As(err, &result) {
		return codes.SQLITE_OK, false
	}
	return result.Code() & 0xff, true
}
