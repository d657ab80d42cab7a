package recordjson

import (
	"slices"
	"strconv"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/rejoinhq/rejoin/consumer"
)

// field is one member of the JSON object of a record.
type field[R any] struct {
	name string
	// set reads a string, number or boolean into the record. It returns what the
	// field must be if the value is of another JSON type.
	set func(record *R, value jsontext.Value) (problem string)
}

const (
	mustBeText   = "must be a string"
	mustBeTime   = "must be a time in RFC 3339 with a zone, such as 2024-12-01T09:05:00Z"
	mustBeNumber = "must be a whole number"
)

func text[R any, S ~string](name string, in func(*R) *S) field[R] {
	return field[R]{name: name, set: func(record *R, value jsontext.Value) string {
		if value.Kind() != '"' {
			return mustBeText
		}
		*in(record) = S(unquote(value))
		return ""
	}}
}

func optionalText[R any, S ~string](name string, in func(*R) **S) field[R] {
	return field[R]{name: name, set: func(record *R, value jsontext.Value) string {
		if value.Kind() != '"' {
			return mustBeText
		}
		*in(record) = new(S(unquote(value)))
		return ""
	}}
}

func moment[R any](name string, in func(*R) *time.Time) field[R] {
	return field[R]{name: name, set: func(record *R, value jsontext.Value) string {
		t, ok := parseTime(value)
		if !ok {
			return mustBeTime
		}
		*in(record) = t
		return ""
	}}
}

func optionalMoment[R any](name string, in func(*R) **time.Time) field[R] {
	return field[R]{name: name, set: func(record *R, value jsontext.Value) string {
		t, ok := parseTime(value)
		if !ok {
			return mustBeTime
		}
		*in(record) = &t
		return ""
	}}
}

func optionalNumber[R any](name string, in func(*R) **int64) field[R] {
	return field[R]{name: name, set: func(record *R, value jsontext.Value) string {
		n, err := strconv.ParseInt(string(value), 10, 64)
		if err != nil {
			return mustBeNumber
		}
		*in(record) = &n
		return ""
	}}
}

// unquote returns the text of a JSON string, which the decoder has checked.
func unquote(value jsontext.Value) string {
	text, _ := jsontext.AppendUnquote(nil, value)
	return string(text)
}

func parseTime(value jsontext.Value) (t time.Time, ok bool) {
	if value.Kind() != '"' {
		return time.Time{}, false
	}
	return t, t.UnmarshalText([]byte(unquote(value))) == nil
}

// fieldsGiven are the fields that an object has, in the order of the input, without the
// unknown ones beyond the bound of bad fields.
type fieldsGiven []fieldGiven

type fieldGiven struct {
	name string
	// null says that the value is null, as if the field were left out.
	null bool
	// bad says that the field was reported, and repeated that it was as a duplicate.
	bad, repeated bool
	// reported is the number of bad fields that the decoder had after this one was read.
	reported int
}

func (g fieldsGiven) find(name string) *fieldGiven {
	if i := slices.IndexFunc(g, func(f fieldGiven) bool { return f.name == name }); i >= 0 {
		return &g[i]
	}
	return nil
}

// has reports whether the object has the field, with another value than null.
func (g fieldsGiven) has(name string) bool {
	f := g.find(name)
	return f != nil && !f.null
}

// readFields reads the members of an object into a record. The value of a name that is not
// among fields goes to other, which returns false for an unknown name. If there is no
// object, readFields reports that and returns false.
func readFields[R any](d *decoder, record *R, fields []field[R], other func(name string) (known bool, err error)) (given fieldsGiven, ok bool, err error) {
	ok, err = d.object(func(name string) error {
		if first := given.find(name); first != nil && first.repeated {
			return d.skip()
		} else if first != nil {
			first.bad, first.repeated = true, true
			return d.refuse("appears twice in the same object")
		}
		g := fieldGiven{name: name, null: d.tokens.PeekKind() == 'n'}
		before := len(d.bad)
		if i := slices.IndexFunc(fields, func(f field[R]) bool { return f.name == name }); i >= 0 {
			if err := readField(d, record, fields[i]); err != nil {
				return err
			}
			g.bad = len(d.bad) > before
		} else {
			known, err := other(name)
			if err != nil {
				return err
			}
			if !known {
				if d.full() {
					return d.skip() // there may be any number of them
				}
				if err := d.refuse("is not a field of the format"); err != nil {
					return err
				}
			}
		}
		g.reported = len(d.bad)
		given = append(given, g)
		return nil
	})
	return given, ok, err
}

func readField[R any](d *decoder, record *R, f field[R]) error {
	switch kind := d.tokens.PeekKind(); {
	case kind == 'n':
		return d.skip()
	case kind == '{', kind == '[':
		return d.refuse(f.set(record, jsontext.Value("null"))) // says what the field must be
	}
	value, err := d.tokens.ReadValue()
	if err != nil {
		return err
	}
	if problem := f.set(record, value); problem != "" {
		d.report(problem)
	}
	return nil
}

// explain reports what is wrong with the values of an object, which began when the decoder
// had begin bad fields. The problem of a field that the object has goes to the place of
// that field. A required field that is missing comes last.
func (d *decoder) explain(begin int, given fieldsGiven, required []string, broken []consumer.FieldError) {
	var problems []consumer.FieldError
	add := func(b consumer.FieldError) {
		problems = append(problems, consumer.FieldError{Field: d.pathTo(b.Field), Message: b.Message})
	}
	next := begin
	for _, g := range given {
		problems = append(problems, d.bad[next:g.reported]...)
		next = g.reported
		i := slices.IndexFunc(broken, func(b consumer.FieldError) bool { return b.Field == g.name })
		if i >= 0 && !g.null && !g.bad {
			add(broken[i])
		}
	}
	problems = append(problems, d.bad[next:]...)
	for _, name := range required {
		if !given.has(name) {
			add(consumer.FieldError{Field: name, Message: "is required"})
		}
	}
	for _, b := range broken {
		if !given.has(b.Field) && !slices.Contains(required, b.Field) {
			add(b)
		}
	}
	d.bad = append(d.bad[:begin], problems...)
	d.bad = d.bad[:min(len(d.bad), d.maxErrors)]
}
