package auth

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"time"

	"github.com/rejoinhq/rejoin/consumer"
)

// StaticAPIKey is an API key of an organization, from configuration.
type StaticAPIKey struct {
	OrganizationID string
	Key            string // publishable or secret; see [CheckAPIKey]
}

// StaticAPIKeys is a [consumer.APIKeyFinder] for keys that never change. It stores their
// digests only, and is safe for concurrent use. The zero value has no keys.
type StaticAPIKeys struct {
	keys []staticKey
}

type staticKey struct {
	digest         [sha256.Size]byte
	organizationID string
}

// NewStaticAPIKeys returns a StaticAPIKeys. It fails if a key does not pass [CheckAPIKey], has no
// organization, or is repeated, be it for the same organization. The error contains the index
// in keys, and never the key.
func NewStaticAPIKeys(keys []StaticAPIKey) (*StaticAPIKeys, error) {
	static := &StaticAPIKeys{keys: make([]staticKey, 0, len(keys))}
	seen := make(map[[sha256.Size]byte]int, len(keys))
	for i, key := range keys {
		if key.OrganizationID == "" {
			return nil, fmt.Errorf("auth: keys[%d]: the organization is missing", i)
		}
		if _, err := CheckAPIKey(key.Key); err != nil {
			return nil, fmt.Errorf("auth: keys[%d]: the key %w", i, err)
		}
		digest := APIKeyDigest(key.Key)
		if first, ok := seen[digest]; ok {
			return nil, fmt.Errorf("auth: keys[%d]: the same key as keys[%d]", i, first)
		}
		seen[digest] = i
		static.keys = append(static.keys, staticKey{digest, key.OrganizationID})
	}
	return static, nil
}

// OrganizationByAPIKey implements [consumer.APIKeyFinder]. Its only error is
// consumer.ErrNotFound. It compares the digest with that of every key, in constant time.
func (s *StaticAPIKeys) OrganizationByAPIKey(_ context.Context, digest [sha256.Size]byte, _ time.Time) (string, error) {
	found := -1
	for i := range s.keys {
		equal := subtle.ConstantTimeCompare(s.keys[i].digest[:], digest[:])
		found = subtle.ConstantTimeSelect(equal, i, found)
	}
	if found < 0 {
		return "", consumer.ErrNotFound
	}
	return s.keys[found].organizationID, nil
}
