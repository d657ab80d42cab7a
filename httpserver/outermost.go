package httpserver

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"runtime"
	"runtime/debug"
	"strings"
	"time"
)

const headerRequestID = "X-Request-Id"

// outermost stands around everything on a route, which is a template, or "" for the
// paths that are none: it names the request, watches it, doesn't wait for a body, and
// answers a panic like any other bug.
func (a *API) outermost(route string, next http.Handler) http.Handler {
	observer := a.observe(route)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		id := requestID(r.Header)
		w.Header()[headerRequestID] = []string{id}
		exchange, r := observer.begin(w, r, id)
		if exchange != nil {
			w = exchange
			defer observer.end(exchange) // after a panic was answered
		}
		if r.ContentLength != 0 { // -1 when it is not known
			abandonBody(w)
		}
		defer func() {
			if cause := recover(); cause != nil {
				a.recovered(w, r, cause)
			}
		}()
		next.ServeHTTP(w, r)
	})
}

// abandonBody gives the connection up that a request with a body came on. Nothing here
// reads one. Otherwise net/http would wait for it before it lets the answer go, and
// then reuse a connection on which the two sides may disagree where the next request
// begins (RFC 9112, section 11.2). The deadline, long past, ends the wait for a body
// that never comes; a writer that has no deadline has no connection either.
func abandonBody(w http.ResponseWriter) {
	w.Header().Set("Connection", "close")
	_ = http.NewResponseController(w).SetReadDeadline(time.Unix(1, 0))
}

// recovered answers a panic. The value may hold anything, a token too, so only the
// runtime's own messages are logged, and of all others the type.
func (a *API) recovered(w http.ResponseWriter, r *http.Request, cause any) {
	if cause == http.ErrAbortHandler {
		panic(cause) // net/http's own way of hanging up
	}
	err := fmt.Errorf("panic with a %T\n%s", cause, debug.Stack())
	if bug, ok := cause.(runtime.Error); ok {
		err = fmt.Errorf("panic: %w\n%s", bug, debug.Stack())
	}
	a.fail(w, r, err)
}

// requestID is the caller's own when it has a sane form, and a new one otherwise.
func requestID(header http.Header) string {
	if values := header[headerRequestID]; len(values) == 1 && validRequestID(values[0]) {
		return values[0]
	}
	return newRequestID()
}

// newRequestID is 24 characters of 5 random bits each: nothing depends on that nobody can
// guess it, so it need not come from crypto/rand, which takes longer.
func newRequestID() string {
	const digits = "0123456789abcdefghjkmnpqrstvwxyz" // Crockford's, without letters that look like digits
	var id [24]byte
	for half := range 2 {
		random := rand.Uint64()
		for i := range len(id) / 2 {
			id[half*len(id)/2+i] = digits[random%32]
			random /= 32
		}
	}
	return string(id[:])
}

// loggableRequestID keeps a credential out of the log that a caller sent as a request id
// by mistake.
func loggableRequestID(id string) string {
	for _, prefix := range []string{"pk_", "sk_", "eyJ"} {
		if strings.HasPrefix(id, prefix) {
			return "withheld"
		}
	}
	return id
}

func validRequestID(s string) bool {
	if len(s) == 0 || len(s) > 64 {
		return false
	}
	for i := range len(s) {
		c := s[i]
		switch {
		case 'A' <= c && c <= 'Z', 'a' <= c && c <= 'z', '0' <= c && c <= '9':
		case c == '.', c == '_', c == '-':
		default:
			return false
		}
	}
	return true
}
