package recordjson

import (
	"errors"

	"github.com/rejoinhq/rejoin/consumer"
)

// Options configures the readers. The zero value reads records as an engine must write
// them, with updatedAt, and without a bound on their number.
type Options struct {
	// DefaultUpdatedAt makes updatedAt optional. Its default is the latest of enteredAt,
	// admittedAt and lastBidTime in a participation, the latest of admittedAt and endedAt
	// in an admission, and createdAt in a profile. A distribution has no default. Use it for files that describe a
	// state, never for updates: an update with a default in place of the moment at which
	// it became true may lose against an older one.
	DefaultUpdatedAt bool

	// MaxRecords bounds the number of profiles, participations, admissions and
	// distributions together. Zero means no bound.
	MaxRecords int

	// MaxErrors bounds the number of bad fields that an error names. Zero means 100.
	MaxErrors int

	// CheckAPIKey returns the kind of a key in a fixture, or an error that describes what
	// is wrong with it and does not repeat it, such as [auth.CheckAPIKey]. It is required
	// if a fixture has keys.
	//
	// [auth.CheckAPIKey]: https://pkg.go.dev/github.com/rejoinhq/rejoin/auth#CheckAPIKey
	CheckAPIKey func(key string) (consumer.APIKeyKind, error)
}

// ErrTooManyRecords reports that the input has more records than Options.MaxRecords.
// Records are counted before they are validated.
var ErrTooManyRecords = errors.New("too many records")

// maxDepth is how deep arrays and objects may be nested, in unknown fields too. The format
// itself needs 7.
const maxDepth = 16

const defaultMaxErrors = 100

// SyntaxError reports input that is not one JSON object in UTF-8, or that is nested too
// deep.
type SyntaxError struct {
	// Offset is the number of bytes before the error.
	Offset int64
	// Field is the path of the field that was being read, or empty at the top.
	Field string
	// Problem says what is wrong.
	Problem string
}

// Consumer is one consumer with the records that the input has about it.
type Consumer struct {
	ID string
	// Profile is nil if the input has no createdAt: then a profile that is stored stays.
	Profile        *consumer.Consumer
	Participations []consumer.Participation
	Admissions     []consumer.Admission
}

// AppendTo appends the records to a batch, as those of a consumer of the organization.
func (c Consumer) AppendTo(batch *consumer.Batch, organizationID string) {
	if c.Profile != nil {
		profile := *c.Profile
		profile.OrganizationID = organizationID
		batch.Consumers = append(batch.Consumers, profile)
	}
	for _, p := range c.Participations {
		p.OrganizationID, p.ConsumerID = organizationID, c.ID
		batch.Participations = append(batch.Participations, p)
	}
	for _, a := range c.Admissions {
		a.OrganizationID, a.ConsumerID = organizationID, c.ID
		batch.Admissions = append(batch.Admissions, a)
	}
}

// Records is what [ReadRecords] returns. The index of a consumer is that of its path:
// Consumers[3] was read from consumers[3].
type Records struct {
	Consumers     []Consumer
	Distributions []consumer.Distribution // without an OrganizationID
}

// Batch returns the records as one write for the organization.
func (r Records) Batch(organizationID string) consumer.Batch {
	var batch consumer.Batch
	for _, c := range r.Consumers {
		c.AppendTo(&batch, organizationID)
	}
	for _, d := range r.Distributions {
		d.OrganizationID = organizationID
		batch.Distributions = append(batch.Distributions, d)
	}
	return batch
}
