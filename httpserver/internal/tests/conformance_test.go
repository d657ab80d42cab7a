package tests_test

import (
	"context"
	"net/http"
	"testing"

	"github.com/rejoinhq/rejoin/auth/authtest"
	"github.com/rejoinhq/rejoin/httpserver"
	"github.com/rejoinhq/rejoin/httpserver/conformance"
	memorystore "github.com/rejoinhq/rejoin/storage/memory"
)

// TestConformanceThroughProxies: a proxy with its default settings keeps the contract.
func TestConformanceThroughProxies(t *testing.T) {
	for name := range proxies {
		for _, http2 := range []bool{false, true} {
			version := "HTTP 1"
			if http2 {
				version = "HTTP 2"
			}
			t.Run(name+", "+version, func(t *testing.T) {
				t.Parallel()
				store := &memorystore.Store{}
				w := newWorld(t, func(o *httpserver.Options) {
					o.Store, o.Records, o.CORSOrigins = store, store, []string{"https://shop.example.com"}
					o.PollIntervals, o.RateLimit = &httpserver.PollIntervals{}, httpserver.RateLimit{PerKey: 1_000_000}
				})
				engines := replica(t, w.api.Records("/records"))
				conformance.Run(t, conformance.Target{
					URL:               "http://" + proxy(t, name, w, http2) + prefix,
					Client:            proxiedClient(t, http2),
					Organization:      conformance.Organization{ID: org, PublishableKey: publishable, SecretKey: secret},
					OtherOrganization: conformance.Organization{ID: otherOrg, PublishableKey: otherPublishable, SecretKey: otherSecret},
					Token: func(_ context.Context, organizationID, consumerID string) (string, error) {
						return w.issuer.Token(authtest.Claims{OrganizationID: organizationID, ConsumerID: consumerID})
					},
					SignToken: func(_ context.Context, header, claims map[string]any) (string, error) {
						return w.issuer.Sign(header, claims)
					},
					Load:   conformance.PostRecords(http.DefaultClient, "http://"+engines+"/records"),
					Now:    w.now,
					Origin: "https://shop.example.com",

					RejectsRepeatedHeaders: name == "nginx",
				})
			})
		}
	}
}
