package sqlite_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rejoinhq/rejoin/consumer"
	"github.com/rejoinhq/rejoin/consumer/event"
	"github.com/rejoinhq/rejoin/storage/sqlite"
)

// consumers returns a batch of profiles.
func consumers(prefix string, count int) (batch consumer.Batch) {
	for n := range count {
		profile := aConsumer(fmt.Sprintf("%s_%d", prefix, n)).Consumers[0]
		batch.Consumers = append(batch.Consumers, profile)
	}
	return batch
}

// transactions counts the commits that a store notifies of.
type transactions struct{ consumers [][]uint64 }

func (*transactions) Following()                  {}
func (*transactions) Confirmed(time.Time)         {}
func (*transactions) Lost()                       {}
func (c *transactions) Changed(x consumer.Change) { c.consumers = append(c.consumers, x.Consumers) }

// atOnce calls all functions while another connection has the lock, and waits for them after
// it was released.
func atOnce(t *testing.T, store *sqlite.Store, path string, calls ...func()) {
	t.Helper()
	lock := holdLock(t, path)
	var all sync.WaitGroup
	for n, call := range calls {
		all.Go(call)
		for store.WaitingWrites() <= n {
			runtime.Gosched()
		}
	}
	if err := lock.Rollback(); err != nil {
		t.Fatal(err)
	}
	all.Wait()
}

func TestSmallWritesThatWaitShareATransaction(t *testing.T) {
	path := newPath(t)
	store := newStore(t, path)
	erased := consumer.Key{OrganizationID: "org_1", ConsumerID: "cons_erased"}
	if err := store.Erase(t.Context(), erased); err != nil {
		t.Fatal(err)
	}
	bid := event.Event{
		OrganizationID: "org_1", ConsumerID: "cons_bidder", ID: "evt_1", Type: event.BidPlaced, At: time.Unix(1, 0),
		SubjectID: "auction_1", ExperienceID: "exp_1", SequenceID: "seq_1", BidID: "bid_1", BidAmount: "250.00", HighestBid: true,
	}
	type outcome struct {
		Applied, Stale int
		Event          event.Result
		Err            error
	}
	got := make([]outcome, 6)
	write := func(n int, id string) func() {
		return func() {
			result, err := store.Write(t.Context(), aConsumer(id))
			got[n] = outcome{Applied: result.Applied, Stale: result.Stale, Err: err}
		}
	}
	record := func(n int) func() {
		return func() {
			result, err := store.RecordEvent(t.Context(), bid)
			got[n] = outcome{Event: result, Err: err}
		}
	}
	commits := &transactions{}
	ctx, stop := context.WithCancel(t.Context())
	followed := make(chan struct{})
	go func() { _ = store.Changes(ctx, commits); close(followed) }()
	for store.Listeners() == 0 {
		runtime.Gosched()
	}
	atOnce(t, store, path, write(0, "cons_1"), write(1, "cons_erased"), record(2), record(3), write(4, "cons_1"), write(5, "cons_2"))
	stop()
	<-followed

	want := []outcome{
		{Applied: 3}, {Err: consumer.ErrErased}, {Event: event.Applied}, {Event: event.Duplicate}, {Stale: 3}, {Applied: 3},
	}
	sameError := cmp.Comparer(func(a, b error) bool { return errors.Is(a, b) || errors.Is(b, a) })
	if diff := cmp.Diff(want, got, sameError); diff != "" {
		t.Errorf("each write has a result of its own (-want +got):\n%s", diff)
	}
	hash := func(id string) uint64 { return consumer.Key{OrganizationID: "org_1", ConsumerID: id}.Hash() }
	if diff := cmp.Diff([][]uint64{{hash("cons_1"), hash("cons_bidder"), hash("cons_2")}}, commits.consumers); diff != "" {
		t.Errorf("one commit, without what was undone (-want +got):\n%s", diff)
	}
	if _, err := store.Snapshot(t.Context(), erased); !errors.Is(err, consumer.ErrNotFound) {
		t.Errorf("the snapshot of the erased consumer: %v", err)
	}
}

// A write that ends while it waits is not executed, and delays nobody.
func TestCancelledWriteLeavesTheOthers(t *testing.T) {
	path := newPath(t)
	store := newStore(t, path)
	ctx, cancel := context.WithCancel(t.Context())
	errs := make([]error, 3)
	write := func(n int, ctx context.Context) func() {
		return func() { _, errs[n] = store.Write(ctx, aConsumer(fmt.Sprintf("cons_%d", n))) }
	}
	lock := holdLock(t, path)
	var cancelled, all sync.WaitGroup
	cancelled.Go(write(0, ctx)) // the leader
	for store.WaitingWrites() < 1 {
		runtime.Gosched()
	}
	all.Go(write(1, t.Context()))
	cancelled.Go(write(2, ctx))
	for store.WaitingWrites() < 3 {
		runtime.Gosched()
	}
	cancel()
	cancelled.Wait()
	if err := lock.Rollback(); err != nil {
		t.Fatal(err)
	}
	all.Wait()
	for n, want := range []error{context.Canceled, nil, context.Canceled} {
		if !errors.Is(errs[n], want) {
			t.Errorf("write %d: %v, want %v", n, errs[n], want)
		}
	}
	wantConsumer(t, store, "cons_1")
	for _, id := range []string{"cons_0", "cons_2"} {
		if _, err := store.Snapshot(t.Context(), consumer.Key{OrganizationID: "org_1", ConsumerID: id}); !errors.Is(err, consumer.ErrNotFound) {
			t.Errorf("%s was written: %v", id, err)
		}
	}
}

// When the file is full, SQLite may undo the whole transaction. What was acknowledged is
// stored, and nothing else.
func TestWritesIntoAFullFile(t *testing.T) {
	path := newPath(t)
	store := newStore(t, path)
	if _, err := store.Write(t.Context(), aConsumer("cons_before")); err != nil {
		t.Fatal(err)
	}
	store.Writer().MustExec(`PRAGMA max_page_count = 1`) // sets it to the present size
	const writes = 40
	acknowledged := make([]bool, writes)
	failures := make([]error, writes)
	var calls []func()
	for n := range writes {
		calls = append(calls, func() {
			batch := consumers(fmt.Sprintf("cons_%d", n), sqlite.MaxSharedRecords)
			_, err := store.Write(t.Context(), batch)
			acknowledged[n], failures[n] = err == nil, err
		})
	}
	atOnce(t, store, path, calls...)
	refused := 0
	for n := range writes {
		if !acknowledged[n] {
			refused++
			if !errors.Is(failures[n], consumer.ErrUnavailable) {
				t.Errorf("write %d: %v", n, failures[n])
			}
		}
		for i := range sqlite.MaxSharedRecords {
			_, err := store.Snapshot(t.Context(), consumer.Key{OrganizationID: "org_1", ConsumerID: fmt.Sprintf("cons_%d_%d", n, i)})
			if (err == nil) != acknowledged[n] {
				t.Fatalf("write %d: acknowledged %t, but reading record %d returns %v", n, acknowledged[n], i, err)
			}
		}
	}
	if refused == 0 {
		t.Error("the file never was full")
	}
	store.Writer().MustExec(`PRAGMA max_page_count = 1000000`)
	if _, err := store.Write(t.Context(), aConsumer("cons_after")); err != nil {
		t.Errorf("afterwards: %v", err)
	}
	wantConsumer(t, store, "cons_before")
}
