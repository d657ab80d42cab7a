package observe_test

import (
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"

	"github.com/rejoinhq/rejoin/httpserver/internal/observe"
)

func TestRequestID(t *testing.T) {
	longest := strings.Repeat("a", 64)
	for name, test := range map[string]struct {
		given []string
		kept  bool
	}{
		"every character":     {[]string{"AZaz09._-"}, true},
		"one character":       {[]string{"0"}, true},
		"64 characters":       {[]string{longest}, true},
		"65 characters":       {[]string{longest + "a"}, false},
		"none":                {nil, false},
		"an empty one":        {[]string{""}, false},
		"two":                 {[]string{"a", "b"}, false},
		"a space":             {[]string{"a b"}, false},
		"a slash":             {[]string{"a/b"}, false},
		"a colon":             {[]string{"a:b"}, false},
		"an at sign":          {[]string{"a@b"}, false},
		"a bracket":           {[]string{"a[b"}, false},
		"a backquote":         {[]string{"a`b"}, false},
		"a brace":             {[]string{"a{b"}, false},
		"a letter past ASCII": {[]string{"é"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			r := httptest.NewRequest("GET", "/", nil)
			r.Header["X-Request-Id"] = test.given
			w := httptest.NewRecorder()
			id := observe.SetRequestID(w, r)
			if got := w.Header()["X-Request-Id"]; len(got) != 1 || got[0] != id {
				t.Errorf("returned %q, set %q", id, got)
			}
			if kept := len(test.given) > 0 && id == test.given[0]; kept != test.kept {
				t.Errorf("given %q, returned %q", test.given, id)
			}
		})
	}
}

// A new id is 24 characters, each of which can be every digit.
func TestNewRequestIDs(t *testing.T) {
	form := regexp.MustCompile("^[0-9a-hjkmnp-tv-z]{24}$")
	var seen [24]map[byte]bool
	for i := range seen {
		seen[i] = make(map[byte]bool)
	}
	for range 2000 { // a digit is missing somewhere with a probability below 1e-24
		id := observe.SetRequestID(httptest.NewRecorder(), &http.Request{})
		if !form.MatchString(id) {
			t.Fatalf("id %q", id)
		}
		for i := range seen {
			seen[i][id[i]] = true
		}
	}
	for i := range seen {
		if len(seen[i]) != 32 {
			t.Errorf("position %d takes %d digits", i, len(seen[i]))
		}
	}
}

// An id that looks like a credential is withheld from the log, not from the response.
func TestLoggableRequestID(t *testing.T) {
	for id, want := range map[string]string{
		"pk_live_0123456789":         "withheld",
		"sk_test_0123456789":         "withheld",
		"whsec_0123456789":           "withheld",
		"eyJhbGciOiJFZERTQSJ9.e30.x": "withheld",
		"task_sk_1":                  "task_sk_1",
		"eyjafjalla":                 "eyjafjalla",
	} {
		r := httptest.NewRequest("GET", "/", nil)
		r.Header.Set("X-Request-Id", id)
		w := httptest.NewRecorder()
		if got := observe.SetRequestID(w, r); got != id {
			t.Errorf("the response to %q has %q", id, got)
		}
		if got := observe.LoggableRequestID(w.Header()); got != want {
			t.Errorf("%q is logged as %q", id, got)
		}
	}
	if got := observe.LoggableRequestID(http.Header{}); got != "" {
		t.Errorf("no id is logged as %q", got)
	}
}
