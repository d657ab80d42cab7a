package postgres

import (
	"context"

	"github.com/rejoinhq/rejoin/consumer"
)

// Erase implements [consumer.Lifecycle]. It waits for the running writes of the organization,
// and they wait for it. The server's files contain the erased data until the server vacuums
// the tables and recycles its log, and a replica contains it until it has caught up.
func (s *Store) Erase(ctx context.Context, key consumer.Key) (err error) {
	defer translateTo(&err, ctx, "erase consumer")
	if err := key.Validate(); err != nil {
		return err
	}
	return s.transact(ctx, []advisoryLock{removalLock(key.OrganizationID)}, func(ctx context.Context, t transaction) error {
		return t.erase(ctx, key)
	})
}

func (t transaction) erase(ctx context.Context, key consumer.Key) error {
	merged, err := t.merged(ctx, []consumer.Key{key})
	if err != nil && !isErased(err) {
		return err
	}
	if err := t.deleteRecords(ctx, key); err != nil {
		return err
	}
	digest := key.Digest()
	if _, err := t.Exec(ctx, putErased, key.OrganizationID, digest[:]); err != nil {
		return err
	}
	if _, err := t.Exec(ctx, endAliases, key.OrganizationID, key.ConsumerID); err != nil {
		return err
	}
	t.changed(key)
	if successor, ok := merged[key]; ok { // it may no longer have won an auction
		t.changed(consumer.Key{OrganizationID: key.OrganizationID, ConsumerID: successor})
	}
	return nil
}

// deleteRecords deletes the profile, all records, events and completions of a consumer.
func (t transaction) deleteRecords(ctx context.Context, key consumer.Key) error {
	for _, statement := range []string{
		`DELETE FROM consumers WHERE organization_id = $1 AND id = $2`,
		`DELETE FROM participations WHERE organization_id = $1 AND consumer_id = $2`,
		`DELETE FROM admissions WHERE organization_id = $1 AND consumer_id = $2`,
		`DELETE FROM events WHERE organization_id = $1 AND consumer_id = $2`,
		`DELETE FROM completions WHERE organization_id = $1 AND consumer_id = $2`,
	} {
		if _, err := t.Exec(ctx, statement, key.OrganizationID, key.ConsumerID); err != nil {
			return err
		}
	}
	return nil
}
