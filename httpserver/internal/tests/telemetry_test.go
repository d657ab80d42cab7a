package tests_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	metricnoop "go.opentelemetry.io/otel/metric/noop"
	"go.opentelemetry.io/otel/propagation"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"

	"github.com/rejoinhq/rejoin/auth"
	"github.com/rejoinhq/rejoin/consumer"
	"github.com/rejoinhq/rejoin/httpserver"
)

// withTraces records the spans that have ended.
func withTraces(spans *tracetest.SpanRecorder, options ...sdktrace.TracerProviderOption) func(*httpserver.Options) {
	return func(o *httpserver.Options) {
		o.TracerProvider = sdktrace.NewTracerProvider(append(options, sdktrace.WithSpanProcessor(spans))...)
		o.Propagator = propagation.TraceContext{}
	}
}

func withMetrics(reader *sdkmetric.ManualReader) func(*httpserver.Options) {
	return func(o *httpserver.Options) {
		o.MeterProvider = sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader))
	}
}

// span is the documented part of a span.
type span struct {
	Name       string
	Kind       trace.SpanKind
	Status     string
	Attributes map[string]string
	Below      string // the name of the parent, if this process started it
}

func spansOf(recorder *tracetest.SpanRecorder) []span {
	ended := recorder.Ended()
	names := make(map[trace.SpanID]string)
	for _, s := range ended {
		names[s.SpanContext().SpanID()] = s.Name()
	}
	var spans []span
	for _, s := range ended {
		spans = append(spans, span{s.Name(), s.SpanKind(), s.Status().Code.String(), attributesOf(s.Attributes()), names[s.Parent().SpanID()]})
	}
	return spans
}

func attributesOf(list []attribute.KeyValue) map[string]string {
	attributes := make(map[string]string)
	for _, a := range list {
		attributes[string(a.Key)] = a.Value.String()
	}
	return attributes
}

// serverSpan is the span of a request to a route.
func serverSpan(method, route, status string, more ...string) span {
	s := span{Name: method + " " + route, Kind: trace.SpanKindServer, Status: "Unset", Attributes: map[string]string{
		"http.request.method": method, "http.route": route, "url.scheme": "http", "http.response.status_code": status,
	}}
	for i := 0; i < len(more); i += 2 {
		s.Attributes[more[i]] = more[i+1]
	}
	return s
}

func step(name, below string, attributes ...string) span {
	s := span{Name: name, Kind: trace.SpanKindInternal, Status: "Unset", Attributes: map[string]string{}, Below: below}
	for i := 0; i < len(attributes); i += 2 {
		s.Attributes[attributes[i]] = attributes[i+1]
	}
	return s
}

func failed(s span) span {
	s.Status = "Error"
	return s
}

func TestSpans(t *testing.T) {
	const me, byID = "GET " + prefix + "/me", "GET " + prefix + "/{id}"
	organization := []string{"rejoin.organization.id", org}
	for name, test := range map[string]struct {
		store func(*fakeStore)
		ask   func(*world)
		want  []span
	}{
		"a document": {nil, func(w *world) { w.me() }, []span{
			step("auth", me), step("store", me), step("derive", me), step("encode", me),
			serverSpan("GET", prefix+"/me", "200", organization...),
		}},
		"a look-up": {nil, func(w *world) { w.do("GET", prefix+"/cons_1", "Authorization", "Bearer "+secret) }, []span{
			step("auth", byID), step("store", byID), step("encode", byID),
			serverSpan("GET", prefix+"/{id}", "200", organization...),
		}},
		"a refusal": {nil, func(w *world) { w.do("GET", prefix+"/me") }, []span{
			step("auth", me, "rejoin.auth.reason", "publishable_key_missing"),
			serverSpan("GET", prefix+"/me", "401"),
		}},
		"an unknown consumer": {nil, func(w *world) { w.do("GET", prefix+"/cons_2", "Authorization", "Bearer "+secret) }, []span{
			step("auth", byID), step("store", byID),
			serverSpan("GET", prefix+"/{id}", "404", organization...),
		}},
		"a store that is down": {func(s *fakeStore) { s.err = fmt.Errorf("dial marker-secret: %w", consumer.ErrUnavailable) }, func(w *world) { w.me() }, []span{
			step("auth", me), failed(step("store", me, "error.type", "unavailable")),
			failed(serverSpan("GET", prefix+"/me", "503", "error.type", "503", organization[0], organization[1])),
		}},
		"a store with a bug": {func(s *fakeStore) { s.panics = "marker-secret" }, func(w *world) { w.me() }, []span{
			step("auth", me), step("store", me),
			failed(serverSpan("GET", prefix+"/me", "500", "error.type", "500", organization[0], organization[1])),
		}},
		"an unknown path": {nil, func(w *world) { w.do("GET", "/nowhere") }, []span{
			{Name: "GET", Kind: trace.SpanKindServer, Status: "Unset", Attributes: map[string]string{
				"http.request.method": "GET", "url.scheme": "http", "http.response.status_code": "404",
			}},
		}},
		"an invented method": {nil, func(w *world) { w.do("BREW", prefix+"/me") }, []span{
			{Name: "HTTP " + prefix + "/me", Kind: trace.SpanKindServer, Status: "Unset", Attributes: map[string]string{
				"http.request.method": "_OTHER", "http.route": prefix + "/me", "url.scheme": "http", "http.response.status_code": "405",
			}},
		}},
		"over TLS": {nil, func(w *world) { w.do("OPTIONS", "https://a.example"+prefix+"/me") }, []span{
			{Name: "OPTIONS " + prefix + "/me", Kind: trace.SpanKindServer, Status: "Unset", Attributes: map[string]string{
				"http.request.method": "OPTIONS", "http.route": prefix + "/me", "url.scheme": "https", "http.response.status_code": "204",
			}},
		}},
	} {
		t.Run(name, func(t *testing.T) {
			recorder := tracetest.NewSpanRecorder()
			w := newWorld(t, withTraces(recorder))
			if test.store != nil {
				test.store(w.store)
			}
			test.ask(w)
			got := spansOf(recorder)
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("spans (-want +got):\n%s", diff)
			}
			if text := fmt.Sprint(got); strings.Contains(text, "marker") {
				t.Error("a span contains the text of an error")
			}
		})
	}
}

// A caller's trace continues into the store if the propagator accepts it.
func TestTracePropagation(t *testing.T) {
	const traceID, parentID = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
	for name, test := range map[string]struct {
		propagator propagation.TextMapPropagator
		sampler    sdktrace.Sampler
		continued  bool
		spans      int
	}{
		"by the header":         {propagation.TraceContext{}, sdktrace.AlwaysSample(), true, 5},
		"the header is ignored": {propagation.NewCompositeTextMapPropagator(), sdktrace.AlwaysSample(), false, 5},
		"sampled by the caller": {propagation.TraceContext{}, sdktrace.ParentBased(sdktrace.NeverSample()), true, 5},
		"not sampled":           {propagation.TraceContext{}, sdktrace.NeverSample(), true, 0},
	} {
		t.Run(name, func(t *testing.T) {
			recorder := tracetest.NewSpanRecorder()
			var inAuth, inStore trace.SpanContext
			w := newWorld(t, withTraces(recorder, sdktrace.WithSampler(test.sampler)), func(o *httpserver.Options) {
				o.Propagator = test.propagator
				o.Auth = watchedAuth{o.Auth, func(ctx context.Context) { inAuth = trace.SpanContextFromContext(ctx) }}
				o.Store = watchedStore{o.Store, func(ctx context.Context) { inStore = trace.SpanContextFromContext(ctx) }}
			})
			w.me("Traceparent", "00-"+traceID+"-"+parentID+"-01")
			if continued := inStore.TraceID().String() == traceID; continued != test.continued || !inStore.IsValid() {
				t.Errorf("the store's trace is %s", inStore.TraceID())
			}
			ended := recorder.Ended()
			if len(ended) != test.spans {
				t.Fatalf("%d spans", len(ended))
			}
			if test.spans == 0 {
				return
			}
			server := ended[len(ended)-1]
			if continued := server.Parent().SpanID().String() == parentID; continued != test.continued {
				t.Errorf("the parent is %s", server.Parent().SpanID())
			}
			if inAuth.SpanID() != ended[0].SpanContext().SpanID() || inStore.SpanID() != ended[1].SpanContext().SpanID() {
				t.Error("what the authenticator and the store trace is not a child of their spans")
			}
		})
	}
}

// watchedStore passes the contexts of reads to a function.
type watchedStore struct {
	consumer.Reader
	see func(context.Context)
}

func (s watchedStore) Snapshot(ctx context.Context, key consumer.Key) (consumer.Snapshot, error) {
	s.see(ctx)
	return s.Reader.Snapshot(ctx, key)
}

// watchedAuth passes the contexts of authentication to a function.
type watchedAuth struct {
	httpserver.Authenticator
	see func(context.Context)
}

func (a watchedAuth) AuthenticateConsumer(ctx context.Context, r *http.Request) (auth.ConsumerCaller, error) {
	a.see(ctx)
	return a.Authenticator.AuthenticateConsumer(ctx, r)
}

// Under a middleware that traces, a provider that does nothing leaves its span in place.
func TestTracingOfAMiddlewareAround(t *testing.T) {
	recorder := tracetest.NewSpanRecorder()
	around := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(recorder))
	ctx, outer := around.Tracer("around").Start(t.Context(), "outer")
	var inStore trace.Span
	w := newWorld(t, func(o *httpserver.Options) {
		o.TracerProvider = noop.NewTracerProvider()
		o.Store = watchedStore{o.Store, func(ctx context.Context) { inStore = trace.SpanFromContext(ctx) }}
	})
	w.Handler = withContext(ctx, w.Handler)
	w.me()
	outer.End()
	if len(recorder.Ended()) != 1 || inStore != outer {
		t.Errorf("%d spans, the store is below %v", len(recorder.Ended()), inStore.SpanContext().SpanID())
	}
}

// The span of a middleware is the parent, even if the propagator finds another one.
func TestSpanOfAMiddlewareIsTheParent(t *testing.T) {
	recorder := tracetest.NewSpanRecorder()
	w := newWorld(t, withTraces(recorder))
	ctx, outer := sdktrace.NewTracerProvider().Tracer("around").Start(t.Context(), "outer")
	w.Handler = withContext(ctx, w.Handler)
	w.me("Traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
	ended := recorder.Ended()
	if server := ended[len(ended)-1]; server.Parent().SpanID() != outer.SpanContext().SpanID() {
		t.Errorf("the parent is %s", server.Parent().SpanID())
	}
}

// measurements returns the points of all instruments except the cache's, with keys such as
// "name{attributes}".
func measurements(t *testing.T, reader *sdkmetric.ManualReader) map[string]int64 {
	t.Helper()
	all := allMeasurements(t, reader)
	maps.DeleteFunc(all, func(name string, _ int64) bool { return strings.HasPrefix(name, "rejoin.cache.") })
	return all
}

func allMeasurements(t *testing.T, reader *sdkmetric.ManualReader) map[string]int64 {
	t.Helper()
	var data metricdata.ResourceMetrics
	must(t, reader.Collect(t.Context(), &data))
	points := make(map[string]int64)
	add := func(name string, set attribute.Set, value int64) {
		labels := attributesOf(set.ToSlice())
		var pairs []string
		for _, key := range slices.Sorted(maps.Keys(labels)) {
			pairs = append(pairs, key+"="+labels[key])
		}
		points[name+"{"+strings.Join(pairs, ",")+"}"] = value
	}
	for _, scope := range data.ScopeMetrics {
		if scope.Scope.Name != "github.com/rejoinhq/rejoin/httpserver" {
			t.Errorf("scope %s", scope.Scope.Name)
		}
		for _, m := range scope.Metrics {
			switch d := m.Data.(type) {
			case metricdata.Histogram[float64]:
				for _, p := range d.DataPoints {
					add(m.Name+" "+m.Unit, p.Attributes, int64(p.Count))
					if p.Sum <= 0 || p.Sum > 60 {
						t.Errorf("%s: %v seconds", m.Name, p.Sum)
					}
				}
			case metricdata.Gauge[int64]:
				for _, p := range d.DataPoints {
					add(m.Name, p.Attributes, p.Value)
				}
			case metricdata.Sum[int64]:
				for _, p := range d.DataPoints {
					add(m.Name, p.Attributes, p.Value)
				}
			}
		}
	}
	return points
}

func TestMetrics(t *testing.T) {
	reader := sdkmetric.NewManualReader()
	w := newWorld(t, withMetrics(reader), withOrigins("https://a.example"))
	bySecret := []string{"Authorization", "Bearer " + secret}
	etag := w.me().Header.Get("ETag")
	w.me()
	w.me("If-None-Match", etag)
	w.do("GET", prefix+"/cons_1", bySecret...)
	w.do("GET", prefix+"/cons_2", bySecret...)
	w.do("GET", prefix+"/cons_3", bySecret...)
	w.do("GET", prefix+"/me")
	w.do("GET", prefix+"/cons_1")
	w.do("GET", "/nowhere")
	w.do("GET", "/"+secret)
	w.do(secret, prefix+"/me")
	for _, err := range []error{consumer.ErrUnavailable, consumer.ErrSchema, context.DeadlineExceeded, context.Canceled, errors.New("a bug"), errors.New(secret)} {
		w.store.err = err
		w.me()
	}

	request := func(method, route, status, more string) string {
		if route != "" {
			route = "http.route=" + prefix + route + ","
		}
		return "http.server.request.duration s{" + more + "http.request.method=" + method + ",http.response.status_code=" + status + "," + route + "url.scheme=http}"
	}
	want := map[string]int64{
		request("GET", "/me", "200", ""):                                   2,
		request("GET", "/me", "304", ""):                                   1,
		request("GET", "/me", "401", ""):                                   1,
		request("GET", "/me", "503", "error.type=503,"):                    4,
		request("GET", "/me", "500", "error.type=500,"):                    2,
		request("_OTHER", "/me", "405", ""):                                1,
		request("GET", "/{id}", "200", ""):                                 1,
		request("GET", "/{id}", "401", ""):                                 1,
		request("GET", "/{id}", "404", ""):                                 2,
		request("GET", "", "404", ""):                                      2,
		"rejoin.auth.refusals{rejoin.auth.reason=publishable_key_missing}": 1,
		"rejoin.auth.refusals{rejoin.auth.reason=authorization_missing}":   1,
		"rejoin.store.errors{error.type=unavailable}":                      1,
		"rejoin.store.errors{error.type=schema}":                           1,
		"rejoin.store.errors{error.type=timeout}":                          1,
		"rejoin.store.errors{error.type=canceled}":                         1,
		"rejoin.store.errors{error.type=_OTHER}":                           2,
	}
	got := measurements(t, reader)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("measurements (-want +got):\n%s", diff)
	}
	if text := fmt.Sprint(got); strings.Contains(text, "cons_") || strings.Contains(text, org) || strings.Contains(text, "sk_") {
		t.Errorf("an attribute is an id or a credential: %s", text)
	}
}

func TestCacheIsMeasured(t *testing.T) {
	reader := sdkmetric.NewManualReader()
	feed := &exactFeed{}
	feed.broken.set(consumer.ErrUnavailable) // so that all requests are misses
	w := newWorld(t, withMetrics(reader), withCache(feed, httpserver.CacheOptions{}))
	w.me()
	w.me()
	want := map[string]int64{
		"rejoin.cache.requests{rejoin.cache.result=hit}":  0,
		"rejoin.cache.requests{rejoin.cache.result=miss}": 2,
		"rejoin.cache.size{}":                             0,
	}
	got := allMeasurements(t, reader)
	maps.DeleteFunc(got, func(name string, _ int64) bool { return !strings.HasPrefix(name, "rejoin.cache.") })
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("measurements (-want +got):\n%s", diff)
	}
}

func TestOpenStreamsAreMeasured(t *testing.T) {
	reader := sdkmetric.NewManualReader()
	inBubble(t, func(t *testing.T, s *streaming) {
		s.stream()
		other := s.stream()
		time.Sleep(time.Second)
		other.leave()
		synctest.Wait()
		if got := measurements(t, reader)["rejoin.event_streams.active{}"]; got != 1 {
			t.Errorf("%d streams are open, want 1", got)
		}
	}, withMetrics(reader))
}

// Another authenticator need not give a reason. Its failures don't count as refusals.
func TestRefusalsOfAnotherAuthenticator(t *testing.T) {
	for name, test := range map[string]struct {
		err  error
		want map[string]int64
	}{
		"a refusal": {fmt.Errorf("no session of %s: %w", secret, auth.ErrUnauthenticated), map[string]int64{"rejoin.auth.refusals{rejoin.auth.reason=other}": 1}},
		"a failure": {consumer.ErrUnavailable, map[string]int64{}},
	} {
		t.Run(name, func(t *testing.T) {
			reader, recorder := sdkmetric.NewManualReader(), tracetest.NewSpanRecorder()
			w := newWorld(t, withMetrics(reader), withTraces(recorder), func(o *httpserver.Options) { o.Auth = fakeAuth{test.err} })
			w.me()
			got := measurements(t, reader)
			maps.DeleteFunc(got, func(name string, _ int64) bool { return strings.HasPrefix(name, "http.") })
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("measurements (-want +got):\n%s", diff)
			}
			if failed := spansOf(recorder)[0].Status == "Error"; failed == (len(test.want) > 0) {
				t.Errorf("the span of auth failed: %t", failed)
			}
		})
	}
}

// The global providers are used when no others are given. The global propagator is not: a
// service may have it for its own outgoing requests, and strangers can send headers too.
func TestGlobalProviders(t *testing.T) {
	reader, recorder := sdkmetric.NewManualReader(), tracetest.NewSpanRecorder()
	otel.SetMeterProvider(sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader)))
	otel.SetTracerProvider(sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(recorder)))
	otel.SetTextMapPropagator(propagation.TraceContext{})
	t.Cleanup(func() {
		otel.SetMeterProvider(metricnoop.NewMeterProvider())
		otel.SetTracerProvider(noop.NewTracerProvider())
		otel.SetTextMapPropagator(propagation.NewCompositeTextMapPropagator())
	})
	w := newWorld(t)
	w.me("Traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "Tracestate", "vendor=marker")
	if got := len(measurements(t, reader)); got != 1 {
		t.Errorf("%d measurements", got)
	}
	ended := recorder.Ended()
	if len(ended) != 5 || ended[4].Parent().IsValid() || ended[4].SpanContext().TraceState().Len() > 0 || ended[4].SpanContext().TraceID().String() == "0af7651916cd43dd8448eb211c80319c" {
		t.Errorf("%d spans", len(ended))
	}
}
