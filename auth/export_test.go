package auth

import (
	"crypto/sha256"
	"errors"

	"github.com/golang-jwt/jwt/v5"
)

// VerifyBytes verifies a signature over any bytes with the keys that the set gives a token
// with that kid, or without one if it is empty, as the library does with the first two parts
// of a token: published test vectors sign bytes that are none.
func (s *KeySet) VerifyBytes(keyID string, message, signature []byte) error {
	token := &jwt.Token{Method: jwt.SigningMethodEdDSA, Header: map[string]any{"alg": "EdDSA"}}
	if keyID != "" {
		token.Header["kid"] = keyID
	}
	found, err := s.current.Load().keyfunc(token)
	if err != nil {
		return err
	}
	keys := []jwt.VerificationKey{found}
	if set, ok := found.(jwt.VerificationKeySet); ok {
		keys = set.Keys
	}
	err = errors.New("no key")
	for _, key := range keys {
		if err = token.Method.Verify(string(message), signature, key); err == nil {
			return nil
		}
	}
	return err
}

// Remembered reports whether the cache has an entry for the token, of use or not, and does
// not count as use.
func (v *Verifier) Remembered(token string) bool {
	if v.cache == nil {
		return false
	}
	digest := sha256.Sum256([]byte(token))
	bucket := v.cache.bucket(digest)
	for i := range bucket {
		if entry := bucket[i].Load(); entry != nil && entry.digest == digest {
			return true
		}
	}
	return false
}

// CacheEntries is how many entries the cache has, of use or not. Without a cache it is -1.
func (v *Verifier) CacheEntries() int {
	if v.cache == nil {
		return -1
	}
	entries := 0
	for i := range v.cache.slots {
		if v.cache.slots[i].Load() != nil {
			entries++
		}
	}
	return entries
}

// CacheSlots is how many entries the cache has room for.
func (v *Verifier) CacheSlots() int { return len(v.cache.slots) }
