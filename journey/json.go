package journey

import (
	"slices"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/rejoinhq/rejoin/consumer"
)

// AppendConsumer appends the JSON of the API documentation's Consumer, the response to
// GET {prefix}/{id}, and returns the extended slice.
func AppendConsumer(dst []byte, c consumer.Consumer) []byte {
	return append(appendProfile(append(dst, '{'), c), '}')
}

// AppendJSON appends the JSON of the API documentation's ActiveParticipations, on one line
// and with maps in the byte order of their keys, and returns the extended slice. Equal
// documents have equal bytes, so an ETag can be a hash of them.
//
// One invalid record must not spoil a document, so AppendJSON never fails: it replaces
// bytes that are not UTF-8 with U+FFFD, and a time outside of the years 0 to 9999 with
// null or leaves it out. No valid record has either. [AppendConsumer] does the same.
func (a Active) AppendJSON(dst []byte) []byte {
	dst = slices.Grow(dst, a.sizeHint())
	dst = a.appendExperiences(append(dst, `{"experiences":{`...))
	dst, rest := appendStates(append(dst, `},"queues":{`...), consumer.Queue, a.participations)
	dst, rest = appendStates(append(dst, `},"draws":{`...), consumer.Draw, rest)
	dst, rest = appendStates(append(dst, `},"auctions":{`...), consumer.Auction, rest)
	dst, _ = appendStates(append(dst, `},"timedReleases":{`...), consumer.TimedRelease, rest)
	dst = a.appendAdmissions(append(dst, `},"admissions":{`...))
	dst = a.appendJourneys(append(dst, `},"journeys":[`...))
	return append(dst, `]}`...)
}

// MarshalJSON returns the JSON of [Active.AppendJSON] and a nil error.
func (a Active) MarshalJSON() ([]byte, error) { return a.AppendJSON(nil), nil }

// sizeHint estimates the length of the JSON, rather too high than too low, so that one
// allocation suffices and little of it is unused. It counts the names and the usual
// statuses of each kind of object, and 20 bytes for a time.
func (a Active) sizeHint() int {
	hint := 110
	for _, c := range a.participations {
		p := c.participation
		size := stateSize(p)
		hint += size + len(p.SequenceID) + 24 // its node
		if p.Type != consumer.Waitlist {
			hint += size + len(p.ID) // its place in the map
		}
	}
	for _, c := range a.admissions {
		hint += len(c.id()) + 4 + c.admissionSize()
	}
	for _, leader := range a.leaders {
		sequence := leader.sequence()
		// The node has the ids of the experience and the sequence too.
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

func (c *candidate) admissionSize() int {
	sequence := c.sequence()
	size := 145 + len(c.id()) + len(sequence.experienceID) + len(sequence.sequenceID) + len(c.token())
	if c.expiresAt() != nil {
		size += 36
	}
	return size
}

func (a Active) appendExperiences(dst []byte) []byte {
	experienceID, open := "", false
	for rest := a.sequences; len(rest) > 0; {
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
	if c := n.leading[consumer.Waitlist.Order()]; c != nil {
		dst = appendState(append(dst, `"waitlist":`...), c, true)
	}
	if c := n.leading[consumer.Queue.Order()]; c != nil {
		dst = appendState(append(appendComma(dst), `"queue":`...), c, true)
	}
	if c := n.leading[consumer.Draw.Order()]; c != nil {
		dst = appendState(append(appendComma(dst), `"draw":`...), c, true)
	}
	if c := n.leading[consumer.Auction.Order()]; c != nil {
		dst = appendState(append(appendComma(dst), `"auction":`...), c, true)
	}
	if c := n.leading[consumer.TimedRelease.Order()]; c != nil {
		dst = appendState(append(appendComma(dst), `"timedRelease":`...), c, true)
	}
	return append(dst, '}')
}

// appendStates appends the participations of one type at the front of all, and returns the
// remaining ones.
func appendStates(dst []byte, kind consumer.DistributionType, all []*candidate) ([]byte, []*candidate) {
	for i, c := range all {
		if c.participation.Type != kind {
			return dst, all[i:]
		}
		dst = append(appendString(appendComma(dst), c.participation.ID), ':')
		dst = appendState(dst, c, false)
	}
	return dst, nil
}

// appendState appends the state of a participation as in a map or, if inNode is true, as in
// the node of its sequence: with the id of the sequence and without a position.
func appendState(dst []byte, c *candidate, inNode bool) []byte {
	p := c.participation
	switch p.Type {
	case consumer.Queue:
		dst = appendIDs(append(dst, `{"queueId":`...), p, inNode)
		if !inNode {
			dst = appendPosition(append(dst, `,"position":`...), c)
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

func appendPosition(dst []byte, c *candidate) []byte {
	n, ok := c.position()
	if !ok {
		return append(dst, "null"...)
	}
	return strconv.AppendInt(dst, n, 10)
}

func appendBids(dst []byte, p *consumer.Participation) []byte {
	dst = appendAmount(append(dst, `,"lastBidAmount":`...), p.LastBidAmount)
	if p.LastBidTime != nil {
		dst = appendTime(append(dst, `,"lastBidTime":`...), *p.LastBidTime)
	} else {
		dst = append(dst, `,"lastBidTime":null`...)
	}
	return strconv.AppendInt(append(dst, `,"bidCount":`...), value(p.BidCount), 10)
}

func (a Active) appendAdmissions(dst []byte) []byte {
	for i, c := range a.admissions {
		// Of two types with the same id, the one that leads is shown.
		if i == 0 || c.id() != a.admissions[i-1].id() {
			dst = append(appendString(appendComma(dst), c.id()), ':')
			dst = appendAdmission(dst, c)
		}
	}
	return dst
}

func appendAdmission(dst []byte, c *candidate) []byte {
	sequence := c.sequence()
	dst = appendString(append(dst, `{"distributionType":`...), string(c.kind()))
	dst = appendString(append(dst, `,"distributionId":`...), c.id())
	dst = appendString(append(dst, `,"experienceId":`...), sequence.experienceID)
	dst = appendString(append(dst, `,"sequenceId":`...), sequence.sequenceID)
	dst = appendString(append(dst, `,"admissionToken":`...), c.token())
	dst = appendTime(append(dst, `,"admittedAt":`...), c.since)
	dst = appendOptionalTime(dst, `,"expiresAt":`, c.expiresAt())
	return append(dst, '}')
}

func (a Active) appendJourneys(dst []byte) []byte {
	for _, leader := range a.leaders {
		sequence := leader.sequence()
		dst = appendString(append(appendComma(dst), `{"experienceId":`...), sequence.experienceID)
		dst = appendString(append(dst, `,"sequenceId":`...), sequence.sequenceID)
		dst = appendString(append(dst, `,"journeyStage":`...), string(leader.stage.ofJourney()))
		dst = appendString(append(dst, `,"sequenceStage":`...), string(leader.stage.ofSequence()))
		dst = appendString(append(dst, `,"participation":{"type":`...), string(leader.kind()))
		dst = appendString(append(dst, `,"id":`...), leader.id())
		dst = appendString(append(dst, `,"status":`...), string(a.status(leader)))
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

// appendProfile appends the five fields of a profile that both endpoints show.
func appendProfile(dst []byte, c consumer.Consumer) []byte {
	dst = appendString(append(dst, `"id":`...), c.ID)
	dst = appendNullableString(append(dst, `,"email":`...), c.Email)
	dst = appendNullableString(append(dst, `,"phone":`...), c.Phone)
	dst = appendNullableString(append(dst, `,"fullName":`...), c.FullName)
	return appendTime(append(dst, `,"createdAt":`...), c.CreatedAt)
}

// appendComma appends a comma, unless an object or array was just opened.
func appendComma(dst []byte) []byte {
	if last := dst[len(dst)-1]; last == '{' || last == '[' {
		return dst
	}
	return append(dst, ',')
}

// appendString appends a string and escapes no more than JSON requires.
func appendString(dst []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c == '"' || c == '\\' || c >= utf8.RuneSelf {
			dst, _ = jsontext.AppendQuote(dst, s) // the error only says that it replaced bytes
			return dst
		}
	}
	dst = append(dst, '"')
	dst = append(dst, s...)
	return append(dst, '"')
}

func appendNullableString(dst []byte, s *string) []byte {
	if s == nil {
		return append(dst, "null"...)
	}
	return appendString(dst, *s)
}

func appendOptionalString(dst []byte, name string, s *string) []byte {
	if s == nil || *s == "" {
		return dst
	}
	return appendString(append(dst, name...), *s)
}

// appendTime appends a time, or null if RFC 3339 cannot express it.
func appendTime(dst []byte, t time.Time) []byte {
	text, err := consumer.NormalizeTime(t).AppendText(append(dst, '"'))
	if err != nil {
		return append(dst, "null"...)
	}
	return append(text, '"')
}

// appendOptionalTime appends nothing if RFC 3339 cannot express the time, or for the zero
// time, which no valid record has.
func appendOptionalTime(dst []byte, name string, t *time.Time) []byte {
	if t == nil || consumer.NormalizeTime(*t).IsZero() {
		return dst
	}
	text, err := consumer.NormalizeTime(*t).AppendText(append(append(dst, name...), '"'))
	if err != nil {
		return dst
	}
	return append(text, '"')
}

// appendAmount appends the digits unchanged, or null for an invalid amount.
func appendAmount(dst []byte, a *consumer.Amount) []byte {
	if a == nil || !a.Valid() {
		return append(dst, "null"...)
	}
	return append(dst, *a...)
}

// value returns what an optional value is shown as if it is unset: the zero value.
func value[V any](p *V) V {
	if p == nil {
		var zero V
		return zero
	}
	return *p
}
