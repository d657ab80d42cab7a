package httpserver

import (
	"context"
	"net/http"
	"reflect"
	"time"
)

// ErrorBody is the form of every error.
var ErrorBody = reflect.TypeFor[errorBody]()

// EndReasons are all that the last event of a stream can give.
var EndReasons = []string{endTokenExpired, endUnauthenticated, endConsumerNotFound, endShutdown}

// Observed is a writer as the handlers get it when somebody observes.
func Observed(w http.ResponseWriter) http.ResponseWriter { return &exchange{ResponseWriter: w} }

// ObservedStatus is the status that was noted.
func ObservedStatus(w http.ResponseWriter) int { return w.(*exchange).status }

// NewDeadline makes the context of a request.
func NewDeadline(parent context.Context, timeout time.Duration) (context.Context, context.CancelFunc) {
	d := &deadline{Context: parent, at: time.Now().Add(timeout)}
	return d, d.cancel
}

// DocumentOverhead is what the cache reckons for a document beside its bytes.
const DocumentOverhead = documentOverhead
