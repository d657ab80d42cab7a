// Chi is a service on a chi router that mounts the endpoints under a prefix of its own,
// behind chi's usual middleware; see newRouter for the lines that matter.
//
//	go run ./examples/mount/chi
package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"log"
	"log/slog"
	"net/http"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"

	"github.com/rejoinhq/rejoin/consumer"
	"github.com/rejoinhq/rejoin/examples/mount/internal/demo"
	"github.com/rejoinhq/rejoin/httpserver"
)

const prefix = "/shop/api/v2/consumers"

// newRouter is a router that a service already has, with the endpoints of this module
// beside its own.
func newRouter(store consumer.Store, authenticator httpserver.Authenticator) (http.Handler, error) {
	api, err := httpserver.New(httpserver.Options{
		Store: store, Changes: store, Auth: authenticator, Logger: slog.Default(),
		CORSOrigins: []string{"https://shop.example.com"},
	})
	if err != nil {
		return nil, err
	}
	router := chi.NewRouter()
	// What stands around everything. Logger wraps the response writer.
	router.Use(nameRequest, middleware.RequestID, middleware.ClientIPFromRemoteAddr, middleware.Logger, middleware.Recoverer)
	router.Mount(prefix, api.Handler(prefix))
	router.Group(func(own chi.Router) {
		// Not around the endpoints: they have a timeout themselves, and their event stream
		// has no end; and their bodies hold tokens, which compression would let an
		// eavesdropper guess (BREACH).
		own.Use(middleware.Timeout(time.Second), middleware.Compress(5))
		own.Get("/health", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	})
	return router, nil
}

// nameRequest gives a request the id that chi, its log and our answers then all have.
// The ids that chi makes itself have a slash, which our answers don't repeat.
func nameRequest(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get(middleware.RequestIDHeader) == "" {
			r.Header.Set(middleware.RequestIDHeader, rand.Text())
		}
		next.ServeHTTP(w, r)
	})
}

func main() {
	if err := run(context.Background(), "127.0.0.1:8082"); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, addr string) error {
	shop, err := demo.Open(ctx)
	if err != nil {
		return err
	}
	defer shop.Close()
	authenticator, err := shop.Authenticator() // examples/mount/ownmux shows how it is made
	if err != nil {
		return err
	}
	router, err := newRouter(shop.Store, authenticator)
	if err != nil {
		return err
	}
	fmt.Printf("curl http://%s%s/me -H 'X-Publishable-Key: %s' -H 'Authorization: Bearer %s'\n",
		addr, prefix, demo.PublishableKey, shop.Token)
	server := &http.Server{Addr: addr, Handler: router, ReadHeaderTimeout: 5 * time.Second}
	return server.ListenAndServe()
}
