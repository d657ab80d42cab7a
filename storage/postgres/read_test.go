package postgres_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/rejoinhq/rejoin/consumer"
	"github.com/rejoinhq/rejoin/storage/postgres"
	"github.com/rejoinhq/rejoin/storage/postgres/postgrestest"
)

// fill inserts enough rows for an index to pay off.
func fill(t *testing.T, raw *pgxpool.Pool) {
	t.Helper()
	for _, statement := range []string{
		`INSERT INTO consumers
			SELECT 'org_' || n % 10, 'cons_' || n, n, '{"id":"cons_1"}' FROM generate_series(1, 30000) AS n`,
		`INSERT INTO participations
			SELECT 'org_' || n % 10, 'cons_' || n, 'queue', 'queue_1', n, n % 5 * 30, n, '{"id":"queue_1"}' FROM generate_series(1, 30000) AS n`,
		`INSERT INTO admissions
			SELECT 'org_' || n % 10, 'cons_' || n, 'queue', 'queue_1', n, 0, n, '{"id":"queue_1"}' FROM generate_series(1, 30000) AS n`,
		`INSERT INTO distributions
			SELECT 'org_' || n % 10, 'queue', 'queue_' || n, n, 0, n, sha256(n::text::bytea), '{"type":"queue"}' FROM generate_series(1, 30000) AS n`,
		`INSERT INTO events
		SELECT 'org_1', 'event_' || n, 'cons_' || n % 5000, 'queue', 'queue_' || n % 7, '{}' FROM generate_series(1, 20000) AS n`,
		`INSERT INTO completions
			SELECT 'org_' || n % 10, 'cons_' || n, 'queue', 'queue_1', sha256(n::text::bytea), 'order_' || n, n, 'participation' FROM generate_series(1, 30000) AS n`,
		`INSERT INTO former_consumers
			SELECT 'org_' || n % 10, sha256(n::text::bytea), CASE WHEN n % 2 = 0 THEN 'cons_' || n END FROM generate_series(1, 30000) AS n`,
		`INSERT INTO api_keys
			SELECT 'org_' || n % 10000, sha256(n::text::bytea), 'secret', n FROM generate_series(1, 30000) AS n`,
		`ANALYZE`,
	} {
		execRaw(t, raw, statement)
	}
}

// TestStatementsUseTheirIndexes checks the plans on tables with statistics, both custom and
// generic ones.
func TestStatementsUseTheirIndexes(t *testing.T) {
	t.Parallel()
	url := postgrestest.URL(t)
	newStore(t, url)
	raw := openRaw(t, withParameter(t, url, "pool_max_conns", "1")) // a connection has its own settings and prepared statements
	fill(t, raw)

	const digest = `decode(repeat('00', 32), 'hex')`
	for name, c := range map[string]struct {
		statement, parameters string
		indexes               []string
	}{
		"profile":       {postgres.ProfileStatement, `'org_1', 'cons_1'`, []string{"consumers_pkey"}},
		"profiles":      {postgres.ProfilesStatement, `'org_1', '{cons_1,cons_2}'`, []string{"consumers_pkey"}},
		"snapshot":      {postgres.SnapshotStatement, `'org_1', 'cons_1', 100`, []string{"consumers_pkey", "participations_pkey", "admissions_pkey", "distributions_pkey", "former_consumers_pkey"}},
		"export":        {postgres.ExportStatement, `'org_1', 'cons_1'`, []string{"consumers_pkey", "participations_pkey", "admissions_pkey", "distributions_pkey", "former_consumers_pkey", "events_subject"}},
		"events":        {postgres.EventsStatement, `'org_1', 'cons_1'`, []string{"events_subject"}},
		"guest members": {postgres.GuestMembers, `'org_1', 'cons_1', 'cons_2'`, []string{"participations_pkey"}},
		"moving events": {postgres.MoveEvents, `'org_1', 'cons_1', 'cons_2'`, []string{"events_subject"}},
		"key":           {postgres.APIKeyStatement, digest + `, 0`, []string{"api_keys_digest"}},
		"keys":          {postgres.APIKeysStatement, `'org_1'`, []string{"api_keys_pkey"}},
		"distribution":  {postgres.DistributionRecord, `'org_1', 'queue', 'queue_1'`, []string{"distributions_pkey"}},
		"former":        {postgres.FormerConsumers, `'{org_1}', ARRAY[` + digest + `]`, []string{"former_consumers_pkey"}},
		"aliases":       {postgres.MoveAliases, `'org_1', 'cons_1', 'cons_2'`, []string{"former_consumers_successor"}},
		"key conflicts": {postgres.AnyConflict, `'{org_1}', ARRAY[` + digest + `], '{secret}'`, []string{"api_keys_digest"}},
		"revocation":    {postgres.RevokeAPIKey, `'org_1', ` + digest + `, 0`, []string{"api_keys_"}},
		"merge": {postgres.MergeState, `'org_1', 'cons_1', 'cons_2', ` + digest,
			[]string{"former_consumers_pkey", "consumers_pkey", "participations_pkey", "admissions_pkey", "events_subject"}},
		"moving participations":  {postgres.MoveParticipations, `'org_1', 'cons_1', 'cons_2'`, []string{"participations_pkey"}},
		"moving admissions":      {postgres.MoveAdmissions, `'org_1', 'cons_1', 'cons_2'`, []string{"admissions_pkey"}},
		"moving completions":     {postgres.MoveCompletions, `'org_1', 'cons_1', 'cons_2'`, []string{"completions_pkey"}},
		"completion":             {postgres.PutCompletion, `'org_1', 'cons_1', 'queue', 'queue_1', ` + digest + `, 'order_1', 0, 'token', 100`, []string{"participations_pkey", "admissions_pkey"}},
		"earlier completion":     {postgres.CompletionOf, `'org_1', 'cons_1', 'queue', 'queue_1', ` + digest, []string{"completions_pkey"}},
		"purging participations": {postgres.PurgeParticipation, `9999999999999999, 10`, []string{"participations_over", "events_subject", "completions_pkey"}},
		"purging admissions":     {postgres.PurgeAdmissions, `9999999999999999, 10`, []string{"admissions_over", "completions_pkey"}},
		"purging members":        {postgres.PurgeMembers, `5, 10, 100`, []string{"distributions_ended", "participations_distribution", "events_subject", "completions_pkey"}},
		"purging distributions":  {postgres.PurgeDistributions, `5, 10`, []string{"distributions_ended", "participations_distribution", "events_subject"}},
	} {
		for _, mode := range []string{"force_custom_plan", "force_generic_plan"} {
			t.Run(name+" with "+mode, func(t *testing.T) {
				execRaw(t, raw, `SET plan_cache_mode = `+mode)
				execRaw(t, raw, `PREPARE planned AS `+c.statement)
				defer execRaw(t, raw, `DEALLOCATE planned`)
				plan := strings.Join(values[string](t, raw, `EXPLAIN EXECUTE planned (`+c.parameters+`)`), "\n")
				for _, index := range c.indexes {
					if !strings.Contains(plan, "using "+index) && !strings.Contains(plan, "Bitmap Index Scan on "+index) {
						t.Errorf("the plan doesn't use %s:\n%s", index, plan)
					}
				}
				for _, table := range []string{"consumers", "participations", "admissions", "former_consumers", "distributions", "events", "completions", "api_keys"} {
					if strings.Contains(plan, "Seq Scan on "+table) {
						t.Errorf("the plan reads all %s:\n%s", table, plan)
					}
				}
			})
		}
	}
}

// TestSnapshotIsPreparedOnce also checks that a snapshot is one statement: the connection has
// prepared no other statement that reads a table.
func TestSnapshotIsPreparedOnce(t *testing.T) {
	t.Parallel()
	url := postgrestest.URL(t)
	newStore(t, url)
	store := openStore(t, url)
	for range 10 {
		if _, err := store.Snapshot(t.Context(), consumer.Key{OrganizationID: "org_1", ConsumerID: "cons_1"}); !errors.Is(err, consumer.ErrNotFound) {
			t.Fatal(err)
		}
	}
	if n := store.Primary().Stat().TotalConns(); n != 1 {
		t.Fatalf("sequential reads took %d connections", n)
	}
	statements := values[string](t, store.Primary(),
		`SELECT statement FROM pg_prepared_statements WHERE statement LIKE '%FROM consumers%' AND statement NOT LIKE '%pg_prepared%'`)
	if diff := cmp.Diff([]string{postgres.SnapshotStatement}, statements); diff != "" {
		t.Errorf("prepared statements (-want +got):\n%s", diff)
	}
}

// TestDamagedRecordIsNotQuoted also checks that the error is not ErrUnavailable, because trying
// again does not help.
func TestDamagedRecordIsNotQuoted(t *testing.T) {
	t.Parallel()
	url := postgrestest.URL(t)
	store := newStore(t, url)
	if _, err := store.Write(t.Context(), aConsumer("cons_1")); err != nil {
		t.Fatal(err)
	}
	execRaw(t, openRaw(t, url), `UPDATE participations SET record = '{"type":"queue","admissionToken":secret-token'`)
	_, err := store.Snapshot(t.Context(), consumer.Key{OrganizationID: "org_1", ConsumerID: "cons_1"})
	if err == nil || errors.Is(err, consumer.ErrUnavailable) {
		t.Fatalf("Snapshot returned the error %v, want one that is not ErrUnavailable", err)
	}
	if strings.Contains(err.Error(), "secret") {
		t.Errorf("the error quotes the record: %v", err)
	}
}

// TestTextComparesInByteOrder checks the collation of all columns.
func TestTextComparesInByteOrder(t *testing.T) {
	t.Parallel()
	url := postgrestest.URL(t)
	newStore(t, url)
	others := values[string](t, openRaw(t, url), `
		SELECT table_name || '.' || column_name FROM information_schema.columns
		WHERE table_schema = 'public' AND table_name <> 'rejoin_schema_version'
			AND data_type = 'text' AND collation_name IS DISTINCT FROM 'C'`)
	if len(others) > 0 {
		t.Errorf("columns with another collation: %v", others)
	}
}

// TestKeysBeginWithTheOrganization checks the primary keys of all tables: tables can be
// distributed by the organization.
func TestKeysBeginWithTheOrganization(t *testing.T) {
	t.Parallel()
	url := postgrestest.URL(t)
	newStore(t, url)
	tables := values[string](t, openRaw(t, url), `
		SELECT i.indrelid::regclass || ' ' || a.attname
		FROM pg_index AS i JOIN pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]
		WHERE i.indisprimary AND i.indrelid IN (SELECT oid FROM pg_class WHERE relnamespace = 'public'::regnamespace)
			AND i.indrelid <> 'rejoin_schema_version'::regclass`)
	if len(tables) != 8 {
		t.Fatalf("%d tables, want 8", len(tables))
	}
	for _, table := range tables {
		if name, first, _ := strings.Cut(table, " "); first != "organization_id" {
			t.Errorf("the key of %s begins with %s", name, first)
		}
	}
}
