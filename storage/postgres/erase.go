package postgres

import (
	"context"

	"github.com/rejoinhq/rejoin/consumer"
)

// anyErased also returns the schema's version, to spare a round trip.
const anyErased = `
SELECT ` + schemaVersion + ` AS schema_version, EXISTS (
	SELECT 1 FROM erasures
	WHERE (organization_id, consumer_digest) IN (SELECT * FROM unnest($1::text[], $2::bytea[]))) AS erased`

// Erase implements [consumer.Eraser]. It waits for the organization's writes that
// are running, and they for it. The server's files hold what was erased until it
// vacuums the tables and recycles its log; a replica follows when it catches up.
func (s *Store) Erase(ctx context.Context, organizationID, consumerID string) error {
	key := consumer.ConsumerKey{OrganizationID: organizationID, ConsumerID: consumerID}
	return translate(ctx, "erase consumer", s.erase(ctx, key))
}

func (s *Store) erase(ctx context.Context, key consumer.ConsumerKey) error {
	if err := key.Validate(); err != nil {
		return err
	}
	return s.transact(ctx, withoutWriters(key.OrganizationID), func(ctx context.Context, t transaction) error {
		if err := t.requireSchema(ctx); err != nil {
			return err
		}
		return t.erase(ctx, key)
	})
}

func (t transaction) erase(ctx context.Context, key consumer.ConsumerKey) error {
	for _, statement := range []string{
		`DELETE FROM consumers WHERE organization_id = $1 AND id = $2`,
		`DELETE FROM participations WHERE organization_id = $1 AND consumer_id = $2`,
		`DELETE FROM admissions WHERE organization_id = $1 AND consumer_id = $2`,
	} {
		if _, err := t.ExecContext(ctx, statement, key.OrganizationID, key.ConsumerID); err != nil {
			return err
		}
	}
	t.changed(key)
	digest := key.Digest()
	_, err := t.ExecContext(ctx,
		`INSERT INTO erasures (organization_id, consumer_digest) VALUES ($1, $2) ON CONFLICT DO NOTHING`,
		key.OrganizationID, digest[:])
	return err
}

// refuseErased returns consumer.ErrErased, without saying who it was, when any of
// the consumers was erased. The transaction must hold the locks of a write.
func (t transaction) refuseErased(ctx context.Context, keys []consumer.ConsumerKey) error {
	var found struct {
		SchemaVersion int64 `db:"schema_version"`
		Erased        bool  `db:"erased"`
	}
	err := t.GetContext(ctx, &found, anyErased,
		column(keys, func(k consumer.ConsumerKey) string { return k.OrganizationID }),
		column(keys, func(k consumer.ConsumerKey) []byte {
			digest := k.Digest()
			return digest[:]
		}))
	if err != nil {
		return err
	}
	if err := checkSchema(found.SchemaVersion); err != nil {
		return err
	}
	if found.Erased {
		return consumer.ErrErased
	}
	return nil
}
