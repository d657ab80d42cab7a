package httpserver

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rejoinhq/rejoin/consumer"
)

const (
	defaultCacheBytes = 64 << 20
	// cacheShards keep those apart who ask for different consumers at the same time.
	cacheShards = 64
	// documentOverhead is what a cached document takes beside its bytes, with the longest
	// ids. With usual ones it is half of it, as BenchmarkCachedDocument measures.
	documentOverhead = 512
)

// ExactFeed is a [consumer.ChangeFeed] that can tell everything now, as the one of
// storage/sqlite can.
type ExactFeed interface {
	consumer.ChangeFeed
	// CatchUp returns once the listeners were told of everything that was committed
	// before the call, or an error when that is not known.
	CatchUp() error
}

// CacheOptions configure a [Cache].
type CacheOptions struct {
	// Changes says when a document may not be true any more: the store that the API
	// reads. Required.
	Changes consumer.ChangeFeed
	// MaxBytes bounds the memory that documents take; those that were not asked for the
	// longest go first. Default: 64 MiB.
	MaxBytes int64
	// MaxStaleness bounds how old an answer may be: it shows everything that was
	// committed so long before the request. Zero means that every answer is exact, for
	// which Changes must be an [ExactFeed]; of one that is not, it must be longer than the feed
	// takes to confirm that it follows (see [consumer.ChangeListener]), otherwise nothing is
	// ever answered from the cache.
	MaxStaleness time.Duration
	// Logger is told when the feed is lost. Default: no log.
	Logger *slog.Logger
}

// Cache holds finished documents of consumers, so that one who polls costs the store
// nothing while nothing changes. It ends each at the next expiry in it, and at every
// change that the feed tells of; while the feed is lost it holds nothing. When many ask for
// one consumer at a time, one of them asks the store.
//
// It belongs to the one [API] that it is given to. It is safe for concurrent use. Close it
// when the API serves no more.
type Cache struct {
	exact        ExactFeed // nil when answers may be stale
	maxStaleness time.Duration
	maxBytes     int64 // of a shard
	shards       [cacheShards]cacheShard

	// following is when, since start, the feed was last known to have told everything, in
	// nanoseconds, and negative while it is lost.
	following atomic.Int64
	start     time.Time

	taken        atomic.Bool
	hits, misses atomic.Int64
	unmeasure    atomic.Pointer[func() error] // nil before an API has it
	stop         context.CancelFunc
	stopped      chan struct{}
}

// CacheStats says what a [Cache] does.
type CacheStats struct {
	// Hits and Misses count the requests that were answered from the cache, and those for
	// which the store was asked.
	Hits, Misses int64
	// Documents and Bytes are what it holds.
	Documents, Bytes int64
}

// NewCache returns a Cache that follows the feed until it is closed, or an error that names
// the option that is wrong.
func NewCache(o CacheOptions) (*Cache, error) {
	exact, isExact := o.Changes.(ExactFeed)
	switch {
	case o.Changes == nil:
		return nil, errors.New("httpserver: CacheOptions.Changes is missing")
	case o.MaxBytes < 0:
		return nil, errors.New("httpserver: CacheOptions.MaxBytes is negative")
	case o.MaxStaleness < 0:
		return nil, errors.New("httpserver: CacheOptions.MaxStaleness is negative")
	case o.MaxStaleness == 0 && !isExact:
		return nil, errors.New("httpserver: CacheOptions.MaxStaleness is missing: the feed of Changes is not exact")
	}
	if o.MaxBytes == 0 {
		o.MaxBytes = defaultCacheBytes
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	c := &Cache{
		maxStaleness: o.MaxStaleness, maxBytes: max(1, o.MaxBytes/cacheShards),
		start: time.Now(), stopped: make(chan struct{}),
	}
	if o.MaxStaleness == 0 {
		c.exact = exact
	}
	for i := range c.shards {
		c.shards[i].reset()
	}
	c.following.Store(-1)
	ctx, stop := context.WithCancel(context.Background())
	c.stop = stop
	go c.follow(ctx, o.Changes, o.Logger)
	return c, nil
}

// follow asks the feed again when it gives up.
func (c *Cache) follow(ctx context.Context, feed consumer.ChangeFeed, logger *slog.Logger) {
	defer close(c.stopped)
	for {
		err := feed.Changes(ctx, cacheListener{c, logger})
		c.lose()
		if ctx.Err() != nil {
			return
		}
		logger.LogAttrs(ctx, slog.LevelError, "the change feed ended, and documents are not cached", slog.Any("cause", err))
		select {
		case <-ctx.Done():
			return
		case <-time.After(followPause):
		}
	}
}

// Close stops following the feed, and drops what is held. An API that still uses the cache
// asks the store for each request. It may be called again, and the errors that it returns
// are those of the meter provider that stops to measure it.
func (c *Cache) Close() error {
	c.stop()
	<-c.stopped
	if unmeasure := c.unmeasure.Swap(nil); unmeasure != nil {
		return (*unmeasure)()
	}
	return nil
}

// Stats returns the present numbers.
func (c *Cache) Stats() CacheStats {
	stats := CacheStats{Hits: c.hits.Load(), Misses: c.misses.Load()}
	for i := range c.shards {
		s := &c.shards[i]
		s.mu.Lock()
		stats.Documents += int64(len(s.documents))
		stats.Bytes += s.bytes
		s.mu.Unlock()
	}
	return stats
}

// document returns what the cache holds of a consumer, or what read returns.
func (c *Cache) document(ctx context.Context, key consumer.ConsumerKey, now time.Time, read func() (*document, error)) (*document, error) {
	if !c.current() {
		c.misses.Add(1)
		return read()
	}
	hash := key.Hash()
	shard := &c.shards[hash%cacheShards]
	for {
		found, flight, leads := shard.find(hash, key, now)
		switch {
		case found != nil:
			c.hits.Add(1)
			return found, nil
		case leads:
			c.misses.Add(1)
			return c.lead(shard, hash, key, flight, read)
		}
		select {
		case <-flight.landed:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		if flight.document != nil && flight.document.validAt(now) {
			c.hits.Add(1)
			return flight.document, nil
		}
		if flight.err != nil && !errors.Is(flight.err, context.Canceled) && !errors.Is(flight.err, context.DeadlineExceeded) {
			return nil, flight.err
		}
		// The one who asked gave up, or asked as of another moment: ask again.
	}
}

// lead asks the store, for all who wait.
func (c *Cache) lead(shard *cacheShard, hash uint64, key consumer.ConsumerKey, f *flight, read func() (*document, error)) (*document, error) {
	landed := false
	defer func() {
		if !landed { // read has panicked
			f.err = errors.New("the read did not return")
		}
		shard.land(hash, key, f, c.maxBytes)
		close(f.landed)
	}()
	f.document, f.err = read()
	landed = true
	return f.document, f.err
}

// current reports whether what is held may be answered with.
func (c *Cache) current() bool {
	if c.exact != nil && c.exact.CatchUp() != nil {
		return false
	}
	at := c.following.Load()
	return at >= 0 && (c.exact != nil || time.Since(c.start)-time.Duration(at) <= c.maxStaleness)
}

func (c *Cache) lose() {
	c.following.Store(-1)
	for i := range c.shards {
		c.shards[i].flush()
	}
}

// cacheListener is what a feed tells a cache.
type cacheListener struct {
	*Cache
	logger *slog.Logger
}

func (l cacheListener) Following() {
	l.lose() // nothing that was read before the feed was followed may stay
	l.following.Store(int64(time.Since(l.start)))
}

func (l cacheListener) Changed(consumers []uint64) {
	for _, hash := range consumers {
		l.shards[hash%cacheShards].drop(hash)
	}
}

func (l cacheListener) Confirmed(at time.Time) {
	if since := int64(at.Sub(l.start)); l.following.Load() >= 0 {
		l.following.Store(since)
	}
}

func (l cacheListener) Lost() {
	l.lose()
	l.logger.Warn("the change feed was lost, and documents are not cached")
}

// cacheShard holds the documents of some consumers, in the order in which they were last
// asked for.
type cacheShard struct {
	mu        sync.Mutex
	documents map[uint64]*cached
	flights   map[uint64]*flight
	bytes     int64
	// ends is a ring: next of it was asked for last, prev of it is the next to go.
	ends cached

	_ [64]byte // keeps the locks of two shards apart
}

// cached is a document in its shard. It is one piece of memory, for to look into another is
// much of what it costs to find one.
type cached struct {
	key        consumer.ConsumerKey
	document   document
	hash       uint64
	prev, next *cached
}

// flight is a read that is under way.
type flight struct {
	key      consumer.ConsumerKey
	landed   chan struct{} // closed when the fields below are set
	document *document
	err      error
}

func (s *cacheShard) reset() {
	s.documents, s.flights, s.bytes = make(map[uint64]*cached), make(map[uint64]*flight), 0
	s.ends.prev, s.ends.next = &s.ends, &s.ends
}

// find returns the document that is held, or the flight to wait for, or a new flight of
// which the caller has the lead.
func (s *cacheShard) find(hash uint64, key consumer.ConsumerKey, now time.Time) (held *document, f *flight, leads bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c := s.documents[hash]; c != nil && c.key == key {
		if c.document.validAt(now) {
			s.unlink(c)
			s.link(c)
			return &c.document, nil, false
		}
		s.remove(c)
	}
	if f := s.flights[hash]; f != nil && f.key == key {
		return nil, f, false
	}
	f = &flight{key: key, landed: make(chan struct{})}
	s.flights[hash] = f // of two consumers with one hash the last one's flight can be joined
	return nil, f, true
}

// land keeps what a flight brought, unless something has changed since it began.
func (s *cacheShard) land(hash uint64, key consumer.ConsumerKey, f *flight, maxBytes int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.flights[hash] == f {
		delete(s.flights, hash)
	} else {
		return // outdated, or another consumer's of the same hash
	}
	if f.document == nil {
		return
	}
	if old := s.documents[hash]; old != nil {
		s.remove(old)
	}
	c := &cached{key: key, hash: hash, document: *f.document}
	s.documents[hash] = c
	s.bytes += f.document.size()
	s.link(c)
	for s.bytes > maxBytes {
		s.remove(s.ends.prev)
	}
}

// drop forgets a consumer. Who asks from now on does not join a read that began before.
func (s *cacheShard) drop(hash uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.flights, hash)
	if c := s.documents[hash]; c != nil {
		s.remove(c)
	}
}

func (s *cacheShard) flush() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.reset()
}

func (s *cacheShard) remove(c *cached) {
	s.unlink(c)
	delete(s.documents, c.hash)
	s.bytes -= c.document.size()
}

func (s *cacheShard) link(c *cached) {
	c.prev, c.next = &s.ends, s.ends.next
	c.prev.next, c.next.prev = c, c
}

func (s *cacheShard) unlink(c *cached) { c.prev.next, c.next.prev = c.next, c.prev }
