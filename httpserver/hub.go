package httpserver

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/rejoinhq/rejoin/consumer"
)

// hub follows the change feed while there are streams, and wakes those that a change
// concerns.
type hub struct {
	feed   consumer.ChangeFeed
	limit  int // of streams of one consumer
	logger *slog.Logger

	mu sync.Mutex
	// streams are those of each consumer, by the hash that the feed names it by.
	streams map[uint64]*subscription
	open    int
	current *following // nil while there are no streams
}

// subscription is a stream's place in the hub.
type subscription struct {
	consumer consumer.ConsumerKey
	// wake holds a token when what the stream has sent may not be true any more.
	wake chan struct{}
	next *subscription // of the same hash
}

func newHub(feed consumer.ChangeFeed, limit int, logger *slog.Logger) *hub {
	return &hub{feed: feed, limit: limit, logger: logger, streams: make(map[uint64]*subscription)}
}

// subscribe returns nil when the consumer has as many streams as it may. Whoever
// subscribes reads afterwards, and misses nothing.
func (h *hub) subscribe(key consumer.ConsumerKey) *subscription {
	h.mu.Lock()
	defer h.mu.Unlock()
	hash, others := key.Hash(), 0
	for s := h.streams[hash]; s != nil; s = s.next {
		if s.consumer == key {
			others++
		}
	}
	if others >= h.limit {
		return nil
	}
	s := &subscription{consumer: key, wake: make(chan struct{}, 1), next: h.streams[hash]}
	h.streams[hash] = s
	if h.open++; h.open == 1 {
		h.follow()
	}
	return s
}

func (h *hub) unsubscribe(s *subscription) {
	h.mu.Lock()
	defer h.mu.Unlock()
	hash := s.consumer.Hash()
	if first := h.streams[hash]; first == s {
		h.streams[hash] = s.next
	} else {
		for first.next != s {
			first = first.next
		}
		first.next = s.next
	}
	if h.streams[hash] == nil {
		delete(h.streams, hash)
	}
	if h.open--; h.open == 0 {
		h.current.stop()
		h.current = nil
	}
}

// isFollowing reports whether every change is told. While it is not, streams look for
// themselves now and then.
func (h *hub) isFollowing() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.current != nil && h.current.healthy
}

func (h *hub) follow() {
	ctx, stop := context.WithCancel(context.Background())
	f := &following{hub: h, stop: stop}
	h.current = f
	go f.run(ctx)
}

// following is one stretch of following the feed, from the first stream to the last. A
// later one may begin before it has ended.
type following struct {
	hub     *hub
	stop    context.CancelFunc
	healthy bool // guarded by the hub's lock
}

// followPause keeps the attempts apart to follow a feed that gave up.
const followPause = time.Second

func (f *following) run(ctx context.Context) {
	for {
		err := f.hub.feed.Changes(ctx, f)
		if ctx.Err() != nil {
			return
		}
		f.hub.logger.LogAttrs(ctx, slog.LevelError, "the change feed ended, and streams may be late", slog.Any("cause", err))
		f.setHealthy(false)
		select {
		case <-ctx.Done():
			return
		case <-time.After(followPause):
		}
	}
}

func (f *following) setHealthy(healthy bool) {
	f.hub.mu.Lock()
	defer f.hub.mu.Unlock()
	f.healthy = healthy
}

// Following wakes everybody, because changes may have been missed before.
func (f *following) Following() {
	f.setHealthy(true)
	f.hub.mu.Lock()
	defer f.hub.mu.Unlock()
	for hash := range f.hub.streams {
		f.hub.wake(hash)
	}
}

func (f *following) Changed(consumers []uint64) {
	f.hub.mu.Lock()
	defer f.hub.mu.Unlock()
	for _, hash := range consumers {
		f.hub.wake(hash)
	}
}

// Confirmed is of no use to streams, which are woken by what changes.
func (f *following) Confirmed(time.Time) {}

func (f *following) Lost() {
	f.hub.logger.Warn("the change feed was lost, and streams may be late")
	f.setHealthy(false)
}

// wake is called with the lock held.
func (h *hub) wake(hash uint64) {
	for s := h.streams[hash]; s != nil; s = s.next {
		select {
		case s.wake <- struct{}{}:
		default:
		}
	}
}
