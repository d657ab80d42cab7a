package sqlite_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/jmoiron/sqlx"

	"github.com/rejoinhq/rejoin/consumer"
	"github.com/rejoinhq/rejoin/storage/sqlite"
)

func TestStoresOnOneFileLoseNoWrite(t *testing.T) {
	const writes = 100
	path := newPath(t)
	stores := []*sqlite.Store{newStore(t, path), newStore(t, path)}
	var all sync.WaitGroup
	for s, store := range stores {
		for w := range 2 {
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
		for w := range 2 {
			for n := range writes {
				wantConsumer(t, stores[1-s], fmt.Sprintf("cons_%d_%d_%d", s, w, n)) // through the other store
			}
		}
	}
}

// TestMergeDuringTheWritesOfAnotherStore merges a guest through one store while the other
// writes about it. In the end everything that was acknowledged belongs to the consumer.
func TestMergeDuringTheWritesOfAnotherStore(t *testing.T) {
	const writes = 100
	path := newPath(t)
	merging, writing := newStore(t, path), newStore(t, path)
	if _, err := merging.Write(t.Context(), consumer.Batch{Consumers: aConsumer("cons_1").Consumers}); err != nil {
		t.Fatal(err)
	}
	begun := make(chan struct{})
	acknowledged := 0
	var writer sync.WaitGroup
	writer.Go(func() {
		for n := range writes {
			guests := aConsumer("guest_1").Participations
			guests[0].ID = fmt.Sprintf("queue_%d", n)
			_, err := writing.Write(t.Context(), consumer.Batch{Participations: guests})
			switch {
			case err == nil:
				acknowledged++
			case !errors.Is(err, consumer.ErrErased):
				t.Errorf("Write: %v", err)
			}
			if n == 0 {
				close(begun)
			}
		}
	})
	<-begun
	if _, err := merging.Merge(t.Context(), consumer.Merge{OrganizationID: "org_1", GuestID: "guest_1", ConsumerID: "cons_1"}); err != nil {
		t.Errorf("Merge: %v", err)
	}
	writer.Wait()
	s, err := writing.Snapshot(t.Context(), consumer.Key{OrganizationID: "org_1", ConsumerID: "cons_1"})
	if err != nil || len(s.Participations) != acknowledged {
		t.Errorf("the consumer has %d records, error %v, want the %d that were acknowledged", len(s.Participations), err, acknowledged)
	}
	if _, err := writing.Export(t.Context(), consumer.Key{OrganizationID: "org_1", ConsumerID: "guest_1"}); !errors.Is(err, consumer.ErrNotFound) {
		t.Errorf("Export of the guest returned the error %v, want ErrNotFound", err)
	}
}

// holdLock takes the write lock of the file until the transaction ends.
func holdLock(t *testing.T, path string) *sqlx.Tx {
	t.Helper()
	tx, err := openRaw(t, path).BeginTxx(t.Context(), nil) // immediate
	if err != nil {
		t.Fatal(err)
	}
	return tx
}

func TestReadsDoNotWaitForAWriter(t *testing.T) {
	path := newPath(t)
	store := newStore(t, path)
	if _, err := store.Write(t.Context(), aConsumer("cons_1")); err != nil {
		t.Fatal(err)
	}
	defer holdLock(t, path).Rollback()
	wantConsumer(t, store, "cons_1")
	if err := store.Ping(t.Context()); err != nil {
		t.Errorf("Ping: %v", err)
	}
}

// TestWaitingWriteEndsWithItsContext holds the lock far longer than the test waits, and
// cancels a write that waits for the lock, one that waits to share its transaction, and a
// large one that waits for the connection.
func TestWaitingWriteEndsWithItsContext(t *testing.T) {
	path := newPath(t)
	store := newStore(t, path)
	if _, err := store.Write(t.Context(), aConsumer("cons_1")); err != nil { // prepares the statements
		t.Fatal(err)
	}
	defer holdLock(t, path).Rollback()

	ctx, cancel := context.WithCancel(t.Context())
	failed := make(chan error)
	write := func(batch consumer.Batch) {
		_, err := store.Write(ctx, batch)
		failed <- err
	}
	go write(aConsumer("cons_waiting_1"))
	go write(aConsumer("cons_waiting_2"))
	for store.Writer().Stats().InUse == 0 || store.WaitingWrites() < 2 {
		runtime.Gosched() // until one waits for the lock and the other for the first one
	}
	go write(consumers("cons_waiting", sqlite.MaxSharedRecords+1))
	for store.Writer().Stats().WaitCount == 0 {
		runtime.Gosched()
	}
	begun := time.Now()
	cancel()
	for range 3 {
		if err := <-failed; !errors.Is(err, context.Canceled) {
			t.Errorf("Write returned the error %v, want context.Canceled", err)
		}
	}
	if waited := time.Since(begun); waited > 2*time.Second {
		t.Errorf("the cancelled writes took %v", waited)
	}
}

func TestWaitingWriteEndsWithItsDeadline(t *testing.T) {
	path := newPath(t)
	store := newStore(t, path)
	defer holdLock(t, path).Rollback()
	for _, patience := range []time.Duration{time.Millisecond, 300 * time.Millisecond} { // shorter and longer than the busy timeout
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		_, err := store.Write(ctx, aConsumer("cons_1"))
		cancel()
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("Write returned the error %v, want context.DeadlineExceeded", err)
		}
	}
}

// lockForAlone locks the file for one connection, as a process does that removes the
// write-ahead log, until unlock is called.
func lockForAlone(t *testing.T, store *sqlite.Store, path string) (unlock func()) {
	t.Helper()
	for _, db := range []*sqlx.DB{store.Writer(), store.Readers()} {
		db.SetMaxIdleConns(0) // an open connection would prevent the lock
	}
	raw := openRaw(t, path)
	raw.SetMaxOpenConns(1)
	for _, statement := range []string{`PRAGMA locking_mode = EXCLUSIVE`, `BEGIN EXCLUSIVE`, `COMMIT`} {
		execRaw(t, raw, statement) // the lock stays when the transaction is over
	}
	return func() {
		if err := raw.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// TestWaitingReadEndsWithItsDeadline tests reads, whose statements do not watch the context.
func TestWaitingReadEndsWithItsDeadline(t *testing.T) {
	path := newPath(t)
	store := newStore(t, path)
	if _, err := store.Write(t.Context(), aConsumer("cons_1")); err != nil {
		t.Fatal(err)
	}
	unlock := lockForAlone(t, store, path)
	for name, read := range map[string]func(context.Context) error{
		"Consumer": func(ctx context.Context) error {
			_, err := store.Consumer(ctx, consumer.Key{OrganizationID: "org_1", ConsumerID: "cons_1"})
			return err
		},
		"Consumers": func(ctx context.Context) error {
			_, err := store.Consumers(ctx, "org_1", []string{"cons_1"})
			return err
		},
		"Snapshot": func(ctx context.Context) error {
			_, err := store.Snapshot(ctx, consumer.Key{OrganizationID: "org_1", ConsumerID: "cons_1"})
			return err
		},
		"Export": func(ctx context.Context) error {
			_, err := store.Export(ctx, consumer.Key{OrganizationID: "org_1", ConsumerID: "cons_1"})
			return err
		},
		"APIKeys": func(ctx context.Context) error { _, err := store.APIKeys(ctx, "org_1"); return err },
		"Ping":    store.Ping,
	} {
		const patience = 100 * time.Millisecond
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		begun := time.Now()
		err := read(ctx)
		cancel()
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%s returned the error %v, want context.DeadlineExceeded", name, err)
		}
		if waited := time.Since(begun); waited > patience+2*time.Second {
			t.Errorf("%s with a deadline of %v took %v", name, patience, waited)
		}
	}
	read := make(chan error)
	go func() {
		_, err := store.Snapshot(t.Context(), consumer.Key{OrganizationID: "org_1", ConsumerID: "cons_1"})
		read <- err
	}()
	for store.Readers().Stats().InUse == 0 {
		runtime.Gosched()
	}
	unlock()
	if err := <-read; err != nil {
		t.Errorf("Snapshot returned the error %v when the lock was free", err)
	}
}

func TestWaitingWriteSucceedsWhenTheLockIsFree(t *testing.T) {
	path := newPath(t)
	store := newStore(t, path)
	lock := holdLock(t, path)
	done := make(chan error)
	go func() {
		_, err := store.Write(t.Context(), aConsumer("cons_1"))
		done <- err
	}()
	for store.Writer().Stats().InUse == 0 {
		runtime.Gosched()
	}
	if err := lock.Rollback(); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Errorf("Write: %v", err)
	}
	wantConsumer(t, store, "cons_1")
}

// TestStoreWorksAfterCancelledCalls cancels reads and writes at random times. The driver
// discards such connections, and new ones must have the same settings.
func TestStoreWorksAfterCancelledCalls(t *testing.T) {
	for name, path := range map[string]string{"file": newPath(t), "memory": sqlite.Memory} {
		t.Run(name, func(t *testing.T) {
			store := newStore(t, path)
			if _, err := store.Write(t.Context(), aConsumer("cons_1")); err != nil {
				t.Fatal(err)
			}
			for range 100 {
				ctx, cancel := context.WithCancel(t.Context())
				go cancel()
				if _, err := store.Snapshot(ctx, consumer.Key{OrganizationID: "org_1", ConsumerID: "cons_1"}); err != nil && !errors.Is(err, context.Canceled) {
					t.Fatalf("Snapshot: %v", err)
				}
				if _, err := store.Write(ctx, aConsumer("cons_2")); err != nil && !errors.Is(err, context.Canceled) {
					t.Fatalf("Write: %v", err)
				}
			}
			wantConsumer(t, store, "cons_1")
			if result, err := store.Write(t.Context(), aConsumer("cons_3")); err != nil || result.Applied != 3 {
				t.Errorf("Write returned %+v and the error %v", result, err)
			}
		})
	}
}

// TestCancelledQueryStops runs a query that would never end.
func TestCancelledQueryStops(t *testing.T) {
	store := newStore(t, newPath(t))
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	var n int
	err := store.Readers().GetContext(ctx, &n, `WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c) SELECT count(*) FROM c`)
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("the query returned %d and the error %v, want context.DeadlineExceeded", n, err)
	}
	if _, err := store.Consumer(t.Context(), consumer.Key{OrganizationID: "org_1", ConsumerID: "cons_1"}); !errors.Is(err, consumer.ErrNotFound) {
		t.Errorf("Consumer returned the error %v afterwards", err)
	}
}

func TestWaitingMigrateEndsWithItsDeadline(t *testing.T) {
	path := newPath(t)
	store := openStore(t, path)
	lock := holdLock(t, path)
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if err := store.Migrate(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Migrate returned the error %v, want context.DeadlineExceeded", err)
	}
	if err := lock.Rollback(); err != nil {
		t.Fatal(err)
	}
	if err := store.Migrate(t.Context()); err != nil {
		t.Errorf("Migrate returned the error %v when the lock was free", err)
	}
}
