package journey

import (
	"cmp"
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
func Derive(snapshot consumer.Snapshot, now time.Time) Active {
	records := newRecords(snapshot)
	claims := claims(records, now)

	active := Active{
		Experiences:   map[string]Experience{},
		Queues:        map[string]QueueState{},
		Draws:         map[string]DrawState{},
		Auctions:      map[string]AuctionState{},
		TimedReleases: map[string]TimedReleaseState{},
		Admissions:    map[string]Admission{},
		Journeys:      []Journey{},
	}
	for i := range claims {
		if claims[i].participation != nil {
			active.addParticipation(claims[i].participation)
		}
	}
	active.addAdmissions(claims)
	active.addJourneys(records, claims, now)
	return active
}

// addAdmissions fills the map of admissions. Where two types share a distribution
// id, the one that leads shows.
func (active *Active) addAdmissions(claims []claim) {
	leading := make(map[string]*claim)
	for i := range claims {
		c := &claims[i]
		if c.participation != nil {
			continue
		}
		other, taken := leading[c.distribution.id]
		if !taken || c.compare(*other) < 0 {
			leading[c.distribution.id] = c
			active.Admissions[c.distribution.id] = c.admission()
		}
	}
}

// addJourneys appends one journey per sequence: admitted ones first, then
// participating ones, then waitlists; within each the leader's latest moment
// first, then by experience and sequence id.
func (active *Active) addJourneys(records records, claims []claim, now time.Time) {
	var leaders []*claim
	for i := range claims {
		if i == 0 || claims[i].sequence != claims[i-1].sequence {
			leaders = append(leaders, &claims[i])
		}
	}
	slices.SortFunc(leaders, func(a, b *claim) int {
		return cmp.Or(
			cmp.Compare(a.stage, b.stage),
			b.moment.Compare(a.moment),
			a.sequence.compare(b.sequence),
		)
	})
	for _, leader := range leaders {
		active.Journeys = append(active.Journeys, leader.journey(records, now))
	}
}

// journey is the journey that the claim leads.
func (c *claim) journey(records records, now time.Time) Journey {
	j := Journey{
		ExperienceID:  c.sequence.experienceID,
		SequenceID:    c.sequence.sequenceID,
		JourneyStage:  Routed,
		SequenceStage: Participating,
		Participation: Participation{
			Type:           c.distribution.kind,
			ID:             c.distribution.id,
			Status:         c.status(records, now),
			AdmissionToken: c.token,
		},
	}
	switch c.stage {
	case admitted:
		j.JourneyStage, j.SequenceStage = Admitted, SequenceAdmitted
		j.Admission = new(c.admission())
	case waiting:
		j.SequenceStage = WaitlistEntered
	}
	return j
}

// status is the participation's own. An admission granted apart speaks for the
// consumer's participation in the same distribution if there is one.
func (c *claim) status(records records, now time.Time) consumer.Status {
	if c.participation != nil {
		return c.participation.Status
	}
	if p := records.participationIn(c.sequence, c.distribution, now); p != nil {
		return p.Status
	}
	return consumer.StatusAdmitted
}

func (c *claim) admission() Admission {
	return Admission{
		DistributionType: c.distribution.kind,
		DistributionID:   c.distribution.id,
		ExperienceID:     c.sequence.experienceID,
		SequenceID:       c.sequence.sequenceID,
		AdmissionToken:   c.token,
		AdmittedAt:       c.moment,
		ExpiresAt:        clone(c.expiresAt),
	}
}
