package journey

import (
	"slices"
	"time"

	"github.com/rejoinhq/rejoin/consumer"
)

// Derive returns what the consumer of a snapshot is in at the moment now.
//
// A participation shows while its status is an active one of its type and it has
// not expired; an admission while it was neither ended nor expired. Unknown types
// and statuses, and an admission without a token, show nowhere. The package's
// tests name every other rule.
//
// Derive is safe for concurrent use, also with the same snapshot.
func Derive(snapshot consumer.Snapshot, now time.Time) View {
	// All that a View needs: a claim of each record, and three times a pointer to it.
	m := len(snapshot.Participations)
	n := m + len(snapshot.Admissions)
	claims, pointers := make([]claim, n), make([]*claim, 3*n)
	for i := range snapshot.Participations {
		claims[i] = participationClaim(&snapshot.Participations[i])
	}
	for i := range snapshot.Admissions {
		claims[m+i] = admissionClaim(&snapshot.Admissions[i])
	}
	for i := range claims {
		pointers[i] = &claims[i]
	}

	v := View{participations: showing(pointers[:m], now)}
	v.admissions = slices.DeleteFunc(showing(pointers[m:n], now), v.carries)
	slices.SortFunc(v.admissions, (*claim).compareID)
	v.sequences = append(append(pointers[n:n:2*n], v.participations...), v.admissions...)
	slices.SortFunc(v.sequences, (*claim).compareSequence)
	v.leaders = pointers[2*n : 2*n]
	for i, c := range v.sequences {
		if i == 0 || c.sequence() != v.sequences[i-1].sequence() {
			v.leaders = append(v.leaders, c)
		}
	}
	slices.SortFunc(v.leaders, (*claim).compareJourney)
	return v
}

// showing orders the claims of all participations, or of all admissions, by
// distribution, and returns those that are one at the moment now.
//
// No store returns the same key twice, but this package promises an answer for any
// input, independent of its order: the greater version stands for its key, as it
// would in a store.
func showing(all []*claim, now time.Time) []*claim {
	slices.SortFunc(all, (*claim).compareDistribution)
	shown := all[:0]
	for i := 0; i < len(all); {
		newest := all[i]
		for i++; i < len(all) && all[i].compareDistribution(newest) == 0; i++ {
			if all[i].version().Compare(newest.version()) > 0 {
				newest = all[i]
			}
		}
		if newest.showsAt(now) {
			newest.setStage()
			shown = append(shown, newest)
		}
	}
	return shown
}

// carries reports whether an admitting participation already carries the admission,
// which then drops out altogether.
func (v View) carries(admission *claim) bool {
	c := v.participationOf(admission)
	return c != nil && c.stage == admitted
}
