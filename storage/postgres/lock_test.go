package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/rejoinhq/rejoin/consumer"
	"github.com/rejoinhq/rejoin/storage/postgres"
	"github.com/rejoinhq/rejoin/storage/postgres/postgrestest"
)

// eventually waits until a condition holds.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	deadline := time.After(testTimeout)
	poll := time.NewTicker(2 * time.Millisecond)
	defer poll.Stop()
	for !holds() {
		select {
		case <-deadline:
			t.Fatalf("timeout: %s", what)
		case <-poll.C:
		}
	}
}

// count returns the number that a statement selects.
func count(t *testing.T, db *pgxpool.Pool, statement string, parameters ...any) (n int) {
	t.Helper()
	if err := db.QueryRow(t.Context(), statement, parameters...).Scan(&n); err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
	return n
}

// waiting returns the number of connections to this database that wait for a lock of a type.
func waiting(t *testing.T, db *pgxpool.Pool, lock string) int {
	t.Helper()
	return count(t, db, `SELECT count(*) FROM pg_stat_activity
		WHERE datname = current_database() AND wait_event_type = 'Lock' AND wait_event = $1`, lock)
}

// holdTable locks a table in a transaction: SHARE mode blocks writes, ACCESS EXCLUSIVE mode also
// blocks reads.
func holdTable(t *testing.T, db *pgxpool.Pool, table, mode string) pgx.Tx {
	t.Helper()
	tx, err := db.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = tx.Rollback(context.Background()) })
	if _, err := tx.Exec(t.Context(), `LOCK TABLE `+table+` IN `+mode+` MODE`); err != nil {
		t.Fatal(err)
	}
	return tx
}

func TestStoresOnOneDatabaseLoseNoWrite(t *testing.T) {
	t.Parallel()
	const writes = 50
	url := postgrestest.URL(t)
	stores := []*postgres.Store{newStore(t, url), newStore(t, url)}
	var all sync.WaitGroup
	for s, store := range stores {
		for w := range 4 {
			all.Go(func() {
				for n := range writes {
					if _, err := store.Write(t.Context(), aConsumer(fmt.Sprintf("cons_%d_%d_%d", s, w, n))); err != nil {
						t.Errorf("Write: %v", err)
					}
				}
			})
		}
	}
	all.Wait()
	for s := range stores {
		for w := range 4 {
			for n := range writes {
				wantConsumer(t, stores[1-s], fmt.Sprintf("cons_%d_%d_%d", s, w, n)) // through the other store
			}
		}
	}
}

// TestLateWriteDoesNotRevive stops a write after it has read which consumers were erased, and
// removes its consumer meanwhile. The default isolation level must not matter.
func TestLateWriteDoesNotRevive(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		remove func(context.Context, *postgres.Store) error
		want   error // of a later write
		moved  int   // the number of late participations of the other consumer
	}{
		"an erased consumer": {func(ctx context.Context, store *postgres.Store) error {
			return store.Erase(ctx, consumer.Key{OrganizationID: "org_1", ConsumerID: "cons_going"})
		}, consumer.ErrErased, 0},
		"a merged guest": {func(ctx context.Context, store *postgres.Store) error {
			_, err := store.Merge(ctx, consumer.Merge{OrganizationID: "org_1", GuestID: "cons_going", ConsumerID: "cons_staying"})
			return err
		}, nil, 1},
	} {
		for _, level := range []string{"read committed", "repeatable read", "serializable"} {
			t.Run(name+" with "+level, func(t *testing.T) {
				url := postgrestest.URL(t)
				withLevel := withParameter(t, url, "default_transaction_isolation", level)
				newStore(t, url)
				// Its one connection has prepared the statement when the table is held. To prepare it
				// would wait for the table, before the transaction begins.
				writer := openWith(t, postgres.Options{URL: withLevel, MaxConnections: 1})
				other, raw := openStore(t, withLevel), openRaw(t, url)
				for _, id := range []string{"cons_going", "cons_staying"} {
					if _, err := writer.Write(t.Context(), aConsumer(id)); err != nil {
						t.Fatal(err)
					}
				}
				held := holdTable(t, raw, "participations", "SHARE")
				late := aConsumer("cons_going")
				late.Participations[0].ID = "queue_late"
				var all sync.WaitGroup
				all.Go(func() {
					if _, err := writer.Write(t.Context(), late); err != nil {
						t.Errorf("Write: %v", err)
					}
				})
				eventually(t, "the write has read which consumers were erased", func() bool { return waiting(t, raw, "relation") == 1 })
				all.Go(func() {
					if err := c.remove(t.Context(), other); err != nil {
						t.Errorf("removing the consumer: %v", err)
					}
				})
				eventually(t, "the other waits for the write", func() bool { return waiting(t, raw, "advisory") == 1 })
				if err := held.Rollback(t.Context()); err != nil {
					t.Fatal(err)
				}
				all.Wait()
				for _, table := range []string{"participations", "admissions"} {
					if n := count(t, raw, `SELECT count(*) FROM `+table+` WHERE consumer_id = 'cons_going'`); n != 0 {
						t.Errorf("%d %s remain", n, table)
					}
				}
				if _, err := writer.Consumer(t.Context(), consumer.Key{OrganizationID: "org_1", ConsumerID: "cons_going"}); !errors.Is(err, consumer.ErrNotFound) {
					t.Errorf("Consumer returned the error %v, want ErrNotFound", err)
				}
				if n := count(t, raw, `SELECT count(*) FROM participations WHERE consumer_id = 'cons_staying' AND id = 'queue_late'`); n != c.moved {
					t.Errorf("%d late participations were moved, want %d", n, c.moved)
				}
				if result, err := writer.Write(t.Context(), late); !errors.Is(err, c.want) || result.Applied != 0 {
					t.Errorf("Write returned %+v and the error %v, want the error %v", result, err, c.want)
				}
			})
		}
	}
}

// TestWaitingWriteIsRefused makes a write wait for an erasure.
func TestWaitingWriteIsRefused(t *testing.T) {
	t.Parallel()
	url := postgrestest.URL(t)
	store, raw := newStore(t, url), openRaw(t, url)
	if _, err := store.Write(t.Context(), aConsumer("cons_1")); err != nil {
		t.Fatal(err)
	}
	held := holdTable(t, raw, "former_consumers", "SHARE")
	var all sync.WaitGroup
	all.Go(func() {
		if err := store.Erase(t.Context(), consumer.Key{OrganizationID: "org_1", ConsumerID: "cons_1"}); err != nil {
			t.Errorf("Erase: %v", err)
		}
	})
	eventually(t, "the erasure is about to be entered", func() bool { return waiting(t, raw, "relation") == 1 })
	all.Go(func() {
		if _, err := store.Write(t.Context(), aConsumer("cons_1")); !errors.Is(err, consumer.ErrErased) {
			t.Errorf("Write returned the error %v, want ErrErased", err)
		}
	})
	eventually(t, "the write waits for the erasure", func() bool { return waiting(t, raw, "advisory") == 1 })
	if _, err := store.Write(t.Context(), consumer.Batch{Consumers: []consumer.Consumer{{OrganizationID: "org_2", ID: "cons_1", CreatedAt: moment(), UpdatedAt: moment()}}}); err != nil {
		t.Errorf("Write to another organization: %v", err)
	}
	if err := held.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	all.Wait()
}

// TestEverythingAtOnce runs all kinds of transactions concurrently on few records: a call
// returns no deadlock and only errors of its contract.
func TestEverythingAtOnce(t *testing.T) {
	t.Parallel()
	url := postgrestest.URL(t)
	stores := []*postgres.Store{newStore(t, url), newStore(t, url)}
	const rounds = 40
	var all sync.WaitGroup
	for s, store := range stores {
		for w := range 3 {
			all.Go(func() {
				for n := range rounds {
					var batch consumer.Batch
					for i := range 20 {
						one := aConsumer(fmt.Sprintf("cons_%d", (i*(w+1)*(s+3)+n)%20)) // each writer in another order
						one.Participations[0].UpdatedAt = moment().Add(time.Duration(n) * time.Second)
						one.Participations[0].Status = []consumer.Status{consumer.StatusQueued, consumer.StatusLeft}[(n+i)%2]
						one.Consumers[0].OrganizationID = fmt.Sprintf("org_%d", i%3)
						batch.Consumers = append(batch.Consumers, one.Consumers...)
						batch.Participations = append(batch.Participations, one.Participations...)
						batch.Admissions = append(batch.Admissions, one.Admissions...)
						batch.APIKeys = append(batch.APIKeys, consumer.APIKey{
							OrganizationID: "org_1", Kind: consumer.SecretKey, CreatedAt: moment(), Digest: [32]byte{1, byte(i*(w+1)) % 20, byte(n)},
						})
					}
					if _, err := store.Write(t.Context(), batch); err != nil && !errors.Is(err, consumer.ErrErased) {
						t.Errorf("Write: %v", err)
					}
				}
			})
		}
		all.Go(func() {
			for n := range rounds {
				if _, err := store.Purge(t.Context(), consumer.Purge{Before: moment().Add(time.Duration(n) * time.Second), Limit: 7}); err != nil {
					t.Errorf("Purge: %v", err)
				}
			}
		})
		all.Go(func() {
			for n := range rounds / 4 {
				guest := aConsumer(fmt.Sprintf("cons_guest_%d_%d", s, n))
				if _, err := store.Write(t.Context(), guest); err != nil {
					t.Errorf("Write: %v", err)
				}
				if _, err := store.Merge(t.Context(), consumer.Merge{OrganizationID: "org_1", GuestID: guest.Consumers[0].ID, ConsumerID: "cons_0"}); err != nil && !errors.Is(err, consumer.ErrNotFound) {
					t.Errorf("Merge: %v", err)
				}
				if err := store.Erase(t.Context(), consumer.Key{OrganizationID: "org_1", ConsumerID: guest.Consumers[0].ID}); err != nil {
					t.Errorf("Erase: %v", err)
				}
			}
		})
	}
	all.Wait()
	for _, store := range stores {
		wantIdle(t, store)
	}
}

// wantIdle checks that no connection of an unused store is in use: such a connection has
// leaked. A connection that is being made for a canceled call counts for a moment.
func wantIdle(t *testing.T, store *postgres.Store) {
	t.Helper()
	eventually(t, "no connection is in use", func() bool { return store.Primary().Stat().AcquiredConns() == 0 })
	if stat := store.Primary().Stat(); stat.TotalConns() > stat.MaxConns() {
		t.Errorf("%d connections are open", stat.TotalConns())
	}
}

// TestCanceledCallStopsItsStatement cancels a call that waits for a table lock.
func TestCanceledCallStopsItsStatement(t *testing.T) {
	t.Parallel()
	for name, call := range map[string]func(context.Context, *postgres.Store) error{
		"a read": func(ctx context.Context, store *postgres.Store) error {
			_, err := store.Snapshot(ctx, consumer.Key{OrganizationID: "org_1", ConsumerID: "cons_1"})
			return err
		},
		"a write": func(ctx context.Context, store *postgres.Store) error {
			_, err := store.Write(ctx, aConsumer("cons_1"))
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			url := postgrestest.URL(t)
			store, raw := newNarrowStore(t, url), openRaw(t, url)
			if _, err := store.Write(t.Context(), aConsumer("cons_1")); err != nil {
				t.Fatal(err)
			}
			before := count(t, store.Primary(), `SELECT pg_backend_pid()`)
			held := holdTable(t, raw, "consumers", "ACCESS EXCLUSIVE")
			for range 5 {
				ctx, cancel := context.WithCancel(t.Context())
				failed := make(chan error)
				go func() { failed <- call(ctx, store) }()
				eventually(t, "the call waits for the table", func() bool { return waiting(t, raw, "relation") == 1 })
				begun := time.Now()
				cancel()
				if err := <-failed; !errors.Is(err, context.Canceled) {
					t.Errorf("the call returned the error %v, want context.Canceled", err)
				}
				if waited := time.Since(begun); waited > testTimeout {
					t.Errorf("the canceled call took %v", waited)
				}
				if n := waiting(t, raw, "relation"); n != 0 {
					t.Errorf("%d statements are still running", n)
				}
				if n := count(t, raw, `SELECT count(*) FROM pg_stat_activity
					WHERE datname = current_database() AND state LIKE 'idle in transaction%' AND pid = $1`, before); n != 0 {
					t.Error("the transaction is still open")
				}
			}
			wantIdle(t, store)
			if after := count(t, store.Primary(), `SELECT pg_backend_pid()`); after != before {
				t.Errorf("the connection was replaced: process %d is now %d", before, after)
			}
			if err := held.Rollback(t.Context()); err != nil {
				t.Fatal(err)
			}
			wantConsumer(t, store, "cons_1")
		})
	}
}

// TestCanceledCallsDoNotAffectOthers cancels reads and writes at random times. The next calls
// on the same connections must succeed.
func TestCanceledCallsDoNotAffectOthers(t *testing.T) {
	t.Parallel()
	store := newStore(t, postgrestest.URL(t))
	if _, err := store.Write(t.Context(), aConsumer("cons_1")); err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	for w := range 4 {
		all.Go(func() {
			for n := range 100 {
				ctx, cancel := context.WithTimeout(t.Context(), time.Duration(n%20)*100*time.Microsecond)
				if _, err := store.Snapshot(ctx, consumer.Key{OrganizationID: "org_1", ConsumerID: "cons_1"}); err != nil && !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("Snapshot: %v", err)
				}
				if _, err := store.Write(ctx, aConsumer(fmt.Sprintf("cons_%d", w))); err != nil && !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("Write: %v", err)
				}
				cancel()
				if _, err := store.Snapshot(t.Context(), consumer.Key{OrganizationID: "org_1", ConsumerID: "cons_1"}); err != nil {
					t.Errorf("Snapshot afterwards: %v", err)
				}
			}
		})
	}
	all.Wait()
	wantIdle(t, store)
	if result, err := store.Write(t.Context(), aConsumer("cons_new")); err != nil || result.Applied != 3 {
		t.Errorf("Write returned %+v and the error %v", result, err)
	}
}

func TestWaitingForAConnectionEndsWithTheDeadline(t *testing.T) {
	t.Parallel()
	store := newNarrowStore(t, postgrestest.URL(t))
	only, err := store.Primary().Acquire(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for method, err := range func() map[string]error {
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		return everyMethod(ctx, store)
	}() {
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%s returned the error %v, want context.DeadlineExceeded", method, err)
		}
	}
	only.Release()
	if err := store.Ping(t.Context()); err != nil {
		t.Errorf("Ping: %v", err)
	}
}

// TestLocksAreFew writes records of many organizations at once: the server has one lock table
// for all databases.
func TestLocksAreFew(t *testing.T) {
	t.Parallel()
	const organizations, most = 20_000, 256
	url := postgrestest.URL(t)
	store, raw := newStore(t, url), openRaw(t, url)
	var batch consumer.Batch
	for n := range organizations {
		batch.Consumers = append(batch.Consumers, consumer.Consumer{
			OrganizationID: fmt.Sprintf("org_%d", n), ID: "cons_1", CreatedAt: moment(), UpdatedAt: moment(),
		})
	}
	held := holdTable(t, raw, "consumers", "SHARE")
	written := make(chan error, 1)
	go func() {
		_, err := store.Write(t.Context(), batch)
		written <- err
	}()
	eventually(t, "the write waits for the table", func() bool { return waiting(t, raw, "relation") == 1 || len(written) > 0 })
	if n := count(t, raw, `SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND classid = 1919249007`); n > most {
		t.Errorf("the write holds %d locks", n)
	}
	if err := held.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := <-written; err != nil {
		t.Errorf("Write: %v", err)
	}
}
