package event

import (
	"time"

	"github.com/rejoinhq/rejoin/consumer"
)

// Event is one event, reduced to what [Fold] uses. Its JSON form is for storage and is
// not the form in which events are delivered: that one is for [Parse]. The JSON form
// leaves out the organization and the consumer, which change when consumers are merged,
// and the winner of an auction, which stores keep as a digest only.
//
// An Event holds what records hold: tokens, which are secret, and personal data.
type Event struct {
	OrganizationID string `json:"-"`
	// ConsumerID is empty for [AuctionSettled].
	ConsumerID string `json:"-"`

	// ID identifies the event within its organization.
	ID   string `json:"id"`
	Type Type   `json:"type"`
	// At is the moment that the type names, in UTC and whole microseconds.
	At time.Time `json:"at"`
	// SubjectID is the id of the distribution or order.
	SubjectID    string `json:"subjectId,omitzero"`
	ExperienceID string `json:"experienceId,omitzero"`
	SequenceID   string `json:"sequenceId,omitzero"`

	// EnteredAt is set when a QueueAdmitted event gives it.
	EnteredAt *time.Time `json:"enteredAt,omitzero"`
	// Position is set when a QueueEntered event gives it.
	Position *int64 `json:"position,omitzero"`
	// Token is the admission or payment token of an event that admits.
	Token string `json:"token,omitzero"`
	// ExpiresAt is set when an event that admits gives it.
	ExpiresAt *time.Time `json:"expiresAt,omitzero"`
	// DenyReason is set when a QueueDenied event gives it.
	DenyReason *string `json:"denyReason,omitzero"`

	// BidID, BidAmount and HighestBid belong to BidPlaced.
	BidID      string          `json:"bidId,omitzero"`
	BidAmount  consumer.Amount `json:"bidAmount,omitzero"`
	HighestBid bool            `json:"highestBid,omitzero"`

	// WinnerID is set when an AuctionSettled event gives it.
	WinnerID *string `json:"-"`

	// Email, Phone and FullName are set when a ConsumerCreated event gives them.
	Email    *string `json:"email,omitzero"`
	Phone    *string `json:"phone,omitzero"`
	FullName *string `json:"fullName,omitzero"`
}

// status returns the status that the event sets, or "" if it sets none.
func (e *Event) status() consumer.Status {
	if e.Type == BidPlaced && e.HighestBid {
		return consumer.StatusWinning
	}
	return shapes[e.Type].status
}

// admits reports whether the event sets a status that admits, with a token.
func (e *Event) admits() bool { return shapes[e.Type].token != "" }

// applyTo changes the fields that the type of the event names, except those of bids, which
// follow from all bids together. A participation without EnteredAt has not begun.
func (e *Event) applyTo(p *consumer.Participation) {
	if shapes[e.Type].begins {
		*p = consumer.Participation{OrganizationID: p.OrganizationID, ConsumerID: p.ConsumerID, Type: p.Type, ID: p.ID}
	}
	if p.EnteredAt.IsZero() {
		p.EnteredAt = e.At
	}
	p.ExperienceID, p.SequenceID = e.ExperienceID, e.SequenceID
	p.Status, p.UpdatedAt = e.status(), e.At
	switch {
	case e.admits():
		p.AdmittedAt, p.AdmissionToken, p.ExpiresAt = new(e.At), new(e.Token), e.ExpiresAt
	case p.Type.IsActive(p.Status):
		p.AdmittedAt, p.AdmissionToken, p.ExpiresAt = nil, nil, nil
	}
	switch e.Type {
	case QueueEntered:
		p.Position = e.Position
	case QueueAdmitted:
		p.Position = new(int64(0))
		if e.EnteredAt != nil {
			p.EnteredAt = *e.EnteredAt
		}
	case QueueDenied:
		p.DenyReason = e.DenyReason
	}
}

// profile returns the profile that a ConsumerCreated event gives.
func (e *Event) profile() consumer.Consumer {
	return consumer.Consumer{
		OrganizationID: e.OrganizationID, ID: e.ConsumerID,
		Email: e.Email, Phone: e.Phone, FullName: e.FullName,
		CreatedAt: e.At, UpdatedAt: e.At,
	}
}
