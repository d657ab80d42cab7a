package auth

import (
	"crypto/sha256"
	"encoding/binary"
	"math/bits"
	"sync/atomic"
)

const cacheWays = 16

// digestCache maps SHA-256 digests to values that do not change. It never holds more values
// than it was made for, and it may forget any of them. It is safe for concurrent use.
//
// It is a table of buckets with a few slots each, as the cache of a processor: a digest
// chooses its bucket. So a lookup and a store touch one bucket and take no lock. Within a
// bucket the values that were found lately stay, and those that were stored and never found
// go first. A caller who can choose digests may crowd a bucket, so the values of such callers
// must not displace those of others; see mayReplace.
type digestCache[V any] struct {
	ways  int
	slots []atomic.Pointer[cacheEntry[V]] // one bucket after the other
}

type cacheEntry[V any] struct {
	digest [sha256.Size]byte
	value  V
	recent atomic.Bool // found since it was last spared
}

func newDigestCache[V any](size int) *digestCache[V] {
	ways := min(size, cacheWays)
	return &digestCache[V]{ways: ways, slots: make([]atomic.Pointer[cacheEntry[V]], size/ways*ways)}
}

// find returns the value of a digest, or nil.
func (c *digestCache[V]) find(digest *[sha256.Size]byte) *V {
	bucket := c.bucket(digest)
	for i := range bucket {
		entry := bucket[i].Load()
		if entry == nil || entry.digest != *digest {
			continue
		}
		if !entry.recent.Load() { // so that concurrent lookups of one value only read
			entry.recent.Store(true)
		}
		return &entry.value
	}
	return nil
}

// store keeps a value, in place of the last one of its digest if there is one. Otherwise it
// takes an empty slot of the bucket, or one whose value is useless, or one whose value it may
// replace. If there is none, the value is not kept.
func (c *digestCache[V]) store(digest [sha256.Size]byte, value V, useless, mayReplace func(*V) bool) (stored bool) {
	entry := &cacheEntry[V]{digest: digest, value: value}
	bucket := c.bucket(&digest)
	free := -1
	for i := range bucket {
		old := bucket[i].Load()
		if old != nil && old.digest == digest {
			bucket[i].Store(entry)
			return true
		}
		if free < 0 && (old == nil || useless(&old.value)) {
			free = i
		}
	}
	if free < 0 {
		free = c.victim(bucket, digest, mayReplace)
	}
	if free < 0 {
		return false
	}
	bucket[free].Store(entry)
	return true
}

// victim returns the slot of a value that may be replaced, or -1. A value that was found
// lately is spared once, unless all were.
func (c *digestCache[V]) victim(bucket []atomic.Pointer[cacheEntry[V]], digest [sha256.Size]byte, mayReplace func(*V) bool) int {
	candidate := -1
	first := int(digest[len(digest)-1]) % c.ways // any slot, so that none is preferred
	for i := range bucket {
		slot := (first + i) % c.ways
		old := bucket[slot].Load()
		if !mayReplace(&old.value) {
			continue
		}
		if !old.recent.Swap(false) {
			return slot
		}
		if candidate < 0 {
			candidate = slot
		}
	}
	return candidate
}

func (c *digestCache[V]) bucket(digest *[sha256.Size]byte) []atomic.Pointer[cacheEntry[V]] {
	// The high half of the product is the first 64 bits scaled to the number of buckets.
	i, _ := bits.Mul64(binary.BigEndian.Uint64(digest[:8]), uint64(len(c.slots)/c.ways))
	return c.slots[int(i)*c.ways:][:c.ways]
}
