package httpserver

import (
	"context"
	"net/http"
	"time"

	"go.opentelemetry.io/otel/trace"
)

// exchange is a request with its answer, as it is observed. It stands in for the writer,
// so that a handler can tell it what it learned about the caller.
type exchange struct {
	http.ResponseWriter

	requestID      string
	organizationID string // "" until the caller was authenticated
	status         int    // 0 until the header was written
	bytes          int64  // of the body

	ctx      context.Context
	kind     *requestKind
	started  time.Time
	span     trace.Span
	measured bool
	logged   bool
}

// WriteHeader notes the status.
func (e *exchange) WriteHeader(status int) {
	if e.status == 0 && status >= http.StatusOK { // those below announce another
		e.status = status
	}
	e.ResponseWriter.WriteHeader(status)
}

// Write counts.
func (e *exchange) Write(p []byte) (int, error) {
	if e.status == 0 {
		e.status = http.StatusOK
	}
	n, err := e.ResponseWriter.Write(p)
	e.bytes += int64(n)
	return n, err
}

// Unwrap lets [http.ResponseController] reach the connection.
func (e *exchange) Unwrap() http.ResponseWriter { return e.ResponseWriter }

// noteOrganization tells whoever observes the request for whom it speaks. Nothing but
// this package's own handlers stands between the one that observes and those that call
// this, so that the writer is the very same.
func noteOrganization(w http.ResponseWriter, organizationID string) {
	if e, ok := w.(*exchange); ok {
		e.organizationID = organizationID
	}
}
