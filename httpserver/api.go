package httpserver

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"github.com/rejoinhq/rejoin/auth"
	"github.com/rejoinhq/rejoin/consumer"
)

// Authenticator says who is calling. [auth.Authenticator] is one; a service with
// accounts of its own brings another. Both methods must be safe for concurrent use
// and heed the request's context.
//
// A refusal matches [auth.ErrUnauthenticated] and is answered with 401; a failure
// that matches [consumer.ErrUnavailable] with 503; any other with 500. An
// authenticator that reads other request headers than Authorization and
// X-Publishable-Key should add them to the answer's Vary header, in a handler
// around this package's.
type Authenticator interface {
	// AuthenticateConsumer returns the consumer that the request speaks for.
	AuthenticateConsumer(r *http.Request) (auth.Identity, error)
	// AuthenticateServer returns the organization that the request speaks for.
	AuthenticateServer(r *http.Request) (organizationID string, err error)
}

// DefaultTimeout is how long a request may take when [Options] don't say.
const DefaultTimeout = 5 * time.Second

// Options configure an [API].
type Options struct {
	// Store is where consumers are read. Required.
	Store consumer.Reader
	// Auth says who is calling. Required.
	Auth Authenticator

	// Changes, if set, lets clients follow their document as an event stream, at
	// {prefix}/me/events: the store that Store reads. Without it that path is none.
	Changes consumer.ChangeFeed
	// Heartbeat is the longest time that nothing is sent on an event stream, so that a
	// connection which is gone is noticed, and one that is not stays open. As often the
	// caller's credentials are checked again. Default: 15 seconds.
	Heartbeat time.Duration
	// MaxStreamsPerConsumer is how many event streams a consumer may have open on this
	// API, over all its sessions and devices; one more is answered with 429. Default: 16.
	MaxStreamsPerConsumer int

	// CORSOrigins are the browser origins that may call the endpoint of the consumer,
	// such as "https://shop.example.com", with a wildcard for one label in front as in
	// "https://*.example.com", or "*" for any. None by default. The look-up by
	// servers never allows a browser.
	CORSOrigins []string
	// Cache, if set, answers with documents that it holds. It must follow the store that
	// Store reads, and be no other API's. Default: the store is asked for each request.
	Cache *Cache
	// RateLimit bounds how often callers may ask. Default: no limit.
	RateLimit RateLimit
	// Timeout bounds what a request waits for the authenticator and the store. One
	// that takes longer is answered with 503. Default: [DefaultTimeout].
	Timeout time.Duration
	// Now is the clock that decides what has expired, asked once per request.
	// Default: [time.Now].
	Now func() time.Time
	// Logger is told the causes of answers with 5xx, at level error, and the reasons
	// of refusals, at level debug; never a credential or a person's data. Default:
	// no log.
	Logger *slog.Logger

	// PollIntervals, when set, tell clients in the header X-Poll-Interval when to ask
	// for their own document again; the zero PollIntervals have every default. Default:
	// no header.
	PollIntervals *PollIntervals
	// AccessLog is told of every answer, in one line at level info: method, route (a
	// template such as "/api/v1/consumers/{id}", or "other"), status, duration (in
	// nanoseconds where the handler writes numbers), bytes of the body, requestId,
	// organizationId when the caller was authenticated, and traceId when the request is
	// traced. Never the path, a header other than a sane X-Request-Id, or who the
	// consumer is. Default: no access log.
	AccessLog *slog.Logger
	// TracerProvider makes a span of each request, by the semantic conventions for HTTP
	// servers but without the path and what else a client can invent, with the steps
	// auth, store, derive and encode below it. Where a middleware around the handlers
	// traces the requests already, one that does nothing (of package trace/noop) keeps
	// it at that. Default: the global one.
	TracerProvider trace.TracerProvider
	// MeterProvider measures http.server.request.duration by the same conventions, and
	// counts rejoin.auth.refusals by rejoin.auth.reason (an [auth.Reason]),
	// rejoin.store.errors by error.type, and the open rejoin.event_streams.active. No id
	// is a label. Default: the global one.
	MeterProvider metric.MeterProvider
	// Propagator finds in a request's headers the span that the request's own belongs
	// to, such as [propagation.TraceContext]. Strangers can send such headers too: one
	// that heeds none keeps them from deciding what is sampled, as far as the provider's
	// sampler asks the parent. Default: the global one.
	Propagator propagation.TextMapPropagator
}

// API makes the handlers. It is safe for concurrent use.
type API struct {
	store   consumer.Reader
	auth    observedAuth
	cors    *crossOrigin
	limiter *limiter // nil without a limit
	timeout time.Duration
	now     func() time.Time
	logger  *slog.Logger

	hub         *hub // nil without event streams
	eventsCORS  *crossOrigin
	heartbeat   time.Duration
	streamReads chan struct{}   // as many tokens as streams that read
	streaming   context.Context // ends when all streams have to
	endStreams  context.CancelFunc
	// apiKeys says which key a request was made with, nil when the authenticator can't.
	apiKeys   apiKeyReader
	poll      *PollIntervals // nil without hints
	accessLog slog.Handler   // nil without one
	telemetry *telemetry
	cache     *Cache // nil without one
}

// New returns an API, or an error that names the option that is wrong.
func New(o Options) (*API, error) {
	switch {
	case o.Store == nil:
		return nil, errors.New("httpserver: Options.Store is missing")
	case o.Auth == nil:
		return nil, errors.New("httpserver: Options.Auth is missing")
	case o.Timeout < 0:
		return nil, errors.New("httpserver: Options.Timeout is negative")
	case o.Heartbeat < 0:
		return nil, errors.New("httpserver: Options.Heartbeat is negative")
	case o.MaxStreamsPerConsumer < 0:
		return nil, errors.New("httpserver: Options.MaxStreamsPerConsumer is negative")
	}
	cors, err := newCrossOrigin(o.CORSOrigins, o.exposedHeaders())
	if err != nil {
		return nil, fmt.Errorf("httpserver: Options.CORSOrigins: %w", err)
	}
	eventsCORS, err := newCrossOrigin(o.CORSOrigins, o.exposedHeaders(), headerLastEventID)
	if err != nil {
		return nil, fmt.Errorf("httpserver: Options.CORSOrigins: %w", err)
	}
	if err := o.RateLimit.validate(); err != nil {
		return nil, fmt.Errorf("httpserver: Options.RateLimit: %w", err)
	}
	telemetry, err := newTelemetry(o)
	if err != nil {
		return nil, fmt.Errorf("httpserver: Options.MeterProvider: %w", err)
	}
	a := &API{
		store: observedStore{o.Store, telemetry}, auth: newObservedAuth(o.Auth, telemetry), telemetry: telemetry,
		cors: cors, timeout: o.Timeout, now: o.Now, logger: o.Logger,
	}
	a.apiKeys, _ = o.Auth.(apiKeyReader)
	if o.PollIntervals != nil {
		intervals, err := o.PollIntervals.withDefaults()
		if err != nil {
			return nil, fmt.Errorf("httpserver: Options.PollIntervals: %w", err)
		}
		a.poll = &intervals
	}
	if o.AccessLog != nil {
		a.accessLog = o.AccessLog.Handler()
	}
	if o.RateLimit.PerConsumer > 0 || o.RateLimit.PerKey > 0 {
		a.limiter = newLimiter(o.RateLimit)
	}
	if a.timeout == 0 {
		a.timeout = DefaultTimeout
	}
	if a.now == nil {
		a.now = time.Now
	}
	if a.logger == nil {
		a.logger = slog.New(slog.DiscardHandler)
	}
	a.eventsCORS, a.heartbeat = eventsCORS, cmp.Or(o.Heartbeat, defaultHeartbeat)
	a.streamReads = make(chan struct{}, streamReads)
	a.streaming, a.endStreams = context.WithCancel(context.Background())
	if a.cache = o.Cache; a.cache != nil && a.cache.taken.Swap(true) {
		return nil, errors.New("httpserver: Options.Cache is another API's")
	}
	if o.Changes != nil {
		a.hub = newHub(o.Changes, cmp.Or(o.MaxStreamsPerConsumer, defaultMaxStreamsPerConsumer), a.logger)
	}
	return a, nil
}

// exposedHeaders are the headers of an answer that scripts of another origin may read.
func (o *Options) exposedHeaders() []string {
	exposed := []string{"ETag", "Retry-After", headerRequestID}
	if o.PollIntervals != nil {
		exposed = append(exposed, headerPollInterval)
	}
	return exposed
}
