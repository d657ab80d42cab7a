package probe_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/rejoinhq/rejoin/httpserver/probe"
)

// The store of a service is down at first and then works. At the end the service shuts down.
func ExampleReadiness() {
	storeError := errors.New("connection refused") // in a service: store.Ping and keySet.Ready
	readiness, err := probe.NewReadiness(probe.ReadinessOptions{Checks: []probe.Check{
		{Name: "store", Run: func(context.Context) error { return storeError }},
		{Name: "keySet", Run: func(context.Context) error { return nil }},
	}})
	if err != nil {
		fmt.Println(err)
		return
	}
	mux := http.NewServeMux()
	mux.Handle("/healthz", probe.Health())
	mux.Handle("/readyz", readiness)
	get := func(path string) {
		recorder := httptest.NewRecorder()
		mux.ServeHTTP(recorder, httptest.NewRequest("GET", path, nil))
		fmt.Println(path, recorder.Code, recorder.Body)
	}

	get("/healthz")
	get("/readyz")
	storeError = nil
	get("/readyz")
	readiness.Drain() // before http.Server.Shutdown
	get("/readyz")
	// Output:
	// /healthz 200 {"status":"ok"}
	// /readyz 503 {"status":"unready","checks":{"keySet":"ok","store":"failed"}}
	// /readyz 200 {"status":"ready","checks":{"keySet":"ok","store":"ok"}}
	// /readyz 503 {"status":"draining"}
}
