package consumer

import "time"

// Admission is permission to enter the checkout that was granted separately from a
// participation: directly, or by a timed release that issues it separately. There is at
// most one record per (organization, consumer, distribution type, distribution id).
//
// An admission ends when a write sets EndedAt, or when it expires. The end of a
// participation in the same distribution, or of the distribution itself, does not end it.
type Admission struct {
	OrganizationID string `json:"-" validate:"id"`
	ConsumerID     string `json:"-" validate:"id,consumer_id"`

	// DistributionType is any type but waitlist.
	DistributionType DistributionType `json:"distributionType"`
	DistributionID   string           `json:"distributionId" validate:"id"`
	ExperienceID     string           `json:"experienceId" validate:"id"`
	SequenceID       string           `json:"sequenceId" validate:"id"`
	// AdmissionToken opens the checkout. It is a secret.
	AdmissionToken string    `json:"admissionToken" validate:"text"`
	AdmittedAt     time.Time `json:"admittedAt" validate:"time"`
	// ExpiresAt is the time from which on the admission is not live.
	ExpiresAt *time.Time `json:"expiresAt,omitzero" validate:"omitnil,time"`
	// EndedAt, once set, makes the admission a tombstone.
	EndedAt *time.Time `json:"endedAt,omitzero" validate:"omitnil,time"`
	// UpdatedAt is the time at which this state became true, which decides between two
	// writes (see [Version]). It is required.
	UpdatedAt time.Time `json:"updatedAt" validate:"time"`
}

// Normalized returns the admission as a store keeps it, with its times normalized by
// [NormalizeTime]. It does not modify what the receiver points to, and does not validate.
func (a Admission) Normalized() Admission {
	a.AdmittedAt = NormalizeTime(a.AdmittedAt)
	a.ExpiresAt = normalizeTimePointer(a.ExpiresAt)
	a.EndedAt = normalizeTimePointer(a.EndedAt)
	a.UpdatedAt = NormalizeTime(a.UpdatedAt)
	return a
}

// Validate returns a [*ValidationError] that names every bad field, or nil. It validates
// the admission as [Admission.Normalized] returns it.
func (a Admission) Validate() error { return validationError(fieldErrors(a.Normalized())) }

// LiveAt reports whether the admission is live at now: it holds a token of a type that
// admits, it was not ended, and it has no ExpiresAt or one that is after now.
func (a Admission) LiveAt(now time.Time) bool {
	return a.DistributionType.Admits() && a.AdmissionToken != "" &&
		a.EndedAt == nil && notExpired(a.ExpiresAt, now)
}
