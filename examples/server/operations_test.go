package main

import (
	"context"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// opsBase returns the URL of -ops-addr that the terminal shows.
func opsBase(t *testing.T, s *running) string {
	t.Helper()
	found := regexp.MustCompile(`/readyz and /metrics are on (\S+)`).FindStringSubmatch(s.stdout)
	if found == nil {
		t.Fatalf("no address in:\n%s", s.stdout)
	}
	return found[1]
}

const (
	ready    = `{"status":"ready","checks":{"keySet":"ok","store":"ok"}}`
	notFound = `{"error":"Not found"}`
)

func TestProbes(t *testing.T) {
	onEachDatabase(t, func(t *testing.T, url string) {
		s := boot(t, "-database", url)
		for path, want := range map[string]string{"/healthz": `{"status":"ok"}`, "/readyz": ready} {
			if status, got := s.get(s.base+path, nil); status != 200 || got != want {
				t.Errorf("%s: %d %s", path, status, got)
			}
		}
		if status, got := s.get(s.base+"/metrics", nil); status != 200 || !strings.Contains(got, "# TYPE") {
			t.Errorf("/metrics: %d %s", status, got)
		}
	})
}

// TestOpsAddr: with -ops-addr, the main listener has /healthz only.
func TestOpsAddr(t *testing.T) {
	s := boot(t, "-database", "sqlite::memory:", "-ops-addr", "127.0.0.1:0")
	ops := opsBase(t, s)
	for url, want := range map[string]string{
		s.base + "/healthz": `{"status":"ok"}`, ops + "/healthz": `{"status":"ok"}`,
		s.base + "/readyz": notFound, ops + "/readyz": ready,
		s.base + "/metrics":     notFound,
		ops + apiPrefix + "/me": "404 page not found\n",
	} {
		if _, got := s.get(url, nil); got != want {
			t.Errorf("%s: %s", url, got)
		}
	}
	if status, _ := s.get(ops+"/metrics", nil); status != 200 {
		t.Errorf("/metrics: %d", status)
	}
}

// TestPathsOfNobody: the API handles every path but the exact ones, and nothing is
// redirected.
func TestPathsOfNobody(t *testing.T) {
	s := boot(t, "-database", "sqlite::memory:")
	for _, target := range []string{"/nowhere", "/healthz/", "//healthz", "/x/../healthz", "/Healthz", apiPrefix + "//me", "*"} {
		connection, err := net.Dial("tcp", strings.TrimPrefix(s.base, "http://"))
		must(t, err)
		must(t, connection.SetDeadline(time.Now().Add(5*time.Second)))
		_, err = io.WriteString(connection, "OPTIONS "+target+" HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
		must(t, err)
		answer, err := io.ReadAll(connection)
		must(t, err)
		must(t, connection.Close())
		if !strings.HasPrefix(string(answer), "HTTP/1.1 404 ") || !strings.HasSuffix(string(answer), notFound) {
			t.Errorf("%s:\n%s", target, answer)
		}
	}
}

var series = regexp.MustCompile(`(?m)^([a-z_]+)\{?.*$`)

func TestMetrics(t *testing.T) {
	s := boot(t, "-demo", "-database", "sqlite::memory:")
	for _, c := range s.curls() {
		s.get(c.url, c.headers)
	}
	s.get(s.base+apiPrefix+"/me", nil)
	s.get(s.base+"/"+"cons_marker", nil)
	_, text := s.get(s.base+"/metrics", nil)
	for _, line := range []string{
		`http_server_request_duration_seconds_count{http_request_method="GET",http_response_status_code="200",http_route="/api/v1/consumers/me",url_scheme="http"} 1`,
		`http_server_request_duration_seconds_count{http_request_method="GET",http_response_status_code="200",http_route="/api/v1/consumers/{id}",url_scheme="http"} 1`,
		`http_server_request_duration_seconds_count{http_request_method="GET",http_response_status_code="401",http_route="/api/v1/consumers/me",url_scheme="http"} 1`,
		`rejoin_auth_refusals_total{rejoin_auth_reason="publishable_key_missing"} 1`,
	} {
		if !strings.Contains(text, line+"\n") {
			t.Errorf("no %s", line)
		}
	}
	names := make(map[string]bool)
	for _, found := range series.FindAllStringSubmatch(text, -1) {
		names[found[1]] = true
	}
	for _, name := range []string{"rejoin_key_set_age_seconds", "go_goroutines", "process_open_fds"} {
		if !names[name] {
			t.Errorf("no %s among %v", name, slices.Sorted(maps.Keys(names)))
		}
	}
	for _, private := range []string{"marker", "cons_demo", "org_demo", "pk_test", "sk_test", "eyJ", "example.com"} {
		if strings.Contains(text, private) {
			t.Errorf("the metrics show %s", private)
		}
	}
}

func TestAccessLog(t *testing.T) {
	file := filepath.Join(t.TempDir(), "access.log")
	must(t, os.WriteFile(file, []byte("an older line\n"), 0o600))
	s := boot(t, "-demo", "-database", "sqlite::memory:", "-access-log", file)
	for _, c := range s.curls() {
		s.get(c.url, c.headers)
	}
	if status := s.stop(); status != 0 {
		t.Fatalf("status %d", status)
	}
	text, err := os.ReadFile(file)
	must(t, err)
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	pattern := regexp.MustCompile(`^time=\S+ level=INFO msg=request method=GET route=/api/v1/consumers/(me|\{id\}) status=200 duration=\S+ bytes=\d+ requestId=\w+ organizationId=org_demo$`)
	if len(lines) != 3 || lines[0] != "an older line" || !pattern.MatchString(lines[1]) || !pattern.MatchString(lines[2]) {
		t.Errorf("the log:\n%s", text)
	}
	if strings.Contains(s.stderr.String(), "msg=request") {
		t.Error("it is on stderr too")
	}
}

func TestAccessLogElsewhere(t *testing.T) {
	for name, test := range map[string]struct {
		args  []string
		lines int
	}{
		"on stderr by default":  {nil, 2},
		"on stderr, when asked": {[]string{"-access-log", "-"}, 2},
		"off":                   {[]string{"-access-log", "off"}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			s := boot(t, append(test.args, "-demo", "-database", "sqlite::memory:")...)
			for _, c := range s.curls() {
				s.get(c.url, c.headers)
			}
			s.stop()
			if got := strings.Count(s.stderr.String(), "msg=request"); got != test.lines {
				t.Errorf("%d lines:\n%s", got, s.stderr)
			}
		})
	}
}

// events lists what happened, in order.
type events struct {
	mu   sync.Mutex
	list []string
}

func (e *events) add(event string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.list = append(e.list, event)
}

// noticedDatabase adds an event when it is closed.
type noticedDatabase struct {
	database
	events *events
}

func (d noticedDatabase) Close() error {
	d.events.add("the store is closed")
	return d.database.Close()
}

// TestDrainOrder: after SIGTERM the server is unready while it still serves everything, then
// the running requests end, and then the store is closed.
func TestDrainOrder(t *testing.T) {
	c, err := parseConfig(program{getenv: noEnvironment, stdout: io.Discard}, []string{"-addr", "127.0.0.1:0", "-ops-addr", "127.0.0.1:0", "-demo", "-database", "sqlite::memory:", "-access-log", "off", "-drain-delay", "7s"})
	must(t, err)
	s, err := start(t.Context(), c, io.Discard)
	must(t, err)
	happened := &events{}
	s.database = noticedDatabase{s.database, happened}
	delayed, goOn := make(chan time.Duration, 1), make(chan time.Time)
	s.after = func(d time.Duration) <-chan time.Time { delayed <- d; return goOn }
	arrived, release := make(chan struct{}), make(chan struct{})
	api := s.http.Handler
	s.http.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("X-Request-Id") == "slow" {
			close(arrived)
			<-release
			happened.add("the request ends")
		}
		api.ServeHTTP(w, r)
	})
	shutdown := make(chan struct{})
	s.http.RegisterOnShutdown(func() { close(shutdown) })

	base, ops := baseURL(s.listener.Addr()), baseURL(s.operations.listener.Addr())
	ask := func(url, id string) string {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
		must(t, err)
		r.Header.Set("X-Request-Id", id)
		r.Close = true
		response, err := http.DefaultClient.Do(r)
		if err != nil {
			return err.Error()
		}
		defer response.Body.Close()
		text, err := io.ReadAll(response.Body)
		return string(text) + errorText(err)
	}

	ctx, terminate := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.serve(ctx) }()
	slow := make(chan string, 1)
	go func() { slow <- ask(base+"/nowhere", "slow") }()
	<-arrived
	if got := ask(ops+"/readyz", ""); got != ready {
		t.Errorf("before the end: %s", got)
	}
	terminate()

	if d := <-delayed; d != 7*time.Second {
		t.Errorf("it goes on for %v", d)
	}
	const draining = `{"status":"draining"}`
	if got := ask(ops+"/readyz", ""); got != draining {
		t.Errorf("during the delay: %s", got)
	}
	if got := ask(base+"/nowhere", ""); got != notFound {
		t.Errorf("a new request during the delay: %s", got)
	}
	close(goOn)
	<-shutdown
	if got := ask(ops+"/readyz", ""); got != draining {
		t.Errorf("while requests end: %s", got)
	}
	close(release)
	if got := <-slow; got != notFound {
		t.Errorf("the running request: %s", got)
	}
	must(t, <-ended)
	if diff := cmp.Diff([]string{"the request ends", "the store is closed"}, happened.list); diff != "" {
		t.Errorf("order (-want +got):\n%s", diff)
	}
	if got := ask(ops+"/readyz", ""); got == draining {
		t.Error("the listener of -ops-addr outlives the server")
	}
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

// TestFailedStartFreesTheOpsPort: a start that fails releases both ports.
func TestFailedStartFreesTheOpsPort(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	addr := listener.Addr().String()
	must(t, listener.Close())
	status, _, stderr := execute(t, "-addr", "127.0.0.1:0", "-ops-addr", addr, "-database", "sqlite::memory:", "-cors-origin", "https://a.example/x")
	if status != 2 {
		t.Fatalf("status %d: %s", status, stderr)
	}
	listener, err = net.Listen("tcp", addr)
	must(t, err)
	must(t, listener.Close())
}
