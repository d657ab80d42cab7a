package journey

import (
	"cmp"
	"time"

	"github.com/rejoinhq/rejoin/consumer"
)

// stage is the stage of a sequence that a candidate gives rise to, the strongest first.
type stage uint8

const (
	admitted stage = iota
	participating
	waiting
)

// candidate is a record that can lead the journey of its sequence: an active
// participation, or a live admission that no participation carries. A response makes one
// for each record, so it is small and takes the rest from the record.
type candidate struct {
	// Exactly one of participation and admission is set. Nothing here writes to it.
	participation *consumer.Participation
	admission     *consumer.Admission
	// distribution is the record of the participation's distribution, or nil.
	distribution *consumer.Distribution
	// since is the time that decides which candidate leads, normalized.
	since time.Time
	stage stage
	// order is the order of the type.
	order uint8
	// winner reports whether the consumer won the distribution.
	winner bool
}

type sequenceKey struct{ experienceID, sequenceID string }

func participationCandidate(p *consumer.Participation) candidate {
	return candidate{participation: p, order: uint8(p.Type.Order())}
}

func admissionCandidate(a *consumer.Admission) candidate {
	return candidate{admission: a, order: uint8(a.DistributionType.Order())}
}

func (c *candidate) sequence() sequenceKey {
	if c.admission != nil {
		return sequenceKey{c.admission.ExperienceID, c.admission.SequenceID}
	}
	return sequenceKey{c.participation.ExperienceID, c.participation.SequenceID}
}

// kind returns the type of the distribution.
func (c *candidate) kind() consumer.DistributionType {
	if c.admission != nil {
		return c.admission.DistributionType
	}
	return c.participation.Type
}

// id returns the id of the distribution.
func (c *candidate) id() string {
	if c.admission != nil {
		return c.admission.DistributionID
	}
	return c.participation.ID
}

func (c *candidate) expiresAt() *time.Time {
	if c.admission != nil {
		return c.admission.ExpiresAt
	}
	return c.participation.ExpiresAt
}

// version returns the version that decides between records with the same key.
func (c *candidate) version() consumer.Version {
	if c.admission != nil {
		return c.admission.Normalized().Version()
	}
	return c.participation.Normalized().Version()
}

// isActive reports whether the record is an active participation or a live admission until
// activeUntil.
func (c *candidate) isActive() bool {
	if a := c.admission; a != nil {
		return a.DistributionType.Admits() && a.AdmissionToken != "" && a.EndedAt == nil
	}
	return c.participation.Type.IsActive(c.participation.Status)
}

// activeUntil returns the time from which on the record is not active, whatever its
// status: when it expires, or when its distribution ends. ok is false if there is no such
// time.
func (c *candidate) activeUntil() (until time.Time, ok bool) {
	if expiresAt := c.expiresAt(); expiresAt != nil {
		until, ok = consumer.NormalizeTime(*expiresAt), true
	}
	if c.isEndedByDistribution() {
		if endedAt := consumer.NormalizeTime(*c.distribution.EndedAt); !ok || endedAt.Before(until) {
			until, ok = endedAt, true
		}
	}
	return until, ok
}

// isEndedByDistribution reports whether the end of its distribution, past or future, ends
// the record.
func (c *candidate) isEndedByDistribution() bool {
	return c.distribution != nil && c.distribution.EndedAt != nil && !c.winner && !c.participation.Admitting()
}

// position returns the place in a queue. ok is false if it is not known.
func (c *candidate) position() (n int64, ok bool) {
	p, d := c.participation, c.distribution
	if p.Ticket != nil && p.Status == consumer.StatusQueued && d != nil && d.Serving != nil {
		return max(0, *p.Ticket-*d.Serving-1), true
	}
	if p.Position == nil {
		return 0, false
	}
	return *p.Position, true
}

// setStage sets stage and since of an active participation or a live admission.
func (c *candidate) setStage() {
	switch p := c.participation; {
	case p == nil || p.Admitting():
		c.stage = admitted
	case p.Type == consumer.Waitlist:
		c.stage = waiting
	default:
		c.stage = participating
	}
	switch p := c.participation; {
	case p == nil:
		c.since = consumer.NormalizeTime(c.admission.AdmittedAt)
	case c.stage == admitted && p.AdmittedAt != nil:
		c.since = consumer.NormalizeTime(*p.AdmittedAt)
	default:
		c.since = consumer.NormalizeTime(p.EnteredAt)
	}
}

// token returns the token that opens the checkout, or "" in a stage other than admitted.
func (c *candidate) token() string {
	switch {
	case c.stage != admitted:
		return ""
	case c.admission != nil:
		return c.admission.AdmissionToken
	}
	return *c.participation.AdmissionToken
}

// compareSequence orders candidates by the byte order of their sequences, then by
// compareLead.
func (c *candidate) compareSequence(d *candidate) int {
	if order := c.sequence().compare(d.sequence()); order != 0 {
		return order
	}
	return c.compareLead(d)
}

// compareLead orders the candidates of one sequence, the leader first: by stage, then the
// latest time first, then by type, then by the byte order of the id.
func (c *candidate) compareLead(d *candidate) int {
	if order := c.compareFreshness(d); order != 0 {
		return order
	}
	return c.compareDistribution(d)
}

// compareJourney orders the leaders of different sequences: by stage, then the latest
// time first, then by the byte order of the experience id and of the sequence id.
func (c *candidate) compareJourney(d *candidate) int {
	if order := c.compareFreshness(d); order != 0 {
		return order
	}
	return c.sequence().compare(d.sequence())
}

// compareFreshness orders candidates by stage, then the latest time first.
func (c *candidate) compareFreshness(d *candidate) int {
	if c.stage != d.stage {
		return cmp.Compare(c.stage, d.stage)
	}
	return d.since.Compare(c.since)
}

// compareDistribution orders candidates by type, then by the byte order of the id.
func (c *candidate) compareDistribution(d *candidate) int {
	return c.compareTo(d.order, d.id())
}

// compareTo compares the distribution of the candidate with another one.
func (c *candidate) compareTo(order uint8, id string) int {
	if c.order != order {
		return cmp.Compare(c.order, order)
	}
	return cmp.Compare(c.id(), id)
}

// compareID orders candidates by the byte order of the id, then by compareLead.
func (c *candidate) compareID(d *candidate) int {
	if order := cmp.Compare(c.id(), d.id()); order != 0 {
		return order
	}
	return c.compareLead(d)
}

func (k sequenceKey) compare(l sequenceKey) int {
	if order := cmp.Compare(k.experienceID, l.experienceID); order != 0 {
		return order
	}
	return cmp.Compare(k.sequenceID, l.sequenceID)
}
