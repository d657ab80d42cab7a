package httpserver

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

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
	// such as "https://shop.example.com", with a wildcard for subdomains as in
	// "https://*.example.com", or "*" for any. None by default. The look-up by
	// servers never allows a browser.
	CORSOrigins []string
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
}

// API makes the handlers. It is safe for concurrent use.
type API struct {
	store   consumer.Reader
	auth    Authenticator
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
	cors, err := newCrossOrigin(o.CORSOrigins)
	if err != nil {
		return nil, fmt.Errorf("httpserver: Options.CORSOrigins: %w", err)
	}
	eventsCORS, err := newCrossOrigin(o.CORSOrigins, headerLastEventID)
	if err != nil {
		return nil, fmt.Errorf("httpserver: Options.CORSOrigins: %w", err)
	}
	if err := o.RateLimit.validate(); err != nil {
		return nil, fmt.Errorf("httpserver: Options.RateLimit: %w", err)
	}
	a := &API{store: o.Store, auth: o.Auth, cors: cors, timeout: o.Timeout, now: o.Now, logger: o.Logger}
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
	if o.Changes != nil {
		a.hub = newHub(o.Changes, cmp.Or(o.MaxStreamsPerConsumer, defaultMaxStreamsPerConsumer), a.logger)
	}
	return a, nil
}
