package journey

import (
	"time"

	"github.com/rejoinhq/rejoin/consumer"
)

// records is a snapshot made ready: normalized copies, each key once.
type records struct {
	participations []consumer.Participation
	admissions     []consumer.Admission
	// byDistribution finds the participation in a distribution.
	byDistribution map[distributionKey]int
}

// newRecords copies a snapshot. No store returns the same key twice, but this
// package promises an answer for any input, independent of its order: the greater
// version stands for its key, as it would in a store.
func newRecords(snapshot consumer.Snapshot) records {
	participations, byDistribution := newest(snapshot.Participations, consumer.Participation.Normalized,
		func(p consumer.Participation) distributionKey { return distributionKey{p.Type, p.ID} })
	admissions, _ := newest(snapshot.Admissions, consumer.Admission.Normalized,
		func(a consumer.Admission) distributionKey {
			return distributionKey{a.DistributionType, a.DistributionID}
		})
	return records{participations, admissions, byDistribution}
}

func newest[R interface{ Version() consumer.Version }](
	all []R, normalized func(R) R, key func(R) distributionKey,
) ([]R, map[distributionKey]int) {
	kept := make([]R, 0, len(all))
	index := make(map[distributionKey]int, len(all))
	for _, record := range all {
		record = normalized(record)
		i, seen := index[key(record)]
		switch {
		case !seen:
			index[key(record)] = len(kept)
			kept = append(kept, record)
		case record.Version().Compare(kept[i].Version()) > 0:
			kept[i] = record
		}
	}
	return kept, index
}

// carried reports whether an admitting participation already carries the
// admission, which then drops out altogether.
func (r records) carried(a *consumer.Admission, now time.Time) bool {
	p := r.participationIn(sequenceKey{a.ExperienceID, a.SequenceID},
		distributionKey{a.DistributionType, a.DistributionID}, now)
	return p != nil && p.Admitting()
}

// participationIn returns the active participation in a distribution of a
// sequence, or nil.
func (r records) participationIn(s sequenceKey, d distributionKey, now time.Time) *consumer.Participation {
	i, found := r.byDistribution[d]
	if !found {
		return nil
	}
	p := &r.participations[i]
	if !p.ActiveAt(now) || s != (sequenceKey{p.ExperienceID, p.SequenceID}) {
		return nil
	}
	return p
}
