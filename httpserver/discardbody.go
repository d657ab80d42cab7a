package httpserver

import (
	"net/http"

	"github.com/rejoinhq/rejoin/httpserver/internal/httpjson"
	"github.com/rejoinhq/rejoin/httpserver/internal/observe"
	"github.com/rejoinhq/rejoin/httpserver/internal/requestbody"
)

// DiscardBody returns a handler that keeps the connection in order when a request has a
// body that next doesn't read. The handlers of an [API] and of package probe don't need
// it. Put it around every other handler of the same server:
//   - GET and HEAD with a body get 400 {"error":"Bad request"} and don't reach next.
//   - For every other method, next may read the body or not. What it leaves is read after
//     the response was sent, up to 1 MiB and 2 seconds, so that the response reaches a
//     client or proxy that is still sending. On HTTP/1 the connection is closed then. On
//     HTTP/2 only the stream ends, as soon as the client pauses.
//   - A body that is announced and never arrives doesn't delay the response. On HTTP/2 the
//     end of the response waits up to 250 milliseconds.
//   - An empty body is no body, however it is announced.
//   - After a chunked request on HTTP/1, the connection is closed, because net/http hides
//     whether the request also had a Content-Length.
//
// If the ResponseWriter hides the connection from [http.ResponseController], the body that
// next leaves is up to net/http.
func DiscardBody(next http.Handler) http.Handler {
	return requestbody.Discard(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ContentLength != 0 && (r.Method == http.MethodGet || r.Method == http.MethodHead) {
			observe.SetRequestID(w, r)
			httpjson.WriteError(w, http.StatusBadRequest, httpjson.UnwantedBody(r.Method))
			return
		}
		next.ServeHTTP(w, r)
	}))
}
