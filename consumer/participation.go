package consumer

import "time"

// Participation is one consumer's part in one distribution: a place in a queue, an
// entry in a draw, the bids in an auction, an entry in a timed release, or a
// place on a waitlist. There is one record per (organization, consumer, type, id).
//
// The JSON names and their order are those of the record format. Which optional
// fields a record may have depends on its type; the comments say so.
type Participation struct {
	OrganizationID string `json:"-" validate:"id"`
	ConsumerID     string `json:"-" validate:"id,consumer_id"`

	Type DistributionType `json:"type"`
	// ID names the distribution: the queue, draw, auction, timed release or waitlist.
	ID           string    `json:"id" validate:"id"`
	ExperienceID string    `json:"experienceId" validate:"id"`
	SequenceID   string    `json:"sequenceId" validate:"id"`
	Status       Status    `json:"status"`
	EnteredAt    time.Time `json:"enteredAt" validate:"moment"`

	// Position is the place in a queue, 0 for the next to be admitted. Queues only.
	Position *int64 `json:"position,omitzero" validate:"omitnil,count"`
	// AdmittedAt is also the moment at which a draw or auction was won. Not for waitlists.
	AdmittedAt *time.Time `json:"admittedAt,omitzero" validate:"omitnil,moment"`
	// AdmissionToken opens the checkout; it is an auction's payment token. It is a
	// secret. Only with a status that admits or is terminal; not for waitlists.
	AdmissionToken *string `json:"admissionToken,omitzero" validate:"omitnil,text"`
	// ExpiresAt is the first moment at which the participation is no longer active.
	ExpiresAt *time.Time `json:"expiresAt,omitzero" validate:"omitnil,moment"`
	// UpdatedAt is the moment at which this state became true, which decides
	// between two writes (see [Version]). Zero means the latest of EnteredAt,
	// AdmittedAt and LastBidTime.
	UpdatedAt time.Time `json:"updatedAt" validate:"omitempty,moment"`
	// LastBidAmount is the consumer's latest bid. Auctions only.
	LastBidAmount *Amount `json:"lastBidAmount,omitzero" validate:"omitnil,amount"`
	// LastBidTime is the moment of that bid. Auctions only.
	LastBidTime *time.Time `json:"lastBidTime,omitzero" validate:"omitnil,moment"`
	// BidCount is the number of the consumer's bids. Auctions only.
	BidCount *int64 `json:"bidCount,omitzero" validate:"omitnil,count"`
	// SelectedVariantID is the chosen product variant. Timed releases only.
	SelectedVariantID *string `json:"selectedVariantId,omitzero" validate:"omitnil,id"`
	// DenyReason says why a participation was denied. Queues, draws and auctions,
	// the types that have the status DENIED.
	DenyReason *string `json:"denyReason,omitzero" validate:"omitnil,text"`
}

// Normalized returns the participation as a store keeps it: times in UTC,
// truncated to microseconds, and UpdatedAt set. It changes nothing else, leaves
// the values behind the receiver's pointers alone, and does not validate.
func (p Participation) Normalized() Participation {
	p.EnteredAt = normalTime(p.EnteredAt)
	p.AdmittedAt = normalTimePointer(p.AdmittedAt)
	p.ExpiresAt = normalTimePointer(p.ExpiresAt)
	p.LastBidTime = normalTimePointer(p.LastBidTime)
	p.UpdatedAt = normalTime(p.UpdatedAt)
	if p.UpdatedAt.IsZero() {
		p.UpdatedAt = latest(p.EnteredAt, p.AdmittedAt, p.LastBidTime)
	}
	return p
}

// Validate returns a [*ValidationError] that names every bad field, or nil. It
// judges the participation as [Participation.Normalized] returns it.
func (p Participation) Validate() error { return validationError(fieldErrors(p.Normalized())) }

// ActiveAt reports whether the participation shows in the document at a moment:
// its status is an active one of its type, and it has no ExpiresAt or one that is
// after now.
func (p Participation) ActiveAt(now time.Time) bool {
	return p.Type.IsActive(p.Status) && notExpired(p.ExpiresAt, now)
}

// Admitting reports whether the participation itself admits to the checkout: it
// holds a token and its status is ADMITTED, WON, or ENTERED of a timed release. It
// says nothing about expiry.
func (p Participation) Admitting() bool {
	return p.AdmissionToken != nil && *p.AdmissionToken != "" && p.Type.IsAdmitting(p.Status)
}
