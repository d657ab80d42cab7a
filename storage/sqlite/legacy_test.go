package sqlite_test

import (
	"database/sql"
	"errors"
	"fmt"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jmoiron/sqlx"
	"github.com/pressly/goose/v3"

	"github.com/rejoinhq/rejoin/consumer"
	"github.com/rejoinhq/rejoin/storage/sqlite"
)

// erasedDigest is the digest of cons_erased of org_1 in hexadecimal.
var erasedDigest = fmt.Sprintf("%x", consumer.Key{OrganizationID: "org_1", ConsumerID: "cons_erased"}.Digest())

// legacySchema is what versions 1 and 2 of the migrations left behind when goose's default
// table recorded them.
var legacySchema = `
CREATE TABLE goose_db_version (
		id INTEGER PRIMARY KEY AUTOINCREMENT,
		version_id INTEGER NOT NULL UNIQUE,
		is_applied INTEGER NOT NULL,
		tstamp TIMESTAMP DEFAULT (datetime('now'))
	);
INSERT INTO goose_db_version (version_id, is_applied) VALUES (0, 1), (1, 1), (2, 1);
CREATE TABLE consumers (organization_id TEXT NOT NULL, id TEXT NOT NULL, updated_at INTEGER NOT NULL, record TEXT NOT NULL,
	PRIMARY KEY (organization_id, id)) STRICT, WITHOUT ROWID;
CREATE TABLE participations (organization_id TEXT NOT NULL, consumer_id TEXT NOT NULL, type TEXT NOT NULL, id TEXT NOT NULL,
	updated_at INTEGER NOT NULL, status_rank INTEGER NOT NULL, expires_at INTEGER, record TEXT NOT NULL,
	over_at INTEGER GENERATED ALWAYS AS (CASE WHEN status_rank >= 100 THEN updated_at WHEN expires_at IS NOT NULL THEN max(updated_at, expires_at) END),
	PRIMARY KEY (organization_id, consumer_id, type, id)) STRICT, WITHOUT ROWID;
CREATE TABLE admissions (organization_id TEXT NOT NULL, consumer_id TEXT NOT NULL, distribution_type TEXT NOT NULL, distribution_id TEXT NOT NULL,
	updated_at INTEGER NOT NULL, status_rank INTEGER NOT NULL, expires_at INTEGER, record TEXT NOT NULL,
	over_at INTEGER GENERATED ALWAYS AS (CASE WHEN status_rank >= 100 THEN updated_at WHEN expires_at IS NOT NULL THEN max(updated_at, expires_at) END),
	PRIMARY KEY (organization_id, consumer_id, distribution_type, distribution_id)) STRICT, WITHOUT ROWID;
CREATE TABLE erasures (organization_id TEXT NOT NULL, consumer_digest BLOB NOT NULL CHECK (length(consumer_digest) = 32),
	PRIMARY KEY (organization_id, consumer_digest)) STRICT, WITHOUT ROWID;
CREATE TABLE api_keys (organization_id TEXT NOT NULL, digest BLOB NOT NULL CHECK (length(digest) = 32),
	kind TEXT NOT NULL CHECK (kind IN ('publishable', 'secret')), created_at INTEGER NOT NULL, expires_at INTEGER, revoked_at INTEGER,
	PRIMARY KEY (organization_id, digest)) STRICT, WITHOUT ROWID;
CREATE INDEX participations_over ON participations (over_at) WHERE over_at IS NOT NULL;
CREATE INDEX admissions_over ON admissions (over_at) WHERE over_at IS NOT NULL;
CREATE UNIQUE INDEX api_keys_digest ON api_keys (digest);
CREATE TABLE changes (revision INTEGER NOT NULL PRIMARY KEY, consumer_hash INTEGER NOT NULL) STRICT;
INSERT INTO changes (consumer_hash) VALUES (7), (8);
INSERT INTO consumers VALUES ('org_1', 'cons_1', 1767323045000000,
	'{"id":"cons_1","email":"ada@example.com","createdAt":"2026-01-02T03:04:05Z","updatedAt":"2026-01-02T03:04:05Z"}');
INSERT INTO participations VALUES ('org_1', 'cons_1', 'queue', 'queue_1', 1767323045000000, 0, NULL,
	'{"type":"queue","id":"queue_1","experienceId":"exp_1","sequenceId":"seq_1","status":"QUEUED","enteredAt":"2026-01-02T03:04:05Z","updatedAt":"2026-01-02T03:04:05Z"}');
INSERT INTO admissions VALUES ('org_1', 'cons_1', 'queue', 'queue_2', 1767323045000000, 0, NULL,
	'{"distributionType":"queue","distributionId":"queue_2","experienceId":"exp_1","sequenceId":"seq_1","admissionToken":"secret-token","admittedAt":"2026-01-02T03:04:05Z","updatedAt":"2026-01-02T03:04:05Z"}');
INSERT INTO erasures VALUES ('org_1', x'` + erasedDigest + `');
INSERT INTO api_keys VALUES ('org_1', x'0101010101010101010101010101010101010101010101010101010101010101', 'secret', 1767323045000000, NULL, NULL);
`

// legacyFile returns a file as an earlier program left it, changed by further statements.
func legacyFile(t *testing.T, changes ...string) (path string, raw *sqlx.DB) {
	t.Helper()
	path = newPath(t)
	raw = openRaw(t, path)
	execRaw(t, raw, `PRAGMA journal_mode = WAL`)
	execRaw(t, raw, legacySchema)
	for _, change := range changes {
		execRaw(t, raw, change)
	}
	return path, raw
}

// gooseVersions returns what goose's default table records, nil if it does not exist.
func gooseVersions(t *testing.T, raw *sqlx.DB) []int64 {
	t.Helper()
	var tables int
	if err := raw.Get(&tables, `SELECT count(*) FROM sqlite_schema WHERE name = 'goose_db_version'`); err != nil {
		t.Fatal(err)
	}
	if tables == 0 {
		return nil
	}
	versions := []int64{}
	if err := raw.Select(&versions, `SELECT version_id FROM goose_db_version ORDER BY id`); err != nil {
		t.Fatal(err)
	}
	return versions
}

func TestMigrateTakesOverItsVersionsFromGoosesTable(t *testing.T) {
	path, raw := legacyFile(t)
	store := openStore(t, path)
	wantSchemaVersion(t, store, 2)
	wantEveryMethod(t, store, consumer.ErrSchema)
	for range 2 {
		if err := store.Migrate(t.Context()); err != nil {
			t.Fatalf("Migrate: %v", err)
		}
		wantSchemaVersion(t, store, sqlite.RequiredSchema)
		wantConsumer(t, store, "cons_1")
		if diff := cmp.Diff([]int64(nil), gooseVersions(t, raw)); diff != "" {
			t.Errorf("versions in goose's table (-want +got):\n%s", diff)
		}
	}
	if result, err := store.Write(t.Context(), aConsumer("cons_2")); err != nil || result.Applied != 3 {
		t.Errorf("Write returned %+v and the error %v", result, err)
	}
	if _, err := store.Write(t.Context(), aConsumer("cons_erased")); !errors.Is(err, consumer.ErrErased) {
		t.Errorf("Write about an erased consumer returned the error %v, want ErrErased", err)
	}
}

func TestMigrateContinuesAfterTheFirstLegacyVersion(t *testing.T) {
	path, raw := legacyFile(t, `DROP TABLE changes`, `DELETE FROM goose_db_version WHERE version_id = 2`)
	store := openStore(t, path)
	wantSchemaVersion(t, store, 1)
	if err := store.Migrate(t.Context()); err != nil {
		t.Fatalf("Migrate: %v", err)
	}
	wantConsumer(t, store, "cons_1")
	if diff := cmp.Diff([]int64(nil), gooseVersions(t, raw)); diff != "" {
		t.Errorf("versions in goose's table (-want +got):\n%s", diff)
	}
}

// TestMigrateLeavesTheVersionsOfOthers has another program record versions of its own in
// goose's table, before or after an earlier version of this module did the same.
func TestMigrateLeavesTheVersionsOfOthers(t *testing.T) {
	for name, changes := range map[string][]string{
		"recorded after ours": {`INSERT INTO goose_db_version (version_id, is_applied) VALUES (3, 1), (20260101000000, 1)`},
		"in a table that was not ours": {
			`DROP TABLE goose_db_version`,
			`CREATE TABLE goose_db_version (id INTEGER PRIMARY KEY AUTOINCREMENT, version_id INTEGER NOT NULL, is_applied INTEGER NOT NULL, tstamp TIMESTAMP)`,
			`INSERT INTO goose_db_version (version_id, is_applied) VALUES (0, 1), (1, 1), (2, 1)`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			path, raw := legacyFile(t, changes...)
			before := gooseVersions(t, raw)
			store := newStore(t, path)
			wantSchemaVersion(t, store, sqlite.RequiredSchema)
			wantConsumer(t, store, "cons_1")
			if diff := cmp.Diff(before, gooseVersions(t, raw)); diff != "" {
				t.Errorf("versions in goose's table (-want +got):\n%s", diff)
			}
		})
	}
}

// TestDatabaseOfAProgramThatUsesGoose migrates the database of a shop and this module's
// tables in either order; neither may skip a step because of the other.
func TestDatabaseOfAProgramThatUsesGoose(t *testing.T) {
	shop := func(t *testing.T, db *sql.DB) {
		t.Helper()
		provider, err := goose.NewProvider(goose.DialectSQLite3, db, fstest.MapFS{
			"00001_orders.sql":   {Data: []byte("-- +goose Up\nCREATE TABLE orders (id INTEGER PRIMARY KEY);")},
			"00002_invoices.sql": {Data: []byte("-- +goose Up\nCREATE TABLE invoices (id INTEGER PRIMARY KEY);")},
			"00009_refunds.sql":  {Data: []byte("-- +goose Up\nCREATE TABLE refunds (id INTEGER PRIMARY KEY);")},
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
			path := newPath(t)
			raw := openRaw(t, path)
			if shopFirst {
				shop(t, raw.DB)
			}
			store := openStore(t, path)
			wantSchemaVersion(t, store, 0)
			if err := store.Migrate(t.Context()); err != nil {
				t.Fatalf("Migrate: %v", err)
			}
			shop(t, raw.DB)
			if _, err := store.Write(t.Context(), aConsumer("cons_1")); err != nil {
				t.Fatalf("Write: %v", err)
			}
			wantConsumer(t, store, "cons_1")
			execRaw(t, raw, `INSERT INTO orders DEFAULT VALUES; INSERT INTO invoices DEFAULT VALUES; INSERT INTO refunds DEFAULT VALUES`)
			if diff := cmp.Diff([]int64{0, 1, 2, 9}, gooseVersions(t, raw)); diff != "" {
				t.Errorf("versions in goose's table (-want +got):\n%s", diff)
			}
		})
	}
}

// TestStoresMayTakeOverAtOnce has several stores migrate one legacy file.
func TestStoresMayTakeOverAtOnce(t *testing.T) {
	path, _ := legacyFile(t)
	migrated := make(chan error)
	const stores = 4
	for range stores {
		go func() {
			store, err := sqlite.Open(t.Context(), sqlite.Options{Path: path})
			if err != nil {
				migrated <- err
				return
			}
			migrated <- errors.Join(store.Migrate(t.Context()), store.Close())
		}()
	}
	for range stores {
		if err := <-migrated; err != nil {
			t.Errorf("Migrate: %v", err)
		}
	}
	store := openStore(t, path)
	wantConsumer(t, store, "cons_1")
	keys, err := store.APIKeys(t.Context(), "org_1")
	if err != nil || len(keys) != 1 || !keys[0].CreatedAt.Equal(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)) {
		t.Errorf("APIKeys returned %v and the error %v", keys, err)
	}
}

func TestLegacyTablesOfAnotherFormAreRefused(t *testing.T) {
	path, _ := legacyFile(t, `ALTER TABLE participations ADD COLUMN theirs TEXT`)
	store := openStore(t, path)
	wantSchemaVersion(t, store, 0)
	if err := store.Migrate(t.Context()); !errors.Is(err, consumer.ErrSchema) {
		t.Errorf("Migrate returned the error %v, want ErrSchema", err)
	}
}
