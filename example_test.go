package rejoin_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/rejoinhq/rejoin/auth"
	"github.com/rejoinhq/rejoin/auth/authtest"
	"github.com/rejoinhq/rejoin/consumer"
	"github.com/rejoinhq/rejoin/httpserver"
	"github.com/rejoinhq/rejoin/storage/sqlite"
)

// A service needs a store, a key set, and the handlers on a mux. The issuer from authtest
// replaces the one that signs the tokens of your consumers.
func Example() {
	ctx := context.Background()
	store, err := sqlite.Open(ctx, sqlite.Options{Path: ":memory:"})
	check(err)
	defer store.Close()
	check(store.Migrate(ctx))

	// Write what the engines of a drop report. A consumer without a profile is not found.
	const publishableKey = "pk_test_0123456789abcdef0123"
	entered := time.Date(2024, 12, 1, 9, 5, 0, 0, time.UTC)
	_, err = store.Write(ctx, consumer.Batch{
		APIKeys: []consumer.APIKey{{
			OrganizationID: "org_1", Kind: consumer.PublishableKey, Digest: auth.APIKeyDigest(publishableKey), CreatedAt: entered,
		}},
		Consumers: []consumer.Consumer{{OrganizationID: "org_1", ID: "cons_1", CreatedAt: entered, UpdatedAt: entered}},
		Participations: []consumer.Participation{{
			OrganizationID: "org_1", ConsumerID: "cons_1", Type: consumer.Waitlist, ID: "waitlist_1",
			ExperienceID: "exp_1", SequenceID: "seq_1", Status: consumer.StatusWaiting, EnteredAt: entered, UpdatedAt: entered,
		}},
	})
	check(err)

	// Authenticate callers.
	issuer, err := authtest.NewIssuer(authtest.IssuerOptions{})
	check(err)
	keySet, err := issuer.KeySet()
	check(err)
	verifier, err := auth.NewVerifier(auth.VerifierOptions{Keys: keySet})
	check(err)
	authenticator, err := auth.New(auth.Options{Tokens: verifier, APIKeys: store})
	check(err)

	// Serve the endpoints.
	api, err := httpserver.New(httpserver.Options{Store: store, Auth: authenticator})
	check(err)
	defer api.Close()
	mux := http.NewServeMux()
	mux.Handle("/api/v1/consumers", api.Handler("/api/v1/consumers"))
	mux.Handle("/api/v1/consumers/", api.Handler("/api/v1/consumers"))

	// Request a consumer's document.
	token, err := issuer.Token(authtest.Claims{OrganizationID: "org_1", ConsumerID: "cons_1"})
	check(err)
	request := httptest.NewRequest(http.MethodGet, "/api/v1/consumers/me", nil)
	request.Header.Set("X-Publishable-Key", publishableKey)
	request.Header.Set("Authorization", "Bearer "+token)
	response := httptest.NewRecorder()
	mux.ServeHTTP(response, request)
	fmt.Println(response.Code, response.Body)
	// Output:
	// 200 {"id":"cons_1","email":null,"phone":null,"fullName":null,"createdAt":"2024-12-01T09:05:00Z","active":{"experiences":{"exp_1":{"sequences":{"seq_1":{"waitlist":{"waitlistId":"waitlist_1","sequenceId":"seq_1","status":"WAITING","enteredAt":"2024-12-01T09:05:00Z"}}}}},"queues":{},"draws":{},"auctions":{},"timedReleases":{},"admissions":{},"journeys":[{"experienceId":"exp_1","sequenceId":"seq_1","journeyStage":"routed","sequenceStage":"waitlist_entered","participation":{"type":"waitlist","id":"waitlist_1","status":"WAITING"}}]}}
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}
