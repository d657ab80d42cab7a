package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/jmoiron/sqlx"

	"github.com/rejoinhq/rejoin/consumer"
	"github.com/rejoinhq/rejoin/storage/postgres"
	"github.com/rejoinhq/rejoin/storage/postgres/postgrestest"
)

// eventually waits for what another process does.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	deadline := time.After(30 * time.Second)
	poll := time.NewTicker(2 * time.Millisecond)
	defer poll.Stop()
	for !holds() {
		select {
		case <-deadline:
			t.Fatalf("in vain waited until %s", what)
		case <-poll.C:
		}
	}
}

// count returns the number that a statement selects.
func count(t *testing.T, db *sqlx.DB, statement string, parameters ...any) (n int) {
	t.Helper()
	if err := db.GetContext(t.Context(), &n, statement, parameters...); err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
	return n
}

// waiting counts the connections of this database that wait for a lock of a type.
func waiting(t *testing.T, db *sqlx.DB, lock string) int {
	t.Helper()
	return count(t, db, `SELECT count(*) FROM pg_stat_activity
		WHERE datname = current_database() AND wait_event_type = 'Lock' AND wait_event = $1`, lock)
}

// holdTable lets nobody write a table, and in the stronger mode nobody read it,
// until the transaction ends.
func holdTable(t *testing.T, db *sqlx.DB, table, mode string) *sqlx.Tx {
	t.Helper()
	tx, err := db.BeginTxx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.ExecContext(t.Context(), `LOCK TABLE `+table+` IN `+mode+` MODE`); err != nil {
		t.Fatal(err)
	}
	return tx
}

func TestStoresOnOneDatabaseLoseNoWrite(t *testing.T) {
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

// TestLateWriteDoesNotRevive stops a write between its question who was erased and
// its answer, and lets the consumer go meanwhile. It holds whatever level of
// isolation the server gives by default.
func TestLateWriteDoesNotRevive(t *testing.T) {
	for name, goes := range map[string]func(context.Context, *postgres.Store) error{
		"an erased consumer": func(ctx context.Context, store *postgres.Store) error {
			return store.Erase(ctx, "org_1", "cons_going")
		},
		"a merged guest": func(ctx context.Context, store *postgres.Store) error {
			_, err := store.Merge(ctx, "org_1", "cons_going", "cons_staying")
			return err
		},
	} {
		for _, level := range []string{"read committed", "repeatable read", "serializable"} {
			t.Run(name+" with "+level, func(t *testing.T) {
				url := postgrestest.URL(t)
				withLevel := withParameter(t, url, "default_transaction_isolation", level)
				writer, other, raw := newStore(t, withLevel), openStore(t, withLevel), openRaw(t, url)
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
				eventually(t, "the write has asked who was erased", func() bool { return waiting(t, raw, "relation") == 1 })
				all.Go(func() {
					if err := goes(t.Context(), other); err != nil {
						t.Errorf("making it go: %v", err)
					}
				})
				eventually(t, "the other waits for the write", func() bool { return waiting(t, raw, "advisory") == 1 })
				if err := held.Rollback(); err != nil {
					t.Fatal(err)
				}
				all.Wait()
				for _, table := range []string{"participations", "admissions"} {
					if n := count(t, raw, `SELECT count(*) FROM `+table+` WHERE consumer_id = 'cons_going'`); n != 0 {
						t.Errorf("%d %s are left", n, table)
					}
				}
				if _, err := writer.Consumer(t.Context(), "org_1", "cons_going"); !errors.Is(err, consumer.ErrNotFound) {
					t.Errorf("Consumer returned the error %v, want ErrNotFound", err)
				}
				if _, err := writer.Write(t.Context(), late); !errors.Is(err, consumer.ErrErased) {
					t.Errorf("Write returned the error %v, want ErrErased", err)
				}
			})
		}
	}
}

// TestWaitingWriteIsRefused lets a write wait for an erasure instead.
func TestWaitingWriteIsRefused(t *testing.T) {
	url := postgrestest.URL(t)
	store, raw := newStore(t, url), openRaw(t, url)
	if _, err := store.Write(t.Context(), aConsumer("cons_1")); err != nil {
		t.Fatal(err)
	}
	held := holdTable(t, raw, "erasures", "SHARE")
	var all sync.WaitGroup
	all.Go(func() {
		if err := store.Erase(t.Context(), "org_1", "cons_1"); err != nil {
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
	if _, err := store.Write(t.Context(), consumer.Batch{Consumers: []consumer.Consumer{{OrganizationID: "org_2", ID: "cons_1", CreatedAt: moment()}}}); err != nil {
		t.Errorf("Write to another organization: %v", err)
	}
	if err := held.Rollback(); err != nil {
		t.Fatal(err)
	}
	all.Wait()
}

// TestEverythingAtOnce lets all kinds of transactions meet in random order on few
// records: no deadlock and nothing else but what the contract names reaches a caller.
func TestEverythingAtOnce(t *testing.T) {
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
						one := aConsumer(fmt.Sprintf("cons_%d", (i*(w+1)*(s+3)+n)%20)) // others in another order
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
				if _, err := store.Purge(t.Context(), moment().Add(time.Duration(n)*time.Second), 7); err != nil {
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
				if _, err := store.Merge(t.Context(), "org_1", guest.Consumers[0].ID, "cons_0"); err != nil && !errors.Is(err, consumer.ErrNotFound) {
					t.Errorf("Merge: %v", err)
				}
				if err := store.Erase(t.Context(), "org_1", guest.Consumers[0].ID); err != nil {
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

// wantIdle holds when nobody uses the store: a connection that stays in use has
// leaked. One that is just being made, for a caller who has left, counts as well.
func wantIdle(t *testing.T, store *postgres.Store) {
	t.Helper()
	eventually(t, "no connection is in use", func() bool { return store.Primary().Stats().InUse == 0 })
	if stats := store.Primary().Stats(); stats.OpenConnections > stats.MaxOpenConnections {
		t.Errorf("%d connections are open", stats.OpenConnections)
	}
}

// TestCancelledCallStopsItsStatement lets a call wait for a table that it will not
// get, and looks at the server.
func TestCancelledCallStopsItsStatement(t *testing.T) {
	for name, call := range map[string]func(context.Context, *postgres.Store) error{
		"a read": func(ctx context.Context, store *postgres.Store) error {
			_, err := store.Snapshot(ctx, "org_1", "cons_1")
			return err
		},
		"a write": func(ctx context.Context, store *postgres.Store) error {
			_, err := store.Write(ctx, aConsumer("cons_1"))
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			url := postgrestest.URL(t)
			store, raw := newStore(t, url), openRaw(t, url)
			if _, err := store.Write(t.Context(), aConsumer("cons_1")); err != nil {
				t.Fatal(err)
			}
			store.Primary().SetMaxOpenConns(1)
			var before, after int
			if err := store.Primary().Get(&before, `SELECT pg_backend_pid()`); err != nil {
				t.Fatal(err)
			}
			held := holdTable(t, raw, "consumers", "ACCESS EXCLUSIVE")
			defer held.Rollback()
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
				if waited := time.Since(begun); waited > 5*time.Second {
					t.Errorf("the cancelled call took %v", waited)
				}
				if n := waiting(t, raw, "relation"); n != 0 {
					t.Errorf("%d statements go on", n)
				}
				if n := count(t, raw, `SELECT count(*) FROM pg_stat_activity
					WHERE datname = current_database() AND state LIKE 'idle in transaction%' AND pid = $1`, before); n != 0 {
					t.Error("the transaction goes on")
				}
			}
			wantIdle(t, store)
			if err := store.Primary().Get(&after, `SELECT pg_backend_pid()`); err != nil || before != after {
				t.Errorf("the connection was replaced: process %d is now %d, error %v", before, after, err)
			}
			if err := held.Rollback(); err != nil {
				t.Fatal(err)
			}
			wantConsumer(t, store, "cons_1")
		})
	}
}

// TestCancelledCallsLeaveTheStoreWhole cancels reads and writes at random moments;
// the calls that follow on the same connections must not be hit.
func TestCancelledCallsLeaveTheStoreWhole(t *testing.T) {
	store := newStore(t, postgrestest.URL(t))
	if _, err := store.Write(t.Context(), aConsumer("cons_1")); err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	for w := range 4 {
		all.Go(func() {
			for n := range 100 {
				ctx, cancel := context.WithTimeout(t.Context(), time.Duration(n%20)*100*time.Microsecond)
				if _, err := store.Snapshot(ctx, "org_1", "cons_1"); err != nil && !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("Snapshot: %v", err)
				}
				if _, err := store.Write(ctx, aConsumer(fmt.Sprintf("cons_%d", w))); err != nil && !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("Write: %v", err)
				}
				cancel()
				if _, err := store.Snapshot(t.Context(), "org_1", "cons_1"); err != nil {
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
	store := newNarrowStore(t, postgrestest.URL(t))
	only, err := store.Primary().Connx(t.Context())
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
	if err := only.Close(); err != nil {
		t.Fatal(err)
	}
	if err := store.Ping(t.Context()); err != nil {
		t.Errorf("Ping: %v", err)
	}
}
