package event

import (
	"bytes"
	"cmp"
	"errors"
	"io"
	"slices"
	"strconv"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/rejoinhq/rejoin/consumer"
)

var (
	// ErrIgnored reports an event of a type that says nothing about a record.
	ErrIgnored = errors.New("event type has no effect")

	// ErrMalformed reports a body that is not one JSON object.
	ErrMalformed = errors.New("event is not one JSON object")
)

// Parse decodes one event in the form in which it is delivered:
//
//	{"id": "…", "type": "…", "timestamp": "…", "organizationId": "…", "data": {…}}
//
// Parse reads the fields that the type of the event uses and ignores all others. A field
// that is null counts as absent. Names are case-sensitive.
//
// Parse returns [ErrMalformed] if the body is not one JSON object, a
// [*consumer.ValidationError] that names every field that is missing or invalid, such as
// data.queueId, in the order of the body with missing fields last, or [ErrIgnored] with an
// Event that has only its id, type and organization.
func Parse(body []byte) (Event, error) {
	envelope, err := readObject(body, "id", "type", "organizationId", "data")
	if err != nil {
		return Event{}, err
	}
	r := &reader{object: envelope}
	e := Event{ID: r.id("id"), Type: Type(r.text("type")), OrganizationID: r.id("organizationId")}
	if len(r.errors) == 0 && !e.Type.Known() {
		return e, ErrIgnored
	}
	value, given := envelope.value("data")
	switch {
	case !given:
		r.missing("data")
	case value.Kind() != '{':
		r.fail("data", "must be an object")
	case e.Type.Known():
		data, err := readObject(value, dataFields...)
		if err != nil {
			return Event{}, err
		}
		below := &reader{object: data, prefix: "data."}
		below.readData(&e)
		r.errors = append(r.errors, below.inOrder(envelope.at("data"))...)
	}
	if fields := r.fieldErrors(); len(fields) > 0 {
		return Event{}, &consumer.ValidationError{Fields: fields}
	}
	return e, nil
}

// Organization returns the organizationId of a body, for a receiver that must know whose
// secret verifies the signature before it believes anything else. It reports false if the
// body is not one JSON object with exactly one organizationId that can be an id.
func Organization(body []byte) (string, bool) {
	envelope, err := readObject(body, "organizationId")
	if err != nil {
		return "", false
	}
	r := &reader{object: envelope}
	id := r.id("organizationId")
	return id, len(r.errors) == 0
}

// dataFields are all names that some type uses.
var dataFields = []string{
	"consumerId", "queueId", "drawId", "auctionId", "orderId", "experienceId", "sequenceId",
	"enteredAt", "admittedAt", "completedAt", "leftAt", "deniedAt", "wonAt", "lostAt", "bidTime", "outbidAt", "settledAt", "createdAt",
	"position", "admissionToken", "paymentToken", "expiresAt", "reason",
	"bidId", "bidAmount", "isHighestBid", "winnerId", "email", "phone", "fullName",
}

// readData reads the fields that the type uses.
func (r *reader) readData(e *Event) {
	shape := shapes[e.Type]
	if !shape.withoutConsumer {
		e.ConsumerID = r.consumerID("consumerId")
	}
	if shape.id != "" {
		e.SubjectID = r.id(shape.id)
	}
	if !shape.withoutSequence {
		e.ExperienceID, e.SequenceID = r.id("experienceId"), r.id("sequenceId")
	}
	e.At = r.moment(shape.moment)
	if shape.token != "" {
		e.Token = r.text(shape.token)
		e.ExpiresAt = optional(r, "expiresAt", r.moment)
	}
	switch e.Type {
	case QueueEntered:
		e.Position = optional(r, "position", r.count)
	case QueueAdmitted:
		e.EnteredAt = optional(r, "enteredAt", r.moment)
	case QueueDenied:
		e.DenyReason = optional(r, "reason", r.text)
	case BidPlaced:
		e.BidID = r.id("bidId")
		e.BidAmount = r.amount("bidAmount")
		if highest := optional(r, "isHighestBid", r.boolean); highest != nil {
			e.HighestBid = *highest
		}
	case AuctionSettled:
		e.WinnerID = optional(r, "winnerId", r.consumerID)
	case ConsumerCreated:
		e.Email = optional(r, "email", r.email)
		e.Phone = optional(r, "phone", r.phone)
		e.FullName = optional(r, "fullName", r.text)
	}
}

// object is one JSON object, reduced to the fields that are used.
type object struct {
	fields map[string]field
	end    int
}

type field struct {
	value    jsontext.Value
	at       int // in the order of the object
	repeated bool
}

// readObject reads an object and keeps the named fields.
func readObject(text []byte, names ...string) (object, error) {
	decoder := jsontext.NewDecoder(bytes.NewReader(text), jsontext.AllowDuplicateNames(true))
	o := object{fields: make(map[string]field)}
	if token, err := decoder.ReadToken(); err != nil || token.Kind() != '{' {
		return object{}, ErrMalformed
	}
	for ; decoder.PeekKind() != '}'; o.end++ {
		token, err := decoder.ReadToken()
		if err != nil {
			return object{}, ErrMalformed
		}
		name := token.String()
		value, err := decoder.ReadValue()
		if err != nil {
			return object{}, ErrMalformed
		}
		if !slices.Contains(names, name) {
			continue
		}
		_, repeated := o.fields[name]
		o.fields[name] = field{value.Clone(), o.end, repeated}
	}
	if _, err := decoder.ReadToken(); err != nil {
		return object{}, ErrMalformed
	}
	if _, err := decoder.ReadToken(); err != io.EOF {
		return object{}, ErrMalformed
	}
	return o, nil
}

// value returns the value of a field. A field that is null is not given.
func (o object) value(name string) (jsontext.Value, bool) {
	f, found := o.fields[name]
	return f.value, found && (f.value.Kind() != 'n' || f.repeated)
}

// at returns the place of a field, after all others if it is missing.
func (o object) at(name string) int {
	if f, found := o.fields[name]; found {
		return f.at
	}
	return o.end
}

// reader reads typed fields of an object and collects what is wrong with them. After an
// error a method returns the zero value.
type reader struct {
	object object
	prefix string
	errors []fieldError
}

// fieldError is an error with its place in the body.
type fieldError struct {
	consumer.FieldError
	at int
}

func (r *reader) fail(name, message string) {
	r.errors = append(r.errors, fieldError{consumer.FieldError{Field: r.prefix + name, Message: message}, r.object.at(name)})
}

func (r *reader) missing(name string) { r.fail(name, "is missing") }

// inOrder returns the errors in the order of the object, placed at one place of an
// enclosing object.
func (r *reader) inOrder(at int) []fieldError {
	sorted := slices.Clone(r.errors)
	slices.SortStableFunc(sorted, func(a, b fieldError) int { return cmp.Compare(a.at, b.at) })
	for i := range sorted {
		sorted[i].at = at
	}
	return sorted
}

func (r *reader) fieldErrors() []consumer.FieldError {
	var fields []consumer.FieldError
	for _, e := range r.inOrder(0) {
		fields = append(fields, e.FieldError)
	}
	return fields
}

// optional reads a field that may be absent.
func optional[T any](r *reader, name string, read func(string) T) *T {
	if _, given := r.object.value(name); !given {
		return nil
	}
	return new(read(name))
}

// read returns the value of a required field of a kind, or reports what is wrong.
func (r *reader) read(name string, message string, kinds ...jsontext.Kind) (jsontext.Value, bool) {
	value, given := r.object.value(name)
	switch {
	case !given:
		r.missing(name)
		return nil, false
	case r.object.fields[name].repeated:
		r.fail(name, "occurs more than once")
		return nil, false
	case !slices.Contains(kinds, value.Kind()):
		r.fail(name, message)
		return nil, false
	}
	return value, true
}

const (
	messageText   = "must be a string that is neither empty nor contains NUL"
	messageID     = "must be an id: 1 to 128 characters of A-Z a-z 0-9 . _ : ~ -, and neither . nor .."
	messageMoment = "must be a time in RFC 3339 form in the years 1 to 9999"
	messageCount  = "must be a whole number from 0 to 9007199254740991"
	messageAmount = "must be a string with a plain decimal: up to 12 digits, and up to 8 more after a point"
)

// maxCount is the largest whole number that every JSON reader keeps exactly, 2^53-1.
const maxCount = 1<<53 - 1

func (r *reader) text(name string) string {
	value, ok := r.read(name, messageText, '"')
	if !ok {
		return ""
	}
	text, err := jsontext.AppendUnquote(nil, value)
	if err != nil || len(text) == 0 || bytes.IndexByte(text, 0) >= 0 {
		r.fail(name, messageText)
		return ""
	}
	return string(text)
}

// parsed reads a string and has it judged.
func (r *reader) parsed(name, message string, valid func(string) bool) string {
	value, ok := r.read(name, message, '"')
	if !ok {
		return ""
	}
	text, err := jsontext.AppendUnquote(nil, value)
	if err != nil || !valid(string(text)) {
		r.fail(name, message)
		return ""
	}
	return string(text)
}

func (r *reader) id(name string) string { return r.parsed(name, messageID, consumer.ValidID) }

func (r *reader) consumerID(name string) string {
	id := r.id(name)
	if id == "me" {
		r.fail(name, "must not be me, which is the path of the caller itself")
		return ""
	}
	return id
}

// email and phone have rules of their own, which those of a profile state.

func (r *reader) email(name string) string {
	return r.ofProfile(name, func(c *consumer.Consumer, text *string) { c.Email = text })
}

func (r *reader) phone(name string) string {
	return r.ofProfile(name, func(c *consumer.Consumer, text *string) { c.Phone = text })
}

// ofProfile reads a string that a profile may have in the field that set sets.
func (r *reader) ofProfile(name string, set func(*consumer.Consumer, *string)) string {
	text := r.text(name)
	if text == "" {
		return ""
	}
	valid := time.Unix(0, 0)
	profile := consumer.Consumer{OrganizationID: "o", ID: "c", CreatedAt: valid, UpdatedAt: valid}
	set(&profile, &text)
	var invalid *consumer.ValidationError
	if errors.As(profile.Validate(), &invalid) {
		r.fail(name, invalid.Fields[0].Message)
		return ""
	}
	return text
}

func (r *reader) amount(name string) consumer.Amount {
	return consumer.Amount(r.parsed(name, messageAmount, func(s string) bool { return consumer.Amount(s).Valid() }))
}

// moment reads a time and truncates it to microseconds in UTC, as records keep it.
func (r *reader) moment(name string) time.Time {
	var at time.Time
	r.parsed(name, messageMoment, func(s string) bool {
		// UnmarshalText is strict about RFC 3339, as time.Parse is not.
		if at.UnmarshalText([]byte(s)) != nil {
			return false
		}
		at = at.UTC().Truncate(time.Microsecond)
		return !at.IsZero() && 1 <= at.Year() && at.Year() <= 9999
	})
	return at
}

func (r *reader) count(name string) int64 {
	value, ok := r.read(name, messageCount, '0')
	if !ok {
		return 0
	}
	n, err := strconv.ParseInt(string(value), 10, 64)
	if err != nil || n < 0 || n > maxCount {
		r.fail(name, messageCount)
		return 0
	}
	return n
}

func (r *reader) boolean(name string) bool {
	value, _ := r.read(name, "must be true or false", 't', 'f')
	return value.Kind() == 't'
}
