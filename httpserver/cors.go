package httpserver

import (
	"net/http"
	"slices"
	"strings"

	"github.com/jub0bs/cors"

	"github.com/rejoinhq/rejoin/auth"
)

// crossOrigin lets browsers of other origins call the endpoint of the consumer (the
// Fetch standard's CORS protocol). Its zero value lets none.
type crossOrigin struct {
	middleware *cors.Middleware
	origins    []string
}

// preflightMaxAge is how long a browser may remember what it was allowed, in seconds.
const preflightMaxAge = 600

// newCrossOrigin exposes headers of an answer, and also allows request headers beside those
// of the document.
func newCrossOrigin(origins, exposed []string, requestHeaders ...string) (*crossOrigin, error) {
	if len(origins) == 0 {
		return &crossOrigin{}, nil
	}
	if slices.Contains(origins, "*") {
		origins = []string{"*"} // which the library wants to stand alone
	}
	middleware, err := cors.NewMiddleware(cors.Config{
		Origins:         origins,
		Methods:         []string{http.MethodGet, http.MethodHead},
		RequestHeaders:  append(requestHeaders, auth.HeaderAuthorization, auth.HeaderPublishableKey, "If-None-Match"),
		ResponseHeaders: exposed,
		MaxAgeInSeconds: preflightMaxAge,
	})
	if err != nil {
		return nil, err
	}
	return &crossOrigin{middleware, origins}, nil
}

// wrap adds CORS headers to the answers of next, and answers preflight requests.
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
		// The status is ours, so that every OPTIONS request has the same answer: the
		// headers tell a browser what it may do, and those of a refused origin are
		// missing.
		shared.ServeHTTP(withoutStatus{w}, withSortedRequestHeaders(r))
		header := w.Header()
		header.Add("Vary", "Origin, Access-Control-Request-Method, "+requestHeaders)
		if header.Get("Access-Control-Allow-Origin") != "" {
			header.Set("Access-Control-Allow-Methods", "GET, HEAD")
		}
		answerOptions(w)
	})
}

// withoutDeepOrigin replaces the origin of a request when it is further below a wildcard
// than the one label that an asterisk stands for: the library would allow any number.
func (c *crossOrigin) withoutDeepOrigin(r *http.Request) *http.Request {
	origins := r.Header["Origin"]
	if len(origins) != 1 || slices.ContainsFunc(c.origins, func(pattern string) bool { return encompasses(pattern, origins[0]) }) {
		return r
	}
	r = r.Clone(r.Context())
	r.Header.Set("Origin", "null") // which no list can hold
	return r
}

// encompasses reports whether an origin is one of a pattern's, if the library says so too.
func encompasses(pattern, origin string) bool {
	if anyPort, found := strings.CutSuffix(pattern, ":*"); found {
		pattern = anyPort
		if host, found := strings.CutSuffix(strings.TrimRight(origin, "0123456789"), ":"); found {
			origin = host
		}
	}
	before, after, wild := strings.Cut(pattern, "*")
	if !wild {
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

const requestHeaders = "Access-Control-Request-Headers"

// withSortedRequestHeaders brings the list of headers into the form in which browsers
// send it, and the only one that the library accepts: lower case, sorted, no spaces.
// Other clients and proxies are less strict.
func withSortedRequestHeaders(r *http.Request) *http.Request {
	lines := r.Header.Values(requestHeaders)
	if len(lines) == 0 {
		return r
	}
	names := strings.FieldsFunc(strings.ToLower(strings.Join(lines, ",")), func(c rune) bool {
		return c == ',' || c == ' ' || c == '\t'
	})
	slices.Sort(names)
	r = r.Clone(r.Context())
	r.Header.Set(requestHeaders, strings.Join(slices.Compact(names), ","))
	return r
}

// withoutStatus passes everything on but the status.
type withoutStatus struct{ http.ResponseWriter }

func (withoutStatus) WriteHeader(int) {}
