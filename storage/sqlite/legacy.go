package sqlite

import (
	"context"
	"strings"

	"github.com/jmoiron/sqlx"
)

// The first two versions of the schema were recorded in goose's default table. That table
// may belong to the program that the database belongs to, so it is taken over only as far
// as it is ours.

// legacyTables are the tables of each legacy version with their columns.
var legacyTables = [][]struct{ name, columns string }{
	1: {
		{"consumers", "organization_id,id,updated_at,record"},
		{"participations", "organization_id,consumer_id,type,id,updated_at,status_rank,expires_at,record"},
		{"admissions", "organization_id,consumer_id,distribution_type,distribution_id,updated_at,status_rank,expires_at,record"},
		{"erasures", "organization_id,consumer_digest"},
		{"api_keys", "organization_id,digest,kind,created_at,expires_at,revoked_at"},
	},
	2: {
		{"changes", "revision,consumer_hash"},
	},
}

// legacyVersion returns the version of a schema that goose's table records and whose
// tables are ours, 0 if there is none.
func legacyVersion(ctx context.Context, q sqlx.QueryerContext) (int64, error) {
	exists, err := tableExists(ctx, q, "goose_db_version")
	if err != nil || !exists {
		return 0, err
	}
	var recorded int64
	if err := sqlx.GetContext(ctx, q, &recorded, `SELECT coalesce(max(version_id), 0) FROM goose_db_version`); err != nil {
		return 0, err
	}
	version := int64(0)
	for v := int64(1); v < int64(len(legacyTables)) && v <= recorded; v++ {
		for _, table := range legacyTables[v] {
			var columns string
			if err := sqlx.GetContext(ctx, q, &columns,
				`SELECT coalesce(group_concat(name), '') FROM pragma_table_info(?)`, table.name); err != nil {
				return 0, err
			}
			if columns != table.columns {
				return version, nil
			}
		}
		version = v
	}
	return version, nil
}

const createVersionTable = `
CREATE TABLE rejoin_schema_version (
    version_id INTEGER NOT NULL PRIMARY KEY,
    applied_at TEXT    NOT NULL DEFAULT (datetime('now'))
) STRICT`

// adoptLegacy records a legacy version in the version table, and drops goose's table if
// nobody else uses it. It reports whether there was a legacy version.
func adoptLegacy(ctx context.Context, tx *sqlx.Tx) (bool, error) {
	version, err := legacyVersion(ctx, tx)
	if err != nil || version == 0 {
		return false, err
	}
	if _, err := tx.ExecContext(ctx, createVersionTable); err != nil {
		return false, err
	}
	for v := int64(1); v <= version; v++ {
		if _, err := tx.ExecContext(ctx, `INSERT INTO rejoin_schema_version (version_id) VALUES (?)`, v); err != nil {
			return false, err
		}
	}
	ours, err := isLegacyTableOurs(ctx, tx, version)
	if err != nil || !ours {
		return true, err
	}
	_, err = tx.ExecContext(ctx, `DROP TABLE goose_db_version`)
	return true, err
}

// isLegacyTableOurs reports whether this module created goose's table and nobody else
// recorded a version in it. Unlike goose itself, the module made the versions unique.
func isLegacyTableOurs(ctx context.Context, q sqlx.QueryerContext, version int64) (bool, error) {
	var table struct {
		Definition string `db:"sql"`
		Versions   string
	}
	err := sqlx.GetContext(ctx, q, &table, `
		SELECT sql, (SELECT group_concat(version_id) FROM (SELECT version_id FROM goose_db_version ORDER BY version_id)) AS versions
		FROM sqlite_schema WHERE type = 'table' AND name = 'goose_db_version'`)
	if err != nil {
		return false, err
	}
	all := []string{"0", "1", "2"}
	return strings.Contains(table.Definition, "version_id INTEGER NOT NULL UNIQUE") &&
		table.Versions == strings.Join(all[:version+1], ","), nil
}
