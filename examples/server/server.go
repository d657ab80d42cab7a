package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/rejoinhq/rejoin/auth"
	"github.com/rejoinhq/rejoin/consumer"
	"github.com/rejoinhq/rejoin/httpserver"
)

const (
	apiPrefix = "/api/v1/consumers"
	// drainTimeout is how long running requests may take to end after SIGTERM.
	drainTimeout = 10 * time.Second
)

// server is the running program.
type server struct {
	http     *http.Server
	listener net.Listener
	database database
	tokens   *tokens
	// greeting is what the terminal is told once the server accepts.
	greeting string
}

// start does everything that can fail: it opens the database, loads the data, reads
// the key set and listens. When it returns an error, nothing is left running.
func start(ctx context.Context, c config, stderr io.Writer) (_ *server, err error) {
	logger := slog.New(slog.NewTextHandler(stderr, nil))
	s := &server{}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.close())
		}
	}()

	// What is written comes last, so that no mistake elsewhere leaves data behind.
	organizations, err := organizations(c, time.Now())
	if err != nil {
		return nil, err
	}
	if s.tokens, err = openTokens(ctx, c, logger); err != nil {
		return nil, err
	}
	if s.listener, err = net.Listen("tcp", c.addr); err != nil {
		return nil, fmt.Errorf("-addr: %w", err)
	}
	if s.database, err = openDatabase(ctx, c.database); err != nil {
		return nil, err
	}
	base := baseURL(s.listener.Addr())
	handler, err := s.handler(c, base, logger)
	if err != nil {
		return nil, err
	}
	s.http = newHTTPServer(handler, logger)
	if err := s.load(ctx, c, organizations); err != nil {
		return nil, err
	}
	s.greeting, err = greeting(base, organizations, s.tokens, time.Now())
	return s, err
}

// load writes the data, all of it or nothing.
func (s *server) load(ctx context.Context, c config, organizations []fixtureOrganization) error {
	if !c.demo && !isLoopback(hostOf(s.listener.Addr())) {
		if err := refuseDemoKeys(ctx, s.database); err != nil {
			return err
		}
	}
	if _, err := s.database.Write(ctx, batch(organizations, time.Now())); err != nil {
		return fmt.Errorf("load the data into -database: %w", err)
	}
	return nil
}

// refuseDemoKeys keeps a database in which the demonstration once ran off the network:
// everybody knows its keys.
func refuseDemoKeys(ctx context.Context, database database) error {
	for _, o := range demo(time.Now()) {
		for _, key := range slices.Concat(o.PublishableKeys, o.SecretKeys) {
			_, err := database.OrganizationByKey(ctx, auth.Digest(key), time.Now())
			switch {
			case err == nil:
				return errors.New("-addr must be a loopback address, because -database holds the demonstration data with its well-known keys")
			case !errors.Is(err, consumer.ErrNotFound):
				return fmt.Errorf("-database: %w", err)
			}
		}
	}
	return nil
}

// organizations is the data to load: the demonstration, the fixture, both or none.
func organizations(c config, now time.Time) ([]fixtureOrganization, error) {
	var all []fixtureOrganization
	if c.demo {
		all = demo(now)
	}
	if c.fixture != "" {
		read, err := readFixture(c.fixture)
		if err != nil {
			return nil, err
		}
		all = append(all, read...)
	}
	return all, nil
}

func (s *server) handler(c config, base string, logger *slog.Logger) (http.Handler, error) {
	keys, err := auth.NewKeyCache(auth.KeyCacheOptions{Finder: s.database})
	if err != nil {
		return nil, err
	}
	authenticator, err := auth.New(auth.Options{Tokens: s.tokens.verifier, Keys: keys})
	if err != nil {
		return nil, err
	}
	if len(c.corsOrigins) == 0 {
		c.corsOrigins = []string{base}
	}
	api, err := httpserver.New(httpserver.Options{
		Store:       s.database,
		Auth:        authenticator,
		CORSOrigins: c.corsOrigins,
		Logger:      logger,
	})
	if err != nil {
		return nil, fmt.Errorf("-cors-origin: %w", err)
	}
	return api.Handler(apiPrefix), nil
}

// newHTTPServer bounds what one client can hold: a request has to arrive and its
// answer to leave in time, and a header may not be much larger than the largest token.
func newHTTPServer(handler http.Handler, logger *slog.Logger) *http.Server {
	return &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		WriteTimeout:      30 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    32 << 10,
		ErrorLog:          slog.NewLogLogger(logger.Handler(), slog.LevelWarn),
	}
}

// serve answers requests until ctx is done, then lets the running ones end.
func (s *server) serve(ctx context.Context) error {
	failed := make(chan error, 1)
	go func() { failed <- s.http.Serve(s.listener) }()
	select {
	case err := <-failed:
		return errors.Join(err, s.close())
	case <-ctx.Done():
	}
	drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainTimeout)
	defer cancel()
	err := s.http.Shutdown(drain)
	if err != nil {
		err = fmt.Errorf("drain requests: %w", err)
	}
	return errors.Join(err, s.close())
}

// close releases what start opened, in the opposite order.
func (s *server) close() error {
	var errs []error
	if s.http != nil {
		errs = append(errs, s.http.Close())
	} else if s.listener != nil {
		errs = append(errs, s.listener.Close())
	}
	if s.tokens != nil {
		errs = append(errs, s.tokens.close())
	}
	if s.database != nil {
		errs = append(errs, s.database.Close())
	}
	return errors.Join(errs...)
}

// baseURL is an address that can be pasted: a server on all interfaces is reached on
// the loopback one too.
func baseURL(addr net.Addr) string {
	host, port := hostOf(addr), strconv.Itoa(addr.(*net.TCPAddr).Port)
	if ip := net.ParseIP(host); ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	if port == "80" { // which an origin leaves out
		return strings.TrimSuffix("http://"+net.JoinHostPort(host, port), ":80")
	}
	return "http://" + net.JoinHostPort(host, port)
}

func hostOf(addr net.Addr) string { return addr.(*net.TCPAddr).IP.String() }
