package auth

import (
	"bytes"
	"errors"
	"io"

	"github.com/go-json-experiment/json/jsontext"
)

// maxJSONDepth bounds the nesting below the outermost object, of a token's parts and of
// a key. None that we accept has more than one level.
const maxJSONDepth = 16

// errJSON has no detail, because a JSON error quotes its input.
var errJSON = errors.New("not one strict JSON object")

// eachMember calls visit for every member of the one JSON object in data, and refuses
// what parsers are known to disagree about: names given twice at any level, invalid
// UTF-8 and lone surrogates, deep nesting, anything but white space after the object.
// Names are compared exactly, after their escapes are resolved.
func eachMember(data []byte, visit func(name string, value jsontext.Value) error) error {
	decoder := jsontext.NewDecoder(bytes.NewBuffer(data)) // strict by default
	return walkObject(decoder, func(name string, value jsontext.Value) error {
		if depth(value) > maxJSONDepth {
			return errJSON
		}
		return visit(name, value)
	})
}

// walkObject calls visit for every member of the one object that the decoder reads. The
// value is valid until visit returns.
func walkObject(decoder *jsontext.Decoder, visit func(name string, value jsontext.Value) error) error {
	if token, err := decoder.ReadToken(); err != nil || token.Kind() != '{' {
		return errJSON
	}
	for {
		token, err := decoder.ReadToken()
		if err != nil {
			return errJSON
		}
		if token.Kind() == '}' {
			break
		}
		name := token.String() // a copy: the next read overwrites the token
		value, err := decoder.ReadValue()
		if err != nil {
			return errJSON
		}
		if err := visit(name, value); err != nil {
			return err
		}
	}
	if _, err := decoder.ReadToken(); err != io.EOF {
		return errJSON
	}
	return nil
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

// depth is how many arrays and objects lie inside each other in a valid value.
func depth(value jsontext.Value) int {
	deepest, open, inString := 0, 0, false
	for i := 0; i < len(value); i++ {
		switch c := value[i]; {
		case inString && c == '\\':
			i++
		case c == '"':
			inString = !inString
		case inString:
		case c == '{' || c == '[':
			open++
			deepest = max(deepest, open)
		case c == '}' || c == ']':
			open--
		}
	}
	return deepest
}

// stringOf returns the text of a JSON string, and false for any other value.
func stringOf(value jsontext.Value) (string, bool) {
	if value.Kind() != '"' {
		return "", false
	}
	text, err := jsontext.AppendUnquote(nil, value)
	return string(text), err == nil
}
