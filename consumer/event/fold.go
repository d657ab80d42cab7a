package event

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/rejoinhq/rejoin/consumer"
)

// Records are what a set of events says about one consumer.
type Records struct {
	// Profile is nil without a [ConsumerCreated] event.
	Profile *consumer.Consumer
	// Participations are in the byte order of their type, then of their id.
	Participations []consumer.Participation
}

// Fold returns the records of the consumer with the given key that follow from the events
// about that consumer. The events may be in any order and any of them may occur more than
// once. An event whose ConsumerID is a guest that was merged into the consumer counts as
// the consumer's, so Fold does not compare the ids. [AuctionSettled] events and events
// of an unknown type have no effect.
//
// The events take effect in the order of At, then of the status that they set, then of
// their ID. Events that set no status come first; statuses are in the order of the rows of
// their type, active before terminal. UpdatedAt of a participation is the moment of the
// last event that set its status.
//
// Fold does not modify events and is safe for concurrent use.
func Fold(key consumer.Key, events []Event) Records {
	f := fold{
		key:            key,
		orders:         make(map[string]sequence),
		participations: make(map[subject]*participation),
	}
	ordered := inOrder(events)
	for _, e := range ordered {
		if e.Type == OrderCreated {
			// Later ones replace earlier ones. A completion may precede its order.
			f.orders[e.SubjectID] = sequence{e.ExperienceID, e.SequenceID}
		}
	}
	for _, e := range ordered {
		f.apply(e)
	}
	return f.records()
}

// inOrder returns the events in the order in which they take effect, each of them once. If
// two different events have one ID, the one whose content sorts first remains, so that the
// result does not depend on the order of delivery.
func inOrder(events []Event) []*Event {
	ordered := make([]*Event, len(events))
	for i := range events {
		ordered[i] = &events[i]
	}
	slices.SortFunc(ordered, func(a, b *Event) int {
		return cmp.Or(strings.Compare(a.ID, b.ID), compareContent(a, b))
	})
	ordered = slices.CompactFunc(ordered, func(a, b *Event) bool { return a.ID == b.ID })
	ranks := make(ranks)
	slices.SortStableFunc(ordered, func(a, b *Event) int { // stable: equal moments and ranks stay in the order of IDs
		if c := a.At.Compare(b.At); c != 0 {
			return c
		}
		return cmp.Compare(ranks.of(a), ranks.of(b))
	})
	return ordered
}

// ranks holds the ranks that were computed, because a rank takes longer than the rest of a
// fold.
type ranks map[rankKey]int64

type rankKey struct {
	kind   consumer.DistributionType
	status consumer.Status
}

// of orders events of one moment by the status that they set. Statuses of different
// types are compared only with COMPLETED of an OrderCompleted event, which has the same
// place in every type: after all active statuses and before all other terminal ones.
func (r ranks) of(e *Event) int64 {
	key := rankKey{shapes[e.Type].distribution, e.status()}
	switch {
	case key.status == "":
		return -1
	case key.kind == "":
		return consumer.TerminalRank
	}
	rank, computed := r[key]
	if !computed {
		rank = consumer.Participation{Type: key.kind, Status: key.status}.Version().Rank
		r[key] = rank
	}
	return rank
}

// compareContent orders events of one ID by all that they say.
func compareContent(a, b *Event) int {
	return cmp.Or(
		a.At.Compare(b.At),
		cmp.Compare(a.Type, b.Type),
		cmp.Compare(a.SubjectID, b.SubjectID),
		cmp.Compare(a.ExperienceID, b.ExperienceID),
		cmp.Compare(a.SequenceID, b.SequenceID),
		comparePointers(a.EnteredAt, b.EnteredAt, time.Time.Compare),
		comparePointers(a.Position, b.Position, cmp.Compare[int64]),
		cmp.Compare(a.Token, b.Token),
		comparePointers(a.ExpiresAt, b.ExpiresAt, time.Time.Compare),
		comparePointers(a.DenyReason, b.DenyReason, cmp.Compare[string]),
		cmp.Compare(a.BidID, b.BidID),
		cmp.Compare(a.BidAmount, b.BidAmount),
		compareBools(a.HighestBid, b.HighestBid),
		comparePointers(a.Email, b.Email, cmp.Compare[string]),
		comparePointers(a.Phone, b.Phone, cmp.Compare[string]),
		comparePointers(a.FullName, b.FullName, cmp.Compare[string]),
	)
}

// comparePointers puts nil first.
func comparePointers[T any](a, b *T, compare func(T, T) int) int {
	if a == nil || b == nil {
		return compareBools(a != nil, b != nil)
	}
	return compare(*a, *b)
}

// compareBools puts false first.
func compareBools(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	}
	return 1
}

// sequence is where an order belongs.
type sequence struct{ experienceID, sequenceID string }

// subject names a participation of the consumer.
type subject struct {
	kind consumer.DistributionType
	id   string
}

// fold is the state between two events.
type fold struct {
	key            consumer.Key
	profile        *consumer.Consumer
	orders         map[string]sequence
	participations map[subject]*participation
}

// participation is a participation with all its bids by id.
type participation struct {
	consumer.Participation
	bids map[string]*Event
}

func (f *fold) apply(e *Event) {
	switch shape := shapes[e.Type]; {
	case e.Type == ConsumerCreated:
		profile := e.profile()
		profile.OrganizationID, profile.ID = f.key.OrganizationID, f.key.ConsumerID
		f.profile = &profile
	case e.Type == OrderCompleted:
		f.completeOrder(e)
	case shape.distribution != "" && !shape.withoutConsumer:
		p := f.participation(subject{shape.distribution, e.SubjectID})
		e.applyTo(&p.Participation)
		if e.Type == BidPlaced {
			p.bids[e.BidID] = e
		}
	}
}

func (f *fold) participation(s subject) *participation {
	p, known := f.participations[s]
	if !known {
		p = &participation{bids: make(map[string]*Event)}
		p.OrganizationID, p.ConsumerID, p.Type, p.ID = f.key.OrganizationID, f.key.ConsumerID, s.kind, s.id
		f.participations[s] = p
	}
	return p
}

// completeOrder completes every participation that admits to the sequence of the order.
func (f *fold) completeOrder(e *Event) {
	of, known := f.orders[e.SubjectID]
	if !known {
		return
	}
	for _, p := range f.participations {
		if p.Admitting() && of == (sequence{p.ExperienceID, p.SequenceID}) {
			p.Status, p.UpdatedAt = consumer.StatusCompleted, e.At
		}
	}
}

func (f *fold) records() Records {
	r := Records{Profile: f.profile}
	for _, p := range f.participations {
		p.setBids()
		r.Participations = append(r.Participations, p.Participation)
	}
	slices.SortFunc(r.Participations, func(a, b consumer.Participation) int {
		return cmp.Or(cmp.Compare(a.Type, b.Type), cmp.Compare(a.ID, b.ID))
	})
	return r
}

// setBids sets the fields that follow from all bids: the number of different bids, and the
// amount and time of the latest one.
func (p *participation) setBids() {
	if len(p.bids) == 0 {
		return
	}
	var latest *Event
	for _, bid := range p.bids {
		if latest == nil || cmp.Or(bid.At.Compare(latest.At), cmp.Compare(bid.BidID, latest.BidID)) > 0 {
			latest = bid
		}
	}
	p.LastBidAmount, p.LastBidTime = new(latest.BidAmount), new(latest.At)
	p.BidCount = new(int64(len(p.bids)))
}
