package sqlite

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rejoinhq/rejoin/consumer"
)

// A method that writes notifies the listeners of this Store before it returns. What other
// processes write, the Store finds in the log of changes, which it polls.

// defaultPollInterval is the default of [Options.PollInterval], and the interval at which
// Changes polls if that option is negative.
const defaultPollInterval = 20 * time.Millisecond

// maxPollInterval keeps the promise of [consumer.ChangeListener] to call Confirmed at
// least every half second.
const maxPollInterval = 400 * time.Millisecond

// feed notifies the listeners of a Store of what the log contains.
type feed struct {
	start time.Time
	// lookedAt is when the last look at the log began, as nanoseconds since start. It is
	// never if that look failed or there was none.
	lookedAt atomic.Int64

	mu        sync.Mutex // held while the log is read and the listeners are notified
	listeners map[*consumer.ChangeListener]struct{}
	revision  int64 // the last revision that the listeners know of
	lost      bool
	// writing is true while this Store has a transaction that writes, so that nobody else
	// can commit.
	writing bool
	// suspectedAt is when something seemed to have been committed by other means than a
	// Store, in the same unit as lookedAt, or never.
	suspectedAt int64
}

const never = math.MinInt64

func newFeed() *feed {
	f := &feed{start: time.Now(), listeners: make(map[*consumer.ChangeListener]struct{}), suspectedAt: never}
	f.lookedAt.Store(never)
	return f
}

// now returns the nanoseconds since the feed was created.
func (f *feed) now() int64 { return int64(time.Since(f.start)) }

func (f *feed) notify(call func(consumer.ChangeListener)) {
	for listener := range f.listeners {
		call(*listener)
	}
}

// Changes implements [consumer.ChangeFeed]. It notifies of what this Store writes before
// the method that writes returns, and of what other processes or Stores write within
// [Options.PollInterval].
//
// It calls Following again if the file was changed by other means than a Store, for example
// by hand with the sqlite3 shell, about 20 ms later than it would notice a Store's write.
// It can miss such a change if a Store of another process commits right before or after it.
//
// Changes does not notice if the database file is replaced by another file.
func (s *Store) Changes(ctx context.Context, listener consumer.ChangeListener) error {
	return translate(ctx, "follow changes", s.changes(ctx, listener))
}

func (s *Store) changes(ctx context.Context, listener consumer.ChangeListener) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := s.listen(&listener); err != nil {
		return err
	}
	defer s.unlisten(&listener)
	interval := s.pollInterval
	if interval < 0 {
		interval = defaultPollInterval
	}
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
		if err := s.poll(); s.isFinal(err) {
			return err
		}
	}
}

// poll looks at the log and confirms that the listeners know of everything before.
func (s *Store) poll() error {
	begun := time.Now()
	s.feed.mu.Lock()
	defer s.feed.mu.Unlock()
	if err := s.look(); err != nil {
		return err
	}
	s.feed.notify(func(l consumer.ChangeListener) { l.Confirmed(begun) })
	return nil
}

// isFinal reports whether trying again after an error is pointless.
func (s *Store) isFinal(err error) bool {
	return errors.Is(err, consumer.ErrSchema) || err != nil && s.closed.Load()
}

func (s *Store) listen(listener *consumer.ChangeListener) error {
	s.feed.mu.Lock()
	defer s.feed.mu.Unlock()
	err := s.look()
	if s.isFinal(err) {
		return err
	}
	s.feed.listeners[listener] = struct{}{}
	if err == nil {
		(*listener).Following()
	}
	return nil
}

func (s *Store) unlisten(listener *consumer.ChangeListener) {
	s.feed.mu.Lock()
	defer s.feed.mu.Unlock()
	delete(s.feed.listeners, listener)
}

// CatchUp implements [consumer.ExactChangeFeed]. When it returns nil, the listeners of this
// Store's Changes have been notified of everything that this Store wrote before the call,
// and of everything that was committed [Options.PollInterval] before the call, by whichever
// process. If PollInterval is negative, they have been notified of everything that was
// committed before the call. Within PollInterval of the last look at the database, a call
// costs some ten nanoseconds.
//
// It returns [consumer.ErrUnavailable] or [consumer.ErrSchema] if the log of changes cannot
// be read. The listeners have been notified of that too.
func (s *Store) CatchUp(ctx context.Context) error {
	if s.memory() && !s.closed.Load() {
		return nil // nobody else writes
	}
	after := s.feed.now() - int64(max(0, s.pollInterval))
	if s.feed.lookedAt.Load() > after && !s.closed.Load() {
		return nil
	}
	s.feed.mu.Lock()
	defer s.feed.mu.Unlock()
	if s.feed.lookedAt.Load() > after && !s.closed.Load() {
		return nil // another caller looked while this one waited
	}
	return translate(ctx, "read the log of changes", s.look())
}

// beginWriting is called once a transaction has the lock to write. What was committed
// until now is delivered first, so that it is not mixed up with what this Store commits.
func (s *Store) beginWriting() {
	if s.memory() {
		return // nobody else commits, and a look would wait for the transaction's connection
	}
	f := s.feed
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.listeners) > 0 && s.look() == nil && f.suspectedAt != never {
		f.followAgain() // nobody else can be in the middle of a commit
	}
	f.writing = true
}

// endWriting is called once the transaction has ended.
func (s *Store) endWriting() {
	s.feed.mu.Lock()
	defer s.feed.mu.Unlock()
	if len(s.feed.listeners) > 0 {
		_ = s.look() // the listeners are notified if it fails
	}
	s.feed.writing = false
}

// look reads the log and notifies the listeners. It is called with feed.mu held. It takes
// no context because it waits for nobody: a reader of a file does not wait for a lock.
func (s *Store) look() error {
	if s.closed.Load() { // the log's connection may still work
		return fmt.Errorf("%w: the store was closed", consumer.ErrUnavailable)
	}
	f := s.feed
	begun := f.now()
	revision := f.revision
	if len(f.listeners) == 0 {
		revision = math.MaxInt64 // only the last revision matters
	}
	news, err := s.log.since(revision)
	if err != nil {
		f.lose()
		return translate(context.Background(), "read the log of changes", err)
	}
	f.deliver(news, begun)
	f.lookedAt.Store(begun)
	return nil
}

func (f *feed) lose() {
	f.lookedAt.Store(never)
	if !f.lost {
		f.lost = true
		f.notify(consumer.ChangeListener.Lost)
	}
}

// confirmSuspicion is how long a commit of a Store may take after its first effect can be
// observed: when SQLite begins its write-ahead log again, data_version changes once before
// the commit and once with it.
const confirmSuspicion = int64(defaultPollInterval)

func (f *feed) deliver(n news, now int64) {
	switch {
	case !n.any:
		if f.suspectedAt != never && now-f.suspectedAt >= confirmSuspicion {
			f.followAgain()
		}
		return
	case f.lost, n.revision-f.revision != int64(n.entries): // the log doesn't go back that far
		f.followAgain()
	case n.entries > 0:
		f.suspectedAt = never
		f.notify(func(l consumer.ChangeListener) { l.Changed(n.change) })
	case n.foreign && !f.writing && f.suspectedAt == never:
		f.suspectedAt = now
	}
	f.revision, f.lost = n.revision, false
}

// followAgain tells the listeners that anything may have changed.
func (f *feed) followAgain() {
	f.suspectedAt = never
	f.notify(consumer.ChangeListener.Following)
}
