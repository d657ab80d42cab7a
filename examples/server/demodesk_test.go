package main

import (
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rejoinhq/rejoin/auth/authtest"
)

func (s *running) post(path, body string, headers http.Header) (int, string) {
	s.t.Helper()
	r, err := http.NewRequestWithContext(s.t.Context(), http.MethodPost, s.base+path, strings.NewReader(body))
	must(s.t, err)
	r.Header.Set("Content-Type", "application/json")
	for name, values := range headers {
		r.Header[name] = values
	}
	return do(s.t, r)
}

func do(t *testing.T, r *http.Request) (int, string) {
	t.Helper()
	response, err := http.DefaultClient.Do(r)
	must(t, err)
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	must(t, err)
	return response.StatusCode, string(text)
}

func (s *running) roster(t *testing.T) (r roster) {
	t.Helper()
	status, text := s.get(s.base+"/demo/consumers", nil)
	if status != 200 {
		t.Fatalf("%d %s", status, text)
	}
	must(t, json.Unmarshal([]byte(text), &r))
	return r
}

func (s *running) situations(t *testing.T) map[string]string {
	t.Helper()
	all := map[string]string{}
	for _, c := range s.roster(t).Consumers {
		all[c.ID] = c.Situation
	}
	return all
}

const leaveQueue = `{"consumerId":"cons_demo_queue","action":"leave","type":"queue","distributionId":"queue_demo_sneaker"}`

// The desk introduces the consumers of the demonstration, and nobody else whom the
// server knows, with keys and tokens that work.
func TestDemoDeskIntroduces(t *testing.T) {
	s := boot(t, "-demo", "-database", "sqlite::memory:", "-fixture", "testdata/fixture.json")
	want := map[string]string{
		"cons_demo_several": "admitted by queue, in draw, on waitlist", "cons_demo_queue": "in queue", "cons_demo_admitted": "admitted by draw",
		"cons_demo_auction": "in auction", "cons_demo_release": "admitted by timed release", "cons_demo_waitlist": "on waitlist",
		"cons_demo_expired": "in nothing now", "cons_demo_plain": "in nothing now",
	}
	if diff := cmp.Diff(want, s.situations(t)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	r := s.roster(t)
	for _, c := range r.Consumers {
		if status, text := s.me(r.PublishableKey, c.AccessToken); status != 200 || !strings.Contains(text, `"id":"`+c.ID+`"`) {
			t.Errorf("%s: %d", c.ID, status)
		}
	}
}

// The desk is there with the demonstration's data and issuer only; otherwise the page
// explains itself.
func TestDemoDeskIsForTheDemonstration(t *testing.T) {
	issuer, err := authtest.NewIssuer(authtest.IssuerOptions{KeyID: "k1"})
	must(t, err)
	jwks := filepath.Join(t.TempDir(), "jwks.json")
	must(t, os.WriteFile(jwks, issuer.JWKS(), 0o600))
	for name, args := range map[string][]string{
		"a fixture alone": {"-fixture", "testdata/fixture.json"},
		"the demonstration with the operator's set": {"-demo", "-jwks-file", jwks},
		"no data": {"-demo=false"},
	} {
		t.Run(name, func(t *testing.T) {
			s := boot(t, append(args, "-database", "sqlite::memory:")...)
			for _, path := range []string{"/demo/consumers", "/checkout", "/page/page.js", "/page/", "/page/index.html", "//", "/index.html"} {
				if status, text := s.get(s.base+path, nil); status != 404 || text != `{"error":"Not found"}` {
					t.Errorf("%s: %d %s", path, status, text)
				}
			}
			if status, _ := s.post("/demo/act", leaveQueue, nil); status != 404 {
				t.Errorf("an act: %d", status)
			}
			status, text := s.get(s.base+"/", nil)
			if status != 200 || !strings.Contains(text, "-demo") || strings.Contains(text, "<script") || strings.Contains(text, "<button") {
				t.Errorf("%d\n%s", status, text)
			}
		})
	}
}

func TestDemoDeskGuard(t *testing.T) {
	s := boot(t, "-demo", "-database", "sqlite::memory:")
	port := s.base[strings.LastIndex(s.base, ":"):]
	for name, test := range map[string]struct {
		host    string
		headers http.Header
		get     int
		post    int
	}{
		"its own page":                       {"127.0.0.1" + port, http.Header{"Sec-Fetch-Site": {"same-origin"}, "Origin": {s.base}}, 200, 204},
		"a program that is no browser":       {"localhost" + port, nil, 200, 204},
		"the loopback address of IPv6":       {"[::1]" + port, nil, 200, 204},
		"a host without a port":              {"localhost", nil, 200, 204},
		"a page of another site":             {"127.0.0.1" + port, http.Header{"Sec-Fetch-Site": {"cross-site"}}, 200, 403},
		"a page of another port":             {"127.0.0.1" + port, http.Header{"Sec-Fetch-Site": {"same-site"}}, 200, 403},
		"another origin, of an old browser":  {"127.0.0.1" + port, http.Header{"Origin": {"https://shop.example.com"}}, 200, 403},
		"a name that was made to point here": {"rebound.example.com" + port, http.Header{"Sec-Fetch-Site": {"same-origin"}}, 403, 403},
		"a name that begins like loopback":   {"127.0.0.1.example.com" + port, nil, 403, 403},
		"localhost of another domain":        {"localhost.example.com", nil, 403, 403},
	} {
		t.Run(name, func(t *testing.T) {
			for method, want := range map[string]int{http.MethodGet: test.get, http.MethodPost: test.post} {
				path := map[string]string{http.MethodGet: "/demo/consumers", http.MethodPost: "/demo/start-over"}[method]
				r, err := http.NewRequestWithContext(t.Context(), method, s.base+path, nil)
				must(t, err)
				r.Host = test.host
				for name, values := range test.headers {
					r.Header[name] = values
				}
				status, text := do(t, r)
				if status != want || status == 403 && (!strings.HasPrefix(text, `{"error":"Forbidden"`) || strings.Contains(text, "pk_test")) {
					t.Errorf("%s: %d, want %d: %.80s", method, status, want, text)
				}
			}
		})
	}
}

func TestDemoDeskRefusals(t *testing.T) {
	s := boot(t, "-demo", "-database", "sqlite::memory:")
	with := func(old, new string) string { return strings.Replace(leaveQueue, old, new, 1) }
	for name, test := range map[string]struct {
		body    string
		headers http.Header
		want    int
	}{
		"a form":                    {"consumerId=cons_demo_queue", http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}, 415},
		"text":                      {leaveQueue, http.Header{"Content-Type": {"text/plain"}}, 415},
		"too large":                 {leaveQueue + strings.Repeat(" ", largestOrder), nil, 413},
		"nothing":                   {"", nil, 400},
		"no object":                 {"[]", nil, 400},
		"an unknown field":          {with("{", `{"now":true,`), nil, 400},
		"a field twice":             {with("{", `{"action":"enter",`), nil, 400},
		"an unknown action":         {with("leave", "dance"), nil, 400},
		"another distribution":      {with("queue_demo_sneaker", "queue_x"), nil, 400},
		"another consumer":          {with("cons_demo_queue", "cons_x"), nil, 404},
		"not possible in the state": {with("cons_demo_queue", "cons_demo_plain"), nil, 409},
	} {
		t.Run(name, func(t *testing.T) {
			status, text := s.post("/demo/act", test.body, test.headers)
			if status != test.want || !strings.HasPrefix(text, `{"error":"`) {
				t.Errorf("%d, want %d: %s", status, test.want, text)
			}
		})
	}
	if got := s.situations(t)["cons_demo_queue"]; got != "in queue" {
		t.Errorf("a refused order was carried out: %s", got)
	}
}
