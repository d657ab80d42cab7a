package httpserver

import (
	"crypto/rand"
	"fmt"
	"net/http"
	"runtime"
	"runtime/debug"
)

const headerRequestID = "X-Request-Id"

// outermost stands around everything: it names the request, and answers a panic like
// any other bug.
func (a *API) outermost(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set(headerRequestID, requestID(r.Header))
		defer func() {
			if cause := recover(); cause != nil {
				a.recovered(w, r, cause)
			}
		}()
		next.ServeHTTP(w, r)
	})
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
	if values := header.Values(headerRequestID); len(values) == 1 && validRequestID(values[0]) {
		return values[0]
	}
	return rand.Text()
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
