package consumer

import "time"

// Admission is the right to go to the checkout, granted apart from a
// participation: directly, or by a timed release that issues it separately. There
// is one record per (organization, consumer, distribution type, distribution id).
//
// It ends when whoever granted it says so with EndedAt, or when it expires; the
// end of a participation in the same distribution does not end it.
type Admission struct {
	OrganizationID string `json:"-" validate:"id"`
	ConsumerID     string `json:"-" validate:"id,consumer_id"`

	// DistributionType is any type but waitlist, which admits nobody.
	DistributionType DistributionType `json:"distributionType"`
	DistributionID   string           `json:"distributionId" validate:"id"`
	ExperienceID     string           `json:"experienceId" validate:"id"`
	SequenceID       string           `json:"sequenceId" validate:"id"`
	// AdmissionToken opens the checkout. It is a secret.
	AdmissionToken string    `json:"admissionToken" validate:"text"`
	AdmittedAt     time.Time `json:"admittedAt" validate:"moment"`
	// ExpiresAt is the first moment at which the admission is no longer live.
	ExpiresAt *time.Time `json:"expiresAt,omitzero" validate:"omitnil,moment"`
	// EndedAt, once set, makes the admission a tombstone.
	EndedAt *time.Time `json:"endedAt,omitzero" validate:"omitnil,moment"`
	// UpdatedAt is the moment at which this state became true, which decides
	// between two writes (see [Version]). Zero means the latest of AdmittedAt and
	// EndedAt.
	UpdatedAt time.Time `json:"updatedAt" validate:"omitempty,moment"`
}

// Normalized returns the admission as a store keeps it: times in UTC, truncated to
// microseconds, and UpdatedAt set. It changes nothing else, leaves the values
// behind the receiver's pointers alone, and does not validate.
func (a Admission) Normalized() Admission {
	a.AdmittedAt = normalTime(a.AdmittedAt)
	a.ExpiresAt = normalTimePointer(a.ExpiresAt)
	a.EndedAt = normalTimePointer(a.EndedAt)
	a.UpdatedAt = normalTime(a.UpdatedAt)
	if a.UpdatedAt.IsZero() {
		a.UpdatedAt = latest(a.AdmittedAt, a.EndedAt)
	}
	return a
}

// Validate returns a [*ValidationError] that names every bad field, or nil. It
// judges the admission as [Admission.Normalized] returns it.
func (a Admission) Validate() error { return validationError(fieldErrors(a.Normalized())) }

// LiveAt reports whether the admission shows in the document at a moment: it holds
// a token of a type that admits, it was not ended, and it has no ExpiresAt or one
// that is after now.
func (a Admission) LiveAt(now time.Time) bool {
	return a.DistributionType.Admits() && a.AdmissionToken != "" &&
		a.EndedAt == nil && notExpired(a.ExpiresAt, now)
}
