package main

import (
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/rejoinhq/rejoin/auth"
	"github.com/rejoinhq/rejoin/consumer"
)

// readFixture reads and checks a whole file, so that nothing is written of a bad one.
// Its errors name the file and every bad field.
func readFixture(path string) ([]fixtureOrganization, error) {
	file, _, err := openRegular(path)
	if err != nil {
		return nil, fmt.Errorf("fixture: %w", err) // names the file
	}
	defer file.Close()
	organizations, err := parseFixture(file)
	if err != nil {
		return nil, fmt.Errorf("fixture %s: %w", path, err)
	}
	return organizations, nil
}

func parseFixture(r io.Reader) ([]fixtureOrganization, error) {
	var consumers [][]fixtureConsumer // by organization
	organizations, err := readOrganizations(r, func(i, _ int, c *fixtureConsumer) error {
		for len(consumers) <= i {
			consumers = append(consumers, nil)
		}
		consumers[i] = append(consumers[i], *c)
		return nil
	})
	if err != nil {
		return nil, err
	}
	for i := range consumers {
		organizations[i].Consumers = consumers[i]
	}
	return organizations, checkFixture(organizations)
}

// batch is everything in the organizations as one write.
func batch(organizations []fixtureOrganization, now time.Time) consumer.Batch {
	var b consumer.Batch
	for _, o := range organizations {
		b.APIKeys = append(b.APIKeys, apiKeys(o.ID, consumer.PublishableKey, o.PublishableKeys, now)...)
		b.APIKeys = append(b.APIKeys, apiKeys(o.ID, consumer.SecretKey, o.SecretKeys, now)...)
		for _, c := range o.Consumers {
			c.adopt(o.ID)
			b.Consumers = append(b.Consumers, c.Consumer)
			b.Participations = append(b.Participations, c.Participations...)
			b.Admissions = append(b.Admissions, c.Admissions...)
		}
	}
	return b
}

// apiKeys is what a store may know of keys: their digests.
func apiKeys(organizationID, kind string, keys []string, now time.Time) []consumer.APIKey {
	records := make([]consumer.APIKey, len(keys))
	for i, key := range keys {
		records[i] = consumer.APIKey{OrganizationID: organizationID, Kind: kind, Digest: auth.APIKeyDigest(key), CreatedAt: now}
	}
	return records
}

// adopt writes into the records whose they are, which in the file their place says.
func (c *fixtureConsumer) adopt(organizationID string) {
	c.OrganizationID = organizationID
	for i := range c.Participations {
		c.Participations[i].OrganizationID, c.Participations[i].ConsumerID = organizationID, c.ID
	}
	for i := range c.Admissions {
		c.Admissions[i].OrganizationID, c.Admissions[i].ConsumerID = organizationID, c.ID
	}
}

// fixtureCheck collects what is wrong with a fixture.
type fixtureCheck struct {
	fields []consumer.FieldError
	seen   map[string]bool
}

func checkFixture(organizations []fixtureOrganization) error {
	check := fixtureCheck{seen: make(map[string]bool)}
	for i, o := range organizations {
		check.organization(o, i)
		for j, c := range o.Consumers {
			check.consumer(o.ID, c, consumerPath(i, j))
		}
	}
	return check.err()
}

func consumerPath(organization, position int) string {
	return fmt.Sprintf("organizations[%d].consumers[%d]", organization, position)
}

func (check *fixtureCheck) err() error {
	if len(check.fields) == 0 {
		return nil
	}
	return &consumer.ValidationError{Fields: check.fields}
}

func (check *fixtureCheck) organization(o fixtureOrganization, i int) {
	path := fmt.Sprintf("organizations[%d]", i)
	check.require(consumer.ValidID(o.ID), path+".id", "must be an id")
	check.once("organization", o.ID, path+".id")
	check.keys(o.PublishableKeys, auth.KindPublishable, path+".publishableKeys")
	check.keys(o.SecretKeys, auth.KindSecret, path+".secretKeys")
}

// consumer checks a consumer's records, and that none stands twice. An organization's
// id has its own line.
func (check *fixtureCheck) consumer(organizationID string, c fixtureConsumer, path string) {
	check.record(c.Consumer.Validate(), path)
	key := organizationID + " " + c.ID
	check.once("consumer", key, path+".id")
	for i, p := range c.Participations {
		path := fmt.Sprintf("%s.participations[%d]", path, i)
		check.record(p.Validate(), path)
		check.once("participation", strings.Join([]string{key, string(p.Type), p.ID}, " "), path+".id")
	}
	for i, a := range c.Admissions {
		path := fmt.Sprintf("%s.admissions[%d]", path, i)
		check.record(a.Validate(), path)
		check.once("admission", strings.Join([]string{key, string(a.DistributionType), a.DistributionID}, " "), path+".distributionId")
	}
}

// record takes over what a record says of itself. Whose it is, its place in the file
// says, and is checked there.
func (check *fixtureCheck) record(err error, path string) {
	var invalid *consumer.ValidationError
	if !errors.As(err, &invalid) {
		return
	}
	for _, f := range invalid.Fields {
		if f.Field != "organizationId" && f.Field != "consumerId" {
			check.fields = append(check.fields, consumer.FieldError{Field: path + "." + f.Field, Message: f.Message})
		}
	}
}

func (check *fixtureCheck) keys(keys []string, want auth.APIKeyKind, path string) {
	for i, key := range keys {
		path := fmt.Sprintf("%s[%d]", path, i)
		kind, err := auth.CheckAPIKey(key)
		check.require(err == nil && kind == want, path, fmt.Sprintf("must be a %s key: its prefix, and at least 20 characters in all", want))
		check.once("key", key, path)
	}
}

func (check *fixtureCheck) require(holds bool, path, message string) {
	if !holds {
		check.fields = append(check.fields, consumer.FieldError{Field: path, Message: message})
	}
}

// once refuses the second of a kind.
func (check *fixtureCheck) once(kind, name, path string) {
	check.require(!check.seen[kind+" "+name], path, "stands a second time: the same "+kind)
	check.seen[kind+" "+name] = true
}

// describeJSONError says in the format's words what does not fit, and where. It never
// repeats a value.
func describeJSONError(err error) error {
	var semantic *json.SemanticError
	var syntactic *jsontext.SyntacticError
	switch {
	case errors.As(err, &semantic) && errors.Is(err, json.ErrUnknownName):
		return fmt.Errorf("%s %w", fieldPath(semantic.JSONPointer), errUnknownField)
	case errors.As(err, &semantic):
		return fmt.Errorf("%s must be %s", fieldPath(semantic.JSONPointer), expected(semantic))
	case errors.As(err, &syntactic) && errors.Is(err, jsontext.ErrDuplicateName):
		return fmt.Errorf("%s stands twice in one object", fieldPath(syntactic.JSONPointer))
	case errors.Is(err, io.EOF):
		return errors.New("the file is empty")
	case errors.As(err, &syntactic):
		return fmt.Errorf("is no JSON in UTF-8: %w at byte %d, in %s", syntactic.Err, syntactic.ByteOffset, fieldPath(syntactic.JSONPointer))
	}
	return err
}

func expected(e *json.SemanticError) string {
	if e.GoType == nil {
		return "of another form"
	}
	if e.GoType == reflect.TypeFor[time.Time]() {
		return "a time in RFC 3339 with a zone, such as 2024-12-01T09:05:00Z"
	}
	switch e.GoType.Kind() {
	case reflect.String:
		return "a string"
	case reflect.Int64:
		return "a whole number"
	case reflect.Slice:
		return "a list"
	}
	return "an object"
}

// fieldPath turns a JSON pointer (RFC 6901) into a path as elsewhere in the module,
// such as organizations[0].consumers[2].email.
func fieldPath(pointer jsontext.Pointer) string {
	var path strings.Builder
	for token := range pointer.Tokens() {
		switch {
		case strings.Trim(token, "0123456789") == "":
			path.WriteString("[" + token + "]")
		case path.Len() > 0:
			path.WriteString("." + token)
		default:
			path.WriteString(token)
		}
	}
	if path.Len() == 0 {
		return "the document"
	}
	return path.String()
}
