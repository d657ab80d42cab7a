package auth

import (
	"crypto/sha256"
)

// VerifyBytes verifies a signature over any bytes with the keys that the set gives a token
// with that kid, or without one if it is empty. Published test vectors sign bytes that are
// not tokens.
func (s *KeySet) VerifyBytes(keyID string, message, signature []byte) error {
	if reason := s.current.Load().check(&unverifiedToken{keyID: keyID, signed: message, signature: signature}); reason != "" {
		return refused(reason)
	}
	return nil
}

// Remembered reports whether the cache has an entry for the token, valid or not. It does not
// count as a use of the entry.
func (v *Verifier) Remembered(token string) bool {
	if v.cache == nil {
		return false
	}
	digest := sha256.Sum256([]byte(token))
	bucket := v.cache.tokens.bucket(&digest)
	for i := range bucket {
		if entry := bucket[i].Load(); entry != nil && entry.digest == digest {
			return true
		}
	}
	return false
}

// CacheEntries returns the number of entries in the cache, valid or not, or -1 without a cache.
func (v *Verifier) CacheEntries() int {
	if v.cache == nil {
		return -1
	}
	entries := 0
	for i := range v.cache.tokens.slots {
		if v.cache.tokens.slots[i].Load() != nil {
			entries++
		}
	}
	return entries
}

// CacheSlots returns the capacity of the cache.
func (v *Verifier) CacheSlots() int { return len(v.cache.tokens.slots) }
