package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"

	"github.com/rejoinhq/rejoin/httpserver"
)

// operations is what those who run the server look at. With -ops-addr it has a listener
// of its own, which is not for the world and answers until the end.
type operations struct {
	readiness *httpserver.Readiness
	metrics   *metrics
	listener  net.Listener // nil without -ops-addr
	http      *http.Server // nil without -ops-addr
}

func openOperations(addr string, database database, tokens *tokens, logger *slog.Logger) (_ *operations, err error) {
	o := &operations{}
	o.readiness, err = httpserver.NewReadiness(httpserver.ReadinessOptions{
		Logger: logger,
		Checks: []httpserver.Check{
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
	if addr == "" {
		return o, nil
	}
	if o.listener, err = net.Listen("tcp", addr); err != nil {
		return nil, fmt.Errorf("-ops-addr: %w", err)
	}
	o.http = newHTTPServer(routes(http.NotFoundHandler(), o.handlers()), logger)
	return o, nil
}

// handlers are the paths for operators, by their exact names.
func (o *operations) handlers() map[string]http.Handler {
	return map[string]http.Handler{
		"/healthz": httpserver.Health(),
		"/readyz":  o.readiness,
		"/metrics": o.metrics,
	}
}

// public are those of them that the server's own listener has: all, unless they have one
// of their own. Whether the process lives can be asked on both.
func (o *operations) public() map[string]http.Handler {
	if o.http != nil {
		return map[string]http.Handler{"/healthz": httpserver.Health()}
	}
	return o.handlers()
}

func (o *operations) close() error {
	errs := []error{o.metrics.provider.Shutdown(context.Background())}
	if o.http != nil {
		errs = append(errs, o.http.Close())
		if err := o.listener.Close(); !errors.Is(err, net.ErrClosed) { // the server closes it only once it serves
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}
