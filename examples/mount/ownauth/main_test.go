package main

import (
	"context"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rejoinhq/rejoin/auth/authtest"
	"github.com/rejoinhq/rejoin/storage/sqlite"
)

func TestCallers(t *testing.T) {
	store, err := sqlite.Open(t.Context(), sqlite.Options{Path: sqlite.Memory})
	must(t, err)
	t.Cleanup(func() { must(t, store.Close()) })
	must(t, prepare(t.Context(), store))
	issuer, err := authtest.NewIssuer(authtest.IssuerOptions{})
	must(t, err)
	token, err := issuer.Token(authtest.Claims{OrganizationID: "org_1", ConsumerID: "cons_1"})
	must(t, err)
	now := time.Date(2024, 12, 1, 9, 30, 0, 0, time.UTC)
	authenticator := signedIn("open-sesame", func() time.Time { return now })
	api, err := newAPI(store, authenticator)
	must(t, err)
	t.Cleanup(func() { must(t, api.Close()) })
	mux := newMux(api)

	const authenticationRequired, secretKeyRequired = `{"error":"Authentication required"}`, `{"error":"Secret key required"}`
	me, lookup := prefix+"/me", prefix+"/"+"cons_1"
	for name, test := range map[string]struct {
		path    string
		headers []string
		later   time.Duration
		status  int
		body    string
	}{
		"a session":                          {me, []string{"Cookie", "shop_session=open-sesame"}, 0, 200, `"position":7`},
		"a session and other cookies":        {me, []string{"Cookie", "theme=dark; shop_session=open-sesame"}, 0, 200, `"position":7`},
		"an expired session":                 {me, []string{"Cookie", "shop_session=open-sesame"}, time.Hour, 401, authenticationRequired},
		"an unknown session":                 {me, []string{"Cookie", "shop_session=open"}, 0, 401, authenticationRequired},
		"a stream without a session":         {me + "/events", nil, 0, 401, authenticationRequired},
		"no session":                         {me, nil, 0, 401, authenticationRequired},
		"two sessions":                       {me, []string{"Cookie", "shop_session=open-sesame; shop_session=open-sesame"}, 0, 401, authenticationRequired},
		"the credentials of package auth":    {me, []string{"X-Publishable-Key", "pk_test_ownauth0000000000000", "Authorization", "Bearer " + token}, 0, 401, authenticationRequired},
		"the gateway in place of a consumer": {me, []string{"X-Gateway-Organization", "org_1"}, 0, 401, authenticationRequired},
		"a server behind the gateway":        {lookup, []string{"X-Gateway-Organization", "org_1"}, 0, 200, `"id":"cons_1"`},
		"a server of another organization":   {lookup, []string{"X-Gateway-Organization", "org_other"}, 0, 404, `{"error":"Consumer not found"}`},
		"two organizations":                  {lookup, []string{"X-Gateway-Organization", "org_1", "X-Gateway-Organization", "org_other"}, 0, 401, secretKeyRequired},
		"a malformed organization":           {lookup, []string{"X-Gateway-Organization", "a b"}, 0, 401, secretKeyRequired},
		"a session in place of a server":     {lookup, []string{"Cookie", "shop_session=open-sesame"}, 0, 401, secretKeyRequired},
	} {
		t.Run(name, func(t *testing.T) {
			before := authenticator.now
			authenticator.now = func() time.Time { return now.Add(test.later) }
			defer func() { authenticator.now = before }()

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

// TestRun: the program serves until it is interrupted.
func TestRun(t *testing.T) {
	read, write, err := os.Pipe()
	must(t, err)
	stdout := os.Stdout
	os.Stdout = write
	defer func() { os.Stdout = stdout }()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- run(ctx, "127.0.0.1:0") }()
	line := make([]byte, 4096)
	n, err := read.Read(line)
	must(t, err)
	cancel()
	must(t, <-ended)
	if !strings.HasPrefix(string(line[:n]), "curl http://127.0.0.1:") {
		t.Errorf("printed %q", line[:n])
	}
}
