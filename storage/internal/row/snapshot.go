package row

import (
	"bytes"
	"fmt"

	"github.com/go-json-experiment/json"

	"github.com/rejoinhq/rejoin/consumer"
)

// Separator stands between the records that one column aggregates. No canonical
// JSON contains it.
const Separator = '\n'

// Found holds the columns in which a statement returns what it reads of a
// consumer, all of them in one row.
type Found struct {
	// Profile is the consumer's record.
	Profile []byte `db:"profile"`
	// Participations and Admissions are records with a Separator between them, empty
	// or NULL when there are none.
	Participations []byte `db:"participations"`
	Admissions     []byte `db:"admissions"`
}

// Consumer decodes the profile.
func (f Found) Consumer(organizationID string) (consumer.Consumer, error) {
	var c consumer.Consumer
	if err := decode(f.Profile, &c); err != nil {
		return consumer.Consumer{}, err
	}
	c.OrganizationID = organizationID
	return c, nil
}

// Snapshot decodes all of it.
func (f Found) Snapshot(organizationID, consumerID string) (consumer.Snapshot, error) {
	profile, err := f.Consumer(organizationID)
	if err != nil {
		return consumer.Snapshot{}, err
	}
	participations, err := records[consumer.Participation](f.Participations)
	if err != nil {
		return consumer.Snapshot{}, err
	}
	admissions, err := records[consumer.Admission](f.Admissions)
	if err != nil {
		return consumer.Snapshot{}, err
	}
	for i := range participations {
		participations[i].OrganizationID, participations[i].ConsumerID = organizationID, consumerID
	}
	for i := range admissions {
		admissions[i].OrganizationID, admissions[i].ConsumerID = organizationID, consumerID
	}
	return consumer.Snapshot{Consumer: profile, Participations: participations, Admissions: admissions}, nil
}

func records[R any](text []byte) ([]R, error) {
	if len(text) == 0 {
		return nil, nil
	}
	all := make([]R, 0, 1+bytes.Count(text, []byte{Separator}))
	for line := range bytes.SplitSeq(text, []byte{Separator}) {
		var record R
		if err := decode(line, &record); err != nil {
			return nil, err
		}
		all = append(all, record)
	}
	return all, nil
}

// decode leaves the cause out of its error, because it may quote the record.
func decode(record []byte, into any) error {
	if err := json.Unmarshal(record, into); err != nil {
		return fmt.Errorf("%w: a stored record cannot be read as a %T", consumer.ErrUnavailable, into)
	}
	return nil
}
