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

// One client can hold a connection, and memory, for so long and no longer.
func TestServerLimits(t *testing.T) {
	s := newHTTPServer(http.NotFoundHandler(), slog.New(slog.DiscardHandler))
	for name, limit := range map[string]time.Duration{
		"reading a header": s.ReadHeaderTimeout, "reading a request": s.ReadTimeout, "writing an answer": s.WriteTimeout, "idling": s.IdleTimeout,
	} {
		if limit <= 0 || limit > 5*time.Minute {
			t.Errorf("%s may take %v", name, limit)
		}
	}
	if drainTimeout <= s.ReadTimeout {
		t.Error("a request that arrives slowly is cut off at the end")
	}
}

// A token of the largest size passes; a header far beyond it doesn't.
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
