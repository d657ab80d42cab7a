package row

import "github.com/rejoinhq/rejoin/consumer"

// MergeState is what an adapter finds about the two consumers of a merge before it
// moves anything.
type MergeState struct {
	GuestGone       bool `db:"guest_gone"`
	GuestProfile    bool `db:"guest_profile"`
	GuestRecords    int  `db:"guest_records"`
	ConsumerProfile bool `db:"consumer_profile"`
}

// Proceed reports whether there is something to move, or why the merge is refused.
func (s MergeState) Proceed() (bool, error) {
	switch {
	case s.GuestGone:
		return false, nil
	case !s.ConsumerProfile, !s.GuestProfile && s.GuestRecords == 0:
		return false, consumer.ErrNotFound
	}
	return true, nil
}
