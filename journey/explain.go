package journey

import (
	"time"

	"github.com/rejoinhq/rejoin/consumer"
)

// shows says whether a record is in the document of its consumer, or why not.
type shows string

// The values of shows. The first one that applies counts.
const (
	showsUnknown shows = "unknown" // its type or status does not exist
	showsEnded   shows = "ended"   // by its status, its EndedAt or its distribution
	showsExpired shows = "expired"
	showsCarried shows = "carried" // by an admitting participation in the same sequence
	showsHidden  shows = "hidden"  // another record is shown in its place
	showsActive  shows = "active"
)

// explain returns shows of each participation and admission of an export at now, in the order
// of the export.
//
// An admission that is hidden because one of another type has the same id can still lead
// the journey of its own sequence.
func explain(export consumer.Export, now time.Time) (participations, admissions []shows) {
	active, candidates := derive(consumer.Snapshot{
		Participations: export.Participations, Admissions: export.Admissions, Distributions: export.Distributions,
	}, now)
	live, shown := active.inDocument()
	all := make([]shows, len(candidates))
	for i := range candidates {
		c := &candidates[i]
		switch until, ends := c.activeUntil(); {
		case !c.isKnown():
			all[i] = showsUnknown
		case !c.isActive(), c.isEndedByDistribution() && !consumer.NormalizeTime(*c.distribution.EndedAt).After(now):
			all[i] = showsEnded
		case ends && !until.After(now):
			all[i] = showsExpired
		case shown[c]:
			all[i] = showsActive
		case c.admission != nil && !live[c]:
			all[i] = showsCarried
		default:
			all[i] = showsHidden
		}
	}
	return all[:len(export.Participations)], all[len(export.Participations):]
}

// isKnown reports whether the type of the record can have its status.
func (c *candidate) isKnown() bool {
	if a := c.admission; a != nil {
		return a.DistributionType.Admits() && a.AdmissionToken != ""
	}
	p := c.participation
	return p.Type.IsActive(p.Status) || p.Type.IsTerminal(p.Status)
}

// inDocument returns the candidates that are active and that no participation carries, and
// those among them that the maps and nodes of the document show.
func (a Active) inDocument() (live, shown map[*candidate]bool) {
	live, shown = make(map[*candidate]bool), make(map[*candidate]bool)
	for _, c := range a.participations {
		live[c], shown[c] = true, c.participation.Type != consumer.Waitlist
	}
	for rest := a.sequences; len(rest) > 0; {
		var n node
		n, _, rest = nextNode(rest)
		if c := n.leading[consumer.Waitlist.Order()]; c != nil {
			shown[c] = true
		}
	}
	for i, c := range a.admissions {
		live[c], shown[c] = true, i == 0 || c.id() != a.admissions[i-1].id()
	}
	return live, shown
}
