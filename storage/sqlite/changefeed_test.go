package sqlite_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/rejoinhq/rejoin/consumer"
	"github.com/rejoinhq/rejoin/storage/internal/childtest"
	"github.com/rejoinhq/rejoin/storage/sqlite"
)

// listener notes what it is told, hashes as such.
type listener struct {
	mu   sync.Mutex
	told []any
	news chan struct{} // holds a token when something was told
}

func newListener() *listener { return &listener{news: make(chan struct{}, 1)} }

func (l *listener) Following()          { l.note("following") }
func (l *listener) Lost()               { l.note("lost") }
func (l *listener) Confirmed(time.Time) {}
func (l *listener) Changed(consumers []uint64) {
	for _, hash := range consumers {
		l.note(hash)
	}
}

func (l *listener) note(what any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.told = append(l.told, what)
	select {
	case l.news <- struct{}{}:
	default:
	}
}

// wait waits until it is told something.
func (l *listener) wait(t *testing.T, what any) {
	t.Helper()
	patience := time.After(10 * time.Second)
	for !slices.Contains(l.notes(), what) {
		select {
		case <-l.news:
		case <-patience:
			t.Fatalf("waited in vain for %v", what)
		}
	}
}

// notes are what it was told so far.
func (l *listener) notes() []any {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.told)
}

func follow(t *testing.T, store *sqlite.Store) *listener {
	t.Helper()
	l := newListener()
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	var ended sync.WaitGroup
	ended.Go(func() { _ = store.Changes(ctx, l) })
	t.Cleanup(func() { cancel(); ended.Wait() })
	l.wait(t, "following")
	return l
}

func hashOf(id string) any {
	return consumer.ConsumerKey{OrganizationID: "org_1", ConsumerID: id}.Hash()
}

func write(t *testing.T, store *sqlite.Store, id string) {
	t.Helper()
	if _, err := store.Write(t.Context(), aConsumer(id)); err != nil {
		t.Fatal(err)
	}
}

func catchUp(t *testing.T, store *sqlite.Store) {
	t.Helper()
	if err := store.CatchUp(); err != nil {
		t.Fatal(err)
	}
}

func TestChangesOfAnotherStoreOnTheFile(t *testing.T) {
	path := newPath(t)
	here, there := newStore(t, path), newStore(t, path)
	l := follow(t, here)
	write(t, there, "cons_1")
	l.wait(t, hashOf("cons_1"))
}

// TestCatchUpIsExact has no time to wait for: what was committed before the call was told
// after it, also when it comes from another process.
func TestCatchUpIsExact(t *testing.T) {
	const writes = 50
	path := newPath(t)
	here, there := newStore(t, path), newStore(t, path)
	l := follow(t, here)
	for n := range writes {
		id := fmt.Sprintf("cons_%d", n)
		write(t, []*sqlite.Store{here, there}[n%2], id)
		catchUp(t, here)
		if !slices.Contains(l.notes(), hashOf(id)) {
			t.Fatalf("%s was not told", id)
		}
	}
	child := childtest.Start(t, path, "child", writes)
	child.Begin(t)
	for range writes {
		ids, said := child.Acknowledged(1)
		if len(ids) == 0 {
			t.Fatalf("the child said:\n%s", said)
		}
		catchUp(t, here)
		if !slices.Contains(l.notes(), hashOf(ids[0])) {
			t.Fatalf("%s was not told", ids[0])
		}
	}
	if _, said := child.Acknowledged(1); child.Wait() != nil {
		t.Error(said)
	}
}

func TestCatchUpInMemoryIsExact(t *testing.T) {
	store := newStore(t, sqlite.Memory)
	l := follow(t, store)
	write(t, store, "cons_1")
	catchUp(t, store)
	if !slices.Contains(l.notes(), hashOf("cons_1")) {
		t.Error("cons_1 was not told")
	}
}

func TestAStaleWriteIsNoChange(t *testing.T) {
	store := newStore(t, newPath(t))
	write(t, store, "cons_1")
	l := follow(t, store)
	write(t, store, "cons_1")
	catchUp(t, store)
	if slices.Contains(l.notes(), hashOf("cons_1")) {
		t.Error("it was told")
	}
}

func TestWhoFellBehindTheLogIsTold(t *testing.T) {
	path := newPath(t)
	store, raw := newStore(t, path), openRaw(t, path)
	l := follow(t, store)
	for _, id := range []string{"cons_1", "cons_2"} {
		write(t, store, id)
		catchUp(t, store)
	}
	// One transaction, as if all this had happened between two looks.
	execRaw(t, raw, `BEGIN; INSERT INTO changes (consumer_hash) VALUES (7), (8), (9); DELETE FROM changes WHERE consumer_hash = 7; COMMIT`)
	disturb(t, path)
	catchUp(t, store)
	write(t, store, "cons_3")
	catchUp(t, store)
	want := []any{"following", hashOf("cons_1"), hashOf("cons_2"), "lost", "following", hashOf("cons_3")}
	if got := l.notes(); !slices.Equal(got, want) {
		t.Errorf("it was told %v, want %v", got, want)
	}
}

func TestTheLogKeepsItsEndOnly(t *testing.T) {
	const more = 10
	path := newPath(t)
	store, raw := newStore(t, path), openRaw(t, path)
	execRaw(t, raw, `INSERT INTO changes (consumer_hash) WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100000) SELECT i FROM n`)
	for n := range more {
		write(t, store, fmt.Sprintf("cons_%d", n))
	}
	var kept struct{ Oldest, Newest, Entries int }
	if err := raw.Get(&kept, `SELECT min(revision) AS oldest, max(revision) AS newest, count(*) AS entries FROM changes`); err != nil {
		t.Fatal(err)
	}
	if want := (struct{ Oldest, Newest, Entries int }{1 + more, 100_000 + more, 100_000}); kept != want {
		t.Errorf("the log is %+v, want %+v", kept, want)
	}
}

func TestALogThatCannotBeReadIsLost(t *testing.T) {
	path := newPath(t)
	store, raw := newStore(t, path), openRaw(t, path)
	l := follow(t, store)
	execRaw(t, raw, `ALTER TABLE goose_db_version RENAME TO gone`)
	disturb(t, path)
	if err := store.CatchUp(); !errors.Is(err, consumer.ErrSchema) {
		t.Errorf("CatchUp returned %v, want ErrSchema", err)
	}
	execRaw(t, raw, `ALTER TABLE gone RENAME TO goose_db_version`)
	if got, want := l.notes(), []any{"following", "lost"}; !slices.Equal(got, want) {
		t.Errorf("it was told %v, want %v", got, want)
	}
}

func TestChangesEndWithTheStore(t *testing.T) {
	for name, path := range map[string]string{"file": newPath(t), "memory": sqlite.Memory} {
		t.Run(name, func(t *testing.T) {
			store := newStore(t, path)
			ended := make(chan error, 1)
			go func() { ended <- store.Changes(context.Background(), newListener()) }()
			if err := store.Close(); err != nil {
				t.Fatal(err)
			}
			select {
			case err := <-ended:
				if !errors.Is(err, consumer.ErrUnavailable) {
					t.Errorf("Changes returned %v, want ErrUnavailable", err)
				}
			case <-time.After(10 * time.Second):
				t.Error("Changes goes on")
			}
		})
	}
}

func TestChangesNeedTheSchema(t *testing.T) {
	if err := openStore(t, newPath(t)).Changes(t.Context(), newListener()); !errors.Is(err, consumer.ErrSchema) {
		t.Errorf("Changes returned %v, want ErrSchema", err)
	}
}
