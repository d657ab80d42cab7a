package consumer

import (
	"bytes"
	"cmp"
	"time"
)

// Version is what decides between two writes of the same record, so that any
// permutation of the same writes, with any duplicates, ends in the same state: the
// greater version stays, and an equal one changes nothing.
//
// A store keeps the three parts beside the record, or as the record, and compares
// them in the statement that writes. They order first by UpdatedAt, then by Rank,
// then by Canonical in byte order.
type Version struct {
	// UpdatedAt is the moment at which the record became true.
	UpdatedAt time.Time
	// Rank decides at equal moments: a terminal status is above every active one
	// (see [TerminalRank]), and among those a status that stands later in its
	// type's row is above an earlier one. A profile's rank is always 0.
	Rank int
	// Canonical decides at equal ranks. It is the record as JSON in the order of
	// its struct's fields, without those that say whose it is, unset fields left out, times in RFC 3339, no spaces, and nothing escaped that JSON doesn't
	// require to be.
	Canonical []byte
}

// TerminalRank is the lowest [Version.Rank] of a record that ended. Every lower
// rank is that of an active status or a live admission.
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
	return Version{UpdatedAt: c.UpdatedAt, Canonical: c.AppendCanonical(nil)}
}

// Version returns the version of a participation that [Participation.Normalized]
// returned.
func (p Participation) Version() Version {
	return Version{
		UpdatedAt: p.UpdatedAt,
		Rank:      p.Type.statusRank(p.Status),
		Canonical: p.AppendCanonical(nil),
	}
}

// Version returns the version of an admission that [Admission.Normalized] returned.
func (a Admission) Version() Version {
	v := Version{UpdatedAt: a.UpdatedAt, Canonical: a.AppendCanonical(nil)}
	if a.EndedAt != nil {
		v.Rank = TerminalRank
	}
	return v
}

// statusRank numbers the statuses of a type in the order of its row. An unknown
// status is below all others.
func (t DistributionType) statusRank(s Status) int {
	row := t.row()
	for i, active := range row.active {
		if s == active {
			return i
		}
	}
	for i, terminal := range row.terminal {
		if s == terminal {
			return TerminalRank + i
		}
	}
	return -1
}
