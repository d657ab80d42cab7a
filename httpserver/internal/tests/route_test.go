package tests_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Paths and methods are checked before credentials. No request here has any.
func TestRoutesBeforeCredentials(t *testing.T) {
	const notFound, notAllowed = `{"error":"Not found"}`, `{"error":"Method not allowed"}`
	for name, test := range map[string]struct {
		method, path string
		status       int
		body         string
	}{
		"the bare prefix is not found":                  {"GET", prefix, 404, notFound},
		"the prefix with a slash is not found":          {"GET", prefix + "/", 404, notFound},
		"a trailing slash after me is another path":     {"GET", prefix + "/me/", 404, notFound},
		"a trailing slash after an id is another path":  {"GET", prefix + "/cons_1/", 404, notFound},
		"a path below an id is not found":               {"GET", prefix + "/cons_1/x", 404, notFound},
		"a doubled slash is not cleaned":                {"GET", prefix + "//me", 404, notFound},
		"dot segments are not cleaned":                  {"GET", prefix + "/x/../me", 404, notFound},
		"another prefix is not found":                   {"GET", "/api/v2/consumers/me", 404, notFound},
		"the root is not found":                         {"GET", "/", 404, notFound},
		"an encoded slash doesn't make the prefix":      {"GET", "/api/v1%2Fconsumers/me", 404, notFound},
		"an unknown path is not found for any method":   {"DELETE", prefix + "/cons_1/x", 404, notFound},
		"OPTIONS of an unknown path is not found":       {"OPTIONS", prefix, 404, notFound},
		"POST to me is not allowed":                     {"POST", prefix + "/me", 405, notAllowed},
		"DELETE of an id is not allowed":                {"DELETE", prefix + "/cons_1", 405, notAllowed},
		"a method in another case is another method":    {"get", prefix + "/me", 405, notAllowed},
		"an invented method is not allowed":             {"BREW", prefix + "/me", 405, notAllowed},
		"OPTIONS of me needs no credentials":            {"OPTIONS", prefix + "/me", 204, ""},
		"OPTIONS of an id needs no credentials":         {"OPTIONS", prefix + "/cons_1", 204, ""},
		"me needs credentials":                          {"GET", prefix + "/me", 401, ""},
		"an encoded me is me":                           {"GET", prefix + "/%6de", 401, ""},
		"an id needs credentials":                       {"GET", prefix + "/cons_1", 401, ""},
		"ME is an id":                                   {"GET", prefix + "/ME", 401, ""},
		"an id with an encoded slash needs credentials": {"GET", prefix + "/a%2Fb", 401, ""},
		"dots as an id need credentials":                {"GET", prefix + "/..", 401, ""},
	} {
		t.Run(name, func(t *testing.T) {
			response := newWorld(t).do(test.method, test.path)
			if response.StatusCode != test.status {
				t.Errorf("status %d, want %d", response.StatusCode, test.status)
			}
			if test.body != "" {
				if diff := cmp.Diff(test.body, body(t, response)); diff != "" {
					t.Errorf("body (-want +got):\n%s", diff)
				}
			}
			if response.Header.Get("Location") != "" {
				t.Error("redirected")
			}
			if allow := response.Header.Get("Allow"); (test.status == 405 || test.status == 204) != (allow == "GET, HEAD, OPTIONS") {
				t.Errorf("Allow: %q", allow)
			}
		})
	}
}

// The handlers work on any mux and under any prefix, together and one by one.
func TestMounts(t *testing.T) {
	w := newWorld(t)
	api := w.api
	const custom = "/shop/api/v2/people"

	together := http.NewServeMux()
	together.Handle(custom, api.Handler(custom))
	together.Handle(custom+"/", api.Handler(custom))

	stripped := http.NewServeMux()
	stripped.Handle("/shop/", http.StripPrefix("/shop", api.Handler("/api/v2/people")))

	slashes := http.NewServeMux()
	slashes.Handle("/", api.Handler("shop/api/v2/people/"))

	alone := http.NewServeMux()
	alone.Handle(custom+"/me", api.Me())
	alone.Handle(custom+"/{id}", api.Consumer())

	for name, mux := range map[string]http.Handler{
		"together": together, "stripped prefix": stripped, "slashes around the prefix": slashes, "alone": alone,
		"with a middleware that wraps the writer": wrapping(together),
	} {
		t.Run(name, func(t *testing.T) {
			for path, headers := range map[string][]string{
				custom + "/me":     {"X-Publishable-Key", publishable, "Authorization", "Bearer " + w.token(org, "cons_1")},
				custom + "/cons_1": {"Authorization", "Bearer " + secret},
			} {
				if response := do(mux, "GET", path, headers...); response.StatusCode != 200 || !strings.Contains(body(t, response), `"id":"cons_1"`) {
					t.Errorf("GET %s: %d", path, response.StatusCode)
				}
				if response := do(mux, "POST", path); response.StatusCode != 405 {
					t.Errorf("POST %s: %d", path, response.StatusCode)
				}
			}
		})
	}
	t.Run("at the root", func(t *testing.T) {
		if response := do(api.Handler(""), "GET", "/cons_1", "Authorization", "Bearer "+secret); response.StatusCode != 200 {
			t.Errorf("status %d", response.StatusCode)
		}
	})
	t.Run("a look-up on a pattern without an id finds nobody", func(t *testing.T) {
		if response := do(api.Consumer(), "GET", "/x", "Authorization", "Bearer "+secret); response.StatusCode != 404 {
			t.Errorf("status %d", response.StatusCode)
		}
	})
}

// wrapping returns a middleware that hides the ResponseWriter.
func wrapping(next http.Handler) http.Handler {
	type counted struct{ http.ResponseWriter }
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { next.ServeHTTP(counted{w}, r) })
}

// Over a connection, a response to HEAD has the header of GET and no body.
func TestHEADOverAConnection(t *testing.T) {
	w := newWorld(t)
	server := httptest.NewServer(w)
	defer server.Close()
	get := overConnection(t, w, server, "GET")
	head := overConnection(t, w, server, "HEAD")
	if text := body(t, head); text != "" {
		t.Errorf("HEAD has a body of %d bytes", len(text))
	}
	for _, h := range []http.Header{get.Header, head.Header} {
		h.Del("X-Request-Id")
		h.Del("Date")
	}
	if diff := cmp.Diff(get.Header, head.Header); diff != "" {
		t.Errorf("headers of GET and HEAD (-get +head):\n%s", diff)
	}
}

func overConnection(t *testing.T, w *world, server *httptest.Server, method string) *http.Response {
	t.Helper()
	r, err := http.NewRequest(method, server.URL+prefix+"/me", nil)
	must(t, err)
	r.Header.Set("X-Publishable-Key", publishable)
	r.Header.Set("Authorization", "Bearer "+w.token(org, "cons_1"))
	response, err := server.Client().Do(r)
	must(t, err)
	t.Cleanup(func() { _ = response.Body.Close() })
	if response.StatusCode != 200 {
		t.Fatalf("%s: %d", method, response.StatusCode)
	}
	return response
}
