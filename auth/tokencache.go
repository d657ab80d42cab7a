package auth

import (
	"crypto/sha256"
	"encoding/binary"
	"math/bits"
	"sync/atomic"
	"time"
)

const (
	defaultCacheSize = 1 << 16
	maxCacheSize     = 1 << 24
	cacheWays        = 16
	// maxCachedIDs is the length in bytes of the three ids of an identity together, up to
	// which it is kept: three ids of 128. Without it only the size of a token would bound
	// what an entry costs.
	maxCachedIDs = 3 * 128
)

// tokenCache remembers which tokens were verified, so that a client that polls costs no
// signature check. It holds a digest of each token and what the token says, not the token.
// A nil cache remembers nothing.
//
// It is a table of buckets with a few ways each, a token's bucket being given by its digest,
// as in a processor's cache: it has a size that nothing exceeds, to find and to store touch
// one bucket only, and neither takes a lock. Who could choose digests might crowd a bucket;
// but only tokens that were verified are stored, and their signatures make the digests.
type tokenCache struct {
	leeway time.Duration
	ways   int
	slots  []atomic.Pointer[cachedToken] // the buckets one after the other
}

// cachedToken is a token that was verified. It does not change but for recent.
type cachedToken struct {
	digest [sha256.Size]byte
	verifiedToken
	recent atomic.Bool // found since it was last passed over
}

// verifiedToken is what is known of a token once it was verified.
type verifiedToken struct {
	identity  Identity
	notBefore int64       // in seconds, without leeway
	set       *KeySet     // whose keys verified it
	keys      *generation // those keys
}

// digestOf is a digest that takes no memory for a token of usual length.
func digestOf(token string) [sha256.Size]byte {
	var usual [1024]byte
	return sha256.Sum256(append(usual[:0], token...))
}

func newTokenCache(size int, leeway time.Duration) *tokenCache {
	ways := min(size, cacheWays)
	return &tokenCache{leeway: leeway, ways: ways, slots: make([]atomic.Pointer[cachedToken], size/ways*ways)}
}

// find returns who a token speaks for that was verified with the present keys, and that is
// valid now: the clock decides anew each time.
func (c *tokenCache) find(digest [sha256.Size]byte, now time.Time) (Identity, bool) {
	bucket := c.bucket(digest)
	for i := range bucket {
		token := bucket[i].Load()
		if token == nil || token.digest != digest || c.useless(token, now) {
			continue
		}
		if now.Before(time.Unix(token.notBefore, 0).Add(-c.leeway)) {
			continue // the clock was set back
		}
		if !token.recent.Load() { // so that many readers of one token only read
			token.recent.Store(true)
		}
		return token.identity, true
	}
	return Identity{}, false
}

// store keeps a token that was verified. If its bucket has no room, one makes room that was
// not found since the last time that room was made: a client that polls stays, and what
// comes once goes.
func (c *tokenCache) store(digest [sha256.Size]byte, verified verifiedToken, now time.Time) {
	identity := verified.identity
	if len(identity.OrganizationID)+len(identity.ConsumerID)+len(identity.SessionID) > maxCachedIDs {
		return
	}
	token := &cachedToken{digest: digest, verifiedToken: verified}
	bucket := c.bucket(digest)
	for i := range bucket {
		if old := bucket[i].Load(); old == nil || old.digest == digest || c.useless(old, now) {
			bucket[i].Store(token)
			return
		}
	}
	first := int(digest[len(digest)-1]) % c.ways // any, so that no way is the favourite
	for i := range bucket {
		slot := &bucket[(first+i)%c.ways]
		if old := slot.Load(); !old.recent.Swap(false) {
			slot.Store(token)
			return
		}
	}
	bucket[first].Store(token)
}

// useless reports whether a token will not be accepted again: its keys are no longer the
// present ones, or it has expired.
func (c *tokenCache) useless(token *cachedToken, now time.Time) bool {
	return token.set.current.Load() != token.keys || !now.Before(token.identity.ExpiresAt.Add(c.leeway))
}

func (c *tokenCache) bucket(digest [sha256.Size]byte) []atomic.Pointer[cachedToken] {
	// The high half of the product is the first 64 bits scaled to the number of buckets.
	i, _ := bits.Mul64(binary.BigEndian.Uint64(digest[:8]), uint64(len(c.slots)/c.ways))
	return c.slots[int(i)*c.ways:][:c.ways]
}
