package journey

import (
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/rejoinhq/rejoin/consumer"
)

// appendComma separates what follows from what stands before it, unless an object or
// array was just opened.
func appendComma(dst []byte) []byte {
	if last := dst[len(dst)-1]; last == '{' || last == '[' {
		return dst
	}
	return append(dst, ',')
}

// appendString quotes s, and escapes no more than JSON requires.
func appendString[S ~string](dst []byte, s S) []byte {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c == '"' || c == '\\' || c >= utf8.RuneSelf {
			dst, _ = jsontext.AppendQuote(dst, s) // it replaces what is not UTF-8, and says so
			return dst
		}
	}
	dst = append(dst, '"')
	dst = append(dst, s...)
	return append(dst, '"')
}

func appendOptionalString(dst []byte, name string, s *string) []byte {
	if s == nil || *s == "" {
		return dst
	}
	return appendString(append(dst, name...), *s)
}

// appendTime appends a time as it is kept, and null for one that RFC 3339 cannot say.
func appendTime(dst []byte, t time.Time) []byte {
	shown, err := kept(t).AppendText(append(dst, '"'))
	if err != nil {
		return append(dst, "null"...)
	}
	return append(shown, '"')
}

// appendOptionalTime leaves such a time out, and the zero moment as well, which no
// valid record has.
func appendOptionalTime(dst []byte, name string, t *time.Time) []byte {
	if t == nil || kept(*t).IsZero() {
		return dst
	}
	shown, err := kept(*t).AppendText(append(append(dst, name...), '"'))
	if err != nil {
		return dst
	}
	return append(shown, '"')
}

func appendInt(dst []byte, n *int64) []byte {
	if n == nil {
		return append(dst, "null"...)
	}
	return strconv.AppendInt(dst, *n, 10)
}

// appendAmount appends the digits as they are. An amount that is none becomes null.
func appendAmount(dst []byte, a *consumer.Amount) []byte {
	if a == nil || !a.Valid() {
		return append(dst, "null"...)
	}
	return append(dst, *a...)
}
