package observe_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/propagation"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"

	"github.com/rejoinhq/rejoin/httpserver/internal/observe"
)

// observed is an Observer with everything that it writes to.
type observed struct {
	*observe.Observer
	spans   *tracetest.SpanRecorder
	metrics *sdkmetric.ManualReader
	log     *bytes.Buffer
}

func newObserved(t *testing.T, change ...func(*observe.Options)) *observed {
	t.Helper()
	o := &observed{spans: tracetest.NewSpanRecorder(), metrics: sdkmetric.NewManualReader(), log: &bytes.Buffer{}}
	options := observe.Options{
		Scope:          "scope",
		TracerProvider: sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(o.spans)),
		MeterProvider:  sdkmetric.NewMeterProvider(sdkmetric.WithReader(o.metrics)),
		AccessLog:      slog.New(slog.NewJSONHandler(o.log, nil)),
	}
	for _, c := range change {
		c(&options)
	}
	var err error
	o.Observer, err = observe.New(options)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

// line returns the only line of the access log, without times.
func (o *observed) line(t *testing.T) map[string]any {
	t.Helper()
	var line map[string]any
	if err := json.Unmarshal(o.log.Bytes(), &line); err != nil {
		t.Fatalf("%v: %s", err, o.log)
	}
	if took := line["duration"].(float64); took <= 0 || took > float64(time.Minute) {
		t.Errorf("duration %v", took)
	}
	delete(line, "duration")
	delete(line, "time")
	return line
}

// series returns the number of measurements of each series.
func (o *observed) series(t *testing.T) map[string]int {
	t.Helper()
	var data metricdata.ResourceMetrics
	if err := o.metrics.Collect(t.Context(), &data); err != nil {
		t.Fatal(err)
	}
	series := make(map[string]int)
	for _, scope := range data.ScopeMetrics {
		for _, m := range scope.Metrics {
			for _, p := range m.Data.(metricdata.Histogram[float64]).DataPoints {
				series[scope.Scope.Name+" "+m.Name+" "+text(p.Attributes.ToSlice())] = int(p.Count)
			}
		}
	}
	return series
}

func text(attributes []attribute.KeyValue) string {
	pairs := make(map[string]string)
	for _, a := range attributes {
		pairs[string(a.Key)] = a.Value.String()
	}
	var list []string
	for _, key := range slices.Sorted(maps.Keys(pairs)) {
		list = append(list, key+"="+pairs[key])
	}
	return strings.Join(list, " ")
}

// A request is one span, one measurement and one line of the access log.
func TestHandler(t *testing.T) {
	for name, test := range map[string]struct {
		method, target, route string
		handler               http.HandlerFunc
		span                  string // name, status, attributes
		series                string
		line                  map[string]any
	}{
		"a response": {
			"GET", "http://a/x?token=secret", "/{id}",
			func(w http.ResponseWriter, _ *http.Request) {
				observe.SetOrganization(w, "org_a")
				_, _ = io.WriteString(w, "12345")
				_, _ = io.WriteString(w, "678")
			},
			"GET /{id} Unset http.request.method=GET http.response.status_code=200 http.route=/{id} rejoin.organization.id=org_a url.scheme=http",
			"http.request.method=GET http.response.status_code=200 http.route=/{id} url.scheme=http",
			map[string]any{"method": "GET", "route": "/{id}", "status": 200.0, "bytes": 8.0, "organizationId": "org_a"},
		},
		"a failure, without a route, over TLS": {
			"POST", "https://a/x", "",
			func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) },
			"POST Error error.type=500 http.request.method=POST http.response.status_code=500 url.scheme=https",
			"error.type=500 http.request.method=POST http.response.status_code=500 url.scheme=https",
			map[string]any{"method": "POST", "route": "other", "status": 500.0, "bytes": 0.0},
		},
		"a client error": {
			"QUERY", "http://a/x", "/x",
			func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(499) },
			"QUERY /x Unset http.request.method=QUERY http.response.status_code=499 http.route=/x url.scheme=http",
			"http.request.method=QUERY http.response.status_code=499 http.route=/x url.scheme=http",
			map[string]any{"method": "QUERY", "route": "/x", "status": 499.0, "bytes": 0.0},
		},
		"a response to HEAD": {
			"HEAD", "http://a/x", "/x",
			func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "12345") },
			"HEAD /x Unset http.request.method=HEAD http.response.status_code=200 http.route=/x url.scheme=http",
			"http.request.method=HEAD http.response.status_code=200 http.route=/x url.scheme=http",
			map[string]any{"method": "HEAD", "route": "/x", "status": 200.0, "bytes": 0.0},
		},
		"an unknown method": {
			"sk_live_secret", "http://a/x", "/x",
			func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(405) },
			"HTTP /x Unset http.request.method=_OTHER http.response.status_code=405 http.route=/x url.scheme=http",
			"http.request.method=_OTHER http.response.status_code=405 http.route=/x url.scheme=http",
			map[string]any{"method": "_OTHER", "route": "/x", "status": 405.0, "bytes": 0.0},
		},
		"two statuses": {
			"GET", "http://a/x", "/x",
			func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(103)
				w.WriteHeader(404)
				w.WriteHeader(200) // too late
			},
			"GET /x Unset http.request.method=GET http.response.status_code=404 http.route=/x url.scheme=http",
			"http.request.method=GET http.response.status_code=404 http.route=/x url.scheme=http",
			map[string]any{"method": "GET", "route": "/x", "status": 404.0, "bytes": 0.0},
		},
		"an aborted response": {
			"GET", "http://a/x", "/x",
			func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
			"GET /x Unset http.request.method=GET http.route=/x url.scheme=http",
			"http.request.method=GET http.route=/x url.scheme=http",
			map[string]any{"method": "GET", "route": "/x", "status": 0.0, "bytes": 0.0},
		},
	} {
		t.Run(name, func(t *testing.T) {
			o := newObserved(t)
			r := httptest.NewRequest(test.method, test.target, nil)
			r.Header.Set("X-Request-Id", "eyJhbGciOi")
			func() {
				defer func() { _ = recover() }()
				o.Handler(test.route, test.handler).ServeHTTP(httptest.NewRecorder(), r)
			}()
			ended := o.spans.Ended()
			if len(ended) != 1 || ended[0].SpanKind() != trace.SpanKindServer {
				t.Fatalf("%d spans", len(ended))
			}
			span := ended[0]
			if diff := cmp.Diff(test.span, fmt.Sprintf("%s %s %s", span.Name(), span.Status().Code, text(span.Attributes()))); diff != "" {
				t.Errorf("span (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(map[string]int{"scope http.server.request.duration " + test.series: 1}, o.series(t)); diff != "" {
				t.Errorf("series (-want +got):\n%s", diff)
			}
			test.line["level"], test.line["msg"], test.line["requestId"] = "INFO", "request", "withheld"
			test.line["traceId"] = span.SpanContext().TraceID().String()
			if diff := cmp.Diff(test.line, o.line(t)); diff != "" {
				t.Errorf("line (-want +got):\n%s", diff)
			}
		})
	}
}

// Requests of one kind are one series, whatever their statuses and however they alternate.
func TestSeriesAreShared(t *testing.T) {
	o := newObserved(t)
	h := o.Handler("/x", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(len(r.URL.RawQuery) + 200) }))
	for range 3 {
		for _, target := range []string{"/x", "/x?1234"} {
			h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", target, nil))
		}
	}
	const series = "scope http.server.request.duration http.request.method=GET http.response.status_code=%d http.route=/x url.scheme=http"
	if diff := cmp.Diff(map[string]int{fmt.Sprintf(series, 200): 3, fmt.Sprintf(series, 204): 3}, o.series(t)); diff != "" {
		t.Errorf("series (-want +got):\n%s", diff)
	}
}

// Without anything to write to, a handler is called with the same request.
func TestUnobserved(t *testing.T) {
	o, err := observe.New(observe.Options{TracerProvider: noop.NewTracerProvider()})
	if err != nil {
		t.Fatal(err)
	}
	r := httptest.NewRequest("GET", "/x", nil)
	w := httptest.NewRecorder()
	o.Handler("/x", http.HandlerFunc(func(w http.ResponseWriter, got *http.Request) {
		if got != r {
			t.Error("the request was copied")
		}
		w.WriteHeader(404)
	})).ServeHTTP(w, r)
	if w.Code != 404 || w.Header().Get("X-Request-Id") == "" {
		t.Errorf("status %d", w.Code)
	}
}

// The global providers are the default.
func TestDefaults(t *testing.T) {
	o, err := observe.New(observe.Options{})
	if err != nil {
		t.Fatal(err)
	}
	w := httptest.NewRecorder()
	o.Handler("/x", http.NotFoundHandler()).ServeHTTP(w, httptest.NewRequest("GET", "/x", nil))
	if w.Code != 404 {
		t.Errorf("status %d", w.Code)
	}
}

// The access log honors the level of its handler.
func TestAccessLogLevel(t *testing.T) {
	var log bytes.Buffer
	o := newObserved(t, func(options *observe.Options) {
		options.AccessLog = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelWarn}))
	})
	o.Handler("/x", http.NotFoundHandler()).ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/x", nil))
	if log.Len() > 0 {
		t.Errorf("logged %s", &log)
	}
}

// A trace that is not sampled is not in the access log.
func TestTraceThatIsNotSampled(t *testing.T) {
	o := newObserved(t, func(options *observe.Options) {
		options.TracerProvider = sdktrace.NewTracerProvider(sdktrace.WithSampler(sdktrace.NeverSample()))
	})
	o.Handler("/x", http.NotFoundHandler()).ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/x", nil))
	if id, found := o.line(t)["traceId"]; found {
		t.Errorf("traceId %v", id)
	}
}

// The parent of a request's span is the span of a middleware, or the one that the
// propagator finds. Without a propagator the headers are ignored.
func TestParent(t *testing.T) {
	const traceID = "0af7651916cd43dd8448eb211c80319c"
	outer, _ := sdktrace.NewTracerProvider().Tracer("outer").Start(t.Context(), "outer")
	for name, test := range map[string]struct {
		propagator propagation.TextMapPropagator
		ctx        context.Context
		want       string // the trace, "" for a new one
		state      string
	}{
		"without a propagator":               {nil, t.Context(), "", ""},
		"with a propagator":                  {propagation.TraceContext{}, t.Context(), traceID, "vendor=1"},
		"under a middleware":                 {nil, outer, trace.SpanContextFromContext(outer).TraceID().String(), ""},
		"under a middleware with propagator": {propagation.TraceContext{}, outer, trace.SpanContextFromContext(outer).TraceID().String(), ""},
	} {
		t.Run(name, func(t *testing.T) {
			o := newObserved(t, func(options *observe.Options) { options.Propagator = test.propagator })
			r := httptest.NewRequestWithContext(test.ctx, "GET", "/x", nil)
			r.Header.Set("Traceparent", "00-"+traceID+"-b7ad6b7169203331-01")
			r.Header.Set("Tracestate", "vendor=1")
			var inside trace.SpanContext
			o.Handler("/x", http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				inside = trace.SpanContextFromContext(r.Context())
			})).ServeHTTP(httptest.NewRecorder(), r)
			span := o.spans.Ended()[0]
			got := span.SpanContext().TraceID().String()
			if isNew := !span.Parent().IsValid() && got != traceID; isNew != (test.want == "") || !isNew && got != test.want {
				t.Errorf("trace %s, parent %s", got, span.Parent().SpanID())
			}
			if state := span.SpanContext().TraceState().String(); state != test.state {
				t.Errorf("trace state %q", state)
			}
			if !inside.Equal(span.SpanContext()) {
				t.Error("the handler is not inside the span")
			}
			if len(span.Links()) > 0 {
				t.Error("the span has links")
			}
		})
	}
}

// A step is a child of the request's span, and fails without its error's text.
func TestStep(t *testing.T) {
	o := newObserved(t)
	o.Handler("/x", http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		ctx, step := o.Step(r.Context(), "outer")
		_, inner := o.Step(ctx, "inner")
		observe.Fail(inner, "timeout")
		inner.End()
		step.End()
	})).ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/x", nil))
	var got []string
	for _, span := range o.spans.Ended() {
		got = append(got, fmt.Sprintf("%s %s %s", span.Name(), span.Status().Code, text(span.Attributes())))
	}
	want := []string{"inner Error error.type=timeout", "outer Unset ", "GET /x Unset http.request.method=GET http.response.status_code=200 http.route=/x url.scheme=http"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("spans (-want +got):\n%s", diff)
	}
	ended := o.spans.Ended()
	if ended[0].Parent().SpanID() != ended[1].SpanContext().SpanID() || ended[1].Parent().SpanID() != ended[2].SpanContext().SpanID() {
		t.Error("a step is not the child of the one around it")
	}

	t.Run("of a request that is not traced", func(t *testing.T) {
		ctx, step := o.Step(t.Context(), "step")
		step.End()
		if ctx != t.Context() || len(o.spans.Ended()) != 3 {
			t.Error("a span was started")
		}
	})
	t.Run("that the sampler drops", func(t *testing.T) {
		dropping := newObserved(t, func(options *observe.Options) {
			options.TracerProvider = sdktrace.NewTracerProvider(sdktrace.WithSampler(sdktrace.NeverSample()))
		})
		parent, span := o.Step(traced(o, t), "parent")
		if ctx, _ := dropping.Step(parent, "step"); ctx != parent || !span.IsRecording() {
			t.Error("a span was started")
		}
	})
}

// traced returns the context of a traced request.
func traced(o *observed, t *testing.T) (ctx context.Context) {
	t.Helper()
	o.Handler("/x", http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		ctx, _ = o.Step(r.Context(), "running")
	})).ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/x", nil))
	return ctx
}

// The ResponseWriter of an observed handler reaches the connection, and knows whether the
// response has begun.
func TestRecorder(t *testing.T) {
	o := newObserved(t)
	below := httptest.NewRecorder()
	o.Handler("/x", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if observe.HasBegun(w) {
			t.Error("the response has begun")
		}
		w.WriteHeader(http.StatusEarlyHints)
		if observe.HasBegun(w) {
			t.Error("the response has begun with an informational one")
		}
		_, _ = io.WriteString(w, "x")
		if !observe.HasBegun(w) {
			t.Error("the response has not begun")
		}
		if err := http.NewResponseController(w).Flush(); err != nil || !below.Flushed {
			t.Errorf("flushed: %t, error %v", below.Flushed, err)
		}
	})).ServeHTTP(below, httptest.NewRequest("GET", "/x", nil))
	if observe.HasBegun(below) {
		t.Error("another ResponseWriter has begun")
	}
	observe.SetOrganization(below, "org_a") // no effect
}
