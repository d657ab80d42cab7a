package auth

import (
	"crypto/sha256"
	"time"
)

const (
	defaultCacheSize = 1 << 16
	maxCacheSize     = 1 << 24
	// maxCachedIDs is the largest total length in bytes of the three ids of an identity that
	// is kept: three ids of 128. Without it the memory that an entry takes would be bounded by
	// the size of a token only.
	maxCachedIDs = 3 * 128
)

// tokenCache keeps what verified tokens contain, so that a client that polls costs no
// signature check. It has a digest of each token, and not the token. Nobody can choose the
// digests: only verified tokens are stored, and those depend on a signature.
type tokenCache struct {
	leeway time.Duration
	tokens *digestCache[verifiedToken]
}

// verifiedToken is what is known about a token after its verification.
type verifiedToken struct {
	identity  Identity
	notBefore int64        // in seconds, without leeway
	set       *KeySet      // whose keys verified it
	keys      *keySnapshot // those keys
}

// digestOf returns the digest of a token. It does not allocate for a token of usual length.
func digestOf(token string) [sha256.Size]byte {
	var usual [1024]byte
	return sha256.Sum256(append(usual[:0], token...))
}

func newTokenCache(size int, leeway time.Duration) *tokenCache {
	return &tokenCache{leeway, newDigestCache[verifiedToken](size)}
}

// find returns the identity of a token that was verified with the present keys and is valid
// now. The clock decides each time.
func (c *tokenCache) find(digest [sha256.Size]byte, now time.Time) (Identity, bool) {
	token := c.tokens.find(&digest)
	if token == nil || c.useless(token, now) {
		return Identity{}, false
	}
	if now.Before(time.Unix(token.notBefore, 0).Add(-c.leeway)) {
		return Identity{}, false // the clock was set back
	}
	return token.identity, true
}

// store keeps a verified token.
func (c *tokenCache) store(digest [sha256.Size]byte, verified verifiedToken, now time.Time) {
	identity := verified.identity
	if len(identity.OrganizationID)+len(identity.ConsumerID)+len(identity.SessionID) > maxCachedIDs {
		return
	}
	useless := func(old *verifiedToken) bool { return c.useless(old, now) }
	c.tokens.store(digest, verified, useless, func(*verifiedToken) bool { return true })
}

// useless reports whether a token will not be accepted again: its keys are no longer the
// present ones, or it has expired.
func (c *tokenCache) useless(token *verifiedToken, now time.Time) bool {
	return token.set.current.Load() != token.keys || !now.Before(token.identity.ExpiresAt.Add(c.leeway))
}
