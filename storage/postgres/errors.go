package postgres

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/rejoinhq/rejoin/consumer"
	"github.com/rejoinhq/rejoin/storage/internal/row"
)

// translate turns an error into an error of the module and says what failed. It is the only
// place that decides by SQLSTATEs. It does not wrap the driver's errors, because those of the
// server quote values and users, and those of a failed connection the host and the database.
func translate(ctx context.Context, operation string, err error) error {
	switch {
	case err == nil:
		return nil
	case row.IsPublic(err):
		return fmt.Errorf("%s: %w", operation, err)
	}
	if ended := ended(ctx); ended != nil {
		return fmt.Errorf("%s: %w", operation, ended)
	}
	if sentinel := sentinelOf(err); sentinel != nil {
		return fmt.Errorf("%s: %w: %s", operation, sentinel, reason(err))
	}
	return fmt.Errorf("%s: %s", operation, reason(err))
}

// translateTo translates the error of a method when the method returns.
func translateTo(err *error, ctx context.Context, operation string) {
	*err = translate(ctx, operation, *err)
}

// ended returns the context's error. It also returns it between the deadline, at which the
// network gives up, and the timer that ends the context.
func ended(ctx context.Context) error {
	if deadline, ok := ctx.Deadline(); ok && !time.Now().Before(deadline) {
		return context.DeadlineExceeded
	}
	return ctx.Err()
}

// sentinelOf returns nil for an error that only a mistake in this package can cause.
func sentinelOf(err error) error {
	var connect *pgconn.ConnectError
	code := sqlState(err)
	if code == "" || errors.As(err, &connect) {
		return consumer.ErrUnavailable // there is no connection
	}
	if isSchemaMismatch(err) {
		return consumer.ErrSchema
	}
	switch code {
	case "42501", // insufficient privilege
		"42P05": // duplicate prepared statement: the pooler does not track them
		return consumer.ErrUnavailable
	}
	switch code[:2] {
	case "21", // cardinality violation
		"22", // data exception
		"23", // integrity constraint violation
		"42": // syntax error
		return nil
	}
	// The remaining classes are about the server's condition: 08 (connection), 25 (read-only,
	// or a time limit of the server), 26 (a prepared statement that a pooler lost), 28 and 3D
	// (authorization), 53 (resources), 55 (locks), 57 (shutdown or cancellation), 58 (system
	// error), F0, XX and others.
	return consumer.ErrUnavailable
}

// isSchemaMismatch reports whether a statement met another schema than the one that it was
// written for. The statements are constants that are tested with their schema.
func isSchemaMismatch(err error) bool {
	switch sqlState(err) {
	case "42P01", // undefined table
		"42703", // undefined column
		"42P07", // duplicate table: a migration met another program's table
		"42P10", // invalid column reference: there is no such key to conflict with
		"42804", // datatype mismatch
		"42883", // undefined function or operator: a column has another type
		"22P02", // invalid text representation: a column for ids has another type
		"428C9", // generated column: it was an ordinary one
		"0A000": // feature not supported: the columns of a prepared statement have changed
		return true
	}
	return false
}

// isConcurrencyFailure reports whether the server rolled a transaction back because of another
// one, so that the same transaction may succeed when it is repeated.
func isConcurrencyFailure(err error) bool {
	code := sqlState(err)
	return code == "40001" || code == "40P01" // serialization failure, deadlock
}

// isReadOnly reports whether the server cannot be written to, such as a primary that has
// become a standby.
func isReadOnly(err error) bool { return sqlState(err) == "25006" }

// sqlState returns the server's code, or the empty string if the error is not the server's.
func sqlState(err error) string {
	var result *pgconn.PgError
	if errors.As(err, &result) && len(result.Code) == 5 {
		return result.Code
	}
	return ""
}

// isConnectionLost reports whether a connection ended without an error of the server.
func isConnectionLost(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, pgconn.ErrConnClosed)
}

// isErased reports whether a consumer was erased.
func isErased(err error) bool { return errors.Is(err, consumer.ErrErased) }
