package sqlite

import (
	"context"

	"github.com/jmoiron/sqlx"
)

// transaction is a write in progress, alone in the whole database from its
// beginning to its end.
type transaction struct {
	*sqlx.Tx
	writeStatements
}

// transact commits what do did, or undoes it when do fails or the context ends.
func (s *Store) transact(ctx context.Context, do func(context.Context, transaction) error) error {
	statements, err := s.writing.get(ctx, s.prepareWriting)
	if err != nil {
		return err
	}
	tx, err := s.begin(ctx)
	if err != nil {
		return err
	}
	defer tx.Rollback() // does nothing after a commit

	// Once the transaction has begun, its statements wait for nobody and are short,
	// so they need no watch over the context, for which the driver would start a
	// goroutine each. When the context ends, database/sql undoes the transaction,
	// and the next statement fails.
	unwatched := context.WithoutCancel(ctx)
	t := transaction{tx, *statements}
	if err := t.requireSchema(unwatched); err != nil {
		return err
	}
	if err := do(unwatched, t); err != nil {
		return err
	}
	if err := s.commit(tx); err != nil {
		return err
	}
	s.feed.wake()
	return nil
}

func (s *Store) commit(tx *sqlx.Tx) error {
	defer s.sequence.end(s.sequence.begin())
	return tx.Commit()
}

func (s *Store) begin(ctx context.Context) (*sqlx.Tx, error) {
	var tx *sqlx.Tx
	err := retryBusy(ctx, func() (err error) {
		tx, err = s.writer.BeginTxx(ctx, nil)
		return err
	})
	return tx, err
}

// requireSchema protects a newer schema from the writes of an older program that
// was already running when it came.
func (t transaction) requireSchema(ctx context.Context) error {
	var version int64
	if err := t.StmtxContext(ctx, t.schema).GetContext(ctx, &version); err != nil {
		return err
	}
	return checkSchema(version)
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
