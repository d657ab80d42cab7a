package postgres_test

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/rejoinhq/rejoin/consumer"
	"github.com/rejoinhq/rejoin/storage/postgres"
	"github.com/rejoinhq/rejoin/storage/postgres/postgrestest"
)

// TestChangesWithoutNotifications: a change is reported even if the process that made it ended
// between its commit and its notification. No time is confirmed before.
func TestChangesWithoutNotifications(t *testing.T) {
	t.Parallel()
	url := postgrestest.URL(t)
	here, there := newStore(t, url), newStore(t, url)
	there.LoseNotifications(t)
	v := newView(t, here)
	v.follow(withFrequentProbes(here))
	written, stop := v.keepWriting(there)
	for range 10 {
		v.confirmedAgain()
	}
	stop()
	v.confirmedAgain()
	v.wantStored(there)
	if written.Load() == 0 {
		t.Error("nothing was written")
	}
	if following, lost := v.counts(); following != 1 || lost != 0 {
		t.Errorf("Following was called %d times and Lost %d times, want 1 and 0", following, lost)
	}
}

// TestOpenTransactionDelaysNobody: a transaction of another program that does not end delays
// neither the feed nor the cleaning of the outbox.
func TestOpenTransactionDelaysNobody(t *testing.T) {
	t.Parallel()
	url := postgrestest.URL(t)
	here, there, raw := newStore(t, url), newStore(t, url), openRaw(t, url)
	open, err := raw.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer open.Rollback(t.Context())
	if _, err := open.Exec(t.Context(), `SELECT pg_current_xact_id()`); err != nil {
		t.Fatal(err)
	}
	v := newView(t, here)
	v.follow(withFrequentProbes(here))
	v.write(there, "cons_1")
	v.untilReported("cons_1")
	there.AgeOutbox(6 * time.Minute)
	there.Notified()
	v.write(there, "cons_2")
	there.AgeOutbox(6 * time.Minute)
	v.write(there, "cons_3")
	there.Notified()
	if rows := outbox(t, raw); slices.Contains(rows, hashOf("cons_1")) || !slices.Contains(rows, hashOf("cons_3")) {
		t.Errorf("the outbox has %x, want %x cleaned and %x kept", rows, hashOf("cons_1"), hashOf("cons_3"))
	}
	v.confirmedAgain()
	v.wantStored(there)
}

// outbox returns the hashes of consumers in the outbox.
func outbox(t *testing.T, raw *pgxpool.Pool) (hashes []uint64) {
	t.Helper()
	for _, hash := range values[int64](t, raw, `SELECT unnest(consumers) FROM rejoin_changes`) {
		hashes = append(hashes, uint64(hash))
	}
	return hashes
}

// TestLateCommit: a transaction that began before others, and is committed after a feed has
// confirmed a later time, is reported.
func TestLateCommit(t *testing.T) {
	t.Parallel()
	url := postgrestest.URL(t)
	here, there, raw := newStore(t, url), newStore(t, url), openRaw(t, url)
	v := newView(t, here)
	v.knows("cons_late")
	v.follow(withFrequentProbes(here))
	late, err := raw.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := late.Exec(t.Context(), `INSERT INTO rejoin_changes VALUES (pg_current_xact_id(), $1, '{}')`, []int64{int64(hashOf("cons_late"))}); err != nil {
		t.Fatal(err)
	}
	v.write(there, "cons_1")
	v.untilReported("cons_1")
	v.confirmedAgain()
	v.confirmedAgain()
	if !v.reportedAt("cons_late").IsZero() {
		t.Error("a change was reported that is not committed")
	}
	if err := late.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	v.untilReported("cons_late")
}

// reports counts the reports of each consumer.
type reports struct {
	*view
	mu     sync.Mutex
	counts map[uint64]int
}

func (r *reports) Changed(change consumer.Change) {
	r.mu.Lock()
	for _, hash := range change.Consumers {
		r.counts[hash]++
	}
	r.mu.Unlock()
	r.view.Changed(change)
}

// TestEachChangeIsReportedOnce, although a feed learns of it in up to three ways.
func TestEachChangeIsReportedOnce(t *testing.T) {
	t.Parallel()
	const writes = 20
	url := postgrestest.URL(t)
	here, there := newStore(t, url), newStore(t, url)
	r := &reports{view: newView(t, here), counts: map[uint64]int{}}
	r.follow(func(ctx context.Context, _ consumer.ChangeListener) error { return here.Changes(ctx, r) })
	want := map[uint64]int{}
	for n := range writes {
		for name, store := range map[string]*postgres.Store{"here": here, "there": there} {
			id := fmt.Sprintf("cons_%s_%d", name, n)
			want[hashOf(id)] = 1
			r.write(store, id)
			r.untilReported(id)
		}
	}
	r.confirmedAgain()
	r.confirmedAgain()
	r.mu.Lock()
	defer r.mu.Unlock()
	if diff := cmp.Diff(want, r.counts); diff != "" {
		t.Errorf("reports (-want +got):\n%s", diff)
	}
}

// TestOlderProgramsReadTheNotifications: during a rolling upgrade, a process that knows nothing of
// the outbox is notified of every change.
func TestOlderProgramsReadTheNotifications(t *testing.T) {
	t.Parallel()
	url := postgrestest.URL(t)
	store := newStore(t, url)
	older, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer older.Close(t.Context())
	if _, err := older.Exec(t.Context(), `LISTEN rejoin_changes`); err != nil {
		t.Fatal(err)
	}
	queue := consumer.Distribution{OrganizationID: "org_1", Type: consumer.Queue, ID: "queue_1", Serving: new(int64(1)), UpdatedAt: time.Now()}
	batch := consumer.Batch{Distributions: []consumer.Distribution{queue}}
	want := map[string]bool{"distributions " + fmt.Sprintf("%016x", queue.Key().Hash()): true}
	for n := range 1000 {
		one := aConsumer(fmt.Sprintf("cons_%d", n))
		batch.Consumers = append(batch.Consumers, one.Consumers...)
		want[fmt.Sprintf("%016x", hashOf(one.Consumers[0].ID))] = true
	}
	if _, err := store.Write(t.Context(), batch); err != nil {
		t.Fatal(err)
	}
	for len(want) > 0 {
		notification, err := older.WaitForNotification(t.Context())
		if err != nil {
			t.Fatalf("%v, and %d changes were not notified of", err, len(want))
		}
		if length := len(notification.Payload); length >= 8000 {
			t.Errorf("a payload has %d bytes", length)
		}
		for _, change := range olderChanges(notification.Payload) {
			delete(want, change)
		}
	}
}

// olderChanges reads a payload as the version before the outbox did.
func olderChanges(payload string) (changes []string) {
	const digits = 16
	prefix := ""
	if hashes, ok := strings.CutPrefix(payload, "distributions "); ok {
		prefix, payload = "distributions ", hashes
	}
	for ; len(payload) >= digits; payload = payload[digits:] {
		if _, err := strconv.ParseUint(payload[:digits], 16, 64); err != nil {
			break
		}
		changes = append(changes, prefix+payload[:digits])
	}
	return changes
}

// TestOutboxOfAnotherServer: rows that came with a dump are not reported, and are deleted.
func TestOutboxOfAnotherServer(t *testing.T) {
	t.Parallel()
	url := postgrestest.URL(t)
	store, raw := newStore(t, url), openRaw(t, url)
	execRaw(t, raw, `INSERT INTO rejoin_changes VALUES ('999999999999', $1, '{}')`, []int64{int64(hashOf("cons_foreign"))})
	v := newView(t, store)
	v.knows("cons_foreign")
	v.follow(withFrequentProbes(store))
	v.write(store, "cons_1")
	v.confirmedAgain()
	v.confirmedAgain()
	if !v.reportedAt("cons_foreign").IsZero() {
		t.Error("it was reported")
	}
	store.AgeOutbox(6 * time.Minute)
	v.write(store, "cons_2")
	store.Notified()
	if slices.Contains(outbox(t, raw), hashOf("cons_foreign")) {
		t.Error("it was not deleted")
	}
}
