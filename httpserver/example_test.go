package httpserver_test

import (
	"fmt"
	"net/http/httptest"

	"github.com/rejoinhq/rejoin/httpserver"
)

// The response of a consumer who waits for nothing suggests the longest interval.
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
	fmt.Println(recorder.Code, "poll again in", recorder.Header().Get("X-Poll-Interval"), "s")
	// Output: 200 poll again in 60 s
}
