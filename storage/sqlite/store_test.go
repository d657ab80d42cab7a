package sqlite_test

import (
	"errors"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jmoiron/sqlx"

	"github.com/rejoinhq/rejoin/consumer"
	"github.com/rejoinhq/rejoin/storage/sqlite"
	"github.com/rejoinhq/rejoin/storage/storagetest"
)

func TestStoreOnFile(t *testing.T) {
	storagetest.Run(t, func(t *testing.T) (any, consumer.Store) { return newStore(t, newPath(t)), nil })
}

func TestStoreInMemory(t *testing.T) {
	storagetest.Run(t, func(t *testing.T) (any, consumer.Store) { return newStore(t, sqlite.Memory), nil })
}

// newPath names a file that doesn't exist.
func newPath(t *testing.T) string { return filepath.Join(t.TempDir(), "rejoin.db") }

// openStore opens a database as it is, and closes it with the test.
func openStore(t *testing.T, path string) *sqlite.Store {
	t.Helper()
	return openStoreWith(t, sqlite.Options{Path: path})
}

func openStoreWith(t *testing.T, options sqlite.Options) *sqlite.Store {
	t.Helper()
	store, err := sqlite.Open(t.Context(), options)
	if err != nil {
		t.Fatalf("Open: %v", err)
	}
	t.Cleanup(func() {
		if err := store.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return store
}

// newStore opens and migrates a database.
func newStore(t *testing.T, path string) *sqlite.Store {
	t.Helper()
	return newStoreWith(t, sqlite.Options{Path: path})
}

func newStoreWith(t *testing.T, options sqlite.Options) *sqlite.Store {
	t.Helper()
	store := openStoreWith(t, options)
	if err := store.Migrate(t.Context()); err != nil {
		t.Fatalf("Migrate: %v", err)
	}
	return store
}

// openRaw opens the file by other means than a Store.
func openRaw(t *testing.T, path string) *sqlx.DB {
	t.Helper()
	db, err := sqlx.Open("sqlite", "file:"+path+"?_busy_timeout=10000&_txlock=immediate")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

func execRaw(t *testing.T, db *sqlx.DB, statement string, parameters ...any) {
	t.Helper()
	if _, err := db.ExecContext(t.Context(), statement, parameters...); err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
}

// everyMethod returns the errors of all methods that need the schema.
func everyMethod(t *testing.T, store *sqlite.Store) map[string]error {
	t.Helper()
	_, consumerErr := store.Consumer(t.Context(), consumer.Key{OrganizationID: "org_1", ConsumerID: "cons_1"})
	_, consumersErr := store.Consumers(t.Context(), "org_1", []string{"cons_1"})
	_, snapshotErr := store.Snapshot(t.Context(), consumer.Key{OrganizationID: "org_1", ConsumerID: "cons_1"})
	_, exportErr := store.Export(t.Context(), consumer.Key{OrganizationID: "org_1", ConsumerID: "cons_1"})
	_, writeErr := store.Write(t.Context(), aConsumer("cons_1"))
	_, mergeErr := store.Merge(t.Context(), consumer.Merge{OrganizationID: "org_1", GuestID: "cons_2", ConsumerID: "cons_1"})
	_, purgeErr := store.Purge(t.Context(), consumer.Purge{Before: time.Now(), Limit: 1})
	_, keyErr := store.OrganizationByAPIKey(t.Context(), [32]byte{}, time.Now())
	_, keysErr := store.APIKeys(t.Context(), "org_1")
	_, distributionErr := store.Distribution(t.Context(), consumer.DistributionKey{OrganizationID: "org_1", Type: consumer.Queue, ID: "queue_1"})
	_, completeErr := store.Complete(t.Context(), consumer.Completion{
		OrganizationID: "org_1", ConsumerID: "cons_1", DistributionType: consumer.Queue, DistributionID: "queue_1",
		AdmissionToken: "token", OrderID: "order_1", At: time.Now(),
	})
	return map[string]error{
		"Complete": completeErr,
		"Consumer": consumerErr, "Consumers": consumersErr, "Snapshot": snapshotErr, "Export": exportErr,
		"Write": writeErr, "Merge": mergeErr, "Purge": purgeErr, "Erase": store.Erase(t.Context(), consumer.Key{OrganizationID: "org_1", ConsumerID: "cons_1"}),
		"OrganizationByAPIKey": keyErr, "APIKeys": keysErr,
		"RevokeAPIKey": store.RevokeAPIKey(t.Context(), "org_1", [32]byte{}, time.Now()),
		"Distribution": distributionErr,
		"Ping":         store.Ping(t.Context()),
	}
}

func wantEveryMethod(t *testing.T, store *sqlite.Store, want error) {
	t.Helper()
	for method, err := range everyMethod(t, store) {
		if !errors.Is(err, want) {
			t.Errorf("%s returned the error %v, want %v", method, err, want)
		}
	}
}

// aConsumer is a consumer with two records, in one write.
func aConsumer(id string) consumer.Batch {
	entered := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	return consumer.Batch{
		Consumers: []consumer.Consumer{{OrganizationID: "org_1", ID: id, Email: new("ada@example.com"), CreatedAt: entered, UpdatedAt: entered}},
		Participations: []consumer.Participation{{
			OrganizationID: "org_1", ConsumerID: id, Type: consumer.Queue, ID: "queue_1",
			ExperienceID: "exp_1", SequenceID: "seq_1", Status: consumer.StatusQueued, EnteredAt: entered, UpdatedAt: entered,
		}},
		Admissions: []consumer.Admission{{
			OrganizationID: "org_1", ConsumerID: id, DistributionType: consumer.Queue, DistributionID: "queue_2",
			ExperienceID: "exp_1", SequenceID: "seq_1", AdmissionToken: "secret-token", AdmittedAt: entered, UpdatedAt: entered,
		}},
	}
}

func wantConsumer(t *testing.T, store *sqlite.Store, id string) {
	t.Helper()
	s, err := store.Snapshot(t.Context(), consumer.Key{OrganizationID: "org_1", ConsumerID: id})
	if err != nil {
		t.Fatalf("Snapshot of %s: %v", id, err)
	}
	if len(s.Participations) != 1 || len(s.Admissions) != 1 {
		t.Fatalf("%s has %d participations and %d admissions, want one of each", id, len(s.Participations), len(s.Admissions))
	}
}

func TestCloseTwice(t *testing.T) {
	store := newStore(t, newPath(t))
	for range 2 {
		if err := store.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	}
}

func TestClosedStoreIsUnavailable(t *testing.T) {
	for name, path := range map[string]string{"file": newPath(t), "memory": sqlite.Memory} {
		t.Run(name, func(t *testing.T) {
			used, unused := newStore(t, path), newStore(t, path)
			if _, err := used.Write(t.Context(), aConsumer("cons_1")); err != nil {
				t.Fatal(err)
			}
			wantConsumer(t, used, "cons_1")
			for _, store := range []*sqlite.Store{used, unused} {
				if err := store.Close(); err != nil {
					t.Fatal(err)
				}
				wantEveryMethod(t, store, consumer.ErrUnavailable)
				if err := store.Migrate(t.Context()); !errors.Is(err, consumer.ErrUnavailable) {
					t.Errorf("Migrate returned the error %v, want ErrUnavailable", err)
				}
			}
		})
	}
}

func TestFileKeepsWhatWasWritten(t *testing.T) {
	path := newPath(t)
	first := newStore(t, path)
	if _, err := first.Write(t.Context(), aConsumer("cons_1")); err != nil {
		t.Fatal(err)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	wantConsumer(t, openStore(t, path), "cons_1")
}

func TestMemoryIsNotShared(t *testing.T) {
	one, two := newStore(t, sqlite.Memory), newStore(t, sqlite.Memory)
	if _, err := one.Write(t.Context(), aConsumer("cons_1")); err != nil {
		t.Fatal(err)
	}
	if _, err := two.Consumer(t.Context(), consumer.Key{OrganizationID: "org_1", ConsumerID: "cons_1"}); !errors.Is(err, consumer.ErrNotFound) {
		t.Errorf("the other store returned the error %v, want ErrNotFound", err)
	}
}

// TestSettings reads the settings of one connection of each handle. All connections have the
// same ones, because they are in the connection string.
func TestSettings(t *testing.T) {
	store := newStore(t, newPath(t))
	want := map[string]string{"journal_mode": "wal", "synchronous": "2", "foreign_keys": "1", "secure_delete": "1", "journal_size_limit": "16777216"}
	got := make(map[string]string)
	for setting := range want {
		var value string
		if err := store.Writer().GetContext(t.Context(), &value, "PRAGMA "+setting); err != nil {
			t.Fatal(err)
		}
		got[setting] = value
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the writer's settings (-want +got):\n%s", diff)
	}
	var mapped int64
	if err := store.Readers().GetContext(t.Context(), &mapped, `PRAGMA mmap_size`); err != nil || mapped != 1<<31-1<<16 {
		t.Errorf("readers map %d bytes, error %v, want as much as SQLite can", mapped, err)
	}
	if _, err := store.Readers().ExecContext(t.Context(), `DELETE FROM consumers`); err == nil {
		t.Error("a reader may write")
	}
	if n := store.Writer().Stats().MaxOpenConnections; n != 1 {
		t.Errorf("%d writers, want 1", n)
	}
	if n := store.Readers().Stats().MaxOpenConnections; n != 4 {
		t.Errorf("%d readers, want 4", n)
	}
}

func TestReaders(t *testing.T) {
	store, err := sqlite.Open(t.Context(), sqlite.Options{Path: newPath(t), Readers: 9})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	if n := store.Readers().Stats().MaxOpenConnections; n != 9 {
		t.Errorf("%d readers, want 9", n)
	}
}
