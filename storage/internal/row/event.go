package row

import (
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/rejoinhq/rejoin/consumer"
	"github.com/rejoinhq/rejoin/consumer/event"
)

// The subject of an event is the participation that it is about, or else an order or a
// profile. A purge deletes events by their subject.
const (
	// OrderSubject is the subject type of events about orders.
	OrderSubject = "order"
	// ProfileSubject is the subject type of events about profiles.
	ProfileSubject = "profile"
)

// Event is one event as its table holds it.
type Event struct {
	OrganizationID string
	ID             string
	// ConsumerID is empty if the event is about an auction itself.
	ConsumerID string
	// SubjectType is the type of a participation, OrderSubject or ProfileSubject.
	SubjectType string
	SubjectID   string
	// Record is the event's JSON without spaces. It is nil if only the id matters, because
	// the event has no effect other than that its id is known.
	Record *string
}

// NewEvent returns the row of an event that [event.Event.Prepare] returned, about a
// consumer, which may be the one that the event's consumer was merged into.
func NewEvent(e event.Event, consumerID string) (Event, error) {
	r := Event{
		OrganizationID: e.OrganizationID, ID: e.ID, ConsumerID: consumerID,
		SubjectType: subjectType(e), SubjectID: e.SubjectID,
	}
	if e.Type == event.AuctionSettled || e.Type == event.ConsumerCreated && consumerID != e.ConsumerID {
		return r, nil
	}
	text, err := json.Marshal(e)
	if err != nil {
		return Event{}, err
	}
	r.Record = new(string(text))
	return r, nil
}

func subjectType(e event.Event) string {
	if kind, _, ok := e.Participation(); ok {
		return string(kind)
	}
	switch e.Type {
	case event.AuctionSettled:
		return string(consumer.Auction)
	case event.ConsumerCreated:
		return ProfileSubject
	}
	return OrderSubject
}

// Folded returns the rows that follow from the events of one consumer, which a column
// aggregates with a Separator. Their columns are those of folded records.
func Folded(key consumer.Key, column string) (Rows, error) {
	events, err := parseEvents(column)
	if err != nil {
		return Rows{}, err
	}
	records := event.Fold(key, events)
	var rows Rows
	if records.Profile != nil {
		rows.Consumers = []Row{fromConsumer(*records.Profile)}
	}
	for _, p := range records.Participations {
		rows.Participations = append(rows.Participations, fromParticipation(p))
	}
	return rows, nil
}

// Affected returns those of the folded rows that an event can have changed.
func (r Rows) Affected(e event.Event) Rows {
	kind, id, ok := e.Participation()
	switch {
	case ok:
		is := func(p Row) bool { return p.Type == string(kind) && p.ID == id }
		return Rows{Participations: slices.DeleteFunc(slices.Clone(r.Participations), func(p Row) bool { return !is(p) })}
	case e.Type == event.ConsumerCreated:
		return Rows{Consumers: r.Consumers}
	default:
		return Rows{Participations: r.Participations}
	}
}

// FoldedDistribution returns the row that an [event.AuctionSettled] event gives.
func FoldedDistribution(e event.Event) (Row, bool) {
	d, ok := e.Distribution()
	if !ok {
		return Row{}, false
	}
	return fromDistribution(d), true
}

func parseEvents(column string) ([]event.Event, error) {
	if column == "" {
		return nil, nil
	}
	n := 1 + strings.Count(column, Separator)
	events, fields := make([]event.Event, n), make([]eventFields, n)
	for i := range events {
		line, rest, _ := strings.Cut(column, Separator)
		if err := decode(line, &events[i], &fields[i], parseEvent); err != nil {
			return nil, err
		}
		column = rest
	}
	return events, nil
}

type eventFields struct {
	enteredAt, expiresAt               time.Time
	position                           int64
	denyReason, email, phone, fullName string
}

func parseEvent(text string, e *event.Event, f *eventFields) bool {
	p := parser{rest: text}
	e.ID = p.text(`{"id":`)
	e.Type = event.Type(p.text(`,"type":`))
	e.At = p.time(`,"at":`)
	e.SubjectID = given(&p, `,"subjectId":`)
	e.ExperienceID = given(&p, `,"experienceId":`)
	e.SequenceID = given(&p, `,"sequenceId":`)
	e.EnteredAt = optional(&p, `,"enteredAt":`, &f.enteredAt, (*parser).time)
	e.Position = optional(&p, `,"position":`, &f.position, (*parser).count)
	e.Token = given(&p, `,"token":`)
	e.ExpiresAt = optional(&p, `,"expiresAt":`, &f.expiresAt, (*parser).time)
	e.DenyReason = optional(&p, `,"denyReason":`, &f.denyReason, (*parser).text)
	e.BidID = given(&p, `,"bidId":`)
	e.BidAmount = consumer.Amount(given(&p, `,"bidAmount":`))
	const highestBid = `,"highestBid":true`
	if strings.HasPrefix(p.rest, highestBid) {
		e.HighestBid = true
		p.skip(highestBid)
	}
	e.Email = optional(&p, `,"email":`, &f.email, (*parser).text)
	e.Phone = optional(&p, `,"phone":`, &f.phone, (*parser).text)
	e.FullName = optional(&p, `,"fullName":`, &f.fullName, (*parser).text)
	return p.end()
}

// given reads a string if the record has it.
func given(p *parser, name string) string {
	if !strings.HasPrefix(p.rest, name) {
		return ""
	}
	return p.text(name)
}
