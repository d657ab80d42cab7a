package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"github.com/rejoinhq/rejoin/consumer"
	"github.com/rejoinhq/rejoin/storage/postgres"
	"github.com/rejoinhq/rejoin/storage/postgres/postgrestest"
)

// newNarrowStore opens a store with one connection.
func newNarrowStore(t *testing.T, url string) *postgres.Store {
	t.Helper()
	store, err := postgres.Open(t.Context(), postgres.Options{URL: url, MaxConnections: 1})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	if err := store.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	return store
}

// herd reads snapshots of many consumers at once.
type herd struct {
	store *postgres.Store
	held  pgx.Tx // holds a lock for which the reads wait; nil if there is none
	all   sync.WaitGroup
	mu    sync.Mutex
	found map[int]consumer.Snapshot
	errs  map[int]error
}

func newHerd(store *postgres.Store) *herd {
	return &herd{store: store, found: make(map[int]consumer.Snapshot), errs: make(map[int]error)}
}

// newHeldHerd returns a herd whose first read has the only connection and waits for a table
// lock, so that all other reads wait for the connection.
func newHeldHerd(first context.Context, t *testing.T, url string, store *postgres.Store) *herd {
	t.Helper()
	raw, h := openRaw(t, url), newHerd(store)
	h.held = holdTable(t, raw, "consumers", "ACCESS EXCLUSIVE")
	h.ask(first, 0)
	eventually(t, "the first read waits for the table", func() bool { return waiting(t, raw, "relation") == 1 })
	return h
}

// ask begins to read the snapshot of consumer n.
func (h *herd) ask(ctx context.Context, n int) {
	h.all.Go(func() {
		snapshot, err := h.store.Snapshot(ctx, consumer.Key{OrganizationID: "org_1", ConsumerID: fmt.Sprint("cons_", n)})
		h.mu.Lock()
		defer h.mu.Unlock()
		h.found[n], h.errs[n] = snapshot, err
	})
}

func (h *herd) release(t *testing.T) {
	t.Helper()
	if err := h.held.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	h.all.Wait()
}

func writeConsumers(t *testing.T, store *postgres.Store, n int) {
	t.Helper()
	var batch consumer.Batch
	for i := range n {
		one := aConsumer(fmt.Sprint("cons_", i))
		one.Admissions[0].AdmissionToken = fmt.Sprint("token-of-", i)
		batch.Consumers = append(batch.Consumers, one.Consumers...)
		batch.Participations = append(batch.Participations, one.Participations...)
		batch.Admissions = append(batch.Admissions, one.Admissions...)
	}
	if _, err := store.Write(t.Context(), batch); err != nil {
		t.Fatal(err)
	}
}

// TestBatchedReads checks that each caller of a batch gets its own result, in every exec mode
// of the driver.
func TestBatchedReads(t *testing.T) {
	t.Parallel()
	const consumers, unknown = 100, 107
	for _, mode := range []string{"cache_statement", "cache_describe", "describe_exec", "exec", "simple_protocol"} {
		t.Run(mode, func(t *testing.T) {
			url := withParameter(t, postgrestest.URL(t), "default_query_exec_mode", mode)
			store := newNarrowStore(t, url)
			writeConsumers(t, store, consumers)
			h := newHeldHerd(t.Context(), t, url, store)
			for n := 1; n < consumers; n++ {
				h.ask(t.Context(), n)
			}
			h.ask(t.Context(), unknown)
			h.release(t)
			for n := range consumers {
				want := []string{fmt.Sprint("cons_", n), fmt.Sprint("token-of-", n)}
				var got []string
				if s := h.found[n]; h.errs[n] == nil && len(s.Admissions) == 1 && len(s.Participations) == 1 {
					got = []string{s.Consumer.ID, s.Admissions[0].AdmissionToken}
				}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("consumer %d, error %v (-want +got):\n%s", n, h.errs[n], diff)
				}
			}
			if err := h.errs[unknown]; !errors.Is(err, consumer.ErrNotFound) {
				t.Errorf("an unknown consumer: %v", err)
			}
			wantIdle(t, store)
		})
	}
}

// TestWaitingReadIsCanceled checks that a waiting call returns when its context ends, and that
// the other calls succeed.
func TestWaitingReadIsCanceled(t *testing.T) {
	t.Parallel()
	const consumers = 40
	url := postgrestest.URL(t)
	store := newNarrowStore(t, url)
	writeConsumers(t, store, consumers)
	h := newHeldHerd(t.Context(), t, url, store)
	leaving, leave := context.WithCancel(t.Context())
	bounded, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	want := make(map[int]error)
	for n := 1; n < consumers; n++ {
		switch n % 3 {
		case 0:
			h.ask(leaving, n)
			want[n] = context.Canceled
		case 1:
			h.ask(bounded, n)
			want[n] = context.DeadlineExceeded
		case 2:
			h.ask(t.Context(), n)
		}
	}
	leave()
	eventually(t, "the canceled reads have returned", func() bool {
		h.mu.Lock()
		defer h.mu.Unlock()
		return len(h.errs) == len(want)
	})
	h.release(t)
	for n := range consumers {
		if err := h.errs[n]; !errors.Is(err, want[n]) {
			t.Errorf("consumer %d: %v, want %v", n, err, want[n])
		}
	}
	wantIdle(t, store)
	wantConsumer(t, store, "cons_1")
}

// underWay returns a herd whose reads, except for the first one, are one batch that waits for
// a table lock.
func underWay(t *testing.T, url string, store *postgres.Store, others int, ask func(*herd)) *herd {
	t.Helper()
	first, leave := context.WithCancel(t.Context())
	raw, h := openRaw(t, url), newHeldHerd(first, t, url, store)
	ask(h)
	eventually(t, "the other reads wait", func() bool { return store.Waiting() == others })
	leave()
	eventually(t, "the other reads were sent", func() bool { return store.Waiting() == 0 && waiting(t, raw, "relation") == 1 })
	return h
}

// TestBatchContinuesWithoutCanceledRead cancels one read of a batch that was sent.
func TestBatchContinuesWithoutCanceledRead(t *testing.T) {
	t.Parallel()
	url := postgrestest.URL(t)
	store := newNarrowStore(t, url)
	writeConsumers(t, store, 5)
	leaving, leave := context.WithCancel(t.Context())
	h := underWay(t, url, store, 4, func(h *herd) {
		h.ask(leaving, 1)
		for n := 2; n < 5; n++ {
			h.ask(t.Context(), n)
		}
	})
	leave()
	eventually(t, "the canceled read has returned", func() bool {
		h.mu.Lock()
		defer h.mu.Unlock()
		return errors.Is(h.errs[1], context.Canceled)
	})
	raw := openRaw(t, url)
	execRaw(t, raw, `SELECT pg_sleep(0.2)`) // time in which a canceled statement would end
	if n := waiting(t, raw, "relation"); n != 1 {
		t.Errorf("%d statements go on, want 1", n)
	}
	h.release(t)
	for n := 2; n < 5; n++ {
		if err := h.errs[n]; err != nil || h.found[n].Consumer.ID != fmt.Sprint("cons_", n) {
			t.Errorf("consumer %d: %q, %v", n, h.found[n].Consumer.ID, err)
		}
	}
}

// TestCanceledBatchFreesItsConnection cancels all reads of a batch: the server must cancel the
// statement, although the table lock is still held.
func TestCanceledBatchFreesItsConnection(t *testing.T) {
	t.Parallel()
	url := postgrestest.URL(t)
	store, raw := newNarrowStore(t, url), openRaw(t, url)
	writeConsumers(t, store, 10)
	before := count(t, store.Primary(), `SELECT pg_backend_pid()`)
	leaving, leave := context.WithCancel(t.Context())
	h := underWay(t, url, store, 9, func(h *herd) {
		for n := 1; n < 10; n++ {
			h.ask(leaving, n)
		}
	})
	leave()
	h.all.Wait()
	for n, err := range h.errs {
		if !errors.Is(err, context.Canceled) {
			t.Errorf("consumer %d: %v", n, err)
		}
	}
	wantIdle(t, store)
	if n := waiting(t, raw, "relation"); n != 0 {
		t.Errorf("%d statements go on", n)
	}
	if after := count(t, store.Primary(), `SELECT pg_backend_pid()`); after != before {
		t.Errorf("the connection was replaced: process %d is now %d", before, after)
	}
}

// TestBatchRefusesNewerSchema migrates the database before a batch is sent.
func TestBatchRefusesNewerSchema(t *testing.T) {
	t.Parallel()
	url := postgrestest.URL(t)
	store := newNarrowStore(t, url)
	writeConsumers(t, store, 5)
	execRaw(t, openRaw(t, url), `INSERT INTO rejoin_schema_version (version_id) VALUES (1000)`)
	h := newHeldHerd(t.Context(), t, url, store)
	for n := 1; n < 5; n++ {
		h.ask(t.Context(), n)
	}
	h.release(t)
	for n := range 5 {
		if err := h.errs[n]; !errors.Is(err, consumer.ErrSchema) {
			t.Errorf("consumer %d: %v", n, err)
		}
	}
}

// TestBatchPanicsInItsCallers checks that a panic while a batch is read does not end the
// process: each caller panics, and the connection is free for the next call.
func TestBatchPanicsInItsCallers(t *testing.T) {
	t.Parallel()
	const callers = 3
	store := newNarrowStore(t, postgrestest.URL(t))
	writeConsumers(t, store, callers)
	mend := store.BreakReads()
	release := store.OccupyReads()
	var all sync.WaitGroup
	panics := make([]any, callers)
	for n := range callers {
		all.Go(func() {
			defer func() { panics[n] = recover() }()
			_, _ = store.Snapshot(t.Context(), consumer.Key{OrganizationID: "org_1", ConsumerID: fmt.Sprint("cons_", n)})
		})
	}
	eventually(t, "the reads wait", func() bool { return store.Waiting() == callers })
	release()
	all.Wait()
	for n, p := range panics {
		if _, ok := p.(runtime.Error); !ok {
			t.Errorf("caller %d: %v", n, p)
		}
	}
	mend()
	wantConsumer(t, store, "cons_0")
}

// TestReadsOnBrokenConnections breaks idle connections before many reads.
func TestReadsOnBrokenConnections(t *testing.T) {
	t.Parallel()
	const consumers = 50
	database := postgrestest.URL(t)
	writeConsumers(t, newStore(t, database), consumers)
	cable := newCable(t, database)
	store := openStore(t, cable.url)
	for round := range 2 {
		if round == 1 {
			cable.cut(t)
		}
		h := newHerd(store)
		for n := range consumers {
			h.ask(t.Context(), n)
		}
		h.all.Wait()
		for n, err := range h.errs {
			if err != nil {
				t.Errorf("consumer %d: %v", n, err)
			}
		}
	}
	wantIdle(t, store)
}
