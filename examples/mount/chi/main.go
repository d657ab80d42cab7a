// Chi is a service on a chi router that mounts the endpoints under its own prefix, inside
// chi's usual middleware. See newRouter.
//
//	go run ./examples/mount/chi
package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"

	"github.com/rejoinhq/rejoin/auth"
	"github.com/rejoinhq/rejoin/auth/authtest"
	"github.com/rejoinhq/rejoin/consumer"
	"github.com/rejoinhq/rejoin/httpserver"
	"github.com/rejoinhq/rejoin/storage/sqlite"
)

const (
	prefix         = "/shop/api/v2/consumers"
	publishableKey = "pk_test_chi00000000000000000"
	secretKey      = "sk_test_chi00000000000000000"
)

// newRouter returns the router of the service, with the endpoints of this module next to
// its own.
func newRouter(api *httpserver.API) http.Handler {
	router := chi.NewRouter()
	// This middleware is around everything. Logger wraps the response writer.
	router.Use(nameRequest, middleware.RequestID, middleware.ClientIPFromRemoteAddr, middleware.Logger, middleware.Recoverer)
	router.Mount(prefix, api.Handler(prefix))
	router.Group(func(own chi.Router) {
		// This middleware is not around the endpoints. They have a timeout themselves, and
		// an event stream has no end. Their bodies hold tokens, which compression would let
		// an eavesdropper guess (BREACH).
		own.Use(middleware.Timeout(time.Second), middleware.Compress(5))
		own.Get("/health", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	})
	return router
}

// nameRequest gives a request an id, which then appears in the context of chi, in its log
// and in the response. The ids that chi generates have a slash, so the endpoints replace
// them.
func nameRequest(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get(middleware.RequestIDHeader) == "" {
			r.Header.Set(middleware.RequestIDHeader, rand.Text())
		}
		next.ServeHTTP(w, r)
	})
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, "127.0.0.1:8082"); err != nil {
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
	api, token, err := newAPI(store)
	if err != nil {
		return err
	}
	defer api.Close()
	listener, err := net.Listen("tcp", addr)
	if err != nil {
		return err
	}
	fmt.Printf("curl http://%s%s/me -H 'X-Publishable-Key: %s' -H 'Authorization: Bearer %s'\n", listener.Addr(), prefix, publishableKey, token)
	server := &http.Server{Handler: newRouter(api), ReadHeaderTimeout: 5 * time.Second}
	server.RegisterOnShutdown(api.EndStreams) // Shutdown waits for streams as for any request
	stopped := make(chan error, 1)
	context.AfterFunc(ctx, func() { stopped <- server.Shutdown(context.Background()) })
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return <-stopped
}

// newAPI returns the handlers of this module, which the caller closes, and an access token
// of the consumer. A service uses the key set of the issuer of its consumers' tokens in
// place of an issuer of its own:
//
//	auth.NewKeySet(ctx, auth.KeySetOptions{URL: "https://issuer.example.com/jwks.json"})
func newAPI(store consumer.Store) (_ *httpserver.API, token string, err error) {
	issuer, err := authtest.NewIssuer(authtest.IssuerOptions{})
	if err != nil {
		return nil, "", err
	}
	keySet, err := issuer.KeySet()
	if err != nil {
		return nil, "", err
	}
	verifier, err := auth.NewVerifier(auth.VerifierOptions{Keys: keySet})
	if err != nil {
		return nil, "", err
	}
	authenticator, err := auth.New(auth.Options{Tokens: verifier, APIKeys: store})
	if err != nil {
		return nil, "", err
	}
	token, err = issuer.Token(authtest.Claims{OrganizationID: "org_1", ConsumerID: "cons_1"})
	if err != nil {
		return nil, "", err
	}
	api, err := httpserver.New(httpserver.Options{
		Store: store, Changes: store, Auth: authenticator, Logger: slog.Default(),
		CORSOrigins: []string{"https://shop.example.com"},
	})
	return api, token, err
}

// prepare migrates the database, and writes keys and a consumer who waits in a queue.
func prepare(ctx context.Context, store *sqlite.Store) error {
	if err := store.Migrate(ctx); err != nil {
		return err
	}
	now := time.Now()
	batch := atPosition(7, now)
	batch.APIKeys = []consumer.APIKey{
		{OrganizationID: "org_1", Kind: consumer.PublishableKey, Digest: auth.APIKeyDigest(publishableKey), CreatedAt: now},
		{OrganizationID: "org_1", Kind: consumer.SecretKey, Digest: auth.APIKeyDigest(secretKey), CreatedAt: now},
	}
	batch.Consumers = []consumer.Consumer{{OrganizationID: "org_1", ID: "cons_1", CreatedAt: now, UpdatedAt: now}}
	_, err := store.Write(ctx, batch)
	return err
}

// atPosition returns the write with which the engine of a queue moves the consumer.
func atPosition(position int64, now time.Time) consumer.Batch {
	return consumer.Batch{Participations: []consumer.Participation{{
		OrganizationID: "org_1", ConsumerID: "cons_1",
		Type: consumer.Queue, ID: "queue_1", ExperienceID: "exp_1", SequenceID: "seq_1",
		Status: consumer.StatusQueued, EnteredAt: now, Position: &position, UpdatedAt: now,
	}}}
}
