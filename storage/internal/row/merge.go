package row

import (
	"crypto/sha256"

	"github.com/rejoinhq/rejoin/consumer"
)

// MergeState is what an adapter knows about the two consumers of a merge before it moves
// anything.
type MergeState struct {
	GuestGone       bool `db:"guest_gone"`
	GuestProfile    bool `db:"guest_profile"`
	GuestRecords    int  `db:"guest_records"`
	GuestEvents     bool `db:"guest_events"`
	ConsumerProfile bool `db:"consumer_profile"`
}

// Proceed reports whether there is something to move. It returns an error if the merge is
// refused.
func (s MergeState) Proceed() (bool, error) {
	switch {
	case s.GuestGone:
		return false, nil
	case !s.ConsumerProfile, !s.GuestProfile && s.GuestRecords == 0 && !s.GuestEvents:
		return false, consumer.ErrNotFound
	}
	return true, nil
}

// Former is a consumer that no longer exists: it was erased, or merged into its successor.
type Former struct {
	Digest      []byte  `db:"consumer_digest"`
	SuccessorID *string `db:"successor_id"`
}

// Merged maps guests to the consumers that they were merged into.
type Merged map[consumer.Key]string

// NewMerged returns the guests among the keys. It returns a [*consumer.ErasedError] if any
// of the keys was erased. Former are the former consumers with the digests of the keys,
// which is their order too.
func NewMerged(keys []consumer.Key, digests [][sha256.Size]byte, former []Former) (Merged, error) {
	if len(former) == 0 {
		return nil, nil
	}
	successors := make(map[[sha256.Size]byte]*string, len(former))
	for _, f := range former {
		if len(f.Digest) != sha256.Size {
			return nil, errDigest
		}
		successors[[sha256.Size]byte(f.Digest)] = f.SuccessorID
	}
	merged := make(Merged)
	var erased []consumer.Key
	for i, key := range keys {
		switch successor, ok := successors[digests[i]]; {
		case ok && successor == nil:
			erased = append(erased, key)
		case ok:
			merged[key] = *successor
		}
	}
	if len(erased) > 0 {
		return nil, &consumer.ErasedError{Consumers: erased}
	}
	return merged, nil
}

// Keys returns the keys with guests replaced by the consumers that they were merged into.
func (m Merged) Keys(keys []consumer.Key) []consumer.Key {
	if len(m) == 0 {
		return keys
	}
	replaced := make([]consumer.Key, len(keys))
	for i, key := range keys {
		replaced[i] = key
		if successor, ok := m[key]; ok {
			replaced[i].ConsumerID = successor
		}
	}
	return replaced
}

// rows converts records, with guests replaced by the consumers that they were merged into.
func rows[R any](records []R, m Merged, convert func(R) Row) []Row {
	all := make([]Row, len(records))
	for i, record := range records {
		all[i] = convert(record)
		if successor, ok := m[consumer.Key{OrganizationID: all[i].OrganizationID, ConsumerID: all[i].ConsumerID}]; ok {
			all[i].ConsumerID = successor
		}
	}
	return all
}
