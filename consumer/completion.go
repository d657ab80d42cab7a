package consumer

import (
	"context"
	"crypto/sha256"
	"time"
)

// Completer is the role of a store that completes admissions at the checkout, each exactly
// once. Find it with a type assertion, or take it as an option.
type Completer interface {
	// Complete completes the admission that a token gives to a consumer in a distribution, for
	// an order. A token is completed at most once, also if several callers, in several
	// processes, try at the same time: one of them succeeds, and the others get an error. The completion is durable when Complete returns.
	//
	// The token decides: the consumer's participation or admission in the distribution, as it
	// counts, must be live at c.At and have exactly this token. A participation is live if it
	// is active and admitting, also after the end of its distribution. If both have the token,
	// both are completed.
	//
	// A completed participation has the status COMPLETED, and a completed admission has an
	// EndedAt. Their UpdatedAt is c.At, or the UpdatedAt that they had if that is later, so an
	// older write does not revive them, the document of the consumer no longer offers the
	// journey, and a [ChangeFeed] reports the change. A newer write, such as a re-entry, may
	// replace them, and a new token may be completed then. The completed one cannot: the
	// store remembers it with its order as long as the record remains.
	//
	// If the token was completed before, Complete changes nothing. It succeeds with
	// CompletionResult.Repeated if that was for the same order, so a call without a response
	// can be repeated, whatever c.At is. For another order it returns [ErrAlreadyCompleted].
	// It returns [ErrNotAdmitted] if the token was not completed and is not live: it is
	// unknown, another one, expired, or the record has ended.
	//
	// An admission of a guest that was merged is that of the consumer that it was merged into.
	// Complete returns a [*ValidationError] if [Completion.Validate] does, or else an
	// [*ErasedError] if the consumer was erased.
	//
	// In such a store, [Lifecycle].Erase deletes the completions of the consumer. Merge moves
	// those of the guest; where both consumers have completed the same token, that of the
	// consumer remains. Purge deletes a completion together with the record that had the
	// token, and does not count it. Export does not contain completions, but the records that
	// they ended.
	Complete(ctx context.Context, c Completion) (CompletionResult, error)
}

// Completion is the use of an admission by an order. See [Completer].
type Completion struct {
	OrganizationID string `json:"organizationId" validate:"id"`
	ConsumerID     string `json:"consumerId" validate:"id,consumer_id"`
	// DistributionType is any type but waitlist.
	DistributionType DistributionType `json:"distributionType"`
	DistributionID   string           `json:"distributionId" validate:"id"`
	// AdmissionToken is the token that the consumer presents at the checkout. It is a secret.
	AdmissionToken string `json:"admissionToken" validate:"text"`
	// OrderID identifies the order. It is the same in each attempt of the same order and
	// different in every other order.
	OrderID string `json:"orderId" validate:"id"`
	// At is the time of the checkout, which decides about expiry.
	At time.Time `json:"at" validate:"time"`
}

// CompletionResult is the result of a [Completer].
type CompletionResult struct {
	// CompletedAt is Completion.At of the call that completed the token.
	CompletedAt time.Time
	// Repeated is true if an earlier call completed the token for the same order.
	Repeated bool
}

// Key returns the key of the consumer.
func (c Completion) Key() Key { return Key{c.OrganizationID, c.ConsumerID} }

// Validate returns a [*ValidationError] that names every bad field, or nil.
func (c Completion) Validate() error {
	c.At = NormalizeTime(c.At)
	return validationError(fieldErrors(c))
}

// Normalized returns the completion as a store keeps it, with its time normalized by
// [NormalizeTime]. It does not validate.
func (c Completion) Normalized() Completion {
	c.At = NormalizeTime(c.At)
	return c
}

// TokenDigest returns the SHA-256 digest of the token, by which a store remembers it.
func (c Completion) TokenDigest() [sha256.Size]byte { return sha256.Sum256([]byte(c.AdmissionToken)) }

// Participation returns the participation as the completion leaves it. It reports false if
// the participation is not live at c.At or has another token. It does not compare the keys.
func (c Completion) Participation(p Participation) (Participation, bool) {
	if !p.Admitting() || *p.AdmissionToken != c.AdmissionToken || !p.ActiveAt(c.At) {
		return Participation{}, false
	}
	p.Status, p.UpdatedAt = StatusCompleted, later(c.At, p.UpdatedAt)
	return p, true
}

// Admission returns the admission as the completion leaves it. It reports false if the
// admission is not live at c.At or has another token. It does not compare the keys.
func (c Completion) Admission(a Admission) (Admission, bool) {
	if a.AdmissionToken != c.AdmissionToken || !a.LiveAt(c.At) {
		return Admission{}, false
	}
	a.UpdatedAt = later(c.At, a.UpdatedAt)
	a.EndedAt = new(a.UpdatedAt)
	return a, true
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
