package httpserver_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/rejoinhq/rejoin/httpserver"
)

// A service whose store is down, and then up, and which then ends.
func ExampleReadiness() {
	storeError := errors.New("connection refused") // in a service: store.Ping and keySet.Ready
	readiness, err := httpserver.NewReadiness(httpserver.ReadinessOptions{Checks: []httpserver.Check{
		{Name: "store", Run: func(context.Context) error { return storeError }},
		{Name: "keySet", Run: func(context.Context) error { return nil }},
	}})
	if err != nil {
		fmt.Println(err)
		return
	}
	mux := http.NewServeMux()
	mux.Handle("/healthz", httpserver.Health())
	mux.Handle("/readyz", readiness)
	ask := func(path string) {
		recorder := httptest.NewRecorder()
		mux.ServeHTTP(recorder, httptest.NewRequest("GET", path, nil))
		fmt.Println(path, recorder.Code, recorder.Body)
	}

	ask("/healthz")
	ask("/readyz")
	storeError = nil
	ask("/readyz")
	readiness.Drain() // before http.Server.Shutdown
	ask("/readyz")
	// Output:
	// /healthz 200 {"status":"ok"}
	// /readyz 503 {"status":"unready","checks":{"keySet":"ok","store":"failed"}}
	// /readyz 200 {"status":"ready","checks":{"keySet":"ok","store":"ok"}}
	// /readyz 503 {"status":"draining"}
}

// Clients are told when to come back; this one has nothing to wait for.
func ExamplePollIntervals() {
	api, err := httpserver.New(httpserver.Options{
		Store: emptyStore{}, Auth: fakeAuth{},
		PollIntervals: &httpserver.PollIntervals{}, // every default
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	recorder := httptest.NewRecorder()
	api.Me().ServeHTTP(recorder, httptest.NewRequest("GET", "/me", nil))
	fmt.Println(recorder.Code, "again in", recorder.Header().Get("X-Poll-Interval"), "s")
	// Output: 200 again in 60 s
}
