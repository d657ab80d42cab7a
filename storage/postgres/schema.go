package postgres

import (
	"cmp"
	"context"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/rejoinhq/rejoin/storage/internal/row"
)

// requiredSchema is the version of the last file in migrations.
const requiredSchema = 6

// schemaVersion is used as a column of other statements, hence the parentheses.
const schemaVersion = `(SELECT coalesce(max(version_id), 0) FROM rejoin_schema_version)`

// queryer is a pool or a transaction.
type queryer interface {
	QueryRow(ctx context.Context, statement string, parameters ...any) pgx.Row
}

// SchemaVersion returns the version of the database's schema, which is 0 if the database
// was never migrated, and the version that this program needs.
func (s *Store) SchemaVersion(ctx context.Context) (current, required int64, err error) {
	current, err = currentSchema(ctx, s.primary)
	return current, requiredSchema, translate(ctx, "read schema version", err)
}

// currentSchema looks for the version table again if there is no legacy version, because
// another process may have taken the legacy version over in between.
func currentSchema(ctx context.Context, q queryer) (int64, error) {
	if version, err := recordedSchema(ctx, q); err != nil || version > 0 {
		return version, err
	}
	version, legacyErr := legacyVersion(ctx, q)
	if legacyErr == nil && version > 0 {
		return version, nil
	}
	if version, err := recordedSchema(ctx, q); err == nil && version > 0 {
		return version, nil
	}
	return 0, legacyErr
}

// recordedSchema returns the version that the version table records, 0 if there is none.
func recordedSchema(ctx context.Context, q queryer) (version int64, err error) {
	exists, err := tableExists(ctx, q, "rejoin_schema_version")
	if err != nil || !exists {
		return 0, err
	}
	err = q.QueryRow(ctx, `SELECT `+schemaVersion).Scan(&version)
	return version, err
}

// tableExists reads pg_class, because to_regclass alone may return what the session cached
// before it waited for a lock.
func tableExists(ctx context.Context, q queryer, name string) (exists bool, err error) {
	err = q.QueryRow(ctx, `SELECT EXISTS (SELECT 1 FROM pg_class WHERE relname = $1 AND pg_table_is_visible(oid))`, name).Scan(&exists)
	return exists, err
}

func requireSchema(ctx context.Context, q queryer) error {
	current, err := currentSchema(ctx, q)
	if err != nil {
		return err
	}
	return checkSchema(current)
}

func checkSchema(current int64) error { return row.CheckSchema(current, requiredSchema) }

// explainSchema replaces an error from a statement that met another schema than the one
// that it was written for: it names the version if that differs.
func explainSchema(ctx context.Context, pool *pgxpool.Pool, err error) error {
	if !isSchemaMismatch(err) {
		return err
	}
	return cmp.Or(requireSchema(ctx, pool), err)
}

func (s *Store) refuseNewer(ctx context.Context) error {
	for _, pool := range s.pools() {
		current, err := currentSchema(ctx, pool)
		if err != nil {
			return err
		}
		if current > requiredSchema {
			return checkSchema(current)
		}
	}
	return nil
}
