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

// roster is the response of /demo/consumers, as far as these tests need it.
type roster struct {
	PublishableKey string `json:"publishableKey"`
	Consumers      []struct {
		ID          string `json:"id"`
		Situation   string `json:"situation"`
		AccessToken string `json:"accessToken"`
	} `json:"consumers"`
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

// TestRoster: the testers' page gets the consumers of the demonstration and no others, with
// keys and tokens that work.
func TestRoster(t *testing.T) {
	s := boot(t, "-demo", "-database", "sqlite::memory:", "-fixture", "testdata/fixture.json")
	want := map[string]string{
		"cons_demo_several": "admitted by queue, in draw, on waitlist", "cons_demo_queue": "in queue", "cons_demo_admitted": "admitted by draw",
		"cons_demo_auction": "in auction", "cons_demo_release": "admitted by timed release", "cons_demo_waitlist": "on waitlist",
		"cons_demo_line": "in queue", "cons_demo_expired": "in nothing now", "cons_demo_plain": "in nothing now",
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

// TestPageNeedsTheDemonstration: the testers' page needs the demonstration's data and the
// issuer inside the server. Without one of them there is a page that explains this.
func TestPageNeedsTheDemonstration(t *testing.T) {
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
				t.Errorf("a command: %d", status)
			}
			status, text := s.get(s.base+"/", nil)
			if status != 200 || !strings.Contains(text, "-demo") || strings.Contains(text, "<script") || strings.Contains(text, "<button") {
				t.Errorf("%d\n%s", status, text)
			}
		})
	}
}

// TestCheckoutKeepsTheToken: the address of the checkout has a token, which appears neither
// in the log nor in the page.
func TestCheckoutKeepsTheToken(t *testing.T) {
	s := boot(t, "-demo", "-database", "sqlite::memory:")
	const token = "demo-admission-HUNTER2"
	status, text := s.get(s.base+"/checkout?token="+token, nil)
	s.stop()
	if status != 200 || strings.Contains(text, token) || strings.Contains(s.stderr.String(), token) {
		t.Errorf("%d, log %s", status, s.stderr)
	}
}

// TestPageHeadersAreNotOnTheAPI: the headers of the page would forbid other sites to use
// the API.
func TestPageHeadersAreNotOnTheAPI(t *testing.T) {
	s := boot(t, "-demo", "-database", "sqlite::memory:")
	response, err := http.Get(s.base + apiPrefix + "/me")
	must(t, err)
	must(t, response.Body.Close())
	if response.Header.Get("Content-Security-Policy") != "" {
		t.Error("the headers of the page are on the API too")
	}
}
