package tests_test

import (
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/google/go-cmp/cmp"
)

func TestDescriptionIsServedForItsPrefix(t *testing.T) {
	w := newWorld(t)
	written, err := os.ReadFile("../../openapi.json")
	must(t, err)
	for name, test := range map[string]struct{ prefix, server string }{
		"the usual one":                   {prefix, prefix},
		"another":                         {"/shop/api/v2/consumers", "/shop/api/v2/consumers"},
		"without slash in front":          {"shop", "/shop"},
		"with a slash at the end":         {"/shop/", "/shop"},
		"the root":                        {"", "/"},
		"characters that a URL escapes":   {"/é \"x\"", "/%C3%A9%20%22x%22"},
		"braces, which would be template": {"/{tenant}", "/%7Btenant%7D"},
		"invalid UTF-8":                   {"/\xff", "/%FF"},
	} {
		t.Run(name, func(t *testing.T) {
			response := do(w.api.OpenAPI(test.prefix), "GET", "/openapi.json")
			if response.StatusCode != 200 {
				t.Fatalf("status %d", response.StatusCode)
			}
			text := body(t, response)
			document, err := openapi3.NewLoader().LoadFromData([]byte(text))
			must(t, err)
			if len(document.Servers) != 1 || document.Servers[0].URL != test.server {
				t.Errorf("servers %v, want %s", document.Servers, test.server)
			}
			want := strings.Replace(string(written), `"`+prefix+`"`, `"`+test.server+`"`, 1)
			if diff := cmp.Diff(want, text); diff != "" {
				t.Errorf("more than the server changed (-want +got):\n%s", diff)
			}
		})
	}
}

func TestDescriptionIsPublicAndCached(t *testing.T) {
	h := newWorld(t).api.OpenAPI(prefix)
	first := do(h, "GET", "/openapi.json", "Origin", "https://tools.example")
	etag := first.Header.Get("ETag")
	for name, test := range map[string]struct {
		method  string
		headers []string
		status  int
		body    bool
		cache   string
	}{
		"GET":                  {"GET", nil, 200, true, "public, max-age=300"},
		"HEAD":                 {"HEAD", nil, 200, true, "public, max-age=300"}, // net/http drops the body
		"a copy is still good": {"GET", []string{"If-None-Match", etag}, 304, false, "public, max-age=300"},
		"OPTIONS":              {"OPTIONS", nil, 204, false, ""},
		"another method":       {"POST", nil, 405, true, "no-store"},
	} {
		t.Run(name, func(t *testing.T) {
			response := do(h, test.method, "/openapi.json", test.headers...)
			if response.StatusCode != test.status || response.Header.Get("Cache-Control") != test.cache || (body(t, response) != "") != test.body {
				t.Errorf("status %d, Cache-Control %q", response.StatusCode, response.Header.Get("Cache-Control"))
			}
			if response.Header.Get("X-Request-Id") == "" {
				t.Error("no X-Request-Id")
			}
		})
	}
	t.Run("headers", func(t *testing.T) {
		got := withoutRequestID(first.Header)
		got.Del("Content-Length")
		want := http.Header{
			"Access-Control-Allow-Origin": {"*"},
			"Cache-Control":               {"public, max-age=300"},
			"Content-Type":                {"application/json; charset=utf-8"},
			"Etag":                        {etag},
			"X-Content-Type-Options":      {"nosniff"},
		}
		if diff := cmp.Diff(want, got); diff != "" || etag == "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
	t.Run("another prefix is another document", func(t *testing.T) {
		if other := do(newWorld(t).api.OpenAPI("/shop"), "GET", "/openapi.json"); other.Header.Get("ETag") == etag {
			t.Error("the same ETag")
		}
	})
}

// The description is valid OpenAPI 3.1, and every example matches its schema.
func TestDescriptionIsValid(t *testing.T) {
	document, err := described()
	must(t, err)
	must(t, document.Validate(t.Context()))
}
