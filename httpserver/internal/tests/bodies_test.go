package tests_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/rejoinhq/rejoin/httpserver"
	"github.com/rejoinhq/rejoin/httpserver/probe"
)

// sendRaw sends text over a connection of its own and returns the connection.
func sendRaw(t *testing.T, server *httptest.Server, text string) net.Conn {
	t.Helper()
	connection, err := net.Dial("tcp", server.Listener.Addr().String())
	must(t, err)
	t.Cleanup(func() { _ = connection.Close() })
	must(t, connection.SetDeadline(time.Now().Add(time.Minute)))
	_, err = io.WriteString(connection, text)
	must(t, err)
	return connection
}

// Every handler decides about a request's body by the same rules. No second request is read
// from the bytes of a body.
func TestBodies(t *testing.T) {
	w := newWorld(t, withStreams)
	mux := http.NewServeMux()
	mux.Handle("/healthz", probe.Health())
	readiness, err := probe.NewReadiness(probe.ReadinessOptions{})
	must(t, err)
	mux.Handle("/readyz", readiness)
	mux.Handle("/openapi.json", w.api.OpenAPI(prefix))
	mux.Handle("/", w.Handler)
	other := http.NewServeMux()
	other.HandleFunc("/metrics", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "metrics") })
	mux.Handle("/metrics", httpserver.DiscardBody(other))
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)

	consumers := "X-Publishable-Key: " + publishable + "\r\nAuthorization: Bearer " + w.token(org, "cons_1") + "\r\n"
	servers := "Authorization: Bearer " + secret + "\r\n"
	smuggled := "GET " + prefix + "/me HTTP/1.1\r\nHost: a\r\n" + consumers + "\r\n"
	const unwanted = `{"error":"Bad request","message":"A GET request must not have a body."}`
	for _, route := range []struct {
		path, headers string
		get, post     string // the ordinary responses
	}{
		{prefix + "/me", consumers, "200 {", "405 {"},
		{prefix + "/me", "", "401 {", "405 {"},
		{prefix + "/cons_1", servers, "200 {", "405 {"},
		{prefix + "/cons_1", "", "401 {", "405 {"},
		{prefix + "/me/events", "", "401 {", "405 {"},
		{"/openapi.json", "", "200 {", "405 {"},
		{"/healthz", "", "200 {", "405 {"},
		{"/readyz", "", "200 {", "405 {"},
		{"/metrics", "", "200 metrics", "200 metrics"},
		{"/nowhere", "", "404 {", "404 {"},
	} {
		refused := "400 " + unwanted
		if route.path == "/nowhere" {
			refused = route.get // the path comes first
		}
		for name, test := range map[string]struct {
			method, headers, body string
			want                  string
			closes                bool
		}{
			"no body":                         {"GET", "", "", route.get, false},
			"Content-Length: 0":               {"GET", "Content-Length: 0\r\n", "", route.get, false},
			"nothing in chunks":               {"GET", "Transfer-Encoding: chunked\r\n", "0\r\n\r\n", route.get, true},
			"nothing in chunks with a length": {"GET", "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", "0\r\n\r\n" + smuggled, route.get, true},
			"a body":                          {"GET", fmt.Sprintf("Content-Length: %d\r\n", len(smuggled)), smuggled, refused, true},
			"an absent body":                  {"GET", "Content-Length: 5\r\n", "", refused, true},
			"a chunk":                         {"GET", "Transfer-Encoding: chunked\r\n", fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", len(smuggled), smuggled), refused, true},
			"an absent chunk":                 {"GET", "Transfer-Encoding: chunked\r\n", "", refused, true},
			"POST":                            {"POST", "", "", route.post, false},
			"POST with a body":                {"POST", "Content-Length: 5\r\n", "12345", route.post, true},
			"POST with an absent body":        {"POST", "Content-Length: 5\r\n", "", route.post, true},
			"POST in chunks":                  {"POST", "Transfer-Encoding: chunked\r\n", "5\r\n12345\r\n0\r\n\r\n", route.post, true},
			"POST with an absent chunk":       {"POST", "Transfer-Encoding: chunked\r\n", "", route.post, true},
		} {
			t.Run(fmt.Sprintf("%s (%t)/%s", route.path, route.headers != "", name), func(t *testing.T) {
				t.Parallel()
				headers := route.headers + test.headers
				if !test.closes {
					headers += "Connection: close\r\n"
				}
				connection := sendRaw(t, server, test.method+" "+route.path+" HTTP/1.1\r\nHost: a\r\n"+headers+"\r\n"+test.body)
				reader := bufio.NewReader(connection)
				response, err := http.ReadResponse(reader, nil)
				must(t, err)
				text := body(t, response)
				if got := fmt.Sprintf("%d %s", response.StatusCode, text); !strings.HasPrefix(got, test.want) {
					t.Errorf("response %.200s, want %s", got, test.want)
				}
				if strings.HasPrefix(test.want, "400") && response.Header.Get("X-Request-Id") == "" {
					t.Error("no X-Request-Id")
				}
				if !response.Close {
					t.Error("the connection is kept")
				}
				if strings.Contains(name, "absent") {
					return // the server waits for it
				}
				if rest, err := io.ReadAll(reader); err != nil || len(rest) > 0 {
					t.Errorf("then %d more bytes, %v", len(rest), err)
				}
			})
		}
	}
}

// A handler behind DiscardBody may read what it wants, and a connection is kept after a
// body that was read.
func TestDiscardBodyLeavesBodiesToTheHandler(t *testing.T) {
	server := httptest.NewServer(httpserver.DiscardBody(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(w, r.Body)
	})))
	t.Cleanup(server.Close)
	connection := sendRaw(t, server, strings.Repeat("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n12345", 2))
	reader := bufio.NewReader(connection)
	for range 2 {
		response, err := http.ReadResponse(reader, nil)
		must(t, err)
		if text := body(t, response); text != "12345" {
			t.Errorf("response %q", text)
		}
	}
}
