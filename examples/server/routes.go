package main

import (
	"net/http"
	"strings"

	"github.com/rejoinhq/rejoin/httpserver"
)

// routes returns a handler that serves some exact paths, some prefixes with everything
// below them, and all other paths with rest. An http.ServeMux would redirect paths that it
// can clean, where the API responds with 404. The API discards bodies that it does not want
// itself; here the exact paths do too.
func routes(exact, prefixes map[string]http.Handler, rest http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if handler, found := exact[r.URL.Path]; found {
			httpserver.DiscardBody(handler).ServeHTTP(w, r)
			return
		}
		for prefix, handler := range prefixes {
			if r.URL.Path == prefix || strings.HasPrefix(r.URL.Path, prefix+"/") {
				handler.ServeHTTP(w, r)
				return
			}
		}
		rest.ServeHTTP(w, r)
	})
}
