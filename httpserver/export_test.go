package httpserver

import "net/http"

// EndReasons are all reasons that the last event of a stream can give.
var EndReasons = []string{endTokenExpired, endUnauthenticated, endConsumerNotFound, endReplaced, endShutdown}

// WithErrors returns a handler that observes e and responds to its errors and panics.
func (a *API) WithErrors(e func(http.ResponseWriter, *http.Request) error) http.Handler {
	return a.instrument("", a.withErrors(e))
}

// WithTimeout lets tests compare a deadlineContext with one of package context.
var WithTimeout = withTimeout
