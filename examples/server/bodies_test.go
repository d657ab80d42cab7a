package main

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// TestUnwantedBodies checks every path of both listeners: a GET with a body is a bad request
// unless the body is empty, and an unread body neither delays nor truncates a response.
func TestUnwantedBodies(t *testing.T) {
	s := boot(t, "-demo", "-database", "sqlite::memory:", "-ops-addr", "127.0.0.1:0")
	paths := map[string][]string{
		s.base: {
			"/", "/checkout", "/page/page.js", "/page/page.css", "/page/icon.svg", "/page/unknown", "/openapi.json", "/healthz",
			"/demo/consumers", "/demo/act", "/demo/start-over", "/unknown", apiPrefix + "/me", apiPrefix + "/cons_1", apiPrefix,
		},
		opsBase(t, s): {"/", "/healthz", "/readyz", "/metrics", apiPrefix + "/me"},
	}
	large := strings.Repeat("x", 60<<10)
	const badRequest, notDelayed = `{"error":"Bad request"`, 5 * time.Second
	for base, list := range paths {
		for _, path := range list {
			exchange := func(method, headers, body string) (*http.Response, string) {
				t.Helper()
				connection, err := net.Dial("tcp", strings.TrimPrefix(base, "http://"))
				must(t, err)
				defer connection.Close()
				must(t, connection.SetDeadline(time.Now().Add(time.Minute)))
				_, err = io.WriteString(connection, method+" "+path+" HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/plain\r\n"+headers+"\r\n\r\n"+body)
				must(t, err)
				response, err := http.ReadResponse(bufio.NewReader(connection), &http.Request{Method: method})
				if err != nil {
					t.Errorf("%s %s %s: %v", method, path, headers, err)
					return &http.Response{}, ""
				}
				text, err := io.ReadAll(response.Body)
				must(t, err)
				return response, string(text)
			}
			known := !strings.Contains(path, "unknown") && path != apiPrefix && !(base != s.base && (path == "/" || strings.HasPrefix(path, apiPrefix)))
			for headers, body := range map[string]string{
				"Content-Length: 5":          "hello",
				"Transfer-Encoding: chunked": "5\r\nhello\r\n0\r\n\r\n",
			} {
				if response, text := exchange(http.MethodGet, headers, body); known && (response.StatusCode != 400 || !strings.HasPrefix(text, badRequest)) {
					t.Errorf("GET %s with %s: %d %.80s", path, headers, response.StatusCode, text)
				}
			}
			if response, _ := exchange(http.MethodGet, "Transfer-Encoding: chunked", "0\r\n\r\n"); response.StatusCode == 400 {
				t.Errorf("GET %s with an empty body: %d", path, response.StatusCode)
			}
			if response, text := exchange(http.MethodPut, "Content-Length: 61440", large); response.StatusCode != 405 && response.StatusCode != 404 || text == "" {
				t.Errorf("PUT %s: %d %.80s", path, response.StatusCode, text)
			}
			began := time.Now()
			if response, _ := exchange(http.MethodGet, "Content-Length: 5", ""); known && response.StatusCode != 400 || time.Since(began) > notDelayed {
				t.Errorf("GET %s with a body that does not arrive: %d after %v", path, response.StatusCode, time.Since(began))
			}
		}
	}
}
