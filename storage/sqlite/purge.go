package sqlite

import (
	"context"
	"time"

	"github.com/rejoinhq/rejoin/consumer"
	"github.com/rejoinhq/rejoin/storage/internal/row"
)

// What is over is found by its index first, and then deleted key by key: SQLite's
// DELETE has no LIMIT, and once the file has statistics (ANALYZE), a list of keys in
// one statement is looked up by the consumer only, at the cost of all its records.

const overParticipations = `
SELECT organization_id, consumer_id, type, id
FROM participations WHERE over_at < ?1 ORDER BY over_at LIMIT ?2`

const deleteParticipation = `
DELETE FROM participations
WHERE organization_id = ?1 AND consumer_id = ?2 AND type = ?3 AND id = ?4`

const overAdmissions = `
SELECT organization_id, consumer_id, distribution_type AS type, distribution_id AS id
FROM admissions WHERE over_at < ?1 ORDER BY over_at LIMIT ?2`

const deleteAdmission = `
DELETE FROM admissions
WHERE organization_id = ?1 AND consumer_id = ?2 AND distribution_type = ?3 AND distribution_id = ?4`

// Purge implements [consumer.Purger]. Nobody else writes while it does, so a limit of
// some thousands keeps the others' waiting short. The file doesn't shrink: the
// space is used again.
func (s *Store) Purge(ctx context.Context, before time.Time, limit int) (int, error) {
	deleted, err := s.purge(ctx, before, limit)
	return deleted, translate(ctx, "purge", err)
}

func (s *Store) purge(ctx context.Context, before time.Time, limit int) (int, error) {
	if err := consumer.ValidatePurge(before, limit); err != nil {
		return 0, err
	}
	deleted := 0
	err := s.transact(ctx, func(ctx context.Context, t transaction) error {
		participations, err := t.purge(ctx, overParticipations, deleteParticipation, before, limit)
		if err != nil {
			return err
		}
		admissions, err := t.purge(ctx, overAdmissions, deleteAdmission, before, limit-participations)
		deleted = participations + admissions
		return err
	})
	if err != nil {
		return 0, err
	}
	return deleted, nil
}

// purge returns how many records of a table it deleted.
func (t transaction) purge(ctx context.Context, over, deletion string, before time.Time, limit int) (int, error) {
	var keys []row.Key
	if err := t.SelectContext(ctx, &keys, over, before.UnixMicro(), limit); err != nil {
		return 0, err
	}
	statement, err := t.PreparexContext(ctx, deletion)
	if err != nil {
		return 0, err
	}
	defer statement.Close()
	for _, key := range keys {
		if _, err := statement.ExecContext(ctx, key.OrganizationID, key.ConsumerID, key.Type, key.ID); err != nil {
			return 0, err
		}
	}
	return len(keys), nil
}
