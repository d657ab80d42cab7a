package httpserver

import (
	"log/slog"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/propagation"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"
)

// observer watches the requests of one route: it traces, measures and logs them. What
// can be prepared is prepared when the handler is made, because a request takes so
// little time that to watch it must take next to none.
type observer struct {
	telemetry *telemetry
	kinds     map[requestClass]*requestKind
}

// requestClass is what is known about a request before it is answered, without anything
// that a client can invent.
type requestClass struct {
	method string
	secure bool
}

// requestKind is what the requests of one class on one route have in common.
type requestKind struct {
	head        bool
	spanName    string
	spanOptions []trace.SpanStartOption
	accessLog   slog.Handler // nil without one
	labels      []attribute.KeyValue

	mu       sync.Mutex // held to add to byStatus
	byStatus atomic.Pointer[map[int][]metric.RecordOption]
}

// otherMethod stands for all that the semantic conventions don't know: a method is text
// of the client's, and might be anything, a credential too.
const otherMethod = "_OTHER"

// observed are the methods that the semantic conventions for HTTP know, and the one for
// all others.
func observedMethods() []string {
	return []string{
		http.MethodGet, http.MethodHead, http.MethodOptions, http.MethodPost, http.MethodPut, http.MethodPatch,
		http.MethodDelete, http.MethodConnect, http.MethodTrace, "QUERY", otherMethod,
	}
}

// observe returns the observer of a route: a template such as "/api/v1/consumers/{id}",
// or "" for all paths that are none.
func (a *API) observe(route string) *observer {
	o := &observer{telemetry: a.telemetry, kinds: make(map[requestClass]*requestKind)}
	for _, method := range observedMethods() {
		for _, secure := range []bool{false, true} {
			o.kinds[requestClass{method, secure}] = newRequestKind(route, method, secure, a.accessLog)
		}
	}
	return o
}

func newRequestKind(route, method string, secure bool, accessLog slog.Handler) *requestKind {
	k := &requestKind{head: method == http.MethodHead, spanName: spanName(route, method)}
	scheme := "http"
	if secure {
		scheme = "https"
	}
	k.labels = []attribute.KeyValue{semconv.HTTPRequestMethodKey.String(method), semconv.URLScheme(scheme)}
	logged := "other"
	if route != "" { // of what is no route the conventions want none
		k.labels = append(k.labels, semconv.HTTPRoute(route))
		logged = route
	}
	k.spanOptions = []trace.SpanStartOption{trace.WithSpanKind(trace.SpanKindServer), trace.WithAttributes(k.labels...)}
	k.byStatus.Store(&map[int][]metric.RecordOption{})
	if accessLog != nil {
		k.accessLog = accessLog.WithAttrs([]slog.Attr{slog.String("method", method), slog.String("route", logged)})
	}
	return k
}

// spanName is that of the semantic conventions: the method, HTTP for one that they
// don't know, and the route.
func spanName(route, method string) string {
	if method == otherMethod {
		method = "HTTP"
	}
	if route == "" {
		return method
	}
	return method + " " + route
}

// begin begins to watch a request. It returns nil when nobody wants to know.
func (o *observer) begin(w http.ResponseWriter, r *http.Request, requestID string) (*exchange, *http.Request) {
	kind := o.kind(r)
	ctx := o.telemetry.propagator.Extract(r.Context(), propagation.HeaderCarrier(r.Header))
	ctx, span := o.telemetry.tracer.Start(ctx, kind.spanName, kind.spanOptions...)
	if s := span.SpanContext(); s.IsValid() && !s.Equal(trace.SpanContextFromContext(r.Context())) {
		r = r.WithContext(ctx)
	}
	ctx = r.Context()
	measured := o.telemetry.duration.Enabled(ctx)
	logged := kind.accessLog != nil && kind.accessLog.Enabled(ctx, slog.LevelInfo)
	if !measured && !logged && !span.IsRecording() {
		return nil, r
	}
	return &exchange{
		ResponseWriter: w, requestID: requestID, ctx: ctx, kind: kind,
		started: time.Now(), span: span, measured: measured, logged: logged,
	}, r
}

func (o *observer) kind(r *http.Request) *requestKind {
	kind, known := o.kinds[requestClass{r.Method, r.TLS != nil}]
	if !known {
		kind = o.kinds[requestClass{otherMethod, r.TLS != nil}]
	}
	return kind
}

// end tells what became of the request.
func (o *observer) end(e *exchange) {
	took := time.Since(e.started)
	if e.kind.head {
		e.bytes = 0 // what a handler writes for HEAD is not sent
	}
	if e.measured {
		o.telemetry.duration.Record(e.ctx, took.Seconds(), e.kind.recordOptions(e.status)...)
	}
	if e.logged {
		e.log(took)
	}
	if e.span.IsRecording() {
		e.span.SetAttributes(statusLabels(e.status)...)
		if e.organizationID != "" {
			e.span.SetAttributes(attribute.String("rejoin.organization.id", e.organizationID))
		}
		if e.status >= http.StatusInternalServerError {
			e.span.SetStatus(codes.Error, "")
		}
	}
	e.span.End()
}

// statusLabels are the attributes of a status. A connection that was given up without an
// answer has none.
func statusLabels(status int) []attribute.KeyValue {
	switch {
	case status == 0:
		return nil
	case status >= http.StatusInternalServerError:
		return []attribute.KeyValue{semconv.HTTPResponseStatusCode(status), semconv.ErrorTypeKey.String(strconv.Itoa(status))}
	}
	return []attribute.KeyValue{semconv.HTTPResponseStatusCode(status)}
}

// recordOptions are the attributes of a measurement. There are as many sets of them as
// there are statuses that the handlers answer with, and each is made once.
func (k *requestKind) recordOptions(status int) []metric.RecordOption {
	if options, known := (*k.byStatus.Load())[status]; known {
		return options
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	labels := append(statusLabels(status), k.labels...)
	options := []metric.RecordOption{metric.WithAttributeSet(attribute.NewSet(labels...))}
	grown := map[int][]metric.RecordOption{status: options}
	for other, known := range *k.byStatus.Load() {
		grown[other] = known
	}
	k.byStatus.Store(&grown)
	return options
}
