// Mount is a service with a mux of its own that mounts the two endpoints on it; see
// newMux for the lines that matter.
//
//	go run ./examples/mount
package main

import (
	"context"
	"fmt"
	"log"
	"log/slog"
	"net/http"
	"time"

	"github.com/rejoinhq/rejoin/auth"
	"github.com/rejoinhq/rejoin/auth/authtest"
	"github.com/rejoinhq/rejoin/consumer"
	"github.com/rejoinhq/rejoin/httpserver"
	"github.com/rejoinhq/rejoin/storage/sqlite"
)

// newMux is a mux that a service already has, with the endpoints of this module under
// a prefix of the service's choice.
func newMux(store consumer.Store, keySet *auth.KeySet) (*http.ServeMux, error) {
	verifier, err := auth.NewVerifier(auth.VerifierOptions{Keys: keySet})
	if err != nil {
		return nil, err
	}
	authenticator, err := auth.New(auth.Options{Tokens: verifier, APIKeys: store})
	if err != nil {
		return nil, err
	}
	api, err := httpserver.New(httpserver.Options{Store: store, Auth: authenticator, Logger: slog.Default()})
	if err != nil {
		return nil, err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /health", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	mux.Handle("/shop/api/v2/consumers", api.Handler("/shop/api/v2/consumers"))
	mux.Handle("/shop/api/v2/consumers/", api.Handler("/shop/api/v2/consumers"))
	return mux, nil
}

func main() {
	if err := run(context.Background(), "127.0.0.1:8081"); err != nil {
		log.Fatal(err)
	}
}

// run serves a database in memory with one consumer, who waits in a queue. A real
// service opens its own, and verifies tokens against its issuer's key set:
//
//	auth.NewKeySet(ctx, auth.KeySetOptions{URL: "https://issuer.example.com/jwks.json"})
func run(ctx context.Context, addr string) error {
	store, err := sqlite.Open(ctx, sqlite.Options{Path: ":memory:"})
	if err != nil {
		return err
	}
	defer store.Close()
	if err := store.Migrate(ctx); err != nil {
		return err
	}
	if _, err := store.Write(ctx, oneConsumerInAQueue(time.Now())); err != nil {
		return err
	}
	issuer, err := authtest.NewIssuer(authtest.IssuerOptions{})
	if err != nil {
		return err
	}
	keySet, err := issuer.KeySet()
	if err != nil {
		return err
	}
	mux, err := newMux(store, keySet)
	if err != nil {
		return err
	}
	token, err := issuer.Token(authtest.Claims{OrganizationID: organizationID, ConsumerID: consumerID})
	if err != nil {
		return err
	}
	fmt.Printf("curl http://%s/shop/api/v2/consumers/me -H 'X-Publishable-Key: %s' -H 'Authorization: Bearer %s'\n",
		addr, publishableKey, token)
	server := &http.Server{Addr: addr, Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	return server.ListenAndServe()
}

const (
	organizationID = "org_shop"
	consumerID     = "cons_1"
	publishableKey = "pk_test_mount000000000000000"
)

// oneConsumerInAQueue is what the engines of a drop would report.
func oneConsumerInAQueue(now time.Time) consumer.Batch {
	return consumer.Batch{
		APIKeys: []consumer.APIKey{{
			OrganizationID: organizationID, Kind: consumer.PublishableKey,
			Digest: auth.APIKeyDigest(publishableKey), CreatedAt: now,
		}},
		Consumers: []consumer.Consumer{{OrganizationID: organizationID, ID: consumerID, CreatedAt: now}},
		Participations: []consumer.Participation{{
			OrganizationID: organizationID, ConsumerID: consumerID,
			Type: consumer.Queue, ID: "queue_1", ExperienceID: "exp_1", SequenceID: "seq_1",
			Status: consumer.StatusQueued, EnteredAt: now, Position: new(int64(7)),
		}},
	}
}
