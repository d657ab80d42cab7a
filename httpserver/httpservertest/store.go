package httpservertest

import (
	"context"
	"fmt"
	"sync"

	"github.com/rejoinhq/rejoin/consumer"
	"github.com/rejoinhq/rejoin/consumer/event"
	"github.com/rejoinhq/rejoin/storage/memory"
)

// Fault is what goes wrong with a write.
type Fault int

const (
	// NotWritten makes a write fail before anything is written.
	NotWritten Fault = iota + 1
	// WrittenButFailed makes a write fail after it was written, as when a connection breaks
	// before the database's response. The caller cannot distinguish it from NotWritten, so it
	// has to repeat the write.
	WrittenButFailed
)

// Store is a store in memory that fails on command. All of its failures match
// [consumer.ErrUnavailable]. Its methods are safe for concurrent use.
type Store struct {
	*memory.Store

	mu     sync.Mutex
	faults []Fault // of the next writes
	down   bool
	lost   chan struct{} // closed while the feed is lost
	found  chan struct{} // closed while it is not
}

var (
	_        consumer.Store     = (*Store)(nil)
	_        event.Recorder     = (*Store)(nil)
	_        consumer.Completer = (*Store)(nil)
	errDown                     = fmt.Errorf("%w: the test wants it to be down", consumer.ErrUnavailable)
	errFault                    = fmt.Errorf("%w: the test wants it to fail", consumer.ErrUnavailable)
)

func newStore() *Store {
	s := &Store{Store: new(memory.Store), lost: make(chan struct{}), found: make(chan struct{})}
	close(s.found)
	return s
}

// FailWrites makes the next writes fail, one for each fault. Writes are the methods Write,
// RecordEvent, Complete, Merge and Erase.
func (s *Store) FailWrites(faults ...Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = append(s.faults, faults...)
}

// SetDown makes all methods fail from now on, or work again.
func (s *Store) SetDown(down bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.down = down
}

// LoseFeed makes the change feed report that it is lost, until FindFeed. Changes are missed
// in between.
func (s *Store) LoseFeed() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !isClosed(s.lost) {
		close(s.lost)
		s.found = make(chan struct{})
	}
}

// FindFeed ends the loss of the feed. Everybody who follows it begins again.
func (s *Store) FindFeed() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if isClosed(s.lost) {
		close(s.found)
		s.lost = make(chan struct{})
	}
}

func isClosed(c chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// feed returns the channels of the feed.
func (s *Store) feed() (lost, found chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.lost, s.found
}

// working returns an error while the store is down.
func (s *Store) working() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.down {
		return errDown
	}
	return nil
}

// write calls do, and fails as the next fault says.
func (s *Store) write(do func() error) error {
	if err := s.working(); err != nil {
		return err
	}
	s.mu.Lock()
	var fault Fault
	if len(s.faults) > 0 {
		fault, s.faults = s.faults[0], s.faults[1:]
	}
	s.mu.Unlock()
	if fault == NotWritten {
		return errFault
	}
	if err := do(); err != nil {
		return err
	}
	if fault == WrittenButFailed {
		return errFault
	}
	return nil
}

// Write implements [consumer.Writer].
func (s *Store) Write(ctx context.Context, batch consumer.Batch) (consumer.WriteResult, error) {
	return result(s, func() (consumer.WriteResult, error) { return s.Store.Write(ctx, batch) })
}

// Merge implements [consumer.Lifecycle].
func (s *Store) Merge(ctx context.Context, merge consumer.Merge) (consumer.WriteResult, error) {
	return result(s, func() (consumer.WriteResult, error) { return s.Store.Merge(ctx, merge) })
}

// RecordEvent implements [event.Recorder].
func (s *Store) RecordEvent(ctx context.Context, e event.Event) (event.Result, error) {
	return result(s, func() (event.Result, error) { return s.Store.RecordEvent(ctx, e) })
}

// Complete implements [consumer.Completer].
func (s *Store) Complete(ctx context.Context, c consumer.Completion) (consumer.CompletionResult, error) {
	return result(s, func() (consumer.CompletionResult, error) { return s.Store.Complete(ctx, c) })
}

// Erase implements [consumer.Lifecycle].
func (s *Store) Erase(ctx context.Context, key consumer.Key) error {
	return s.write(func() error { return s.Store.Erase(ctx, key) })
}

// result returns the result of a write unless it fails.
func result[R any](s *Store, do func() (R, error)) (r R, err error) {
	err = s.write(func() (err error) {
		r, err = do()
		return err
	})
	if err != nil {
		return *new(R), err
	}
	return r, nil
}

// Consumer implements [consumer.Reader].
func (s *Store) Consumer(ctx context.Context, key consumer.Key) (consumer.Consumer, error) {
	if err := s.working(); err != nil {
		return consumer.Consumer{}, err
	}
	return s.Store.Consumer(ctx, key)
}

// Snapshot implements [consumer.Reader].
func (s *Store) Snapshot(ctx context.Context, key consumer.Key) (consumer.Snapshot, error) {
	if err := s.working(); err != nil {
		return consumer.Snapshot{}, err
	}
	return s.Store.Snapshot(ctx, key)
}

// Distribution implements [consumer.DistributionReader].
func (s *Store) Distribution(ctx context.Context, key consumer.DistributionKey) (consumer.Distribution, error) {
	if err := s.working(); err != nil {
		return consumer.Distribution{}, err
	}
	return s.Store.Distribution(ctx, key)
}

// Export implements [consumer.Lifecycle].
func (s *Store) Export(ctx context.Context, key consumer.Key) (consumer.Export, error) {
	if err := s.working(); err != nil {
		return consumer.Export{}, err
	}
	return s.Store.Export(ctx, key)
}

// Changes implements [consumer.ChangeFeed].
func (s *Store) Changes(ctx context.Context, listener consumer.ChangeListener) error {
	for {
		lost, found := s.feed()
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-found:
		}
		following, cancel := context.WithCancel(ctx)
		stop := make(chan struct{})
		go func() {
			select {
			case <-lost:
				cancel()
			case <-stop:
			}
		}()
		err := s.Store.Changes(following, listener)
		close(stop)
		cancel()
		if ctx.Err() != nil || !isClosed(lost) {
			return err
		}
		listener.Lost()
	}
}

// CatchUp implements [consumer.ExactChangeFeed].
func (s *Store) CatchUp(ctx context.Context) error {
	if lost, _ := s.feed(); isClosed(lost) {
		return errFault
	}
	return s.Store.CatchUp(ctx)
}
