package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rejoinhq/rejoin/auth/authtest"
	"github.com/rejoinhq/rejoin/httpserver/conformance"
)

const shop = "https://shop.example.com"

var (
	organization      = conformance.Organization{ID: "org_1", PublishableKey: "pk_live_00000000000000000001", SecretKey: "sk_live_00000000000000000001"}
	otherOrganization = conformance.Organization{ID: "org_2", PublishableKey: "pk_live_00000000000000000002", SecretKey: "sk_live_00000000000000000002"}
)

// TestConformance: the server conforms on each database.
func TestConformance(t *testing.T) {
	onEachDatabase(t, func(t *testing.T, url string) { conformance.Run(t, deployed(t, url)) })
}

// TestDemonstrationConforms: so does what a newcomer starts, with tokens of the token command.
func TestDemonstrationConforms(t *testing.T) {
	s := boot(t, "-demo", "-database", "sqlite::memory:")
	conformance.Run(t, conformance.Target{
		URL:          s.base + apiPrefix,
		Organization: conformance.Organization{ID: "org_demo", PublishableKey: "pk_test_demo000000000000000000", SecretKey: "sk_test_demo000000000000000000"},
		Token: func(_ context.Context, organizationID, consumerID string) (string, error) {
			status, stdout, stderr := execute(t, "token", "-addr", strings.TrimPrefix(s.base, "http://"), "-org", organizationID, "-consumer", consumerID)
			if status != 0 {
				return "", fmt.Errorf("status %d: %s", status, stderr)
			}
			return strings.TrimSpace(stdout), nil
		},
		Load:   conformance.PostRecords(nil, s.base+recordsPrefix),
		Origin: s.base,
	})
}

// deployed starts a server with two organizations and the keys of an issuer.
func deployed(t *testing.T, database string) conformance.Target {
	t.Helper()
	issuer, err := authtest.NewIssuer(authtest.IssuerOptions{})
	must(t, err)
	jwks, fixture := filepath.Join(t.TempDir(), "jwks.json"), filepath.Join(t.TempDir(), "fixture.json")
	must(t, os.WriteFile(jwks, issuer.JWKS(), 0o600))
	must(t, os.WriteFile(fixture, fmt.Appendf(nil, `{"organizations":[
		{"id":%q,"publishableKeys":[%q],"secretKeys":[%q]},{"id":%q,"publishableKeys":[%q],"secretKeys":[%q]}]}`,
		organization.ID, organization.PublishableKey, organization.SecretKey,
		otherOrganization.ID, otherOrganization.PublishableKey, otherOrganization.SecretKey), 0o600))
	s := boot(t, "-database", database, "-fixture", fixture, "-jwks-file", jwks, "-cors-origin", shop)
	return conformance.Target{
		URL: s.base + apiPrefix, Organization: organization, OtherOrganization: otherOrganization, Origin: shop,
		Token: func(_ context.Context, organizationID, consumerID string) (string, error) {
			return issuer.Token(authtest.Claims{OrganizationID: organizationID, ConsumerID: consumerID})
		},
		SignToken: func(_ context.Context, header, claims map[string]any) (string, error) {
			return issuer.Sign(header, claims)
		},
		Load: conformance.PostRecords(nil, s.base+recordsPrefix),
	}
}

// mistake is what something in front of the server, or what loads records into it, does wrong.
type mistake struct {
	request  func(*http.Request)
	response func(*http.Response)
	load     func(records string) string
}

// mistakes has a mistake for each section of the suite.
var mistakes = map[string]mistake{
	"methods and paths": {response: func(r *http.Response) { r.Header.Del("Allow") }},
	"bodies of requests": {request: func(r *http.Request) {
		if r.Method == http.MethodGet {
			r.Body, r.ContentLength, r.TransferEncoding = http.NoBody, 0, nil
		}
	}},
	"credentials of consumers": {request: func(r *http.Request) {
		if r.Header.Get("X-Publishable-Key") == "wrong" {
			r.Header.Set("X-Publishable-Key", organization.PublishableKey)
		}
	}},
	"credentials of servers": {request: func(r *http.Request) {
		if !strings.HasSuffix(r.URL.Path, "/me") && r.Header.Get("Authorization") == "Bearer "+organization.PublishableKey {
			r.Header.Set("Authorization", "Bearer "+organization.SecretKey)
		}
	}},
	"errors": {response: func(r *http.Response) {
		if r.StatusCode >= 400 {
			r.Header.Set("Cache-Control", "max-age=60")
		}
	}},
	"request ids": {request: func(r *http.Request) { r.Header.Del("X-Request-Id") }},
	"look-up": {response: func(r *http.Response) {
		if !strings.HasSuffix(r.Request.URL.Path, "/me") {
			edit(r, `"phone":null,`, ``)
		}
	}},
	"document":       {response: func(r *http.Response) { edit(r, `:250.00,`, `:250,`) }},
	"participations": {load: func(records string) string { return strings.ReplaceAll(records, `"LOST"`, `"WON"`) }},
	"journeys": {response: func(r *http.Response) {
		edit(r, `"status":"QUEUED","admissionToken"`, `"status":"ADMITTED","admissionToken"`)
	}},
	"distributions": {load: func(records string) string {
		return regexp.MustCompile(`,"winnerId":"[^"]*"`).ReplaceAllString(records, "")
	}},
	"tenancy": {response: func(r *http.Response) {
		if r.StatusCode != http.StatusNotFound || r.Request.Header.Get("Authorization") != "Bearer "+organization.SecretKey {
			return
		}
		again := r.Request.Clone(r.Request.Context())
		again.Header.Set("Authorization", "Bearer "+otherOrganization.SecretKey)
		if answer, err := http.DefaultTransport.RoundTrip(again); err == nil {
			_ = r.Body.Close()
			r.StatusCode, r.Header, r.Body, r.ContentLength = answer.StatusCode, answer.Header, answer.Body, answer.ContentLength
		}
	}},
	"caching": {response: func(r *http.Response) { r.Header.Del("ETag") }},
	"browsers": {response: func(r *http.Response) {
		if r.StatusCode >= 400 {
			r.Header.Del("Access-Control-Allow-Origin")
		}
	}},
	"polling and rate limits": {response: func(r *http.Response) {
		if r.Header.Get("X-Poll-Interval") != "" {
			r.Header.Set("X-Poll-Interval", "soon")
		}
	}},
}

// edit replaces a text in the body of a response.
func edit(r *http.Response, from, to string) {
	body, err := io.ReadAll(r.Body)
	_ = r.Body.Close()
	if err != nil || r.Request.Method == http.MethodHead {
		r.Header.Del("Content-Length") // that of the body as it was
	}
	body = bytes.ReplaceAll(body, []byte(from), []byte(to))
	r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	if len(body) > 0 {
		r.Header.Set("Content-Length", fmt.Sprint(len(body)))
	}
}

// TestConformanceFindsMistakes: the suite fails with a mistake, in its section and in no other.
func TestConformanceFindsMistakes(t *testing.T) {
	target := deployed(t, "sqlite::memory:")
	results, err := conformance.Check(t.Context(), target)
	must(t, err)
	for _, r := range results {
		if r.Err != nil {
			t.Fatalf("without a mistake: %s: %s: %v", r.Section, r.Rule, r.Err)
		}
		if _, found := mistakes[r.Section]; !found {
			t.Errorf("no mistake in the section %s", r.Section)
		}
	}
	for section, m := range mistakes {
		t.Run(section, func(t *testing.T) {
			results, err := conformance.Check(t.Context(), m.plantIn(t, target))
			must(t, err)
			var failed []string
			for _, r := range results {
				if r.Err != nil && !slices.Contains(failed, r.Section) {
					failed = append(failed, r.Section)
					t.Logf("%s: %v", r.Rule, r.Err)
				}
			}
			if diff := cmp.Diff([]string{section}, failed); diff != "" {
				t.Errorf("failed sections (-want +got):\n%s", diff)
			}
		})
	}
}

// plantIn returns the target with the mistake: a proxy in front, or records that change.
func (m mistake) plantIn(t *testing.T, target conformance.Target) conformance.Target {
	t.Helper()
	if m.load != nil {
		load := target.Load
		target.Load = func(ctx context.Context, o conformance.Organization, records []byte) error {
			return load(ctx, o, []byte(m.load(string(records))))
		}
		return target
	}
	server, err := url.Parse(target.URL)
	must(t, err)
	proxy := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(&url.URL{Scheme: server.Scheme, Host: server.Host})
			if m.request != nil {
				m.request(r.Out)
			}
		},
		ModifyResponse: func(r *http.Response) error {
			if m.response != nil {
				m.response(r)
			}
			return nil
		},
	}
	front := serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body) // so that the response reaches the client whole
		if err != nil {
			panic(http.ErrAbortHandler)
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		proxy.ServeHTTP(w, r)
	}))
	target.URL = front + server.Path
	return target
}
