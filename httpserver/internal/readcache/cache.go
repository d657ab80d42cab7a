// Package readcache caches values that are slow to read. It bounds the memory that they
// take, reads a missing value once for all callers that wait for it, and never stores a
// value whose read began before the value was invalidated.
package readcache

import (
	"context"
	"errors"
	"math"
	"sync"

	"github.com/maypok86/otter/v2"
)

const (
	// callShards is the number of locks for calls in progress.
	callShards = 64
	// largestShare is the part of the whole cache that one value may take. A larger value
	// would displace many others.
	largestShare = 8
)

// Options configure a [Cache].
type Options[V any] struct {
	// MaxBytes bounds the sum of the sizes of all values.
	MaxBytes int64
	// Size returns the memory that a value takes, in bytes.
	Size func(*V) int64
}

// Cache stores values by key. Callers also pass the 64-bit hash of the key, by which values
// are invalidated. Two keys may have the same hash: then the cache stores one of them at a
// time. A Cache is safe for concurrent use.
type Cache[K comparable, V any] struct {
	entries  *otter.Cache[uint64, *entry[K, V]]
	size     func(*V) int64
	maxEntry int64
	shards   [callShards]shard[K, V]
}

// entry is a stored value. It is immutable.
type entry[K comparable, V any] struct {
	key   K
	value V
	size  uint32
}

// shard holds the calls in progress for some of the hashes.
type shard[K comparable, V any] struct {
	mu    sync.Mutex
	calls map[uint64]*call[K, V]
	_     [48]byte // keeps two locks out of one cache line
}

// call is a read in progress.
type call[K comparable, V any] struct {
	key  K
	done chan struct{} // closed when the fields below are set
	// entry is nil when the read failed.
	entry *entry[K, V]
	err   error
	// abandoned reports that the context of the call's owner ended.
	abandoned bool
}

// errPanicked is what the other callers of a read get when it panics.
var errPanicked = errors.New("readcache: the read panicked")

// New returns an empty Cache.
func New[K comparable, V any](o Options[V]) *Cache[K, V] {
	c := &Cache[K, V]{
		size:     o.Size,
		maxEntry: min(max(1, o.MaxBytes/largestShare), math.MaxUint32),
		entries: otter.Must(&otter.Options[uint64, *entry[K, V]]{
			MaximumWeight: uint64(max(1, o.MaxBytes)),
			Weigher:       func(_ uint64, e *entry[K, V]) uint32 { return e.size },
			// Maintenance runs in the caller, so that the cache has no goroutine.
			Executor: func(task func()) { task() },
		}),
	}
	for i := range c.shards {
		c.shards[i].calls = make(map[uint64]*call[K, V])
	}
	return c
}

// Get returns the stored value of a key, or nil. The value is immutable.
func (c *Cache[K, V]) Get(hash uint64, key K) *V {
	if e, found := c.entries.GetIfPresent(hash); found && e.key == key {
		return &e.value
	}
	return nil
}

// Do returns the stored value of a key if it is usable, and otherwise the result of read,
// which it calls at most once at a time for a key. It stores the result, unless the key was
// invalidated since the read began. Callers that arrive after an invalidation don't share
// a read that began before it.
//
// When the context of the caller whose read is shared ends, another caller reads. shared
// reports whether the value came from the cache or from another caller's read.
func (c *Cache[K, V]) Do(ctx context.Context, hash uint64, key K, usable func(*V) bool, read func() (V, error)) (value *V, shared bool, err error) {
	s := &c.shards[hash%callShards]
	for {
		s.mu.Lock()
		if stored := c.Get(hash, key); stored != nil && usable(stored) {
			s.mu.Unlock()
			return stored, true, nil
		}
		if other := s.calls[hash]; other != nil && other.key == key {
			s.mu.Unlock()
			select {
			case <-other.done:
			case <-ctx.Done():
				return nil, false, ctx.Err()
			}
			switch {
			case other.entry != nil && usable(&other.entry.value):
				return &other.entry.value, true, nil
			case other.err != nil && !other.abandoned:
				return nil, false, other.err
			}
			continue
		}
		own := &call[K, V]{key: key, done: make(chan struct{})}
		s.calls[hash] = own // the newest call of two keys with one hash can be shared
		s.mu.Unlock()
		value, err = c.read(ctx, s, hash, own, read)
		return value, false, err
	}
}

// read calls read for the callers that share the call.
func (c *Cache[K, V]) read(ctx context.Context, s *shard[K, V], hash uint64, own *call[K, V], read func() (V, error)) (*V, error) {
	own.err = errPanicked
	defer func() {
		own.abandoned = ctx.Err() != nil
		c.finish(s, hash, own)
		close(own.done)
	}()
	value, err := read()
	own.err = err
	if err != nil {
		return nil, err
	}
	own.entry = &entry[K, V]{key: own.key, value: value}
	return &own.entry.value, nil
}

// finish stores the result of a call, unless its key was invalidated since it began.
func (c *Cache[K, V]) finish(s *shard[K, V], hash uint64, own *call[K, V]) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.calls[hash] != own {
		return // invalidated, or replaced by the call of another key with the same hash
	}
	delete(s.calls, hash)
	c.store(hash, own.entry)
}

// store replaces what is stored under a hash. The caller holds the lock of the shard.
func (c *Cache[K, V]) store(hash uint64, e *entry[K, V]) {
	if e == nil {
		c.entries.Invalidate(hash)
		return
	}
	size := c.size(&e.value)
	if size > c.maxEntry {
		c.entries.Invalidate(hash)
		return
	}
	e.size = uint32(size)
	c.entries.Set(hash, e)
}

// Replace stores a value in place of old, which came from the cache, and returns it. It
// returns nil if old is not stored any more.
func (c *Cache[K, V]) Replace(hash uint64, key K, old *V, value V) *V {
	e := &entry[K, V]{key: key, value: value}
	s := &c.shards[hash%callShards]
	s.mu.Lock()
	defer s.mu.Unlock()
	if stored, found := c.entries.GetEntryQuietly(hash); !found || &stored.Value.value != old {
		return nil
	}
	c.store(hash, e)
	return &e.value
}

// Invalidate drops what is stored under a hash. Callers that arrive afterwards don't share
// a read that began before.
func (c *Cache[K, V]) Invalidate(hash uint64) {
	s := &c.shards[hash%callShards]
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.calls, hash)
	c.entries.Invalidate(hash)
}

// InvalidateAll does what Invalidate does, for every hash.
func (c *Cache[K, V]) InvalidateAll() {
	for i := range c.shards {
		s := &c.shards[i]
		s.mu.Lock()
		clear(s.calls)
		s.mu.Unlock()
	}
	c.entries.InvalidateAll()
}

// Len returns the number of stored values.
func (c *Cache[K, V]) Len() int { return c.entries.EstimatedSize() }

// Bytes returns the sum of the sizes of the stored values.
func (c *Cache[K, V]) Bytes() int64 { return int64(c.entries.WeightedSize()) }
