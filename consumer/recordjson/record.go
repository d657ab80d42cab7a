package recordjson

import (
	"errors"
	"slices"
	"time"

	"github.com/rejoinhq/rejoin/consumer"
)

var profileFields = []field[consumer.Consumer]{
	text("id", func(c *consumer.Consumer) *string { return &c.ID }),
	optionalText("email", func(c *consumer.Consumer) **string { return &c.Email }),
	optionalText("phone", func(c *consumer.Consumer) **string { return &c.Phone }),
	optionalText("fullName", func(c *consumer.Consumer) **string { return &c.FullName }),
	moment("createdAt", func(c *consumer.Consumer) *time.Time { return &c.CreatedAt }),
	moment("updatedAt", func(c *consumer.Consumer) *time.Time { return &c.UpdatedAt }),
}

var participationFields = []field[consumer.Participation]{
	text("type", func(p *consumer.Participation) *consumer.DistributionType { return &p.Type }),
	text("id", func(p *consumer.Participation) *string { return &p.ID }),
	text("experienceId", func(p *consumer.Participation) *string { return &p.ExperienceID }),
	text("sequenceId", func(p *consumer.Participation) *string { return &p.SequenceID }),
	text("status", func(p *consumer.Participation) *consumer.Status { return &p.Status }),
	moment("enteredAt", func(p *consumer.Participation) *time.Time { return &p.EnteredAt }),
	optionalNumber("position", func(p *consumer.Participation) **int64 { return &p.Position }),
	optionalNumber("ticket", func(p *consumer.Participation) **int64 { return &p.Ticket }),
	optionalMoment("admittedAt", func(p *consumer.Participation) **time.Time { return &p.AdmittedAt }),
	optionalText("admissionToken", func(p *consumer.Participation) **string { return &p.AdmissionToken }),
	optionalMoment("expiresAt", func(p *consumer.Participation) **time.Time { return &p.ExpiresAt }),
	moment("updatedAt", func(p *consumer.Participation) *time.Time { return &p.UpdatedAt }),
	optionalText("lastBidAmount", func(p *consumer.Participation) **consumer.Amount { return &p.LastBidAmount }),
	optionalMoment("lastBidTime", func(p *consumer.Participation) **time.Time { return &p.LastBidTime }),
	optionalNumber("bidCount", func(p *consumer.Participation) **int64 { return &p.BidCount }),
	optionalText("selectedVariantId", func(p *consumer.Participation) **string { return &p.SelectedVariantID }),
	optionalText("denyReason", func(p *consumer.Participation) **string { return &p.DenyReason }),
}

var admissionFields = []field[consumer.Admission]{
	text("distributionType", func(a *consumer.Admission) *consumer.DistributionType { return &a.DistributionType }),
	text("distributionId", func(a *consumer.Admission) *string { return &a.DistributionID }),
	text("experienceId", func(a *consumer.Admission) *string { return &a.ExperienceID }),
	text("sequenceId", func(a *consumer.Admission) *string { return &a.SequenceID }),
	text("admissionToken", func(a *consumer.Admission) *string { return &a.AdmissionToken }),
	moment("admittedAt", func(a *consumer.Admission) *time.Time { return &a.AdmittedAt }),
	optionalMoment("expiresAt", func(a *consumer.Admission) **time.Time { return &a.ExpiresAt }),
	optionalMoment("endedAt", func(a *consumer.Admission) **time.Time { return &a.EndedAt }),
	moment("updatedAt", func(a *consumer.Admission) *time.Time { return &a.UpdatedAt }),
}

var distributionFields = []field[consumer.Distribution]{
	text("type", func(d *consumer.Distribution) *consumer.DistributionType { return &d.Type }),
	text("id", func(d *consumer.Distribution) *string { return &d.ID }),
	optionalNumber("serving", func(d *consumer.Distribution) **int64 { return &d.Serving }),
	optionalMoment("endedAt", func(d *consumer.Distribution) **time.Time { return &d.EndedAt }),
	optionalText("winnerId", func(d *consumer.Distribution) **string { return &d.WinnerID }),
	moment("updatedAt", func(d *consumer.Distribution) *time.Time { return &d.UpdatedAt }),
}

// The fields that a record must have. For a participation and an admission updatedAt is one
// more, unless it has a default.
var (
	requiredOfDistribution  = []string{"type", "id", "updatedAt"}
	requiredOfParticipation = []string{"type", "id", "experienceId", "sequenceId", "status", "enteredAt"}
	requiredOfAdmission     = []string{"distributionType", "distributionId", "experienceId", "sequenceId", "admissionToken", "admittedAt"}
)

// placeholder takes the place of the ids that the format has elsewhere than in the record,
// so that a record is not invalid without them.
const placeholder = "_"

// someTime takes the place of an updatedAt that is the default. If the field that it is
// derived from is bad, then that field is reported and updatedAt is not.
var someTime = time.Unix(0, 0)

// defaulted reports whether updatedAt is the default.
func (d *reader) defaulted(given fieldsGiven) bool {
	return d.options.DefaultUpdatedAt && !given.has("updatedAt")
}

// withUpdatedAt adds updatedAt to required fields, unless it has a default.
func (d *reader) withUpdatedAt(required ...string) []string {
	if d.options.DefaultUpdatedAt {
		return required
	}
	return slices.Concat(required, []string{"updatedAt"})
}

// consumer reads one consumer with its records. The id is not among those seen.
func (d *reader) consumer(seen seenIDs) (Consumer, error) {
	c := Consumer{}
	participations, admissions := make(seenIDs), make(seenIDs)
	var profile consumer.Consumer
	begin := len(d.bad)
	given, ok, err := readFields(&d.decoder, &profile, profileFields, func(name string) (known bool, err error) {
		switch name {
		case "participations":
			return true, d.list(func(int) error {
				p, err := d.participation(participations)
				c.Participations = append(c.Participations, p)
				return err
			})
		case "admissions":
			return true, d.list(func(int) error {
				a, err := d.admission(admissions)
				c.Admissions = append(c.Admissions, a)
				return err
			})
		}
		return false, nil
	})
	if err != nil || !ok {
		return c, err
	}
	c.ID = profile.ID
	required, broken := []string{"id"}, []consumer.FieldError(nil)
	if given.has("createdAt") {
		if err := d.count(); err != nil {
			return c, err
		}
		required = d.withUpdatedAt(required...)
		checked := profile
		checked.OrganizationID = placeholder
		if d.defaulted(given) {
			profile.UpdatedAt, checked.UpdatedAt = profile.CreatedAt, someTime
		}
		broken = brokenFields(checked.Validate())
		c.Profile = &profile
	} else {
		broken = withoutProfile(c.ID, given)
	}
	if c.ID != "" && !seen.add(c.ID) {
		broken = append(broken, consumer.FieldError{Field: "id", Message: "is a duplicate: the consumer appears before"})
	}
	d.explain(begin, given, required, broken)
	return c, nil
}

// withoutProfile returns what is wrong with a consumer that has no createdAt.
func withoutProfile(id string, given fieldsGiven) []consumer.FieldError {
	broken := brokenFields(consumer.Key{OrganizationID: placeholder, ConsumerID: id}.Validate())
	for i := range broken {
		broken[i].Field = "id"
	}
	for _, name := range []string{"email", "phone", "fullName", "updatedAt"} {
		if given.has(name) {
			broken = append(broken, consumer.FieldError{Field: name, Message: "is a field of a profile, which needs createdAt"})
		}
	}
	return broken
}

func (d *reader) participation(seen seenIDs) (consumer.Participation, error) {
	var p consumer.Participation
	if err := d.count(); err != nil {
		return p, err
	}
	begin := len(d.bad)
	given, ok, err := readFields(&d.decoder, &p, participationFields, nothingElse)
	if err != nil || !ok {
		return p, err
	}
	checked := p
	checked.OrganizationID, checked.ConsumerID = placeholder, placeholder
	if d.defaulted(given) {
		p.UpdatedAt, checked.UpdatedAt = latest(p.EnteredAt, p.AdmittedAt, p.LastBidTime), someTime
	}
	broken := brokenFields(checked.Validate())
	if p.Type != "" && p.ID != "" && !seen.add(string(p.Type)+" "+p.ID) {
		broken = append(broken, consumer.FieldError{Field: "id", Message: "is a duplicate: the participation appears before"})
	}
	d.explain(begin, given, d.withUpdatedAt(requiredOfParticipation...), broken)
	return p, nil
}

func (d *reader) admission(seen seenIDs) (consumer.Admission, error) {
	var a consumer.Admission
	if err := d.count(); err != nil {
		return a, err
	}
	begin := len(d.bad)
	given, ok, err := readFields(&d.decoder, &a, admissionFields, nothingElse)
	if err != nil || !ok {
		return a, err
	}
	checked := a
	checked.OrganizationID, checked.ConsumerID = placeholder, placeholder
	if d.defaulted(given) {
		a.UpdatedAt, checked.UpdatedAt = latest(a.AdmittedAt, a.EndedAt), someTime
	}
	broken := brokenFields(checked.Validate())
	if a.DistributionType != "" && a.DistributionID != "" && !seen.add(string(a.DistributionType)+" "+a.DistributionID) {
		broken = append(broken, consumer.FieldError{Field: "distributionId", Message: "is a duplicate: the admission appears before"})
	}
	d.explain(begin, given, d.withUpdatedAt(requiredOfAdmission...), broken)
	return a, nil
}

func (d *reader) distribution(seen seenIDs) (consumer.Distribution, error) {
	var record consumer.Distribution
	if err := d.count(); err != nil {
		return record, err
	}
	begin := len(d.bad)
	given, ok, err := readFields(&d.decoder, &record, distributionFields, nothingElse)
	if err != nil || !ok {
		return record, err
	}
	checked := record
	checked.OrganizationID = placeholder
	broken := brokenFields(checked.Validate())
	if record.Type != "" && record.ID != "" && !seen.add(string(record.Type)+" "+record.ID) {
		broken = append(broken, consumer.FieldError{Field: "id", Message: "is a duplicate: the distribution appears before"})
	}
	d.explain(begin, given, requiredOfDistribution, broken)
	return record, nil
}

// nothingElse knows no other fields.
func nothingElse(string) (known bool, err error) { return false, nil }

// brokenFields returns the fields that a record's Validate method names.
func brokenFields(err error) []consumer.FieldError {
	var invalid *consumer.ValidationError
	if errors.As(err, &invalid) {
		return invalid.Fields
	}
	return nil
}

// latest returns the last of some times, of which all but the first may be nil.
func latest(first time.Time, others ...*time.Time) time.Time {
	for _, t := range others {
		if t != nil && t.After(first) {
			first = *t
		}
	}
	return first
}
