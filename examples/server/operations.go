package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"

	"github.com/rejoinhq/rejoin/httpserver"
	"github.com/rejoinhq/rejoin/httpserver/probe"
)

// operations has the probes and metrics. With -ops-addr it has a separate listener, which
// the public cannot reach and which serves until the end.
type operations struct {
	readiness *probe.Readiness
	metrics   *metrics
	listener  net.Listener // nil without -ops-addr
	http      *http.Server // nil without -ops-addr
}

func openOperations(ctx context.Context, c config, database database, tokens *tokens, logger *slog.Logger) (_ *operations, err error) {
	o := &operations{}
	o.readiness, err = probe.NewReadiness(probe.ReadinessOptions{
		Logger: logger,
		Checks: []probe.Check{
			{Name: "store", Run: database.Ping},
			{Name: "keySet", Run: func(context.Context) error { return tokens.keys.Ready() }},
		},
	})
	if err != nil {
		return nil, err
	}
	if o.metrics, err = newMetrics(tokens.keys, logger); err != nil {
		return nil, err
	}
	if c.opsAddr == "" {
		return o, nil
	}
	if o.listener, err = listen(ctx, c.opsAddr); err != nil {
		return nil, fmt.Errorf("-ops-addr: %w", err)
	}
	o.http = newHTTPServer(routes(o.handlers(), nil, httpserver.DiscardBody(http.NotFoundHandler())), c.idleTimeout, logger)
	return o, nil
}

// handlers returns the handlers of the exact paths for operators.
func (o *operations) handlers() map[string]http.Handler {
	return map[string]http.Handler{
		"/healthz": probe.Health(),
		"/readyz":  o.readiness,
		"/metrics": o.metrics,
	}
}

// public returns those of them that the server's main listener has: all, unless there is a
// separate listener. Both have /healthz.
func (o *operations) public() map[string]http.Handler {
	if o.http != nil {
		return map[string]http.Handler{"/healthz": probe.Health()}
	}
	return o.handlers()
}

func (o *operations) close() error {
	errs := []error{o.metrics.provider.Shutdown(context.Background())}
	if o.http != nil {
		errs = append(errs, o.http.Close())
		if err := o.listener.Close(); !errors.Is(err, net.ErrClosed) { // the server closes it only after it served
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}
