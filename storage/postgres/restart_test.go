package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rejoinhq/rejoin/consumer"
	"github.com/rejoinhq/rejoin/storage/postgres/postgrestest"
)

// TestRestartUnderLoad crashes the server during reads and writes. The calls return
// ErrUnavailable, none hangs, and calls succeed again after the restart.
func TestRestartUnderLoad(t *testing.T) {
	t.Parallel()
	const workers = 12 // more than connections
	cluster := postgrestest.Start(t)
	url := cluster.URL(t)
	store := newStore(t, url)

	var stopping atomic.Bool
	var written, failed [workers]atomic.Int64
	var acknowledged [workers][]string
	var all sync.WaitGroup
	for w := range workers {
		all.Go(func() {
			for n := 0; !stopping.Load(); n++ {
				id := fmt.Sprintf("cons_%d_%d", w, n)
				if err := within(t, time.Second, func(ctx context.Context) error {
					_, err := store.Write(ctx, aConsumer(id))
					return err
				}); err != nil {
					failed[w].Add(1)
					continue
				}
				acknowledged[w] = append(acknowledged[w], id)
				written[w].Add(1)
				if err := within(t, time.Second, func(ctx context.Context) error {
					_, err := store.Snapshot(ctx, consumer.Key{OrganizationID: "org_1", ConsumerID: id})
					return err
				}); err != nil {
					failed[w].Add(1)
				}
			}
		})
	}
	everyWorker := func(counters *[workers]atomic.Int64) func() bool {
		var before [workers]int64
		for w := range workers {
			before[w] = counters[w].Load()
		}
		return func() bool {
			for w := range workers {
				if counters[w].Load() < before[w]+3 {
					return false
				}
			}
			return true
		}
	}
	for range 3 {
		eventually(t, "every worker has written", everyWorker(&written))
		cluster.Stop(t)
		eventually(t, "every worker has failed", everyWorker(&failed))
		cluster.Start(t)
	}
	eventually(t, "every worker has written again", everyWorker(&written))
	stopping.Store(true)
	all.Wait()
	wantIdle(t, store)
	for _, ids := range acknowledged {
		checkAfterCrash(t, url, ids)
	}
}

// within makes a call with a deadline. It checks that the call returns, and that its error is
// one of those that a server that is down may cause.
func within(t *testing.T, timeout time.Duration, call func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(t.Context(), timeout)
	defer cancel()
	begun := time.Now()
	err := call(ctx)
	if took := time.Since(begun); took > testTimeout {
		t.Errorf("a call with a deadline of %v took %v", timeout, took)
	}
	if err != nil && !errors.Is(err, consumer.ErrUnavailable) && !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a call returned the error %v, want ErrUnavailable", err)
	}
	return err
}

// TestFailover turns a primary into a standby and back. Writes must notice, also on connections
// that were made in between.
func TestFailover(t *testing.T) {
	t.Parallel()
	cluster := postgrestest.Start(t)
	url := cluster.URL(t)
	store, raw := newStore(t, url), openRaw(t, url)
	if _, err := store.Write(t.Context(), aConsumer("cons_1")); err != nil {
		t.Fatal(err)
	}
	data := values[string](t, raw, `SELECT current_setting('data_directory')`)[0]
	execRaw(t, raw, `COPY (SELECT 1) TO '`+data+`/standby.signal'`)
	cluster.Stop(t)
	cluster.Start(t)

	eventually(t, "the standby responds", func() bool {
		_, err := store.Snapshot(t.Context(), consumer.Key{OrganizationID: "org_1", ConsumerID: "cons_1"})
		return err == nil
	})
	for method, call := range map[string]func() error{
		"Write": func() error { _, err := store.Write(t.Context(), aConsumer("cons_2")); return err },
		"Erase": func() error {
			return store.Erase(t.Context(), consumer.Key{OrganizationID: "org_1", ConsumerID: "cons_1"})
		},
	} {
		if err := call(); !errors.Is(err, consumer.ErrUnavailable) {
			t.Errorf("%s returned the error %v, want ErrUnavailable", method, err)
		}
	}
	if err := store.Ping(t.Context()); err != nil {
		t.Errorf("Ping: %v", err)
	}
	execRaw(t, openRaw(t, url), `SELECT pg_promote()`)
	if result, err := store.Write(t.Context(), aConsumer("cons_2")); err != nil || result.Applied != 3 {
		t.Errorf("Write returned %+v and the error %v", result, err)
	}
}
