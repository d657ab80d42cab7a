package consumer

import "time"

// Participation is the part of one consumer in one distribution: a place in a queue, an
// entry in a draw, the bids in an auction, an entry in a timed release, or a place on a
// waitlist. There is at most one record per (organization, consumer, type, id).
//
// The JSON names and their order are those of the record format. The comments say which
// types an optional field is for; without one it is for all types.
type Participation struct {
	OrganizationID string `json:"-" validate:"id"`
	ConsumerID     string `json:"-" validate:"id,consumer_id"`

	Type DistributionType `json:"type"`
	// ID identifies the distribution: the queue, draw, auction, timed release or waitlist.
	ID           string    `json:"id" validate:"id"`
	ExperienceID string    `json:"experienceId" validate:"id"`
	SequenceID   string    `json:"sequenceId" validate:"id"`
	Status       Status    `json:"status"`
	EnteredAt    time.Time `json:"enteredAt" validate:"time"`

	// Position is the place in a queue, 0 for the next consumer to be admitted. Queues
	// only.
	Position *int64 `json:"position,omitzero" validate:"omitnil,count"`
	// Ticket is the number of the consumer in a queue, from 1. While the status is QUEUED
	// and the [Distribution] has a Serving, the document shows the position
	// max(0, Ticket − Serving − 1) in place of Position. Queues only.
	Ticket *int64 `json:"ticket,omitzero" validate:"omitnil,ticket"`
	// AdmittedAt is also the time at which a draw or auction was won. Not for waitlists.
	AdmittedAt *time.Time `json:"admittedAt,omitzero" validate:"omitnil,time"`
	// AdmissionToken opens the checkout. It is the payment token of an auction, and a
	// secret. Only with a status that admits or is terminal, and not for waitlists.
	AdmissionToken *string `json:"admissionToken,omitzero" validate:"omitnil,text"`
	// ExpiresAt is the time from which on the participation is not active.
	ExpiresAt *time.Time `json:"expiresAt,omitzero" validate:"omitnil,time"`
	// UpdatedAt is the time at which this state became true, which decides between two
	// writes (see [Version]). It is required.
	UpdatedAt time.Time `json:"updatedAt" validate:"time"`
	// LastBidAmount is the consumer's latest bid. Auctions only.
	LastBidAmount *Amount `json:"lastBidAmount,omitzero" validate:"omitnil,amount"`
	// LastBidTime is the time of that bid. Auctions only.
	LastBidTime *time.Time `json:"lastBidTime,omitzero" validate:"omitnil,time"`
	// BidCount is the number of the consumer's bids. Auctions only.
	BidCount *int64 `json:"bidCount,omitzero" validate:"omitnil,count"`
	// SelectedVariantID is the chosen product variant. Timed releases only.
	SelectedVariantID *string `json:"selectedVariantId,omitzero" validate:"omitnil,id"`
	// DenyReason is the reason for the status DENIED. Queues, draws and auctions only.
	DenyReason *string `json:"denyReason,omitzero" validate:"omitnil,text"`
}

// Normalized returns the participation as a store keeps it, with its times normalized by
// [NormalizeTime]. It does not modify what the receiver points to, and does not validate.
func (p Participation) Normalized() Participation {
	p.EnteredAt = NormalizeTime(p.EnteredAt)
	p.AdmittedAt = normalizeTimePointer(p.AdmittedAt)
	p.ExpiresAt = normalizeTimePointer(p.ExpiresAt)
	p.LastBidTime = normalizeTimePointer(p.LastBidTime)
	p.UpdatedAt = NormalizeTime(p.UpdatedAt)
	return p
}

// Validate returns a [*ValidationError] that names every bad field, or nil. It validates
// the participation as [Participation.Normalized] returns it.
func (p Participation) Validate() error { return validationError(fieldErrors(p.Normalized())) }

// ActiveAt reports whether the participation is active at now: its status is an active one
// of its type, and it has no ExpiresAt or one that is after now. It does not consider the
// [Distribution].
func (p Participation) ActiveAt(now time.Time) bool {
	return p.Type.IsActive(p.Status) && notExpired(p.ExpiresAt, now)
}

// Admitting reports whether the participation admits to the checkout by its token and
// status: it holds a token, and its status is ADMITTED, WON, or ENTERED of a timed
// release. It does not consider expiry.
func (p Participation) Admitting() bool {
	return p.AdmissionToken != nil && *p.AdmissionToken != "" && p.Type.IsAdmitting(p.Status)
}
