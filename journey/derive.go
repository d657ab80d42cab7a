package journey

import (
	"slices"
	"time"

	"github.com/rejoinhq/rejoin/consumer"
)

// Derive returns what is active for the consumer of a snapshot at now, by the rules in
// the documentation of this package.
//
// Derive is safe for concurrent use, also with the same snapshot.
func Derive(snapshot consumer.Snapshot, now time.Time) Active {
	active, _ := derive(snapshot, now)
	return active
}

// derive also returns the candidates of all participations, then of all admissions, in the
// order of the snapshot.
func derive(snapshot consumer.Snapshot, now time.Time) (a Active, candidates []candidate) {
	// All memory that an Active needs: a candidate for each record, and three pointers to it.
	m := len(snapshot.Participations)
	n := m + len(snapshot.Admissions)
	candidates, pointers := make([]candidate, n), make([]*candidate, 3*n)
	for i := range snapshot.Participations {
		candidates[i] = participationCandidate(&snapshot.Participations[i])
	}
	for i := range snapshot.Admissions {
		candidates[m+i] = admissionCandidate(&snapshot.Admissions[i])
	}
	for i := range candidates {
		pointers[i] = &candidates[i]
	}

	participations := newest(pointers[:m])
	for i := range snapshot.Distributions {
		addDistribution(participations, &snapshot.Distributions[i])
	}
	admissions := newest(pointers[m:n])

	a.participations = a.activeAt(participations, now)
	a.admissions = slices.DeleteFunc(a.activeAt(admissions, now), a.carries)
	slices.SortFunc(a.admissions, (*candidate).compareID)
	a.sequences = append(append(pointers[n:n:2*n], a.participations...), a.admissions...)
	slices.SortFunc(a.sequences, (*candidate).compareSequence)
	a.leaders = pointers[2*n : 2*n]
	for i, c := range a.sequences {
		if i == 0 || c.sequence() != a.sequences[i-1].sequence() {
			a.leaders = append(a.leaders, c)
		}
	}
	slices.SortFunc(a.leaders, (*candidate).compareJourney)
	return a, candidates
}

// newest orders the candidates of all participations, or of all admissions, by
// distribution, and returns one for each distribution.
//
// A store returns each key once. Derive also accepts several records with one key, and
// the order of its input must not matter, so it takes the one that a store would keep.
func newest(all []*candidate) []*candidate {
	slices.SortFunc(all, (*candidate).compareDistribution)
	kept := all[:0]
	for _, c := range all {
		switch last := len(kept) - 1; {
		case last < 0 || kept[last].compareDistribution(c) != 0:
			kept = append(kept, c)
		case c.version().Compare(kept[last].version()) > 0:
			kept[last] = c
		}
	}
	return kept
}

// addDistribution sets the distribution of the participation in it, if there is one.
func addDistribution(participations []*candidate, d *consumer.Distribution) {
	i, found := slices.BinarySearchFunc(participations, d, func(c *candidate, d *consumer.Distribution) int {
		return c.compareTo(uint8(d.Type.Order()), d.ID)
	})
	if !found {
		return
	}
	c := participations[i]
	if c.distribution != nil && d.Normalized().Version().Compare(c.distribution.Normalized().Version()) <= 0 {
		return
	}
	c.distribution, c.winner = d, d.WinnerID != nil && *d.WinnerID == c.participation.ConsumerID
}

// activeAt returns the candidates that are active at now, and notes the last change.
func (a *Active) activeAt(candidates []*candidate, now time.Time) []*candidate {
	active := candidates[:0]
	for _, c := range candidates {
		if until, ok := c.activeUntil(); ok && !until.After(now) {
			if !a.changed || until.After(a.lastChange) {
				a.lastChange, a.changed = until, true
			}
			continue
		}
		if c.isActive() {
			c.setStage()
			active = append(active, c)
		}
	}
	return active
}

// carries reports whether an admitting participation carries the admission, which is then
// not shown.
func (a *Active) carries(admission *candidate) bool {
	c := a.participationOf(admission)
	return c != nil && c.stage == admitted
}
