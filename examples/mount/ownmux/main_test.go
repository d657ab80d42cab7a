package main

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/rejoinhq/rejoin/examples/mount/internal/demo"
)

func TestMux(t *testing.T) {
	shop, err := demo.Open(t.Context())
	must(t, err)
	t.Cleanup(func() { must(t, shop.Close()) })
	mux, err := newMux(shop.Store, shop.Keys)
	must(t, err)

	for path, want := range map[string]struct {
		status int
		body   string
	}{
		"/health":                      {200, "ok\n"},
		"/shop/api/v2/consumers/me":    {200, `"position":7`},
		"/shop/api/v2/consumers":       {404, `{"error":"Not found"}`},
		"/shop/api/v2/consumers/":      {404, `{"error":"Not found"}`},
		"/shop/api/v2/consumers/me/me": {404, `{"error":"Not found"}`},
	} {
		t.Run(path, func(t *testing.T) {
			r := httptest.NewRequest(http.MethodGet, path, nil)
			r.Header.Set("X-Publishable-Key", demo.PublishableKey)
			r.Header.Set("Authorization", "Bearer "+shop.Token)
			recorder := httptest.NewRecorder()
			mux.ServeHTTP(recorder, r)
			if recorder.Code != want.status || !strings.Contains(recorder.Body.String(), want.body) {
				t.Errorf("%d %s", recorder.Code, recorder.Body)
			}
		})
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
