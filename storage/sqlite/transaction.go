package sqlite

import (
	"context"
	"errors"

	"github.com/jmoiron/sqlx"
)

// transaction is a write in progress. It is the only one in the whole database from its
// beginning to its end.
type transaction struct {
	*sqlx.Tx
	writeStatements
	changes *loggedChanges
}

// errRollback makes transact undo the transaction and return nil.
var errRollback = errors.New("roll back")

// transact commits what do did. It undoes it if do fails or the context ends.
func (s *Store) transact(ctx context.Context, do func(context.Context, transaction) error) error {
	statements, err := s.prepareWrites(ctx)
	if err != nil {
		return err
	}
	tx, err := s.begin(ctx)
	if err != nil {
		return err
	}
	s.beginWriting()
	defer s.endWriting()
	defer tx.Rollback() // does nothing after a commit

	// From here on, statements are short and never wait, so they do not watch the
	// context: for each of them the driver would start a goroutine. When the context
	// ends, database/sql rolls the transaction back and the next statement fails.
	unwatched := context.WithoutCancel(ctx)
	t := transaction{tx, *statements, new(loggedChanges)}
	if err := t.requireSchema(unwatched); err != nil {
		return err
	}
	if err := do(unwatched, t); err != nil {
		if err == errRollback {
			return nil
		}
		return err
	}
	return t.commit(unwatched)
}

// commit writes what was logged and commits.
func (t transaction) commit(ctx context.Context) error {
	if err := t.writeLog(ctx); err != nil {
		return err
	}
	return t.Commit()
}

func (s *Store) begin(ctx context.Context) (*sqlx.Tx, error) {
	var tx *sqlx.Tx
	err := retryBusy(ctx, func() (err error) {
		tx, err = s.writer.BeginTxx(ctx, nil)
		return err
	})
	return tx, err
}

// requireSchema protects a newer schema from the writes of an older program that was
// running before the migration.
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

// affectPrepared is like affect for a prepared statement.
func (t transaction) affectPrepared(ctx context.Context, statement *sqlx.Stmt, parameters ...any) (int, error) {
	result, err := t.StmtxContext(ctx, statement).ExecContext(ctx, parameters...)
	if err != nil {
		return 0, err
	}
	n, err := result.RowsAffected()
	return int(n), err
}
