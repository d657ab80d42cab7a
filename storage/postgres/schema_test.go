package postgres_test

import (
	"context"
	"crypto/rand"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rejoinhq/rejoin/consumer"
	"github.com/rejoinhq/rejoin/storage/postgres"
	"github.com/rejoinhq/rejoin/storage/postgres/postgrestest"
)

func wantSchemaVersion(t *testing.T, store *postgres.Store, want int64) {
	t.Helper()
	current, required, err := store.SchemaVersion(t.Context())
	if err != nil || current != want || required != postgres.RequiredSchema {
		t.Errorf("SchemaVersion returned %d, %d and the error %v, want %d and %d",
			current, required, err, want, postgres.RequiredSchema)
	}
}

func TestOpenDoesNotMigrate(t *testing.T) {
	t.Parallel()
	store := openStore(t, postgrestest.URL(t))
	wantEveryMethod(t, store, consumer.ErrSchema)
	wantSchemaVersion(t, store, 0)
	_, err := store.Snapshot(t.Context(), consumer.Key{OrganizationID: "org_1", ConsumerID: "cons_1"})
	if err == nil || !strings.Contains(err.Error(), "never migrated") {
		t.Errorf("Snapshot returned the error %v, want one with the reason", err)
	}
}

func TestMigrateReachesTheRequiredVersion(t *testing.T) {
	t.Parallel()
	store := newStore(t, postgrestest.URL(t))
	wantSchemaVersion(t, store, postgres.RequiredSchema)
	if err := store.Ping(t.Context()); err != nil {
		t.Errorf("Ping: %v", err)
	}
}

func TestMigrateAgainKeepsTheRecords(t *testing.T) {
	t.Parallel()
	store := newStore(t, postgrestest.URL(t))
	if _, err := store.Write(t.Context(), aConsumer("cons_1")); err != nil {
		t.Fatal(err)
	}
	if err := store.Migrate(t.Context()); err != nil {
		t.Fatalf("Migrate: %v", err)
	}
	wantConsumer(t, store, "cons_1")
	wantSchemaVersion(t, store, postgres.RequiredSchema)
}

func TestMigrateNeedsOneConnectionOnly(t *testing.T) {
	t.Parallel()
	store, err := postgres.Open(t.Context(), postgres.Options{URL: postgrestest.URL(t), MaxConnections: 1})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	if err := store.Migrate(t.Context()); err != nil {
		t.Fatalf("Migrate: %v", err)
	}
	if _, err := store.Write(t.Context(), aConsumer("cons_1")); err != nil {
		t.Fatalf("Write: %v", err)
	}
	wantConsumer(t, store, "cons_1")
}

func TestStoreNoticesThatAnotherMigrated(t *testing.T) {
	t.Parallel()
	url := postgrestest.URL(t)
	waiting := openStore(t, url)
	wantEveryMethod(t, waiting, consumer.ErrSchema)
	newStore(t, url)
	if _, err := waiting.Write(t.Context(), aConsumer("cons_1")); err != nil {
		t.Fatalf("Write: %v", err)
	}
	wantConsumer(t, waiting, "cons_1")
}

func TestOpenRefusesANewerSchema(t *testing.T) {
	t.Parallel()
	url := postgrestest.URL(t)
	newStore(t, url)
	makeNewer(t, url)
	store, err := postgres.Open(t.Context(), postgres.Options{URL: url})
	if !errors.Is(err, consumer.ErrSchema) || store != nil {
		t.Errorf("Open returned %v and the error %v, want ErrSchema alone", store, err)
	}
}

func TestRunningStoreRefusesANewerSchema(t *testing.T) {
	t.Parallel()
	url := postgrestest.URL(t)
	used, unused := newStore(t, url), openStore(t, url)
	if _, err := used.Write(t.Context(), aConsumer("cons_1")); err != nil {
		t.Fatal(err)
	}
	wantConsumer(t, used, "cons_1")
	makeNewer(t, url)
	for _, store := range []*postgres.Store{used, unused} {
		wantEveryMethod(t, store, consumer.ErrSchema)
		if err := store.Migrate(t.Context()); !errors.Is(err, consumer.ErrSchema) {
			t.Errorf("Migrate returned the error %v, want ErrSchema", err)
		}
		wantSchemaVersion(t, store, postgres.RequiredSchema+1)
	}
}

// TestRunningStoreRefusesANewerSchemaOfAnotherForm makes the server reject the statements
// before they can return the version.
func TestRunningStoreRefusesANewerSchemaOfAnotherForm(t *testing.T) {
	t.Parallel()
	for change, statement := range map[string]string{
		"a table has another name":  `ALTER TABLE %s RENAME TO newer_%s`,
		"a column has another name": `ALTER TABLE %s RENAME COLUMN organization_id TO organization`,
		"a column has another type": `ALTER TABLE %s ALTER COLUMN organization_id TYPE bigint USING 1`,
	} {
		t.Run(change, func(t *testing.T) {
			url := postgrestest.URL(t)
			store := newStore(t, url)
			if _, err := store.Write(t.Context(), aConsumer("cons_1")); err != nil {
				t.Fatal(err)
			}
			wantConsumer(t, store, "cons_1")
			raw := openRaw(t, url)
			for _, table := range []string{"consumers", "participations", "admissions", "former_consumers", "events", "completions", "api_keys"} {
				execRaw(t, raw, strings.ReplaceAll(statement, "%s", table))
			}
			makeNewer(t, url)
			wantEveryMethod(t, store, consumer.ErrSchema)
		})
	}
}

// makeNewer records the version of a newer program.
func makeNewer(t *testing.T, url string) {
	t.Helper()
	execRaw(t, openRaw(t, url), `INSERT INTO rejoin_schema_version (version_id) VALUES ($1)`, postgres.RequiredSchema+1)
}

func TestMigrateLeavesForeignTablesAlone(t *testing.T) {
	t.Parallel()
	url := postgrestest.URL(t)
	raw := openRaw(t, url)
	execRaw(t, raw, `CREATE TABLE participations (text text)`)
	execRaw(t, raw, `INSERT INTO participations VALUES ('theirs')`)

	store := openStore(t, url)
	if err := store.Migrate(t.Context()); !errors.Is(err, consumer.ErrSchema) {
		t.Errorf("Migrate returned the error %v, want ErrSchema", err)
	}
	wantSchemaVersion(t, store, 0)
	if tables := count(t, raw, `SELECT count(*) FROM pg_tables WHERE tablename IN ('participations', 'consumers')`); tables != 1 {
		t.Errorf("%d tables, want theirs alone", tables)
	}
}

func TestMigrateRefusesAnotherEncoding(t *testing.T) {
	t.Parallel()
	url := postgrestest.URL(t)
	raw := openRaw(t, url)
	name := "rejoin_" + strings.ToLower(rand.Text())
	execRaw(t, raw, `CREATE DATABASE `+name+` TEMPLATE template0 ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C'`)
	t.Cleanup(func() {
		if _, err := raw.Exec(context.Background(), `DROP DATABASE `+name+` WITH (FORCE)`); err != nil {
			t.Error(err)
		}
	})
	store := openStore(t, withParameter(t, url, "dbname", name))
	if err := store.Migrate(t.Context()); !errors.Is(err, consumer.ErrSchema) {
		t.Errorf("Migrate returned the error %v, want ErrSchema", err)
	}
}

func TestStoresMayMigrateAtOnce(t *testing.T) {
	t.Parallel()
	for range 3 {
		url := postgrestest.URL(t)
		start := make(chan struct{})
		var all sync.WaitGroup
		for range 6 {
			all.Go(func() {
				<-start
				store, err := postgres.Open(t.Context(), postgres.Options{URL: url, MaxConnections: 2})
				if err != nil {
					t.Errorf("Open: %v", err)
					return
				}
				defer store.Close()
				if err := store.Migrate(t.Context()); err != nil {
					t.Errorf("Migrate: %v", err)
				}
				if err := store.Ping(t.Context()); err != nil {
					t.Errorf("Ping: %v", err)
				}
			})
		}
		close(start)
		all.Wait()
		wantSchemaVersion(t, openStore(t, url), postgres.RequiredSchema)
	}
}

// TestWaitingMigrateEndsWithItsDeadline holds the lock of the migrations. Its numbers must not
// change, because all versions of the program use them.
func TestWaitingMigrateEndsWithItsDeadline(t *testing.T) {
	t.Parallel()
	url := postgrestest.URL(t)
	store := openStore(t, url)
	other, err := openRaw(t, url).Acquire(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer other.Release()
	if _, err := other.Exec(t.Context(), `SELECT pg_advisory_lock(1919249007, 0)`); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if err := store.Migrate(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Migrate returned the error %v, want context.DeadlineExceeded", err)
	}
	if _, err := other.Exec(t.Context(), `SELECT pg_advisory_unlock_all()`); err != nil {
		t.Fatal(err)
	}
	if err := store.Migrate(t.Context()); err != nil {
		t.Errorf("Migrate returned the error %v when the lock was free", err)
	}
}
