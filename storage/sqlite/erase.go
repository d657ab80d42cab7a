package sqlite

import (
	"context"
	"encoding/hex"

	"github.com/rejoinhq/rejoin/consumer"
)

// anyErased takes the digests of one organization as a JSON array, so that it is
// one statement for any number of them, and a look-up by primary key for each.
const anyErased = `
SELECT EXISTS (SELECT 1 FROM erasures
	WHERE organization_id = +?1 AND consumer_digest IN (SELECT unhex(value) FROM json_each(?2)))`

// Erase implements [consumer.Eraser]. Freed pages of the file are overwritten with
// zeros, but the log beside it may hold what was erased until its next checkpoint.
func (s *Store) Erase(ctx context.Context, organizationID, consumerID string) error {
	key := consumer.ConsumerKey{OrganizationID: organizationID, ConsumerID: consumerID}
	err := key.Validate()
	if err == nil {
		err = s.transact(ctx, func(ctx context.Context, t transaction) error { return t.erase(ctx, key) })
	}
	return translate(ctx, "erase consumer", err)
}

func (t transaction) erase(ctx context.Context, key consumer.ConsumerKey) error {
	for _, statement := range []string{
		`DELETE FROM consumers WHERE organization_id = ? AND id = ?`,
		`DELETE FROM participations WHERE organization_id = ? AND consumer_id = ?`,
		`DELETE FROM admissions WHERE organization_id = ? AND consumer_id = ?`,
	} {
		if _, err := t.ExecContext(ctx, statement, key.OrganizationID, key.ConsumerID); err != nil {
			return err
		}
	}
	digest := key.Digest()
	if _, err := t.ExecContext(ctx,
		`INSERT INTO erasures (organization_id, consumer_digest) VALUES (?, ?) ON CONFLICT DO NOTHING`,
		key.OrganizationID, digest[:]); err != nil {
		return err
	}
	return t.changed(ctx, key)
}

// refuseErased returns consumer.ErrErased, without saying who it was, when any of
// the consumers was erased.
func (t transaction) refuseErased(ctx context.Context, keys []consumer.ConsumerKey) error {
	digests := make(map[string][]string) // by organization
	for _, key := range keys {
		digest := key.Digest()
		digests[key.OrganizationID] = append(digests[key.OrganizationID], hex.EncodeToString(digest[:]))
	}
	statement := t.StmtxContext(ctx, t.anyErased)
	for organizationID, digests := range digests {
		var erased bool
		if err := statement.GetContext(ctx, &erased, organizationID, jsonArray(digests)); err != nil {
			return err
		}
		if erased {
			return consumer.ErrErased
		}
	}
	return nil
}
