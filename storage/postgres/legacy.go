package postgres

import "context"

// The first version of the schema was recorded in goose's default table. That table may
// belong to another program with the same database, so only what is certain to be ours is
// taken over.

// legacySchema selects whether goose's table has version 1 and the tables of that version
// have their columns. The version alone says nothing: it may be the other program's.
const legacySchema = `
SELECT EXISTS (SELECT 1 FROM goose_db_version WHERE version_id = 1) AND NOT EXISTS (
	SELECT 1 FROM (VALUES
		('consumers', 'organization_id,id,updated_at,record'),
		('participations', 'organization_id,consumer_id,type,id,updated_at,status_rank,expires_at,record,over_at'),
		('admissions', 'organization_id,consumer_id,distribution_type,distribution_id,updated_at,status_rank,expires_at,record,over_at'),
		('erasures', 'organization_id,consumer_digest'),
		('api_keys', 'organization_id,digest,kind,created_at,expires_at,revoked_at')
	) AS ours (name, columns)
	WHERE columns IS DISTINCT FROM (
		SELECT string_agg(attname, ',' ORDER BY attnum) FROM pg_attribute
		WHERE attrelid = to_regclass(ours.name) AND attnum > 0 AND NOT attisdropped))`

// legacyTableIsOurs selects whether nobody else recorded a version in goose's table, and
// whether the transaction that recorded version 1 is the one that created our tables.
const legacyTableIsOurs = `
SELECT (SELECT array_agg(version_id ORDER BY id) FROM goose_db_version) = '{0,1}'
	AND (SELECT xmin FROM goose_db_version WHERE version_id = 1) =
		(SELECT xmin FROM pg_attribute WHERE attrelid = 'consumers'::regclass AND attname = 'record')`

const createVersionTable = `
CREATE TABLE rejoin_schema_version (
    version_id bigint      PRIMARY KEY,
    applied_at timestamptz NOT NULL DEFAULT now()
);
INSERT INTO rejoin_schema_version (version_id) VALUES (1)`

// legacyVersion returns the version of a schema that goose's table records, which is 1, or
// 0 if there is none.
func legacyVersion(ctx context.Context, q queryer) (int64, error) {
	exists, err := tableExists(ctx, q, "goose_db_version")
	if err != nil || !exists {
		return 0, err
	}
	var ours bool
	if err := q.QueryRow(ctx, legacySchema).Scan(&ours); err != nil || !ours {
		return 0, err
	}
	return 1, nil
}

// adoptLegacy records a legacy version in the version table and drops goose's table if
// nobody else uses it. It reports whether there was a legacy version.
func (t transaction) adoptLegacy(ctx context.Context) (bool, error) {
	version, err := legacyVersion(ctx, t)
	if err != nil || version == 0 {
		return false, err
	}
	if _, err := t.Exec(ctx, createVersionTable); err != nil {
		return false, err
	}
	var ours bool
	if err := t.QueryRow(ctx, legacyTableIsOurs).Scan(&ours); err != nil || !ours {
		return true, err
	}
	_, err = t.Exec(ctx, `DROP TABLE goose_db_version`)
	return true, err
}
