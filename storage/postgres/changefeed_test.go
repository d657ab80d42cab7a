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
	"github.com/jmoiron/sqlx"

	"github.com/rejoinhq/rejoin/consumer"
	"github.com/rejoinhq/rejoin/storage/internal/childtest"
	"github.com/rejoinhq/rejoin/storage/postgres"
	"github.com/rejoinhq/rejoin/storage/postgres/postgrestest"
)

// feedTestPatience is how long a test waits for what a feed should say.
const feedTestPatience = 30 * time.Second

// view is what a listener derives from the records of the consumers whom a test writes:
// their snapshots, as they were when it was told to read them.
type view struct {
	t      *testing.T
	reader consumer.SnapshotReader

	mu              sync.Mutex
	ids             map[uint64]string
	shown           map[string]consumer.Snapshot // without those who are not found
	told            map[string]time.Time         // when each was told first
	due             map[string]due
	following, lost int           // how often that was said
	confirmed       time.Time     // the latest moment
	news            chan struct{} // holds a token when something was said
}

// due is what must be shown of a consumer once a moment after this one is confirmed.
type due struct {
	since time.Time
	found bool
}

func newView(t *testing.T, reader consumer.SnapshotReader) *view {
	return &view{t: t, reader: reader, ids: map[uint64]string{}, shown: map[string]consumer.Snapshot{}, told: map[string]time.Time{}, due: map[string]due{}, news: make(chan struct{}, 1)}
}

// knows must be called before a consumer is written.
func (v *view) knows(id string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.ids[hashOf(id)] = id
}

func hashOf(id string) uint64 {
	return consumer.ConsumerKey{OrganizationID: "org_1", ConsumerID: id}.Hash()
}

func (v *view) Following() {
	v.mu.Lock()
	all := slices.Collect(maps.Values(v.ids))
	v.mu.Unlock()
	v.read(all)
	v.note(func() { v.following++ })
}

func (v *view) Lost() { v.note(func() { v.lost++ }) }

func (v *view) Changed(consumers []uint64) {
	var known []string
	v.mu.Lock()
	for _, hash := range consumers {
		if id, ok := v.ids[hash]; ok {
			known = append(known, id)
		}
	}
	v.mu.Unlock()
	v.read(known)
	v.note(func() {
		for _, id := range known {
			if _, ok := v.told[id]; !ok {
				v.told[id] = time.Now()
			}
		}
	})
}

// Confirmed holds the feed to it.
func (v *view) Confirmed(moment time.Time) {
	v.note(func() {
		v.confirmed = moment
		for id, d := range v.due {
			if _, found := v.shown[id]; d.since.Before(moment) && found != d.found {
				v.t.Errorf("of %s, found is %t, want %t since %v, and %v is confirmed", id, found, d.found, d.since, moment)
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

// patientSnapshot reads also while the server is away for a moment.
func patientSnapshot(reader consumer.SnapshotReader, id string) (s consumer.Snapshot, err error) {
	for begun := time.Now(); time.Since(begun) < feedTestPatience; {
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		s, err = reader.Snapshot(ctx, "org_1", id)
		cancel()
		if err == nil || errors.Is(err, consumer.ErrNotFound) {
			break
		}
	}
	return s, err
}

// until waits for a condition, which it asks with the view locked.
func (v *view) until(what string, holds func() bool) {
	v.t.Helper()
	patience := time.After(feedTestPatience)
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
			v.t.Fatalf("waited in vain for: %s", what)
		}
	}
}

func (v *view) untilTold(id string) {
	v.t.Helper()
	v.until(id+" is told", func() bool { _, ok := v.told[id]; return ok })
}

// confirmedAgain waits until a moment after the call is confirmed.
func (v *view) confirmedAgain() {
	v.t.Helper()
	begun := time.Now()
	v.until("a later moment is confirmed", func() bool { return v.confirmed.After(begun) })
}

// toldAt returns when a consumer was told first, or the zero time.
func (v *view) toldAt(id string) time.Time {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.told[id]
}

// counts returns how often it was told Following and Lost.
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

// wantStored waits until it shows what is stored of all whom it knows.
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
	v.until(fmt.Sprintf("all %d of %d are shown as they are stored", len(stored), len(all)), func() bool {
		return len(stored) == len(v.shown) && cmp.Equal(stored, v.shown) // which takes long, with the view locked
	})
}

// changes is the method of a Store, or one with less patience.
type changes func(context.Context, consumer.ChangeListener) error

// impatient returns the changes of a Store that soon takes for lost what doesn't answer.
func impatient(store *postgres.Store) changes {
	return func(ctx context.Context, listener consumer.ChangeListener) error {
		return store.ChangesWithin(ctx, listener, 500*time.Millisecond, time.Second)
	}
}

// listen has the view told until the test ends.
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

// follow is listen, and returns once nothing can be missed.
func (v *view) follow(follow changes) {
	v.t.Helper()
	v.listen(follow)
	v.until("following", func() bool { return v.following > 0 })
}

// keepWriting writes and erases consumers, each of them once, until it is stopped. Writes
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
					err = within(v.t, time.Second, func(ctx context.Context) error { return store.Erase(ctx, "org_1", id) })
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

// wantConvergence interrupts a feed several times while others write. Each time it must
// say so and follow again, and in the end nothing may have been missed.
func wantConvergence(t *testing.T, v *view, writer *postgres.Store, follow changes, interrupt func()) {
	t.Helper()
	v.follow(follow)
	_, stop := v.keepWriting(writer)
	for range 4 {
		v.mu.Lock()
		told, following, lost := len(v.told), v.following, v.lost
		v.mu.Unlock()
		v.until("a change is told", func() bool { return len(v.told) > told })
		interrupt()
		v.until("lost, and following again", func() bool { return v.lost > lost && v.following > following })
	}
	stop()
	v.wantStored(writer)
}

func TestAKilledConnectionMissesNothing(t *testing.T) {
	url := postgrestest.URL(t)
	here, there, raw := newStore(t, url), newStore(t, url), openRaw(t, url)
	wantConvergence(t, newView(t, here), there, here.Changes, func() { killListeners(t, raw) })
}

// killListeners ends the connections that listen.
func killListeners(t *testing.T, raw *sqlx.DB) {
	t.Helper()
	eventually(t, "a listener is killed", func() bool {
		return count(t, raw, `SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
			WHERE datname = current_database() AND query SIMILAR TO '(LISTEN|NOTIFY) rejoin_changes%'`) > 0
	})
}

func TestACrashOfTheServerMissesNothing(t *testing.T) {
	cluster := postgrestest.Start(t)
	url := cluster.URL(t)
	here, there := newStore(t, url), newStore(t, url)
	wantConvergence(t, newView(t, here), there, here.Changes, func() { cluster.Stop(t); cluster.Start(t) })
}

func TestASilentConnectionMissesNothing(t *testing.T) {
	url := postgrestest.URL(t)
	cable, there := newCable(t, url), newStore(t, url)
	here := openWith(t, postgres.Options{URL: url, ListenURL: cable.url})
	wantConvergence(t, newView(t, here), there, impatient(here), cable.lose)
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

// TestAConnectionThatFallsSilentBeforeItListens does so while it waits for an answer.
func TestAConnectionThatFallsSilentBeforeItListens(t *testing.T) {
	url := postgrestest.URL(t)
	cable, there, raw := newCable(t, url), newStore(t, url), openRaw(t, url)
	here := openWith(t, postgres.Options{URL: url, ListenURL: cable.url})
	held := holdTable(t, raw, "goose_db_version", "ACCESS EXCLUSIVE")
	defer held.Rollback()
	v := newView(t, here)
	v.listen(impatient(here))
	eventually(t, "it asks for the schema's version", func() bool { return waiting(t, raw, "relation") > 0 })
	cable.lose()
	if err := held.Rollback(); err != nil {
		t.Fatal(err)
	}
	v.until("following", func() bool { return v.following > 0 })
	v.write(there, "cons_1")
	v.untilTold("cons_1")
}

// TestAQuietConnectionIsKept lets nothing happen, until it was tried several times.
func TestAQuietConnectionIsKept(t *testing.T) {
	store := newStore(t, postgrestest.URL(t))
	v := newView(t, store)
	v.follow(store.Changes)
	for range 4 {
		v.confirmedAgain()
	}
	v.write(store, "cons_1")
	v.untilTold("cons_1")
	if following, lost := v.counts(); following != 1 || lost != 0 {
		t.Errorf("it was told Following %d times and Lost %d times, want 1 and 0", following, lost)
	}
}

// TestAnotherProcessIsHeard also logs how long it takes.
func TestAnotherProcessIsHeard(t *testing.T) {
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
		v.untilTold(ids[0])
		took = append(took, max(0, v.toldAt(ids[0]).Sub(acknowledged)))
	}
	if _, said := child.Acknowledged(1); child.Wait() != nil {
		t.Error(said)
	}
	slices.Sort(took)
	t.Logf("told after the write returned: median %v, p99 %v, at most %v", took[writes/2], took[writes*99/100], took[writes-1])
	v.wantStored(store)
}

func TestChangesEndWithTheStore(t *testing.T) {
	store := newStore(t, postgrestest.URL(t))
	v := newView(t, store)
	ended := make(chan error, 1)
	go func() { ended <- store.Changes(context.Background(), v) }()
	v.until("following", func() bool { return v.following > 0 })
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
		t.Errorf("it was told Following %d times and Lost %d times, want 1 each", following, lost)
	}
}

func TestChangesNeedTheSchema(t *testing.T) {
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
				t.Errorf("it was told Following %d times and Lost %d times, want never", following, lost)
			}
		})
	}
}

// TestListenURLIsWhereItListens closes the way of URL to notifications, as a pooler that
// works by transactions does.
func TestListenURLIsWhereItListens(t *testing.T) {
	url := postgrestest.URL(t)
	newStore(t, url)
	pooled := newPooler(t, url, poolsTransactions)
	store := openWith(t, postgres.Options{URL: pooled, ListenURL: url})
	v := newView(t, store)
	v.follow(store.Changes)
	v.write(store, "cons_1")
	v.untilTold("cons_1")
}

// TestWhereNothingIsHeardNothingIsFollowed also makes sure that it tries again.
func TestWhereNothingIsHeardNothingIsFollowed(t *testing.T) {
	url, other := postgrestest.URL(t), postgrestest.URL(t)
	newStore(t, url)
	newStore(t, other)
	for rule, listenURL := range map[string]string{
		"through a pooler of transactions": newPooler(t, url, poolsTransactions),
		"in another database":              other,
	} {
		t.Run(rule, func(t *testing.T) {
			cable := newCable(t, listenURL)
			store := openWith(t, postgres.Options{URL: url, ListenURL: cable.url})
			v := newView(t, store)
			v.listen(impatient(store))
			eventually(t, "it has tried twice", func() bool { return cable.made.Load() >= 3 })
			if following, lost := v.counts(); following != 0 || lost != 0 {
				t.Errorf("it was told Following %d times and Lost %d times, want never", following, lost)
			}
		})
	}
}

func TestAPoolerOfSessionsIsNoObstacle(t *testing.T) {
	url := postgrestest.URL(t)
	newStore(t, url)
	store := openWith(t, postgres.Options{URL: newPooler(t, url, poolsSessions)})
	v := newView(t, store)
	v.follow(impatient(store))
	v.write(store, "cons_1")
	v.untilTold("cons_1")
	v.confirmedAgain()
	if following, lost := v.counts(); following != 1 || lost != 0 {
		t.Errorf("it was told Following %d times and Lost %d times, want 1 and 0", following, lost)
	}
}

func TestAnybodysNotificationDoesNoHarm(t *testing.T) {
	url := postgrestest.URL(t)
	store, raw := newStore(t, url), openRaw(t, url)
	v := newView(t, store)
	v.follow(store.Changes)
	for rule, payload := range map[string]string{
		"nothing":             "",
		"too short":           "0123456789abcde",
		"no hexadecimal":      "0123456789abcdeg",
		"text":                "consumers have changed, please read anew",
		"a letter of 2 bytes": "0123456789abcdé",
		"nobody's":            fmt.Sprintf("%016x", hashOf("nobody")),
		"the longest":         fmt.Sprintf("%07999d", 0),
	} {
		execRaw(t, raw, `SELECT pg_notify('rejoin_changes', $1)`, payload)
		id := "cons_" + fmt.Sprint(len(rule))
		v.write(store, id)
		v.untilTold(id)
	}
	v.knows("cons_partly")
	execRaw(t, raw, `SELECT pg_notify('rejoin_changes', $1)`, fmt.Sprintf("%016xjunk", hashOf("cons_partly")))
	v.untilTold("cons_partly")
	if following, lost := v.counts(); following != 1 || lost != 0 {
		t.Errorf("it was told Following %d times and Lost %d times, want 1 and 0", following, lost)
	}
}

func FuzzHashesOf(f *testing.F) {
	for _, payload := range []string{"", "0123456789abcdef", "0123456789ABCDEF0", "\xff123456789abcdef", "0123456789abcdef0123456789abcdeg"} {
		f.Add(payload)
	}
	f.Fuzz(func(t *testing.T, payload string) {
		hashes := postgres.HashesOf(payload)
		if len(hashes) > len(payload)/16 {
			t.Errorf("%d hashes in %d bytes", len(hashes), len(payload))
		}
		var again string
		for _, hash := range hashes {
			again += fmt.Sprintf("%016x", hash)
		}
		if diff := cmp.Diff(hashes, postgres.HashesOf(again)); diff != "" {
			t.Errorf("read again (-first +second):\n%s", diff)
		}
	})
}
