package tests_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/rejoinhq/rejoin/auth"
	"github.com/rejoinhq/rejoin/consumer"
	"github.com/rejoinhq/rejoin/httpserver"
)

// waitingStore signals each read and returns an error once the read's context is done.
type waitingStore struct {
	reading chan struct{}
	err     func(ctx context.Context) error
}

func (s waitingStore) Snapshot(ctx context.Context, _ consumer.Key) (consumer.Snapshot, error) {
	s.reading <- struct{}{}
	<-ctx.Done()
	return consumer.Snapshot{}, s.err(ctx)
}

func (s waitingStore) Consumer(ctx context.Context, key consumer.Key) (consumer.Consumer, error) {
	_, err := s.Snapshot(ctx, key)
	return consumer.Consumer{}, err
}

// A client that goes away is no failure of the server, however the store reports that its
// context ended: no 5xx is counted, and nothing is logged above level debug.
func TestClientThatLeft(t *testing.T) {
	for name, storeError := range map[string]func(context.Context) error{
		"the context's error":   context.Context.Err,
		"a wrapped error":       func(ctx context.Context) error { return fmt.Errorf("read: %w", ctx.Err()) },
		"an unavailable store":  func(context.Context) error { return fmt.Errorf("interrupted: %w", consumer.ErrUnavailable) },
		"an error of a driver":  func(context.Context) error { return errors.New("interrupted") },
		"no trace of the cause": func(context.Context) error { return context.Canceled },
	} {
		for _, path := range []string{"/me", "/cons_1"} {
			t.Run(name+path, func(t *testing.T) {
				t.Parallel()
				var accessLog bytes.Buffer
				reader, spans := sdkmetric.NewManualReader(), tracetest.NewSpanRecorder()
				store := waitingStore{make(chan struct{}), storeError}
				w := newWorld(t, withMetrics(reader), withAccessLog(&accessLog), withTraces(spans), func(o *httpserver.Options) { o.Store = store })
				server := httptest.NewServer(w)
				ctx, leave := context.WithCancel(t.Context())
				r, err := http.NewRequestWithContext(ctx, "GET", server.URL+prefix+path, nil)
				must(t, err)
				r.Header.Set("Authorization", "Bearer "+secret)
				if path == "/me" {
					r.Header.Set("Authorization", "Bearer "+w.token(org, "cons_1"))
					r.Header.Set("X-Publishable-Key", publishable)
				}
				go func() { <-store.reading; leave() }()
				if _, err := server.Client().Do(r); !errors.Is(err, context.Canceled) {
					t.Fatal(err)
				}
				server.Close() // waits for the handler

				route := prefix + path
				if path != "/me" {
					route = prefix + "/{id}"
				}
				want := map[string]int64{"http.server.request.duration s{http.request.method=GET,http.response.status_code=499,http.route=" + route + ",url.scheme=http}": 1}
				if diff := cmp.Diff(want, measurements(t, reader)); diff != "" {
					t.Errorf("measurements (-want +got):\n%s", diff)
				}
				if lines := logged(t, &accessLog); len(lines) != 1 || lines[0]["status"] != float64(499) {
					t.Errorf("access log %v", lines)
				}
				if log := w.log.String(); strings.Count(log, "\n") != strings.Count(log, "level=DEBUG") || !strings.Contains(log, "request failed") {
					t.Errorf("log:\n%s", log)
				}
				for _, s := range spansOf(spans) {
					if s.Status == "Error" {
						t.Errorf("the span %s failed", s.Name)
					}
				}
			})
		}
	}
}

// The same holds for a client that goes away during authentication.
func TestClientThatLeftDuringAuthentication(t *testing.T) {
	reader, spans := sdkmetric.NewManualReader(), tracetest.NewSpanRecorder()
	w := newWorld(t, withMetrics(reader), withTraces(spans), func(o *httpserver.Options) { o.Auth = waitingAuth{} })
	ctx, leave := context.WithCancel(t.Context())
	leave()
	for _, path := range []string{"/me", "/cons_1"} {
		response := do(withContext(ctx, w.Handler), "GET", prefix+path)
		if response.StatusCode != 499 || response.Header.Get("Retry-After") != "" {
			t.Errorf("%s: status %d", path, response.StatusCode)
		}
	}
	if log := w.log.String(); strings.Count(log, "\n") != 2 || strings.Count(log, "level=DEBUG") != 2 {
		t.Errorf("log:\n%s", log)
	}
	for _, s := range spansOf(spans) {
		if s.Status == "Error" {
			t.Errorf("the span %s failed", s.Name)
		}
	}
}

// waitingAuth returns once the context is done.
type waitingAuth struct{}

func (waitingAuth) AuthenticateConsumer(ctx context.Context, _ *http.Request) (auth.ConsumerCaller, error) {
	<-ctx.Done()
	return auth.ConsumerCaller{}, fmt.Errorf("look up the key: %w", ctx.Err())
}

func (a waitingAuth) AuthenticateServer(ctx context.Context, r *http.Request) (auth.ServerCaller, error) {
	_, err := a.AuthenticateConsumer(ctx, r)
	return auth.ServerCaller{}, err
}

// A timeout stays a failure of the server, also when the client leaves because of it, and
// so does a deadline of a middleware's.
func TestTimeoutIsNoClientThatLeft(t *testing.T) {
	for name, around := range map[string]func(http.Handler) http.Handler{
		"the client waits": func(next http.Handler) http.Handler { return next },
		"a middleware's deadline": func(next http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				ctx, cancel := context.WithTimeout(r.Context(), time.Millisecond)
				defer cancel()
				next.ServeHTTP(w, r.WithContext(ctx))
			})
		},
		"the client leaves then": func(next http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				ctx, cancel := context.WithCancel(r.Context())
				defer cancel()
				next.ServeHTTP(w, r.WithContext(context.WithValue(ctx, leaveKey{}, cancel)))
			})
		},
	} {
		t.Run(name, func(t *testing.T) {
			reader := sdkmetric.NewManualReader()
			store := waitingStore{make(chan struct{}, 1), func(ctx context.Context) error {
				if leave, ok := ctx.Value(leaveKey{}).(context.CancelFunc); ok {
					defer leave()
				}
				return ctx.Err()
			}}
			w := newWorld(t, withMetrics(reader), func(o *httpserver.Options) { o.Store, o.Timeout = store, 20*time.Millisecond })
			w.Handler = around(w.Handler)
			if response := w.me(); response.StatusCode != 503 {
				t.Errorf("status %d", response.StatusCode)
			}
			if got := measurements(t, reader); got["rejoin.store.errors{error.type=timeout}"] != 1 {
				t.Errorf("measurements %v", got)
			}
			if !strings.Contains(w.log.String(), "level=ERROR") {
				t.Errorf("log:\n%s", w.log)
			}
		})
	}
}

type leaveKey struct{}

// A bug stays a bug when the client has left meanwhile.
func TestPanicAfterTheClientLeft(t *testing.T) {
	w := newWorld(t)
	ctx, leave := context.WithCancel(t.Context())
	leave()
	w.store.panics = "a bug"
	w.Handler = withContext(ctx, w.Handler)
	check(t, w.me(), refusal{500, `{"error":"Internal server error"}`, "", ""})
	if !strings.Contains(w.log.String(), "level=ERROR") {
		t.Errorf("log:\n%s", w.log)
	}
}
