package main

import (
	"context"
	"io"
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"
)

// start runs the program and returns the parts of the curl line that it prints.
func start(t *testing.T) (url, key, token string) {
	t.Helper()
	read, write, err := os.Pipe()
	must(t, err)
	stdout := os.Stdout
	os.Stdout = write
	defer func() { os.Stdout = stdout }()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- run(ctx, "127.0.0.1:0") }()
	t.Cleanup(func() {
		cancel()
		must(t, <-ended)
	})
	line := make([]byte, 4096)
	n, err := read.Read(line)
	must(t, err)
	found := regexp.MustCompile(`^curl (\S+) -H 'X-Publishable-Key: (\S+)' -H 'Authorization: Bearer (\S+)'\n$`).FindStringSubmatch(string(line[:n]))
	if found == nil {
		t.Fatalf("printed %q", line[:n])
	}
	return found[1], found[2], found[3]
}

func TestRun(t *testing.T) {
	me, key, token := start(t)
	prefixURL := strings.TrimSuffix(me, "/me")
	for url, want := range map[string]struct {
		status int
		body   string
	}{
		me: {200, `"position":7`},
		strings.TrimSuffix(prefixURL, prefix) + "/health": {200, "ok\n"},
		prefixURL:            {404, `{"error":"Not found"}`},
		prefixURL + "/":      {404, `{"error":"Not found"}`},
		prefixURL + "/me/me": {404, `{"error":"Not found"}`},
	} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
		must(t, err)
		r.Header.Set("X-Publishable-Key", key)
		r.Header.Set("Authorization", "Bearer "+token)
		response, err := http.DefaultClient.Do(r)
		must(t, err)
		text, err := io.ReadAll(response.Body)
		must(t, err)
		must(t, response.Body.Close())
		if response.StatusCode != want.status || !strings.Contains(string(text), want.body) {
			t.Errorf("%s: %d %s", url, response.StatusCode, text)
		}
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
