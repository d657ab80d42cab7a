package main

import (
	"errors"
	"fmt"
	"io"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/rejoinhq/rejoin/consumer"
)

// fixtureReader reads the fixture format as a stream: no more than one consumer is in
// memory at a time, so that a file may be larger than it.
type fixtureReader struct {
	decoder *jsontext.Decoder
	// visit is given each consumer as soon as it is read. Its organization's id may
	// stand behind it in the file, and is not known then.
	visit func(organization, position int, c *fixtureConsumer) error
}

// fixtureOrganization is what a file says of an organization itself.
type fixtureOrganization struct {
	ID              string
	PublishableKeys []string
	SecretKeys      []string
	// Consumers is filled only by who collects them.
	Consumers []fixtureConsumer
}

// fixtureConsumer is a consumer with everything that is recorded about it.
type fixtureConsumer struct {
	consumer.Consumer
	Participations []consumer.Participation `json:"participations"`
	Admissions     []consumer.Admission     `json:"admissions"`
}

// exact makes names exact, and keeps unknown ones from going unnoticed. The decoder
// itself refuses a name that stands twice, and text that is not UTF-8.
var exact = json.RejectUnknownMembers(true)

var errUnknownField = errors.New("is not a field of the format")

// readOrganizations reads a whole document.
func readOrganizations(r io.Reader, visit func(organization, position int, c *fixtureConsumer) error) ([]fixtureOrganization, error) {
	f := &fixtureReader{jsontext.NewDecoder(r), visit}
	var all []fixtureOrganization
	found := false
	err := f.object(func(name string) error {
		if name != "organizations" {
			return f.unknown()
		}
		found = true
		return f.list(func(i int) error {
			o, err := f.organization(i)
			all = append(all, o)
			return err
		})
	})
	if err != nil {
		return nil, describeJSONError(err)
	}
	if _, err := f.decoder.ReadToken(); err != io.EOF {
		return nil, errors.New("something stands behind the JSON document")
	}
	if !found {
		return nil, errors.New("organizations is missing")
	}
	return all, nil
}

func (f *fixtureReader) organization(i int) (fixtureOrganization, error) {
	var o fixtureOrganization
	err := f.object(func(name string) error {
		switch name {
		case "id":
			return json.UnmarshalDecode(f.decoder, &o.ID)
		case "publishableKeys":
			return json.UnmarshalDecode(f.decoder, &o.PublishableKeys)
		case "secretKeys":
			return json.UnmarshalDecode(f.decoder, &o.SecretKeys)
		case "consumers":
			return f.list(func(j int) error {
				var c fixtureConsumer
				if err := json.UnmarshalDecode(f.decoder, &c, exact); err != nil {
					return err
				}
				return f.visit(i, j, &c)
			})
		}
		return f.unknown()
	})
	return o, err
}

// object reads an object; member reads each value.
func (f *fixtureReader) object(member func(name string) error) error {
	if err := f.begin('{', "an object"); err != nil {
		return err
	}
	for f.decoder.PeekKind() != '}' {
		name, err := f.decoder.ReadToken()
		if err != nil {
			return err
		}
		if err := member(name.String()); err != nil {
			return err
		}
	}
	_, err := f.decoder.ReadToken()
	return err
}

// list reads an array, or null, which is an empty one; element reads each value.
func (f *fixtureReader) list(element func(i int) error) error {
	if f.decoder.PeekKind() == 'n' {
		return f.decoder.SkipValue()
	}
	if err := f.begin('[', "a list"); err != nil {
		return err
	}
	for i := 0; f.decoder.PeekKind() != ']'; i++ {
		if err := element(i); err != nil {
			return err
		}
	}
	_, err := f.decoder.ReadToken()
	return err
}

func (f *fixtureReader) begin(want jsontext.Kind, form string) error {
	token, err := f.decoder.ReadToken()
	if err != nil {
		return err
	}
	if token.Kind() != want {
		return fmt.Errorf("%s must be %s", fieldPath(f.decoder.StackPointer()), form)
	}
	return nil
}

func (f *fixtureReader) unknown() error {
	return fmt.Errorf("%s %w", fieldPath(f.decoder.StackPointer()), errUnknownField)
}
