package postgres_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jmoiron/sqlx"

	"github.com/rejoinhq/rejoin/consumer"
	"github.com/rejoinhq/rejoin/storage/postgres"
	"github.com/rejoinhq/rejoin/storage/postgres/postgrestest"
)

// fill enters so many rows that a plan matters.
func fill(t *testing.T, raw *sqlx.DB) {
	t.Helper()
	for _, statement := range []string{
		`INSERT INTO consumers
			SELECT 'org_' || n % 10, 'cons_' || n, n, '{"id":"cons_1"}' FROM generate_series(1, 30000) AS n`,
		`INSERT INTO participations
			SELECT 'org_' || n % 10, 'cons_' || n, 'queue', 'queue_1', n, n % 5 * 30, n, '{"id":"queue_1"}' FROM generate_series(1, 30000) AS n`,
		`INSERT INTO admissions
			SELECT 'org_' || n % 10, 'cons_' || n, 'queue', 'queue_1', n, 0, n, '{"id":"queue_1"}' FROM generate_series(1, 30000) AS n`,
		`INSERT INTO erasures
			SELECT 'org_' || n % 10, sha256(n::text::bytea) FROM generate_series(1, 30000) AS n`,
		`INSERT INTO api_keys
			SELECT 'org_' || n % 10000, sha256(n::text::bytea), 'secret', n FROM generate_series(1, 30000) AS n`,
		`ANALYZE`,
	} {
		execRaw(t, raw, statement)
	}
}

// TestStatementsUseTheirIndexes looks at the plans on tables with statistics: those
// for the parameters at hand, and those that the server makes for all of them.
func TestStatementsUseTheirIndexes(t *testing.T) {
	url := postgrestest.URL(t)
	newStore(t, url)
	raw := openRaw(t, url)
	raw.SetMaxOpenConns(1) // prepared statements and settings belong to the connection
	fill(t, raw)

	const digest = `decode(repeat('00', 32), 'hex')`
	for name, c := range map[string]struct {
		statement, parameters string
		indexes               []string
	}{
		"profile":       {postgres.ProfileStatement, `'org_1', 'cons_1'`, []string{"consumers_pkey"}},
		"profiles":      {postgres.ProfilesStatement, `'org_1', '{cons_1,cons_2}'`, []string{"consumers_pkey"}},
		"snapshot":      {postgres.SnapshotStatement, `'org_1', 'cons_1', 100`, []string{"consumers_pkey", "participations_pkey", "admissions_pkey"}},
		"export":        {postgres.ExportStatement, `'org_1', 'cons_1'`, []string{"consumers_pkey", "participations_pkey", "admissions_pkey"}},
		"key":           {postgres.APIKeyStatement, digest + `, 0`, []string{"api_keys_digest"}},
		"keys":          {postgres.APIKeysStatement, `'org_1'`, []string{"api_keys_pkey"}},
		"erasures":      {postgres.AnyErased, `'{org_1}', ARRAY[` + digest + `]`, []string{"erasures_pkey"}},
		"key conflicts": {postgres.AnyConflict, `'{org_1}', ARRAY[` + digest + `], '{secret}'`, []string{"api_keys_digest"}},
		"revocation":    {postgres.RevokeAPIKey, `'org_1', ` + digest + `, 0`, []string{"api_keys_"}},
		"merge": {postgres.MergeState, `'org_1', 'cons_1', 'cons_2', ` + digest,
			[]string{"erasures_pkey", "consumers_pkey", "participations_pkey", "admissions_pkey"}},
		"moving participations":  {postgres.MoveParticipations, `'org_1', 'cons_1', 'cons_2'`, []string{"participations_pkey"}},
		"moving admissions":      {postgres.MoveAdmissions, `'org_1', 'cons_1', 'cons_2'`, []string{"admissions_pkey"}},
		"purging participations": {postgres.PurgeParticipation, `9999999999999999, 10`, []string{"participations_over"}},
		"purging admissions":     {postgres.PurgeAdmissions, `9999999999999999, 10`, []string{"admissions_over"}},
	} {
		for _, mode := range []string{"force_custom_plan", "force_generic_plan"} {
			t.Run(name+" with "+mode, func(t *testing.T) {
				execRaw(t, raw, `SET plan_cache_mode = `+mode)
				execRaw(t, raw, `PREPARE planned AS `+c.statement)
				defer execRaw(t, raw, `DEALLOCATE planned`)
				var steps []string
				if err := raw.SelectContext(t.Context(), &steps, `EXPLAIN EXECUTE planned (`+c.parameters+`)`); err != nil {
					t.Fatal(err)
				}
				plan := strings.Join(steps, "\n")
				for _, index := range c.indexes {
					if !strings.Contains(plan, "using "+index) && !strings.Contains(plan, "Bitmap Index Scan on "+index) {
						t.Errorf("the plan doesn't use %s:\n%s", index, plan)
					}
				}
				for _, table := range []string{"consumers", "participations", "admissions", "erasures", "api_keys"} {
					if strings.Contains(plan, "Seq Scan on "+table) {
						t.Errorf("the plan reads all %s:\n%s", table, plan)
					}
				}
			})
		}
	}
}

// TestSnapshotIsPreparedOnce also holds that it is one statement: the connection has
// prepared no other to read a table.
func TestSnapshotIsPreparedOnce(t *testing.T) {
	url := postgrestest.URL(t)
	newStore(t, url)
	store := openStore(t, url)
	for range 10 {
		if _, err := store.Snapshot(t.Context(), "org_1", "cons_1"); !errors.Is(err, consumer.ErrNotFound) {
			t.Fatal(err)
		}
	}
	if n := store.Primary().Stats().OpenConnections; n != 1 {
		t.Fatalf("reading one after another took %d connections", n)
	}
	var statements []string
	if err := store.Primary().SelectContext(t.Context(), &statements,
		`SELECT statement FROM pg_prepared_statements WHERE statement LIKE '%FROM consumers%' AND statement NOT LIKE '%pg_prepared%'`); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{postgres.SnapshotStatement}, statements); diff != "" {
		t.Errorf("prepared statements (-want +got):\n%s", diff)
	}
}

// TestDamagedRecordIsNotQuoted also holds that it is none of the module's errors:
// trying again will not help.
func TestDamagedRecordIsNotQuoted(t *testing.T) {
	url := postgrestest.URL(t)
	store := newStore(t, url)
	if _, err := store.Write(t.Context(), aConsumer("cons_1")); err != nil {
		t.Fatal(err)
	}
	execRaw(t, openRaw(t, url), `UPDATE participations SET record = '{"type":"queue","admissionToken":secret-token'`)
	_, err := store.Snapshot(t.Context(), "org_1", "cons_1")
	if err == nil || errors.Is(err, consumer.ErrUnavailable) {
		t.Fatalf("Snapshot returned the error %v, want one that is not ErrUnavailable", err)
	}
	if strings.Contains(err.Error(), "secret") {
		t.Errorf("the error quotes the record: %v", err)
	}
}

// TestTextComparesInByteOrder holds whatever the locale of the database.
func TestTextComparesInByteOrder(t *testing.T) {
	url := postgrestest.URL(t)
	newStore(t, url)
	var others []string
	err := openRaw(t, url).SelectContext(t.Context(), &others, `
		SELECT table_name || '.' || column_name FROM information_schema.columns
		WHERE table_schema = 'public' AND table_name <> 'goose_db_version'
			AND data_type = 'text' AND collation_name IS DISTINCT FROM 'C'`)
	if err != nil || len(others) > 0 {
		t.Errorf("columns with another order: %v, error %v", others, err)
	}
}

// TestKeysBeginWithTheOrganization holds for the primary keys of all tables, so that
// these can be distributed by it.
func TestKeysBeginWithTheOrganization(t *testing.T) {
	url := postgrestest.URL(t)
	newStore(t, url)
	var tables []struct {
		Name  string `db:"name"`
		First string `db:"first"`
	}
	err := openRaw(t, url).SelectContext(t.Context(), &tables, `
		SELECT i.indrelid::regclass::text AS name, a.attname AS first
		FROM pg_index AS i JOIN pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]
		WHERE i.indisprimary AND i.indrelid IN (SELECT oid FROM pg_class WHERE relnamespace = 'public'::regnamespace)
			AND i.indrelid <> 'goose_db_version'::regclass`)
	if err != nil || len(tables) != 5 {
		t.Fatalf("%d tables, error %v, want 5", len(tables), err)
	}
	for _, table := range tables {
		if table.First != "organization_id" {
			t.Errorf("the key of %s begins with %s", table.Name, table.First)
		}
	}
}
