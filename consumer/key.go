package consumer

import (
	"crypto/sha256"
	"encoding/binary"
)

// Key identifies one consumer of one organization.
type Key struct {
	OrganizationID string `validate:"id"`
	ConsumerID     string `validate:"id,consumer_id"`
}

// Validate returns a [*ValidationError] that names the invalid ids as organizationId and
// consumerId, or nil.
func (k Key) Validate() error { return validationError(fieldErrors(k)) }

// Digest returns the SHA-256 digest of the organization's id, a NUL byte, which no id
// contains, and the consumer's id. It identifies a consumer where the id must not be
// stored. The same consumer id has a different digest in each organization.
func (k Key) Digest() [sha256.Size]byte {
	var buffer [2*maxIDLength + 1]byte
	text := append(buffer[:0], k.OrganizationID...)
	text = append(text, 0)
	text = append(text, k.ConsumerID...)
	return sha256.Sum256(text)
}

// Hash returns the first eight bytes of [Key.Digest] as a big-endian number. A
// [ChangeFeed] identifies consumers by it: it is short and remains valid after an erasure.
// Two consumers can have the same hash, about one pair among some billions, so a
// listener may treat a consumer as changed when another one did.
func (k Key) Hash() uint64 {
	digest := k.Digest()
	return binary.BigEndian.Uint64(digest[:8])
}
