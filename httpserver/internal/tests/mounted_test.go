package tests_test

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rejoinhq/rejoin/httpserver"
)

// foreignPrefix is the prefix under which another service mounts the handlers.
const foreignPrefix = "/shop/api/v2/consumers"

// The response writers of middleware, by the methods that they add to those of the
// interface that they embed.
type (
	withUnwrap  struct{ http.ResponseWriter }
	withFlush   struct{ http.ResponseWriter }
	withNeither struct{ http.ResponseWriter }
)

func (w withUnwrap) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func (w withFlush) Flush() { _ = http.NewResponseController(w.ResponseWriter).Flush() }

type foreignWriter func(http.ResponseWriter) http.ResponseWriter

var foreignWriters = map[string]foreignWriter{
	"a writer with Unwrap":     func(w http.ResponseWriter) http.ResponseWriter { return withUnwrap{w} },
	"a writer with only Flush": func(w http.ResponseWriter) http.ResponseWriter { return withFlush{w} },
	"a writer with neither":    func(w http.ResponseWriter) http.ResponseWriter { return withNeither{w} },
}

// loggedWriter records the status.
type loggedWriter struct {
	http.ResponseWriter
	status int
}

func (w *loggedWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func (w *loggedWriter) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

// abroad returns another service with the handlers mounted: on a mux with another route,
// inside a middleware that sets headers, logs, and wraps the response writer. It passes the
// status of each response to log.
func abroad(api *httpserver.API, wrap foreignWriter, log func(status int)) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /shop/{$}", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "the shop") })
	mux.Handle(foreignPrefix, api.Handler(foreignPrefix))
	mux.Handle(foreignPrefix+"/", api.Handler(foreignPrefix))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Strict-Transport-Security", "max-age=63072000")
		w.Header().Set("Vary", "Accept-Encoding")
		logged := &loggedWriter{w, http.StatusOK}
		mux.ServeHTTP(wrap(logged), r)
		log(logged.status)
	})
}

// serve serves a handler over connections until the test ends.
func serve(t *testing.T, handler http.Handler) *httptest.Server {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return server
}

// The responses are the same with every middleware's response writer, and the headers of the
// middleware are kept.
func TestMountedAbroad(t *testing.T) {
	const origin = "https://shop.example.com"
	w := newWorld(t, withOrigins(origin), func(o *httpserver.Options) { o.Changes = &fakeFeed{} })
	alone := serve(t, w.api.Handler(foreignPrefix))

	me := []string{"X-Publishable-Key", publishable, "Authorization", "Bearer " + w.token(org, "cons_1")}
	nobody := []string{"X-Publishable-Key", publishable, "Authorization", "Bearer " + w.token(org, "cons_9")}
	server := []string{"Authorization", "Bearer " + secret}
	with := func(headers []string, more ...string) []string { return slices.Concat(headers, more) }
	etag := w.me().Header.Get("ETag")
	for rule, wrap := range foreignWriters {
		log := make(chan int, 1)
		service := serve(t, abroad(w.api, wrap, func(status int) { log <- status }))
		for name, test := range map[string]struct {
			method, path string
			headers      []string
			status       int
		}{
			"the document":              {"GET", "/me", me, 200},
			"the document's header":     {"HEAD", "/me", me, 200},
			"a document that is known":  {"GET", "/me", with(me, "If-None-Match", etag), 304},
			"the same by HEAD":          {"HEAD", "/me", with(me, "If-None-Match", etag), 304},
			"a document that was known": {"GET", "/me", with(me, "If-None-Match", `"another"`), 200},
			"a browser's document":      {"GET", "/me", with(me, "Origin", origin), 200},
			"another origin's document": {"GET", "/me", with(me, "Origin", "https://other.example"), 200},
			"a preflight": {"OPTIONS", "/me", []string{
				"Origin", origin, "Access-Control-Request-Method", "GET",
				"Access-Control-Request-Headers", "authorization,x-publishable-key",
			}, 204},
			"the look-up":                    {"GET", "/cons_1", server, 200},
			"the look-up's header":           {"HEAD", "/cons_1", server, 200},
			"a look-up of nobody":            {"GET", "/cons_2", server, 404},
			"a look-up of an impossible id":  {"GET", "/a%2Fb", server, 404},
			"a document without credentials": {"GET", "/me", nil, 401},
			"a look-up without credentials":  {"GET", "/cons_1", nil, 401},
			"a look-up with a consumer's":    {"GET", "/cons_1", me, 401},
			"a stream without credentials":   {"GET", "/me/events", nil, 401},
			"a stream of nobody":             {"GET", "/me/events", nobody, 404},
			"a stream by another method":     {"POST", "/me/events", me, 405},
			"the methods of the stream":      {"OPTIONS", "/me/events", nil, 204},
			"a preflight of the stream": {"OPTIONS", "/me/events", []string{
				"Origin", origin, "Access-Control-Request-Method", "GET",
				"Access-Control-Request-Headers", "authorization,last-event-id,x-publishable-key",
			}, 204},
			"a path below the stream":          {"GET", "/me/events/x", me, 404},
			"the bare prefix":                  {"GET", "", me, 404},
			"the prefix with a slash":          {"GET", "/", me, 404},
			"a path below the document":        {"GET", "/me/x", me, 404},
			"a method that nobody has":         {"BREW", "/me", me, 405},
			"a method that the look-up hasn't": {"DELETE", "/cons_1", server, 405},
			"the methods of the document":      {"OPTIONS", "/me", nil, 204},
			"the methods of the look-up":       {"OPTIONS", "/cons_1", nil, 204},
		} {
			t.Run(rule+"/"+name, func(t *testing.T) {
				path := foreignPrefix + test.path
				want := send(t, alone, test.method, path, test.headers...)
				got := send(t, service, test.method, path, test.headers...)
				if logged := <-log; got.StatusCode != test.status || logged != test.status {
					t.Errorf("status %d and %d in the log, want %d", got.StatusCode, logged, test.status)
				}
				if diff := cmp.Diff(body(t, want), body(t, got)); diff != "" {
					t.Errorf("body (-alone +mounted):\n%s", diff)
				}
				expected := lasting(want)
				expected.Set("Strict-Transport-Security", "max-age=63072000")
				expected["Vary"] = append([]string{"Accept-Encoding"}, expected["Vary"]...)
				if diff := cmp.Diff(expected, lasting(got)); diff != "" {
					t.Errorf("header (-alone +mounted):\n%s", diff)
				}
			})
		}
		t.Run(rule+"/the service's own route", func(t *testing.T) {
			got := body(t, send(t, service, "GET", "/shop/"))
			if logged := <-log; got != "the shop" || logged != 200 {
				t.Errorf("response %q, and %d in the log", got, logged)
			}
		})
	}
}

// A body that doesn't arrive doesn't delay the response, even if a writer hides the
// connection's deadline.
func TestMountedAbroadNobodyWaitsForABody(t *testing.T) {
	w := newWorld(t)
	for rule, wrap := range foreignWriters {
		log := make(chan int, 1)
		service := serve(t, abroad(w.api, wrap, func(status int) { log <- status }))
		for method, status := range map[string]int{"GET": 400, "POST": 405, "OPTIONS": 204} {
			t.Run(rule+"/"+method, func(t *testing.T) {
				connection, err := net.Dial("tcp", service.Listener.Addr().String())
				must(t, err)
				defer connection.Close()
				must(t, connection.SetDeadline(time.Now().Add(5*time.Second))) // the response arrives long before
				_, err = io.WriteString(connection, method+" "+foreignPrefix+"/me HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n")
				must(t, err)
				response, err := http.ReadResponse(bufio.NewReader(connection), nil)
				must(t, err)
				if logged := <-log; response.StatusCode != status || !response.Close || logged != status {
					t.Errorf("status %d and %d in the log, want %d and the connection's end", response.StatusCode, logged, status)
				}
			})
		}
	}
}

// lasting returns a response's header without the fields that are always different.
func lasting(r *http.Response) http.Header {
	header := withoutRequestID(r.Header)
	header.Del("Date")
	return header
}

// send sends a request with headers given as name, value, name, value.
func send(t *testing.T, server *httptest.Server, method, path string, headers ...string) *http.Response {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, server.URL+path, nil)
	must(t, err)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Add(headers[i], headers[i+1])
	}
	response, err := server.Client().Do(r)
	must(t, err)
	t.Cleanup(func() { _ = response.Body.Close() })
	return response
}
