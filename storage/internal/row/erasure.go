package row

import (
	"crypto/sha256"

	"github.com/rejoinhq/rejoin/consumer"
)

// ErasureDigest is all that remains of an erased consumer: SHA-256 over the
// organization's id, a NUL, which no id contains, and the consumer's id. Within
// another organization the same id has another digest.
func ErasureDigest(key consumer.ConsumerKey) [sha256.Size]byte {
	return sha256.Sum256([]byte(key.OrganizationID + "\x00" + key.ConsumerID))
}
