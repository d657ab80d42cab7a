package consumer

import "fmt"

// Batch is what one call to [Writer.Write] writes, all of it or nothing. It may
// concern any number of consumers and organizations, and the same record more than
// once: the greater [Version] wins, whatever the order.
type Batch struct {
	Consumers      []Consumer
	Participations []Participation
	Admissions     []Admission
	APIKeys        []APIKey
}

// Prepare returns the batch as a store keeps it, every record normalized, or a
// [*ValidationError] that names every bad field of every record. A store calls it
// first; the receiver is left alone.
func (b Batch) Prepare() (Batch, error) {
	var fields []FieldError
	prepared := Batch{
		Consumers:      prepareAll("consumers", b.Consumers, Consumer.Normalized, &fields),
		Participations: prepareAll("participations", b.Participations, Participation.Normalized, &fields),
		Admissions:     prepareAll("admissions", b.Admissions, Admission.Normalized, &fields),
		APIKeys:        prepareAll("apiKeys", b.APIKeys, APIKey.Normalized, &fields),
	}
	return prepared, validationError(fields)
}

func prepareAll[R any](name string, records []R, normalized func(R) R, fields *[]FieldError) []R {
	prepared := make([]R, len(records))
	for i, record := range records {
		prepared[i] = normalized(record)
		*fields = append(*fields, fieldErrorsAt(name, i, prepared[i])...)
	}
	return prepared
}

// fieldErrorsAt judges the normalized record at a place in a list of the batch.
func fieldErrorsAt(list string, i int, record any) []FieldError {
	fields := fieldErrors(record)
	for j := range fields {
		fields[j].Field = fmt.Sprintf("%s[%d].%s", list, i, fields[j].Field)
	}
	return fields
}

// ConsumerKey names one consumer of one organization.
type ConsumerKey struct {
	OrganizationID string `validate:"id"`
	ConsumerID     string `validate:"id,consumer_id"`
}

// Validate returns a [*ValidationError] that names the ids which are impossible, as
// organizationId and consumerId, or nil.
func (k ConsumerKey) Validate() error { return validationError(fieldErrors(k)) }

// ConsumerKeys returns, each once and in the order of their first appearance, the
// consumers that the batch concerns.
func (b Batch) ConsumerKeys() []ConsumerKey {
	var keys []ConsumerKey
	seen := make(map[ConsumerKey]bool)
	add := func(organizationID, consumerID string) {
		key := ConsumerKey{organizationID, consumerID}
		if !seen[key] {
			seen[key] = true
			keys = append(keys, key)
		}
	}
	for _, c := range b.Consumers {
		add(c.OrganizationID, c.ID)
	}
	for _, p := range b.Participations {
		add(p.OrganizationID, p.ConsumerID)
	}
	for _, a := range b.Admissions {
		add(a.OrganizationID, a.ConsumerID)
	}
	return keys
}
