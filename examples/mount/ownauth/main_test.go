package main

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rejoinhq/rejoin/examples/mount/internal/demo"
)

func TestCallers(t *testing.T) {
	shop, err := demo.Open(t.Context())
	must(t, err)
	t.Cleanup(func() { must(t, shop.Close()) })
	now := time.Date(2024, 12, 1, 9, 30, 0, 0, time.UTC)
	authenticator := signedIn("open-sesame", func() time.Time { return now })
	mux, err := newMux(shop.Store, authenticator)
	must(t, err)

	const authenticationRequired, secretKeyRequired = `{"error":"Authentication required"}`, `{"error":"Secret key required"}`
	me, lookup := prefix+"/me", prefix+"/"+demo.ConsumerID
	for name, test := range map[string]struct {
		path    string
		headers []string
		later   time.Duration
		status  int
		body    string
	}{
		"a session is its consumer":            {me, []string{"Cookie", "shop_session=open-sesame"}, 0, 200, `"position":7`},
		"beside other cookies too":             {me, []string{"Cookie", "theme=dark; shop_session=open-sesame"}, 0, 200, `"position":7`},
		"until it ends":                        {me, []string{"Cookie", "shop_session=open-sesame"}, time.Hour, 401, authenticationRequired},
		"an unknown session is nobody":         {me, []string{"Cookie", "shop_session=open"}, 0, 401, authenticationRequired},
		"nobody streams without a session":     {me + "/events", nil, 0, 401, authenticationRequired},
		"nobody without a session":             {me, nil, 0, 401, authenticationRequired},
		"two sessions are nobody":              {me, []string{"Cookie", "shop_session=open-sesame; shop_session=open-sesame"}, 0, 401, authenticationRequired},
		"the module's own credentials say not": {me, []string{"X-Publishable-Key", demo.PublishableKey, "Authorization", "Bearer " + shop.Token}, 0, 401, authenticationRequired},
		"the gateway is no consumer":           {me, []string{"X-Gateway-Organization", demo.OrganizationID}, 0, 401, authenticationRequired},
		"the gateway names an organization":    {lookup, []string{"X-Gateway-Organization", demo.OrganizationID}, 0, 200, `"id":"cons_1"`},
		"which finds only its own consumers":   {lookup, []string{"X-Gateway-Organization", "org_other"}, 0, 404, `{"error":"Consumer not found"}`},
		"two organizations are none":           {lookup, []string{"X-Gateway-Organization", demo.OrganizationID, "X-Gateway-Organization", "org_other"}, 0, 401, secretKeyRequired},
		"what is no id is no organization":     {lookup, []string{"X-Gateway-Organization", "a b"}, 0, 401, secretKeyRequired},
		"a consumer is no server":              {lookup, []string{"Cookie", "shop_session=open-sesame"}, 0, 401, secretKeyRequired},
	} {
		t.Run(name, func(t *testing.T) {
			was := authenticator.now
			authenticator.now = func() time.Time { return now.Add(test.later) }
			defer func() { authenticator.now = was }()

			r := httptest.NewRequest(http.MethodGet, test.path, nil)
			for i := 0; i < len(test.headers); i += 2 {
				r.Header.Add(test.headers[i], test.headers[i+1])
			}
			recorder := httptest.NewRecorder()
			mux.ServeHTTP(recorder, r)
			if recorder.Code != test.status || !strings.Contains(recorder.Body.String(), test.body) {
				t.Errorf("%d %s", recorder.Code, recorder.Body)
			}
			if !slices.Contains(recorder.Result().Header.Values("Vary"), "Cookie, X-Gateway-Organization") {
				t.Errorf("Vary: %q", recorder.Result().Header.Values("Vary"))
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
