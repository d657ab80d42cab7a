package postgres

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"

	"github.com/rejoinhq/rejoin/consumer"
	"github.com/rejoinhq/rejoin/consumer/event"
)

// WriteTx is like [Store.Write] within a transaction of the caller: the batch is committed or
// rolled back together with everything else in it. Listeners of [Store.Changes] are notified
// when the transaction is committed, and of nothing if it is rolled back.
//
// The transaction must be in the Store's database, with the same search_path, at the
// isolation level READ COMMITTED; otherwise WriteTx returns a [*consumer.ValidationError] that
// names tx. If WriteTx returns any error, the batch has no effect, and unless the connection
// broke, the transaction can go on.
//
// From WriteTx until the end of the transaction, [Store.Erase] and [Store.Merge] in the same
// organizations wait, and so do writers of the same records: keep it short. Two
// transactions that write the same records in another order can deadlock. The server then ends
// one of them, and WriteTx, or a statement of the caller's, fails with SQLSTATE 40P01:
// begin the whole transaction again. WriteTx itself sorts the records of its batch, so
// transactions with one call each don't deadlock with each other.
func (s *Store) WriteTx(ctx context.Context, tx pgx.Tx, batch consumer.Batch) (_ consumer.WriteResult, err error) {
	defer translateTo(&err, ctx, "write")
	batch, err = batch.Prepare()
	if err != nil {
		return consumer.WriteResult{}, err
	}
	keys, applied := batch.ConsumerKeys(), 0
	err = s.within(ctx, tx, writerLocks(keys), func(ctx context.Context, t transaction) (err error) {
		applied, err = t.write(ctx, batch, keys)
		return err
	})
	if err != nil {
		return consumer.WriteResult{}, err
	}
	return consumer.WriteResult{Applied: applied, Stale: batch.Records() - applied}, nil
}

// RecordEventTx is like [Store.RecordEvent] within a transaction of the caller. The rules of
// [Store.WriteTx] apply. Until the end of the transaction, other events about the consumer
// and [Store.Purge] wait too.
func (s *Store) RecordEventTx(ctx context.Context, tx pgx.Tx, e event.Event) (result event.Result, err error) {
	defer translateTo(&err, ctx, "record event")
	switch e, err = e.Prepare(); {
	case errors.Is(err, event.ErrIgnored):
		return event.Ignored, nil
	case err != nil:
		return "", err
	}
	keys := eventKeys(e)
	err = s.within(ctx, tx, recorderLocks(keys), func(ctx context.Context, t transaction) (err error) {
		result, err = t.recordEvent(ctx, e, keys)
		return err
	})
	if err != nil {
		return "", err
	}
	return result, nil
}

// CompleteTx is like [Store.Complete] within a transaction of the caller, such as the one that
// stores the order: both are committed or neither is. The rules of [Store.WriteTx] apply. Until
// the end of the transaction, other completions of the token and [Store.Purge] wait. They are
// told of the completion if the transaction is committed; if it is rolled back, one of them
// completes the token.
func (s *Store) CompleteTx(ctx context.Context, tx pgx.Tx, c consumer.Completion) (result consumer.CompletionResult, err error) {
	defer translateTo(&err, ctx, "complete admission")
	if err := c.Validate(); err != nil {
		return consumer.CompletionResult{}, err
	}
	err = s.within(ctx, tx, completerLocks(c), func(ctx context.Context, t transaction) (err error) {
		result, err = t.complete(ctx, c.Normalized())
		return err
	})
	if err != nil {
		return consumer.CompletionResult{}, err
	}
	return result, nil
}

// EraseTx is like [Store.Erase] within a transaction of the caller. The rules of
// [Store.WriteTx] apply. Until the end of the transaction, all writes about the organization
// wait.
func (s *Store) EraseTx(ctx context.Context, tx pgx.Tx, key consumer.Key) (err error) {
	defer translateTo(&err, ctx, "erase consumer")
	if err := key.Validate(); err != nil {
		return err
	}
	return s.within(ctx, tx, []advisoryLock{removalLock(key.OrganizationID)}, func(ctx context.Context, t transaction) error {
		return t.erase(ctx, key)
	})
}

// within runs do in a transaction of the caller. It undoes what do did if do fails.
func (s *Store) within(ctx context.Context, tx pgx.Tx, locks []advisoryLock, do func(context.Context, transaction) error) error {
	var isolation string
	if err := tx.QueryRow(ctx, `SELECT current_setting('transaction_isolation')`).Scan(&isolation); err != nil {
		return err
	}
	if isolation != "read committed" {
		// At another level, the statements would not see what was committed while the
		// transaction waited for the locks.
		return &consumer.ValidationError{Fields: []consumer.FieldError{{Field: "tx", Message: "must have the isolation level READ COMMITTED"}}}
	}
	return pgx.BeginFunc(ctx, tx, func(savepoint pgx.Tx) error {
		t := newTransaction(savepoint.Conn())
		for _, l := range locks {
			if _, err := t.Exec(ctx, l.statement()); err != nil {
				return err
			}
		}
		if err := do(ctx, t); err != nil {
			return err
		}
		if statements := notifications(*t.change); statements != "" {
			if _, err := t.Exec(ctx, statements); err != nil {
				return err
			}
		}
		return nil
	})
}
