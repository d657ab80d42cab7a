package recordjson

import (
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/rejoinhq/rejoin/consumer"
)

// decoder reads tokens and collects bad fields. It knows JSON but none of the records.
type decoder struct {
	tokens    *jsontext.Decoder
	maxErrors int
	// path leads to the value that is read next. When a method returns an error, the path
	// still leads to the value that caused it.
	path []segment
	// bad are the bad fields so far, at most maxErrors.
	bad []consumer.FieldError
}

// segment is one step of a path: a member of an object or an element of an array.
type segment struct {
	name    string
	element bool
	index   int // of an element
}

func newDecoder(r io.Reader, maxErrors int) decoder {
	if maxErrors <= 0 {
		maxErrors = defaultMaxErrors
	}
	// The decoder looks for duplicate names itself, to go on after one.
	return decoder{tokens: jsontext.NewDecoder(r, jsontext.AllowDuplicateNames(true)), maxErrors: maxErrors}
}

var (
	errNested   = fmt.Errorf("has more than %d nested arrays and objects", maxDepth)
	errTrailing = errors.New("has more data after the JSON object")
	errNoObject = errors.New("is not a JSON object")
	// errEnough ends the reading because there are enough bad fields.
	errEnough = errors.New("enough bad fields")
)

// Error returns a text such as "is not JSON in UTF-8 at byte 31, in consumers[0].email".
func (e *SyntaxError) Error() string {
	if e.Offset == 0 {
		return e.Problem
	}
	place := fmt.Sprintf(" at byte %d", e.Offset)
	if e.Field != "" {
		place += ", in " + e.Field
	}
	return e.Problem + place
}

// document reads the whole input with read, which reads one object.
func (d *decoder) document(read func() error) error {
	err := d.oneObject(read)
	if err == nil || err == errEnough {
		if len(d.bad) > 0 {
			return &consumer.ValidationError{Fields: d.bad}
		}
		return nil
	}
	syntax := &SyntaxError{Offset: d.tokens.InputOffset(), Field: d.pathString()}
	var syntactic *jsontext.SyntacticError
	switch {
	case errors.Is(err, errNested), errors.Is(err, errTrailing), errors.Is(err, errNoObject):
		syntax.Problem = err.Error()
	case err == io.EOF:
		syntax.Problem = "is empty"
	case errors.As(err, &syntactic): // its text may quote the input
		syntax.Problem, syntax.Offset = "is not JSON in UTF-8", syntactic.ByteOffset
	default:
		return err
	}
	return syntax
}

func (d *decoder) oneObject(read func() error) error {
	switch kind := d.tokens.PeekKind(); kind {
	case '{':
	case jsontext.KindInvalid:
		_, err := d.tokens.ReadToken()
		return err
	default:
		return errNoObject
	}
	if err := read(); err != nil {
		return err
	}
	_, err := d.tokens.ReadToken()
	switch {
	case err == io.EOF:
		return nil
	case err == nil, errors.As(err, new(*jsontext.SyntacticError)):
		return errTrailing
	}
	return err
}

// report adds the current path to the bad fields.
func (d *decoder) report(problem string) {
	if !d.full() {
		d.bad = append(d.bad, consumer.FieldError{Field: d.pathString(), Message: problem})
	}
}

func (d *decoder) full() bool { return len(d.bad) >= d.maxErrors }

// at calls read with a longer path.
func (d *decoder) at(s segment, read func() error) error {
	d.path = append(d.path, s)
	if err := read(); err != nil {
		return err
	}
	d.path = d.path[:len(d.path)-1]
	return nil
}

// object reads an object and calls member before each of its values, with the path of the
// value. If there is something else, object reports that and returns false.
func (d *decoder) object(member func(name string) error) (ok bool, err error) {
	if d.tokens.PeekKind() != '{' {
		return false, d.refuse("must be an object")
	}
	if _, err := d.token(); err != nil {
		return false, err
	}
	return true, d.members(member)
}

// members reads what is left of an object.
func (d *decoder) members(member func(name string) error) error {
	for d.tokens.PeekKind() != '}' {
		token, err := d.tokens.ReadToken()
		if err != nil {
			return err
		}
		name := token.String()
		if err := d.at(segment{name: name}, func() error { return member(name) }); err != nil {
			return err
		}
	}
	_, err := d.tokens.ReadToken()
	return err
}

// list reads an array and calls element before each of its values, with the path of the
// value. A null is an empty list. If there is something else, list reports that.
func (d *decoder) list(element func(i int) error) error {
	switch d.tokens.PeekKind() {
	case 'n':
		return d.skip()
	case '[':
	default:
		return d.refuse("must be a list")
	}
	if _, err := d.token(); err != nil {
		return err
	}
	for i := 0; d.tokens.PeekKind() != ']'; i++ {
		if err := d.at(segment{element: true, index: i}, func() error { return element(i) }); err != nil {
			return err
		}
	}
	_, err := d.tokens.ReadToken()
	return err
}

// refuse skips a value and reports its path.
func (d *decoder) refuse(problem string) error {
	d.report(problem)
	return d.skip()
}

// skip reads a value of any kind.
func (d *decoder) skip() error {
	depth := d.tokens.StackDepth()
	for {
		if _, err := d.token(); err != nil {
			return err
		}
		if d.tokens.StackDepth() == depth {
			return nil
		}
	}
}

// token reads a token and bounds the depth.
func (d *decoder) token() (jsontext.Token, error) {
	token, err := d.tokens.ReadToken()
	if err == nil && d.tokens.StackDepth() > maxDepth {
		err = errNested
	}
	return token, err
}

func (d *decoder) pathString() string { return pathOf(d.path) }

// pathTo returns the path of a member of the value that the decoder's path leads to.
func (d *decoder) pathTo(name string) string { return pathOf(append(d.path, segment{name: name})) }

func pathOf(segments []segment) string {
	var b strings.Builder
	for _, s := range segments {
		switch {
		case s.element:
			b.WriteString("[" + strconv.Itoa(s.index) + "]")
		case !isPlain(s.name):
			b.WriteString("[" + strconv.QuoteToASCII(shortened(s.name)) + "]")
		case b.Len() > 0:
			b.WriteString("." + s.name)
		default:
			b.WriteString(s.name)
		}
	}
	return b.String()
}
