package consumer

import (
	"crypto/sha256"
	"encoding/binary"
	"time"
)

// Distribution is the state that is common to all participations in one distribution. One
// write of it moves every consumer in a queue, or ends a draw for everybody. There is at
// most one record per (organization, type, id), and none is required.
//
// The JSON names and their order are those of the record format.
type Distribution struct {
	OrganizationID string `json:"-" validate:"id"`

	// Type is any type but waitlist.
	Type DistributionType `json:"type"`
	ID   string           `json:"id" validate:"id"`
	// Serving is the number of tickets that were called. Queues only.
	Serving *int64 `json:"serving,omitzero" validate:"omitnil,count"`
	// EndedAt is the time from which on a participation in the distribution is not active,
	// unless it is admitting or its consumer is the winner.
	EndedAt *time.Time `json:"endedAt,omitzero" validate:"omitnil,time"`
	// WinnerID is the consumer who won. Auctions only, and only with EndedAt.
	//
	// A store keeps only the [Key.Digest] of the winner. It sets WinnerID in a [Snapshot] or
	// [Export] if that consumer won, to the id of that consumer, and leaves it nil
	// everywhere else.
	WinnerID *string `json:"winnerId,omitzero" validate:"omitnil,id,consumer_id"`
	// UpdatedAt is the time at which this state became true, which decides between two
	// writes (see [Version]). It is required.
	UpdatedAt time.Time `json:"updatedAt" validate:"time"`
}

// Key returns the key of the distribution.
func (d Distribution) Key() DistributionKey {
	return DistributionKey{d.OrganizationID, d.Type, d.ID}
}

// Normalized returns the distribution as a store keeps it, with its times normalized by
// [NormalizeTime]. It does not modify what the receiver points to, and does not validate.
func (d Distribution) Normalized() Distribution {
	d.EndedAt = normalizeTimePointer(d.EndedAt)
	d.UpdatedAt = NormalizeTime(d.UpdatedAt)
	return d
}

// Validate returns a [*ValidationError] that names every bad field, or nil. It validates
// the distribution as [Distribution.Normalized] returns it.
func (d Distribution) Validate() error { return validationError(fieldErrors(d.Normalized())) }

// DistributionKey identifies one distribution of one organization.
type DistributionKey struct {
	OrganizationID string
	Type           DistributionType
	ID             string
}

// Hash returns a 64-bit hash of the key, by which a [ChangeFeed] identifies the
// distribution: the first eight bytes, in big-endian order, of the SHA-256 digest of
// organization id, type and id with a NUL byte between them. Two keys can have the same
// hash, so a listener may treat a distribution as changed when another one did.
func (k DistributionKey) Hash() uint64 {
	var buffer [3 * maxIDLength]byte
	text := append(buffer[:0], k.OrganizationID...)
	text = append(text, 0)
	text = append(text, k.Type...)
	text = append(text, 0)
	text = append(text, k.ID...)
	digest := sha256.Sum256(text)
	return binary.BigEndian.Uint64(digest[:8])
}
