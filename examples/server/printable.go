package main

import (
	"strconv"
	"strings"
	"unicode"
)

// maxPrinted bounds the length of an error message.
const maxPrinted = 6000

// printable returns a text that is safe to print on one line of a terminal. A file or a
// database may be the origin of a part of it, so control characters are escaped and the
// length is bounded.
func printable(text string) string {
	lines := strings.FieldsFunc(text, func(r rune) bool { return r == '\n' || r == '\r' })
	var b strings.Builder
	for _, r := range strings.Join(lines, "; ") {
		if b.Len() >= maxPrinted {
			b.WriteString("…")
			break
		}
		if unicode.IsGraphic(r) {
			b.WriteRune(r)
		} else {
			b.WriteString(strings.Trim(strconv.QuoteRuneToASCII(r), "'"))
		}
	}
	return b.String()
}
