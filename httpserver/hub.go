package httpserver

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rejoinhq/rejoin/consumer"
)

// hub knows the open event streams, and wakes those whose document may have changed.
type hub struct {
	limit   int           // of streams of one consumer
	timeout time.Duration // of a read
	now     func() time.Time
	logger  *slog.Logger

	mu sync.Mutex
	// streams holds the streams of each consumer, by the hash of its key, as a linked list
	// with the newest first. Two consumers may have the same hash.
	streams map[uint64]*subscription
	// failing holds the streams that wait until the store works again.
	failing map[*subscription]struct{}
	// prober is the one failing stream that tries the store, nil if none does.
	prober *subscription

	distributions *distributions
	// watched holds the distributions that streams depend on, by the hashes of their keys.
	watched map[uint64][]*watchedDistribution
	// reads are the goroutines that read the records of distributions that moved.
	reads    sync.WaitGroup
	closed   context.Context
	endReads context.CancelFunc
}

// subscription is the place of a stream in the hub.
type subscription struct {
	key consumer.Key
	// wake holds a token when the stream has to look again.
	wake chan struct{}
	// replaced reports that the stream has to end, because the consumer opened another one.
	replaced atomic.Bool
	next     *subscription // with the same hash

	// watches are the distributions that the stream depends on.
	watches []*watchedDistribution
	// positionTimer wakes the stream for a change of position, nil before the first one.
	positionTimer *time.Timer
	// positionDue reports whether the timer runs.
	positionDue bool
	// sentAt is the time of the last event.
	sentAt time.Time
}

func newHub(o Options, distributions *distributions) *hub {
	h := &hub{
		limit: o.MaxStreamsPerConsumer, timeout: o.Timeout, now: o.Now, logger: o.Logger, distributions: distributions,
		streams: make(map[uint64]*subscription), failing: make(map[*subscription]struct{}),
		watched: make(map[uint64][]*watchedDistribution),
	}
	h.closed, h.endReads = context.WithCancel(context.Background())
	return h
}

// close ends the goroutines of the hub. The feed must not call it any more.
func (h *hub) close() {
	h.endReads()
	h.reads.Wait()
}

// subscribe adds a stream of a consumer. A stream that subscribes before it reads misses no
// change. If the consumer has as many streams as the limit allows, the oldest one is
// replaced: it may belong to a device that is gone.
func (h *hub) subscribe(key consumer.Key) *subscription {
	h.mu.Lock()
	defer h.mu.Unlock()
	hash := key.Hash()
	open := 0
	var oldest *subscription
	for s := h.streams[hash]; s != nil; s = s.next {
		if s.key == key {
			oldest = s
			open++
		}
	}
	if open >= h.limit {
		h.remove(oldest)
		oldest.replaced.Store(true)
		oldest.signal()
	}
	s := &subscription{key: key, wake: make(chan struct{}, 1), next: h.streams[hash]}
	h.streams[hash] = s
	return s
}

// unsubscribe removes a stream that ended.
func (h *hub) unsubscribe(s *subscription) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.remove(s)
}

// remove removes a stream, unless it was removed before. The caller holds the lock.
func (h *hub) remove(s *subscription) {
	hash := s.key.Hash()
	if first := h.streams[hash]; first == s {
		h.streams[hash] = s.next
	} else {
		for other := first; other != nil; other = other.next {
			if other.next == s {
				other.next = s.next
				break
			}
		}
	}
	if h.streams[hash] == nil {
		delete(h.streams, hash)
	}
	h.unwatch(s)
	if s.positionTimer != nil {
		s.positionTimer.Stop()
	}
	delete(h.failing, s)
	if h.prober == s {
		h.prober = nil
		for other := range h.failing {
			other.signal() // another stream tries the store
			break
		}
	}
}

// wake wakes the streams of consumers, by the hashes of their keys.
func (h *hub) wake(hashes []uint64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, hash := range hashes {
		for s := h.streams[hash]; s != nil; s = s.next {
			s.signal()
		}
	}
}

// wakeAll wakes all streams.
func (h *hub) wakeAll() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, first := range h.streams {
		for s := first; s != nil; s = s.next {
			s.signal()
		}
	}
}

func (s *subscription) signal() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// unavailable notes that a stream could not read its document because the store does not
// work. It logs once per outage. It reports whether this stream has to try the store again;
// the others are woken when the store works.
func (h *hub) unavailable(s *subscription, cause error) (probes bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.failing) == 0 {
		h.logger.Error("event streams cannot read documents", slog.Any("cause", cause))
	}
	h.failing[s] = struct{}{}
	if h.prober == nil {
		h.prober = s
	}
	return h.prober == s
}

// available notes that a stream has read its document.
func (h *hub) available() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.failing) == 0 {
		return
	}
	h.logger.Info("event streams can read documents again")
	for s := range h.failing {
		s.signal()
	}
	clear(h.failing)
	h.prober = nil
}
