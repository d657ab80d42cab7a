package sqlite

import (
	"context"
	"time"

	"github.com/rejoinhq/rejoin/consumer"
	"github.com/rejoinhq/rejoin/storage/internal/row"
)

// putAPIKey keeps a key that is there already, and affects no row exactly when it
// is there under another organization or kind.
const putAPIKey = `
INSERT INTO api_keys (organization_id, digest, kind, created_at, expires_at, revoked_at)
VALUES (?, ?, ?, ?, ?, ?)
ON CONFLICT DO UPDATE SET kind = kind
WHERE api_keys.organization_id = excluded.organization_id AND api_keys.kind = excluded.kind`

const apiKeysStatement = `
SELECT ` + schemaVersion + ` AS schema_version, digest, kind, created_at, expires_at, revoked_at
FROM api_keys
WHERE organization_id = ?1
ORDER BY created_at, digest`

const revokeAPIKey = `
UPDATE api_keys SET revoked_at = min(?3, coalesce(revoked_at, ?3))
WHERE organization_id = ?1 AND digest = ?2`

func (t transaction) putAPIKeys(ctx context.Context, keys []consumer.APIKey) error {
	statement := t.StmtxContext(ctx, t.putAPIKey)
	for _, k := range keys {
		result, err := statement.ExecContext(ctx, k.OrganizationID, k.Digest[:], k.Kind,
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
	if err := retryBusy(ctx, func() error {
		return s.readers.SelectContext(ctx, &found, apiKeysStatement, organizationID)
	}); err != nil {
		return nil, s.explainSchema(ctx, err)
	}
	if len(found) == 0 {
		return nil, s.requireSchema(ctx)
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
	return s.transact(ctx, func(ctx context.Context, t transaction) error {
		known, err := t.affect(ctx, revokeAPIKey, organizationID, digest[:], at.UnixMicro())
		if err == nil && known == 0 {
			return consumer.ErrNotFound
		}
		return err
	})
}
