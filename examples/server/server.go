package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"go.opentelemetry.io/otel/trace/noop"

	"github.com/rejoinhq/rejoin/auth"
	"github.com/rejoinhq/rejoin/consumer"
	"github.com/rejoinhq/rejoin/consumer/recordjson"
	"github.com/rejoinhq/rejoin/examples/demo"
	"github.com/rejoinhq/rejoin/examples/internal/tokensocket"
	"github.com/rejoinhq/rejoin/httpserver"
)

const (
	apiPrefix     = "/api/v1/consumers"
	recordsPrefix = "/api/v1/records"
	// drainTimeout is how long running requests may take to end after SIGTERM. It is
	// longer than a slow client may take for its request.
	drainTimeout = readTimeout + 5*time.Second
	readTimeout  = 10 * time.Second
)

// server is the running program.
type server struct {
	logger     *slog.Logger
	http       *http.Server
	listener   net.Listener
	database   database
	tokens     *tokens
	consumers  *httpserver.API
	operations *operations
	accessLog  *accessLog // nil when it is off
	// tokenSocket is nil without an issuer inside the server.
	tokenSocket *tokensocket.Server
	// stopQueue stops the queue of the demonstration and waits until it has stopped. It is nil
	// without the demonstration.
	stopQueue  func()
	drainDelay time.Duration
	after      func(time.Duration) <-chan time.Time
	// greeting is printed once the server accepts connections.
	greeting string
}

// start does everything that can fail: it opens the database, loads the data, reads
// the key set and listens. If it returns an error, nothing is left running.
func start(ctx context.Context, c config, stderr io.Writer) (_ *server, err error) {
	stderr = &lockedWriter{out: stderr}
	logger := slog.New(slog.NewTextHandler(stderr, nil))
	s := &server{logger: logger, drainDelay: c.drainDelay, after: time.After}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.close())
		}
	}()

	// Writing comes last, so that a mistake elsewhere leaves no data behind.
	var fixture []recordjson.Organization
	if c.fixture != "" {
		if fixture, err = readFixture(c.fixture); err != nil {
			return nil, err
		}
	}
	if s.tokens, err = openTokens(ctx, c, logger); err != nil {
		return nil, err
	}
	if s.listener, err = listen(ctx, c.addr); err != nil {
		return nil, fmt.Errorf("-addr: %w", err)
	}
	if s.accessLog, err = openAccessLog(c.accessLog, stderr, logger); err != nil {
		return nil, err
	}
	if s.database, err = openDatabase(ctx, c.database); err != nil {
		return nil, err
	}
	if s.operations, err = openOperations(ctx, c, s.database, s.tokens, logger); err != nil {
		return nil, err
	}
	base := baseURL(s.listener.Addr())
	api, err := s.api(c, base, logger)
	if err != nil {
		return nil, err
	}
	s.consumers = api
	s.http = newHTTPServer(routes(s.exactPaths(c, api, logger), map[string]http.Handler{
		recordsPrefix: api.Records(recordsPrefix),
		webhooksPath:  api.Webhooks(webhooksPath),
	}, api.Handler(apiPrefix)), c.idleTimeout, logger)
	s.http.RegisterOnShutdown(api.EndStreams)
	if err := load(ctx, c, s.database, fixture, !isLoopback(hostOf(s.listener.Addr()))); err != nil {
		return nil, err
	}
	if c.demo {
		s.startQueue()
	}
	s.serveTokens(c, logger)
	s.greeting, err = s.makeGreeting(c, base, fixture)
	return s, err
}

// startQueue starts the queue of the demonstration that moves by itself.
func (s *server) startQueue() {
	ctx, cancel := context.WithCancel(context.Background())
	ticker := time.NewTicker(demo.QueueInterval)
	stopped := make(chan struct{})
	go func(store consumer.Store) {
		defer close(stopped)
		defer ticker.Stop()
		demo.MoveQueue(ctx, store, ticker.C, s.logger)
	}(s.database)
	s.stopQueue = func() {
		cancel()
		<-stopped
	}
}

func (s *server) api(c config, base string, logger *slog.Logger) (*httpserver.API, error) {
	var finder consumer.APIKeyFinder = s.database
	if !c.demo {
		finder = demo.RefuseWellKnownKeys(finder)
	}
	keys, err := auth.NewAPIKeyCache(auth.APIKeyCacheOptions{Finder: finder})
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
		Records:       s.database,
		Webhooks:      c.webhooks.options(s.database),
		Cache:         cacheOptions(c, s.database),
		CORSOrigins:   c.corsOrigins,
		Logger:        logger,
		PollIntervals: &httpserver.PollIntervals{},
		MeterProvider: s.operations.metrics.provider,
		// This program exports no traces.
		TracerProvider: noop.NewTracerProvider(),
	}
	if s.accessLog != nil {
		options.AccessLog = s.accessLog.Logger
	}
	api, err := httpserver.New(options)
	if err != nil {
		return nil, usagef("-cors-origin must be scheme://host or scheme://host:port in lower case, without a path or a default port, or *: %w", err)
	}
	return api, nil
}

// exactPaths returns the handlers of the paths besides the API's.
func (s *server) exactPaths(c config, api *httpserver.API, logger *slog.Logger) map[string]http.Handler {
	paths := demo.AboutPage()
	if c.demo && s.tokens.issuer != nil { // the testers' page needs tokens
		paths = demo.Page(demo.Options{Store: s.database, Token: s.tokens.issue, Logger: logger})
	}
	maps.Copy(paths, s.operations.public())
	paths["/openapi.json"] = api.OpenAPI(apiPrefix)
	paths["/openapi-records.json"] = api.RecordsOpenAPI(recordsPrefix)
	return paths
}

// newHTTPServer returns a server that bounds what one client can hold: a request must
// arrive and its response leave in time, and a header may not be much larger than the
// largest token.
func newHTTPServer(handler http.Handler, idleTimeout time.Duration, logger *slog.Logger) *http.Server {
	return &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       readTimeout,
		WriteTimeout:      30 * time.Second,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    32 << 10,
		// The handler responds to OPTIONS * as to any unknown path.
		DisableGeneralOptionsHandler: true,
		ErrorLog:                     slog.NewLogLogger(logger.Handler(), slog.LevelWarn),
	}
}

// serve serves requests until ctx is done. Then it ends in an order that loses nothing: the
// server reports that it is not ready and goes on for the time that a load balancer takes
// to notice; the running requests end; and then everything that they need is closed.
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
	s.logger.Info("draining", "delay", s.drainDelay)
	s.operations.readiness.Drain()
	select {
	case err := <-failed:
		return errors.Join(err, s.close())
	case <-s.after(s.drainDelay):
	}
	s.logger.Info("waiting for running requests", "timeout", drainTimeout)
	drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainTimeout)
	defer cancel()
	if err := s.http.Shutdown(drain); err != nil {
		s.logger.Warn("running requests were cut off", "cause", err)
	}
	err := s.close()
	s.logger.Info("stopped")
	return err
}

// close releases what start opened, in the opposite order.
func (s *server) close() error {
	var errs []error
	if s.stopQueue != nil {
		s.stopQueue()
	}
	if s.tokenSocket != nil {
		errs = append(errs, s.tokenSocket.Close())
	}
	if s.http != nil {
		errs = append(errs, s.http.Close())
	}
	if s.listener != nil { // the server closes it only after it served
		if err := s.listener.Close(); !errors.Is(err, net.ErrClosed) {
			errs = append(errs, err)
		}
	}
	if s.consumers != nil {
		errs = append(errs, s.consumers.Close())
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

// baseURL returns a URL that can be pasted: a server on all interfaces is reached on the
// loopback interface too.
func baseURL(addr net.Addr) string {
	host, port := hostOf(addr), strconv.Itoa(addr.(*net.TCPAddr).Port)
	if ip := net.ParseIP(host); ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	if port == "80" { // which an origin does not have
		return strings.TrimSuffix("http://"+net.JoinHostPort(host, port), ":80")
	}
	return "http://" + net.JoinHostPort(host, port)
}

func hostOf(addr net.Addr) string { return addr.(*net.TCPAddr).IP.String() }
