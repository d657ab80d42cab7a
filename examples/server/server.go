package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.opentelemetry.io/otel/trace/noop"

	"github.com/rejoinhq/rejoin/auth"
	"github.com/rejoinhq/rejoin/consumer"
	"github.com/rejoinhq/rejoin/httpserver"
)

const (
	apiPrefix = "/api/v1/consumers"
	// drainTimeout is how long running requests may take to end after SIGTERM. It is
	// longer than a slow client may take for its request.
	drainTimeout = readTimeout + 5*time.Second
	readTimeout  = 10 * time.Second
)

// server is the running program.
type server struct {
	logger   *slog.Logger
	http     *http.Server
	listener net.Listener
	database database
	tokens   *tokens
	cache    *httpserver.Cache // nil when it is off
	// operations is what those who run the server look at.
	operations *operations
	accessLog  *accessLog // nil when it is off
	drainDelay time.Duration
	after      func(time.Duration) <-chan time.Time
	// greeting is what the terminal is told once the server accepts.
	greeting string
}

// start does everything that can fail: it opens the database, loads the data, reads
// the key set and listens. When it returns an error, nothing is left running.
func start(ctx context.Context, c config, stderr io.Writer) (_ *server, err error) {
	stderr = &lockedWriter{out: stderr}
	logger := slog.New(slog.NewTextHandler(stderr, nil))
	s := &server{logger: logger, drainDelay: c.drainDelay, after: time.After}
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
	if s.accessLog, err = openAccessLog(c.accessLog, stderr, logger); err != nil {
		return nil, err
	}
	if s.database, err = openDatabase(ctx, c.database); err != nil {
		return nil, err
	}
	if s.operations, err = openOperations(c.opsAddr, s.database, s.tokens, logger); err != nil {
		return nil, err
	}
	if s.cache, err = openCache(c, s.database, logger); err != nil {
		return nil, err
	}
	base := baseURL(s.listener.Addr())
	api, err := s.api(c, base, logger)
	if err != nil {
		return nil, err
	}
	paths, err := s.exactPaths(c, api, logger)
	if err != nil {
		return nil, err
	}
	s.http = newHTTPServer(routes(api.Handler(apiPrefix), paths), logger)
	s.http.RegisterOnShutdown(api.EndStreams)
	if err := s.load(ctx, c, organizations); err != nil {
		return nil, err
	}
	s.greeting, err = greeting(base, organizations, s.tokens, time.Now())
	if s.operations.listener != nil {
		s.greeting += fmt.Sprintf("\n/readyz and /metrics are on %s\n", baseURL(s.operations.listener.Addr()))
	}
	return s, err
}

// exactPaths are the paths beside the API's.
func (s *server) exactPaths(c config, api *httpserver.API, logger *slog.Logger) (map[string]http.Handler, error) {
	paths, err := pagePaths(newDemoDesk(c, s.database, s.tokens, logger))
	if err != nil {
		return nil, err
	}
	maps.Copy(paths, s.operations.public())
	paths["/openapi.json"] = api.OpenAPI(apiPrefix)
	return paths, nil
}

// load writes the data, all of it or nothing.
func (s *server) load(ctx context.Context, c config, organizations []fixtureOrganization) error {
	if !isLoopback(hostOf(s.listener.Addr())) {
		if err := refuseDemoKeys(ctx, s.database, organizations); err != nil {
			return err
		}
	}
	now := time.Now()
	b := batch(organizations, now)
	if c.demo {
		if err := supersede(ctx, s.database, &b, now); err != nil {
			return fmt.Errorf("-database: %w", err)
		}
	}
	_, err := s.database.Write(ctx, b)
	what := "the demonstration data"
	if c.fixture != "" {
		what = "fixture " + c.fixture
	}
	switch {
	case errors.Is(err, consumer.ErrConflict):
		key := cmp.Or(foreignKey(ctx, s.database, organizations), "a key of it") // one that is no longer valid
		return fmt.Errorf("%s: %s belongs to another organization in -database", what, key)
	case errors.Is(err, consumer.ErrErased):
		return fmt.Errorf("%s: a consumer of it was erased from -database", what)
	case err != nil:
		return fmt.Errorf("%s: load into -database: %w", what, err)
	}
	return nil
}

// foreignKey is the path of the first key that the database knows as another
// organization's, or "".
func foreignKey(ctx context.Context, database database, organizations []fixtureOrganization) string {
	for i, o := range organizations {
		for list, keys := range map[string][]string{"publishableKeys": o.PublishableKeys, "secretKeys": o.SecretKeys} {
			for j, key := range keys {
				if owner, err := database.OrganizationByKey(ctx, auth.APIKeyDigest(key), time.Now()); err == nil && owner != o.ID {
					return fmt.Sprintf("organizations[%d].%s[%d]", i, list, j)
				}
			}
		}
	}
	return ""
}

// refuseDemoKeys keeps the demonstration's keys, which everybody knows, off the
// network: those of an earlier start in the database, and those in a fixture.
func refuseDemoKeys(ctx context.Context, database database, loading []fixtureOrganization) error {
	refused := errors.New("-addr must be a loopback address, because the data has the well-known keys of the demonstration")
	for _, key := range keysOf(demo(time.Now())) {
		_, err := database.OrganizationByKey(ctx, auth.APIKeyDigest(key), time.Now())
		switch {
		case err == nil, slices.Contains(keysOf(loading), key):
			return refused
		case !errors.Is(err, consumer.ErrNotFound):
			return fmt.Errorf("-database: %w", err)
		}
	}
	return nil
}

func keysOf(organizations []fixtureOrganization) []string {
	var keys []string
	for _, o := range organizations {
		keys = slices.Concat(keys, o.PublishableKeys, o.SecretKeys)
	}
	return keys
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

func (s *server) api(c config, base string, logger *slog.Logger) (*httpserver.API, error) {
	keys, err := auth.NewAPIKeyCache(auth.APIKeyCacheOptions{Finder: s.database})
	if err != nil {
		return nil, err
	}
	authenticator, err := auth.New(auth.Options{Tokens: s.tokens.verifier, APIKeys: keys})
	if err != nil {
		return nil, err
	}
	if len(c.corsOrigins) == 0 {
		c.corsOrigins = []string{base}
	}
	options := httpserver.Options{
		Store:         s.database,
		Auth:          authenticator,
		Changes:       s.database,
		Cache:         s.cache,
		CORSOrigins:   c.corsOrigins,
		Logger:        logger,
		PollIntervals: &httpserver.PollIntervals{},
		MeterProvider: s.operations.metrics.provider,
		// Traces go nowhere from here, so none are begun.
		TracerProvider: noop.NewTracerProvider(),
	}
	if s.accessLog != nil {
		options.AccessLog = s.accessLog.Logger
	}
	api, err := httpserver.New(options)
	if err != nil {
		return nil, fmt.Errorf("-cors-origin must be scheme://host or scheme://host:port in lower case, without a path or a default port, or *: %w", err)
	}
	return api, nil
}

// newHTTPServer bounds what one client can hold: a request has to arrive and its
// answer to leave in time, and a header may not be much larger than the largest token.
func newHTTPServer(handler http.Handler, logger *slog.Logger) *http.Server {
	return &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       readTimeout,
		WriteTimeout:      30 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    32 << 10,
		// OPTIONS * is answered like any other path that is none.
		DisableGeneralOptionsHandler: true,
		ErrorLog:                     slog.NewLogLogger(logger.Handler(), slog.LevelWarn),
	}
}

// serve answers requests until ctx is done. Then it ends in an order that loses nothing:
// the server says that it is not ready, and goes on for the time that a load balancer
// takes to hear of it; the running requests end; and then what they need is closed.
func (s *server) serve(ctx context.Context) error {
	failed := make(chan error, 2)
	go func() { failed <- s.http.Serve(s.listener) }()
	if s.operations.http != nil {
		go func() { failed <- s.operations.http.Serve(s.operations.listener) }()
	}
	select {
	case err := <-failed:
		return errors.Join(err, s.close())
	case <-ctx.Done():
	}
	s.operations.readiness.Drain()
	select {
	case err := <-failed:
		return errors.Join(err, s.close())
	case <-s.after(s.drainDelay):
	}
	drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainTimeout)
	defer cancel()
	if err := s.http.Shutdown(drain); err != nil {
		s.logger.Warn("requests were cut off at the end", "cause", err)
	}
	return s.close()
}

// close releases what start opened, in the opposite order.
func (s *server) close() error {
	var errs []error
	if s.http != nil {
		errs = append(errs, s.http.Close())
	}
	if s.listener != nil { // the server closes it only once it serves
		if err := s.listener.Close(); !errors.Is(err, net.ErrClosed) {
			errs = append(errs, err)
		}
	}
	if s.cache != nil {
		errs = append(errs, s.cache.Close())
	}
	if s.operations != nil {
		errs = append(errs, s.operations.close())
	}
	if s.accessLog != nil {
		errs = append(errs, s.accessLog.close())
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
