package row

import (
	"fmt"

	"github.com/rejoinhq/rejoin/consumer"
)

// The carrier of a completion is the record that had the token.
const (
	ParticipationCarrier = "participation"
	AdmissionCarrier     = "admission"
)

const (
	IntoCompletions = `INSERT INTO completions (organization_id, consumer_id, type, id, token_digest, order_id, completed_at, carrier)`

	KeepFirstCompletion = `
ON CONFLICT (organization_id, consumer_id, type, id, token_digest) DO NOTHING`
)

// Completed returns the rows of the records that a completion ends. The records are those
// that count at the key of the completion, empty if there are none. At least one of them must
// be live and have the token.
func Completed(c consumer.Completion, participation, admission string) (Rows, error) {
	columns := Columns{Participations: participation, Admissions: admission}
	participations, admissions, _, err := columns.records(c.Key())
	if err != nil {
		return Rows{}, err
	}
	var ended consumer.Batch
	for _, p := range participations {
		if p, ok := c.Participation(p); ok {
			ended.Participations = append(ended.Participations, p)
		}
	}
	for _, a := range admissions {
		if a, ok := c.Admission(a); ok {
			ended.Admissions = append(ended.Admissions, a)
		}
	}
	if ended.Records() == 0 {
		return Rows{}, fmt.Errorf("%w: it does not match its columns", ErrDamaged)
	}
	return FromBatch(ended, nil), nil
}
