package httpserver

import (
	"context"
	"errors"
	"net/http"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/propagation"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"

	"github.com/rejoinhq/rejoin/auth"
	"github.com/rejoinhq/rejoin/consumer"
)

// scope is the name under which this package traces and measures.
const scope = "github.com/rejoinhq/rejoin/httpserver"

// telemetry is what the handlers trace and measure with.
type telemetry struct {
	tracer      trace.Tracer
	propagator  propagation.TextMapPropagator
	duration    metric.Float64Histogram
	refusals    metric.Int64Counter
	storeErrors metric.Int64Counter
	streams     metric.Int64UpDownCounter
}

func newTelemetry(o Options) (*telemetry, error) {
	if o.TracerProvider == nil {
		o.TracerProvider = otel.GetTracerProvider()
	}
	if o.MeterProvider == nil {
		o.MeterProvider = otel.GetMeterProvider()
	}
	if o.Propagator == nil {
		o.Propagator = otel.GetTextMapPropagator()
	}
	t := &telemetry{
		tracer:     o.TracerProvider.Tracer(scope, trace.WithSchemaURL(semconv.SchemaURL)),
		propagator: o.Propagator,
	}
	meter := o.MeterProvider.Meter(scope, metric.WithSchemaURL(semconv.SchemaURL))
	var errs [4]error
	t.duration, errs[0] = meter.Float64Histogram("http.server.request.duration",
		metric.WithDescription("Duration of HTTP server requests."), metric.WithUnit("s"),
		// The buckets of the semantic conventions begin at 5 ms, where these answers are
		// slow already: so finer ones stand in front.
		metric.WithExplicitBucketBoundaries(0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025,
			0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10))
	t.refusals, errs[1] = meter.Int64Counter("rejoin.auth.refusals",
		metric.WithDescription("Callers who were refused, by reason."), metric.WithUnit("{refusal}"))
	t.storeErrors, errs[2] = meter.Int64Counter("rejoin.store.errors",
		metric.WithDescription("Reads that the store failed, by kind of failure."), metric.WithUnit("{error}"))
	t.streams, errs[3] = meter.Int64UpDownCounter("rejoin.event_streams.active",
		metric.WithDescription("Event streams that are open."), metric.WithUnit("{stream}"))
	return t, errors.Join(append(errs[:], measureCache(meter, o.Cache))...)
}

// measureCache reads what a cache says of itself, whenever somebody collects.
func measureCache(meter metric.Meter, cache *Cache) error {
	if cache == nil {
		return nil
	}
	requests, err := meter.Int64ObservableCounter("rejoin.cache.requests",
		metric.WithDescription("Requests for documents, by whether the cache had them."), metric.WithUnit("{request}"))
	size, sizeErr := meter.Int64ObservableGauge("rejoin.cache.size",
		metric.WithDescription("Memory that cached documents take."), metric.WithUnit("By"))
	if err := errors.Join(err, sizeErr); err != nil {
		return err
	}
	hit := metric.WithAttributeSet(attribute.NewSet(attribute.String("rejoin.cache.result", "hit")))
	miss := metric.WithAttributeSet(attribute.NewSet(attribute.String("rejoin.cache.result", "miss")))
	registration, err := meter.RegisterCallback(func(_ context.Context, observe metric.Observer) error {
		stats := cache.Stats()
		observe.ObserveInt64(requests, stats.Hits, hit)
		observe.ObserveInt64(requests, stats.Misses, miss)
		observe.ObserveInt64(size, stats.Bytes)
		return nil
	}, requests, size)
	if err == nil {
		cache.unmeasure.Store(new(registration.Unregister))
	}
	return err
}

// streamOpened counts an event stream until the function that it returns is called.
func (t *telemetry) streamOpened(ctx context.Context) (closed func()) {
	t.streams.Add(ctx, 1)
	return func() { t.streams.Add(context.WithoutCancel(ctx), -1) }
}

// step begins a part of what a request does. Of one that is not traced it makes nothing.
// The caller ends the span.
func (t *telemetry) step(ctx context.Context, name string) (context.Context, trace.Span) {
	if !trace.SpanFromContext(ctx).IsRecording() {
		return ctx, noop.Span{}
	}
	below, span := t.tracer.Start(ctx, name)
	if !span.IsRecording() {
		return ctx, noop.Span{}
	}
	return below, span
}

// markFailed marks a step as failed. The text of an error stays in the log.
func markFailed(span trace.Span, err error) {
	span.SetStatus(codes.Error, "")
	span.SetAttributes(semconv.ErrorTypeKey.String(errorType(err)))
}

// errorType is the kind of a failure, of which there are few.
func errorType(err error) string {
	switch {
	case errors.Is(err, context.Canceled):
		return "canceled"
	case errors.Is(err, context.DeadlineExceeded):
		return "timeout"
	case errors.Is(err, consumer.ErrSchema):
		return "schema"
	case errors.Is(err, consumer.ErrUnavailable):
		return "unavailable"
	}
	return semconv.ErrorTypeOther.Value.AsString()
}

// observedStore is a store whose reads are traced, and whose failures are counted.
type observedStore struct {
	consumer.Reader
	telemetry *telemetry
}

func (s observedStore) Consumer(ctx context.Context, organizationID, consumerID string) (consumer.Consumer, error) {
	ctx, span := s.telemetry.step(ctx, "store")
	defer span.End()
	found, err := s.Reader.Consumer(ctx, organizationID, consumerID)
	s.note(ctx, span, err)
	return found, err
}

func (s observedStore) Snapshot(ctx context.Context, organizationID, consumerID string) (consumer.Snapshot, error) {
	ctx, span := s.telemetry.step(ctx, "store")
	defer span.End()
	snapshot, err := s.Reader.Snapshot(ctx, organizationID, consumerID)
	s.note(ctx, span, err)
	return snapshot, err
}

func (s observedStore) note(ctx context.Context, span trace.Span, err error) {
	if err == nil || errors.Is(err, consumer.ErrNotFound) {
		return
	}
	markFailed(span, err)
	s.telemetry.storeErrors.Add(ctx, 1, metric.WithAttributes(semconv.ErrorTypeKey.String(errorType(err))))
}

// observedAuth is an authenticator that is traced, and whose refusals are counted. Its
// context is apart from the request.
type observedAuth struct {
	Authenticator
	// own is the same authenticator when it is this module's, for which a request need not
	// be copied to bring the context. One that has it embedded is another, and may refuse more.
	own       *auth.Authenticator
	telemetry *telemetry
}

func newObservedAuth(a Authenticator, t *telemetry) observedAuth {
	own, _ := a.(*auth.Authenticator)
	return observedAuth{a, own, t}
}

func (a observedAuth) consumer(ctx context.Context, r *http.Request) (identity auth.Identity, err error) {
	ctx, span := a.telemetry.step(ctx, "auth")
	defer span.End()
	if a.own != nil {
		identity, err = a.own.ConsumerOf(ctx, r.Header)
	} else {
		identity, err = a.AuthenticateConsumer(r.WithContext(ctx))
	}
	a.note(ctx, span, err)
	return identity, err
}

func (a observedAuth) organization(ctx context.Context, r *http.Request) (id string, err error) {
	ctx, span := a.telemetry.step(ctx, "auth")
	defer span.End()
	if a.own != nil {
		id, err = a.own.OrganizationOf(ctx, r.Header)
	} else {
		id, err = a.AuthenticateServer(r.WithContext(ctx))
	}
	a.note(ctx, span, err)
	return id, err
}

func (a observedAuth) note(ctx context.Context, span trace.Span, err error) {
	switch {
	case err == nil:
	case errors.Is(err, auth.ErrUnauthenticated):
		reason := attribute.String("rejoin.auth.reason", string(reasonOf(err)))
		span.SetAttributes(reason)
		a.telemetry.refusals.Add(ctx, 1, metric.WithAttributes(reason))
	default:
		markFailed(span, err)
	}
}

// reasonOf is why a caller was refused, as far as the authenticator says.
func reasonOf(err error) auth.Reason {
	var refusal *auth.Error
	if errors.As(err, &refusal) && refusal.Reason != "" {
		return refusal.Reason
	}
	return "other"
}
