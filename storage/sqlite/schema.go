package sqlite

import (
	"cmp"
	"context"

	"github.com/jmoiron/sqlx"

	"github.com/rejoinhq/rejoin/storage/internal/row"
)

// requiredSchema is the version of the last file in migrations.
const requiredSchema = 6

// schemaVersion is used as a column of other statements, hence the parentheses.
const schemaVersion = `(SELECT coalesce(max(version_id), 0) FROM rejoin_schema_version)`

// SchemaVersion returns the version of the database's schema, which is 0 if the database
// was never migrated, and the version that this program needs.
func (s *Store) SchemaVersion(ctx context.Context) (current, required int64, err error) {
	current, err = currentSchema(ctx, s.readers)
	return current, requiredSchema, translate(ctx, "read schema version", err)
}

func currentSchema(ctx context.Context, db *sqlx.DB) (version int64, err error) {
	err = retryBusy(ctx, func() (err error) {
		version, err = recordedOrLegacySchema(ctx, db)
		return err
	})
	return version, err
}

// recordedOrLegacySchema looks for the version table again if there is no legacy version,
// because another process may have taken the legacy version over in between.
func recordedOrLegacySchema(ctx context.Context, db *sqlx.DB) (int64, error) {
	if version, err := recordedSchema(ctx, db); err != nil || version > 0 {
		return version, err
	}
	version, legacyErr := legacyVersion(ctx, db)
	if legacyErr == nil && version > 0 {
		return version, nil
	}
	if version, err := recordedSchema(ctx, db); err == nil && version > 0 {
		return version, nil
	}
	return 0, legacyErr
}

// recordedSchema returns the version that the version table records, 0 if there is none.
func recordedSchema(ctx context.Context, q sqlx.QueryerContext) (version int64, err error) {
	exists, err := tableExists(ctx, q, "rejoin_schema_version")
	if err != nil || !exists {
		return 0, err
	}
	err = sqlx.GetContext(ctx, q, &version, `SELECT `+schemaVersion)
	return version, err
}

func tableExists(ctx context.Context, q sqlx.QueryerContext, name string) (exists bool, err error) {
	err = sqlx.GetContext(ctx, q, &exists,
		`SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = ?)`, name)
	return exists, err
}

// requireSchema uses the readers, so it does not wait for a write.
func (s *Store) requireSchema(ctx context.Context) error {
	current, err := currentSchema(ctx, s.readers)
	if err != nil {
		return err
	}
	return checkSchema(current)
}

func checkSchema(current int64) error { return row.CheckSchema(current, requiredSchema) }

// explainSchema replaces the error of a statement that found another schema than the one
// that it was written for.
func (s *Store) explainSchema(ctx context.Context, err error) error {
	if !isSchemaMismatch(err) {
		return err
	}
	return cmp.Or(s.requireSchema(ctx), err)
}

// refuseNewer opens the writer's connection first, because it creates the log that
// readers need and must not write.
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
