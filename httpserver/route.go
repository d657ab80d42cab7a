package httpserver

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/rejoinhq/rejoin/httpserver/internal/httpjson"
	"github.com/rejoinhq/rejoin/httpserver/internal/requestbody"
)

// Handler returns a handler for everything under a prefix, such as "/api/v1/consumers":
//   - {prefix}/me is the consumer's own document,
//   - {prefix}/me/events is its event stream, with [Options.Changes],
//   - {prefix}/{id} is the look-up by a server.
//
// Every other path, including the prefix itself, is 404. Handler can be a server's only
// handler.
//
// On an [http.ServeMux], mount it twice. With the second pattern alone, the mux would
// redirect the bare prefix:
//
//	mux.Handle("/api/v1/consumers", h)
//	mux.Handle("/api/v1/consumers/", h)
//
// The mux still redirects a path that it would clean, such as one with a doubled slash. As
// a server's only handler, or on a mux that doesn't clean paths, the handler responds to
// those with 404.
//
// Behind [http.StripPrefix], the prefix is the rest of the path.
func (a *API) Handler(prefix string) http.Handler {
	prefix = cleanPrefix(prefix)
	me := a.me(prefix + "/me")
	events := a.events(prefix + "/me/events")
	byID := a.byID(prefix + "/{id}")
	other := a.instrument("", a.withErrors(func(http.ResponseWriter, *http.Request) error { return errPathNotFound }))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		segment, ok := segmentBelow(prefix, r.URL)
		switch {
		case !ok && a.hub != nil && isEvents(prefix, r.URL):
			events.ServeHTTP(w, r)
		case !ok:
			other.ServeHTTP(w, r)
		case segment == "me":
			me.ServeHTTP(w, r)
		default:
			r.SetPathValue(pathID, segment)
			byID.ServeHTTP(w, r)
		}
	})
}

// Me returns a handler for the consumer's own document, on any path. Mount it on a pattern
// without a method: it responds to other methods itself, and to the preflight requests of
// browsers.
func (a *API) Me() http.Handler { return a.me("/me") }

// Events returns a handler for the consumer's event stream, on any path. Without
// [Options.Changes] it responds with 404. A stream ends when its access token expires,
// without the leeway of other requests. Mount it on a pattern without a method: it responds
// to other methods itself, and to the preflight requests of browsers.
//
// A middleware around it must let an [http.ResponseController] flush and set deadlines. If
// the ResponseWriter can only be flushed, a stream ends at the server's WriteTimeout. If it
// can't be flushed either, a stream ends after one event. The client reconnects each time.
func (a *API) Events() http.Handler { return a.events("/me/events") }

// Consumer returns a handler for the look-up of the consumer whose id is the path value
// "id" of the request, on a pattern such as "/consumers/{id}". Mount it on a pattern
// without a method: it responds to other methods itself.
func (a *API) Consumer() http.Handler { return a.byID("/{id}") }

func (a *API) me(route string) http.Handler {
	return a.instrument(route, a.cors.wrap(a.withErrors(readOnly(a.serveMe))))
}

func (a *API) events(route string) http.Handler {
	return a.instrument(route, a.cors.wrap(a.withErrors(readOnly(a.serveEvents))))
}

func (a *API) byID(route string) http.Handler {
	return a.instrument(route, a.withErrors(readOnly(a.serveConsumer)))
}

// instrument returns a handler that observes the requests of next as those of a route: a
// template, or "" for all paths without a route.
func (a *API) instrument(route string, next http.Handler) http.Handler {
	return requestbody.Discard(a.telemetry.Handler(route, next))
}

const (
	pathID         = "id"
	allowedMethods = "GET, HEAD, OPTIONS"
)

// readOnly returns an endpoint that calls serve for GET and HEAD. It responds to other
// methods, and to requests with a body, before serve looks at credentials.
func readOnly(serve endpoint) endpoint {
	return func(w http.ResponseWriter, r *http.Request) error {
		switch {
		case r.Method == http.MethodOptions:
			respondToOptions(w)
			return nil
		case r.Method != http.MethodGet && r.Method != http.MethodHead:
			w.Header().Set("Allow", allowedMethods)
			return errMethodNotAllowed
		case r.ContentLength != 0:
			return detailedError{httpError: errBadRequest, message: httpjson.UnwantedBody(r.Method).Message}
		}
		return serve(w, r)
	}
}

func respondToOptions(w http.ResponseWriter) {
	w.Header().Set("Allow", allowedMethods)
	w.WriteHeader(http.StatusNoContent)
}

// cleanPrefix returns a prefix with a slash in front and none at the end, or "" for the
// root.
func cleanPrefix(prefix string) string {
	if prefix = strings.Trim(prefix, "/"); prefix != "" {
		return "/" + prefix
	}
	return ""
}

func isEvents(prefix string, u *url.URL) bool {
	segment, ok := segmentBelow(prefix+"/me", u)
	return ok && segment == "events"
}

// segmentBelow returns the decoded path segment directly below the prefix, if the path has
// exactly one. The path is not cleaned: the segment may contain a slash that was encoded,
// and may be "." or "..".
func segmentBelow(prefix string, u *url.URL) (segment string, ok bool) {
	path := u.EscapedPath()
	last := strings.LastIndexByte(path, '/')
	if last < 0 || strings.Contains(strings.ToLower(path[:last]), "%2f") {
		return "", false
	}
	parent, err := url.PathUnescape(path[:last])
	if err != nil || parent != prefix {
		return "", false
	}
	segment, err = url.PathUnescape(path[last+1:])
	return segment, err == nil && segment != ""
}
