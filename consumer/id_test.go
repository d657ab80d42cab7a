package consumer_test

import (
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/rejoinhq/rejoin/consumer"
)

const idAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._:~-"

func TestValidID(t *testing.T) {
	cases := []struct {
		name string
		id   string
		want bool
	}{
		{"empty", "", false},
		{"one character", "a", true},
		{"the whole alphabet", idAlphabet, true},
		{"128 characters", strings.Repeat("x", 128), true},
		{"129 characters", strings.Repeat("x", 129), false},
		{"a dot, which is a path", ".", false},
		{"two dots, which are a path", "..", false},
		{"three dots", "...", true},
		{"me, which only a consumer cannot be", "me", true},
		{"a slash", "a/b", false},
		{"a space", "a b", false},
		{"a space at the end", "a ", false},
		{"a newline at the end", "a\n", false},
		{"NUL", "a\x00", false},
		{"a per cent sign", "a%20b", false},
		{"a letter outside ASCII", "é", false},
		{"a Cyrillic letter that looks like one of ASCII", "\u0430", false},
		{"invalid UTF-8", "a\xff", false},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if got := consumer.ValidID(c.id); got != c.want {
				t.Errorf("got %v, want %v", got, c.want)
			}
		})
	}
}

func TestEveryByteOfAnIDIsOfTheAlphabet(t *testing.T) {
	for b := range 256 {
		s := "x" + string([]byte{byte(b)})
		if got, want := consumer.ValidID(s), strings.IndexByte(idAlphabet, byte(b)) >= 0; got != want {
			t.Errorf("byte %#x: got %v, want %v", b, got, want)
		}
	}
}

func TestAnyStringIsAnIDExactlyByTheRule(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.OneOf(rapid.String(), rapid.StringMatching(`[A-Za-z0-9._:~-]{0,130}`)).Draw(t, "s")
		want := s != "" && len(s) <= 128 && s != "." && s != ".." && strings.Trim(s, idAlphabet) == ""
		if got := consumer.ValidID(s); got != want {
			t.Errorf("got %v, want %v", got, want)
		}
	})
}
