// Package observe names HTTP requests, traces and measures them by the semantic
// conventions of OpenTelemetry, and writes them to an access log. It doesn't know the
// handlers that it observes.
//
// No path, header or other text that a client chooses becomes part of a span, a
// measurement or the access log, except a well-formed request id. If a propagator is
// configured, the trace that it finds in the request's headers is an exception too.
package observe

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/propagation"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"
)

// Options configure an [Observer].
type Options struct {
	// Scope is the name of the instrumentation scope.
	Scope string
	// TracerProvider and MeterProvider are the global ones by default.
	TracerProvider trace.TracerProvider
	MeterProvider  metric.MeterProvider
	// Propagator finds the parent of a request's span in the request's headers. Default:
	// the headers are ignored.
	Propagator propagation.TextMapPropagator
	// AccessLog receives one record for each response. Default: no access log.
	AccessLog *slog.Logger
}

// Observer observes requests. It is safe for concurrent use.
type Observer struct {
	tracer     trace.Tracer
	propagator propagation.TextMapPropagator // nil for none
	meter      metric.Meter
	duration   metric.Float64Histogram
	accessLog  slog.Handler // nil for none
}

// New returns an Observer, or the error of the meter provider.
func New(o Options) (*Observer, error) {
	if o.TracerProvider == nil {
		o.TracerProvider = otel.GetTracerProvider()
	}
	if o.MeterProvider == nil {
		o.MeterProvider = otel.GetMeterProvider()
	}
	observer := &Observer{
		tracer:     o.TracerProvider.Tracer(o.Scope, trace.WithSchemaURL(semconv.SchemaURL)),
		propagator: o.Propagator,
		meter:      o.MeterProvider.Meter(o.Scope, metric.WithSchemaURL(semconv.SchemaURL)),
	}
	if o.AccessLog != nil {
		observer.accessLog = o.AccessLog.Handler()
	}
	var err error
	observer.duration, err = observer.meter.Float64Histogram("http.server.request.duration",
		metric.WithDescription("Duration of HTTP server requests."), metric.WithUnit("s"),
		// The buckets of the semantic conventions begin at 5 ms. Most responses take less.
		metric.WithExplicitBucketBoundaries(0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025,
			0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10))
	return observer, err
}

// Meter returns the meter for further instruments of the same scope.
func (o *Observer) Meter() metric.Meter { return o.meter }

// Handler returns a handler that gives each request an id, calls next, and observes the
// request as one of route: a template such as "/api/v1/consumers/{id}", or "" for all
// paths that have no route. The ResponseWriter that next receives accepts
// [SetOrganization] and [HasBegun].
func (o *Observer) Handler(route string, next http.Handler) http.Handler {
	all := newRouteSeries(route)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		started := time.Now()
		series := all.of(r)
		recorder := &recorder{ResponseWriter: w, Record: Record{RequestID: loggable(SetRequestID(w, r))}}
		r, span := o.startSpan(r, series)
		defer func() { // also when next panics
			recorder.Duration = time.Since(started)
			o.end(r.Context(), span, series, recorder)
		}()
		next.ServeHTTP(recorder, r)
		if recorder.Status == 0 {
			recorder.Status = http.StatusOK // as net/http does
		}
	})
}

// startSpan starts the span of a request. It returns the request with the span's context.
func (o *Observer) startSpan(r *http.Request, s *series) (*http.Request, trace.Span) {
	ctx := r.Context()
	outer := trace.SpanContextFromContext(ctx)
	if o.propagator != nil && !outer.IsValid() {
		ctx = o.propagator.Extract(ctx, propagation.HeaderCarrier(r.Header))
	}
	ctx, span := o.tracer.Start(ctx, s.spanName, s.spanOptions...)
	if c := span.SpanContext(); c.IsValid() && !c.Equal(outer) {
		r = r.WithContext(ctx)
	}
	return r, span
}

// end records what became of a request.
func (o *Observer) end(ctx context.Context, span trace.Span, s *series, r *recorder) {
	if s.method == http.MethodHead {
		r.Bytes = 0 // net/http drops what a handler writes
	}
	if o.duration.Enabled(ctx) {
		o.duration.Record(ctx, r.Duration.Seconds(), s.measurementOptions(r.Status)...)
	}
	if o.accessLog != nil && o.accessLog.Enabled(ctx, slog.LevelInfo) {
		r.Method, r.Route = s.method, s.route
		if c := trace.SpanContextFromContext(ctx); c.IsSampled() {
			r.TraceID = c.TraceID().String()
		}
		r.log(ctx, o.accessLog)
	}
	if span.IsRecording() {
		span.SetAttributes(statusAttributes(r.Status)...)
		if r.OrganizationID != "" {
			span.SetAttributes(organizationID(r.OrganizationID))
		}
		if r.Status >= http.StatusInternalServerError {
			span.SetStatus(codes.Error, "")
		}
	}
	span.End()
}

// Step starts a span for a part of what a request does. It does nothing for a request that
// is not traced. The caller ends the span.
func (o *Observer) Step(ctx context.Context, name string) (context.Context, trace.Span) {
	if !trace.SpanFromContext(ctx).IsRecording() {
		return ctx, noop.Span{}
	}
	child, span := o.tracer.Start(ctx, name)
	if !span.IsRecording() {
		return ctx, noop.Span{}
	}
	return child, span
}

// Fail marks a step as failed. The type of the error becomes an attribute. Its text does
// not, because it could hold a secret.
func Fail(step trace.Span, errorType string) {
	step.SetStatus(codes.Error, "")
	step.SetAttributes(semconv.ErrorTypeKey.String(errorType))
}
