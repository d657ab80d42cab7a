package sqlite_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rejoinhq/rejoin/consumer"
	"github.com/rejoinhq/rejoin/storage/internal/childtest"
	"github.com/rejoinhq/rejoin/storage/sqlite"
)

// listener records notifications; a change is recorded as its hash.
type listener struct {
	mu       sync.Mutex
	notified []any
	news     chan struct{} // holds a token after a notification
}

func newListener() *listener { return &listener{news: make(chan struct{}, 1)} }

func (l *listener) Following()          { l.note("following") }
func (l *listener) Lost()               { l.note("lost") }
func (l *listener) Confirmed(time.Time) {}
func (l *listener) Changed(change consumer.Change) {
	for _, hash := range change.Consumers {
		l.note(hash)
	}
}

func (l *listener) note(what any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.notified = append(l.notified, what)
	select {
	case l.news <- struct{}{}:
	default:
	}
}

// wait waits for a notification.
func (l *listener) wait(t *testing.T, what any) {
	t.Helper()
	l.waitUntil(t, fmt.Sprint(what), func(notes []any) bool { return slices.Contains(notes, what) })
}

// waitUntil waits until a condition holds for the notifications.
func (l *listener) waitUntil(t *testing.T, what string, holds func(notes []any) bool) {
	t.Helper()
	timeout := time.After(10 * time.Second)
	for !holds(l.notes()) {
		select {
		case <-l.news:
		case <-timeout:
			t.Fatalf("timeout while waiting: %s; the notifications were %v", what, l.notes())
		}
	}
}

// notes returns the notifications until now.
func (l *listener) notes() []any {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.notified)
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
	return consumer.Key{OrganizationID: "org_1", ConsumerID: id}.Hash()
}

func write(t *testing.T, store *sqlite.Store, id string) {
	t.Helper()
	if _, err := store.Write(t.Context(), aConsumer(id)); err != nil {
		t.Fatal(err)
	}
}

func catchUp(t *testing.T, store *sqlite.Store) {
	t.Helper()
	if err := store.CatchUp(t.Context()); err != nil {
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

// exactStore opens a store whose CatchUp asks the database at each call.
func exactStore(t *testing.T, path string) *sqlite.Store {
	t.Helper()
	return newStoreWith(t, sqlite.Options{Path: path, PollInterval: -1})
}

// wantNotified wants the listener to know of a change without waiting for it.
func wantNotified(t *testing.T, l *listener, id string) {
	t.Helper()
	if !slices.Contains(l.notes(), hashOf(id)) {
		t.Fatalf("the listener was not notified of %s", id)
	}
}

func TestWriteNotifiesBeforeItReturns(t *testing.T) {
	for name, path := range map[string]string{"file": newPath(t), "memory": sqlite.Memory} {
		t.Run(name, func(t *testing.T) {
			store := newStoreWith(t, sqlite.Options{Path: path, PollInterval: 400 * time.Millisecond})
			l := follow(t, store)
			for n := range 20 {
				id := fmt.Sprintf("cons_%d", n)
				write(t, store, id)
				wantNotified(t, l, id)
				catchUp(t, store)
			}
			if _, err := store.Merge(t.Context(), consumer.Merge{OrganizationID: "org_1", GuestID: "cons_1", ConsumerID: "cons_2"}); err != nil {
				t.Fatal(err)
			}
			if err := store.Erase(t.Context(), consumer.Key{OrganizationID: "org_1", ConsumerID: "cons_unknown"}); err != nil {
				t.Fatal(err)
			}
			wantNotified(t, l, "cons_unknown")
		})
	}
}

func TestExactCatchUp(t *testing.T) {
	const writes = 50
	path := newPath(t)
	here, there := exactStore(t, path), newStore(t, path)
	l := follow(t, here)
	for n := range writes {
		id := fmt.Sprintf("cons_%d", n)
		write(t, there, id)
		catchUp(t, here)
		wantNotified(t, l, id)
	}
	child := childtest.Start(t, path, "child", writes)
	child.Begin(t)
	for range writes {
		ids, said := child.Acknowledged(1)
		if len(ids) == 0 {
			t.Fatalf("the child said:\n%s", said)
		}
		catchUp(t, here)
		wantNotified(t, l, ids[0])
	}
	if _, said := child.Acknowledged(1); child.Wait() != nil {
		t.Error(said)
	}
}

// TestCatchUpWithinThePollInterval waits for the interval after each write of another
// store, and no longer.
func TestCatchUpWithinThePollInterval(t *testing.T) {
	const interval = 50 * time.Millisecond
	path := newPath(t)
	here, there := newStoreWith(t, sqlite.Options{Path: path, PollInterval: interval}), newStore(t, path)
	l := follow(t, here)
	for n := range 10 {
		id := fmt.Sprintf("cons_%d", n)
		write(t, there, id)
		time.Sleep(interval)
		catchUp(t, here)
		wantNotified(t, l, id)
	}
}

func TestCatchUpAllocatesNothingWithinThePollInterval(t *testing.T) {
	store := newStoreWith(t, sqlite.Options{Path: newPath(t), PollInterval: 400 * time.Millisecond})
	follow(t, store)
	catchUp(t, store)
	if n := testing.AllocsPerRun(100, func() { catchUp(t, store) }); n != 0 {
		t.Errorf("%v allocations, want 0: the database was asked", n)
	}
}

func TestCatchUpUnderAnotherName(t *testing.T) {
	path := newPath(t)
	here := exactStore(t, path)
	link := filepath.Join(t.TempDir(), "link.db")
	if err := os.Symlink(path, link); err != nil {
		t.Skip("no symbolic links")
	}
	there := newStore(t, link)
	l := follow(t, here)
	write(t, there, "cons_1")
	catchUp(t, here)
	wantNotified(t, l, "cons_1")
}

func TestStaleWriteIsNoChange(t *testing.T) {
	store := newStore(t, newPath(t))
	write(t, store, "cons_1")
	l := follow(t, store)
	write(t, store, "cons_1")
	catchUp(t, store)
	if diff := cmp.Diff([]any{"following"}, l.notes()); diff != "" {
		t.Errorf("notifications (-want +got):\n%s", diff)
	}
}

// TestForeignChange changes a row by other means than a Store, before anything else, and
// between two writes without a pause.
func TestForeignChange(t *testing.T) {
	path := newPath(t)
	store, raw := exactStore(t, path), openRaw(t, path)
	write(t, store, "cons_1")
	l := follow(t, store)
	byHand := func() {
		t.Helper()
		execRaw(t, raw, `UPDATE consumers SET updated_at = updated_at + 1 WHERE id = 'cons_1'`)
	}
	byHand()
	write(t, store, "cons_2")
	byHand()
	write(t, store, "cons_3")
	catchUp(t, store)
	want := []any{"following", "following", hashOf("cons_2"), "following", hashOf("cons_3")}
	if diff := cmp.Diff(want, l.notes()); diff != "" {
		t.Errorf("notifications (-want +got):\n%s", diff)
	}
}

func TestForeignChangeIsNoticedWithoutCatchUp(t *testing.T) {
	path := newPath(t)
	store, raw := newStore(t, path), openRaw(t, path)
	write(t, store, "cons_1")
	l := follow(t, store)
	execRaw(t, raw, `DELETE FROM admissions`)
	l.waitUntil(t, "it follows again", func(notes []any) bool { return len(notes) == 2 && notes[1] == "following" })
}

// TestNoWriteOfAStoreIsForeign makes every kind of change through another store, many of
// them, so that SQLite begins its log again in between.
func TestNoWriteOfAStoreIsForeign(t *testing.T) {
	path := newPath(t)
	here, there := exactStore(t, path), newStore(t, path)
	l := follow(t, here)
	key := consumer.APIKey{OrganizationID: "org_1", Kind: consumer.SecretKey, Digest: [32]byte{1}, CreatedAt: time.Unix(0, 0)}
	for n := range 700 {
		write(t, there, fmt.Sprintf("cons_%d", n))
		write(t, there, fmt.Sprintf("cons_%d", n))
		catchUp(t, here)
	}
	for _, change := range []func() error{
		func() error {
			_, err := there.Write(t.Context(), consumer.Batch{APIKeys: []consumer.APIKey{key}})
			return err
		},
		func() error {
			_, err := there.Write(t.Context(), consumer.Batch{APIKeys: []consumer.APIKey{key}})
			return err
		},
		func() error { return there.RevokeAPIKey(t.Context(), "org_1", key.Digest, time.Unix(1, 0)) },
		func() error {
			_, err := there.Merge(t.Context(), consumer.Merge{OrganizationID: "org_1", GuestID: "cons_1", ConsumerID: "cons_2"})
			return err
		},
		func() error {
			return there.Erase(t.Context(), consumer.Key{OrganizationID: "org_1", ConsumerID: "cons_3"})
		},
		func() error {
			batch := aConsumer("cons_4")
			batch.Participations[0].Status, batch.Participations[0].UpdatedAt = consumer.StatusLeft, time.Unix(1<<31, 0)
			_, err := there.Write(t.Context(), batch)
			return err
		},
		func() error {
			_, err := there.Purge(t.Context(), consumer.Purge{Before: time.Unix(1<<32, 0), Limit: 100})
			return err
		},
		func() error {
			_, err := there.Purge(t.Context(), consumer.Purge{Before: time.Unix(1<<32, 0), Limit: 100})
			return err
		},
		func() error { return there.Migrate(t.Context()) },
	} {
		if err := change(); err != nil {
			t.Fatal(err)
		}
		catchUp(t, here)
	}
	for n, note := range l.notes() {
		if note == "lost" || note == "following" && n > 0 {
			t.Errorf("notification %d is %v", n, note)
		}
	}
}

func TestListenerThatFellBehindTheLog(t *testing.T) {
	path := newPath(t)
	store, raw := exactStore(t, path), openRaw(t, path)
	l := follow(t, store)
	for _, id := range []string{"cons_1", "cons_2"} {
		write(t, store, id)
		catchUp(t, store)
	}
	// One transaction has the same effect as many of them between two looks.
	execRaw(t, raw, `BEGIN; INSERT INTO changes (kind, hash) VALUES (1, 7), (1, 8), (1, 9); DELETE FROM changes WHERE hash = 7; COMMIT`)
	catchUp(t, store)
	write(t, store, "cons_3")
	catchUp(t, store)
	want := []any{"following", hashOf("cons_1"), hashOf("cons_2"), "following", hashOf("cons_3")}
	if diff := cmp.Diff(want, l.notes()); diff != "" {
		t.Errorf("notifications (-want +got):\n%s", diff)
	}
}

func TestLogKeepsItsEnd(t *testing.T) {
	const more = 10
	path := newPath(t)
	store, raw := newStore(t, path), openRaw(t, path)
	execRaw(t, raw, `INSERT INTO changes (kind, hash) WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100000) SELECT 1, i FROM n`)
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

func TestUnreadableLogIsLost(t *testing.T) {
	path := newPath(t)
	store, raw := exactStore(t, path), openRaw(t, path)
	l := follow(t, store)
	execRaw(t, raw, `ALTER TABLE rejoin_schema_version RENAME TO gone`)
	if err := store.CatchUp(t.Context()); !errors.Is(err, consumer.ErrSchema) {
		t.Errorf("CatchUp returned %v, want ErrSchema", err)
	}
	execRaw(t, raw, `ALTER TABLE gone RENAME TO rejoin_schema_version`)
	if diff := cmp.Diff([]any{"following", "lost"}, l.notes()); diff != "" {
		t.Errorf("notifications (-want +got):\n%s", diff)
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
