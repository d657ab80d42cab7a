package observe

import (
	"context"
	"log/slog"
	"time"
)

// Record describes one request and its response, as the access log shows them.
type Record struct {
	Method         string // otherMethod if the method is not a registered one
	Route          string // "" for a path without a route
	Status         int    // 0 if the connection was given up without a response
	Duration       time.Duration
	Bytes          int64 // of the response's body
	RequestID      string
	OrganizationID string // "" if the caller is not authenticated
	TraceID        string // "" if the trace is not sampled
}

// log writes the record to the access log. It calls the handler below the logger, because
// [slog.Logger] looks up the line of code that logs, which is always this one.
func (r *Record) log(ctx context.Context, accessLog slog.Handler) {
	route := r.Route
	if route == "" {
		route = "other"
	}
	record := slog.NewRecord(time.Now(), slog.LevelInfo, "request", 0)
	record.AddAttrs(
		slog.String("method", r.Method),
		slog.String("route", route),
		slog.Int("status", r.Status),
		slog.Duration("duration", r.Duration),
		slog.Int64("bytes", r.Bytes),
		slog.String("requestId", r.RequestID),
	)
	if r.OrganizationID != "" {
		record.AddAttrs(slog.String("organizationId", r.OrganizationID))
	}
	if r.TraceID != "" {
		record.AddAttrs(slog.String("traceId", r.TraceID))
	}
	_ = accessLog.Handle(ctx, record) // slog.Logger ignores the error as well
}
