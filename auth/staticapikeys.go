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

// StaticAPIKeys is a [APIKeyFinder] over keys that are known at the start and never change.
// It keeps their digests only, and is safe for concurrent use. The zero value knows no
// key.
type StaticAPIKeys struct {
	keys []staticKey
}

type staticKey struct {
	digest         [sha256.Size]byte
	organizationID string
}

// NewStaticAPIKeys checks every key with [CheckAPIKey] and refuses an empty organization and
// a key given twice, also when both are of the same organization. The error names the
// position in keys, from 0, and never the key.
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

// OrganizationByKey implements [APIKeyFinder]. It never fails but with
// consumer.ErrNotFound, and needs neither the context nor the moment.
//
// It compares with every key and each in constant time, so that the time that it takes
// depends on the number of keys only. See [APIKeyFinder] for why an index would do as well.
func (s *StaticAPIKeys) OrganizationByKey(_ context.Context, digest [sha256.Size]byte, _ time.Time) (string, error) {
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
