package consumer

import "time"

// Consumer is the profile of one person in one organization, with the fields of Consumer
// in Fanfare's Consumer Identity API documentation. The JSON names and their order are
// those of the record format, in which unset fields are left out.
type Consumer struct {
	OrganizationID string `json:"-" validate:"id"`
	ID             string `json:"id" validate:"id,consumer_id"`

	// Email need not be unique, and keeps its letter case.
	Email *string `json:"email,omitzero" validate:"omitnil,text,email"`
	// Phone is a number in E.164 form with its plus sign.
	Phone    *string `json:"phone,omitzero" validate:"omitnil,text,e164_plus"`
	FullName *string `json:"fullName,omitzero" validate:"omitnil,text"`

	CreatedAt time.Time `json:"createdAt" validate:"time"`
	// UpdatedAt is the time at which this profile became true, which decides between two
	// writes (see [Version]). It is required.
	UpdatedAt time.Time `json:"updatedAt" validate:"time"`
}

// Normalized returns the profile as a store keeps it, with its times normalized by
// [NormalizeTime]. It does not validate.
func (c Consumer) Normalized() Consumer {
	c.CreatedAt = NormalizeTime(c.CreatedAt)
	c.UpdatedAt = NormalizeTime(c.UpdatedAt)
	return c
}

// Validate returns a [*ValidationError] that names every bad field, or nil. It validates
// the profile as [Consumer.Normalized] returns it.
func (c Consumer) Validate() error { return validationError(fieldErrors(c.Normalized())) }
