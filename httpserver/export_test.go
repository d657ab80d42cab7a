package httpserver

import (
	"net/http"
	"reflect"
)

// ErrorBody is the form of every error.
var ErrorBody = reflect.TypeFor[errorBody]()

// EndReasons are all that the last event of a stream can give.
var EndReasons = []string{endTokenExpired, endUnauthenticated, endConsumerNotFound, endShutdown}

// Observed is a writer as the handlers get it when somebody observes.
func Observed(w http.ResponseWriter) http.ResponseWriter { return &exchange{ResponseWriter: w} }

// ObservedStatus is the status that was noted.
func ObservedStatus(w http.ResponseWriter) int { return w.(*exchange).status }
