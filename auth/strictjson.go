package auth

import (
	"bytes"
	"errors"
	"io"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"
)

// maxJSONDepth bounds the nesting below the outermost object of a token's part or of a key.
// Nothing that is accepted needs more than one level.
const maxJSONDepth = 16

// errJSON has no detail, because the errors of package jsontext quote their input.
var errJSON = errors.New("not one strict JSON object")

// objectReader reads JSON objects. The zero value is ready for use. It may be used again and
// again, and then allocates nothing.
type objectReader struct {
	input   bytes.Buffer
	decoder jsontext.Decoder
}

// each calls visit for every member of the one JSON object in data. It refuses everything
// that parsers are known to disagree about: a name that is repeated, at any level; invalid
// UTF-8 and lone surrogates; deep nesting; a number that a float64 cannot hold; anything but
// white space after the object.
func (r *objectReader) each(data []byte, visit visitor) error {
	return r.walk(data, func(name []byte, value jsontext.Value) error {
		if !shallow(value) {
			return errJSON
		}
		return visit(name, value)
	})
}

// visitor receives a member of an object. The name is unescaped. Both are parts of the data,
// unless the name has escapes.
type visitor func(name []byte, value jsontext.Value) error

// walk is like each, but what it refuses is up to the options.
func (r *objectReader) walk(data []byte, visit visitor, options ...jsontext.Options) error {
	r.input = *bytes.NewBuffer(data)
	r.decoder.Reset(&r.input, options...)
	if token, err := r.decoder.ReadToken(); err != nil || token.Kind() != '{' {
		return errJSON
	}
	for r.decoder.PeekKind() != '}' {
		quoted, err := r.value(data)
		if err != nil {
			return err
		}
		name, ok := textOf(quoted)
		if !ok {
			return errJSON
		}
		value, err := r.value(data)
		if err != nil {
			return err
		}
		if err := visit(name, value); err != nil {
			return err
		}
	}
	if _, err := r.decoder.ReadToken(); err != nil {
		return errJSON
	}
	if _, err := r.decoder.ReadToken(); err != io.EOF {
		return errJSON
	}
	return nil
}

// value reads the next value and returns the part of data that it is. The decoder's own copy
// is valid until the next read only.
func (r *objectReader) value(data []byte) (jsontext.Value, error) {
	value, err := r.decoder.ReadValue()
	if err != nil {
		return nil, errJSON
	}
	end := int(r.decoder.InputOffset())
	return data[end-len(value) : end], nil
}

// elements returns copies of the elements of a valid array, and false for another value.
func elements(array jsontext.Value, options ...jsontext.Options) ([]jsontext.Value, bool) {
	decoder := jsontext.NewDecoder(bytes.NewBuffer(array), options...)
	if token, err := decoder.ReadToken(); err != nil || token.Kind() != '[' {
		return nil, false
	}
	var values []jsontext.Value
	for decoder.PeekKind() != ']' {
		value, err := decoder.ReadValue()
		if err != nil {
			return nil, false
		}
		values = append(values, value.Clone())
	}
	return values, true
}

// shallow reports whether a valid value is nested at most maxJSONDepth deep and all its
// numbers fit a float64.
func shallow(value jsontext.Value) bool {
	open := 0
	for i := 0; i < len(value); {
		switch c := value[i]; {
		case c == '"':
			i += stringLength(value[i:])
			continue
		case c == '{' || c == '[':
			if open++; open > maxJSONDepth {
				return false
			}
		case c == '}' || c == ']':
			open--
		case c == '-' || '0' <= c && c <= '9':
			n := numberLength(value[i:])
			if _, ok := number(value[i : i+n]); !ok {
				return false
			}
			i += n
			continue
		}
		i++
	}
	return true
}

// stringLength returns the length of the JSON string at the start of valid JSON.
func stringLength(data []byte) int {
	for i := 1; ; i++ {
		switch data[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
}

// numberLength returns the length of the JSON number at the start of valid JSON.
func numberLength(data []byte) int {
	end := bytes.IndexAny(data, ",]} \t\r\n")
	if end < 0 {
		return len(data)
	}
	return end
}

// number returns the value of a JSON number, and false for any other JSON value and for a
// number that no float64 holds.
func number(value jsontext.Value) (float64, bool) {
	if value.Kind() != '0' {
		return 0, false
	}
	n, err := strconv.ParseFloat(string(value), 64)
	return n, err == nil
}

// textOf returns the text of a valid JSON string, and false for any other value. It is a part
// of the value, unless that has escapes.
func textOf(value jsontext.Value) ([]byte, bool) {
	if value.Kind() != '"' {
		return nil, false
	}
	if bytes.IndexByte(value, '\\') < 0 {
		return value[1 : len(value)-1], true
	}
	text, err := jsontext.AppendUnquote(nil, value)
	return text, err == nil
}

// stringOf is like textOf but returns a string.
func stringOf(value jsontext.Value) (string, bool) {
	text, ok := textOf(value)
	return string(text), ok
}

// stringsOf returns the texts of an array of JSON strings, or of one string, and false for
// any other value.
func stringsOf(value jsontext.Value) ([]string, bool) {
	if text, ok := stringOf(value); ok {
		return []string{text}, true
	}
	all, ok := elements(value)
	if !ok {
		return nil, false
	}
	texts := make([]string, len(all))
	for i := range all {
		if texts[i], ok = stringOf(all[i]); !ok {
			return nil, false
		}
	}
	return texts, true
}
