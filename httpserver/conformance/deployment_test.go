package conformance_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/rejoinhq/rejoin/auth"
	"github.com/rejoinhq/rejoin/auth/authtest"
	"github.com/rejoinhq/rejoin/httpserver"
	"github.com/rejoinhq/rejoin/httpserver/conformance"
	"github.com/rejoinhq/rejoin/storage/memory"
)

const (
	prefix  = "/api/v1/consumers"
	records = "/api/v1/records"
	origin  = "https://shop.example.com"
)

var (
	organization = conformance.Organization{
		ID: "org_1", PublishableKey: "pk_test_00000000000000000001", SecretKey: "sk_test_00000000000000000001",
	}
	otherOrganization = conformance.Organization{
		ID: "org_2", PublishableKey: "pk_test_00000000000000000002", SecretKey: "sk_test_00000000000000000002",
	}
)

// deploy starts a server with two organizations, all options and a handler around the two
// endpoints, if around is not nil. It returns the target of the suite.
func deploy(t *testing.T, around func(http.Handler) http.Handler, change ...func(*httpserver.Options)) conformance.Target {
	t.Helper()
	issuer, err := authtest.NewIssuer(authtest.IssuerOptions{})
	must(t, err)
	keySet, err := issuer.KeySet()
	must(t, err)
	t.Cleanup(func() { _ = keySet.Close() })
	verifier, err := auth.NewVerifier(auth.VerifierOptions{Keys: keySet})
	must(t, err)
	var keys []auth.StaticAPIKey
	for _, o := range []conformance.Organization{organization, otherOrganization} {
		keys = append(keys, auth.StaticAPIKey{OrganizationID: o.ID, Key: o.PublishableKey}, auth.StaticAPIKey{OrganizationID: o.ID, Key: o.SecretKey})
	}
	apiKeys, err := auth.NewStaticAPIKeys(keys)
	must(t, err)
	authenticator, err := auth.New(auth.Options{Tokens: verifier, APIKeys: apiKeys})
	must(t, err)
	store := &memory.Store{}
	options := httpserver.Options{
		Store: store, Auth: authenticator, Records: store, CORSOrigins: []string{origin},
		PollIntervals: &httpserver.PollIntervals{}, RateLimit: httpserver.RateLimit{PerKey: 1_000_000},
	}
	for _, c := range change {
		c(&options)
	}
	api, err := httpserver.New(options)
	must(t, err)
	t.Cleanup(func() { _ = api.Close() })
	endpoints := api.Handler(prefix)
	if around != nil {
		endpoints = around(endpoints)
	}
	// The handlers are servers' only handlers: an http.ServeMux would clean paths.
	consumers, engines := httptest.NewServer(endpoints), httptest.NewServer(api.Records(records))
	t.Cleanup(consumers.Close)
	t.Cleanup(engines.Close)
	return conformance.Target{
		URL: consumers.URL + prefix, Organization: organization, OtherOrganization: otherOrganization, Origin: origin,
		Load: conformance.PostRecords(nil, engines.URL+records),
		Token: func(_ context.Context, organizationID, consumerID string) (string, error) {
			return issuer.Token(authtest.Claims{OrganizationID: organizationID, ConsumerID: consumerID})
		},
		SignToken: func(_ context.Context, header, claims map[string]any) (string, error) {
			return issuer.Sign(header, claims)
		},
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
