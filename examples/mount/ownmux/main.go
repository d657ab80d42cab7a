// Ownmux is a service that mounts the endpoints on its own http.ServeMux, under its own
// prefix.
//
//	go run ./examples/mount/ownmux
package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"time"

	"github.com/rejoinhq/rejoin/auth"
	"github.com/rejoinhq/rejoin/auth/authtest"
	"github.com/rejoinhq/rejoin/consumer"
	"github.com/rejoinhq/rejoin/httpserver"
	"github.com/rejoinhq/rejoin/storage/sqlite"
)

const (
	prefix         = "/shop/api/v2/consumers"
	publishableKey = "pk_test_ownmux00000000000000"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, "127.0.0.1:8081"); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, addr string) error {
	store, err := sqlite.Open(ctx, sqlite.Options{Path: sqlite.Memory}) // or a file, or postgres.Open
	if err != nil {
		return err
	}
	defer store.Close()
	if err := prepare(ctx, store); err != nil {
		return err
	}

	// A service uses the key set of the issuer of its consumers' tokens:
	//	auth.NewKeySet(ctx, auth.KeySetOptions{URL: "https://issuer.example.com/jwks.json"})
	issuer, err := authtest.NewIssuer(authtest.IssuerOptions{})
	if err != nil {
		return err
	}
	keySet, err := issuer.KeySet()
	if err != nil {
		return err
	}
	defer keySet.Close()
	token, err := issuer.Token(authtest.Claims{OrganizationID: "org_1", ConsumerID: "cons_1"})
	if err != nil {
		return err
	}

	api, err := newAPI(store, keySet)
	if err != nil {
		return err
	}
	defer api.Close()
	listener, err := net.Listen("tcp", addr)
	if err != nil {
		return err
	}
	fmt.Printf("curl http://%s%s/me -H 'X-Publishable-Key: %s' -H 'Authorization: Bearer %s'\n", listener.Addr(), prefix, publishableKey, token)
	server := &http.Server{Handler: newMux(api), ReadHeaderTimeout: 5 * time.Second}
	server.RegisterOnShutdown(api.EndStreams) // Shutdown waits for streams as for any request
	stopped := make(chan error, 1)
	context.AfterFunc(ctx, func() { stopped <- server.Shutdown(context.Background()) })
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return <-stopped
}

// newAPI returns the handlers of this module. The caller closes them.
func newAPI(store consumer.Store, keySet *auth.KeySet) (*httpserver.API, error) {
	verifier, err := auth.NewVerifier(auth.VerifierOptions{Keys: keySet})
	if err != nil {
		return nil, err
	}
	authenticator, err := auth.New(auth.Options{Tokens: verifier, APIKeys: store})
	if err != nil {
		return nil, err
	}
	return httpserver.New(httpserver.Options{Store: store, Changes: store, Auth: authenticator, Logger: slog.Default()})
}

// newMux returns the mux of the service, with the endpoints of this module next to its own.
func newMux(api *httpserver.API) *http.ServeMux {
	mux := http.NewServeMux()
	health := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	mux.Handle("GET /health", httpserver.DiscardBody(health)) // as the handlers of this module do by themselves
	mux.Handle(prefix, api.Handler(prefix))
	mux.Handle(prefix+"/", api.Handler(prefix))
	return mux
}

// prepare migrates the database, and writes a key and a consumer who waits in a queue.
func prepare(ctx context.Context, store *sqlite.Store) error {
	if err := store.Migrate(ctx); err != nil {
		return err
	}
	now := time.Now()
	_, err := store.Write(ctx, consumer.Batch{
		APIKeys:   []consumer.APIKey{{OrganizationID: "org_1", Kind: consumer.PublishableKey, Digest: auth.APIKeyDigest(publishableKey), CreatedAt: now}},
		Consumers: []consumer.Consumer{{OrganizationID: "org_1", ID: "cons_1", CreatedAt: now, UpdatedAt: now}},
		Participations: []consumer.Participation{{
			OrganizationID: "org_1", ConsumerID: "cons_1",
			Type: consumer.Queue, ID: "queue_1", ExperienceID: "exp_1", SequenceID: "seq_1",
			Status: consumer.StatusQueued, EnteredAt: now, Position: new(int64(7)), UpdatedAt: now,
		}},
	})
	return err
}
