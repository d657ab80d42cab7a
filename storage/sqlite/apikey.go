package sqlite

import (
	"context"
	"time"

	"github.com/rejoinhq/rejoin/consumer"
	"github.com/rejoinhq/rejoin/storage/internal/row"
)

// putAPIKey does not change a key that exists. It affects no row only if the key exists
// with another organization or kind.
const putAPIKey = `
INSERT INTO api_keys (organization_id, digest, kind, label, created_at, expires_at, revoked_at)
VALUES (?, ?, ?, ?, ?, ?, ?)
ON CONFLICT DO UPDATE SET kind = kind
WHERE api_keys.organization_id = excluded.organization_id AND api_keys.kind = excluded.kind`

const apiKeysStatement = `
SELECT ` + schemaVersion + ` AS schema_version, digest, kind, label, created_at, expires_at, revoked_at
FROM api_keys
WHERE organization_id = ?1
ORDER BY created_at, digest`

const revokeAPIKey = `
UPDATE api_keys SET revoked_at = min(?3, coalesce(revoked_at, ?3))
WHERE organization_id = ?1 AND digest = ?2`

func (t transaction) putAPIKeys(ctx context.Context, keys []consumer.APIKey) error {
	if len(keys) == 0 {
		return nil
	}
	statement := t.StmtxContext(ctx, t.putAPIKey)
	for _, k := range keys {
		result, err := statement.ExecContext(ctx, k.OrganizationID, k.Digest[:], k.Kind, k.Label,
			k.CreatedAt.UnixMicro(), row.Micros(k.ExpiresAt), row.Micros(k.RevokedAt))
		if err != nil {
			return err
		}
		known, err := result.RowsAffected()
		if err != nil {
			return err
		}
		if known == 0 {
			return consumer.ErrConflict
		}
	}
	t.logCommit()
	return nil
}

// APIKeys implements [consumer.APIKeyStore].
func (s *Store) APIKeys(ctx context.Context, organizationID string) (keys []consumer.APIKey, err error) {
	defer translateTo(&err, ctx, "list API keys")
	var rows []struct {
		SchemaVersion int64 `db:"schema_version"`
		row.APIKey
	}
	if err := retryBusy(ctx, func() error {
		return s.readers.SelectContext(ctx, &rows, apiKeysStatement, organizationID)
	}); err != nil {
		return nil, s.explainSchema(ctx, err)
	}
	if len(rows) == 0 {
		return nil, s.requireSchema(ctx)
	}
	if err := checkSchema(rows[0].SchemaVersion); err != nil {
		return nil, err
	}
	for _, r := range rows {
		key, err := r.Decode(organizationID)
		if err != nil {
			return nil, err
		}
		keys = append(keys, key)
	}
	return keys, nil
}

// RevokeAPIKey implements [consumer.APIKeyStore].
func (s *Store) RevokeAPIKey(ctx context.Context, organizationID string, digest [32]byte, at time.Time) (err error) {
	defer translateTo(&err, ctx, "revoke API key")
	if err := consumer.ValidateRevocation(at); err != nil {
		return err
	}
	return s.transact(ctx, func(ctx context.Context, t transaction) error {
		known, err := t.affect(ctx, revokeAPIKey, organizationID, digest[:], at.UnixMicro())
		if err != nil {
			return err
		}
		if known == 0 {
			return consumer.ErrNotFound
		}
		t.logCommit()
		return nil
	})
}
