// Ownmux is a service with an http.ServeMux of its own that mounts the endpoints on it,
// under a prefix of its own; see newMux for the lines that matter.
//
//	go run ./examples/mount/ownmux
package main

import (
	"context"
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

// newMux is a mux that a service already has, with the endpoints of this module beside
// its own. A real key set is that of the issuer of the consumers' tokens:
//
//	auth.NewKeySet(ctx, auth.KeySetOptions{URL: "https://issuer.example.com/jwks.json"})
func newMux(store consumer.Store, keySet *auth.KeySet) (*http.ServeMux, error) {
	verifier, err := auth.NewVerifier(auth.VerifierOptions{Keys: keySet})
	if err != nil {
		return nil, err
	}
	authenticator, err := auth.New(auth.Options{Tokens: verifier, APIKeys: store})
	if err != nil {
		return nil, err
	}
	api, err := httpserver.New(httpserver.Options{Store: store, Changes: store, Auth: authenticator, Logger: slog.Default()})
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

func run(ctx context.Context, addr string) error {
	shop, err := demo.Open(ctx)
	if err != nil {
		return err
	}
	defer shop.Close()
	mux, err := newMux(shop.Store, shop.Keys)
	if err != nil {
		return err
	}
	fmt.Printf("curl http://%s/shop/api/v2/consumers/me -H 'X-Publishable-Key: %s' -H 'Authorization: Bearer %s'\n",
		addr, demo.PublishableKey, shop.Token)
	server := &http.Server{Addr: addr, Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	return server.ListenAndServe()
}
