package postgres_test

import (
	"context"
	"errors"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/jmoiron/sqlx"

	"github.com/rejoinhq/rejoin/consumer"
	"github.com/rejoinhq/rejoin/storage/postgres"
	"github.com/rejoinhq/rejoin/storage/postgres/postgrestest"
	"github.com/rejoinhq/rejoin/storage/storagetest"
)

func TestStore(t *testing.T) {
	storagetest.Run(t, func(t *testing.T) consumer.Store { return newStore(t, postgrestest.URL(t)) })
}

// openStore opens a database as it is, and closes it with the test.
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
	u.RawQuery = strings.ReplaceAll(parameters.Encode(), "+", "%20") // a plus is no space there
	return u.String()
}

// openRaw opens the database beside the store, to do what no Store does.
func openRaw(t testing.TB, url string) *sqlx.DB {
	t.Helper()
	db, err := sqlx.Open("pgx", url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

func execRaw(t testing.TB, db *sqlx.DB, statement string, parameters ...any) {
	t.Helper()
	if _, err := db.ExecContext(t.Context(), statement, parameters...); err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
}

// everyMethod returns the errors of all methods that need the schema.
func everyMethod(ctx context.Context, store *postgres.Store) map[string]error {
	_, consumerErr := store.Consumer(ctx, "org_1", "cons_1")
	_, consumersErr := store.Consumers(ctx, "org_1", []string{"cons_1"})
	_, snapshotErr := store.Snapshot(ctx, "org_1", "cons_1")
	_, exportErr := store.Export(ctx, "org_1", "cons_1")
	_, writeErr := store.Write(ctx, aConsumer("cons_1"))
	_, mergeErr := store.Merge(ctx, "org_1", "cons_guest", "cons_1")
	_, purgeErr := store.Purge(ctx, moment(), 1)
	_, keyErr := store.OrganizationByKey(ctx, [32]byte{}, moment())
	_, keysErr := store.APIKeys(ctx, "org_1")
	return map[string]error{
		"Consumer": consumerErr, "Consumers": consumersErr, "Snapshot": snapshotErr, "Export": exportErr,
		"Write": writeErr, "Merge": mergeErr, "Purge": purgeErr, "OrganizationByKey": keyErr, "APIKeys": keysErr,
		"RevokeAPIKey": store.RevokeAPIKey(ctx, "org_1", [32]byte{}, moment()),
		"Erase":        store.Erase(ctx, "org_1", "cons_1"), "Ping": store.Ping(ctx),
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

// aConsumer is a consumer with two records, in one write.
func aConsumer(id string) consumer.Batch {
	return consumer.Batch{
		Consumers: []consumer.Consumer{{OrganizationID: "org_1", ID: id, Email: new("ada@example.com"), CreatedAt: moment()}},
		Participations: []consumer.Participation{{
			OrganizationID: "org_1", ConsumerID: id, Type: consumer.Queue, ID: "queue_1",
			ExperienceID: "exp_1", SequenceID: "seq_1", Status: consumer.StatusQueued, EnteredAt: moment(),
		}},
		Admissions: []consumer.Admission{{
			OrganizationID: "org_1", ConsumerID: id, DistributionType: consumer.Queue, DistributionID: "queue_2",
			ExperienceID: "exp_1", SequenceID: "seq_1", AdmissionToken: "secret-token", AdmittedAt: moment(),
		}},
	}
}

func wantConsumer(t *testing.T, store *postgres.Store, id string) {
	t.Helper()
	s, err := store.Snapshot(t.Context(), "org_1", id)
	if err != nil {
		t.Fatalf("Snapshot of %s: %v", id, err)
	}
	if len(s.Participations) != 1 || len(s.Admissions) != 1 {
		t.Fatalf("%s has %d participations and %d admissions, want one of each", id, len(s.Participations), len(s.Admissions))
	}
}

func TestCloseTwice(t *testing.T) {
	store := newStore(t, postgrestest.URL(t))
	for range 2 {
		if err := store.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	}
}

func TestClosedStoreIsUnavailable(t *testing.T) {
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

// TestExecModes holds for URLs that suit a pooler between the store and the server.
func TestExecModes(t *testing.T) {
	for _, mode := range []string{"cache_statement", "cache_describe", "describe_exec", "exec", "simple_protocol"} {
		t.Run(mode, func(t *testing.T) {
			store := newStore(t, withParameter(t, postgrestest.URL(t), "default_query_exec_mode", mode))
			batch := aConsumer("cons_1")
			batch.Participations[0].ExpiresAt = new(moment())
			batch.APIKeys = []consumer.APIKey{{OrganizationID: "org_1", Kind: consumer.SecretKey, Digest: [32]byte{1}, CreatedAt: moment()}}
			if result, err := store.Write(t.Context(), batch); err != nil || result.Applied != 3 {
				t.Fatalf("Write returned %+v and the error %v", result, err)
			}
			wantConsumer(t, store, "cons_1")
			if organization, err := store.OrganizationByKey(t.Context(), [32]byte{1}, moment()); err != nil || organization != "org_1" {
				t.Errorf("OrganizationByKey returned %q and the error %v", organization, err)
			}
			if profiles, err := store.Consumers(t.Context(), "org_1", []string{"cons_1", "cons_2"}); err != nil || len(profiles) != 1 {
				t.Errorf("Consumers returned %v and the error %v", profiles, err)
			}
			if deleted, err := store.Purge(t.Context(), moment().Add(time.Second), 10); err != nil || deleted != 1 {
				t.Errorf("Purge returned %d and the error %v", deleted, err)
			}
			guest := aConsumer("cons_guest")
			if _, err := store.Write(t.Context(), guest); err != nil {
				t.Fatal(err)
			}
			if result, err := store.Merge(t.Context(), "org_1", "cons_guest", "cons_1"); err != nil || result.Applied != 1 || result.Stale != 1 {
				t.Errorf("Merge returned %+v and the error %v", result, err)
			}
			if _, err := store.Write(t.Context(), guest); !errors.Is(err, consumer.ErrErased) {
				t.Errorf("Write returned the error %v, want ErrErased", err)
			}
			if keys, err := store.APIKeys(t.Context(), "org_1"); err != nil || len(keys) != 1 {
				t.Errorf("APIKeys returned %v and the error %v", keys, err)
			}
		})
	}
}
