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
	"github.com/rejoinhq/rejoin/httpserver"
)

const roleLibrary = "library"

// runLibrary is a service that mounts the library and writes to the store that it reads,
// which the example server has no reason to do. It has the example server's time limits and
// no access log.
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
	options := httpserver.CacheOptions{Changes: s}
	if _, exact := s.(httpserver.ExactFeed); !exact {
		options.MaxStaleness = time.Second
	}
	cache, err := httpserver.NewCache(options)
	if err != nil {
		return err
	}
	defer cache.Close()
	handler, err := mount(s, keys, cache, slog.New(slog.NewTextHandler(stderr, nil)))
	if err != nil {
		return err
	}
	polled := pick(polling, *consumers)
	slices.Reverse(polled) // the other writer begins at the other end
	ctx, cancel := context.WithCancel(ctx)
	written := make(chan error, 1)
	go func() {
		defer cancel()
		written <- writeAsTold(ctx, s, polled, stdin, stdout)
	}()
	err = serve(ctx, newServer(handler), stdout)
	cancel()
	return errors.Join(err, <-written)
}

// mount is the wiring that README shows.
func mount(s store, keys *auth.KeySet, cache *httpserver.Cache, logger *slog.Logger) (http.Handler, error) {
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
	api, err := httpserver.New(httpserver.Options{Store: s, Auth: authenticator, Cache: cache, Logger: logger})
	if err != nil {
		return nil, err
	}
	return api.Handler(apiPrefix), nil
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
