package consumer

import "time"

// Consumer is the profile of one person in one organization, in the words of the
// seed's section "Get Consumer by ID". The JSON names are those of the record
// format, in which unset fields are left out.
type Consumer struct {
	OrganizationID string `json:"-" validate:"id"`
	ID             string `json:"id" validate:"id,consumer_id"`

	// Email need not be unique. It is kept letter by letter as it came.
	Email *string `json:"email,omitzero" validate:"omitnil,text,email"`
	// Phone is a number in E.164 form with its plus sign.
	Phone    *string `json:"phone,omitzero" validate:"omitnil,text,e164_plus"`
	FullName *string `json:"fullName,omitzero" validate:"omitnil,text"`

	CreatedAt time.Time `json:"createdAt" validate:"moment"`
	// UpdatedAt is the moment at which this profile became true, which decides
	// between two writes (see [Version]). Zero means CreatedAt.
	UpdatedAt time.Time `json:"updatedAt" validate:"omitempty,moment"`
}

// Normalized returns the profile as a store keeps it: times in UTC, truncated to
// microseconds, and UpdatedAt set. It changes nothing else and does not validate.
func (c Consumer) Normalized() Consumer {
	c.CreatedAt = normalTime(c.CreatedAt)
	c.UpdatedAt = normalTime(c.UpdatedAt)
	if c.UpdatedAt.IsZero() {
		c.UpdatedAt = latest(c.CreatedAt)
	}
	return c
}

// Validate returns a [*ValidationError] that names every bad field, or nil. It
// judges the profile as [Consumer.Normalized] returns it.
func (c Consumer) Validate() error { return validationError(fieldErrors(c.Normalized())) }
