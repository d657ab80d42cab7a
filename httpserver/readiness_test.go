package httpserver_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
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

	"github.com/rejoinhq/rejoin/httpserver"
)

// probed is what of an answer to a probe is promised.
func probed(t *testing.T, r *http.Response) string {
	t.Helper()
	h := r.Header
	if h.Get("Cache-Control") != "no-store" || h.Get("Content-Type") != "application/json; charset=utf-8" || h.Get("X-Content-Type-Options") != "nosniff" {
		t.Errorf("headers %v", h)
	}
	return fmt.Sprintf("%d %s", r.StatusCode, body(t, r))
}

func TestHealth(t *testing.T) {
	for method, want := range map[string]string{
		"GET": `200 {"status":"ok"}`, "HEAD": `200 {"status":"ok"}`, // net/http drops the body of HEAD
		"POST": `405 {"error":"Method not allowed"}`,
	} {
		response := do(httpserver.Health(), method, "/healthz")
		if got := probed(t, response); got != want {
			t.Errorf("%s: %s", method, got)
		}
		if allow := response.Header.Get("Allow"); (allow == "GET, HEAD") != (method == "POST") {
			t.Errorf("%s: Allow %q", method, allow)
		}
		if id := response.Header.Get("X-Request-Id"); id == "" {
			t.Errorf("%s: no X-Request-Id", method)
		}
	}
}

func works(context.Context) error { return nil }

func TestReadiness(t *testing.T) {
	const marker = "marker-cause"
	fails := func(context.Context) error { return errors.New(marker) }
	hangs := func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }
	panics := func(context.Context) error { panic("marker-secret") }
	for name, test := range map[string]struct {
		checks []httpserver.Check
		want   string
		log    string
	}{
		"nothing to check":     {nil, `200 {"status":"ready","checks":{}}`, ""},
		"all works":            {[]httpserver.Check{{Name: "store", Run: works}, {Name: "keySet", Run: works}}, `200 {"status":"ready","checks":{"keySet":"ok","store":"ok"}}`, ""},
		"one fails":            {[]httpserver.Check{{Name: "store", Run: fails}, {Name: "keySet", Run: works}}, `503 {"status":"unready","checks":{"keySet":"ok","store":"failed"}}`, `level=WARN msg="not ready" check=store cause=` + marker},
		"one is too slow":      {[]httpserver.Check{{Name: "store", Run: hangs}, {Name: "keySet", Run: works, Timeout: time.Hour}}, `503 {"status":"unready","checks":{"keySet":"ok","store":"failed"}}`, "check=store"},
		"one has a bug":        {[]httpserver.Check{{Name: "store", Run: panics}}, `503 {"status":"unready","checks":{"store":"failed"}}`, "panic with a string"},
		"all are made at once": {[]httpserver.Check{{Name: "a", Run: hangs}, {Name: "b", Run: hangs}, {Name: "c", Run: hangs}}, `503 {"status":"unready","checks":{"a":"failed","b":"failed","c":"failed"}}`, "check=c"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var log bytes.Buffer
				began := time.Now()
				readiness, err := httpserver.NewReadiness(httpserver.ReadinessOptions{Checks: test.checks, Logger: slog.New(slog.NewTextHandler(&log, nil))})
				must(t, err)
				for range 2 { // what goes on is logged once
					if got := probed(t, do(readiness, "GET", "/readyz")); got != test.want {
						t.Errorf("answered %s", got)
					}
				}
				if took := time.Since(began); took > 2*httpserver.DefaultCheckTimeout {
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
	readiness, err := httpserver.NewReadiness(httpserver.ReadinessOptions{
		Checks: []httpserver.Check{{Name: "store", Run: func(context.Context) error { return cause }}},
		Logger: slog.New(slog.NewTextHandler(&log, nil)),
	})
	must(t, err)
	var got []int
	for _, cause = range []error{nil, errors.New("first"), errors.New("second"), nil, errors.New("third")} {
		got = append(got, do(readiness, "GET", "/readyz").StatusCode)
	}
	if diff := cmp.Diff([]int{200, 503, 503, 200, 503}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	var said []string
	for line := range strings.Lines(log.String()) {
		_, after, _ := strings.Cut(strings.TrimSpace(line), "msg=")
		said = append(said, after)
	}
	want := []string{`"not ready" check=store cause=first`, `"ready again" check=store`, `"not ready" check=store cause=third`}
	if diff := cmp.Diff(want, said); diff != "" {
		t.Errorf("log (-want +got):\n%s", diff)
	}
}

func TestReadinessDrains(t *testing.T) {
	checked := 0
	readiness, err := httpserver.NewReadiness(httpserver.ReadinessOptions{
		Checks: []httpserver.Check{{Name: "store", Run: func(context.Context) error { checked++; return nil }}},
	})
	must(t, err)
	readiness.Drain()
	if got := probed(t, do(readiness, "GET", "/readyz")); got != `503 {"status":"draining"}` || checked != 0 {
		t.Errorf("answered %s after %d checks", got, checked)
	}
}

// A flood of probes is no flood of checks, and a check that ignores its context neither
// holds the answer up nor is made a second time.
func TestProbesShareTheirChecks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var made atomic.Int32
		release := make(chan struct{})
		readiness, err := httpserver.NewReadiness(httpserver.ReadinessOptions{
			Checks: []httpserver.Check{{Name: "store", Run: func(context.Context) error { made.Add(1); <-release; return nil }}},
		})
		must(t, err)
		const unready = `503 {"status":"unready","checks":{"store":"failed"}}`
		var group sync.WaitGroup
		for range 100 {
			group.Go(func() {
				if got := probed(t, do(readiness, "GET", "/readyz")); got != unready {
					t.Errorf("answered %s", got)
				}
			})
		}
		group.Wait()
		if got := probed(t, do(readiness, "GET", "/readyz")); got != unready || made.Load() != 1 {
			t.Errorf("answered %s after %d checks", got, made.Load())
		}
		close(release)
		synctest.Wait()
		if got := probed(t, do(readiness, "GET", "/readyz")); got != `200 {"status":"ready","checks":{"store":"ok"}}` || made.Load() != 2 {
			t.Errorf("answered %s after %d checks", got, made.Load())
		}
	})
}

// A probe that gives up doesn't end the checks that others wait for, and one that comes
// before the end is told of the end.
func TestProbesAmongOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		readiness, err := httpserver.NewReadiness(httpserver.ReadinessOptions{
			Checks: []httpserver.Check{{Name: "store", Run: func(ctx context.Context) error { <-release; return ctx.Err() }}},
		})
		must(t, err)
		ctx, giveUp := context.WithCancel(t.Context())
		answers := make(chan string, 2)
		for _, h := range []http.Handler{withContext(ctx, readiness), readiness} {
			go func() { answers <- probed(t, do(h, "GET", "/readyz")) }()
		}
		synctest.Wait()
		giveUp()
		if got := <-answers; got != `503 {"status":"unready"}` {
			t.Errorf("who gave up: %s", got)
		}
		close(release)
		if got := <-answers; got != `200 {"status":"ready","checks":{"store":"ok"}}` {
			t.Errorf("who waited: %s", got)
		}
	})
}

// A probe that waits while the process begins to end is told so.
func TestProbeDuringTheDrain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		readiness, err := httpserver.NewReadiness(httpserver.ReadinessOptions{
			Checks: []httpserver.Check{{Name: "store", Run: func(context.Context) error { <-release; return nil }}},
		})
		must(t, err)
		answer := make(chan string, 1)
		go func() { answer <- probed(t, do(readiness, "GET", "/readyz")) }()
		synctest.Wait()
		readiness.Drain()
		close(release)
		if got := <-answer; got != `503 {"status":"draining"}` {
			t.Errorf("answered %s", got)
		}
	})
}

func TestReadinessOptionsAreValidated(t *testing.T) {
	for name, test := range map[string]struct {
		check httpserver.Check
		says  string
	}{
		"no name":            {httpserver.Check{Run: works}, "Checks[1].Name"},
		"a name that is not": {httpserver.Check{Name: "\xff", Run: works}, "Checks[1].Name"},
		"a name twice":       {httpserver.Check{Name: "store", Run: works}, "Checks[1].Name"},
		"nothing to run":     {httpserver.Check{Name: "a"}, "Checks[1].Run"},
		"a negative timeout": {httpserver.Check{Name: "a", Run: works, Timeout: -1}, "Checks[1].Timeout"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := httpserver.NewReadiness(httpserver.ReadinessOptions{Checks: []httpserver.Check{{Name: "store", Run: works}, test.check}})
			if err == nil || !strings.Contains(err.Error(), "ReadinessOptions."+test.says) {
				t.Errorf("error %v", err)
			}
		})
	}
}

// A body that is announced and never sent doesn't hold the answer up.
func TestProbeWithABody(t *testing.T) {
	below := &deadlines{ResponseRecorder: httptest.NewRecorder()}
	httpserver.Health().ServeHTTP(below, httptest.NewRequest("GET", "/healthz", strings.NewReader("x")))
	if !below.set || below.Result().Header.Get("Connection") != "close" {
		t.Errorf("deadline set: %t", below.set)
	}
}
