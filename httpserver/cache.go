package httpserver

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/rejoinhq/rejoin/consumer"
	"github.com/rejoinhq/rejoin/httpserver/internal/readcache"
)

const (
	defaultCacheBytes = 64 << 20
	defaultCacheAge   = 5 * time.Minute
	// documentOverhead is the memory that a cached document takes in addition to its bytes,
	// with the longest ids. BenchmarkCachedDocument measures it.
	documentOverhead = 512
)

// CacheOptions configure the cache of documents of an [API].
//
// The cache stores finished documents, so that repeated polls cost the store nothing while
// nothing changes. A document leaves the cache when one of its records expires and when the
// change feed notifies of a change. If only a distribution changed that the document depends
// on, such as a queue that moved, the document is derived from the same records again when it
// is next requested, and all documents share one read of the distribution, provided that
// Options.Store is a [consumer.DistributionReader]. While the feed is lost, nothing is cached.
// Concurrent requests for one consumer share one read of the store.
type CacheOptions struct {
	// MaxBytes bounds the memory for documents. A document that takes more than an eighth
	// of it is not cached. Default: 64 MiB.
	MaxBytes int64
	// MaxStaleness bounds the age of a response: it shows everything that was committed
	// MaxStaleness before the request, and whatever the feed reported at once, such as what
	// Options.Store itself wrote (see [consumer.ChangeFeed]). Zero means that every response is exact, which
	// requires that Options.Changes is a [consumer.ExactChangeFeed]. Otherwise MaxStaleness
	// must be longer than the feed takes to confirm that it follows (see
	// [consumer.ChangeListener]), or nothing is ever served from the cache.
	MaxStaleness time.Duration
	// MaxAge bounds the time that a document is cached without a change. It limits how
	// long the cache hides a change that the feed doesn't notify of, such as one made by
	// hand in SQL. Default: 5 minutes.
	MaxAge time.Duration
}

func (o *CacheOptions) validate(changes consumer.ChangeFeed, invalid func(field, message string)) {
	if o == nil {
		return
	}
	if changes == nil {
		invalid("Changes", "is required by Cache")
	}
	if o.MaxBytes < 0 {
		invalid("Cache.MaxBytes", "must not be negative")
	}
	if o.MaxAge < 0 {
		invalid("Cache.MaxAge", "must not be negative")
	}
	if o.MaxStaleness < 0 {
		invalid("Cache.MaxStaleness", "must not be negative")
	}
	if _, exact := changes.(consumer.ExactChangeFeed); changes != nil && !exact && o.MaxStaleness == 0 {
		invalid("Cache.MaxStaleness", "is required, because the change feed is not exact")
	}
}

// CacheStats describe the cache of an [API].
type CacheStats struct {
	// Hits is the number of documents that were served from the cache, or shared with a
	// concurrent read. Misses is the number of those that were read from the store.
	Hits, Misses int64
	// Documents and Bytes are the number of cached documents and the memory that they take.
	Documents, Bytes int64
}

// documentCache caches documents while the change feed is followed.
type documentCache struct {
	documents     *readcache.Cache[consumer.Key, document]
	distributions *distributions
	// exact is nil if a document may be stale.
	exact consumer.ExactChangeFeed
	// maxStaleness is zero if a document may be used as long as the feed is followed.
	maxStaleness time.Duration
	maxAge       time.Duration

	start time.Time
	// current is the time since start at which the feed last notified of everything that
	// was committed, in nanoseconds, and negative while the feed is lost.
	current atomic.Int64
	// followed counts how often the feed began to be followed.
	followed atomic.Int64

	hits, misses atomic.Int64
}

// newDocumentCache returns the cache for the requests of an API, or if o is nil, the one
// that only its event streams share.
func newDocumentCache(o *CacheOptions, changes consumer.ChangeFeed, readDistribution readDistribution) *documentCache {
	c := &documentCache{start: time.Now()}
	bytes := int64(defaultCacheBytes)
	if o != nil {
		bytes, c.maxAge, c.maxStaleness = o.MaxBytes, o.MaxAge, o.MaxStaleness
		if c.maxStaleness == 0 {
			c.exact = changes.(consumer.ExactChangeFeed)
		}
		if bytes == 0 {
			bytes = defaultCacheBytes
		}
	}
	if c.maxAge == 0 {
		c.maxAge = defaultCacheAge
	}
	c.distributions = newDistributions(readDistribution, c.maxAge)
	c.documents = readcache.New[consumer.Key](readcache.Options[document]{MaxBytes: bytes, Size: (*document).size})
	c.current.Store(-1)
	return c
}

// isCurrent reports whether the cached documents may be used.
func (c *documentCache) isCurrent(ctx context.Context) bool {
	if c.exact != nil && c.exact.CatchUp(ctx) != nil {
		return false
	}
	at := c.current.Load()
	return at >= 0 && (c.maxStaleness == 0 || time.Since(c.start)-time.Duration(at) <= c.maxStaleness)
}

// isFollowing reports whether every change is notified of.
func (c *documentCache) isFollowing() bool { return c.current.Load() >= 0 }

// follow begins to cache, when the feed is followed.
func (c *documentCache) follow() {
	c.lose() // what was read before the feed was followed may be outdated
	c.current.Store(int64(time.Since(c.start)))
	c.followed.Add(1)
}

func (c *documentCache) confirm(moment time.Time) {
	if c.isFollowing() {
		c.current.Store(int64(moment.Sub(c.start)))
	}
}

func (c *documentCache) lose() {
	c.current.Store(-1)
	c.documents.InvalidateAll()
	c.distributions.records.InvalidateAll()
}

func (c *documentCache) stats() CacheStats {
	return CacheStats{
		Hits: c.hits.Load(), Misses: c.misses.Load(),
		Documents: int64(c.documents.Len()), Bytes: c.documents.Bytes(),
	}
}

// measure reports the stats whenever metrics are collected, until unregister is called.
func (c *documentCache) measure(meter metric.Meter) (unregister func() error, err error) {
	requests, err := meter.Int64ObservableCounter("rejoin.cache.requests",
		metric.WithDescription("Requests for documents, by whether the cache had them."), metric.WithUnit("{request}"))
	size, sizeErr := meter.Int64ObservableGauge("rejoin.cache.size",
		metric.WithDescription("Memory that cached documents take."), metric.WithUnit("By"))
	if err := errors.Join(err, sizeErr); err != nil {
		return nil, err
	}
	hit := metric.WithAttributeSet(attribute.NewSet(attribute.String("rejoin.cache.result", "hit")))
	miss := metric.WithAttributeSet(attribute.NewSet(attribute.String("rejoin.cache.result", "miss")))
	registration, err := meter.RegisterCallback(func(_ context.Context, observe metric.Observer) error {
		stats := c.stats()
		observe.ObserveInt64(requests, stats.Hits, hit)
		observe.ObserveInt64(requests, stats.Misses, miss)
		observe.ObserveInt64(size, stats.Bytes)
		return nil
	}, requests, size)
	if err != nil {
		return nil, err
	}
	return registration.Unregister, nil
}
