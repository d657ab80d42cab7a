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
// travel with BEGIN and the notifications with COMMIT.
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
	for _, r := range rows {
		key := consumer.DistributionKey{OrganizationID: r.OrganizationID, Type: consumer.DistributionType(r.Type), ID: r.ID}
		t.change.Distributions = append(t.change.Distributions, key.Hash())
	}
}

// rollbackTimeout bounds a rollback. Then the connection is closed instead.
const rollbackTimeout = time.Second

// transact runs do in a transaction and commits it, and notifies the feeds of this Store. It
// rolls back when do fails or the context ends.
func (s *Store) transact(ctx context.Context, locks []advisoryLock, do func(context.Context, transaction) error) error {
	var change consumer.Change
	err := withConnection(ctx, s.primary, func(conn *pgx.Conn) error {
		t := newTransaction(conn)
		err := t.attempt(ctx, locks, do)
		change = *t.change
		return err
	})
	if err != nil {
		return explainSchema(ctx, s.primary, err)
	}
	if s.reading == s.primary && !isEmpty(change) { // a replica does not show the change yet
		s.feeds.changed(change)
	}
	return nil
}

func (t transaction) attempt(ctx context.Context, locks []advisoryLock, do func(context.Context, transaction) error) error {
	err := t.run(ctx, locks, do)
	if err == nil {
		return nil
	}
	t.rollback(ctx)
	if isReadOnly(err) {
		_ = t.Close(ctx) // the next connection may reach the server that is the primary now
	}
	return err
}

func (t transaction) run(ctx context.Context, locks []advisoryLock, do func(context.Context, transaction) error) error {
	if err := t.begin(ctx, locks); err != nil {
		return err
	}
	if err := do(ctx, t); err != nil {
		return err
	}
	_, err := t.Exec(ctx, commit(*t.change))
	return err
}

// begin also takes the locks, in the same round trip. It names the isolation level:
// at another one, which may be the server's default, the transaction would not see what
// was committed while it waited for the locks.
func (t transaction) begin(ctx context.Context, locks []advisoryLock) error {
	statements := []string{`BEGIN ISOLATION LEVEL READ COMMITTED`}
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
