package httpserver

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"github.com/rejoinhq/rejoin/consumer"
)

// DefaultTimeout is the default of Options.Timeout.
const DefaultTimeout = 5 * time.Second

// Options configure an [API].
type Options struct {
	// Store reads consumers. It is required. If it is also a [consumer.DistributionReader],
	// a change of a distribution costs one read for all members whose documents are cached.
	Store consumer.Reader
	// Auth identifies callers. It is required.
	Auth Authenticator

	// Changes is the change feed of Store. If set, clients can follow their document as an
	// event stream, at {prefix}/me/events, and documents can be cached. The API follows the
	// feed once, until it is closed. If nil, that path returns 404.
	Changes consumer.ChangeFeed
	// Cache, if set, serves documents from memory. It requires Changes. If nil, every
	// request reads from the store.
	Cache *CacheOptions
	// Heartbeat is the longest time without an event on an event stream. A heartbeat shows
	// whether the connection still works, and the caller's credentials are checked as often.
	// Default: 15 seconds.
	Heartbeat time.Duration
	// MaxStreamsPerConsumer is how many event streams a consumer may have open on this API,
	// over all its sessions and devices. One more replaces the oldest. Default: 16.
	MaxStreamsPerConsumer int

	// Records is where the endpoints of [API.Records] write. If nil, their paths return 404.
	Records RecordStore

	// Webhooks records the events that [API.Webhooks] receives. If nil, its path returns 404.
	Webhooks *WebhookOptions

	// CORSOrigins are the browser origins that may call the endpoints for consumers, such as
	// "https://shop.example.com". The first label may be a wildcard, as in
	// "https://*.example.com", and "*" allows any origin. Browsers can never call the
	// look-up by servers. Default: none.
	CORSOrigins []string
	// RateLimit bounds the requests of a caller. Default: no limit.
	RateLimit RateLimit
	// PollIntervals, if set, add the header X-Poll-Interval, which says when a client should
	// request its document again. The zero PollIntervals have all defaults. Default: no
	// header.
	PollIntervals *PollIntervals
	// Timeout bounds the time that a request waits for the authenticator and the store.
	// After it, the response is 503. Default: [DefaultTimeout].
	Timeout time.Duration
	// Now is the clock that decides about expiry. It is called once per request. Default:
	// [time.Now].
	Now func() time.Time

	// Logger logs the causes of responses with 5xx at level error and the reasons of
	// rejections at level debug, but no credential and no personal data. Default: no log.
	Logger *slog.Logger
	// AccessLog receives a record at level info for each response: method, route (a
	// template such as "/api/v1/consumers/{id}", or "other"), status, duration (in
	// nanoseconds if the handler writes numbers), bytes of the body, requestId,
	// organizationId if the caller is authenticated, and traceId if the trace is sampled.
	// The status is 499 if the client went away first, and 0 if the connection was given up.
	// A record never contains the path, a header other than a well-formed X-Request-Id, or
	// the consumer's id. Default: no access log.
	AccessLog *slog.Logger
	// TracerProvider creates a span for each request, by the semantic conventions for HTTP
	// servers but without the path and other text that a client chooses. Its children are
	// auth, store, derive and encode. If a middleware around the handlers traces requests
	// already, set the provider of package trace/noop. Default: the global one.
	TracerProvider trace.TracerProvider
	// MeterProvider measures http.server.request.duration by the same conventions, with
	// status code 499 if the client went away before the response. It counts
	// rejoin.auth.refusals by rejoin.auth.reason (an [auth.Reason]), rejoin.store.errors by
	// error.type, rejoin.webhooks by rejoin.webhook.type (of the event, or "other") and
	// rejoin.webhook.result (applied, duplicate, ignored, invalid, unverified or failed), and
	// rejoin.event_streams.active. No attribute is an id. Default: the
	// global one.
	MeterProvider metric.MeterProvider
	// Propagator finds the parent of a request's span in the request's headers, such as
	// [propagation.TraceContext], unless a middleware has started a span already. Set it
	// only if a trusted proxy sets or removes those headers: otherwise strangers choose the
	// trace id and trace state of spans and of the access log, and perhaps what is sampled.
	// Default: the headers are ignored, and each request begins a trace. The global
	// propagator is not used.
	Propagator propagation.TextMapPropagator
}

// API creates the handlers. It is safe for concurrent use.
type API struct {
	auth      observedAuth
	documents *documents
	profiles  consumer.Reader
	records   observedRecords
	webhooks  *webhooks // nil without webhooks
	telemetry *telemetry
	cors      *crossOrigin
	limiter   *limiter // nil without a limit
	timeout   time.Duration
	now       func() time.Time
	logger    *slog.Logger

	hub         *hub // nil without event streams
	heartbeat   time.Duration
	streamReads chan struct{}   // holds a token for each stream that reads
	streaming   context.Context // ends when all streams have to end
	endStreams  context.CancelFunc

	feed *feed // nil without a change feed

	closing         sync.Mutex
	unregisterCache func() error // nil without a cache, and after Close
}

// New returns an API. The caller must close it. If options are invalid, New returns an
// error that wraps a [*consumer.ValidationError] with all of them.
func New(o Options) (*API, error) {
	if err := o.validate(); err != nil {
		return nil, fmt.Errorf("httpserver: invalid options: %w", err)
	}
	o = o.withDefaults()
	telemetry, err := newTelemetry(o)
	if err != nil {
		return nil, fmt.Errorf("httpserver: Options.MeterProvider: %w", err)
	}
	store := observedStore{o.Store, telemetry}
	a := &API{
		auth: observedAuth{o.Auth, telemetry}, profiles: store, records: observedRecords{o.Records, telemetry}, telemetry: telemetry,
		webhooks:  newWebhooks(o.Webhooks, telemetry),
		documents: &documents{store: store, telemetry: telemetry, poll: o.PollIntervals},
		timeout:   o.Timeout, now: o.Now, logger: o.Logger,
		heartbeat: o.Heartbeat, streamReads: make(chan struct{}, maxStreamReads),
	}
	a.cors, _ = newCrossOrigin(o.CORSOrigins, o.exposedHeaders())
	if o.RateLimit.isSet() {
		a.limiter = newLimiter(o.RateLimit)
	}
	a.streaming, a.endStreams = context.WithCancel(context.Background())
	if o.Changes != nil {
		err = a.follow(o)
	}
	return a, err
}

// follow subscribes to the change feed, for the cache and the event streams.
func (a *API) follow(o Options) (err error) {
	cache := newDocumentCache(o.Cache, o.Changes, a.documents.distributionReader(o.Store))
	if o.Cache != nil {
		if a.unregisterCache, err = cache.measure(a.telemetry.Meter()); err != nil {
			return fmt.Errorf("httpserver: Options.MeterProvider: %w", err)
		}
	}
	a.documents.cache, a.documents.cacheRequests = cache, o.Cache != nil
	a.hub = newHub(o, cache.distributions)
	a.feed = followFeed(o.Changes, cache, a.hub, a.logger)
	return nil
}

// Close ends all event streams as EndStreams does, stops following the change feed, and
// drops the cache. The handlers keep working, and read every document from the store. Close
// returns the error of the meter provider, if any, and nil if it is called again.
func (a *API) Close() error {
	a.endStreams()
	if a.feed != nil {
		a.feed.close()
	}
	a.closing.Lock()
	defer a.closing.Unlock()
	unregister := a.unregisterCache
	a.unregisterCache = nil
	if unregister == nil {
		return nil
	}
	return unregister()
}

// CacheStats returns the present figures of the cache of [Options.Cache].
func (a *API) CacheStats() CacheStats {
	if !a.documents.cacheRequests {
		return CacheStats{}
	}
	return a.documents.cache.stats()
}

// validate returns a [*consumer.ValidationError] that names every invalid option, or nil.
func (o *Options) validate() error {
	var fields []consumer.FieldError
	invalid := func(field, message string) {
		fields = append(fields, consumer.FieldError{Field: field, Message: message})
	}
	if o.Store == nil {
		invalid("Store", "is required")
	}
	if o.Auth == nil {
		invalid("Auth", "is required")
	}
	if o.Timeout < 0 {
		invalid("Timeout", "must not be negative")
	}
	if o.Heartbeat < 0 {
		invalid("Heartbeat", "must not be negative")
	}
	if o.MaxStreamsPerConsumer < 0 {
		invalid("MaxStreamsPerConsumer", "must not be negative")
	}
	if _, err := newCrossOrigin(o.CORSOrigins, o.exposedHeaders()); err != nil {
		invalid("CORSOrigins", err.Error())
	}
	o.Cache.validate(o.Changes, invalid)
	o.RateLimit.validate(invalid)
	o.Webhooks.validate(invalid)
	o.PollIntervals.validate(invalid)
	if len(fields) > 0 {
		return &consumer.ValidationError{Fields: fields}
	}
	return nil
}

// withDefaults returns the options with their defaults.
func (o Options) withDefaults() Options {
	o.Timeout = cmp.Or(o.Timeout, DefaultTimeout)
	o.Heartbeat = cmp.Or(o.Heartbeat, defaultHeartbeat)
	o.MaxStreamsPerConsumer = cmp.Or(o.MaxStreamsPerConsumer, defaultMaxStreamsPerConsumer)
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.PollIntervals != nil {
		o.PollIntervals = o.PollIntervals.withDefaults()
	}
	return o
}
