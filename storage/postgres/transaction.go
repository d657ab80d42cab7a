package postgres

import (
	"context"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/rejoinhq/rejoin/consumer"
	"github.com/rejoinhq/rejoin/storage/internal/row"
)

// transaction is a write in progress.
//
// It is not a pgx.Tx, which begins and commits in round trips of their own. Here the locks
// travel with BEGIN and the change with COMMIT.
type transaction struct {
	*pgx.Conn
	// change is what the listeners are notified of when the transaction is committed.
	change *consumer.Change
}

func newTransaction(conn *pgx.Conn) transaction { return transaction{conn, new(consumer.Change)} }

// changed reports changed records of consumers.
func (t transaction) changed(keys ...consumer.Key) {
	for _, key := range keys {
		t.change.Consumers = append(t.change.Consumers, key.Hash())
	}
}

// changedDistributions reports changed records of distributions.
func (t transaction) changedDistributions(rows []row.Row) {
	t.change.Distributions = append(t.change.Distributions, column(rows, distributionHash)...)
}

// rollbackTimeout bounds a rollback. Then the connection is closed instead.
const rollbackTimeout = time.Second

// transact runs do in a transaction and commits it, and notifies the feeds. It rolls back when
// do fails or the context ends.
func (s *Store) transact(ctx context.Context, locks []advisoryLock, do func(context.Context, transaction) error) error {
	return s.committing(ctx, func(t transaction) (commit, error) { return t.run(ctx, locks, do) })
}

// committing calls run, which begins a transaction and commits it, and notifies the feeds of
// the commit. It rolls back when run fails.
func (s *Store) committing(ctx context.Context, run func(transaction) (commit, error)) error {
	var done commit
	err := withConnection(ctx, s.primary, func(conn *pgx.Conn) (err error) {
		done, err = newTransaction(conn).attempt(ctx, run)
		return err
	})
	if err != nil {
		return explainSchema(ctx, s.primary, err)
	}
	if !isEmpty(done.change) {
		if s.reading == s.primary { // a replica does not show the change yet
			s.feeds.changed(done)
		}
		s.notifier.notify(done)
	}
	return nil
}

func (t transaction) attempt(ctx context.Context, run func(transaction) (commit, error)) (commit, error) {
	done, err := run(t)
	if err == nil {
		return done, nil
	}
	t.rollback(ctx)
	if isReadOnly(err) {
		_ = t.Close(ctx) // the next connection may reach the server that is the primary now
	}
	return commit{}, err
}

func (t transaction) run(ctx context.Context, locks []advisoryLock, do func(context.Context, transaction) error) (commit, error) {
	if err := t.begin(ctx, locks); err != nil {
		return commit{}, err
	}
	if err := do(ctx, t); err != nil {
		return commit{}, err
	}
	xid, err := t.commitWith(ctx, *t.change)
	return commit{xid, *t.change}, err
}

const beginReadCommitted = `BEGIN ISOLATION LEVEL READ COMMITTED`

// begin also takes the locks, in the same round trip. It names the isolation level:
// at another one, which may be the server's default, the transaction would not see what
// was committed while it waited for the locks.
func (t transaction) begin(ctx context.Context, locks []advisoryLock) error {
	statements := []string{beginReadCommitted}
	for _, l := range locks {
		statements = append(statements, l.statement())
	}
	_, err := t.Exec(ctx, strings.Join(statements, "; "))
	return err
}

// rollback ignores errors, because the pool closes a connection with an open
// transaction, and the server rolls back the transaction of a closed connection.
func (t transaction) rollback(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), rollbackTimeout)
	defer cancel()
	_, _ = t.Exec(ctx, `ROLLBACK`)
}

// affect returns the number of rows that a statement inserted, updated or deleted.
func (t transaction) affect(ctx context.Context, statement string, parameters ...any) (int, error) {
	tag, err := t.Exec(ctx, statement, parameters...)
	return int(tag.RowsAffected()), err
}

// requireSchema protects a newer schema from the writes of an older program that was
// already running when the database was migrated.
func (t transaction) requireSchema(ctx context.Context) error {
	var version int64
	if err := t.QueryRow(ctx, `SELECT `+schemaVersion).Scan(&version); err != nil {
		return err
	}
	return checkSchema(version)
}
