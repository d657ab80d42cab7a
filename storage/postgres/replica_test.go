package postgres_test

import (
	"errors"
	"testing"

	"github.com/rejoinhq/rejoin/consumer"
	"github.com/rejoinhq/rejoin/storage/postgres"
	"github.com/rejoinhq/rejoin/storage/postgres/postgrestest"
)

// openPair opens a database with a replica. Two independent databases act as a replica that
// never catches up.
func openPair(t *testing.T, primary, replica string) *postgres.Store {
	t.Helper()
	store, err := postgres.Open(t.Context(), postgres.Options{URL: primary, ReadURL: replica})
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

func TestReplicaServesReads(t *testing.T) {
	t.Parallel()
	primaryURL, replicaURL := postgrestest.URL(t), postgrestest.URL(t)
	primary, replica := newStore(t, primaryURL), newStore(t, replicaURL)
	for store, id := range map[*postgres.Store]string{primary: "cons_primary", replica: "cons_replica"} {
		if _, err := store.Write(t.Context(), aConsumer(id)); err != nil {
			t.Fatal(err)
		}
	}
	store := openPair(t, primaryURL, replicaURL)
	wantConsumer(t, store, "cons_replica")
	if _, err := store.Consumer(t.Context(), consumer.Key{OrganizationID: "org_1", ConsumerID: "cons_primary"}); !errors.Is(err, consumer.ErrNotFound) {
		t.Errorf("Consumer returned the error %v, want ErrNotFound", err)
	}
	profiles, err := store.Consumers(t.Context(), "org_1", []string{"cons_primary", "cons_replica"})
	if _, ok := profiles["cons_replica"]; err != nil || len(profiles) != 1 || !ok {
		t.Errorf("Consumers returned %v and the error %v, want the replica's", profiles, err)
	}
}

func TestPrimaryServesTheRest(t *testing.T) {
	t.Parallel()
	primaryURL, replicaURL := postgrestest.URL(t), postgrestest.URL(t)
	primary := newStore(t, primaryURL)
	newStore(t, replicaURL)
	store := openPair(t, primaryURL, replicaURL)
	batch := aConsumer("cons_1")
	batch.APIKeys = []consumer.APIKey{{OrganizationID: "org_1", Kind: consumer.SecretKey, Digest: [32]byte{1}, CreatedAt: moment()}}
	if _, err := store.Write(t.Context(), batch); err != nil {
		t.Fatal(err)
	}
	wantConsumer(t, primary, "cons_1")
	if _, err := store.Export(t.Context(), consumer.Key{OrganizationID: "org_1", ConsumerID: "cons_1"}); err != nil {
		t.Errorf("Export: %v", err)
	}
	if organization, err := store.OrganizationByAPIKey(t.Context(), [32]byte{1}, moment()); err != nil || organization != "org_1" {
		t.Errorf("OrganizationByAPIKey returned %q and the error %v", organization, err)
	}
	if keys, err := store.APIKeys(t.Context(), "org_1"); err != nil || len(keys) != 1 {
		t.Errorf("APIKeys returned %v and the error %v", keys, err)
	}
	if err := store.Erase(t.Context(), consumer.Key{OrganizationID: "org_1", ConsumerID: "cons_1"}); err != nil {
		t.Errorf("Erase: %v", err)
	}
	if _, err := primary.Consumer(t.Context(), consumer.Key{OrganizationID: "org_1", ConsumerID: "cons_1"}); !errors.Is(err, consumer.ErrNotFound) {
		t.Errorf("Consumer returned the error %v, want ErrNotFound", err)
	}
}

func TestReplicaWithoutTheSchemaIsRefused(t *testing.T) {
	t.Parallel()
	primaryURL, replicaURL := postgrestest.URL(t), postgrestest.URL(t)
	newStore(t, primaryURL)
	store := openPair(t, primaryURL, replicaURL)
	if _, err := store.Snapshot(t.Context(), consumer.Key{OrganizationID: "org_1", ConsumerID: "cons_1"}); !errors.Is(err, consumer.ErrSchema) {
		t.Errorf("Snapshot returned the error %v, want ErrSchema", err)
	}
	if err := store.Ping(t.Context()); !errors.Is(err, consumer.ErrSchema) {
		t.Errorf("Ping returned the error %v, want ErrSchema", err)
	}
	newStore(t, replicaURL)
	makeNewer(t, replicaURL)
	if _, err := store.Snapshot(t.Context(), consumer.Key{OrganizationID: "org_1", ConsumerID: "cons_1"}); !errors.Is(err, consumer.ErrSchema) {
		t.Errorf("Snapshot returned the error %v, want ErrSchema", err)
	}
	_, err := postgres.Open(t.Context(), postgres.Options{URL: primaryURL, ReadURL: replicaURL})
	if !errors.Is(err, consumer.ErrSchema) {
		t.Errorf("Open returned the error %v, want ErrSchema", err)
	}
}

func TestPoolsAreBounded(t *testing.T) {
	t.Parallel()
	primaryURL, replicaURL := postgrestest.URL(t), postgrestest.URL(t)
	for rule, c := range map[string]struct {
		options postgres.Options
		want    int
	}{
		"default": {postgres.Options{URL: primaryURL, ReadURL: replicaURL}, 8},
		"option":  {postgres.Options{URL: primaryURL, ReadURL: replicaURL, MaxConnections: 3}, 3},
	} {
		t.Run(rule, func(t *testing.T) {
			store, err := postgres.Open(t.Context(), c.options)
			if err != nil {
				t.Fatal(err)
			}
			defer store.Close()
			if n := store.Primary().Stat().MaxConns(); int(n) != c.want {
				t.Errorf("%d connections to the primary, want %d", n, c.want)
			}
			if n := store.Reading().Stat().MaxConns(); int(n) != c.want {
				t.Errorf("%d connections to the replica, want %d", n, c.want)
			}
		})
	}
}
