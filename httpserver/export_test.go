package httpserver

import (
	"context"
	"net/http"
)

// Observed is a writer as the handlers get it when somebody observes.
func Observed(w http.ResponseWriter) http.ResponseWriter { return &exchange{ResponseWriter: w} }

// ObservedStatus is the status that was noted.
func ObservedStatus(w http.ResponseWriter) int { return w.(*exchange).status }

// StreamOpened counts an event stream as the handler of streams does.
func (a *API) StreamOpened(ctx context.Context) (closed func()) { return a.telemetry.streamOpened(ctx) }
