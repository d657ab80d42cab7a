package httpserver

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime"
	"runtime/debug"
	"strconv"

	"github.com/rejoinhq/rejoin/auth"
	"github.com/rejoinhq/rejoin/auth/webhook"
	"github.com/rejoinhq/rejoin/consumer"
	"github.com/rejoinhq/rejoin/httpserver/internal/httpjson"
	"github.com/rejoinhq/rejoin/httpserver/internal/observe"
)

// httpError is an error as a client sees it: a status, and the exact text of "Error
// Responses" in the API documentation. The cause of an error is only logged.
type httpError struct {
	status int
	text   string
}

func (e *httpError) Error() string { return e.text }

// All errors that a client can see.
var (
	errBadRequest             = &httpError{http.StatusBadRequest, "Bad request"}
	errAuthenticationRequired = &httpError{http.StatusUnauthorized, "Authentication required"}
	errInvalidSignature       = &httpError{http.StatusUnauthorized, "Invalid signature"}
	errSecretKeyRequired      = &httpError{http.StatusUnauthorized, "Secret key required"}
	errValidationFailed       = &httpError{http.StatusBadRequest, "Validation failed"}
	errPathNotFound           = &httpError{http.StatusNotFound, "Not found"}
	errConsumerNotFound       = &httpError{http.StatusNotFound, "Consumer not found"}
	errMethodNotAllowed       = &httpError{http.StatusMethodNotAllowed, "Method not allowed"}
	errConsumerErased         = &httpError{http.StatusConflict, "Consumer erased"}
	errPayloadTooLarge        = &httpError{http.StatusRequestEntityTooLarge, "Payload too large"}
	errUnsupportedMediaType   = &httpError{http.StatusUnsupportedMediaType, "Unsupported media type"}
	errRateLimited            = &httpError{http.StatusTooManyRequests, "Rate limit exceeded"}
	errClientClosedRequest    = &httpError{statusClientClosedRequest, "Client closed request"}
	errInternal               = &httpError{http.StatusInternalServerError, "Internal server error"}
	errUnavailable            = &httpError{http.StatusServiceUnavailable, "Service unavailable"}
)

// statusClientClosedRequest is the status, first used by nginx, of a request whose client
// went away before the response. Nobody receives it. The access log and the metrics show
// it in place of a 5xx status, because the server didn't fail.
const statusClientClosedRequest = 499

// httpErrors maps errors of other packages to the errors that a client sees. The first
// match counts. Every other error is errInternal.
var httpErrors = []struct {
	cause    error
	response *httpError
}{
	{consumer.ErrUnavailable, errUnavailable},
	{consumer.ErrSchema, errUnavailable},
	{context.DeadlineExceeded, errUnavailable},
	{context.Canceled, errUnavailable}, // not by the client: see API.respond
	{consumer.ErrNotFound, errConsumerNotFound},
}

// retryAfterUnavailable is the Retry-After of a response with 503, in seconds. A store
// that fails over is back within seconds, and clients poll anyway.
const retryAfterUnavailable = 1

// unauthenticated is an error of the authenticator, with the response of its route to a
// refusal.
type unauthenticated struct {
	refusal *httpError
	error
}

func (u unauthenticated) Unwrap() error { return u.error }

// detailedError is an httpError whose response says more than its text.
type detailedError struct {
	*httpError
	message    string
	details    []httpjson.Detail
	retryAfter int // in seconds; for 429 only
}

func (e detailedError) Unwrap() error { return e.httpError }

// httpErrorOf returns what a client sees of an error.
func httpErrorOf(err error) *httpError {
	var known *httpError
	if errors.As(err, &known) {
		return known
	}
	var u unauthenticated
	if errors.As(err, &u) {
		switch {
		case errors.Is(err, auth.ErrUnauthenticated), errors.Is(err, webhook.ErrSignature):
			return u.refusal
		case errors.Is(err, consumer.ErrNotFound): // a bug: nobody asked for a consumer yet
			return errInternal
		}
	}
	for _, e := range httpErrors {
		if errors.Is(err, e.cause) {
			return e.response
		}
	}
	return errInternal
}

// endpoint is like http.Handler, but returns the error to respond with. It must not return
// an error once the response has begun.
type endpoint func(http.ResponseWriter, *http.Request) error

// withErrors returns a handler that responds to the errors and panics of e.
func (a *API) withErrors(e endpoint) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			if cause := recover(); cause != nil {
				a.recovered(w, r, cause)
			}
		}()
		if err := e(w, r); err != nil {
			a.fail(w, r, err)
		}
	})
}

// recovered responds to a panic. Only a message of the runtime's is logged: any other
// value could hold a secret.
func (a *API) recovered(w http.ResponseWriter, r *http.Request, cause any) {
	if cause == http.ErrAbortHandler {
		panic(cause) // net/http closes the connection
	}
	err := fmt.Errorf("panic with a %T\n%s", cause, debug.Stack())
	if bug, ok := cause.(runtime.Error); ok {
		err = fmt.Errorf("panic: %w\n%s", bug, debug.Stack())
	}
	a.logFailure(r, w.Header(), errInternal, err)
	if observe.HasBegun(w) {
		panic(http.ErrAbortHandler) // so that the client notices that the response is incomplete
	}
	writeFailure(w, r, errInternal, err)
}

// fail responds with an error.
func (a *API) fail(w http.ResponseWriter, r *http.Request, err error) {
	response := httpErrorOf(err)
	if response.status >= http.StatusInternalServerError && clientLeft(r.Context(), err) {
		response = errClientClosedRequest
	}
	a.logFailure(r, w.Header(), response, err)
	writeFailure(w, r, response, err)
}

// clientLeft reports whether err, of an operation under the context of a request, was
// caused by the client that went away. A timeout is not: the client may have left because
// of it. A store may hide the cancellation in an error of its own, so err itself need not
// be one.
func clientLeft(request context.Context, err error) bool {
	return errors.Is(request.Err(), context.Canceled) && !errors.Is(err, context.DeadlineExceeded)
}

// logFailure logs the cause of an error response.
func (a *API) logFailure(r *http.Request, header http.Header, response *httpError, cause error) {
	level := slog.LevelDebug
	if response.status >= http.StatusInternalServerError {
		level = slog.LevelError
	}
	a.logger.LogAttrs(r.Context(), level, "request failed",
		slog.String("requestId", observe.LoggableRequestID(header)),
		slog.Int("status", response.status),
		slog.Any("cause", cause),
	)
}

// writeFailure writes an error response.
func writeFailure(w http.ResponseWriter, r *http.Request, response *httpError, err error) {
	body := httpjson.Error{Error: response.text}
	var detailed detailedError
	if errors.As(err, &detailed) {
		body.Message, body.Details, body.RetryAfter = detailed.message, detailed.details, detailed.retryAfter
	}
	header := w.Header()
	switch response.status {
	case http.StatusUnauthorized:
		if response == errInvalidSignature {
			break // a signature has no challenge
		}
		var refusal *auth.Error
		challenge := `Bearer realm="consumers"`
		if errors.As(err, &refusal) {
			body.Message = refusal.PublicMessage()
			if refusal.BearerRefused() {
				challenge += `, error="invalid_token"` // RFC 6750, section 3.1
			}
		}
		header.Set("WWW-Authenticate", challenge)
	case http.StatusServiceUnavailable:
		header.Set("Retry-After", strconv.Itoa(retryAfterUnavailable))
	case http.StatusTooManyRequests:
		header.Set("Retry-After", strconv.Itoa(body.RetryAfter))
	}
	httpjson.WriteError(w, response.status, body)
}
