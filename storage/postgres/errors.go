package postgres

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"net"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/rejoinhq/rejoin/consumer"
	"github.com/rejoinhq/rejoin/storage/internal/row"
)

// translate turns whatever failed into an error of the module, said what was being
// done. It is the only place that knows SQLSTATEs. The driver's errors go no
// further, not even wrapped: the server's quote values and users, those of a failed
// connection the host and the database.
func translate(ctx context.Context, doing string, err error) error {
	switch {
	case err == nil:
		return nil
	case row.Said(err):
		return fmt.Errorf("%s: %w", doing, err)
	}
	if ended := ended(ctx); ended != nil {
		return fmt.Errorf("%s: %w", doing, ended)
	}
	if sentinel := sentinelOf(err); sentinel != nil {
		return fmt.Errorf("%s: %w: %s", doing, sentinel, reason(err))
	}
	return fmt.Errorf("%s: %s", doing, reason(err))
}

// ended is the context's error, also in the moment between its deadline, at which the
// network gives up, and the timer that says so.
func ended(ctx context.Context) error {
	if deadline, ok := ctx.Deadline(); ok && !time.Now().Before(deadline) {
		return context.DeadlineExceeded
	}
	return ctx.Err()
}

// sentinelOf returns nil for what can only be a mistake in this package.
func sentinelOf(err error) error {
	var connecting *pgconn.ConnectError
	code := sqlState(err)
	if code == "" || errors.As(err, &connecting) {
		return consumer.ErrUnavailable // no connection, or none any more
	}
	if isSchemaMismatch(err) {
		return consumer.ErrSchema
	}
	switch code[:2] {
	case "21", // cardinality violation
		"22", // data exception
		"23", // integrity constraint violation
		"42": // syntax error
		if code == "42501" { // insufficient privilege
			return consumer.ErrUnavailable
		}
		if code == "42P05" { // duplicate prepared statement: a pooler that doesn't track them
			return consumer.ErrUnavailable
		}
		return nil
	}
	// Class 08 (connection), 25 (read-only, or a time limit of the server), 26 (a
	// pooler that loses prepared statements), 28 and 3D (not let in), 53 (out of room
	// or of connections), 55 (busy), 57 (shutting down, starting, or stopped by
	// somebody), 58 (its system), F0, XX and their like.
	return consumer.ErrUnavailable
}

// isSchemaMismatch reports whether a statement met another schema than the one that
// it was written for. The statements are constants, proven on this schema.
func isSchemaMismatch(err error) bool {
	switch sqlState(err) {
	case "42P01", // undefined table
		"42703", // undefined column
		"42P07", // duplicate table: a migration met somebody else's
		"42P10", // invalid column reference: no such key to conflict with
		"42804", // datatype mismatch
		"42883", // undefined function or operator: a column of another type
		"22P02", // invalid text representation: an id in a column that holds none
		"428C9", // generated column: it was an ordinary one
		"0A000": // feature not supported: a prepared statement's columns have changed
		return true
	}
	return false
}

// isConcurrencyFailure reports whether the server undid a transaction for the sake
// of another one, so that the same transaction may succeed now.
func isConcurrencyFailure(err error) bool {
	code := sqlState(err)
	return code == "40001" || code == "40P01" // serialization failure, deadlock
}

// isReadOnly reports whether the server is none that can be written to, such as a
// primary that has become a standby.
func isReadOnly(err error) bool { return sqlState(err) == "25006" }

// sqlState returns the server's code, or nothing when it wasn't the server who said
// so.
func sqlState(err error) string {
	var result *pgconn.PgError
	if errors.As(err, &result) && len(result.Code) == 5 {
		return result.Code
	}
	return ""
}

// reason says what happened in words that hold no value, no name and no address.
func reason(err error) string {
	if code := sqlState(err); code != "" {
		return "SQLSTATE " + code
	}
	var number syscall.Errno
	var timeout net.Error
	var name *net.DNSError
	switch {
	case errors.As(err, &name):
		return "the server's name cannot be resolved"
	case errors.As(err, &timeout) && timeout.Timeout():
		return "the server took too long"
	case errors.As(err, &number):
		return number.Error()
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, driver.ErrBadConn), errors.Is(err, pgconn.ErrConnClosed):
		return "the connection was lost"
	}
	return "no connection"
}
