package main

import (
	"bytes"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestParseResponse(t *testing.T) {
	for name, test := range map[string]struct {
		data     string
		status   int
		body     string
		complete bool
	}{
		"a body":                           {"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc", 200, "abc", true},
		"no body":                          {"HTTP/1.1 401 Unauthorized\r\ncontent-length:0\r\nX: y\r\n\r\n", 401, "", true},
		"not modified":                     {"HTTP/1.1 304 Not Modified\r\nETag: \"x\"\r\n\r\n", 304, "", true},
		"not modified, length of the body": {"HTTP/1.1 304 Not Modified\r\nContent-Length: 7\r\n\r\n", 304, "", true},
		"no reason":                        {"HTTP/1.1 204\r\n\r\n", 204, "", true},
		"half a body":                      {"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nab", 200, "ab", false},
		"half a header":                    {"HTTP/1.1 200 OK\r\nContent-Le", 0, "", false},
		"nothing yet":                      {"", 0, "", false},
	} {
		t.Run(name, func(t *testing.T) {
			a, complete, err := parseResponse([]byte(test.data))
			if err != nil || a.status != test.status || string(a.body) != test.body || complete != test.complete {
				t.Errorf("status %d, body %q, complete %t, error %v", a.status, a.body, complete, err)
			}
		})
	}
}

func TestParseResponseRejects(t *testing.T) {
	for name, data := range map[string]string{
		"another protocol":       "HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n",
		"no status":              "HTTP/1.1 \r\n\r\n",
		"a status of letters":    "HTTP/1.1 abc\r\n\r\n",
		"a long status":          "HTTP/1.1 2000\r\n\r\n",
		"an interim response":    "HTTP/1.1 100 Continue\r\n\r\n",
		"no length":              "HTTP/1.1 200 OK\r\n\r\n",
		"chunks":                 "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		"a length of letters":    "HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
		"a length below zero":    "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
		"more than one response": "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nabHTTP/1.1",
	} {
		t.Run(name, func(t *testing.T) {
			if a, complete, err := parseResponse([]byte(data)); err == nil {
				t.Errorf("status %d, body %q, complete %t", a.status, a.body, complete)
			}
		})
	}
}

// TestPartialResponses checks that a prefix of a valid response is neither complete nor an
// error, and that no input makes the parser panic.
func TestPartialResponses(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		body := rapid.SliceOfN(rapid.Byte(), 0, 50).Draw(t, "body")
		data := fmt.Appendf(nil, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
		a, complete, err := parseResponse(data)
		if err != nil || !complete || a.status != 200 || !bytes.Equal(a.body, body) {
			t.Fatalf("status %d, body %q, complete %t, error %v", a.status, a.body, complete, err)
		}
		for n := range data {
			if _, complete, err := parseResponse(data[:n]); err != nil || complete {
				t.Fatalf("the first %d bytes: complete %t, error %v", n, complete, err)
			}
		}
		data[rapid.IntRange(0, len(data)-1).Draw(t, "place")] = rapid.Byte().Draw(t, "another byte")
		_, _, _ = parseResponse(data) // must not panic
	})
}

func TestHeaderValue(t *testing.T) {
	r := response{header: []byte("Date: today\r\nETag: \"a b\" \r\netag: \"c\"\r\nX-ETag: no\r\n")}
	for name, want := range map[string]string{"ETag": `"a b"`, "etag": `"a b"`, "Date": "today", "Tag": "", "X": ""} {
		if got := string(r.headerValue(name)); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
}

// TestSend reads responses of several lengths from a net/http server on one connection.
func TestSend(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		length, err := strconv.Atoi(strings.TrimPrefix(r.URL.Path, "/"))
		if err != nil {
			t.Errorf("path %s", r.URL.Path)
		}
		w.Header().Set("Content-Length", strconv.Itoa(length))
		_, _ = w.Write([]byte(strings.Repeat("x", length)))
	}))
	defer server.Close()
	c, err := dial(t.Context(), server.Listener.Addr().String())
	must(t, err)
	defer c.Close()
	for _, length := range []int{1300, 0, 1_000_000, 1} {
		a, err := c.send([]byte("GET /" + strconv.Itoa(length) + " HTTP/1.1\r\nHost: x\r\n\r\n"))
		if err != nil || a.status != 200 || len(a.body) != length {
			t.Errorf("status %d, %d bytes instead of %d, error %v", a.status, len(a.body), length, err)
		}
	}
	server.Close()
	if _, err := c.send([]byte("GET /1 HTTP/1.1\r\nHost: x\r\n\r\n")); err == nil {
		t.Error("a closed connection returned a response")
	}
}
