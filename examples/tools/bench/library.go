package main

import (
	"context"
	"errors"
	"flag"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"time"

	"github.com/rejoinhq/rejoin/auth"
	"github.com/rejoinhq/rejoin/consumer"
	"github.com/rejoinhq/rejoin/httpserver"
)

const roleLibrary = "library"

// runLibrary is a service that mounts the library and also writes to the store, which the
// example server does not do. It has the timeouts of the example server and no access log.
func runLibrary(ctx context.Context, args []string, getenv func(string) string, stdin io.Reader, stdout, stderr io.Writer) (err error) {
	flags := flag.NewFlagSet(roleLibrary, flag.ContinueOnError)
	consumers := flags.Int("consumers", 0, "number of consumers in the database")
	keySet := flags.String("jwks-file", "", "key set of the access tokens")
	if err := flags.Parse(args); err != nil {
		return err
	}
	s, err := openStore(ctx, getenv("DATABASE_URL"))
	if err != nil {
		return err
	}
	defer s.Close()
	keys, err := auth.NewKeySet(ctx, auth.KeySetOptions{File: *keySet})
	if err != nil {
		return err
	}
	defer keys.Close()
	api, err := newAPI(s, keys, slog.New(slog.NewTextHandler(stderr, nil)))
	if err != nil {
		return err
	}
	defer api.Close()
	polled := pick(polling, *consumers)
	slices.Reverse(polled) // the other writer starts at the other end
	ctx, cancel := context.WithCancel(ctx)
	written := make(chan error, 1)
	go func() {
		defer cancel()
		written <- writeOnCommand(ctx, aboutConsumers(s, polled), stdin, stdout)
	}()
	err = serve(ctx, newServer(api.Handler(apiPrefix)), stdout)
	cancel()
	return errors.Join(err, <-written)
}

// newAPI connects the parts of the library as README does.
func newAPI(s store, keys *auth.KeySet, logger *slog.Logger) (*httpserver.API, error) {
	verifier, err := auth.NewVerifier(auth.VerifierOptions{Keys: keys})
	if err != nil {
		return nil, err
	}
	apiKeys, err := auth.NewAPIKeyCache(auth.APIKeyCacheOptions{Finder: s})
	if err != nil {
		return nil, err
	}
	authenticator, err := auth.New(auth.Options{Tokens: verifier, APIKeys: apiKeys})
	if err != nil {
		return nil, err
	}
	cache := &httpserver.CacheOptions{}
	if _, exact := s.(consumer.ExactChangeFeed); !exact {
		cache.MaxStaleness = time.Second
	}
	return httpserver.New(httpserver.Options{Store: s, Auth: authenticator, Changes: s, Cache: cache, Logger: logger})
}

func newServer(handler http.Handler) *http.Server {
	return &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		WriteTimeout:      30 * time.Second,
		IdleTimeout:       2 * time.Minute,
	}
}
