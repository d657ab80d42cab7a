package journey

import (
	"iter"
	"slices"
	"time"

	"github.com/rejoinhq/rejoin/consumer"
)

// View is what a consumer is in at one moment, as [Derive] found it out: which
// records count, and which of them lead. [View.AppendJSON] shows it to a client,
// [View.Journeys] and [View.Active] to a Go program. The zero View is that of a
// consumer who is in nothing.
//
// A View reads the snapshot's records when it is asked, so leave them as they are
// while it is in use. What its methods return shares nothing with the snapshot. They
// are safe for concurrent use.
type View struct {
	// participations are the active ones, by type, then by id.
	participations []*claim
	// admissions are the live ones that no participation carries, by id, those of one
	// id by how they lead.
	admissions []*claim
	// sequences are both together, by sequence, the leader of each first.
	sequences []*claim
	// leaders are the leaders of all sequences, in the order of their journeys.
	leaders []*claim
}

// NextChange returns the first moment at which one of the view's records expires: from
// the view's own moment until then, Derive shows the same of the same records. It is
// a moment as stores keep them, in UTC and truncated to microseconds. ok is false when
// none of them ever expires.
func (v View) NextChange() (at time.Time, ok bool) {
	for _, c := range v.sequences {
		expiresAt := c.expiresAt()
		if expiresAt == nil {
			continue
		}
		if t := kept(*expiresAt); !ok || t.Before(at) {
			at, ok = t, true
		}
	}
	return at, ok
}

// Stages yields, for each journey, its stage with the type of every participation and
// admission that the stage rests on.
func (v View) Stages() iter.Seq2[SequenceStage, consumer.DistributionType] {
	return func(yield func(SequenceStage, consumer.DistributionType) bool) {
		var leader *claim
		for _, c := range v.sequences { // the leader of each sequence first
			if leader == nil || c.sequence() != leader.sequence() {
				leader = c
			}
			if c.stage == leader.stage && !yield(c.stage.ofSequence(), c.kind()) {
				return
			}
		}
	}
}

// Journeys returns one journey per sequence, the one to resume first in front: those
// of [Active], without the rest of it. It is never nil.
func (v View) Journeys() []Journey {
	journeys := make([]Journey, len(v.leaders))
	for i, leader := range v.leaders {
		journeys[i] = v.journey(leader)
	}
	return journeys
}

// journey is the journey that a claim leads.
func (v View) journey(leader *claim) Journey {
	sequence := leader.sequence()
	j := Journey{
		ExperienceID:  sequence.experienceID,
		SequenceID:    sequence.sequenceID,
		JourneyStage:  leader.stage.ofJourney(),
		SequenceStage: leader.stage.ofSequence(),
		Participation: Participation{
			Type:           leader.kind(),
			ID:             leader.id(),
			Status:         v.status(leader),
			AdmissionToken: leader.token(),
		},
	}
	if leader.stage == admitted {
		j.Admission = new(leader.shownAdmission())
	}
	return j
}

// status is the participation's own. An admission granted apart speaks for the
// consumer's participation in the same distribution if there is one.
func (v View) status(leader *claim) consumer.Status {
	if leader.participation != nil {
		return leader.participation.Status
	}
	if c := v.participationOf(leader); c != nil {
		return c.participation.Status
	}
	return consumer.StatusAdmitted
}

// participationOf returns the active participation in the distribution and sequence
// of an admission, or nil.
func (v View) participationOf(admission *claim) *claim {
	i, found := slices.BinarySearchFunc(v.participations, admission, (*claim).compareDistribution)
	if !found || v.participations[i].sequence() != admission.sequence() {
		return nil
	}
	return v.participations[i]
}

// ofJourney and ofSequence are what the document calls a stage.

func (s stage) ofJourney() JourneyStage {
	if s == admitted {
		return Admitted
	}
	return Routed
}

func (s stage) ofSequence() SequenceStage {
	switch s {
	case admitted:
		return SequenceAdmitted
	case waiting:
		return WaitlistEntered
	}
	return Participating
}

// shownAdmission is the admission that an admitted claim stands for.
func (c *claim) shownAdmission() Admission {
	sequence := c.sequence()
	return Admission{
		DistributionType: c.kind(),
		DistributionID:   c.id(),
		ExperienceID:     sequence.experienceID,
		SequenceID:       sequence.sequenceID,
		AdmissionToken:   c.token(),
		AdmittedAt:       kept(c.leadsBy()),
		ExpiresAt:        keptPointer(c.expiresAt()),
	}
}
