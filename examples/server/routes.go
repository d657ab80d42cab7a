package main

import "net/http"

// routes is everything that a listener answers: a few exact paths, and all others by rest.
// It is no http.ServeMux, because that would answer a path which it can clean with a
// redirect, where the API says 404.
func routes(rest http.Handler, exact map[string]http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if handler, found := exact[r.URL.Path]; found {
			handler.ServeHTTP(w, r)
			return
		}
		rest.ServeHTTP(w, r)
	})
}
