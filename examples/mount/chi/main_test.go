package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/go-chi/chi/v5/middleware"

	"github.com/rejoinhq/rejoin/examples/mount/internal/demo"
)

// open serves the router on a connection, as chi's wrapped writers need one.
func open(t *testing.T) (*demo.Shop, *httptest.Server) {
	t.Helper()
	shop, err := demo.Open(t.Context())
	must(t, err)
	t.Cleanup(func() { must(t, shop.Close()) })
	authenticator, err := shop.Authenticator()
	must(t, err)
	router, err := newRouter(shop.Store, authenticator)
	must(t, err)
	server := httptest.NewServer(router)
	t.Cleanup(server.Close)
	return shop, server
}

func TestRouter(t *testing.T) {
	logs := captureLog(t)
	shop, server := open(t)
	consumer := []string{"X-Publishable-Key", demo.PublishableKey, "Authorization", "Bearer " + shop.Token}
	backend := []string{"Authorization", "Bearer " + demo.SecretKey}
	allowed := []string{"Origin", "https://shop.example.com"}
	preflight := append([]string{
		"Access-Control-Request-Method", "GET", "Access-Control-Request-Headers", "authorization,x-publishable-key",
	}, allowed...)
	_, first, _ := get(t, server, "GET", prefix+"/me", consumer...)

	for name, test := range map[string]struct {
		method, path string
		headers      []string
		status       int
		body         string
		header       [2]string // a name and what its value is
	}{
		"the service's own route":     {"GET", "/health", nil, 200, "ok\n", [2]string{}},
		"the consumer's document":     {"GET", prefix + "/me", consumer, 200, `"position":7`, [2]string{"Cache-Control", "private, no-cache"}},
		"never compressed":            {"GET", prefix + "/me", append([]string{"Accept-Encoding", "gzip"}, consumer...), 200, `"position":7`, [2]string{"Content-Encoding", ""}},
		"HEAD":                        {"HEAD", prefix + "/me", consumer, 200, "", [2]string{"ETag", first.Get("ETag")}},
		"a conditional request":       {"GET", prefix + "/me", append([]string{"If-None-Match", first.Get("ETag")}, consumer...), 304, "", [2]string{"ETag", first.Get("ETag")}},
		"a server's look-up":          {"GET", prefix + "/cons_1", backend, 200, `"id":"cons_1"`, [2]string{"Vary", "Authorization"}},
		"a look-up of nobody":         {"GET", prefix + "/cons_2", backend, 404, `{"error":"Consumer not found"}`, [2]string{}},
		"no credentials":              {"GET", prefix + "/me", nil, 401, `{"error":"Authentication required"`, [2]string{"WWW-Authenticate", `Bearer realm="consumers"`}},
		"the bare prefix":             {"GET", prefix, consumer, 404, `{"error":"Not found"}`, [2]string{}},
		"the prefix with a slash":     {"GET", prefix + "/", consumer, 404, `{"error":"Not found"}`, [2]string{}},
		"a path below":                {"GET", prefix + "/me/x", consumer, 404, `{"error":"Not found"}`, [2]string{}},
		"an encoded slash":            {"GET", prefix + "/a%2Fb", backend, 404, `{"error":"Consumer not found"}`, [2]string{}},
		"another method":              {"DELETE", prefix + "/me", consumer, 405, `{"error":"Method not allowed"}`, [2]string{"Allow", "GET, HEAD, OPTIONS"}},
		"OPTIONS":                     {"OPTIONS", prefix + "/me", nil, 204, "", [2]string{"Allow", "GET, HEAD, OPTIONS"}},
		"a preflight":                 {"OPTIONS", prefix + "/me", preflight, 204, "", [2]string{"Access-Control-Allow-Origin", "https://shop.example.com"}},
		"a browser's request":         {"GET", prefix + "/me", append(allowed, consumer...), 200, `"position":7`, [2]string{"Access-Control-Allow-Origin", "https://shop.example.com"}},
		"no browser at the look-up":   {"GET", prefix + "/cons_1", append(allowed, backend...), 200, `"id":"cons_1"`, [2]string{"Access-Control-Allow-Origin", ""}},
		"the caller's own request id": {"GET", prefix + "/me", append([]string{middleware.RequestIDHeader, "ours-1"}, consumer...), 200, "", [2]string{middleware.RequestIDHeader, "ours-1"}},
	} {
		t.Run(name, func(t *testing.T) {
			status, header, body := get(t, server, test.method, test.path, test.headers...)
			if status != test.status || !strings.Contains(body, test.body) {
				t.Errorf("%d %s", status, body)
			}
			if name, want := test.header[0], test.header[1]; name != "" && header.Get(name) != want {
				t.Errorf("%s: %q, want %q", name, header.Get(name), want)
			}
		})
	}

	// chi's log and the answer have one id, also when the caller sent none.
	if id := first.Get(middleware.RequestIDHeader); id == "" || !strings.Contains(logs.String(), id) {
		t.Errorf("the log doesn't know the request id %q", id)
	}
	if strings.Contains(logs.String(), shop.Token) || strings.Contains(logs.String(), demo.SecretKey) {
		t.Error("the log has a credential")
	}
}

// The event stream goes through chi's wrapped writer at once.
func TestRouterStreams(t *testing.T) {
	captureLog(t)
	shop, server := open(t)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second) // it takes milliseconds
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, server.URL+prefix+"/me/events", nil)
	must(t, err)
	r.Header.Set("X-Publishable-Key", demo.PublishableKey)
	r.Header.Set("Authorization", "Bearer "+shop.Token)
	response, err := server.Client().Do(r)
	must(t, err)
	defer response.Body.Close()
	lines := bufio.NewScanner(response.Body)
	for _, position := range []int64{7, 6, 5} {
		if want := fmt.Sprintf(`"position":%d,`, position); !scanTo(lines, want) {
			t.Fatalf("the stream ends before %s: %v", want, lines.Err())
		}
		_, err := shop.Store.Write(ctx, demo.InQueueAt(position-1, time.Now()))
		must(t, err)
	}
}

// scanTo reports whether a line comes that has a text.
func scanTo(lines *bufio.Scanner, text string) bool {
	for lines.Scan() {
		if strings.Contains(lines.Text(), text) {
			return true
		}
	}
	return false
}

// captureLog gives chi's logger another place to write to.
func captureLog(t *testing.T) *bytes.Buffer {
	t.Helper()
	var logs bytes.Buffer
	was := middleware.DefaultLogger
	middleware.DefaultLogger = middleware.RequestLogger(&middleware.DefaultLogFormatter{Logger: log.New(&logs, "", 0), NoColor: true})
	t.Cleanup(func() { middleware.DefaultLogger = was })
	return &logs
}

// get sends a request with headers given as name, value, name, value.
func get(t *testing.T, server *httptest.Server, method, path string, headers ...string) (status int, header http.Header, body string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, server.URL+path, nil)
	must(t, err)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Add(headers[i], headers[i+1])
	}
	response, err := server.Client().Do(r)
	must(t, err)
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	must(t, err)
	return response.StatusCode, response.Header, string(text)
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
