package row

import (
	"cmp"
	"slices"
	"time"

	"github.com/rejoinhq/rejoin/consumer"
)

// Row is one record as a table holds it. Times are in microseconds since 1970, negative
// before.
type Row struct {
	Key
	UpdatedAt int64
	// StatusRank is the rank of the record's version.
	StatusRank int64
	// ExpiresAt is nil if the record does not expire.
	ExpiresAt *int64
	// EndedAt is set only for a distribution that ended.
	EndedAt *int64
	// WinnerDigest is the digest of a distribution's winner, nil if there is none.
	WinnerDigest []byte
	// Record is the canonical JSON. It contains no line feed, because JSON escapes control
	// characters in strings and the canonical form has no spaces.
	Record string
}

// Key identifies a record within its table. A profile has neither Type nor ID, a
// distribution has no ConsumerID. The db names are those of the columns if a statement
// returns keys.
type Key struct {
	OrganizationID string `db:"organization_id"`
	ConsumerID     string `db:"consumer_id"`
	Type           string `db:"type"`
	ID             string `db:"id"`
}

func (k Key) compare(l Key) int {
	return cmp.Or(
		cmp.Compare(k.OrganizationID, l.OrganizationID),
		cmp.Compare(k.ConsumerID, l.ConsumerID),
		cmp.Compare(k.Type, l.Type),
		cmp.Compare(k.ID, l.ID),
	)
}

// Rows are the records of a batch by table, each record once.
type Rows struct {
	Consumers      []Row
	Participations []Row
	Admissions     []Row
	Distributions  []Row
}

// FromBatch returns the rows of a batch that [consumer.Batch.Prepare] returned. If the
// batch holds a record several times, only the greatest version remains, so the number of
// applied records does not depend on the order. The rows are in the order of their keys:
// writers that lock row by row meet in the same order, and inserts go through the tree
// from left to right.
//
// A record about a merged guest becomes one about the consumer that it was merged into,
// and a profile of a merged guest is left out.
func FromBatch(b consumer.Batch, merged Merged) Rows {
	profiles := make([]Row, 0, len(b.Consumers))
	for _, c := range b.Consumers {
		if _, ok := merged[consumer.Key{OrganizationID: c.OrganizationID, ConsumerID: c.ID}]; !ok {
			profiles = append(profiles, fromConsumer(c))
		}
	}
	return Rows{
		Consumers:      greatest(profiles),
		Participations: greatest(rows(b.Participations, merged, fromParticipation)),
		Admissions:     greatest(rows(b.Admissions, merged, fromAdmission)),
		Distributions:  greatest(rows(b.Distributions, nil, fromDistribution)),
	}
}

// greatest sorts the rows and keeps the greatest of each key, as consumer.Version.Compare
// orders them.
func greatest(rows []Row) []Row {
	slices.SortFunc(rows, func(a, b Row) int {
		return cmp.Or(
			a.compare(b.Key),
			cmp.Compare(b.UpdatedAt, a.UpdatedAt),
			cmp.Compare(b.StatusRank, a.StatusRank),
			cmp.Compare(b.Record, a.Record),
		)
	})
	return slices.CompactFunc(rows, func(a, b Row) bool { return a.Key == b.Key })
}

func fromConsumer(c consumer.Consumer) Row {
	return newRow(Key{OrganizationID: c.OrganizationID, ConsumerID: c.ID}, c.Version(), nil)
}

func fromParticipation(p consumer.Participation) Row {
	return newRow(Key{p.OrganizationID, p.ConsumerID, string(p.Type), p.ID}, p.Version(), p.ExpiresAt)
}

func fromAdmission(a consumer.Admission) Row {
	return newRow(Key{a.OrganizationID, a.ConsumerID, string(a.DistributionType), a.DistributionID}, a.Version(), a.ExpiresAt)
}

func fromDistribution(d consumer.Distribution) Row {
	r := newRow(Key{OrganizationID: d.OrganizationID, Type: string(d.Type), ID: d.ID}, d.Version(), nil)
	r.EndedAt = Micros(d.EndedAt)
	if d.WinnerID != nil {
		digest := consumer.Key{OrganizationID: d.OrganizationID, ConsumerID: *d.WinnerID}.Digest()
		r.WinnerDigest = digest[:]
	}
	return r
}

func newRow(key Key, v consumer.Version, expiresAt *time.Time) Row {
	return Row{
		Key:        key,
		UpdatedAt:  v.UpdatedAt.UnixMicro(),
		StatusRank: v.Rank,
		ExpiresAt:  Micros(expiresAt),
		Record:     string(v.Canonical),
	}
}

// Micros returns an optional time as a column holds it: microseconds since 1970, or NULL.
func Micros(t *time.Time) *int64 {
	if t == nil {
		return nil
	}
	return new(t.UnixMicro())
}

// Time returns the time that [Micros] converted.
func Time(micros *int64) *time.Time {
	if micros == nil {
		return nil
	}
	return new(time.UnixMicro(*micros).UTC())
}
