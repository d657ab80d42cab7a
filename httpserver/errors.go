package httpserver

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strconv"

	"github.com/go-json-experiment/json"

	"github.com/rejoinhq/rejoin/auth"
	"github.com/rejoinhq/rejoin/consumer"
)

// publicError is what a client sees of a failure: a status and the exact text of the
// seed's "Error Responses". The cause is another thing, and goes to the log.
type publicError struct {
	status int
	text   string
}

func (e *publicError) Error() string { return e.text }

// All the errors that a client can see.
var (
	errNoRoute                = &publicError{http.StatusNotFound, "Not found"}
	errMethod                 = &publicError{http.StatusMethodNotAllowed, "Method not allowed"}
	errAuthenticationRequired = &publicError{http.StatusUnauthorized, "Authentication required"}
	errSecretKeyRequired      = &publicError{http.StatusUnauthorized, "Secret key required"}
	errConsumerNotFound       = &publicError{http.StatusNotFound, "Consumer not found"}
	errTooMany                = &publicError{http.StatusTooManyRequests, "Rate limit exceeded"}
	errBody                   = &publicError{http.StatusBadRequest, "Bad request"}
	errUnavailable            = &publicError{http.StatusServiceUnavailable, "Service unavailable"}
	errInternal               = &publicError{http.StatusInternalServerError, "Internal server error"}
)

// retryAfterSeconds is when a client may try again after 503: soon, because a store
// that failed over is back within seconds, and clients poll anyway.
const retryAfterSeconds = 1

// unauthenticated is an error of the authenticator, with what its route answers when
// it is a refusal.
type unauthenticated struct {
	refusal *publicError
	error
}

func (u unauthenticated) Unwrap() error { return u.error }

// public is the one place in which the module's errors become answers.
func public(err error) *publicError {
	var known *publicError
	var refused unauthenticated
	switch {
	case errors.As(err, &known):
		return known
	case errors.As(err, &refused) && errors.Is(err, auth.ErrUnauthenticated):
		return refused.refusal
	case errors.Is(err, consumer.ErrUnavailable), errors.Is(err, consumer.ErrSchema),
		errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return errUnavailable
	case errors.Is(err, consumer.ErrNotFound) && refused.error == nil:
		return errConsumerNotFound
	}
	return errInternal
}

// errorBody is the form of every error.
type errorBody struct {
	Error   string `json:"error"`
	Message string `json:"message,omitzero"`
	// RetryAfter is in seconds, with 429 only.
	RetryAfter int `json:"retryAfter,omitzero"`
}

// fail answers with an error.
func (a *API) fail(w http.ResponseWriter, r *http.Request, err error) {
	answer := public(err)
	body := errorBody{Error: answer.text}
	header := w.Header()
	switch answer.status {
	case http.StatusUnauthorized:
		challenge := `Bearer realm="consumers"`
		var refusal *auth.Error
		if errors.As(err, &refusal) {
			body.Message = refusal.PublicMessage()
			if refusal.BearerRefused() {
				challenge += `, error="invalid_token"` // RFC 6750, section 3.1
			}
		}
		header.Set("WWW-Authenticate", challenge)
	case http.StatusServiceUnavailable:
		header.Set("Retry-After", strconv.Itoa(retryAfterSeconds))
	case http.StatusTooManyRequests:
		var limited rateLimited
		errors.As(err, &limited)
		body.RetryAfter, body.Message = limited.retryAfter, limited.message
		header.Set("Retry-After", strconv.Itoa(limited.retryAfter))
	case http.StatusBadRequest:
		body.Message = "A " + r.Method + " request has no body here."
	}
	a.log(r, header, answer, err)
	writeError(w, answer.status, body)
}

func writeError(w http.ResponseWriter, status int, body errorBody) {
	encoded, err := json.Marshal(body)
	if err != nil { // a message that is not UTF-8, which no code here writes
		encoded = []byte(`{"error":"Internal server error"}`)
	}
	writeUncached(w, status, encoded)
}

// writeUncached writes JSON that is out of date at once.
func writeUncached(w http.ResponseWriter, status int, encoded []byte) {
	header := w.Header()
	header.Set("Cache-Control", "no-store")
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Content-Type", contentTypeJSON)
	header.Set("Content-Length", strconv.Itoa(len(encoded)))
	w.WriteHeader(status)
	_, _ = w.Write(encoded)
}

// log tells the operator what the client isn't told.
func (a *API) log(r *http.Request, header http.Header, answer *publicError, err error) {
	level := slog.LevelDebug
	if answer.status >= http.StatusInternalServerError {
		level = slog.LevelError
	}
	a.logger.LogAttrs(r.Context(), level, "request failed",
		slog.String("requestId", loggableRequestID(header.Get(headerRequestID))),
		slog.Int("status", answer.status),
		slog.Any("cause", err),
	)
}
