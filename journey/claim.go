package journey

import (
	"cmp"
	"time"

	"github.com/rejoinhq/rejoin/consumer"
)

// stage is what a claim puts its sequence in, the strongest first.
type stage uint8

const (
	admitted stage = iota
	participating
	waiting
)

// claim is one record's claim to lead the journey of its sequence: an active
// participation, or a live admission that no participation carries. It is small and
// knows the rest from the record, because an answer makes one of each record.
type claim struct {
	// One of the two is the record, the other is nil. It is the caller's: nothing here
	// writes to it.
	participation *consumer.Participation
	admission     *consumer.Admission
	// moment is the one by which the claim leads.
	moment moment
	stage  stage
	// order is that of the type.
	order uint8
}

type sequenceKey struct{ experienceID, sequenceID string }

func participationClaim(p *consumer.Participation) claim {
	return claim{participation: p, order: uint8(p.Type.Order())}
}

func admissionClaim(a *consumer.Admission) claim {
	return claim{admission: a, order: uint8(a.DistributionType.Order())}
}

func (c *claim) sequence() sequenceKey {
	if c.admission != nil {
		return sequenceKey{c.admission.ExperienceID, c.admission.SequenceID}
	}
	return sequenceKey{c.participation.ExperienceID, c.participation.SequenceID}
}

// kind and id name the distribution.

func (c *claim) kind() consumer.DistributionType {
	if c.admission != nil {
		return c.admission.DistributionType
	}
	return c.participation.Type
}

func (c *claim) id() string {
	if c.admission != nil {
		return c.admission.DistributionID
	}
	return c.participation.ID
}

// expiresAt is when the record expires, or nil.
func (c *claim) expiresAt() *time.Time {
	if c.admission != nil {
		return c.admission.ExpiresAt
	}
	return c.participation.ExpiresAt
}

// version decides between records of the same key.
func (c *claim) version() consumer.Version {
	if c.admission != nil {
		return c.admission.Normalized().Version()
	}
	return c.participation.Normalized().Version()
}

// showsAt reports whether the record is an active participation or a live admission
// at a moment.
func (c *claim) showsAt(now time.Time) bool {
	if expiresAt := c.expiresAt(); expiresAt != nil && !kept(*expiresAt).After(now) {
		return false
	}
	if c.admission != nil {
		return c.admission.LiveAt(now)
	}
	return c.participation.ActiveAt(now)
}

// setStage decides what an active participation or a live admission claims.
func (c *claim) setStage() {
	switch p := c.participation; {
	case p == nil || p.Admitting():
		c.stage = admitted
	case p.Type == consumer.Waitlist:
		c.stage = waiting
	default:
		c.stage = participating
	}
	c.moment = momentOf(c.leadsBy())
}

// leadsBy is the time by which a claim leads, as it was recorded: that of the
// admission with stage admitted, if there is one.
func (c *claim) leadsBy() time.Time {
	switch p := c.participation; {
	case p == nil:
		return c.admission.AdmittedAt
	case c.stage == admitted && p.AdmittedAt != nil:
		return *p.AdmittedAt
	default:
		return p.EnteredAt
	}
}

// token opens the checkout, with stage admitted only.
func (c *claim) token() string {
	switch {
	case c.stage != admitted:
		return ""
	case c.admission != nil:
		return c.admission.AdmissionToken
	}
	return *c.participation.AdmissionToken
}

// compareSequence orders claims by their sequence in byte order, those of a sequence
// by how they lead.
func (c *claim) compareSequence(d *claim) int {
	if order := c.sequence().compare(d.sequence()); order != 0 {
		return order
	}
	return c.compareLead(d)
}

// compareLead orders claims by how they lead: the stronger stage, then the latest
// moment, then the type, then the id in byte order.
func (c *claim) compareLead(d *claim) int {
	if order := c.compareFreshness(d); order != 0 {
		return order
	}
	return c.compareDistribution(d)
}

// compareJourney orders the leaders of their sequences: admitted ones first, then
// participating ones, then waitlists; within each the latest moment first, then by
// experience and sequence id.
func (c *claim) compareJourney(d *claim) int {
	if order := c.compareFreshness(d); order != 0 {
		return order
	}
	return c.sequence().compare(d.sequence())
}

// compareFreshness orders claims by stage, then by moment, the latest first.
func (c *claim) compareFreshness(d *claim) int {
	if c.stage != d.stage {
		return cmp.Compare(c.stage, d.stage)
	}
	return d.moment.compare(c.moment)
}

// compareDistribution orders claims by type, then by id in byte order.
func (c *claim) compareDistribution(d *claim) int {
	if c.order != d.order {
		return cmp.Compare(c.order, d.order)
	}
	return cmp.Compare(c.id(), d.id())
}

// compareID orders claims by id in byte order, those of one id by how they lead.
func (c *claim) compareID(d *claim) int {
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
