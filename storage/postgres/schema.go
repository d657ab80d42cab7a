package postgres

import (
	"cmp"
	"context"

	"github.com/rejoinhq/rejoin/storage/internal/row"
)

// requiredSchema is the version of the last file in migrations.
const requiredSchema = 1

// schemaVersion is a part of statements, hence in parentheses.
const schemaVersion = `(SELECT coalesce(max(version_id), 0) FROM goose_db_version)`

// SchemaVersion returns the version of the database's schema, 0 when it was never
// migrated, and the version that this program needs.
func (s *Store) SchemaVersion(ctx context.Context) (current, required int64, err error) {
	current, err = currentSchema(ctx, s.primary)
	return current, requiredSchema, translate(ctx, "read schema version", err)
}

func currentSchema(ctx context.Context, db *pool) (int64, error) {
	var migrated bool
	err := db.GetContext(ctx, &migrated, `SELECT to_regclass('goose_db_version') IS NOT NULL`)
	if err != nil || !migrated {
		return 0, err
	}
	var version int64
	err = db.GetContext(ctx, &version, `SELECT `+schemaVersion)
	return version, err
}

func requireSchema(ctx context.Context, db *pool) error {
	current, err := currentSchema(ctx, db)
	if err != nil {
		return err
	}
	return checkSchema(current)
}

func checkSchema(current int64) error { return row.CheckSchema(current, requiredSchema) }

// explainSchema says which version it is when a statement found another schema than
// the one that it was written for.
func explainSchema(ctx context.Context, db *pool, err error) error {
	if !isSchemaMismatch(err) {
		return err
	}
	return cmp.Or(requireSchema(ctx, db), err)
}

func (s *Store) refuseNewer(ctx context.Context) error {
	for _, db := range s.servers() {
		current, err := currentSchema(ctx, db)
		if err != nil {
			return err
		}
		if current > requiredSchema {
			return checkSchema(current)
		}
	}
	return nil
}
