package httpserver

import (
	"net/http"
	"slices"
	"strings"

	"github.com/jub0bs/cors"

	"github.com/rejoinhq/rejoin/auth"
	"github.com/rejoinhq/rejoin/httpserver/internal/observe"
)

// crossOrigin lets browsers of other origins call the endpoints of the consumer, by the CORS
// protocol of the Fetch standard. Its zero value allows no origin.
type crossOrigin struct {
	middleware *cors.Middleware
	origins    []string
}

// preflightMaxAge is the time for which a browser may cache the response to a preflight
// request, in seconds.
const preflightMaxAge = 600

// newCrossOrigin returns a crossOrigin that allows the origins and exposes response headers.
// It allows every request header, such as those that tracing adds. Requests with the
// browser's own credentials are never allowed.
func newCrossOrigin(origins, exposedHeaders []string) (*crossOrigin, error) {
	if len(origins) == 0 {
		return &crossOrigin{}, nil
	}
	if slices.Contains(origins, "*") {
		origins = []string{"*"} // the library accepts no other origin with it
	}
	middleware, err := cors.NewMiddleware(cors.Config{
		Origins:         origins,
		Methods:         []string{http.MethodGet, http.MethodHead},
		RequestHeaders:  []string{"*", auth.HeaderAuthorization}, // which the wildcard doesn't cover
		ResponseHeaders: exposedHeaders,
		MaxAgeInSeconds: preflightMaxAge,
	})
	if err != nil {
		return nil, err
	}
	return &crossOrigin{middleware, origins}, nil
}

// exposedHeaders returns the response headers that scripts of other origins may read.
func (o *Options) exposedHeaders() []string {
	exposed := []string{"ETag", "Retry-After", observe.HeaderRequestID}
	if o.PollIntervals != nil {
		exposed = append(exposed, headerPollInterval)
	}
	if o.RateLimit.isSet() {
		exposed = append(exposed, headerRateLimit, headerRateRemaining, headerRateReset)
	}
	return exposed
}

// wrap returns a handler that adds CORS headers to the responses of next and responds to
// preflight requests.
func (c *crossOrigin) wrap(next http.Handler) http.Handler {
	if c.middleware == nil {
		return next
	}
	shared := c.middleware.Wrap(next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r = c.withoutDeepOrigin(r)
		if !isPreflight(r) {
			shared.ServeHTTP(w, r)
			return
		}
		// Every OPTIONS request has the same status. A browser decides by the headers, which
		// are missing if the origin is not allowed.
		shared.ServeHTTP(withoutStatus{w}, r)
		header := w.Header()
		header.Add("Vary", "Origin, Access-Control-Request-Method, Access-Control-Request-Headers")
		if header.Get("Access-Control-Allow-Origin") != "" {
			header.Set("Access-Control-Allow-Methods", "GET, HEAD")
		}
		respondToOptions(w)
	})
}

// withoutDeepOrigin replaces the origin of a request if a wildcard matches more than one
// of its labels, which the library would allow.
func (c *crossOrigin) withoutDeepOrigin(r *http.Request) *http.Request {
	origins := r.Header["Origin"]
	if len(origins) != 1 || slices.ContainsFunc(c.origins, func(pattern string) bool { return encompasses(pattern, origins[0]) }) {
		return r
	}
	r = r.Clone(r.Context())
	r.Header.Set("Origin", "null") // no pattern matches it
	return r
}

// encompasses reports whether a pattern matches an origin that the library allows.
func encompasses(pattern, origin string) bool {
	if anyPort, found := strings.CutSuffix(pattern, ":*"); found {
		pattern = anyPort
		if host, found := strings.CutSuffix(strings.TrimRight(origin, "0123456789"), ":"); found {
			origin = host
		}
	}
	before, after, hasWildcard := strings.Cut(pattern, "*")
	if !hasWildcard {
		return pattern == origin
	}
	label, begins := strings.CutPrefix(origin, before)
	label, ends := strings.CutSuffix(label, after)
	return begins && ends && (pattern == "*" || !strings.Contains(label, "."))
}

func isPreflight(r *http.Request) bool {
	return r.Method == http.MethodOptions &&
		len(r.Header["Origin"]) > 0 && len(r.Header["Access-Control-Request-Method"]) > 0
}

// withoutStatus is a ResponseWriter that ignores the status.
type withoutStatus struct{ http.ResponseWriter }

func (withoutStatus) WriteHeader(int) {}
