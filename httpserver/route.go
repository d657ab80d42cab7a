package httpserver

import (
	"net/http"
	"net/url"
	"strings"
)

// Handler answers everything under a prefix, such as "/api/v1/consumers": the
// consumer's own document at {prefix}/me, its event stream at {prefix}/me/events (with
// [Options.Changes]), the look-up at {prefix}/{id}, and 404 for any other path, the
// prefix itself included. It can be a server's only handler.
//
// On an [http.ServeMux] mount it twice, because for the pattern with the trailing
// slash alone the mux would answer the bare prefix with a redirect:
//
//	mux.Handle("/api/v1/consumers", h)
//	mux.Handle("/api/v1/consumers/", h)
//
// The mux still redirects a path that it would clean, such as one with a doubled
// slash, before this handler sees it; as the only handler, or under a mux that
// doesn't clean, it answers those with 404.
//
// Under http.StripPrefix, give the prefix that is left.
func (a *API) Handler(prefix string) http.Handler {
	prefix = cleanPrefix(prefix)
	me := a.outermost(prefix+"/me", a.cors.wrap(a.endpoint(a.serveMe)))
	events := a.outermost(prefix+"/me/events", a.eventsCORS.wrap(a.endpoint(a.serveEvents)))
	byID := a.outermost(prefix+"/{id}", a.endpoint(a.serveConsumer))
	other := a.outermost("", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { a.fail(w, r, errNoRoute) }))
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

// cleanPrefix begins with a slash and doesn't end with one; at the root it is empty.
func cleanPrefix(prefix string) string {
	if prefix = strings.Trim(prefix, "/"); prefix != "" {
		return "/" + prefix
	}
	return ""
}

// Me answers with the consumer's own document, on whatever path it is mounted.
// Mount it without a method in the pattern: it answers other methods itself, and
// the preflight requests of browsers.
func (a *API) Me() http.Handler {
	return a.outermost("/me", a.cors.wrap(a.endpoint(a.serveMe)))
}

// Events answers with the consumer's event stream, on whatever path it is mounted, and
// with 404 without [Options.Changes]. The stream ends at the exp of its token, without the
// leeway that the verifier gives a request. Mount it without a method in the pattern: it answers
// other methods itself, and the preflight requests of browsers. What stands around it must
// let [http.ResponseController] through, to flush and to set deadlines: a writer that can
// only flush ends a stream at the server's WriteTimeout, and one that cannot ends it after
// one event; the client then resumes.
func (a *API) Events() http.Handler {
	return a.outermost("/me/events", a.eventsCORS.wrap(a.endpoint(a.serveEvents)))
}

// Consumer answers the look-up of the consumer whose id is the request's path value
// "id", on a pattern such as "/consumers/{id}". Mount it without a method in the
// pattern: it answers other methods itself.
func (a *API) Consumer() http.Handler {
	return a.outermost("/{id}", a.endpoint(a.serveConsumer))
}

const pathID = "id"

// allowedMethods is what every endpoint allows.
const allowedMethods = "GET, HEAD, OPTIONS"

// endpoint answers GET and HEAD with serve, and other methods, and requests with a
// body, before credentials are looked at.
func (a *API) endpoint(serve func(http.ResponseWriter, *http.Request) error) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.Method {
		case http.MethodGet, http.MethodHead:
			err := error(errBody)
			if r.ContentLength == 0 {
				err = serve(w, r)
			}
			if err != nil {
				a.fail(w, r, err)
			}
		case http.MethodOptions:
			answerOptions(w)
		default:
			w.Header().Set("Allow", allowedMethods)
			a.fail(w, r, errMethod)
		}
	})
}

func answerOptions(w http.ResponseWriter) {
	w.Header().Set("Allow", allowedMethods)
	w.WriteHeader(http.StatusNoContent)
}

func isEvents(prefix string, u *url.URL) bool {
	segment, ok := segmentBelow(prefix+"/me", u)
	return ok && segment == "events"
}

// segmentBelow returns the one path segment that stands below the prefix, decoded.
// An encoded slash in it is part of it, and "." and ".." are segments like others:
// nothing is cleaned and nothing redirected.
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
