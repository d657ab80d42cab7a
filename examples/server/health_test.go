package main

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// listening starts a server with the given readiness.
func listening(t *testing.T, status int) (addr string) {
	t.Helper()
	mux := http.NewServeMux()
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(status) })
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return server.Listener.Addr().String()
}

func TestHealth(t *testing.T) {
	t.Run("a ready server", func(t *testing.T) {
		if got := succeed(t, "health", "-addr", listening(t, 200)); got != "ready\n" {
			t.Errorf("printed %q", got)
		}
	})
	t.Run("a server on all interfaces, from the environment", func(t *testing.T) {
		_, port, _ := strings.Cut(listening(t, 200), ":")
		var stdout, stderr strings.Builder
		getenv := func(name string) string { return map[string]string{"ADDR": ":" + port}[name] }
		if status := runProgram(t, t.Context(), []string{"health"}, getenv, &stdout, &stderr); status != 0 {
			t.Errorf("status %d: %s", status, stderr.String())
		}
	})

	stopped := httptest.NewServer(nil)
	stopped.Close()
	for name, test := range map[string]struct {
		args   []string
		status int
		want   string
	}{
		"a server that is not ready": {[]string{"-addr", listening(t, 503)}, 1, "answers 503 Service Unavailable"},
		"nothing listens":            {[]string{"-addr", stopped.Listener.Addr().String()}, 1, "connection refused"},
		"an address without a port":  {[]string{"-addr", "127.0.0.1"}, 2, "-addr must be HOST:PORT"},
		"a malformed address":        {[]string{"-addr", "a b:1"}, 2, "-addr must be HOST:PORT"},
		"an argument":                {[]string{"now"}, 2, "unexpected argument"},
	} {
		t.Run(name, func(t *testing.T) {
			status, stdout, stderr := execute(t, append([]string{"health"}, test.args...)...)
			if status != test.status || stdout != "" || !strings.Contains(stderr, test.want) {
				t.Errorf("status %d, stdout %q, stderr %q", status, stdout, stderr)
			}
		})
	}
}

func TestReadinessURL(t *testing.T) {
	got := map[string]string{}
	for _, addr := range []string{":8080", "0.0.0.0:8080", "[::]:8080", "[::1]:8080", "10.0.0.1:80", "localhost:8080"} {
		url, err := readinessURL(addr)
		must(t, err)
		got[addr] = url
	}
	want := map[string]string{
		":8080":          "http://127.0.0.1:8080/readyz",
		"0.0.0.0:8080":   "http://127.0.0.1:8080/readyz",
		"[::]:8080":      "http://127.0.0.1:8080/readyz",
		"[::1]:8080":     "http://[::1]:8080/readyz",
		"10.0.0.1:80":    "http://10.0.0.1:80/readyz",
		"localhost:8080": "http://localhost:8080/readyz",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
