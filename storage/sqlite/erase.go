package sqlite

import (
	"context"

	"github.com/rejoinhq/rejoin/consumer"
	"github.com/rejoinhq/rejoin/storage/internal/row"
)

// Erase implements [consumer.Lifecycle]. SQLite overwrites freed pages of the file with
// zeros, but the write-ahead log may contain erased data until its next checkpoint.
func (s *Store) Erase(ctx context.Context, key consumer.Key) (err error) {
	defer translateTo(&err, ctx, "erase consumer")
	if err := key.Validate(); err != nil {
		return err
	}
	return s.transact(ctx, func(ctx context.Context, t transaction) error { return t.erase(ctx, key) })
}

func (t transaction) erase(ctx context.Context, key consumer.Key) error {
	digest := key.Digest()
	var former []row.Former
	if err := t.SelectContext(ctx, &former,
		`SELECT consumer_digest, successor_id FROM former_consumers WHERE organization_id = ? AND consumer_digest = ?`,
		key.OrganizationID, digest[:]); err != nil {
		return err
	}
	if err := t.deleteRecords(ctx, key); err != nil {
		return err
	}
	if _, err := t.ExecContext(ctx, putErased, key.OrganizationID, digest[:]); err != nil {
		return err
	}
	if _, err := t.ExecContext(ctx, moveAliases, key.OrganizationID, key.ConsumerID, nil); err != nil {
		return err
	}
	changed := []consumer.Key{key}
	if len(former) > 0 && former[0].SuccessorID != nil { // it may no longer have won an auction
		changed = append(changed, consumer.Key{OrganizationID: key.OrganizationID, ConsumerID: *former[0].SuccessorID})
	}
	t.logConsumers(changed...)
	return nil
}

// deleteRecords deletes the profile, all records, events and completions of a consumer.
func (t transaction) deleteRecords(ctx context.Context, key consumer.Key) error {
	for _, statement := range []string{
		`DELETE FROM consumers WHERE organization_id = ? AND id = ?`,
		`DELETE FROM participations WHERE organization_id = ? AND consumer_id = ?`,
		`DELETE FROM admissions WHERE organization_id = ? AND consumer_id = ?`,
		`DELETE FROM events WHERE organization_id = ? AND consumer_id = ?`,
		`DELETE FROM completions WHERE organization_id = ? AND consumer_id = ?`,
	} {
		if _, err := t.ExecContext(ctx, statement, key.OrganizationID, key.ConsumerID); err != nil {
			return err
		}
	}
	return nil
}
