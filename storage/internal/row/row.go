package row

import (
	"cmp"
	"slices"
	"time"

	"github.com/rejoinhq/rejoin/consumer"
)

// Row is one record as a table holds it.
type Row struct {
	Key
	// UpdatedAt is in microseconds since 1970, negative before.
	UpdatedAt int64
	// StatusRank is the Rank of the record's version, 0 for a profile.
	StatusRank int
	// ExpiresAt is in the same unit, nil when the record doesn't expire.
	ExpiresAt *int64
	// Record is the canonical JSON. It never contains a raw line feed, because JSON
	// escapes control characters in strings and the canonical form has no spaces.
	Record string
}

// Key names a record within its table. A profile has neither Type nor ID. The db names
// are those of the columns when a statement returns keys.
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

// Rows are the records of a batch, table by table, each record once.
type Rows struct {
	Consumers      []Row
	Participations []Row
	Admissions     []Row
}

// FromBatch returns the rows of a batch that [consumer.Batch.Prepare] returned. Of
// a record that the batch holds several times only the greatest version is left,
// so that what a write counts as applied doesn't depend on the order either. The
// rows are in the order of their keys: writers that lock row by row meet in the
// same order, and inserts go through the tree from left to right.
func FromBatch(b consumer.Batch) Rows {
	return Rows{
		Consumers:      greatest(b.Consumers, ofConsumer),
		Participations: greatest(b.Participations, ofParticipation),
		Admissions:     greatest(b.Admissions, ofAdmission),
	}
}

// greatest compares as consumer.Version.Compare does.
func greatest[R any](records []R, of func(R) Row) []Row {
	rows := make([]Row, len(records))
	for i, record := range records {
		rows[i] = of(record)
	}
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

func ofConsumer(c consumer.Consumer) Row {
	return of(Key{OrganizationID: c.OrganizationID, ConsumerID: c.ID}, c.Version(), nil)
}

func ofParticipation(p consumer.Participation) Row {
	return of(Key{p.OrganizationID, p.ConsumerID, string(p.Type), p.ID}, p.Version(), p.ExpiresAt)
}

func ofAdmission(a consumer.Admission) Row {
	return of(Key{a.OrganizationID, a.ConsumerID, string(a.DistributionType), a.DistributionID}, a.Version(), a.ExpiresAt)
}

func of(key Key, v consumer.Version, expiresAt *time.Time) Row {
	return Row{
		Key:        key,
		UpdatedAt:  v.UpdatedAt.UnixMicro(),
		StatusRank: v.Rank,
		ExpiresAt:  Micros(expiresAt),
		Record:     string(v.Canonical),
	}
}

// Micros is an optional moment as a column holds it: microseconds since 1970, or
// NULL.
func Micros(t *time.Time) *int64 {
	if t == nil {
		return nil
	}
	return new(t.UnixMicro())
}

// Moment is the way back.
func Moment(micros *int64) *time.Time {
	if micros == nil {
		return nil
	}
	return new(time.UnixMicro(*micros).UTC())
}
