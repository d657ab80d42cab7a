package sqlite_test

import (
	"errors"
	"sync"
	"testing"

	"github.com/rejoinhq/rejoin/consumer"
	"github.com/rejoinhq/rejoin/storage/sqlite"
)

func wantSchemaVersion(t *testing.T, store *sqlite.Store, want int64) {
	t.Helper()
	current, required, err := store.SchemaVersion(t.Context())
	if err != nil || current != want || required != sqlite.RequiredSchema {
		t.Errorf("SchemaVersion returned %d, %d and the error %v, want %d and %d",
			current, required, err, want, sqlite.RequiredSchema)
	}
}

func TestNothingIsMigratedUnasked(t *testing.T) {
	for name, path := range map[string]string{"file": newPath(t), "memory": sqlite.Memory} {
		t.Run(name, func(t *testing.T) {
			store := openStore(t, path)
			wantEveryMethod(t, store, consumer.ErrSchema)
			wantSchemaVersion(t, store, 0)
		})
	}
}

func TestMigrateReachesTheRequiredVersion(t *testing.T) {
	for name, path := range map[string]string{"file": newPath(t), "memory": sqlite.Memory} {
		t.Run(name, func(t *testing.T) {
			store := newStore(t, path)
			wantSchemaVersion(t, store, sqlite.RequiredSchema)
			if err := store.Ping(t.Context()); err != nil {
				t.Errorf("Ping: %v", err)
			}
		})
	}
}

func TestMigrateAgainKeepsTheRecords(t *testing.T) {
	store := newStore(t, newPath(t))
	if _, err := store.Write(t.Context(), aConsumer("cons_1")); err != nil {
		t.Fatal(err)
	}
	if err := store.Migrate(t.Context()); err != nil {
		t.Fatalf("Migrate: %v", err)
	}
	wantConsumer(t, store, "cons_1")
	wantSchemaVersion(t, store, sqlite.RequiredSchema)
}

func TestStoreNoticesThatAnotherMigrated(t *testing.T) {
	path := newPath(t)
	waiting := openStore(t, path)
	wantEveryMethod(t, waiting, consumer.ErrSchema)
	newStore(t, path)
	if _, err := waiting.Write(t.Context(), aConsumer("cons_1")); err != nil {
		t.Fatalf("Write: %v", err)
	}
	wantConsumer(t, waiting, "cons_1")
}

func TestOpenRefusesANewerSchema(t *testing.T) {
	path := newPath(t)
	newStore(t, path)
	makeNewer(t, path)
	store, err := sqlite.Open(t.Context(), sqlite.Options{Path: path})
	if !errors.Is(err, consumer.ErrSchema) || store != nil {
		t.Errorf("Open returned %v and the error %v, want ErrSchema alone", store, err)
	}
}

func TestRunningStoreRefusesANewerSchema(t *testing.T) {
	path := newPath(t)
	used, unused := newStore(t, path), openStore(t, path)
	if _, err := used.Write(t.Context(), aConsumer("cons_1")); err != nil {
		t.Fatal(err)
	}
	wantConsumer(t, used, "cons_1")
	makeNewer(t, path)
	for _, store := range []*sqlite.Store{used, unused} {
		wantEveryMethod(t, store, consumer.ErrSchema)
		if err := store.Migrate(t.Context()); !errors.Is(err, consumer.ErrSchema) {
			t.Errorf("Migrate returned the error %v, want ErrSchema", err)
		}
		wantSchemaVersion(t, store, sqlite.RequiredSchema+1)
	}
}

func TestRunningStoreRefusesANewerSchemaWithoutItsTables(t *testing.T) {
	path := newPath(t)
	store := newStore(t, path)
	if _, err := store.Write(t.Context(), aConsumer("cons_1")); err != nil {
		t.Fatal(err)
	}
	wantConsumer(t, store, "cons_1")
	raw := openRaw(t, path)
	for _, table := range []string{"consumers", "participations", "admissions", "distributions", "former_consumers", "completions", "api_keys"} {
		execRaw(t, raw, `ALTER TABLE `+table+` RENAME TO newer_`+table)
	}
	makeNewer(t, path)
	wantEveryMethod(t, store, consumer.ErrSchema)
}

// makeNewer does what the migrations of a newer program would.
func makeNewer(t *testing.T, path string) {
	t.Helper()
	execRaw(t, openRaw(t, path), `INSERT INTO rejoin_schema_version (version_id) VALUES (?)`, sqlite.RequiredSchema+1)
}

func TestMigrateLeavesForeignTablesAlone(t *testing.T) {
	path := newPath(t)
	raw := openRaw(t, path)
	execRaw(t, raw, `CREATE TABLE participations (text)`)
	execRaw(t, raw, `INSERT INTO participations VALUES ('theirs')`)

	store := openStore(t, path)
	if err := store.Migrate(t.Context()); !errors.Is(err, consumer.ErrSchema) {
		t.Errorf("Migrate returned the error %v, want ErrSchema", err)
	}
	wantSchemaVersion(t, store, 0)
	var tables int
	if err := raw.Get(&tables, `SELECT count(*) FROM sqlite_schema WHERE name IN ('participations', 'consumers')`); err != nil || tables != 1 {
		t.Errorf("%d tables, error %v, want theirs alone", tables, err)
	}
}

func TestStoresMayMigrateAtOnce(t *testing.T) {
	for range 5 {
		path := newPath(t)
		start := make(chan struct{})
		var all sync.WaitGroup
		for range 6 {
			all.Go(func() {
				<-start
				store, err := sqlite.Open(t.Context(), sqlite.Options{Path: path})
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
		wantSchemaVersion(t, openStore(t, path), sqlite.RequiredSchema)
	}
}
