package storagetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/rejoinhq/rejoin/consumer"
	"github.com/rejoinhq/rejoin/consumer/event"
)

// feedTimeout is how long a case waits for a notification.
const feedTimeout = 10 * time.Second

func changeFeedCases() []storeCase {
	one := func() consumer.Batch { return together(profiles(profile()), participations(participation())) }
	return []storeCase{
		{"Following is called first", func(t *testing.T, store consumer.Store) {
			write(t, store, one())
			follow(t, store) // fails otherwise
		}},
		{"a write is reported", toldOf(one(), func(t *testing.T, store consumer.Store) {
			write(t, store, participations(participation(becoming(consumer.StatusLeft, at(1)))))
		}, person)},
		{"a profile is reported", toldOf(consumer.Batch{}, func(t *testing.T, store consumer.Store) {
			write(t, store, profiles(profile()))
		}, person)},
		{"an admission is reported", toldOf(one(), func(t *testing.T, store consumer.Store) {
			write(t, store, admissions(admission()))
		}, person)},
		{"every consumer of a batch is reported", toldOf(one(), func(t *testing.T, store consumer.Store) {
			later := participations(participation(becoming(consumer.StatusLeft, at(1))))
			write(t, store, together(later, movedToOther(later)))
		}, person, otherPerson)},
		{"an erasure is reported", toldOf(one(), func(t *testing.T, store consumer.Store) {
			erase(t, store, organization, person)
		}, person)},
		{"a merge is reported for both consumers", toldOf(together(one(), movedToOther(one())), func(t *testing.T, store consumer.Store) {
			if _, err := store.Merge(t.Context(), consumer.Merge{OrganizationID: organization, GuestID: otherPerson, ConsumerID: person}); err != nil {
				t.Errorf("Merge: %v", err)
			}
		}, person, otherPerson)},
		{"every consumer of a large batch is reported", testManyChanges},
		{"a reported change can be read", testToldCanBeRead},
		{"every listener is notified", func(t *testing.T, store consumer.Store) {
			first, second := follow(t, store), follow(t, store)
			write(t, store, one())
			first.want(t, person)
			second.want(t, person)
		}},
		{"a later listener is notified of later changes", func(t *testing.T, store consumer.Store) {
			write(t, store, one())
			l := follow(t, store)
			write(t, store, movedToOther(one()))
			l.want(t, otherPerson)
		}},
		{"a listener is not called after Changes returned", testListenerLeaves},
		{"Confirmed is called repeatedly", testConfirmed},
		{"no change of concurrent writers is missed", testNoChangeIsMissed},
	}
}

// ownChangeCases are about changes that the store itself makes.
func ownChangeCases() []storeCase {
	one := together(profiles(profile()), participations(admitted()))
	return []storeCase{
		{"a write is reported before it returns", toldAtOnceOf(one, func(t *testing.T, store consumer.Store) {
			write(t, store, participations(participation(becoming(consumer.StatusLeft, at(1)))))
		}, person)},
		{"a distribution is reported before its write returns", func(t *testing.T, store consumer.Store) {
			moved := queue(serving(1, at(1)))
			l := follow(t, store)
			write(t, store, distributions(moved))
			l.mu.Lock()
			defer l.mu.Unlock()
			if hash := moved.Key().Hash(); !slices.Contains(l.distributions, hash) {
				t.Errorf("the distributions %x were reported, want %x among them", l.distributions, hash)
			}
		}},
		{"an erasure is reported before it returns", toldAtOnceOf(one, func(t *testing.T, store consumer.Store) {
			erase(t, store, organization, person)
		}, person)},
		{"a merge is reported before it returns", toldAtOnceOf(together(one, movedToOther(one)), func(t *testing.T, store consumer.Store) {
			if _, err := store.Merge(t.Context(), consumer.Merge{OrganizationID: organization, GuestID: otherPerson, ConsumerID: person}); err != nil {
				t.Errorf("Merge: %v", err)
			}
		}, person, otherPerson)},
		{"an event is reported before its recording returns", toldAtOnceOf(consumer.Batch{}, func(t *testing.T, store consumer.Store) {
			if _, ok := store.(event.Recorder); !ok {
				t.Skip("the store does not record events")
			}
			recordAll(t, store, about(event.ConsumerCreated, "created", 1))
		}, person)},
		{"a completion is reported before it returns", toldAtOnceOf(one, func(t *testing.T, store consumer.Store) {
			if _, ok := store.(consumer.Completer); !ok {
				t.Skip("the store does not complete admissions")
			}
			wantCompleted(t, store, completion())
		}, person)},
	}
}

// toldAtOnceOf makes a change while a listener follows, and requires that its notification
// has come when the change returns.
func toldAtOnceOf(before consumer.Batch, change func(*testing.T, consumer.Store), consumers ...string) func(*testing.T, consumer.Store) {
	return func(t *testing.T, store consumer.Store) {
		write(t, store, before)
		l := follow(t, store)
		change(t, store)
		l.mu.Lock()
		defer l.mu.Unlock()
		for _, id := range consumers {
			hash := consumer.Key{OrganizationID: organization, ConsumerID: id}.Hash()
			if !slices.Contains(l.told, hash) {
				t.Errorf("%s was not reported when the change returned", id)
			}
		}
	}
}

// toldOf makes a change while a listener follows, and waits for its notification.
func toldOf(before consumer.Batch, change func(*testing.T, consumer.Store), consumers ...string) func(*testing.T, consumer.Store) {
	return func(t *testing.T, store consumer.Store) {
		write(t, store, before)
		l := follow(t, store)
		change(t, store)
		l.want(t, consumers...)
	}
}

// listener records notifications.
type listener struct {
	// onChange, if set, is called with each consumer.
	onChange func(hash uint64)

	mu        sync.Mutex
	following bool
	confirmed time.Time
	told      []uint64
	// distributions holds those that changed.
	distributions []uint64
	news          chan struct{} // holds a token when something was told
}

func (l *listener) Following() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.following = true
	l.wake()
}

func (l *listener) Confirmed(moment time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.confirmed = moment
	l.wake()
}

func (l *listener) Lost() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.following = false
}

func (l *listener) Changed(change consumer.Change) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.following { // otherwise whoever waits for it fails
		l.told = append(l.told, change.Consumers...)
		l.distributions = append(l.distributions, change.Distributions...)
	}
	if l.onChange != nil {
		for _, hash := range change.Consumers {
			l.onChange(hash)
		}
	}
	l.wake()
}

func (l *listener) wake() {
	select {
	case l.news <- struct{}{}:
	default:
	}
}

// follow listens until the case ends, and returns when no change can be missed.
func follow(t *testing.T, store consumer.ChangeFeed) *listener {
	t.Helper()
	l := &listener{news: make(chan struct{}, 1)}
	followWith(t, store, l)
	return l
}

func followWith(t *testing.T, store consumer.ChangeFeed, l *listener) (leave func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	ended := make(chan error, 1)
	go func() { ended <- store.Changes(ctx, l) }()
	leave = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("Changes returned %v, want the context's error", err)
		}
	})
	t.Cleanup(leave)
	l.until(t, "following", func() bool { return l.following })
	return leave
}

// until waits for a condition, which it evaluates with the listener locked.
func (l *listener) until(t *testing.T, what string, condition func() bool) {
	t.Helper()
	timeout := time.NewTimer(feedTimeout)
	defer timeout.Stop()
	for {
		l.mu.Lock()
		holds := condition()
		l.mu.Unlock()
		if holds {
			return
		}
		select {
		case <-l.news:
		case <-timeout.C:
			t.Fatalf("timeout while waiting until %s", what)
		}
	}
}

// want waits for notifications about consumers of the first organization.
func (l *listener) want(t *testing.T, consumerIDs ...string) {
	t.Helper()
	for _, id := range consumerIDs {
		hash := consumer.Key{OrganizationID: organization, ConsumerID: id}.Hash()
		l.until(t, id+" is reported", func() bool { return slices.Contains(l.told, hash) })
	}
}

func testManyChanges(t *testing.T, store consumer.Store) {
	const many = 3000
	var batch consumer.Batch
	var ids []string
	for n := range many {
		ids = append(ids, fmt.Sprintf("cons_%d", n))
		batch.Consumers = append(batch.Consumers, profile(func(c *consumer.Consumer) { c.ID = ids[n] }))
	}
	l := follow(t, store)
	write(t, store, batch)
	missing := make(map[uint64]bool)
	for _, id := range ids {
		missing[consumer.Key{OrganizationID: organization, ConsumerID: id}.Hash()] = true
	}
	l.until(t, "all are reported", func() bool {
		for _, hash := range l.told {
			delete(missing, hash)
		}
		return len(missing) == 0
	})
}

// testToldCanBeRead reads during the notification, and requires at least what was written.
func testToldCanBeRead(t *testing.T, store consumer.Store) {
	const writes = 50
	var mu sync.Mutex
	read := -1
	l := &listener{news: make(chan struct{}, 1)}
	l.onChange = func(uint64) {
		s, err := store.Snapshot(context.Background(), consumer.Key{OrganizationID: organization, ConsumerID: person})
		if err != nil {
			t.Errorf("Snapshot: %v", err)
			return
		}
		mu.Lock()
		defer mu.Unlock()
		read = max(read, int(*s.Participations[0].Position))
	}
	followWith(t, store, l)
	for n := range writes {
		write(t, store, together(profiles(profile()), participations(participation(
			becoming(consumer.StatusQueued, at(n)), func(p *consumer.Participation) { p.Position = new(int64(n)) }))))
		l.until(t, fmt.Sprintf("write %d is reported and read", n), func() bool {
			mu.Lock()
			defer mu.Unlock()
			return read >= n
		})
	}
}

// testConfirmed requires a notification of every write before a confirmed time.
func testConfirmed(t *testing.T, store consumer.Store) {
	l := follow(t, store)
	for n := range 5 {
		id := fmt.Sprintf("cons_%d", n)
		write(t, store, profiles(profile(func(c *consumer.Consumer) { c.ID = id })))
		written := time.Now()
		hash := consumer.Key{OrganizationID: organization, ConsumerID: id}.Hash()
		l.until(t, "a later time is confirmed", func() bool {
			if l.confirmed.After(written) && !slices.Contains(l.told, hash) {
				t.Errorf("a time after the write of %s was confirmed before the write was reported", id)
			}
			return l.confirmed.After(written)
		})
	}
}

func testListenerLeaves(t *testing.T, store consumer.Store) {
	l := &listener{news: make(chan struct{}, 1)}
	leave := followWith(t, store, l)
	leave()
	write(t, store, profiles(profile()))
	follow(t, store)
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.told) > 0 {
		t.Error("it was called after Changes had returned")
	}
}

func testNoChangeIsMissed(t *testing.T, store consumer.Store) {
	const writers, each = 4, 25
	l := follow(t, store)
	var all sync.WaitGroup
	for w := range writers {
		all.Go(func() {
			for n := range each {
				id := fmt.Sprintf("cons_%d_%d", w, n)
				if _, err := store.Write(t.Context(), profiles(profile(func(c *consumer.Consumer) { c.ID = id }))); err != nil {
					t.Errorf("Write: %v", err)
				}
			}
		})
	}
	all.Wait()
	for w := range writers {
		for n := range each {
			l.want(t, fmt.Sprintf("cons_%d_%d", w, n))
		}
	}
}
