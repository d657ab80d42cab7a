package sqlite

import (
	"context"

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
