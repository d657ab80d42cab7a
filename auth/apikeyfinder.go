package auth

import (
	"context"
	"crypto/sha256"
	"time"
)

// APIKeyFinder finds the organization of an API key. The stores implement it, and so do
// [StaticAPIKeys] and [APIKeyCache].
//
// A finder is given a digest, never a key. Looking a digest up in an index, which takes
// a different time for different digests, gives nothing away: to use the time, a caller
// would have to choose digests that share ever more leading bytes with a stored one, and
// choosing the digest of a key means inverting SHA-256.
type APIKeyFinder interface {
	// OrganizationByKey returns the organization of the key with that [APIKeyDigest], if the
	// key is valid at now: neither revoked nor expired. Publishable and secret keys are
	// looked up alike, because the prefix is part of what was hashed.
	//
	// A key that is not known or not valid is consumer.ErrNotFound, with errors.Is. Any
	// other error says that the finder failed and nothing is known about the key. It
	// must be safe for concurrent use.
	OrganizationByKey(ctx context.Context, digest [sha256.Size]byte, now time.Time) (organizationID string, err error)
}
