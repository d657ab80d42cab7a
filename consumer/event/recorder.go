package event

import (
	"context"
	"errors"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/rejoinhq/rejoin/consumer"
)

// Recorder is the role of a store that records events and updates the records that follow
// from them. Find it with a type assertion, or take it as an option.
//
// The records that follow from events are kept next to those that [consumer.Writer] wrote.
// For each profile, participation and distribution, the one with the later UpdatedAt
// counts, and at equal times the written one. The methods of [consumer.Reader] and
// [consumer.Lifecycle] return the record that counts. So any permutation of the same events
// and writes, with any duplicates and through any number of stores on one database, leads
// to the same documents.
//
// All methods are safe for concurrent use and honor ctx, as those of [consumer.Store].
type Recorder interface {
	// RecordEvent stores the event and updates the records that follow from all events about
	// its consumer, or about its auction, in one transaction. The event is durable when
	// RecordEvent returns.
	//
	// An event about a guest that was merged into another consumer is about that consumer.
	// The profile that a [ConsumerCreated] event gives to such a guest has no effect, whether
	// the event came before the merge or after it.
	//
	// RecordEvent returns [Ignored] if the type of the event is not known or its consumer was
	// erased, and stores nothing. It returns [Duplicate] and changes nothing if the
	// organization has an event with that id, whatever that one says. Otherwise it returns
	// [Applied], even if the event comes too late to change a record.
	//
	// RecordEvent returns a [*consumer.ValidationError] if [Event.Prepare] does.
	RecordEvent(ctx context.Context, e Event) (Result, error)
}

// Result is what [Recorder.RecordEvent] did with an event.
type Result string

const (
	// Applied means that the event is stored.
	Applied Result = "applied"
	// Duplicate means that an event with the same id was stored before.
	Duplicate Result = "duplicate"
	// Ignored means that the event concerns no record.
	Ignored Result = "ignored"
)

// Prepare validates an event and returns it as a store keeps it: in UTC and whole
// microseconds. It does not modify what the event points to.
//
// Prepare returns [ErrIgnored] if the type is not known, and a [*consumer.ValidationError]
// that names every field that [Parse] requires and the event lacks, or that is invalid, by
// its name in the data of the event's type, such as data.queueId. It is for implementations
// of [Recorder].
func (e Event) Prepare() (Event, error) {
	e.At = consumer.NormalizeTime(e.At)
	e.EnteredAt, e.ExpiresAt = normalize(e.EnteredAt), normalize(e.ExpiresAt)
	shape, known := shapes[e.Type]
	v := validation{}
	v.check("id", consumer.ValidID(e.ID), messageID)
	v.check("organizationId", consumer.ValidID(e.OrganizationID), messageID)
	if !known {
		if e.Type == "" {
			v.check("type", false, messageText)
		}
		return e, v.or(ErrIgnored)
	}
	if !shape.withoutConsumer {
		v.check("data.consumerId", consumer.ValidID(e.ConsumerID) && e.ConsumerID != "me", messageID)
	}
	if shape.id != "" {
		v.check("data."+shape.id, consumer.ValidID(e.SubjectID), messageID)
	}
	if !shape.withoutSequence {
		v.check("data.experienceId", consumer.ValidID(e.ExperienceID), messageID)
		v.check("data.sequenceId", consumer.ValidID(e.SequenceID), messageID)
	}
	v.check("data."+shape.moment, validMoment(e.At), messageMoment)
	if shape.token != "" {
		v.check("data."+shape.token, validText(e.Token), messageText)
		v.checkMoment("data.expiresAt", e.ExpiresAt)
	}
	switch e.Type {
	case QueueEntered:
		v.check("data.position", e.Position == nil || 0 <= *e.Position && *e.Position <= maxCount, messageCount)
	case QueueAdmitted:
		v.checkMoment("data.enteredAt", e.EnteredAt)
	case QueueDenied:
		v.check("data.reason", e.DenyReason == nil || validText(*e.DenyReason), messageText)
	case BidPlaced:
		v.check("data.bidId", consumer.ValidID(e.BidID), messageID)
		v.check("data.bidAmount", e.BidAmount.Valid(), messageAmount)
	case AuctionSettled:
		v.check("data.winnerId", e.WinnerID == nil || consumer.ValidID(*e.WinnerID) && *e.WinnerID != "me", messageID)
	case ConsumerCreated:
		v.checkProfile(e.profile())
	}
	return e, v.or(nil)
}

// Distribution returns the record of the auction that an [AuctionSettled] event gives. It
// reports false for every other event.
func (e Event) Distribution() (consumer.Distribution, bool) {
	if e.Type != AuctionSettled {
		return consumer.Distribution{}, false
	}
	return consumer.Distribution{
		OrganizationID: e.OrganizationID, Type: consumer.Auction, ID: e.SubjectID,
		EndedAt: new(e.At), WinnerID: e.WinnerID, UpdatedAt: e.At,
	}, true
}

// Participation returns the type and id of the participation that the event is about. It
// reports false for orders, profiles and [AuctionSettled].
func (e Event) Participation() (kind consumer.DistributionType, id string, ok bool) {
	shape := shapes[e.Type]
	if shape.distribution == "" || shape.withoutConsumer {
		return "", "", false
	}
	return shape.distribution, e.SubjectID, true
}

// validation collects invalid fields.
type validation struct{ fields []consumer.FieldError }

func (v *validation) check(field string, valid bool, message string) {
	if !valid {
		v.fields = append(v.fields, consumer.FieldError{Field: field, Message: message})
	}
}

func (v *validation) checkMoment(field string, t *time.Time) {
	v.check(field, t == nil || validMoment(*t), messageMoment)
}

// checkProfile checks the fields that a [ConsumerCreated] event gives.
func (v *validation) checkProfile(profile consumer.Consumer) {
	valid := time.Unix(0, 0)
	profile.OrganizationID, profile.ID, profile.CreatedAt, profile.UpdatedAt = "o", "c", valid, valid
	var invalid *consumer.ValidationError
	if errors.As(profile.Validate(), &invalid) {
		for _, f := range invalid.Fields {
			v.check("data."+f.Field, false, f.Message)
		}
	}
}

// or returns the error that names the invalid fields, or err if there are none.
func (v *validation) or(err error) error {
	if len(v.fields) > 0 {
		return &consumer.ValidationError{Fields: v.fields}
	}
	return err
}

func validText(s string) bool {
	return s != "" && utf8.ValidString(s) && !strings.Contains(s, "\x00")
}

func validMoment(t time.Time) bool { return !t.IsZero() && 1 <= t.Year() && t.Year() <= 9999 }

func normalize(t *time.Time) *time.Time {
	if t == nil {
		return nil
	}
	return new(consumer.NormalizeTime(*t))
}
