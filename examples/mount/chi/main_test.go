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
	"os"
	"strings"
	"testing"
	"time"

	"github.com/go-chi/chi/v5/middleware"

	"github.com/rejoinhq/rejoin/storage/sqlite"
)

// open serves the router on a connection, which chi's wrapped writers need.
func open(t *testing.T) (store *sqlite.Store, token string, server *httptest.Server) {
	t.Helper()
	store, err := sqlite.Open(t.Context(), sqlite.Options{Path: sqlite.Memory})
	must(t, err)
	t.Cleanup(func() { must(t, store.Close()) })
	must(t, prepare(t.Context(), store))
	api, token, err := newAPI(store)
	must(t, err)
	t.Cleanup(func() { must(t, api.Close()) })
	server = httptest.NewServer(newRouter(api))
	t.Cleanup(server.Close)
	return store, token, server
}

// TestRun: the program serves until it is interrupted.
func TestRun(t *testing.T) {
	read, write, err := os.Pipe()
	must(t, err)
	stdout := os.Stdout
	os.Stdout = write
	defer func() { os.Stdout = stdout }()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- run(ctx, "127.0.0.1:0") }()
	line := make([]byte, 4096)
	n, err := read.Read(line)
	must(t, err)
	cancel()
	must(t, <-ended)
	if !strings.HasPrefix(string(line[:n]), "curl http://127.0.0.1:") {
		t.Errorf("printed %q", line[:n])
	}
}

func TestRouter(t *testing.T) {
	logs := captureLog(t)
	_, token, server := open(t)
	consumer := []string{"X-Publishable-Key", publishableKey, "Authorization", "Bearer " + token}
	backend := []string{"Authorization", "Bearer " + secretKey}
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
		header       [2]string // a name and its value
	}{
		"the service's own route":          {"GET", "/health", nil, 200, "ok\n", [2]string{}},
		"the consumer's document":          {"GET", prefix + "/me", consumer, 200, `"position":7`, [2]string{"Cache-Control", "private, no-cache"}},
		"never compressed":                 {"GET", prefix + "/me", append([]string{"Accept-Encoding", "gzip"}, consumer...), 200, `"position":7`, [2]string{"Content-Encoding", ""}},
		"HEAD":                             {"HEAD", prefix + "/me", consumer, 200, "", [2]string{"ETag", first.Get("ETag")}},
		"a conditional request":            {"GET", prefix + "/me", append([]string{"If-None-Match", first.Get("ETag")}, consumer...), 304, "", [2]string{"ETag", first.Get("ETag")}},
		"a server's look-up":               {"GET", prefix + "/cons_1", backend, 200, `"id":"cons_1"`, [2]string{"Vary", "Authorization"}},
		"a look-up of an unknown consumer": {"GET", prefix + "/cons_2", backend, 404, `{"error":"Consumer not found"}`, [2]string{}},
		"no credentials":                   {"GET", prefix + "/me", nil, 401, `{"error":"Authentication required"`, [2]string{"WWW-Authenticate", `Bearer realm="consumers"`}},
		"the bare prefix":                  {"GET", prefix, consumer, 404, `{"error":"Not found"}`, [2]string{}},
		"the prefix with a slash":          {"GET", prefix + "/", consumer, 404, `{"error":"Not found"}`, [2]string{}},
		"a path below":                     {"GET", prefix + "/me/x", consumer, 404, `{"error":"Not found"}`, [2]string{}},
		"an encoded slash":                 {"GET", prefix + "/a%2Fb", backend, 404, `{"error":"Consumer not found"}`, [2]string{}},
		"another method":                   {"DELETE", prefix + "/me", consumer, 405, `{"error":"Method not allowed"}`, [2]string{"Allow", "GET, HEAD, OPTIONS"}},
		"OPTIONS":                          {"OPTIONS", prefix + "/me", nil, 204, "", [2]string{"Allow", "GET, HEAD, OPTIONS"}},
		"a preflight":                      {"OPTIONS", prefix + "/me", preflight, 204, "", [2]string{"Access-Control-Allow-Origin", "https://shop.example.com"}},
		"a browser's request":              {"GET", prefix + "/me", append(allowed, consumer...), 200, `"position":7`, [2]string{"Access-Control-Allow-Origin", "https://shop.example.com"}},
		"a browser at the look-up":         {"GET", prefix + "/cons_1", append(allowed, backend...), 200, `"id":"cons_1"`, [2]string{"Access-Control-Allow-Origin", ""}},
		"the request id of the caller":     {"GET", prefix + "/me", append([]string{middleware.RequestIDHeader, "ours-1"}, consumer...), 200, "", [2]string{middleware.RequestIDHeader, "ours-1"}},
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

	// The log of chi and the response have the same id, even if the request has none.
	if id := first.Get(middleware.RequestIDHeader); id == "" || !strings.Contains(logs.String(), id) {
		t.Errorf("the log does not have the request id %q", id)
	}
	if strings.Contains(logs.String(), token) || strings.Contains(logs.String(), secretKey) {
		t.Error("the log has a credential")
	}
}

// TestRouterStreams: events pass chi's wrapped writer without delay.
func TestRouterStreams(t *testing.T) {
	captureLog(t)
	store, token, server := open(t)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second) // it takes milliseconds
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, server.URL+prefix+"/me/events", nil)
	must(t, err)
	r.Header.Set("X-Publishable-Key", publishableKey)
	r.Header.Set("Authorization", "Bearer "+token)
	response, err := server.Client().Do(r)
	must(t, err)
	defer response.Body.Close()
	lines := bufio.NewScanner(response.Body)
	for _, position := range []int64{7, 6, 5} {
		if want := fmt.Sprintf(`"position":%d,`, position); !scanTo(lines, want) {
			t.Fatalf("the stream ends before %s: %v", want, lines.Err())
		}
		_, err := store.Write(ctx, atPosition(position-1, time.Now()))
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

// captureLog redirects chi's logger.
func captureLog(t *testing.T) *bytes.Buffer {
	t.Helper()
	var logs bytes.Buffer
	before := middleware.DefaultLogger
	middleware.DefaultLogger = middleware.RequestLogger(&middleware.DefaultLogFormatter{Logger: log.New(&logs, "", 0), NoColor: true})
	t.Cleanup(func() { middleware.DefaultLogger = before })
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
