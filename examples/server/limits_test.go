package main

import (
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// TestServerLimits: the time for which a client can hold a connection is bounded.
func TestServerLimits(t *testing.T) {
	s := newHTTPServer(http.NotFoundHandler(), defaultIdleTimeout, slog.New(slog.DiscardHandler))
	for name, limit := range map[string]time.Duration{
		"reading a header": s.ReadHeaderTimeout, "reading a request": s.ReadTimeout, "writing a response": s.WriteTimeout,
	} {
		if limit <= 0 || limit > 5*time.Minute {
			t.Errorf("%s may take %v", name, limit)
		}
	}
	// The longest idle timeout of a common load balancer is Google Cloud's: 600 s.
	if s.IdleTimeout <= 600*time.Second || s.IdleTimeout > 15*time.Minute {
		t.Errorf("an idle connection is kept for %v", s.IdleTimeout)
	}
	if drainTimeout <= s.ReadTimeout {
		t.Error("a request that arrives slowly is cut off at the end")
	}
}

// TestHeaderLimit: a token of the largest size is accepted, and a much larger header is
// not.
func TestHeaderLimit(t *testing.T) {
	s := boot(t, "-demo", "-database", "sqlite::memory:")
	for size, want := range map[int]string{8 << 10: "HTTP/1.1 401 ", 64 << 10: "HTTP/1.1 431 "} {
		connection, err := net.Dial("tcp", strings.TrimPrefix(s.base, "http://"))
		must(t, err)
		defer connection.Close()
		must(t, connection.SetDeadline(time.Now().Add(5*time.Second)))
		_, err = io.WriteString(connection, "GET "+apiPrefix+"/me HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"+
			"X-Publishable-Key: pk_test_demo000000000000000000\r\nAuthorization: Bearer "+strings.Repeat("a", size)+"\r\n\r\n")
		must(t, err)
		answer, err := io.ReadAll(connection)
		if !strings.HasPrefix(string(answer), want) {
			t.Errorf("%d bytes: %.40s, error %v", size, answer, err)
		}
	}
}

// TestIdleTimeout: -idle-timeout bounds how long a connection without a request is kept, on
// both listeners.
func TestIdleTimeout(t *testing.T) {
	s := boot(t, "-database", "sqlite::memory:", "-ops-addr", "127.0.0.1:0", "-idle-timeout", "1ms")
	for _, base := range []string{s.base, opsBase(t, s)} {
		connection, err := net.Dial("tcp", strings.TrimPrefix(base, "http://"))
		must(t, err)
		defer connection.Close()
		must(t, connection.SetDeadline(time.Now().Add(time.Minute)))
		_, err = io.WriteString(connection, "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n")
		must(t, err)
		response, err := io.ReadAll(connection) // returns once the server closes the connection
		must(t, err)
		if !strings.HasPrefix(string(response), "HTTP/1.1 200 ") {
			t.Errorf("response:\n%s", response)
		}
	}
}
