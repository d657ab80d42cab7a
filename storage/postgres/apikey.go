package postgres

import (
	"bytes"
	"context"
	"encoding/hex"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/rejoinhq/rejoin/consumer"
	"github.com/rejoinhq/rejoin/storage/internal/row"
)

// putAPIKeys keeps a key that is there already, under whatever organization.
const putAPIKeys = `
INSERT INTO api_keys (organization_id, digest, kind, label, created_at, expires_at, revoked_at)
SELECT organization_id, digest, kind, label, created_at, nullif(expires_at, ` + noTimeLiteral + `), nullif(revoked_at, ` + noTimeLiteral + `)
FROM unnest($1::text[], $2::bytea[], $3::text[], $4::text[], $5::bigint[], $6::bigint[], $7::bigint[])
	AS given (organization_id, digest, kind, label, created_at, expires_at, revoked_at)
ON CONFLICT DO NOTHING`

// anyConflict is a statement of its own, because it must see the keys that others
// committed while putAPIKeys waited for them.
const anyConflict = `
SELECT EXISTS (
	SELECT 1 FROM unnest($1::text[], $2::bytea[], $3::text[]) AS given (organization_id, digest, kind)
	LEFT JOIN api_keys AS k ON k.digest = given.digest
	WHERE (k.organization_id, k.kind) IS DISTINCT FROM (given.organization_id, given.kind))`

// apiKeysStatement returns digests as text, because bytea_output decides how the server writes
// them otherwise.
const apiKeysStatement = `
SELECT ` + schemaVersion + ` AS schema_version, encode(digest, 'hex') AS digest, kind, label, created_at, expires_at, revoked_at
FROM api_keys
WHERE organization_id = $1
ORDER BY created_at, api_keys.digest`

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
	kinds := column(keys, func(k consumer.APIKey) string { return string(k.Kind) })
	if _, err := t.Exec(ctx, putAPIKeys, organizations, digests, kinds,
		column(keys, func(k consumer.APIKey) string { return k.Label }),
		column(keys, func(k consumer.APIKey) int64 { return k.CreatedAt.UnixMicro() }),
		column(keys, func(k consumer.APIKey) int64 { return timeOrNone(row.Micros(k.ExpiresAt)) }),
		column(keys, func(k consumer.APIKey) int64 { return timeOrNone(row.Micros(k.RevokedAt)) })); err != nil {
		return err
	}
	var conflict bool
	if err := t.QueryRow(ctx, anyConflict, organizations, digests, kinds).Scan(&conflict); err != nil {
		return err
	}
	if conflict {
		return consumer.ErrConflict
	}
	return nil
}

// APIKeys implements [consumer.APIKeyStore].
func (s *Store) APIKeys(ctx context.Context, organizationID string) (_ []consumer.APIKey, err error) {
	defer translateTo(&err, ctx, "list API keys")
	type storedKey struct {
		SchemaVersion int64 `db:"schema_version"`
		row.APIKey
	}
	var found []storedKey
	err = withConnection(ctx, s.primary, func(conn *pgx.Conn) error {
		rows, err := conn.Query(ctx, apiKeysStatement, idOrEmpty(organizationID))
		if err != nil {
			return err
		}
		found, err = pgx.CollectRows(rows, pgx.RowToStructByName[storedKey])
		return err
	})
	if err != nil {
		return nil, explainSchema(ctx, s.primary, err)
	}
	if len(found) == 0 {
		return nil, requireSchema(ctx, s.primary)
	}
	keys := make([]consumer.APIKey, len(found))
	for i, k := range found {
		if k.Digest, err = hex.AppendDecode(nil, k.Digest); err != nil {
			return nil, row.ErrDamaged
		}
		if keys[i], err = k.Decode(organizationID); err != nil {
			return nil, err
		}
	}
	return keys, checkSchema(found[0].SchemaVersion)
}

// RevokeAPIKey implements [consumer.APIKeyStore].
func (s *Store) RevokeAPIKey(ctx context.Context, organizationID string, digest [32]byte, at time.Time) (err error) {
	defer translateTo(&err, ctx, "revoke API key")
	if err := consumer.ValidateRevocation(at); err != nil {
		return err
	}
	return s.transact(ctx, nil, func(ctx context.Context, t transaction) error {
		if err := t.requireSchema(ctx); err != nil {
			return err
		}
		known, err := t.affect(ctx, revokeAPIKey, idOrEmpty(organizationID), digest[:], at.UnixMicro())
		if err == nil && known == 0 {
			return consumer.ErrNotFound
		}
		return err
	})
}
