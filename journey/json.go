package journey

import (
	"slices"

	"github.com/rejoinhq/rejoin/consumer"
)

// AppendJSON appends the seed's ActiveParticipations and returns the extended slice:
// the bytes that go-json-experiment/json makes of [View.Active] with Deterministic,
// maps in the byte order of their keys, on one line. Equal documents are equal bytes,
// so an ETag may rest on them.
//
// It never fails, also where Marshal does, because one bad record must not spoil a
// document: a byte that is not UTF-8 becomes U+FFFD, and a time outside of the years
// 0 to 9999 is no value, null or left out. No valid record has either.
func (v View) AppendJSON(dst []byte) []byte {
	dst = slices.Grow(dst, v.sizeHint())
	dst = v.appendExperiences(append(dst, `{"experiences":{`...))
	dst, rest := appendStates(append(dst, `},"queues":{`...), consumer.Queue, v.participations)
	dst, rest = appendStates(append(dst, `},"draws":{`...), consumer.Draw, rest)
	dst, rest = appendStates(append(dst, `},"auctions":{`...), consumer.Auction, rest)
	dst, _ = appendStates(append(dst, `},"timedReleases":{`...), consumer.TimedRelease, rest)
	dst = v.appendAdmissions(append(dst, `},"admissions":{`...))
	dst = v.appendJourneys(append(dst, `},"journeys":[`...))
	return append(dst, `]}`...)
}

// MarshalJSON returns the JSON of [View.AppendJSON]. It never fails.
func (v View) MarshalJSON() ([]byte, error) { return v.AppendJSON(nil), nil }

// sizeHint is about how long the JSON becomes, rather more than less, so that nothing
// is copied because it grew, and little is left over. It counts the names and the usual
// statuses of each kind of object, and a time as 20 letters.
func (v View) sizeHint() int {
	hint := 110
	for _, c := range v.participations {
		p := c.participation
		size := stateSize(p)
		hint += size + len(p.SequenceID) + 24 // its node
		if p.Type != consumer.Waitlist {
			hint += size + len(p.ID) // its place in the map
		}
	}
	for _, c := range v.admissions {
		hint += len(c.id()) + 4 + c.admissionSize()
	}
	for _, leader := range v.leaders {
		sequence := leader.sequence()
		// The experience and the sequence are named by the node as well.
		hint += 180 + 2*(len(sequence.experienceID)+len(sequence.sequenceID)) + len(leader.id())
		if leader.stage == admitted {
			hint += 33 + len(leader.token()) + leader.admissionSize()
		}
	}
	return hint
}

func stateSize(p *consumer.Participation) int {
	size := 80 + len(p.ID)
	if p.Type == consumer.Auction {
		size += 80
	}
	if p.AdmittedAt != nil {
		size += 36
	}
	if p.AdmissionToken != nil {
		size += 20 + len(*p.AdmissionToken)
	}
	if p.ExpiresAt != nil {
		size += 36
	}
	return size
}

func (c *claim) admissionSize() int {
	sequence := c.sequence()
	size := 145 + len(c.id()) + len(sequence.experienceID) + len(sequence.sequenceID) + len(c.token())
	if c.expiresAt() != nil {
		size += 36
	}
	return size
}

func (v View) appendExperiences(dst []byte) []byte {
	experienceID, open := "", false
	for rest := v.sequences; len(rest) > 0; {
		var n node
		var ok bool
		if n, ok, rest = nextNode(rest); !ok {
			continue
		}
		if !open || n.sequence.experienceID != experienceID {
			if open {
				dst = append(dst, `}},`...)
			}
			experienceID, open = n.sequence.experienceID, true
			dst = append(appendString(dst, experienceID), `:{"sequences":{`...)
		}
		dst = appendNode(append(appendString(appendComma(dst), n.sequence.sequenceID), ':'), &n)
	}
	if open {
		dst = append(dst, `}}`...)
	}
	return dst
}

func appendNode(dst []byte, n *node) []byte {
	dst = append(dst, '{')
	if p := n.leading[consumer.Waitlist.Order()]; p != nil {
		dst = appendState(append(dst, `"waitlist":`...), p, true)
	}
	if p := n.leading[consumer.Queue.Order()]; p != nil {
		dst = appendState(append(appendComma(dst), `"queue":`...), p, true)
	}
	if p := n.leading[consumer.Draw.Order()]; p != nil {
		dst = appendState(append(appendComma(dst), `"draw":`...), p, true)
	}
	if p := n.leading[consumer.Auction.Order()]; p != nil {
		dst = appendState(append(appendComma(dst), `"auction":`...), p, true)
	}
	if p := n.leading[consumer.TimedRelease.Order()]; p != nil {
		dst = appendState(append(appendComma(dst), `"timedRelease":`...), p, true)
	}
	return append(dst, '}')
}

// appendStates appends the participations of one type, and returns those behind them.
func appendStates(dst []byte, kind consumer.DistributionType, all []*claim) ([]byte, []*claim) {
	for i, c := range all {
		if c.participation.Type != kind {
			return dst, all[i:]
		}
		dst = append(appendString(appendComma(dst), c.participation.ID), ':')
		dst = appendState(dst, c.participation, false)
	}
	return dst, nil
}

// appendState appends a state of a map, or what a sequence's node shows of it: with
// the id of the sequence, and without a position.
func appendState(dst []byte, p *consumer.Participation, inNode bool) []byte {
	switch p.Type {
	case consumer.Queue:
		dst = appendIDs(append(dst, `{"queueId":`...), p, inNode)
		if !inNode {
			dst = appendInt(append(dst, `,"position":`...), p.Position)
		}
		dst = appendTime(append(dst, `,"enteredAt":`...), p.EnteredAt)
		dst = appendOptionalTime(dst, `,"admittedAt":`, p.AdmittedAt)
		dst = appendOptionalString(dst, `,"admissionToken":`, p.AdmissionToken)
	case consumer.Draw:
		dst = appendIDs(append(dst, `{"drawId":`...), p, inNode)
		dst = appendTime(append(dst, `,"enteredAt":`...), p.EnteredAt)
		dst = appendOptionalTime(dst, `,"wonAt":`, p.AdmittedAt)
		dst = appendOptionalString(dst, `,"admissionToken":`, p.AdmissionToken)
	case consumer.Auction:
		dst = appendIDs(append(dst, `{"auctionId":`...), p, inNode)
		dst = appendTime(append(dst, `,"enteredAt":`...), p.EnteredAt)
		dst = appendBids(dst, p)
		dst = appendOptionalTime(dst, `,"wonAt":`, p.AdmittedAt)
		dst = appendOptionalString(dst, `,"paymentToken":`, p.AdmissionToken)
	case consumer.TimedRelease:
		dst = appendIDs(append(dst, `{"timedReleaseId":`...), p, inNode)
		dst = appendTime(append(dst, `,"enteredAt":`...), p.EnteredAt)
		dst = appendOptionalString(dst, `,"selectedVariantId":`, p.SelectedVariantID)
		dst = appendOptionalTime(dst, `,"admittedAt":`, p.AdmittedAt)
		dst = appendOptionalString(dst, `,"admissionToken":`, p.AdmissionToken)
	case consumer.Waitlist:
		dst = appendIDs(append(dst, `{"waitlistId":`...), p, inNode)
		dst = appendTime(append(dst, `,"enteredAt":`...), p.EnteredAt)
		return append(dst, '}')
	}
	dst = appendOptionalTime(dst, `,"expiresAt":`, p.ExpiresAt)
	return append(dst, '}')
}

func appendIDs(dst []byte, p *consumer.Participation, inNode bool) []byte {
	dst = appendString(dst, p.ID)
	if inNode {
		dst = appendString(append(dst, `,"sequenceId":`...), p.SequenceID)
	}
	return appendString(append(dst, `,"status":`...), string(p.Status))
}

func appendBids(dst []byte, p *consumer.Participation) []byte {
	dst = appendAmount(append(dst, `,"lastBidAmount":`...), p.LastBidAmount)
	dst = append(dst, `,"lastBidTime":`...)
	if p.LastBidTime != nil {
		dst = appendTime(dst, *p.LastBidTime)
	} else {
		dst = append(dst, "null"...)
	}
	return appendInt(append(dst, `,"bidCount":`...), new(value(p.BidCount)))
}

func (v View) appendAdmissions(dst []byte) []byte {
	for i, c := range v.admissions {
		// Where two types share a distribution id, the one that leads shows.
		if id := c.admission.DistributionID; i == 0 || id != v.admissions[i-1].admission.DistributionID {
			dst = append(appendString(appendComma(dst), id), ':')
			dst = appendAdmission(dst, c)
		}
	}
	return dst
}

func appendAdmission(dst []byte, c *claim) []byte {
	sequence := c.sequence()
	dst = appendString(append(dst, `{"distributionType":`...), string(c.kind()))
	dst = appendString(append(dst, `,"distributionId":`...), c.id())
	dst = appendString(append(dst, `,"experienceId":`...), sequence.experienceID)
	dst = appendString(append(dst, `,"sequenceId":`...), sequence.sequenceID)
	dst = appendString(append(dst, `,"admissionToken":`...), c.token())
	dst = appendTime(append(dst, `,"admittedAt":`...), c.leadsBy())
	dst = appendOptionalTime(dst, `,"expiresAt":`, c.expiresAt())
	return append(dst, '}')
}

func (v View) appendJourneys(dst []byte) []byte {
	for _, leader := range v.leaders {
		sequence := leader.sequence()
		dst = appendString(append(appendComma(dst), `{"experienceId":`...), sequence.experienceID)
		dst = appendString(append(dst, `,"sequenceId":`...), sequence.sequenceID)
		dst = appendString(append(dst, `,"journeyStage":`...), string(leader.stage.ofJourney()))
		dst = appendString(append(dst, `,"sequenceStage":`...), string(leader.stage.ofSequence()))
		dst = appendString(append(dst, `,"participation":{"type":`...), string(leader.kind()))
		dst = appendString(append(dst, `,"id":`...), leader.id())
		dst = appendString(append(dst, `,"status":`...), string(v.status(leader)))
		if leader.stage == admitted {
			dst = appendString(append(dst, `,"admissionToken":`...), leader.token())
			dst = appendAdmission(append(dst, `},"admission":`...), leader)
		} else {
			dst = append(dst, '}')
		}
		dst = append(dst, '}')
	}
	return dst
}
