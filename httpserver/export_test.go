package httpserver

import "reflect"

// ErrorBody is the form of every error.
var ErrorBody = reflect.TypeFor[errorBody]()

// EndReasons are all that the last event of a stream can give.
var EndReasons = []string{endTokenExpired, endUnauthenticated, endConsumerNotFound, endShutdown}
