package recordjson

import (
	"fmt"
	"io"

	"github.com/rejoinhq/rejoin/consumer"
)

// reader reads records by the rules of its options.
type reader struct {
	decoder
	options Options
	records int
}

func newReader(r io.Reader, options Options) *reader {
	return &reader{decoder: newDecoder(r, options.MaxErrors), options: options}
}

// count counts a record, and fails beyond Options.MaxRecords.
func (d *reader) count() error {
	d.records++
	if d.options.MaxRecords > 0 && d.records > d.options.MaxRecords {
		return ErrTooManyRecords
	}
	return nil
}

// ReadRecords reads the body of a write, {"consumers":[…],"distributions":[…]}, in which
// either list may be left out. It returns a [*SyntaxError], [ErrTooManyRecords], an error of r, or a
// [*consumer.ValidationError] that names the bad fields. The caller bounds the size.
func ReadRecords(r io.Reader, options Options) (Records, error) {
	d := newReader(r, options)
	var records Records
	consumers, distributions := make(seenIDs), make(seenIDs)
	// The document is read like a record that has no fields of its own.
	err := d.document(func() error {
		_, _, err := readFields(&d.decoder, &records, nil, func(name string) (known bool, err error) {
			switch name {
			case "consumers":
				return true, d.list(func(int) error {
					c, err := d.consumer(consumers)
					records.Consumers = append(records.Consumers, c)
					return err
				})
			case "distributions":
				return true, d.list(func(int) error {
					record, err := d.distribution(distributions)
					records.Distributions = append(records.Distributions, record)
					return err
				})
			}
			return false, nil
		})
		return err
	})
	if err != nil {
		return Records{}, err
	}
	return records, nil
}

// Organization is one organization of a fixture.
type Organization struct {
	ID              string
	PublishableKeys []string
	SecretKeys      []string
	// Consumers and Distributions are empty if the records went to a [Visitor].
	Consumers     []Consumer
	Distributions []consumer.Distribution
}

// Visitor receives the records of a fixture while it is read, so that a file may be larger
// than memory. The id of an organization may come after its records, so they are given by
// the index of the organization. Its functions are called until a field is bad.
type Visitor struct {
	Consumer func(organization int, c Consumer) error
	// Distribution receives a record without an OrganizationID.
	Distribution func(organization int, d consumer.Distribution) error
}

// ReadFixture reads a fixture, {"organizations":[…]}, into memory. Its errors are those of
// [ReadRecords].
func ReadFixture(r io.Reader, options Options) ([]Organization, error) {
	consumers, distributions := make(map[int][]Consumer), make(map[int][]consumer.Distribution)
	organizations, err := WalkFixture(r, options, Visitor{
		Consumer: func(i int, c Consumer) error {
			consumers[i] = append(consumers[i], c)
			return nil
		},
		Distribution: func(i int, d consumer.Distribution) error {
			distributions[i] = append(distributions[i], d)
			return nil
		},
	})
	for i := range organizations {
		organizations[i].Consumers, organizations[i].Distributions = consumers[i], distributions[i]
	}
	return organizations, err
}

// WalkFixture reads a fixture, {"organizations":[…]}, and gives its records to a visitor
// one after the other. It returns the organizations without their records. Its errors are
// those of [ReadRecords] and of the visitor. It stops after a record when there are
// Options.MaxErrors bad fields.
func WalkFixture(r io.Reader, options Options, visitor Visitor) ([]Organization, error) {
	d := fixtureReader{newReader(r, options), visitor, make(seenIDs), make(seenIDs)}
	var organizations []Organization
	err := d.document(func() error {
		begin := len(d.bad)
		given, _, err := readFields(&d.decoder, &organizations, nil, func(name string) (known bool, err error) {
			if name != "organizations" {
				return false, nil
			}
			return true, d.list(func(i int) error {
				o, err := d.organization(i)
				organizations = append(organizations, o)
				return err
			})
		})
		if err == nil {
			d.explain(begin, given, []string{"organizations"}, nil)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	return organizations, nil
}

// fixtureReader reads organizations.
type fixtureReader struct {
	*reader
	visitor             Visitor
	organizations, keys seenIDs
}

var organizationFields = []field[Organization]{
	text("id", func(o *Organization) *string { return &o.ID }),
}

func (d fixtureReader) organization(i int) (Organization, error) {
	var o Organization
	consumers, distributions := make(seenIDs), make(seenIDs)
	begin := len(d.bad)
	given, ok, err := readFields(&d.decoder, &o, organizationFields, func(name string) (known bool, err error) {
		switch name {
		case "publishableKeys":
			o.PublishableKeys, err = d.apiKeys(consumer.PublishableKey)
			return true, err
		case "secretKeys":
			o.SecretKeys, err = d.apiKeys(consumer.SecretKey)
			return true, err
		case "consumers":
			return true, d.list(func(int) error {
				c, err := d.consumer(consumers)
				if visit, err := d.mayVisit(err); !visit {
					return err
				}
				return d.visitor.Consumer(i, c)
			})
		case "distributions":
			return true, d.list(func(int) error {
				record, err := d.distribution(distributions)
				if visit, err := d.mayVisit(err); !visit {
					return err
				}
				return d.visitor.Distribution(i, record)
			})
		}
		return false, nil
	})
	if err != nil || !ok {
		return o, err
	}
	var broken []consumer.FieldError
	if !consumer.ValidID(o.ID) {
		broken = append(broken, consumer.FieldError{Field: "id", Message: "must be an id: 1 to 128 characters of A-Z a-z 0-9 . _ : ~ -, and neither . nor .."})
	} else if !d.organizations.add(o.ID) {
		broken = append(broken, consumer.FieldError{Field: "id", Message: "is a duplicate: the organization appears before"})
	}
	d.explain(begin, given, []string{"id"}, broken)
	return o, nil
}

// mayVisit reports whether the record that was just read may go to the visitor, and if not,
// whether reading goes on.
func (d fixtureReader) mayVisit(err error) (bool, error) {
	switch {
	case err != nil:
		return false, err
	case d.full():
		return false, errEnough
	}
	return len(d.bad) == 0, nil
}

func (d fixtureReader) apiKeys(kind consumer.APIKeyKind) ([]string, error) {
	var keys []string
	err := d.list(func(int) error {
		if d.tokens.PeekKind() != '"' {
			return d.refuse(mustBeText)
		}
		value, err := d.tokens.ReadValue()
		if err != nil {
			return err
		}
		key := unquote(value)
		switch got, err := d.options.CheckAPIKey(key); {
		case err != nil:
			d.report(err.Error())
		case got != kind:
			d.report(fmt.Sprintf("must be a %s key", kind))
		case !d.keys.add(key):
			d.report("is a duplicate: the key appears before")
		}
		keys = append(keys, key)
		return nil
	})
	return keys, err
}

// Batch returns the records of the organization as one write. API keys are not part of it.
func (o Organization) Batch() consumer.Batch {
	return Records{o.Consumers, o.Distributions}.Batch(o.ID)
}
