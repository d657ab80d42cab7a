package consumer

import "fmt"

// Batch holds the records that one call to [Writer.Write] writes, all or none. They may be
// about any number of consumers and organizations. If a batch holds a record several
// times, the greatest [Version] remains, whatever the order.
type Batch struct {
	Consumers      []Consumer
	Participations []Participation
	Admissions     []Admission
	Distributions  []Distribution
	APIKeys        []APIKey
}

// Prepare returns a copy of the batch with every record normalized, or a
// [*ValidationError] that names every bad field of every record. An implementation of
// [Writer] calls it first.
func (b Batch) Prepare() (Batch, error) {
	var fields []FieldError
	prepared := Batch{
		Consumers:      prepareAll("consumers", b.Consumers, Consumer.Normalized, &fields),
		Participations: prepareAll("participations", b.Participations, Participation.Normalized, &fields),
		Admissions:     prepareAll("admissions", b.Admissions, Admission.Normalized, &fields),
		Distributions:  prepareAll("distributions", b.Distributions, Distribution.Normalized, &fields),
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

// Records returns the number of records in the batch, without API keys.
func (b Batch) Records() int {
	return len(b.Consumers) + len(b.Participations) + len(b.Admissions) + len(b.Distributions)
}

// fieldErrorsAt validates the normalized record with index i in a list of the batch.
func fieldErrorsAt(list string, i int, record any) []FieldError {
	fields := fieldErrors(record)
	for j := range fields {
		fields[j].Field = fmt.Sprintf("%s[%d].%s", list, i, fields[j].Field)
	}
	return fields
}

// ConsumerKeys returns the consumers that the records of the batch are about, each once, in
// the order of their first appearance.
func (b Batch) ConsumerKeys() []Key {
	var keys []Key
	seen := make(map[Key]bool)
	add := func(organizationID, consumerID string) {
		key := Key{organizationID, consumerID}
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
