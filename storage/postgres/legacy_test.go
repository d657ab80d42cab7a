package postgres_test

import (
	"database/sql"
	_ "embed"
	"errors"
	"sync"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5/pgxpool"
	_ "github.com/jackc/pgx/v5/stdlib" // goose uses database/sql
	"github.com/pressly/goose/v3"

	"github.com/rejoinhq/rejoin/consumer"
	"github.com/rejoinhq/rejoin/storage/postgres"
	"github.com/rejoinhq/rejoin/storage/postgres/postgrestest"
)

//go:embed testdata/schema1.sql
var schema1 string

// legacyDatabase returns a database as an earlier program left it, changed by further
// statements.
func legacyDatabase(t *testing.T, changes ...string) (url string, raw *pgxpool.Pool) {
	t.Helper()
	url = postgrestest.URL(t)
	raw = openRaw(t, url)
	execRaw(t, raw, schema1)
	for _, change := range changes {
		execRaw(t, raw, change)
	}
	return url, raw
}

// gooseVersions returns what goose's default table records, nil if it does not exist.
func gooseVersions(t *testing.T, raw *pgxpool.Pool) []int64 {
	t.Helper()
	if count(t, raw, `SELECT count(*) FROM pg_class WHERE relname = 'goose_db_version'`) == 0 {
		return nil
	}
	return values[int64](t, raw, `SELECT version_id FROM goose_db_version ORDER BY id`)
}

func TestMigrateTakesOverItsVersionFromGoosesTable(t *testing.T) {
	t.Parallel()
	url, raw := legacyDatabase(t)
	store := openStore(t, url)
	wantEveryMethod(t, store, consumer.ErrSchema)
	for range 2 {
		if err := store.Migrate(t.Context()); err != nil {
			t.Fatalf("Migrate: %v", err)
		}
		wantSchemaVersion(t, store, postgres.RequiredSchema)
		wantLegacyRecords(t, store)
		if diff := cmp.Diff([]int64(nil), gooseVersions(t, raw)); diff != "" {
			t.Errorf("versions in goose's table (-want +got):\n%s", diff)
		}
	}
	if result, err := store.Write(t.Context(), aConsumer("cons_2")); err != nil || result.Applied != 3 {
		t.Errorf("Write returned %+v and the error %v", result, err)
	}
}

// wantLegacyRecords compares what is stored with testdata/schema1.sql.
func wantLegacyRecords(t *testing.T, store *postgres.Store) {
	t.Helper()
	wantConsumer(t, store, "cons_1")
	export, err := store.Export(t.Context(), consumer.Key{OrganizationID: "org_1", ConsumerID: "cons_1"})
	if err != nil || len(export.Participations) != 2 || len(export.Admissions) != 1 {
		t.Errorf("Export returned %d participations, %d admissions and the error %v, want 2 and 1",
			len(export.Participations), len(export.Admissions), err)
	}
	if _, err := store.Write(t.Context(), aConsumer("cons_erased")); !errors.Is(err, consumer.ErrErased) {
		t.Errorf("Write returned the error %v, want ErrErased", err)
	}
	keys, err := store.APIKeys(t.Context(), "org_1")
	if err != nil || len(keys) != 1 || !keys[0].CreatedAt.Equal(moment()) || keys[0].Kind != consumer.SecretKey {
		t.Errorf("APIKeys returned %v and the error %v", keys, err)
	}
}

// TestMigrateLeavesTheVersionsOfOthers has another program record versions of its own in
// goose's table.
func TestMigrateLeavesTheVersionsOfOthers(t *testing.T) {
	t.Parallel()
	for name, changes := range map[string][]string{
		"recorded after ours": {`INSERT INTO goose_db_version (version_id, is_applied) VALUES (2, true), (20260101000000, true)`},
		"with the same numbers, by another transaction": {
			`DELETE FROM goose_db_version`,
			`INSERT INTO goose_db_version (version_id, is_applied) VALUES (0, true), (1, true)`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			url, raw := legacyDatabase(t, changes...)
			before := gooseVersions(t, raw)
			store := newStore(t, url)
			wantSchemaVersion(t, store, postgres.RequiredSchema)
			wantLegacyRecords(t, store)
			if diff := cmp.Diff(before, gooseVersions(t, raw)); diff != "" {
				t.Errorf("versions in goose's table (-want +got):\n%s", diff)
			}
		})
	}
}

// TestDatabaseOfAProgramThatUsesGoose migrates the database of a shop and this module's
// tables in either order. Neither may skip a step because of the other.
func TestDatabaseOfAProgramThatUsesGoose(t *testing.T) {
	t.Parallel()
	shop := func(t *testing.T, url string) {
		t.Helper()
		db, err := sql.Open("pgx", url)
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		provider, err := goose.NewProvider(goose.DialectPostgres, db, fstest.MapFS{
			"00001_orders.sql":   {Data: []byte("-- +goose Up\nCREATE TABLE orders (id serial PRIMARY KEY);")},
			"00002_invoices.sql": {Data: []byte("-- +goose Up\nCREATE TABLE invoices (id serial PRIMARY KEY);")},
			"00009_refunds.sql":  {Data: []byte("-- +goose Up\nCREATE TABLE refunds (id serial PRIMARY KEY);")},
		}, goose.WithDisableGlobalRegistry(true), goose.WithLogger(goose.NopLogger()))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := provider.Up(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	for name, shopFirst := range map[string]bool{"after the shop's": true, "before the shop's": false} {
		t.Run(name, func(t *testing.T) {
			url := postgrestest.URL(t)
			if shopFirst {
				shop(t, url)
			}
			store := openStore(t, url)
			wantSchemaVersion(t, store, 0)
			if err := store.Migrate(t.Context()); err != nil {
				t.Fatalf("Migrate: %v", err)
			}
			shop(t, url)
			if _, err := store.Write(t.Context(), aConsumer("cons_1")); err != nil {
				t.Fatalf("Write: %v", err)
			}
			wantConsumer(t, store, "cons_1")
			raw := openRaw(t, url)
			execRaw(t, raw, `INSERT INTO orders DEFAULT VALUES; INSERT INTO invoices DEFAULT VALUES; INSERT INTO refunds DEFAULT VALUES`)
			if diff := cmp.Diff([]int64{0, 1, 2, 9}, gooseVersions(t, raw)); diff != "" {
				t.Errorf("versions in goose's table (-want +got):\n%s", diff)
			}
		})
	}
}

func TestStoresMayTakeOverAtOnce(t *testing.T) {
	t.Parallel()
	url, _ := legacyDatabase(t)
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			store, err := postgres.Open(t.Context(), postgres.Options{URL: url})
			if err != nil {
				t.Errorf("Open: %v", err)
				return
			}
			defer store.Close()
			if err := store.Migrate(t.Context()); err != nil {
				t.Errorf("Migrate: %v", err)
			}
		})
	}
	all.Wait()
	wantLegacyRecords(t, openStore(t, url))
}

func TestLegacyTablesOfAnotherFormAreRefused(t *testing.T) {
	t.Parallel()
	url, raw := legacyDatabase(t, `ALTER TABLE participations ADD COLUMN theirs text`)
	store := openStore(t, url)
	wantSchemaVersion(t, store, 0)
	if err := store.Migrate(t.Context()); !errors.Is(err, consumer.ErrSchema) {
		t.Errorf("Migrate returned the error %v, want ErrSchema", err)
	}
	if diff := cmp.Diff([]int64{0, 1}, gooseVersions(t, raw)); diff != "" {
		t.Errorf("versions in goose's table (-want +got):\n%s", diff)
	}
}

// TestMigrationsRunAsPlainSQL has another tool run the files.
func TestMigrationsRunAsPlainSQL(t *testing.T) {
	t.Parallel()
	url := postgrestest.URL(t)
	raw := openRaw(t, url)
	for _, file := range postgres.MigrationFiles(t) {
		execRaw(t, raw, file)
	}
	store := openStore(t, url)
	wantSchemaVersion(t, store, postgres.RequiredSchema)
	if _, err := store.Write(t.Context(), aConsumer("cons_1")); err != nil {
		t.Fatalf("Write: %v", err)
	}
	wantConsumer(t, store, "cons_1")
}

// TestSchemaHasNoSequences because a logical replication copies rows, but not how far a
// sequence is: the next row would meet a duplicate id.
func TestSchemaHasNoSequences(t *testing.T) {
	t.Parallel()
	url := postgrestest.URL(t)
	newStore(t, url)
	if sequences := values[string](t, openRaw(t, url), `SELECT relname FROM pg_class WHERE relkind = 'S'`); len(sequences) > 0 {
		t.Errorf("sequences: %v", sequences)
	}
}
