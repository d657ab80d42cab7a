package probe_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rejoinhq/rejoin/httpserver/probe"
)

// get sends a probe and returns the status and body of the response.
func get(t *testing.T, h http.Handler) string {
	t.Helper()
	return summary(t, do(h, "GET", nil))
}

func do(h http.Handler, method string, requestBody io.Reader) *http.Response {
	recorder := httptest.NewRecorder()
	h.ServeHTTP(recorder, httptest.NewRequest(method, "/probe", requestBody))
	return recorder.Result()
}

// summary checks the headers that every response to a probe has. It returns the status and
// the body.
func summary(t *testing.T, r *http.Response) string {
	t.Helper()
	h := r.Header
	if h.Get("Cache-Control") != "no-store" || h.Get("Content-Type") != "application/json; charset=utf-8" || h.Get("X-Content-Type-Options") != "nosniff" {
		t.Errorf("headers %v", h)
	}
	if h.Get("X-Request-Id") == "" {
		t.Error("the response has no X-Request-Id")
	}
	text, err := io.ReadAll(r.Body)
	must(t, err)
	return fmt.Sprintf("%d %s", r.StatusCode, text)
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestHealth(t *testing.T) {
	for _, test := range []struct {
		method, body, want, allow string
	}{
		{"GET", "", `200 {"status":"ok"}`, ""},
		{"HEAD", "", `200 {"status":"ok"}`, ""}, // net/http drops the body
		{"POST", "", `405 {"error":"Method not allowed"}`, "GET, HEAD"},
		{"POST", "x", `405 {"error":"Method not allowed"}`, "GET, HEAD"},
		{"GET", "x", `400 {"error":"Bad request","message":"A GET request must not have a body."}`, ""},
		{"HEAD", "x", `400 {"error":"Bad request","message":"A HEAD request must not have a body."}`, ""},
	} {
		response := do(probe.Health(), test.method, strings.NewReader(test.body))
		if got := summary(t, response); got != test.want || response.Header.Get("Allow") != test.allow {
			t.Errorf("%s with body %q: %s, Allow %q", test.method, test.body, got, response.Header.Get("Allow"))
		}
		if closes := response.Header.Get("Connection") == "close"; closes != (test.body != "") {
			t.Errorf("%s with body %q: the connection closes: %t", test.method, test.body, closes)
		}
	}
}

func succeeds(context.Context) error { return nil }

func TestReadiness(t *testing.T) {
	const marker = "marker-cause"
	fails := func(context.Context) error { return errors.New(marker) }
	hangs := func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }
	panics := func(context.Context) error { panic("marker-secret") }
	for name, test := range map[string]struct {
		checks []probe.Check
		want   string
		log    string
	}{
		"no checks":               {nil, `200 {"status":"ready","checks":{}}`, ""},
		"all succeed":             {[]probe.Check{{Name: "store", Run: succeeds}, {Name: "keySet", Run: succeeds}}, `200 {"status":"ready","checks":{"keySet":"ok","store":"ok"}}`, ""},
		"one fails":               {[]probe.Check{{Name: "store", Run: fails}, {Name: "keySet", Run: succeeds}}, `503 {"status":"unready","checks":{"keySet":"ok","store":"failed"}}`, `level=WARN msg="not ready" check=store cause=` + marker},
		"one times out":           {[]probe.Check{{Name: "store", Run: hangs}, {Name: "keySet", Run: succeeds, Timeout: time.Hour}}, `503 {"status":"unready","checks":{"keySet":"ok","store":"failed"}}`, "check=store"},
		"one panics":              {[]probe.Check{{Name: "store", Run: panics}}, `503 {"status":"unready","checks":{"store":"failed"}}`, "panic with a string"},
		"checks run concurrently": {[]probe.Check{{Name: "a", Run: hangs}, {Name: "b", Run: hangs}, {Name: "c", Run: hangs}}, `503 {"status":"unready","checks":{"a":"failed","b":"failed","c":"failed"}}`, "check=c"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var log bytes.Buffer
				began := time.Now()
				readiness, err := probe.NewReadiness(probe.ReadinessOptions{Checks: test.checks, Logger: slog.New(slog.NewTextHandler(&log, nil))})
				must(t, err)
				for range 2 { // the second failure is not logged
					if got := get(t, readiness); got != test.want {
						t.Errorf("response %s", got)
					}
				}
				if took := time.Since(began); took > 2*probe.DefaultCheckTimeout {
					t.Errorf("two probes took %v", took)
				}
				if !strings.Contains(log.String(), test.log) || strings.Count(log.String(), "\n") > len(test.checks) || strings.Contains(log.String(), "marker-secret") {
					t.Errorf("log:\n%s", log.String())
				}
			})
		})
	}
}

func TestReadinessFollowsItsChecks(t *testing.T) {
	var log bytes.Buffer
	var cause error
	readiness, err := probe.NewReadiness(probe.ReadinessOptions{
		Checks: []probe.Check{{Name: "store", Run: func(context.Context) error { return cause }}},
		Logger: slog.New(slog.NewTextHandler(&log, nil)),
	})
	must(t, err)
	var got []int
	for _, cause = range []error{nil, errors.New("first"), errors.New("second"), nil, errors.New("third")} {
		got = append(got, do(readiness, "GET", nil).StatusCode)
	}
	if diff := cmp.Diff([]int{200, 503, 503, 200, 503}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	var messages []string
	for line := range strings.Lines(log.String()) {
		_, after, _ := strings.Cut(strings.TrimSpace(line), "msg=")
		messages = append(messages, after)
	}
	want := []string{`"not ready" check=store cause=first`, `"ready again" check=store`, `"not ready" check=store cause=third`}
	if diff := cmp.Diff(want, messages); diff != "" {
		t.Errorf("log (-want +got):\n%s", diff)
	}
}

func TestReadinessDrains(t *testing.T) {
	checked := 0
	readiness, err := probe.NewReadiness(probe.ReadinessOptions{
		Checks: []probe.Check{{Name: "store", Run: func(context.Context) error { checked++; return nil }}},
	})
	must(t, err)
	readiness.Drain()
	if got := get(t, readiness); got != `503 {"status":"draining"}` || checked != 0 {
		t.Errorf("response %s after %d checks", got, checked)
	}
}

// Concurrent probes share one run of the checks. A check that ignores its context neither
// delays the response nor runs a second time.
func TestProbesShareTheirChecks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var runs atomic.Int32
		release := make(chan struct{})
		readiness, err := probe.NewReadiness(probe.ReadinessOptions{
			Checks: []probe.Check{{Name: "store", Run: func(context.Context) error { runs.Add(1); <-release; return nil }}},
		})
		must(t, err)
		const unready = `503 {"status":"unready","checks":{"store":"failed"}}`
		var group sync.WaitGroup
		for range 100 {
			group.Go(func() {
				if got := get(t, readiness); got != unready {
					t.Errorf("response %s", got)
				}
			})
		}
		group.Wait()
		if got := get(t, readiness); got != unready || runs.Load() != 1 {
			t.Errorf("response %s after %d checks", got, runs.Load())
		}
		close(release)
		synctest.Wait()
		if got := get(t, readiness); got != `200 {"status":"ready","checks":{"store":"ok"}}` || runs.Load() != 2 {
			t.Errorf("response %s after %d checks", got, runs.Load())
		}
	})
}

// A probe that is canceled doesn't cancel the checks that other probes wait for.
func TestCanceledProbe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		readiness, err := probe.NewReadiness(probe.ReadinessOptions{
			Checks: []probe.Check{{Name: "store", Run: func(ctx context.Context) error { <-release; return ctx.Err() }}},
		})
		must(t, err)
		ctx, cancelProbe := context.WithCancel(t.Context())
		responses := make(chan string, 2)
		canceled := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { readiness.ServeHTTP(w, r.WithContext(ctx)) })
		for _, h := range []http.Handler{canceled, readiness} {
			go func() { responses <- get(t, h) }()
		}
		synctest.Wait()
		cancelProbe()
		if got := <-responses; got != `503 {"status":"unready"}` {
			t.Errorf("canceled probe: %s", got)
		}
		close(release)
		if got := <-responses; got != `200 {"status":"ready","checks":{"store":"ok"}}` {
			t.Errorf("waiting probe: %s", got)
		}
	})
}

// A probe that waits for checks when Drain is called responds with draining.
func TestProbeDuringTheDrain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		readiness, err := probe.NewReadiness(probe.ReadinessOptions{
			Checks: []probe.Check{{Name: "store", Run: func(context.Context) error { <-release; return nil }}},
		})
		must(t, err)
		response := make(chan string, 1)
		go func() { response <- get(t, readiness) }()
		synctest.Wait()
		readiness.Drain()
		close(release)
		if got := <-response; got != `503 {"status":"draining"}` {
			t.Errorf("response %s", got)
		}
	})
}

func TestReadinessOptionsAreValidated(t *testing.T) {
	for name, test := range map[string]struct {
		check probe.Check
		names string
	}{
		"no name":            {probe.Check{Run: succeeds}, "Checks[1].Name"},
		"an invalid name":    {probe.Check{Name: "\xff", Run: succeeds}, "Checks[1].Name"},
		"a duplicate name":   {probe.Check{Name: "store", Run: succeeds}, "Checks[1].Name"},
		"no function":        {probe.Check{Name: "a"}, "Checks[1].Run"},
		"a negative timeout": {probe.Check{Name: "a", Run: succeeds, Timeout: -1}, "Checks[1].Timeout"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := probe.NewReadiness(probe.ReadinessOptions{Checks: []probe.Check{{Name: "store", Run: succeeds}, test.check}})
			if err == nil || !strings.Contains(err.Error(), "ReadinessOptions."+test.names) {
				t.Errorf("error %v", err)
			}
		})
	}
}

func TestReadinessNamesEveryInvalidOption(t *testing.T) {
	_, err := probe.NewReadiness(probe.ReadinessOptions{Checks: []probe.Check{{}, {Name: "store", Timeout: -1}}})
	want := strings.Join([]string{
		"probe: ReadinessOptions.Checks[0].Name is missing or not valid UTF-8",
		"probe: ReadinessOptions.Checks[0].Run is missing",
		"probe: ReadinessOptions.Checks[1].Run is missing",
		"probe: ReadinessOptions.Checks[1].Timeout is negative",
	}, "\n")
	if err == nil || err.Error() != want {
		t.Errorf("error %v", err)
	}
}
