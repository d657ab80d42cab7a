package postgres_test

import (
	"context"
	"errors"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/rejoinhq/rejoin/consumer"
	"github.com/rejoinhq/rejoin/storage/postgres"
	"github.com/rejoinhq/rejoin/storage/postgres/postgrestest"
	"github.com/rejoinhq/rejoin/storage/storagetest"
)

func TestStore(t *testing.T) {
	t.Parallel()
	databases := migratedDatabases{owner: t}
	databases.add() // here, so that without a server this test skips, and not a subtest of it
	storagetest.Run(t, func(t *testing.T) (any, consumer.Store) { return openStore(t, databases.take(t)), nil })
}

// migratedDatabases holds databases with the schema and without records. A database is used
// again after its records were deleted, because to create the schema takes longer than most
// cases of the suite.
type migratedDatabases struct {
	owner *testing.T // owns the databases, so it must end after the tests that take them
	mu    sync.Mutex
	free  []migratedDatabase
}

type migratedDatabase struct {
	url string
	raw *pgxpool.Pool
}

// take returns the URL of a database that belongs to the test until it ends.
func (d *migratedDatabases) take(t *testing.T) (url string) {
	t.Helper()
	d.mu.Lock()
	defer d.mu.Unlock()
	var database migratedDatabase
	if len(d.free) == 0 {
		d.add()
	}
	last := len(d.free) - 1
	database, d.free = d.free[last], d.free[:last]
	t.Cleanup(func() {
		_, err := database.raw.Exec(context.Background(),
			`DELETE FROM consumers; DELETE FROM participations; DELETE FROM admissions; DELETE FROM distributions; DELETE FROM former_consumers; DELETE FROM events; DELETE FROM completions; DELETE FROM api_keys`)
		if err != nil {
			t.Errorf("delete all records: %v", err)
			return
		}
		d.mu.Lock()
		defer d.mu.Unlock()
		d.free = append(d.free, database)
	})
	return database.url
}

// add creates a database. It skips the owner if there is no server.
func (d *migratedDatabases) add() {
	d.owner.Helper()
	url := postgrestest.URL(d.owner)
	newStore(d.owner, url)
	d.free = append(d.free, migratedDatabase{url, openRaw(d.owner, url)})
}

// openStore opens a database without migrating it, and closes it when the test ends.
func openStore(t testing.TB, url string) *postgres.Store {
	t.Helper()
	store, err := postgres.Open(t.Context(), postgres.Options{URL: url})
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
func newStore(t testing.TB, url string) *postgres.Store {
	t.Helper()
	store := openStore(t, url)
	if err := store.Migrate(t.Context()); err != nil {
		t.Fatalf("Migrate: %v", err)
	}
	return store
}

// withParameter adds a parameter to a connection string.
func withParameter(t testing.TB, connection, name, value string) string {
	t.Helper()
	u, err := url.Parse(connection)
	if err != nil {
		t.Fatal(err)
	}
	parameters := u.Query()
	parameters.Set(name, value)
	u.RawQuery = strings.ReplaceAll(parameters.Encode(), "+", "%20") // libpq does not decode a plus
	return u.String()
}

// openRaw opens the database without a store.
func openRaw(t testing.TB, url string) *pgxpool.Pool {
	t.Helper()
	db, err := pgxpool.New(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(db.Close)
	return db
}

func execRaw(t testing.TB, db *pgxpool.Pool, statement string, parameters ...any) {
	t.Helper()
	if _, err := db.Exec(t.Context(), statement, parameters...); err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
}

// values returns the rows of a statement that selects one column.
func values[T any](t testing.TB, db *pgxpool.Pool, statement string, parameters ...any) []T {
	t.Helper()
	rows, err := db.Query(t.Context(), statement, parameters...)
	if err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
	all, err := pgx.CollectRows(rows, pgx.RowTo[T])
	if err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
	return all
}

// everyMethod returns the errors of all methods that need the schema.
func everyMethod(ctx context.Context, store *postgres.Store) map[string]error {
	_, consumerErr := store.Consumer(ctx, consumer.Key{OrganizationID: "org_1", ConsumerID: "cons_1"})
	_, consumersErr := store.Consumers(ctx, "org_1", []string{"cons_1"})
	_, snapshotErr := store.Snapshot(ctx, consumer.Key{OrganizationID: "org_1", ConsumerID: "cons_1"})
	_, exportErr := store.Export(ctx, consumer.Key{OrganizationID: "org_1", ConsumerID: "cons_1"})
	_, writeErr := store.Write(ctx, aConsumer("cons_1"))
	_, mergeErr := store.Merge(ctx, consumer.Merge{OrganizationID: "org_1", GuestID: "cons_guest", ConsumerID: "cons_1"})
	_, purgeErr := store.Purge(ctx, consumer.Purge{Before: moment(), Limit: 1})
	_, keyErr := store.OrganizationByAPIKey(ctx, [32]byte{}, moment())
	_, keysErr := store.APIKeys(ctx, "org_1")
	_, completeErr := store.Complete(ctx, consumer.Completion{
		OrganizationID: "org_1", ConsumerID: "cons_1", DistributionType: consumer.Queue, DistributionID: "queue_1",
		AdmissionToken: "token", OrderID: "order_1", At: moment(),
	})
	return map[string]error{
		"Complete": completeErr,
		"Consumer": consumerErr, "Consumers": consumersErr, "Snapshot": snapshotErr, "Export": exportErr,
		"Write": writeErr, "Merge": mergeErr, "Purge": purgeErr, "OrganizationByAPIKey": keyErr, "APIKeys": keysErr,
		"RevokeAPIKey": store.RevokeAPIKey(ctx, "org_1", [32]byte{}, moment()),
		"Erase":        store.Erase(ctx, consumer.Key{OrganizationID: "org_1", ConsumerID: "cons_1"}), "Ping": store.Ping(ctx),
	}
}

func wantEveryMethod(t *testing.T, store *postgres.Store, want error) {
	t.Helper()
	for method, err := range everyMethod(t.Context(), store) {
		if !errors.Is(err, want) {
			t.Errorf("%s returned the error %v, want %v", method, err, want)
		}
	}
}

func moment() time.Time { return time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC) }

// aConsumer returns a consumer with two records.
func aConsumer(id string) consumer.Batch {
	return consumer.Batch{
		Consumers: []consumer.Consumer{{OrganizationID: "org_1", ID: id, Email: new("ada@example.com"), CreatedAt: moment(), UpdatedAt: moment()}},
		Participations: []consumer.Participation{{
			OrganizationID: "org_1", ConsumerID: id, Type: consumer.Queue, ID: "queue_1",
			ExperienceID: "exp_1", SequenceID: "seq_1", Status: consumer.StatusQueued, EnteredAt: moment(), UpdatedAt: moment(),
		}},
		Admissions: []consumer.Admission{{
			OrganizationID: "org_1", ConsumerID: id, DistributionType: consumer.Queue, DistributionID: "queue_2",
			ExperienceID: "exp_1", SequenceID: "seq_1", AdmissionToken: "secret-token", AdmittedAt: moment(), UpdatedAt: moment(),
		}},
	}
}

func wantConsumer(t *testing.T, store *postgres.Store, id string) {
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
	t.Parallel()
	store := newStore(t, postgrestest.URL(t))
	for range 2 {
		if err := store.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	}
}

func TestClosedStoreIsUnavailable(t *testing.T) {
	t.Parallel()
	database := postgrestest.URL(t)
	used, unused := newStore(t, database), newStore(t, database)
	if _, err := used.Write(t.Context(), aConsumer("cons_1")); err != nil {
		t.Fatal(err)
	}
	wantConsumer(t, used, "cons_1")
	for _, store := range []*postgres.Store{used, unused} {
		if err := store.Close(); err != nil {
			t.Fatal(err)
		}
		wantEveryMethod(t, store, consumer.ErrUnavailable)
		if err := store.Migrate(t.Context()); !errors.Is(err, consumer.ErrUnavailable) {
			t.Errorf("Migrate returned the error %v, want ErrUnavailable", err)
		}
	}
}
