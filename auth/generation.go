package auth

import (
	"context"
	"crypto/ed25519"
	"fmt"
	"strconv"

	"github.com/MicahParks/jwkset"
	"github.com/MicahParks/keyfunc/v3"
	"github.com/golang-jwt/jwt/v5"
)

// generation is the key set between two changes. It never changes itself: a token is
// verified with all of one generation or all of the next.
type generation struct {
	// keyfunc gives a token with kid the key of exactly that kid, or
	// jwkset.ErrKeyNotFound, and a token without kid all keys, to be tried in turn.
	keyfunc jwt.Keyfunc
}

// newGeneration takes keys that [checkKeys] and [parseKey] let pass: whatever stands in
// the storage behind keyfunc may verify a token, for keyfunc looks at no use, key_ops or
// strength.
func newGeneration(keys []Key) (*generation, error) {
	storage := jwkset.NewMemoryStorage()
	for i, key := range keys {
		id := key.ID
		if id == "" {
			// Under a kid that no token can have; see validKeyID.
			id = "\x00" + strconv.Itoa(i)
		}
		// The storage owns its own copy of the key. The alg is the tokens', because keyfunc
		// compares the two as strings, and a set may write the key's as Ed25519.
		jwk, err := jwkset.NewJWKFromKey(append(ed25519.PublicKey(nil), key.Public...), jwkset.JWKOptions{
			Metadata: jwkset.JWKMetadataOptions{KID: id, ALG: jwkset.AlgEdDSA, USE: jwkset.UseSig},
		})
		if err != nil {
			return nil, fmt.Errorf("key %d of the set: %w", i, err)
		}
		if err := storage.KeyWrite(context.Background(), jwk); err != nil {
			return nil, fmt.Errorf("key %d of the set: %w", i, err)
		}
	}
	found, err := keyfunc.New(keyfunc.Options{Storage: storage})
	if err != nil {
		return nil, err
	}
	return &generation{keyfunc: found.Keyfunc}, nil
}
