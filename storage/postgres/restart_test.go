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

// TestRestartUnderLoad crashes the server while others read and write. Their calls
// fail as they should, none hangs, and they succeed again by themselves.
func TestRestartUnderLoad(t *testing.T) {
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
					_, err := store.Snapshot(ctx, "org_1", id)
					return err
				}); err != nil {
					failed[w].Add(1)
				}
			}
		})
	}
	everybody := func(counters *[workers]atomic.Int64) func() bool {
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
		eventually(t, "everybody has written", everybody(&written))
		cluster.Stop(t)
		eventually(t, "everybody has failed", everybody(&failed))
		cluster.Start(t)
	}
	eventually(t, "everybody has written again", everybody(&written))
	stopping.Store(true)
	all.Wait()
	wantIdle(t, store)
	for _, ids := range acknowledged {
		checkAfterCrash(t, url, ids)
	}
}

// within calls with a deadline, and holds the call to it and to the errors that a
// server without answer may cause.
func within(t *testing.T, patience time.Duration, call func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	begun := time.Now()
	err := call(ctx)
	if took := time.Since(begun); took > patience+2*time.Second {
		t.Errorf("a call with a deadline of %v took %v", patience, took)
	}
	if err != nil && !errors.Is(err, consumer.ErrUnavailable) && !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a call returned the error %v, want ErrUnavailable", err)
	}
	return err
}

// TestFailover opens a primary, which then becomes a standby and a primary again:
// writes find out by themselves, on connections that were made in between too.
func TestFailover(t *testing.T) {
	cluster := postgrestest.Start(t)
	url := cluster.URL(t)
	store, raw := newStore(t, url), openRaw(t, url)
	if _, err := store.Write(t.Context(), aConsumer("cons_1")); err != nil {
		t.Fatal(err)
	}
	var data string
	if err := raw.Get(&data, `SELECT current_setting('data_directory')`); err != nil {
		t.Fatal(err)
	}
	execRaw(t, raw, `COPY (SELECT 1) TO '`+data+`/standby.signal'`)
	cluster.Stop(t)
	cluster.Start(t)

	eventually(t, "the standby answers", func() bool {
		_, err := store.Snapshot(t.Context(), "org_1", "cons_1")
		return err == nil
	})
	for method, call := range map[string]func() error{
		"Write": func() error { _, err := store.Write(t.Context(), aConsumer("cons_2")); return err },
		"Erase": func() error { return store.Erase(t.Context(), "org_1", "cons_1") },
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
