package conformance_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rejoinhq/rejoin/consumer"
	"github.com/rejoinhq/rejoin/httpserver"
	"github.com/rejoinhq/rejoin/httpserver/conformance"
	"github.com/rejoinhq/rejoin/httpserver/httpservertest"
)

func TestHandlersConform(t *testing.T) { conformance.Run(t, deploy(t, nil)) }

// TestOptionsOfADeployment: a deployment conforms whatever it has of the options.
func TestOptionsOfADeployment(t *testing.T) {
	for name, change := range map[string]func(*httpserver.Options){
		"no poll interval and no rate limit": func(o *httpserver.Options) { o.PollIntervals, o.RateLimit = nil, httpserver.RateLimit{} },
		"every origin":                       func(o *httpserver.Options) { o.CORSOrigins = []string{"*"} },
		"a cache": func(o *httpserver.Options) {
			o.Changes, o.Cache = o.Records.(consumer.ChangeFeed), &httpserver.CacheOptions{}
		},
	} {
		t.Run(name, func(t *testing.T) { conformance.Run(t, deploy(t, nil, change)) })
	}
}

// kit is the target for the server of a test.
func kit(s *httpservertest.Server) conformance.Target {
	return conformance.Target{
		URL:          s.URL + prefix,
		Organization: conformance.Organization{ID: s.OrganizationID, PublishableKey: s.PublishableKey, SecretKey: s.SecretKey},
		Token:        func(_ context.Context, _, consumerID string) (string, error) { return s.Token(consumerID), nil },
		Load:         conformance.PostRecords(nil, s.URL+records),
		Client:       s.Client,
		Now:          s.Now,
		CleansPaths:  true, // the kit mounts the handlers on an http.ServeMux
	}
}

func TestKitConforms(t *testing.T) { conformance.Run(t, kit(httpservertest.New(t))) }

// TestSkippedRules: what a target lacks is skipped with the reason, and nothing else.
func TestSkippedRules(t *testing.T) {
	target := kit(httpservertest.New(t))
	load := target.Load
	target.Load = func(ctx context.Context, o conformance.Organization, records []byte) error {
		if strings.Contains(string(records), `"distributions"`) {
			return fmt.Errorf("no distributions here: %w", errors.ErrUnsupported)
		}
		return load(ctx, o, records)
	}
	results, err := conformance.Check(t.Context(), target)
	must(t, err)
	reasons := map[string]int{}
	for _, r := range results {
		if r.Err != nil {
			t.Errorf("%s: %s: %v", r.Section, r.Rule, r.Err)
		}
		if r.Skipped != "" {
			reasons[r.Skipped]++
		}
	}
	want := map[string]int{
		"Target.OtherOrganization is not set": 6,
		"Target.Load does not support distributions: Target.Load: no distributions here: unsupported operation": 7,
		"Target.CleansPaths is set":                                               1,
		"Target.SignToken is not set":                                             6,
		"neither Target.ExpiredToken nor Target.SignToken is set":                 1,
		"Target.Origin is not set":                                                9,
		"the document has no X-Poll-Interval":                                     1,
		"the document has no X-Poll-Interval, or Target.Origin is not set":        1,
		"no response has a header of a rate limit":                                1,
		"the document has no header of a rate limit, or Target.Origin is not set": 1,
	}
	if diff := cmp.Diff(want, reasons); diff != "" {
		t.Errorf("reasons (-want +got):\n%s", diff)
	}
}

func TestInvalidTargets(t *testing.T) {
	valid := kit(httpservertest.New(t))
	for name, test := range map[string]struct {
		change func(*conformance.Target)
		want   []string
	}{
		"zero": {func(t *conformance.Target) { *t = conformance.Target{} }, []string{
			"Target.Load is required", "Target.Organization.ID is required", "Target.Organization.PublishableKey is required",
			"Target.Organization.SecretKey is required", "Target.Token is required", "Target.URL must be an http or https address",
		}},
		"another scheme": {func(t *conformance.Target) { t.URL = "ftp://127.0.0.1/" }, []string{"Target.URL must be an http or https address"}},
		"no host":        {func(t *conformance.Target) { t.URL = "/api/v1/consumers" }, []string{"Target.URL must be an http or https address"}},
		"half of another organization": {func(t *conformance.Target) { t.OtherOrganization = conformance.Organization{ID: "org_2"} }, []string{
			"Target.OtherOrganization.PublishableKey is required if another field of it is set",
			"Target.OtherOrganization.SecretKey is required if another field of it is set",
		}},
		"the same organization twice": {func(t *conformance.Target) { t.OtherOrganization = t.Organization }, []string{
			"Target.OtherOrganization.ID must differ from that of Organization", "Target.OtherOrganization.PublishableKey must differ from that of Organization",
			"Target.OtherOrganization.SecretKey must differ from that of Organization",
		}},
		"negative": {func(t *conformance.Target) { t.MaxStaleness = -1 }, []string{"Target.MaxStaleness must not be negative"}},
	} {
		t.Run(name, func(t *testing.T) {
			target := valid
			test.change(&target)
			results, err := conformance.Check(t.Context(), target)
			if err == nil || results != nil {
				t.Fatalf("%d results, error %v", len(results), err)
			}
			got := strings.Split(strings.TrimPrefix(err.Error(), "conformance: invalid target: "), "\n")
			slices.Sort(got)
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestRecordsThatCannotBeLoaded(t *testing.T) {
	target := kit(httpservertest.New(t))
	cause := errors.New("the store is down")
	target.Load = func(context.Context, conformance.Organization, []byte) error { return cause }
	if results, err := conformance.Check(t.Context(), target); !errors.Is(err, cause) || results != nil {
		t.Errorf("%d results, error %v", len(results), err)
	}
	target.Load = conformance.PostRecords(nil, target.URL)
	if _, err := conformance.Check(t.Context(), target); err == nil || !strings.Contains(err.Error(), `status 404: {"error":"Not found"}`) {
		t.Errorf("error %v", err)
	}
}

func TestTokensThatCannotBeIssued(t *testing.T) {
	target := kit(httpservertest.New(t))
	cause := errors.New("the issuer is down")
	target.Token = func(context.Context, string, string) (string, error) { return "", cause }
	results, err := conformance.Check(t.Context(), target)
	must(t, err)
	broken := 0
	for _, r := range results {
		if errors.Is(r.Err, cause) {
			broken++
		} else if r.Err != nil {
			t.Errorf("%s: %s: %v", r.Section, r.Rule, r.Err)
		}
	}
	if broken < 80 {
		t.Errorf("%d rules need a token", broken)
	}
}

func TestCheckEndsWithItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	target := deploy(t, requests(func(*http.Request) { cancel() }))
	if results, err := conformance.Check(ctx, target); !errors.Is(err, context.Canceled) || results != nil {
		t.Errorf("%d results, error %v", len(results), err)
	}
	target.MaxStaleness = time.Hour
	if _, err := conformance.Check(ctx, target); !errors.Is(err, context.Canceled) {
		t.Errorf("while it waits: error %v", err)
	}
}

// TestTargetThatAnswersNothing: a rule reports why there is no response.
func TestTargetThatAnswersNothing(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	server.Close()
	target := kit(httpservertest.New(t))
	target.URL, target.Client = server.URL, nil
	results, err := conformance.Check(t.Context(), target)
	must(t, err)
	for _, r := range results {
		if r.Skipped == "" && (r.Err == nil || !strings.Contains(r.Err.Error(), "connection refused")) {
			t.Errorf("%s: %s: error %v", r.Section, r.Rule, r.Err)
		}
	}
}

// TestStaleResponses: a deployment may show a write later, if it says how much later.
func TestStaleResponses(t *testing.T) {
	target := kit(httpservertest.New(t))
	target.MaxStaleness = time.Millisecond
	load := target.Load
	var loaded time.Time
	target.Load = func(ctx context.Context, o conformance.Organization, records []byte) error {
		err := load(ctx, o, records)
		loaded = time.Now()
		return err
	}
	soonest := time.Hour
	target.Client = &http.Client{Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
		soonest = min(soonest, time.Since(loaded))
		return http.DefaultTransport.RoundTrip(r)
	})}
	conformance.Run(t, target)
	if soonest < target.MaxStaleness {
		t.Errorf("a request came %v after a write, want at least %v", soonest, target.MaxStaleness)
	}
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// TestWhatIsLoaded: the records are in the record format, and each has its updatedAt. No two
// runs have a consumer in common, but for that of the API documentation.
func TestWhatIsLoaded(t *testing.T) {
	target := kit(httpservertest.New(t))
	load := target.Load
	consumers := map[string]int{}
	id := regexp.MustCompile(`"id":"(conformance_[^"]+)"`)
	target.Load = func(ctx context.Context, o conformance.Organization, records []byte) error {
		for _, match := range id.FindAllStringSubmatch(string(records), -1) {
			consumers[match[1]]++
		}
		return load(ctx, o, records)
	}
	for range 2 {
		_, err := conformance.Check(t.Context(), target)
		must(t, err)
	}
	if len(consumers) < 200 || len(consumers) > 320 {
		t.Errorf("%d consumers in two runs", len(consumers))
	}
	for id, times := range consumers {
		if times > 2 { // one rule writes again about its consumer
			t.Errorf("%s was loaded %d times", id, times)
		}
	}
}

// TestDifferencesAreShown: an error says what was requested, and what differs in the response.
func TestDifferencesAreShown(t *testing.T) {
	for name, test := range map[string]struct {
		mistake func(*answer)
		rule    string
		want    string
	}{
		"a field": {
			func(a *answer) { a.edit(`"position":7`, `"position":8`) }, "a place in a queue", `GET /me: the body differs (- want, + got):
  …
        "queue_1_UNIQUE": {
          "queueId": "queue_1_UNIQUE",
          "status": "QUEUED",
-         "position": 7,
+         "position": 8,
          "enteredAt": "TIME"
        }
      },`,
		},
		"a name that is there twice": {
			func(a *answer) { a.edit(`"phone":null`, `"email":null`) }, "a place in a queue",
			`GET /me: the body is not JSON: the name "email" occurs twice`,
		},
		"bytes after the end": {
			func(a *answer) { a.edit(`}]}}`, `}]}}{}`) }, "a place in a queue",
			`GET /me: the body is not JSON: there is more after the JSON value`,
		},
		"many lines": {
			func(a *answer) { a.edit(`"position":7`, `"position":[1`+strings.Repeat(",1", 1000)+`]`) }, "a place in a queue",
			"GET /me: the body differs (- want, + got):\n  …\n",
		},
		"very many lines": {
			func(a *answer) { a.edit(`"position":7`, `"position":[1`+strings.Repeat(",1", 200_000)+`]`) }, "a place in a queue",
			"GET /me: the body differs (- want, + got):\n+ {\n",
		},
		"a status": {
			func(a *answer) { a.replace(http.StatusTeapot, strings.Repeat("tea", 200)) }, "a place in a queue",
			"GET /me: status 418, want 200; the body is teatea",
		},
	} {
		t.Run(name, func(t *testing.T) {
			results, err := conformance.Check(t.Context(), deploy(t, documents(test.mistake)))
			must(t, err)
			for _, r := range results {
				if r.Rule != test.rule {
					continue
				}
				text := fmt.Sprint(r.Err)
				text = regexp.MustCompile(`_[a-z0-9]{8}"`).ReplaceAllString(text, `_UNIQUE"`)
				text = regexp.MustCompile(`\d{4}-\d\d-\d\dT[^"]*Z`).ReplaceAllString(text, `TIME`)
				if !strings.HasPrefix(text, test.want) || len(text) > 2000 {
					t.Errorf("got\n%.1000s\nwant\n%s", text, test.want)
				}
				return
			}
			t.Errorf("no rule %q", test.rule)
		})
	}
}

// TestErrorsHaveNoCredential: they are for a log.
func TestErrorsHaveNoCredential(t *testing.T) {
	target := deploy(t, func(http.Handler) http.Handler { return http.NotFoundHandler() })
	issue := target.Token
	var secrets []string
	target.Token = func(ctx context.Context, o, c string) (string, error) {
		token, err := issue(ctx, o, c)
		secrets = append(secrets, token)
		return token, err
	}
	sign := target.SignToken
	target.SignToken = func(ctx context.Context, header, claims map[string]any) (string, error) {
		token, err := sign(ctx, header, claims)
		secrets = append(secrets, token)
		return token, err
	}
	results, err := conformance.Check(t.Context(), target)
	must(t, err)
	for _, o := range []conformance.Organization{organization, otherOrganization} {
		secrets = append(secrets, o.PublishableKey, o.SecretKey)
	}
	for _, r := range results {
		for _, secret := range secrets {
			if strings.Contains(fmt.Sprint(r.Err), secret) {
				t.Errorf("%s: %s: the error has a credential", r.Section, r.Rule)
			}
		}
	}
}

// TestGoldenFiles: the embedded example is that of the example server's tests.
func TestGoldenFiles(t *testing.T) {
	read := func(name string) []byte {
		text, err := os.ReadFile(name)
		must(t, err)
		return text
	}
	const server = "../../examples/server/testdata/"
	if diff := cmp.Diff(string(read(server+"me.json")), string(read("golden/me.json"))); diff != "" {
		t.Errorf("me.json (-server's +embedded):\n%s", diff)
	}
	var fixture struct {
		Organizations []struct{ Consumers []any }
	}
	var embedded any
	must(t, json.Unmarshal(read(server+"fixture.json"), &fixture))
	must(t, json.Unmarshal(read("golden/consumer.json"), &embedded))
	if diff := cmp.Diff(fixture.Organizations[0].Consumers[0], embedded); diff != "" {
		t.Errorf("consumer.json (-server's fixture +embedded):\n%s", diff)
	}
}
