package httpserver_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/rejoinhq/rejoin/httpserver"
)

// The description can be mounted on any path. It contains the prefix under which the
// endpoints are mounted. The store and the authenticator are your own.
func ExampleAPI_OpenAPI() {
	api, err := httpserver.New(httpserver.Options{Store: emptyStore{}, Auth: fakeAuth{}})
	if err != nil {
		panic(err)
	}
	mux := http.NewServeMux()
	mux.Handle("/shop/api/v2/consumers", api.Handler("/shop/api/v2/consumers"))
	mux.Handle("/shop/api/v2/consumers/", api.Handler("/shop/api/v2/consumers"))
	mux.Handle("/shop/openapi.json", api.OpenAPI("/shop/api/v2/consumers"))

	answer := httptest.NewRecorder()
	mux.ServeHTTP(answer, httptest.NewRequest("GET", "/shop/openapi.json", nil))
	var description struct {
		OpenAPI string
		Servers []struct{ URL string }
	}
	if err := json.Unmarshal(answer.Body.Bytes(), &description); err != nil {
		panic(err)
	}
	fmt.Println(description.OpenAPI, description.Servers[0].URL)
	// Output: 3.1.0 /shop/api/v2/consumers
}
