// Ownauth is a service that authenticates callers by its own means in place of package
// auth's: a consumer by the session cookie of the shop, a server by the header in which the
// company's gateway names its organization. See authenticator and newMux.
//
//	go run ./examples/mount/ownauth
package main

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
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
	"github.com/rejoinhq/rejoin/consumer"
	"github.com/rejoinhq/rejoin/httpserver"
	"github.com/rejoinhq/rejoin/storage/sqlite"
)

const (
	prefix = "/shop/api/v2/consumers"

	sessionCookie = "shop_session"
	// gatewayHeader names the organization of a server that passed the gateway. It can be
	// trusted only if the gateway removes the header from requests of the outside and is
	// the only way to this service.
	gatewayHeader = "X-Gateway-Organization"
)

// authenticator is the shop's own [httpserver.Authenticator].
type authenticator struct {
	// sessions has the digest of each cookie's value as its key, so that no credential is
	// stored or compared byte by byte.
	sessions map[[sha256.Size]byte]auth.Identity
	now      func() time.Time
}

// AuthenticateConsumer refuses a request without exactly one valid session.
func (a *authenticator) AuthenticateConsumer(_ context.Context, r *http.Request) (auth.ConsumerCaller, error) {
	cookies := r.CookiesNamed(sessionCookie)
	if len(cookies) != 1 {
		return auth.ConsumerCaller{}, auth.ErrUnauthenticated
	}
	identity, known := a.sessions[sha256.Sum256([]byte(cookies[0].Value))]
	if !known || !a.now().Before(identity.ExpiresAt) {
		return auth.ConsumerCaller{}, auth.ErrUnauthenticated
	}
	return auth.ConsumerCaller{Identity: identity}, nil
}

// AuthenticateServer refuses a request that did not come through the gateway.
func (a *authenticator) AuthenticateServer(_ context.Context, r *http.Request) (auth.ServerCaller, error) {
	values := r.Header.Values(gatewayHeader)
	if len(values) != 1 || !consumer.ValidID(values[0]) {
		return auth.ServerCaller{}, auth.ErrUnauthenticated
	}
	return auth.ServerCaller{OrganizationID: values[0]}, nil
}

// varyByCredentials adds to Vary the headers that the responses depend on. The handlers
// add only those that package auth reads.
func varyByCredentials(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Add("Vary", "Cookie, "+gatewayHeader)
		next.ServeHTTP(w, r)
	})
}

// newMux mounts the endpoints. No CORS origin is allowed, because the pages that have the
// cookie are of the same origin.
func newMux(api *httpserver.API) *http.ServeMux {
	handler := varyByCredentials(api.Handler(prefix))
	mux := http.NewServeMux()
	mux.Handle(prefix, handler)
	mux.Handle(prefix+"/", handler)
	return mux
}

// newAPI returns the handlers of this module. The caller closes them.
func newAPI(store consumer.Store, authenticator httpserver.Authenticator) (*httpserver.API, error) {
	return httpserver.New(httpserver.Options{Store: store, Changes: store, Auth: authenticator, Logger: slog.Default()})
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, "127.0.0.1:8083"); err != nil {
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
	session := rand.Text()
	api, err := newAPI(store, signedIn(session, time.Now))
	if err != nil {
		return err
	}
	defer api.Close()
	listener, err := net.Listen("tcp", addr)
	if err != nil {
		return err
	}
	fmt.Printf("curl http://%s%s/me -H 'Cookie: %s=%s'\n", listener.Addr(), prefix, sessionCookie, session)
	fmt.Printf("curl http://%s%s/cons_1 -H '%s: org_1'\n", listener.Addr(), prefix, gatewayHeader)
	server := &http.Server{Handler: newMux(api), ReadHeaderTimeout: 5 * time.Second}
	server.RegisterOnShutdown(api.EndStreams) // Shutdown waits for streams as for any request
	stopped := make(chan error, 1)
	context.AfterFunc(ctx, func() { stopped <- server.Shutdown(context.Background()) })
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return <-stopped
}

// signedIn returns an authenticator with one session of one hour.
func signedIn(session string, now func() time.Time) *authenticator {
	return &authenticator{now: now, sessions: map[[sha256.Size]byte]auth.Identity{
		sha256.Sum256([]byte(session)): {
			OrganizationID: "org_1", ConsumerID: "cons_1", SessionID: "session_1", ExpiresAt: now().Add(time.Hour),
		},
	}}
}

// prepare migrates the database and writes a consumer who waits in a queue.
func prepare(ctx context.Context, store *sqlite.Store) error {
	if err := store.Migrate(ctx); err != nil {
		return err
	}
	now := time.Now()
	_, err := store.Write(ctx, consumer.Batch{
		Consumers: []consumer.Consumer{{OrganizationID: "org_1", ID: "cons_1", CreatedAt: now, UpdatedAt: now}},
		Participations: []consumer.Participation{{
			OrganizationID: "org_1", ConsumerID: "cons_1",
			Type: consumer.Queue, ID: "queue_1", ExperienceID: "exp_1", SequenceID: "seq_1",
			Status: consumer.StatusQueued, EnteredAt: now, Position: new(int64(7)), UpdatedAt: now,
		}},
	})
	return err
}
