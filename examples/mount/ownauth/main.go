// Ownauth is a service whose callers are known by its own means and not by package
// auth's: a consumer by the session cookie of the shop, a server by the header in which
// the company's gateway names it. See authenticator and newMux for the lines that matter.
//
//	go run ./examples/mount/ownauth
package main

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"log"
	"log/slog"
	"net/http"
	"time"

	"github.com/rejoinhq/rejoin/auth"
	"github.com/rejoinhq/rejoin/consumer"
	"github.com/rejoinhq/rejoin/examples/mount/internal/demo"
	"github.com/rejoinhq/rejoin/httpserver"
)

const (
	prefix = "/shop/api/v2/consumers"

	sessionCookie = "shop_session"
	// gatewayHeader names the organization of a server that the gateway has let in. It is
	// worth as much as the gateway is strict: that must drop the header from what comes
	// from outside, and be the only way to this service.
	gatewayHeader = "X-Gateway-Organization"
)

// authenticator is the shop's own [httpserver.Authenticator].
type authenticator struct {
	// sessions are known by the digest of their cookie's value, so that no credential
	// lies in memory or in a database, and none is compared byte by byte.
	sessions map[[sha256.Size]byte]auth.Identity
	now      func() time.Time
}

// AuthenticateConsumer refuses a request without exactly one session that goes on.
func (a *authenticator) AuthenticateConsumer(r *http.Request) (auth.Identity, error) {
	cookies := r.CookiesNamed(sessionCookie)
	if len(cookies) != 1 {
		return auth.Identity{}, auth.ErrUnauthenticated
	}
	identity, known := a.sessions[sha256.Sum256([]byte(cookies[0].Value))]
	if !known || !a.now().Before(identity.ExpiresAt) {
		return auth.Identity{}, auth.ErrUnauthenticated
	}
	return identity, nil
}

// AuthenticateServer refuses a request that did not come through the gateway.
func (a *authenticator) AuthenticateServer(r *http.Request) (organizationID string, err error) {
	values := r.Header.Values(gatewayHeader)
	if len(values) != 1 || !consumer.ValidID(values[0]) {
		return "", auth.ErrUnauthenticated
	}
	return values[0], nil
}

// varyByCredentials tells caches which headers decide the answer. The handlers name those
// of package auth themselves, and cannot know ours.
func varyByCredentials(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Add("Vary", "Cookie, "+gatewayHeader)
		next.ServeHTTP(w, r)
	})
}

// newMux allows no CORS origin: the pages that have the cookie are of the same origin.
func newMux(store consumer.Store, authenticator httpserver.Authenticator) (*http.ServeMux, error) {
	api, err := httpserver.New(httpserver.Options{Store: store, Changes: store, Auth: authenticator, Logger: slog.Default()})
	if err != nil {
		return nil, err
	}
	handler := varyByCredentials(api.Handler(prefix))
	mux := http.NewServeMux()
	mux.Handle(prefix, handler)
	mux.Handle(prefix+"/", handler)
	return mux, nil
}

func main() {
	if err := run(context.Background(), "127.0.0.1:8083"); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, addr string) error {
	shop, err := demo.Open(ctx)
	if err != nil {
		return err
	}
	defer shop.Close()
	session := rand.Text()
	mux, err := newMux(shop.Store, signedIn(session, time.Now))
	if err != nil {
		return err
	}
	fmt.Printf("curl http://%s%s/me -H 'Cookie: %s=%s'\n", addr, prefix, sessionCookie, session)
	fmt.Printf("curl http://%s%s/%s -H '%s: %s'\n", addr, prefix, demo.ConsumerID, gatewayHeader, demo.OrganizationID)
	server := &http.Server{Addr: addr, Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	return server.ListenAndServe()
}

// signedIn knows one session, that of the demonstration's consumer, for an hour.
func signedIn(session string, now func() time.Time) *authenticator {
	return &authenticator{now: now, sessions: map[[sha256.Size]byte]auth.Identity{
		sha256.Sum256([]byte(session)): {
			OrganizationID: demo.OrganizationID, ConsumerID: demo.ConsumerID, SessionID: "session_1",
			ExpiresAt: now().Add(time.Hour),
		},
	}}
}
