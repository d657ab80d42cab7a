package journey

import (
	"iter"
	"slices"
	"time"

	"github.com/rejoinhq/rejoin/consumer"
)

// Active is what is active for a consumer at one time, as [Derive] found it: the
// participations and admissions, and which of them lead their journeys. The zero Active
// is that of a consumer without records.
//
// An Active refers to the records of its snapshot, so do not modify them while it is in
// use. What its methods return shares no memory with the snapshot. The methods are safe
// for concurrent use.
type Active struct {
	// participations are the active ones, by type, then by id.
	participations []*candidate
	// admissions are the live ones that no participation carries, by id, the leader first.
	admissions []*candidate
	// sequences holds both, by sequence, the leader first.
	sequences []*candidate
	// leaders are the leaders of all sequences, in the order of their journeys.
	leaders []*candidate
	// lastChange and changed are what LastChange returns.
	lastChange time.Time
	changed    bool
}

// NextChange returns the first time after that of the Active at which a record expires or
// ends. Until then, Derive returns the same for the same records. The time is in UTC and
// truncated to microseconds. ok is false if there is no such time.
func (a Active) NextChange() (at time.Time, ok bool) {
	for _, c := range a.sequences {
		if until, ends := c.activeUntil(); ends && (!ok || until.Before(at)) {
			at, ok = until, true
		}
	}
	return at, ok
}

// LastChange returns the last time up to that of the Active at which a record expired or
// ended. From then on, Derive returns the same for the same records. The time is in UTC
// and truncated to microseconds. ok is false if there is no such time.
func (a Active) LastChange() (at time.Time, ok bool) {
	return a.lastChange, a.changed
}

// Stages returns an iterator over the stage of each journey, with the type of each
// participation and admission that the stage rests on.
func (a Active) Stages() iter.Seq2[SequenceStage, consumer.DistributionType] {
	return func(yield func(SequenceStage, consumer.DistributionType) bool) {
		var leader *candidate
		for _, c := range a.sequences { // the leader of each sequence comes first
			if leader == nil || c.sequence() != leader.sequence() {
				leader = c
			}
			if c.stage == leader.stage && !yield(c.stage.ofSequence(), c.kind()) {
				return
			}
		}
	}
}

// Journeys returns one journey per sequence. The first one is the one to resume first. The
// slice is never nil.
func (a Active) Journeys() []Journey {
	journeys := make([]Journey, len(a.leaders))
	for i, leader := range a.leaders {
		journeys[i] = a.journey(leader)
	}
	return journeys
}

// journey returns the journey that a candidate leads.
func (a Active) journey(leader *candidate) Journey {
	sequence := leader.sequence()
	j := Journey{
		ExperienceID:  sequence.experienceID,
		SequenceID:    sequence.sequenceID,
		JourneyStage:  leader.stage.ofJourney(),
		SequenceStage: leader.stage.ofSequence(),
		Participation: Participation{
			Type:           leader.kind(),
			ID:             leader.id(),
			Status:         a.status(leader),
			AdmissionToken: leader.token(),
		},
	}
	if leader.stage == admitted {
		j.Admission = new(leader.shownAdmission())
	}
	return j
}

// status returns the status of the participation that leads. For an admission, it is that
// of the participation in the same distribution and sequence, if there is one.
func (a Active) status(leader *candidate) consumer.Status {
	if leader.participation != nil {
		return leader.participation.Status
	}
	if c := a.participationOf(leader); c != nil {
		return c.participation.Status
	}
	return consumer.StatusAdmitted
}

// participationOf returns the active participation in the distribution and sequence
// of an admission, or nil.
func (a Active) participationOf(admission *candidate) *candidate {
	i, found := slices.BinarySearchFunc(a.participations, admission, (*candidate).compareDistribution)
	if !found || a.participations[i].sequence() != admission.sequence() {
		return nil
	}
	return a.participations[i]
}

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

// shownAdmission returns the admission of a candidate with stage admitted.
func (c *candidate) shownAdmission() Admission {
	sequence := c.sequence()
	return Admission{
		DistributionType: c.kind(),
		DistributionID:   c.id(),
		ExperienceID:     sequence.experienceID,
		SequenceID:       sequence.sequenceID,
		AdmissionToken:   c.token(),
		AdmittedAt:       c.since,
		ExpiresAt:        normalizePointer(c.expiresAt()),
	}
}

// normalizePointer returns a copy, so that nothing shares memory with the snapshot.
func normalizePointer(t *time.Time) *time.Time {
	if t == nil {
		return nil
	}
	return new(consumer.NormalizeTime(*t))
}
