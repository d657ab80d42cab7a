package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"pgregory.net/rapid"

	"github.com/rejoinhq/rejoin/consumer"
	"github.com/rejoinhq/rejoin/consumer/event"
	"github.com/rejoinhq/rejoin/storage/memory"
	"github.com/rejoinhq/rejoin/storage/postgres"
	"github.com/rejoinhq/rejoin/storage/postgres/postgrestest"
	"github.com/rejoinhq/rejoin/storage/storagetest"
)

// ownPool returns a pool as a service has one, with a schema of its own.
func ownPool(t *testing.T, change ...func(*pgxpool.Config)) *pgxpool.Pool {
	t.Helper()
	url := postgrestest.URL(t)
	execRaw(t, openRaw(t, url), `CREATE SCHEMA shop`)
	config, err := pgxpool.ParseConfig(url)
	if err != nil {
		t.Fatal(err)
	}
	config.ConnConfig.RuntimeParams["search_path"] = "shop"
	for _, c := range change {
		c(config)
	}
	pool, err := pgxpool.NewWithConfig(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	return pool
}

// onPool returns a migrated Store on a pool.
func onPool(t *testing.T, pool *pgxpool.Pool) *postgres.Store {
	t.Helper()
	store, err := postgres.New(t.Context(), pool, postgres.PoolOptions{})
	if err != nil {
		t.Fatalf("New: %v", err)
	}
	t.Cleanup(func() { _ = store.Close() })
	if err := store.Migrate(t.Context()); err != nil {
		t.Fatalf("Migrate: %v", err)
	}
	return store
}

// TestVariantsOnThePoolOfTheCaller is one more of the variants of TestVariants.
func TestVariantsOnThePoolOfTheCaller(t *testing.T) {
	t.Parallel()
	if os.Getenv(variantsVariable) == "" {
		useEveryMethod(t, onPool(t, ownPool(t)))
		return
	}
	storagetest.Run(t, func(t *testing.T) (any, consumer.Store) { return onPool(t, ownPool(t)), nil })
}

func TestStoreKeepsToTheSchemaOfThePool(t *testing.T) {
	t.Parallel()
	pool := ownPool(t)
	store := onPool(t, pool)
	if _, err := store.Write(t.Context(), aConsumer("cons_1")); err != nil {
		t.Fatal(err)
	}
	if err := store.Ping(t.Context()); err != nil {
		t.Errorf("Ping: %v", err)
	}
	schemas := values[string](t, pool, `SELECT DISTINCT relnamespace::regnamespace::text FROM pg_class WHERE relname IN
		('consumers', 'participations', 'admissions', 'distributions', 'events', 'former_consumers', 'api_keys', 'rejoin_schema_version')`)
	if diff := cmp.Diff([]string{"shop"}, schemas); diff != "" {
		t.Errorf("schemas (-want +got):\n%s", diff)
	}
}

func TestCloseLeavesThePoolOfTheCallerOpen(t *testing.T) {
	t.Parallel()
	pool := ownPool(t)
	store := onPool(t, pool)
	followed := make(chan error, 1)
	listener := &txListener{following: make(chan bool, 10), told: make(chan consumer.Change, 10)}
	go func() { followed <- store.Changes(t.Context(), listener) }()
	<-listener.following
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-followed; !errors.Is(err, consumer.ErrUnavailable) {
		t.Errorf("Changes returned the error %v, want ErrUnavailable", err)
	}
	if err := pool.Ping(t.Context()); err != nil {
		t.Errorf("the pool: %v", err)
	}
}

func TestNewRefusesUnfitPools(t *testing.T) {
	t.Parallel()
	latin := ownPool(t, func(c *pgxpool.Config) { c.ConnConfig.RuntimeParams["client_encoding"] = "LATIN1" })
	for name, c := range map[string]struct {
		pool    *pgxpool.Pool
		options postgres.PoolOptions
		field   string
	}{
		"no pool":                          {nil, postgres.PoolOptions{}, "pool"},
		"another encoding":                 {latin, postgres.PoolOptions{}, "pool"},
		"a replica with another encoding":  {ownPool(t), postgres.PoolOptions{ReadPool: latin}, "ReadPool"},
		"a ListenURL that is not a string": {ownPool(t), postgres.PoolOptions{ListenURL: "postgres://%zz"}, "ListenURL"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := postgres.New(t.Context(), c.pool, c.options)
			var invalid *consumer.ValidationError
			if !errors.As(err, &invalid) || invalid.Fields[0].Field != c.field {
				t.Errorf("New returned the error %v, want a *consumer.ValidationError that names %s", err, c.field)
			}
		})
	}
}

// txListener passes on what a feed tells.
type txListener struct {
	following chan bool
	told      chan consumer.Change
}

func (l *txListener) Following()                     { l.following <- true }
func (l *txListener) Changed(change consumer.Change) { l.told <- change }
func (l *txListener) Confirmed(time.Time)            {}
func (l *txListener) Lost()                          {}

// TestTransactionOfTheCaller: the caller's row and the records are committed together or not
// at all, and the feed tells of the committed ones only.
func TestTransactionOfTheCaller(t *testing.T) {
	t.Parallel()
	pool := ownPool(t)
	store := onPool(t, pool)
	execRaw(t, pool, `CREATE TABLE orders (id text PRIMARY KEY)`)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	listener := &txListener{following: make(chan bool, 10), told: make(chan consumer.Change, 10)}
	ended := make(chan error, 1)
	go func() { ended <- store.Changes(ctx, listener) }()
	<-listener.following
	errRefused := errors.New("the caller rolls back")
	for _, c := range []struct {
		id  string
		end error
	}{{"cons_rolled_back", errRefused}, {"cons_committed", nil}} {
		err := pgx.BeginFunc(t.Context(), pool, func(tx pgx.Tx) error {
			if _, err := tx.Exec(t.Context(), `INSERT INTO orders VALUES ($1)`, c.id); err != nil {
				return err
			}
			if _, err := store.WriteTx(t.Context(), tx, aConsumer(c.id)); err != nil {
				return err
			}
			if _, err := store.RecordEventTx(t.Context(), tx, event.Event{
				OrganizationID: "org_1", ConsumerID: c.id, ID: "evt_" + c.id, Type: event.DrawEntered, At: moment(),
				SubjectID: "draw_1", ExperienceID: "exp_1", SequenceID: "seq_1",
			}); err != nil {
				return err
			}
			return c.end
		})
		if err != c.end {
			t.Fatalf("%s: error %v", c.id, err)
		}
	}
	if diff := cmp.Diff([]string{"cons_committed"}, values[string](t, pool, `SELECT id FROM orders`)); diff != "" {
		t.Errorf("orders (-want +got):\n%s", diff)
	}
	change := <-listener.told
	for _, hash := range change.Consumers {
		if want := (consumer.Key{OrganizationID: "org_1", ConsumerID: "cons_committed"}); hash != want.Hash() {
			t.Errorf("the feed told of %x, want %x", hash, want.Hash())
		}
	}
	export, err := store.Export(t.Context(), consumer.Key{OrganizationID: "org_1", ConsumerID: "cons_committed"})
	if err != nil || len(export.Participations) != 2 {
		t.Errorf("Export returned %+v and the error %v", export, err)
	}
	if _, err := store.Export(t.Context(), consumer.Key{OrganizationID: "org_1", ConsumerID: "cons_rolled_back"}); !errors.Is(err, consumer.ErrNotFound) {
		t.Errorf("Export returned the error %v, want ErrNotFound", err)
	}
	cancel()
	<-ended
}

// TestTransactionGoesOnAfterARefusedWrite: a refused batch has no effect, and the rest of the
// caller's transaction has.
func TestTransactionGoesOnAfterARefusedWrite(t *testing.T) {
	t.Parallel()
	pool := ownPool(t)
	store := onPool(t, pool)
	key := consumer.APIKey{OrganizationID: "org_2", Kind: consumer.SecretKey, Digest: [32]byte{1}, CreatedAt: moment()}
	if _, err := store.Write(t.Context(), consumer.Batch{APIKeys: []consumer.APIKey{key}}); err != nil {
		t.Fatal(err)
	}
	err := pgx.BeginFunc(t.Context(), pool, func(tx pgx.Tx) error {
		if err := store.EraseTx(t.Context(), tx, consumer.Key{OrganizationID: "org_1", ConsumerID: "cons_erased"}); err != nil {
			return err
		}
		if _, err := store.WriteTx(t.Context(), tx, aConsumer("cons_erased")); !errors.Is(err, consumer.ErrErased) {
			return fmt.Errorf("a write about an erased consumer: %w", err)
		}
		if result, err := store.RecordEventTx(t.Context(), tx, event.Event{
			OrganizationID: "org_1", ConsumerID: "cons_erased", ID: "evt_1", Type: event.DrawEntered, At: moment(),
			SubjectID: "draw_1", ExperienceID: "exp_1", SequenceID: "seq_1",
		}); err != nil || result != event.Ignored {
			return fmt.Errorf("an event about an erased consumer is %q: %w", result, err)
		}
		conflicting := aConsumer("cons_conflict")
		conflicting.APIKeys = []consumer.APIKey{{OrganizationID: "org_1", Kind: consumer.SecretKey, Digest: [32]byte{1}, CreatedAt: moment()}}
		if _, err := store.WriteTx(t.Context(), tx, conflicting); !errors.Is(err, consumer.ErrConflict) {
			return fmt.Errorf("a conflict: %w", err)
		}
		_, err := store.WriteTx(t.Context(), tx, aConsumer("cons_1"))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	wantConsumer(t, store, "cons_1")
	if _, err := store.Export(t.Context(), consumer.Key{OrganizationID: "org_1", ConsumerID: "cons_conflict"}); !errors.Is(err, consumer.ErrNotFound) {
		t.Errorf("Export returned the error %v, want ErrNotFound", err)
	}
	if _, err := store.Write(t.Context(), aConsumer("cons_erased")); !errors.Is(err, consumer.ErrErased) {
		t.Errorf("Write returned the error %v, want ErrErased", err)
	}
}

func TestTransactionsOfOtherIsolationLevelsAreRefused(t *testing.T) {
	t.Parallel()
	pool := ownPool(t)
	store := onPool(t, pool)
	for _, level := range []pgx.TxIsoLevel{pgx.RepeatableRead, pgx.Serializable} {
		err := pgx.BeginTxFunc(t.Context(), pool, pgx.TxOptions{IsoLevel: level}, func(tx pgx.Tx) error {
			_, err := store.WriteTx(t.Context(), tx, aConsumer("cons_1"))
			return err
		})
		var invalid *consumer.ValidationError
		if !errors.As(err, &invalid) || invalid.Fields[0].Field != "tx" {
			t.Errorf("%s: error %v, want a *consumer.ValidationError that names tx", level, err)
		}
	}
}

// TestTransactionsAndPlainWritersConverge: whatever the interleaving, the records are those
// of all committed writes.
func TestTransactionsAndPlainWritersConverge(t *testing.T) {
	t.Parallel()
	pool := ownPool(t)
	store := onPool(t, pool)
	history := 0
	rapid.Check(t, func(rt *rapid.T) {
		history++
		organizationID := fmt.Sprintf("org_tx_%d", history)
		model := new(memory.Store)
		type write struct {
			batches  []consumer.Batch
			own      bool
			rollback bool
		}
		var writes []write
		for range rapid.IntRange(1, 8).Draw(rt, "writes") {
			w := write{own: rapid.Bool().Draw(rt, "own"), rollback: rapid.Bool().Draw(rt, "rollback")}
			for range rapid.IntRange(1, 3).Draw(rt, "batches") {
				p := aConsumer("cons_1").Participations[0]
				p.OrganizationID = organizationID
				p.ID = rapid.SampledFrom([]string{"queue_1", "queue_2", "queue_3"}).Draw(rt, "queue")
				p.UpdatedAt = moment().Add(time.Duration(rapid.IntRange(0, 5).Draw(rt, "moment")) * time.Microsecond)
				w.batches = append(w.batches, consumer.Batch{Participations: []consumer.Participation{p}})
			}
			// Calls of one transaction in the order of their keys don't deadlock with others.
			slices.SortFunc(w.batches, func(a, b consumer.Batch) int {
				return slices.Compare([]string{a.Participations[0].ID}, []string{b.Participations[0].ID})
			})
			writes = append(writes, w)
			for _, b := range w.batches {
				if w.own && w.rollback {
					continue
				}
				if _, err := model.Write(t.Context(), b); err != nil {
					rt.Fatal(err)
				}
			}
		}
		errRollback := errors.New("roll back")
		var all sync.WaitGroup
		for _, w := range writes {
			all.Go(func() {
				if !w.own {
					for _, b := range w.batches {
						if _, err := store.Write(t.Context(), b); err != nil {
							rt.Errorf("Write: %v", err)
						}
					}
					return
				}
				err := pgx.BeginFunc(t.Context(), pool, func(tx pgx.Tx) error {
					for _, b := range w.batches {
						if _, err := store.WriteTx(t.Context(), tx, b); err != nil {
							return err
						}
					}
					if w.rollback {
						return errRollback
					}
					return nil
				})
				if err != nil && err != errRollback {
					rt.Errorf("WriteTx: %v", err)
				}
			})
		}
		all.Wait()
		key := consumer.Key{OrganizationID: organizationID, ConsumerID: "cons_1"}
		want, wantErr := model.Export(t.Context(), key)
		got, err := store.Export(t.Context(), key)
		if errors.Is(wantErr, consumer.ErrNotFound) != errors.Is(err, consumer.ErrNotFound) {
			rt.Fatalf("Export returned the error %v, the model's %v", err, wantErr)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			rt.Fatalf("export (-model +store):\n%s", diff)
		}
	})
}

// TestCompletionInATransactionOfTheCaller: the order and the completion are committed together
// or not at all. The second transaction waits for the first one: it completes the token if the
// first one is rolled back, and is told otherwise.
func TestCompletionInATransactionOfTheCaller(t *testing.T) {
	t.Parallel()
	pool := ownPool(t)
	store := onPool(t, pool)
	execRaw(t, pool, `CREATE TABLE orders (id text PRIMARY KEY)`)
	errRollback := errors.New("the payment was declined")
	for name, c := range map[string]struct {
		end    error // of the first transaction
		second error // of the second call
		orders []string
	}{
		"committed":   {nil, consumer.ErrAlreadyCompleted, []string{"order_1"}},
		"rolled back": {errRollback, nil, []string{"order_2"}},
	} {
		t.Run(name, func(t *testing.T) {
			execRaw(t, pool, `DELETE FROM orders`)
			batch := aConsumer("cons_" + strings.ReplaceAll(name, " ", "_"))
			if _, err := store.Write(t.Context(), batch); err != nil {
				t.Fatal(err)
			}
			completion := consumer.Completion{
				OrganizationID: "org_1", ConsumerID: batch.Consumers[0].ID, DistributionType: consumer.Queue, DistributionID: "queue_2",
				AdmissionToken: "secret-token", At: moment(),
			}
			sell := func(orderID string, meanwhile func() error) error {
				return pgx.BeginFunc(t.Context(), pool, func(tx pgx.Tx) error {
					if _, err := tx.Exec(t.Context(), `INSERT INTO orders VALUES ($1)`, orderID); err != nil {
						return err
					}
					ours := completion
					ours.OrderID = orderID
					if _, err := store.CompleteTx(t.Context(), tx, ours); err != nil {
						return err
					}
					return meanwhile()
				})
			}
			second := make(chan error, 1)
			first := sell("order_1", func() error {
				go func() { second <- sell("order_2", func() error { return nil }) }()
				waitForLock(t, pool)
				if s, err := store.Snapshot(t.Context(), completion.Key()); err != nil || len(s.Admissions) != 1 {
					t.Errorf("before the commit, Snapshot returned %+v and the error %v", s, err)
				}
				return c.end
			})
			if first != c.end {
				t.Errorf("the first transaction returned the error %v, want %v", first, c.end)
			}
			if err := <-second; !errors.Is(err, c.second) {
				t.Errorf("the second transaction returned the error %v, want %v", err, c.second)
			}
			if diff := cmp.Diff(c.orders, values[string](t, pool, `SELECT id FROM orders`)); diff != "" {
				t.Errorf("orders (-want +got):\n%s", diff)
			}
			if s, err := store.Snapshot(t.Context(), completion.Key()); err != nil || len(s.Admissions) != 0 {
				t.Errorf("Snapshot returned %+v and the error %v", s, err)
			}
			completion.OrderID = c.orders[0]
			if result, err := store.Complete(t.Context(), completion); err != nil || !result.Repeated {
				t.Errorf("Complete returned %+v and the error %v", result, err)
			}
		})
	}
}

// waitForLock returns when a transaction waits for a lock of another one.
func waitForLock(t *testing.T, pool *pgxpool.Pool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for waiting := 0; waiting == 0; {
		err := pool.QueryRow(ctx, `SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`).Scan(&waiting)
		if err != nil {
			t.Fatal(err)
		}
	}
}

// TestTransactionGoesOnAfterARefusedCompletion: the rest of the caller's transaction has its
// effect, and a completion that is not valid has none.
func TestTransactionGoesOnAfterARefusedCompletion(t *testing.T) {
	t.Parallel()
	pool := ownPool(t)
	store := onPool(t, pool)
	completion := consumer.Completion{
		OrganizationID: "org_1", ConsumerID: "cons_1", DistributionType: consumer.Queue, DistributionID: "queue_2",
		AdmissionToken: "secret-token", OrderID: "order_1", At: moment(),
	}
	err := pgx.BeginFunc(t.Context(), pool, func(tx pgx.Tx) error {
		if _, err := store.CompleteTx(t.Context(), tx, completion); !errors.Is(err, consumer.ErrNotAdmitted) {
			return fmt.Errorf("before the admission: %w", err)
		}
		invalid := completion
		invalid.OrderID = ""
		if _, err := store.CompleteTx(t.Context(), tx, invalid); !errors.Is(err, consumer.ErrInvalid) {
			return fmt.Errorf("without an order: %w", err)
		}
		if _, err := store.WriteTx(t.Context(), tx, aConsumer("cons_1")); err != nil {
			return err
		}
		if result, err := store.CompleteTx(t.Context(), tx, completion); err != nil || result.Repeated {
			return fmt.Errorf("after the admission: %+v, %w", result, err)
		}
		other := completion
		other.OrderID = "order_2"
		if _, err := store.CompleteTx(t.Context(), tx, other); !errors.Is(err, consumer.ErrAlreadyCompleted) {
			return fmt.Errorf("another order: %w", err)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if result, err := store.Complete(t.Context(), completion); err != nil || !result.Repeated {
		t.Errorf("Complete returned %+v and the error %v", result, err)
	}
}
