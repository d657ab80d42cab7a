package httpserver

import (
	"context"
	"errors"
	"net/http"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"

	"github.com/rejoinhq/rejoin/auth"
	"github.com/rejoinhq/rejoin/httpserver/internal/observe"
)

// Authenticator identifies the callers of an [API]. [auth.Authenticator] implements it; a
// service with accounts of its own provides another implementation.
//
// Both methods honor ctx, which has the deadline of [Options].Timeout, and ignore the
// context of the request. They must be safe for concurrent use. An event stream calls
// AuthenticateConsumer again, with the request that opened it, for as long as it is open.
//
// An error that matches [auth.ErrUnauthenticated] refuses the caller: the response is 401.
// An error that matches [consumer.ErrUnavailable] means that the authenticator could not
// decide: the response is 503. With any other error the response is 500.
//
// An authenticator that reads other request headers than Authorization and
// X-Publishable-Key should add them to the Vary header of the response, in a handler around
// the handlers of the API.
type Authenticator interface {
	// AuthenticateConsumer returns the consumer that the request speaks for.
	AuthenticateConsumer(ctx context.Context, r *http.Request) (auth.ConsumerCaller, error)
	// AuthenticateServer returns the organization that the request speaks for.
	AuthenticateServer(ctx context.Context, r *http.Request) (auth.ServerCaller, error)
}

// observedAuth is an Authenticator that traces its calls and counts refusals.
type observedAuth struct {
	Authenticator
	telemetry *telemetry
}

func (a observedAuth) AuthenticateConsumer(ctx context.Context, r *http.Request) (auth.ConsumerCaller, error) {
	ctx, span := a.telemetry.Step(ctx, "auth")
	defer span.End()
	caller, err := a.Authenticator.AuthenticateConsumer(ctx, r)
	a.note(ctx, span, err)
	return caller, err
}

func (a observedAuth) AuthenticateServer(ctx context.Context, r *http.Request) (auth.ServerCaller, error) {
	ctx, span := a.telemetry.Step(ctx, "auth")
	defer span.End()
	caller, err := a.Authenticator.AuthenticateServer(ctx, r)
	a.note(ctx, span, err)
	return caller, err
}

func (a observedAuth) note(ctx context.Context, span trace.Span, err error) {
	switch {
	case err == nil:
	case errors.Is(err, auth.ErrUnauthenticated):
		reason := attribute.String("rejoin.auth.reason", string(reasonOf(err)))
		span.SetAttributes(reason)
		a.telemetry.refusals.Add(ctx, 1, metric.WithAttributes(reason))
	case !clientLeft(ctx, err):
		observe.Fail(span, errorType(err))
	}
}

// reasonOf returns the reason of a refusal, or "other" if the authenticator gives none.
func reasonOf(err error) auth.Reason {
	var refusal *auth.Error
	if errors.As(err, &refusal) && refusal.Reason != "" {
		return refusal.Reason
	}
	return "other"
}
