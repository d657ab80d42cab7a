package httpserver

import (
	"context"
	"errors"

	"go.opentelemetry.io/otel/metric"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"

	"github.com/rejoinhq/rejoin/consumer"
	"github.com/rejoinhq/rejoin/httpserver/internal/observe"
)

// scope is the name of the instrumentation scope of this package.
const scope = "github.com/rejoinhq/rejoin/httpserver"

// telemetry holds what the handlers trace and measure with.
type telemetry struct {
	*observe.Observer
	refusals    metric.Int64Counter
	storeErrors metric.Int64Counter
	streams     metric.Int64UpDownCounter
	webhooks    metric.Int64Counter
}

func newTelemetry(o Options) (*telemetry, error) {
	observer, err := observe.New(observe.Options{
		Scope: scope, TracerProvider: o.TracerProvider, MeterProvider: o.MeterProvider,
		Propagator: o.Propagator, AccessLog: o.AccessLog,
	})
	t := &telemetry{Observer: observer}
	errs := [5]error{err}
	t.refusals, errs[1] = t.Meter().Int64Counter("rejoin.auth.refusals",
		metric.WithDescription("Rejected callers, by reason."), metric.WithUnit("{refusal}"))
	t.storeErrors, errs[2] = t.Meter().Int64Counter("rejoin.store.errors",
		metric.WithDescription("Failed operations of the store, by type of error."), metric.WithUnit("{error}"))
	t.streams, errs[3] = t.Meter().Int64UpDownCounter("rejoin.event_streams.active",
		metric.WithDescription("Open event streams."), metric.WithUnit("{stream}"))
	t.webhooks, errs[4] = t.Meter().Int64Counter("rejoin.webhooks",
		metric.WithDescription("Webhooks, by the type of their event and what became of it."), metric.WithUnit("{webhook}"))
	return t, errors.Join(errs[:]...)
}

// streamOpened counts an event stream as open until the returned function is called.
func (t *telemetry) streamOpened(ctx context.Context) (closed func()) {
	t.streams.Add(ctx, 1)
	return func() { t.streams.Add(context.WithoutCancel(ctx), -1) }
}

// errorType returns the value of error.type for an error, one of a few.
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

// observedStore traces the reads of a store and counts those that fail.
type observedStore struct {
	consumer.Reader
	telemetry *telemetry
}

func (s observedStore) Consumer(ctx context.Context, key consumer.Key) (consumer.Consumer, error) {
	ctx, span := s.telemetry.Step(ctx, "store")
	defer span.End()
	found, err := s.Reader.Consumer(ctx, key)
	s.note(ctx, span, err)
	return found, err
}

func (s observedStore) Snapshot(ctx context.Context, key consumer.Key) (consumer.Snapshot, error) {
	ctx, span := s.telemetry.Step(ctx, "store")
	defer span.End()
	snapshot, err := s.Reader.Snapshot(ctx, key)
	s.note(ctx, span, err)
	return snapshot, err
}

// note records the failure of a read. A read that the client canceled has not failed.
func (s observedStore) note(ctx context.Context, span trace.Span, err error) {
	if err == nil || errors.Is(err, consumer.ErrNotFound) || clientLeft(ctx, err) {
		return
	}
	observe.Fail(span, errorType(err))
	s.telemetry.storeErrors.Add(ctx, 1, metric.WithAttributes(semconv.ErrorTypeKey.String(errorType(err))))
}

// observedRecords traces the operations of the records endpoints and counts those that
// fail.
type observedRecords struct {
	store     RecordStore
	telemetry *telemetry
}

// observe calls operation, which returns the error of the store.
func (s observedRecords) observe(ctx context.Context, operation func(context.Context) error) error {
	ctx, span := s.telemetry.Step(ctx, "store")
	defer span.End()
	err := operation(ctx)
	if !errors.Is(err, consumer.ErrInvalid) && !errors.Is(err, consumer.ErrErased) {
		observedStore{telemetry: s.telemetry}.note(ctx, span, err)
	}
	return err
}
