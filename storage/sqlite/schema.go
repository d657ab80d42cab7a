package sqlite

import (
	"cmp"
	"context"

	"github.com/jmoiron/sqlx"

	"github.com/rejoinhq/rejoin/storage/internal/row"
)

// requiredSchema is the version of the last file in migrations.
const requiredSchema = 2

// schemaVersion is a part of statements, hence in parentheses.
const schemaVersion = `(SELECT max(version_id) FROM goose_db_version)`

// SchemaVersion returns the version of the database's schema, 0 when it was never
// migrated, and the version that this program needs.
func (s *Store) SchemaVersion(ctx context.Context) (current, required int64, err error) {
	current, err = currentSchema(ctx, s.readers)
	return current, requiredSchema, translate(ctx, "read schema version", err)
}

func currentSchema(ctx context.Context, db *sqlx.DB) (version int64, err error) {
	err = retryBusy(ctx, func() error {
		var migrated bool
		err := db.GetContext(ctx, &migrated,
			`SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'goose_db_version')`)
		if err != nil || !migrated {
			return err
		}
		return db.GetContext(ctx, &version, `SELECT coalesce(`+schemaVersion+`, 0)`)
	})
	return version, err
}

// requireSchema asks the readers, so that it doesn't wait for a write.
func (s *Store) requireSchema(ctx context.Context) error {
	current, err := currentSchema(ctx, s.readers)
	if err != nil {
		return err
	}
	return checkSchema(current)
}

func checkSchema(current int64) error { return row.CheckSchema(current, requiredSchema) }

// explainSchema says which version it is when a statement found another schema than
// the one that it was written for.
func (s *Store) explainSchema(ctx context.Context, err error) error {
	if !isSchemaMismatch(err) {
		return err
	}
	return cmp.Or(s.requireSchema(ctx), err)
}

// refuseNewer opens the first connection, the writer's: it makes the log that
// readers, who may not write, need.
func (s *Store) refuseNewer(ctx context.Context) error {
	if err := retryBusy(ctx, func() error { return s.writer.PingContext(ctx) }); err != nil {
		return err
	}
	current, err := currentSchema(ctx, s.readers)
	if err == nil && current > requiredSchema {
		err = checkSchema(current)
	}
	return err
}
