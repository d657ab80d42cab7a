package sqlite

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rejoinhq/rejoin/consumer"
)

// Every transaction enters the consumers whose records it changes in a log, the table
// changes, so that other processes find out too. A listener in this process is woken
// after each commit; for the commits of others somebody looks at the log from time to
// time, which takes some microseconds.

// pollInterval is how long a change that another process made goes unnoticed at most,
// give or take the time to read it.
const pollInterval = 20 * time.Millisecond

// lookInterval is how often the database is asked though nobody seems to have written.
const lookInterval = time.Second

// keptChanges is how far back the log goes. Who falls behind further has missed
// something, and is told so.
const keptChanges = "100000"

// logChanges takes the hashes as a JSON array, so that it is one statement for any
// number of them.
const logChanges = `INSERT INTO changes (consumer_hash) SELECT value FROM json_each(?)`

const forgetChanges = `DELETE FROM changes WHERE revision <= (SELECT max(revision) FROM changes) - ` + keptChanges

// changed enters consumers in the log.
func (t transaction) changed(ctx context.Context, keys ...consumer.ConsumerKey) error {
	hashes := make([]byte, 0, 21*len(keys)+2)
	for _, key := range keys {
		hashes = append(hashes, ',')
		hashes = strconv.AppendInt(hashes, int64(key.Hash()), 10)
	}
	if len(keys) == 0 {
		return nil
	}
	hashes[0] = '['
	if _, err := t.StmtxContext(ctx, t.logChanges).ExecContext(ctx, string(append(hashes, ']'))); err != nil {
		return err
	}
	_, err := t.StmtxContext(ctx, t.forgetChanges).ExecContext(ctx)
	return err
}

// feed tells the listeners of a Store what stands in the log.
type feed struct {
	written chan struct{} // holds a token when this process has committed something

	// caughtUp is one more than the sequence's number up to which the listeners were told
	// everything, and 0 when that is not known.
	caughtUp atomic.Uint64
	// looks counts how often somebody has begun to look at the log.
	looks atomic.Uint64

	mu        sync.Mutex // held while the log is read and the listeners are told
	listeners map[*consumer.ChangeListener]struct{}
	seen      int64 // the revision up to which they were told
	looked    time.Time
	lost      bool
}

func newFeed() *feed {
	return &feed{written: make(chan struct{}, 1), listeners: make(map[*consumer.ChangeListener]struct{})}
}

func (f *feed) lastLook() time.Time {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.looked
}

// wake makes one of those who wait in Changes look at the log at once.
func (f *feed) wake() {
	select {
	case f.written <- struct{}{}:
	default: // somebody is about to look anyway
	}
}

func (f *feed) tell(say func(consumer.ChangeListener)) {
	for listener := range f.listeners {
		say(*listener)
	}
}

// Changes implements [consumer.ChangeFeed]. A change by this Store is told at once, one
// by another process or Store within some 20 ms. A database file that somebody
// replaces is not followed.
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
	tick := time.NewTicker(pollInterval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-s.feed.written:
		case <-tick.C:
		}
		if err := s.look(); s.ends(err) {
			return err
		}
	}
}

// look catches up, and says as of when. Once in a while it asks the database though nobody
// seems to have written: should somebody have removed the file of the sequence, all that
// happens is that changes are noticed later.
func (s *Store) look() error {
	begun := time.Now()
	if begun.Sub(s.feed.lastLook()) >= lookInterval {
		s.feed.caughtUp.Store(0)
	}
	if err := s.CatchUp(); err != nil {
		return err
	}
	s.feed.mu.Lock()
	defer s.feed.mu.Unlock()
	s.feed.tell(func(l consumer.ChangeListener) { l.Confirmed(begun) })
	return nil
}

// ends reports whether an error will not pass by itself.
func (s *Store) ends(err error) bool {
	return errors.Is(err, consumer.ErrSchema) || err != nil && s.closed.Load()
}

func (s *Store) listen(listener *consumer.ChangeListener) error {
	s.feed.mu.Lock()
	defer s.feed.mu.Unlock()
	err := s.catchUp()
	if s.ends(err) {
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

// CatchUp returns once the listeners of this Store's Changes were told of everything that
// was committed before the call, by whichever process. Whoever keeps what they derived
// calls it to be exact: while nobody writes it costs a few nanoseconds. It returns
// [consumer.ErrUnavailable] when the log cannot be read; the listeners were told of that too.
func (s *Store) CatchUp() error {
	number, quiet := s.sequence.quiet()
	if quiet && s.feed.caughtUp.Load() == number+1 && !s.closed.Load() {
		return nil
	}
	arrived := s.feed.looks.Load()
	s.feed.mu.Lock()
	defer s.feed.mu.Unlock()
	if s.feed.looks.Load() > arrived && !s.feed.lost {
		return nil // somebody has looked while this call waited for its turn
	}
	err := s.catchUp()
	if err == nil && quiet {
		s.feed.caughtUp.Store(number + 1)
	}
	return err
}

// catchUp needs no context, because it waits for nobody: reads of a file don't.
func (s *Store) catchUp() error {
	if s.closed.Load() { // the log's connection would go on
		return fmt.Errorf("read the log of changes: %w: the store was closed", consumer.ErrUnavailable)
	}
	return translate(context.Background(), "read the log of changes", s.feed.catchUp(&s.log))
}

func (f *feed) catchUp(log *changeLog) error {
	f.looks.Add(1)
	f.looked = time.Now()
	if len(f.listeners) == 0 {
		newest, err := log.newest()
		f.seen, f.lost = newest, err != nil
		if f.lost {
			f.caughtUp.Store(0)
		}
		return err
	}
	changed, newest, err := log.since(f.seen)
	switch {
	case err != nil:
		f.caughtUp.Store(0)
		if !f.lost {
			f.lost = true
			f.tell(consumer.ChangeListener.Lost)
		}
		return err
	case f.lost:
		f.lost = false
		f.tell(consumer.ChangeListener.Following)
	case newest-f.seen != int64(len(changed)): // the log doesn't go back that far
		f.tell(consumer.ChangeListener.Lost)
		f.tell(consumer.ChangeListener.Following)
	case len(changed) > 0:
		f.tell(func(l consumer.ChangeListener) { l.Changed(changed) })
	}
	f.seen = newest
	return nil
}
