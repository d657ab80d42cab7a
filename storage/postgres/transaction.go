package postgres

import (
	"context"
	"database/sql/driver"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/jmoiron/sqlx"

	"github.com/rejoinhq/rejoin/consumer"
)

// transaction is a write in progress, on a connection of its own.
//
// It is no sqlx.Tx, because database/sql gives the driver one context for the whole
// of a transaction, and closes the connection when that ends. Here every statement
// has the caller's context, and undoing the transaction has its own.
type transaction struct {
	*sqlx.Conn
	// changes are the consumers whose records it has changed.
	changes *[]consumer.ConsumerKey
}

// changed has everybody told, once the transaction is committed, whose records it
// changed.
func (t transaction) changed(keys ...consumer.ConsumerKey) { *t.changes = append(*t.changes, keys...) }

const (
	// rollbackPatience is how long undoing a transaction may take, before its connection
	// is closed instead.
	rollbackPatience = time.Second
	// retryPause is the longest pause before a transaction is tried again that the
	// server has undone for the sake of another.
	retryPause = 20 * time.Millisecond
)

// transact commits what do did, or undoes it when do fails or the context ends. It
// does so again when the server chose it as the victim of a deadlock.
func (s *Store) transact(ctx context.Context, locks []advisoryLock, do func(context.Context, transaction) error) error {
	for {
		err := s.attempt(ctx, locks, do)
		if !isConcurrencyFailure(err) {
			return explainSchema(ctx, s.primary, err)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(rand.N(retryPause)):
		}
	}
}

func (s *Store) attempt(ctx context.Context, locks []advisoryLock, do func(context.Context, transaction) error) error {
	if err := s.primary.turns.Enter(ctx); err != nil {
		return err
	}
	defer s.primary.turns.Leave()
	conn, err := s.primary.Connx(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	t := transaction{conn, new([]consumer.ConsumerKey)}
	if err := t.run(ctx, locks, do); err != nil {
		t.rollback(ctx)
		if isReadOnly(err) {
			t.discard() // the next connection may find the server that is the primary now
		}
		return err
	}
	return nil
}

func (t transaction) run(ctx context.Context, locks []advisoryLock, do func(context.Context, transaction) error) error {
	if err := t.begin(ctx, locks); err != nil {
		return err
	}
	if err := do(ctx, t); err != nil {
		return err
	}
	_, err := t.ExecContext(ctx, commit(*t.changes))
	return err
}

// begin also takes the locks, in the same round trip. The level is named, because
// the server's default may be another one, at which the transaction would not see
// what was committed while it waited for the locks.
func (t transaction) begin(ctx context.Context, locks []advisoryLock) error {
	statements := []string{`BEGIN ISOLATION LEVEL READ COMMITTED`}
	for _, l := range locks {
		statements = append(statements, l.statement())
	}
	_, err := t.ExecContext(ctx, strings.Join(statements, "; "))
	return err
}

// rollback needn't succeed: the pool doesn't keep a connection with an open
// transaction, and the server undoes that of a closed one.
func (t transaction) rollback(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), rollbackPatience)
	defer cancel()
	_, _ = t.ExecContext(ctx, `ROLLBACK`)
}

// discard keeps the connection from going back into the pool.
func (t transaction) discard() {
	_ = t.Raw(func(any) error { return driver.ErrBadConn })
}

// affect returns how many rows a statement inserted, updated or deleted.
func (t transaction) affect(ctx context.Context, statement string, parameters ...any) (int, error) {
	result, err := t.ExecContext(ctx, statement, parameters...)
	if err != nil {
		return 0, err
	}
	n, err := result.RowsAffected()
	return int(n), err
}

// requireSchema protects a newer schema from the writes of an older program that
// was already running when it came.
func (t transaction) requireSchema(ctx context.Context) error {
	var version int64
	if err := t.GetContext(ctx, &version, `SELECT `+schemaVersion); err != nil {
		return err
	}
	return checkSchema(version)
}
