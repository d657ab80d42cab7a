package main

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/rejoinhq/rejoin/auth/authtest"
	"github.com/rejoinhq/rejoin/storage/sqlite"
)

func TestMux(t *testing.T) {
	store, err := sqlite.Open(t.Context(), sqlite.Options{Path: ":memory:"})
	must(t, err)
	t.Cleanup(func() { must(t, store.Close()) })
	must(t, store.Migrate(t.Context()))
	_, err = store.Write(t.Context(), oneConsumerInAQueue(time.Now()))
	must(t, err)
	issuer, err := authtest.NewIssuer(authtest.IssuerOptions{})
	must(t, err)
	keySet, err := issuer.KeySet()
	must(t, err)
	token, err := issuer.Token(authtest.Claims{OrganizationID: organizationID, ConsumerID: consumerID})
	must(t, err)
	mux, err := newMux(store, keySet)
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
			r.Header.Set("X-Publishable-Key", publishableKey)
			r.Header.Set("Authorization", "Bearer "+token)
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
