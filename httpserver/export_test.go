package httpserver

import "reflect"

// Documents are the types behind the description's schemas that package journey
// doesn't export.
var Documents = map[string]reflect.Type{
	"Consumer":   reflect.TypeFor[profile](),
	"ConsumerMe": reflect.TypeFor[meDocument](),
	"Error":      reflect.TypeFor[errorBody](),
}

// EndReasons are all that the last event of a stream can give.
var EndReasons = []string{endTokenExpired, endUnauthenticated, endConsumerNotFound, endShutdown}
