package postgres

import (
	"bytes"
	"context"
	"slices"
	"time"

	"github.com/rejoinhq/rejoin/consumer"
	"github.com/rejoinhq/rejoin/storage/internal/row"
)

// putAPIKeys keeps a key that is there already, under whatever organization.
const putAPIKeys = `
INSERT INTO api_keys (organization_id, digest, kind, created_at, expires_at, revoked_at)
SELECT * FROM unnest($1::text[], $2::bytea[], $3::text[], $4::bigint[], $5::bigint[], $6::bigint[])
ON CONFLICT DO NOTHING`

// anyConflict is a statement of its own, because it must see the keys that others
// committed while putAPIKeys waited for them.
const anyConflict = `
SELECT EXISTS (
	SELECT 1 FROM unnest($1::text[], $2::bytea[], $3::text[]) AS given (organization_id, digest, kind)
	LEFT JOIN api_keys AS k ON k.digest = given.digest
	WHERE (k.organization_id, k.kind) IS DISTINCT FROM (given.organization_id, given.kind))`

const apiKeysStatement = `
SELECT ` + schemaVersion + ` AS schema_version, digest, kind, created_at, expires_at, revoked_at
FROM api_keys
WHERE organization_id = $1
ORDER BY created_at, digest`

const revokeAPIKey = `
UPDATE api_keys SET revoked_at = least(revoked_at, $3)
WHERE organization_id = $1 AND digest = $2`

func (t transaction) putAPIKeys(ctx context.Context, keys []consumer.APIKey) error {
	if len(keys) == 0 {
		return nil
	}
	keys = slices.Clone(keys)
	slices.SortStableFunc(keys, func(a, b consumer.APIKey) int { return bytes.Compare(a.Digest[:], b.Digest[:]) })
	organizations := column(keys, func(k consumer.APIKey) string { return k.OrganizationID })
	digests := column(keys, func(k consumer.APIKey) []byte { return k.Digest[:] })
	kinds := column(keys, func(k consumer.APIKey) string { return k.Kind })
	if _, err := t.ExecContext(ctx, putAPIKeys, organizations, digests, kinds,
		column(keys, func(k consumer.APIKey) int64 { return k.CreatedAt.UnixMicro() }),
		column(keys, func(k consumer.APIKey) *int64 { return row.Micros(k.ExpiresAt) }),
		column(keys, func(k consumer.APIKey) *int64 { return row.Micros(k.RevokedAt) })); err != nil {
		return err
	}
	var conflict bool
	if err := t.GetContext(ctx, &conflict, anyConflict, organizations, digests, kinds); err != nil {
		return err
	}
	if conflict {
		return consumer.ErrConflict
	}
	return nil
}

// APIKeys implements [consumer.APIKeyManager].
func (s *Store) APIKeys(ctx context.Context, organizationID string) ([]consumer.APIKey, error) {
	keys, err := s.apiKeys(ctx, organizationID)
	return keys, translate(ctx, "list API keys", err)
}

func (s *Store) apiKeys(ctx context.Context, organizationID string) ([]consumer.APIKey, error) {
	var found []struct {
		SchemaVersion int64 `db:"schema_version"`
		row.APIKey
	}
	if err := s.primary.SelectContext(ctx, &found, apiKeysStatement, possible(organizationID)); err != nil {
		return nil, explainSchema(ctx, s.primary, err)
	}
	if len(found) == 0 {
		return nil, requireSchema(ctx, s.primary)
	}
	keys := make([]consumer.APIKey, len(found))
	for i, k := range found {
		var err error
		if keys[i], err = k.Decode(organizationID); err != nil {
			return nil, err
		}
	}
	return keys, checkSchema(found[0].SchemaVersion)
}

// RevokeAPIKey implements [consumer.APIKeyManager].
func (s *Store) RevokeAPIKey(ctx context.Context, organizationID string, digest [32]byte, at time.Time) error {
	return translate(ctx, "revoke API key", s.revokeAPIKey(ctx, organizationID, digest, at))
}

func (s *Store) revokeAPIKey(ctx context.Context, organizationID string, digest [32]byte, at time.Time) error {
	if err := consumer.ValidateRevocation(at); err != nil {
		return err
	}
	return s.transact(ctx, nil, func(ctx context.Context, t transaction) error {
		if err := t.requireSchema(ctx); err != nil {
			return err
		}
		known, err := t.affect(ctx, revokeAPIKey, possible(organizationID), digest[:], at.UnixMicro())
		if err == nil && known == 0 {
			return consumer.ErrNotFound
		}
		return err
	})
}
