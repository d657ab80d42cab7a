package consumer

import (
	"bytes"
	"cmp"
	"time"
)

// Version decides between two writes of the same record: the greater version remains, and
// an equal one changes nothing. So any permutation of the same writes, with any
// duplicates, ends in the same state.
//
// Versions are ordered by UpdatedAt, then by Rank, then by the byte order of Canonical. A
// store keeps the three parts next to the record, or as the record, and compares them in
// the statement that writes.
type Version struct {
	// UpdatedAt is the time at which the record became true.
	UpdatedAt time.Time
	// Rank decides if the times are equal. A terminal status ranks above every active one
	// (see [TerminalRank]); two terminal or two active statuses rank in the order of
	// [DistributionType.TerminalStatuses] or [DistributionType.ActiveStatuses]. A
	// distribution with EndedAt ranks above one without it; two of either rank by
	// Serving, where nil is less than 0. The rank of a profile is 0.
	Rank int64
	// Canonical decides if the ranks are equal. It is the JSON of the record: the fields
	// in the order of its struct, without organization and consumer and without unset
	// fields, times in RFC 3339, no spaces, and no character escaped that JSON allows
	// unescaped.
	Canonical []byte
}

// TerminalRank is the lowest [Version.Rank] of a participation or admission that ended. The
// lower ranks are those of active statuses and of admissions that were not ended.
const TerminalRank = 100

// Compare returns -1, 0 or +1, as v is less than, equal to or greater than w.
func (v Version) Compare(w Version) int {
	return cmp.Or(
		v.UpdatedAt.Compare(w.UpdatedAt),
		cmp.Compare(v.Rank, w.Rank),
		bytes.Compare(v.Canonical, w.Canonical),
	)
}

// Version returns the version of a profile that [Consumer.Normalized] returned.
func (c Consumer) Version() Version {
	return Version{UpdatedAt: c.UpdatedAt, Canonical: c.canonical()}
}

// Version returns the version of a participation that [Participation.Normalized]
// returned.
func (p Participation) Version() Version {
	return Version{
		UpdatedAt: p.UpdatedAt,
		Rank:      p.Type.statusRank(p.Status),
		Canonical: p.canonical(),
	}
}

// Version returns the version of an admission that [Admission.Normalized] returned.
func (a Admission) Version() Version {
	v := Version{UpdatedAt: a.UpdatedAt, Canonical: a.canonical()}
	if a.EndedAt != nil {
		v.Rank = TerminalRank
	}
	return v
}

// endedRank is above every rank that a Serving gives.
const endedRank = maxCount + 2

// Version returns the version of a distribution that [Distribution.Normalized] returned.
// A distribution that a store returned has no version, because it lacks the winner.
func (d Distribution) Version() Version {
	v := Version{UpdatedAt: d.UpdatedAt, Canonical: d.canonical()}
	if d.Serving != nil {
		v.Rank = *d.Serving + 1
	}
	if d.EndedAt != nil {
		v.Rank += endedRank
	}
	return v
}

// statusRank numbers the statuses of a type in their order. An unknown status ranks below
// all others.
func (t DistributionType) statusRank(s Status) int64 {
	row := t.row()
	for i, active := range row.active {
		if s == active {
			return int64(i)
		}
	}
	for i, terminal := range row.terminal {
		if s == terminal {
			return int64(TerminalRank + i)
		}
	}
	return -1
}
