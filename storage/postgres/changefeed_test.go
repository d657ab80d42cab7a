package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/rejoinhq/rejoin/consumer"
	"github.com/rejoinhq/rejoin/storage/internal/childtest"
	"github.com/rejoinhq/rejoin/storage/postgres"
	"github.com/rejoinhq/rejoin/storage/postgres/postgrestest"
)

// testTimeout is how long a test waits for something that should happen. It is long enough for
// any machine.
const testTimeout = 2 * time.Minute

// view is a listener that keeps the snapshots of the consumers that a test writes, as they
// were when the feed reported a change.
type view struct {
	t      *testing.T
	reader consumer.Reader

	mu              sync.Mutex
	ids             map[uint64]string
	shown           map[string]consumer.Snapshot // without consumers that are not found
	reported        map[string]time.Time         // when the first change of each was reported
	due             map[string]due
	following, lost int           // the number of calls
	confirmed       time.Time     // the latest time
	news            chan struct{} // holds a token after a call of the feed
}

// due is the state of a consumer that the view must have when a later time is confirmed.
type due struct {
	since time.Time
	found bool
}

func newView(t *testing.T, reader consumer.Reader) *view {
	return &view{t: t, reader: reader, ids: map[uint64]string{}, shown: map[string]consumer.Snapshot{}, reported: map[string]time.Time{}, due: map[string]due{}, news: make(chan struct{}, 1)}
}

// knows adds a consumer to the view. It must be called before the consumer is written.
func (v *view) knows(id string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.ids[hashOf(id)] = id
}

func hashOf(id string) uint64 {
	return consumer.Key{OrganizationID: "org_1", ConsumerID: id}.Hash()
}

func (v *view) Following() {
	v.mu.Lock()
	all := slices.Collect(maps.Values(v.ids))
	v.mu.Unlock()
	v.read(all)
	v.note(func() { v.following++ })
}

func (v *view) Lost() { v.note(func() { v.lost++ }) }

func (v *view) Changed(change consumer.Change) {
	var known []string
	v.mu.Lock()
	for _, hash := range change.Consumers {
		if id, ok := v.ids[hash]; ok {
			known = append(known, id)
		}
	}
	v.mu.Unlock()
	v.read(known)
	v.note(func() {
		for _, id := range known {
			if _, ok := v.reported[id]; !ok {
				v.reported[id] = time.Now()
			}
		}
	})
}

// Confirmed checks that everything before the confirmed time was reported.
func (v *view) Confirmed(moment time.Time) {
	v.note(func() {
		v.confirmed = moment
		for id, d := range v.due {
			if _, found := v.shown[id]; d.since.Before(moment) && found != d.found {
				v.t.Errorf("consumer %s: found is %t, want %t since %v, and %v is confirmed", id, found, d.found, d.since, moment)
			}
		}
	})
}

func (v *view) note(what func()) {
	v.mu.Lock()
	defer v.mu.Unlock()
	what()
	select {
	case v.news <- struct{}{}:
	default:
	}
}

func (v *view) read(ids []string) {
	for _, id := range ids {
		s, err := patientSnapshot(v.reader, id)
		switch {
		case errors.Is(err, consumer.ErrNotFound):
			v.note(func() { delete(v.shown, id) })
		case err != nil:
			v.t.Errorf("Snapshot: %v", err)
		default:
			v.note(func() { v.shown[id] = s })
		}
	}
}

// patientSnapshot reads a snapshot, and retries while the server is down.
func patientSnapshot(reader consumer.Reader, id string) (s consumer.Snapshot, err error) {
	for begun := time.Now(); time.Since(begun) < testTimeout; {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		s, err = reader.Snapshot(ctx, consumer.Key{OrganizationID: "org_1", ConsumerID: id})
		cancel()
		if err == nil || errors.Is(err, consumer.ErrNotFound) {
			break
		}
	}
	return s, err
}

// until waits for a condition. It calls holds with the view locked.
func (v *view) until(what string, holds func() bool) {
	v.t.Helper()
	patience := time.After(testTimeout)
	for {
		v.mu.Lock()
		ok := holds()
		v.mu.Unlock()
		if ok {
			return
		}
		select {
		case <-v.news:
		case <-patience:
			v.t.Fatalf("timeout: %s", what)
		}
	}
}

func (v *view) untilReported(id string) {
	v.t.Helper()
	v.until(id+" is reported", func() bool { _, ok := v.reported[id]; return ok })
}

// confirmedAgain waits until a time after the call is confirmed.
func (v *view) confirmedAgain() {
	v.t.Helper()
	begun := time.Now()
	v.until("a later moment is confirmed", func() bool { return v.confirmed.After(begun) })
}

// reportedAt returns when the first change of a consumer was reported, or the zero time.
func (v *view) reportedAt(id string) time.Time {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.reported[id]
}

// counts returns the numbers of calls of Following and Lost.
func (v *view) counts() (following, lost int) {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.following, v.lost
}

// write writes a new consumer.
func (v *view) write(store *postgres.Store, id string) {
	v.t.Helper()
	v.knows(id)
	if _, err := store.Write(v.t.Context(), aConsumer(id)); err != nil {
		v.t.Fatal(err)
	}
}

// wantStored waits until the view equals what is stored.
func (v *view) wantStored(store *postgres.Store) {
	v.t.Helper()
	stored := map[string]consumer.Snapshot{}
	v.mu.Lock()
	all := slices.Collect(maps.Values(v.ids))
	v.mu.Unlock()
	for _, id := range all {
		s, err := patientSnapshot(store, id)
		if err == nil {
			stored[id] = s
		} else if !errors.Is(err, consumer.ErrNotFound) {
			v.t.Fatalf("Snapshot: %v", err)
		}
	}
	if len(stored) == 0 {
		v.t.Fatal("nothing is stored")
	}
	v.until(fmt.Sprintf("the view equals the %d stored of %d consumers", len(stored), len(all)), func() bool {
		return len(stored) == len(v.shown) && cmp.Equal(stored, v.shown) // slow, while the view is locked
	})
}

// changes is the method Changes of a Store, or one with other timeouts.
type changes func(context.Context, consumer.ChangeListener) error

// withShortTimeouts returns a feed that soon treats a server that doesn't respond as lost.
func withShortTimeouts(store *postgres.Store) changes {
	return func(ctx context.Context, listener consumer.ChangeListener) error {
		return store.ChangesWithin(ctx, listener, 20*time.Millisecond, 500*time.Millisecond, time.Second)
	}
}

// withFrequentProbes returns a feed that loses no server, however slow the machine is.
func withFrequentProbes(store *postgres.Store) changes {
	return func(ctx context.Context, listener consumer.ChangeListener) error {
		return store.ChangesWithin(ctx, listener, 20*time.Millisecond, testTimeout, testTimeout)
	}
}

// listen passes changes to the view until the test ends.
func (v *view) listen(follow changes) {
	v.t.Helper()
	ctx, cancel := context.WithCancel(context.WithoutCancel(v.t.Context()))
	ended := make(chan error, 1)
	go func() { ended <- follow(ctx, v) }()
	v.t.Cleanup(func() {
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			v.t.Errorf("Changes returned %v, want the context's error", err)
		}
	})
}

// follow is like listen, and returns when the feed follows.
func (v *view) follow(follow changes) {
	v.t.Helper()
	v.listen(follow)
	v.until("Following was called", func() bool { return v.following > 0 })
}

// keepWriting writes and erases consumers, each of them once, until stop is called. Writes
// may fail.
func (v *view) keepWriting(store *postgres.Store) (written *atomic.Int64, stop func()) {
	var stopping atomic.Bool
	var all sync.WaitGroup
	written = new(atomic.Int64)
	for w := range 3 {
		all.Go(func() {
			for n := 0; !stopping.Load(); n++ {
				id := fmt.Sprintf("cons_%d_%d", w, n)
				v.knows(id)
				err := within(v.t, time.Second, func(ctx context.Context) error {
					_, err := store.Write(ctx, aConsumer(id))
					return err
				})
				erasing := n%5 == 0
				if erasing {
					err = within(v.t, time.Second, func(ctx context.Context) error {
						return store.Erase(ctx, consumer.Key{OrganizationID: "org_1", ConsumerID: id})
					})
				}
				if err == nil {
					written.Add(1)
					v.note(func() { v.due[id] = due{time.Now(), !erasing} })
				}
			}
		})
	}
	stop = sync.OnceFunc(func() { stopping.Store(true); all.Wait() })
	v.t.Cleanup(stop)
	return written, stop
}

// wantConvergence interrupts a feed several times during writes. Each time the feed must
// report the loss and follow again, and in the end no change may have been missed.
func wantConvergence(t *testing.T, v *view, writer *postgres.Store, follow changes, interrupt func()) {
	t.Helper()
	v.follow(follow)
	_, stop := v.keepWriting(writer)
	for range 4 {
		v.mu.Lock()
		reported, following, lost := len(v.reported), v.following, v.lost
		v.mu.Unlock()
		v.until("a change is reported", func() bool { return len(v.reported) > reported })
		interrupt()
		v.until("Lost and then Following was called", func() bool { return v.lost > lost && v.following > following })
	}
	stop()
	v.wantStored(writer)
}

func TestKilledConnectionMissesNothing(t *testing.T) {
	t.Parallel()
	url := postgrestest.URL(t)
	here, there, raw := newStore(t, url), newStore(t, url), openRaw(t, url)
	wantConvergence(t, newView(t, here), there, here.Changes, func() { killListeners(t, raw) })
}

// killListeners terminates the connections that listen.
func killListeners(t *testing.T, raw *pgxpool.Pool) {
	t.Helper()
	eventually(t, "a listener was terminated", func() bool {
		return count(t, raw, `SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
			WHERE datname = current_database() AND query SIMILAR TO '(LISTEN|NOTIFY) rejoin_changes%'`) > 0
	})
}

func TestCrashedServerMissesNothing(t *testing.T) {
	t.Parallel()
	cluster := postgrestest.Start(t)
	url := cluster.URL(t)
	here, there := newStore(t, url), newStore(t, url)
	wantConvergence(t, newView(t, here), there, here.Changes, func() { cluster.Stop(t); cluster.Start(t) })
}

func TestSilentConnectionMissesNothing(t *testing.T) {
	t.Parallel()
	url := postgrestest.URL(t)
	cable, there := newCable(t, url), newStore(t, url)
	here := openWith(t, postgres.Options{URL: url, ListenURL: cable.url})
	wantConvergence(t, newView(t, here), there, withShortTimeouts(here), cable.lose)
}

func openWith(t *testing.T, options postgres.Options) *postgres.Store {
	t.Helper()
	store, err := postgres.Open(t.Context(), options)
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

// TestConnectionFallsSilentBeforeListening cuts the connection while it waits for a response.
func TestConnectionFallsSilentBeforeListening(t *testing.T) {
	t.Parallel()
	url := postgrestest.URL(t)
	cable, there, raw := newCable(t, url), newStore(t, url), openRaw(t, url)
	here := openWith(t, postgres.Options{URL: url, ListenURL: cable.url})
	held := holdTable(t, raw, "rejoin_schema_version", "ACCESS EXCLUSIVE")
	v := newView(t, here)
	v.listen(withShortTimeouts(here))
	eventually(t, "the feed reads the schema version", func() bool { return waiting(t, raw, "relation") > 0 })
	cable.lose()
	if err := held.Rollback(t.Context()); err != nil {
		t.Fatal(err)
	}
	v.until("Following was called", func() bool { return v.following > 0 })
	v.write(there, "cons_1")
	v.untilReported("cons_1")
}

// TestQuietConnectionIsKept changes nothing until several probes have been sent.
func TestQuietConnectionIsKept(t *testing.T) {
	t.Parallel()
	store := newStore(t, postgrestest.URL(t))
	v := newView(t, store)
	v.follow(withFrequentProbes(store))
	for range 4 {
		v.confirmedAgain()
	}
	v.write(store, "cons_1")
	v.untilReported("cons_1")
	if following, lost := v.counts(); following != 1 || lost != 0 {
		t.Errorf("Following was called %d times and Lost %d times, want 1 and 0", following, lost)
	}
}

// TestChangesOfAnotherProcess also logs the latency.
func TestChangesOfAnotherProcess(t *testing.T) {
	t.Parallel()
	const writes = 200
	url := postgrestest.URL(t)
	store := newStore(t, url)
	v := newView(t, store)
	for n := range writes {
		v.knows(fmt.Sprintf("child_%d", n))
	}
	v.follow(store.Changes)
	child := childtest.Start(t, url, "child", writes)
	child.Begin(t)
	var took []time.Duration
	for range writes {
		ids, said := child.Acknowledged(1)
		acknowledged := time.Now()
		if len(ids) == 0 {
			t.Fatalf("the child said:\n%s", said)
		}
		v.untilReported(ids[0])
		took = append(took, max(0, v.reportedAt(ids[0]).Sub(acknowledged)))
	}
	if _, said := child.Acknowledged(1); child.Wait() != nil {
		t.Error(said)
	}
	slices.Sort(took)
	t.Logf("reported after the write returned: median %v, p99 %v, at most %v", took[writes/2], took[writes*99/100], took[writes-1])
	v.wantStored(store)
}

func TestChangesEndWithTheStore(t *testing.T) {
	t.Parallel()
	store := newStore(t, postgrestest.URL(t))
	v := newView(t, store)
	ended := make(chan error, 1)
	go func() { ended <- store.Changes(context.Background(), v) }()
	v.until("Following was called", func() bool { return v.following > 0 })
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; !errors.Is(err, consumer.ErrUnavailable) {
		t.Errorf("Changes returned %v, want ErrUnavailable", err)
	}
	if err := store.Changes(t.Context(), v); !errors.Is(err, consumer.ErrUnavailable) {
		t.Errorf("Changes of a closed store returned %v, want ErrUnavailable", err)
	}
	if following, lost := v.counts(); following != 1 || lost != 1 {
		t.Errorf("Following was called %d times and Lost %d times, want 1 each", following, lost)
	}
}

func TestChangesNeedTheSchema(t *testing.T) {
	t.Parallel()
	for rule, schema := range map[string]func(*testing.T, string){
		"never migrated": func(*testing.T, string) {},
		"a newer one":    func(t *testing.T, url string) { newStore(t, url); makeNewer(t, url) },
	} {
		t.Run(rule, func(t *testing.T) {
			url := postgrestest.URL(t)
			store := openStore(t, url)
			schema(t, url)
			v := newView(t, store)
			if err := store.Changes(t.Context(), v); !errors.Is(err, consumer.ErrSchema) {
				t.Errorf("Changes returned %v, want ErrSchema", err)
			}
			if following, lost := v.counts(); following != 0 || lost != 0 {
				t.Errorf("Following was called %d times and Lost %d times, want never", following, lost)
			}
		})
	}
}

// TestListenURL uses a URL through a pooler in transaction mode, which passes no notifications
// on.
func TestListenURL(t *testing.T) {
	t.Parallel()
	url := postgrestest.URL(t)
	newStore(t, url)
	pooled := newPooler(t, url, poolsTransactions)
	store := openWith(t, postgres.Options{URL: pooled, ListenURL: url})
	v := newView(t, store)
	v.follow(store.Changes)
	v.write(store, "cons_1")
	v.untilReported("cons_1")
}

// TestFeedWithoutNotificationsIsNotFollowed also checks that the feed retries.
func TestFeedWithoutNotificationsIsNotFollowed(t *testing.T) {
	t.Parallel()
	url, other := postgrestest.URL(t), postgrestest.URL(t)
	newStore(t, url)
	newStore(t, other)
	for rule, listenURL := range map[string]string{
		"through a pooler in transaction mode": newPooler(t, url, poolsTransactions),
		"in another database":                  other,
	} {
		t.Run(rule, func(t *testing.T) {
			cable := newCable(t, listenURL)
			store := openWith(t, postgres.Options{URL: url, ListenURL: cable.url})
			v := newView(t, store)
			v.listen(withShortTimeouts(store))
			eventually(t, "the feed has connected twice", func() bool { return cable.made.Load() >= 3 })
			if following, lost := v.counts(); following != 0 || lost != 0 {
				t.Errorf("Following was called %d times and Lost %d times, want never", following, lost)
			}
		})
	}
}

func TestPoolerInSessionMode(t *testing.T) {
	t.Parallel()
	url := postgrestest.URL(t)
	newStore(t, url)
	store := openWith(t, postgres.Options{URL: newPooler(t, url, poolsSessions)})
	v := newView(t, store)
	v.follow(withFrequentProbes(store))
	v.write(store, "cons_1")
	v.untilReported("cons_1")
	v.confirmedAgain()
	if following, lost := v.counts(); following != 1 || lost != 0 {
		t.Errorf("Following was called %d times and Lost %d times, want 1 and 0", following, lost)
	}
}

func TestForeignNotificationsAreIgnored(t *testing.T) {
	t.Parallel()
	url := postgrestest.URL(t)
	store, raw := newStore(t, url), openRaw(t, url)
	v := newView(t, store)
	v.follow(store.Changes)
	for rule, payload := range map[string]string{
		"nothing":             "",
		"too short":           "0123456789abcde",
		"no hexadecimal":      "0123456789abcdeg",
		"text":                "consumers have changed",
		"a letter of 2 bytes": "0123456789abcdé",
		"of no consumer":      fmt.Sprintf("%016x", hashOf("nobody")),
		"the longest":         fmt.Sprintf("%07999d", 0),
	} {
		execRaw(t, raw, `SELECT pg_notify('rejoin_changes', $1)`, payload)
		id := "cons_" + fmt.Sprint(len(rule))
		v.write(store, id)
		v.untilReported(id)
	}
	v.knows("cons_partly")
	execRaw(t, raw, `SELECT pg_notify('rejoin_changes', $1)`, fmt.Sprintf("%016xjunk", hashOf("cons_partly")))
	v.untilReported("cons_partly")
	if following, lost := v.counts(); following != 1 || lost != 0 {
		t.Errorf("Following was called %d times and Lost %d times, want 1 and 0", following, lost)
	}
}

func FuzzChangeOf(f *testing.F) {
	for _, payload := range []string{"", "0123456789abcdef", "0123456789ABCDEF0", "\xff123456789abcdef", "0123456789abcdef0123456789abcdeg"} {
		f.Add(payload)
	}
	f.Fuzz(func(t *testing.T, payload string) {
		hashes := postgres.ChangeOf(payload).Consumers
		if len(hashes) > len(payload)/16 {
			t.Errorf("%d hashes in %d bytes", len(hashes), len(payload))
		}
		var again string
		for _, hash := range hashes {
			again += fmt.Sprintf("%016x", hash)
		}
		if diff := cmp.Diff(hashes, postgres.ChangeOf(again).Consumers); diff != "" {
			t.Errorf("read again (-first +second):\n%s", diff)
		}
	})
}
