package postgres

import (
	"context"
	"time"

	"github.com/rejoinhq/rejoin/consumer"
)

// A purge statement locks the rows before it deletes them, because a writer may have
// them just now: then it waits, looks at them again, and leaves alone what is not over
// any more. What is locked stays in its place, so that is where it is deleted.

const purgeParticipations = `
DELETE FROM participations WHERE ctid = ANY (ARRAY(
	SELECT ctid FROM participations WHERE over_at < $1 ORDER BY over_at LIMIT $2 FOR UPDATE))`

const purgeAdmissions = `
DELETE FROM admissions WHERE ctid = ANY (ARRAY(
	SELECT ctid FROM admissions WHERE over_at < $1 ORDER BY over_at LIMIT $2 FOR UPDATE))`

// Purge implements [consumer.Purger]. Purges take turns; reads don't wait for them,
// and writes only for the rows that both concern, so a limit of some thousands keeps
// their waiting short. The server uses the space again once it has vacuumed.
func (s *Store) Purge(ctx context.Context, before time.Time, limit int) (int, error) {
	deleted, err := s.purge(ctx, before, limit)
	return deleted, translate(ctx, "purge", err)
}

func (s *Store) purge(ctx context.Context, before time.Time, limit int) (int, error) {
	if err := consumer.ValidatePurge(before, limit); err != nil {
		return 0, err
	}
	deleted := 0
	err := s.transact(ctx, oneAtATime(), func(ctx context.Context, t transaction) (err error) {
		if err := t.requireSchema(ctx); err != nil {
			return err
		}
		deleted, err = t.purge(ctx, before.UnixMicro(), limit)
		return err
	})
	if err != nil {
		return 0, err
	}
	return deleted, nil
}

// purge repeats each statement until it finds nothing, because some of the rows that
// it chose may have been written meanwhile, and others be left in their place.
func (t transaction) purge(ctx context.Context, before int64, limit int) (deleted int, err error) {
	for _, statement := range []string{purgeParticipations, purgeAdmissions} {
		for n := 1; n > 0 && deleted < limit; deleted += n {
			if n, err = t.affect(ctx, statement, before, limit-deleted); err != nil {
				return 0, err
			}
		}
	}
	return deleted, nil
}
