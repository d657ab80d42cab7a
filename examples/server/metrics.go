package main

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	exporter "go.opentelemetry.io/otel/exporters/prometheus"
	"go.opentelemetry.io/otel/metric"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/exemplar"

	"github.com/rejoinhq/rejoin/auth"
)

// metrics is what the library measures, the Go runtime and the process, in the form that
// Prometheus scrapes. Traces go nowhere from here, so no measurement has one for an
// exemplar: a service that wants them gives its own provider to the library.
type metrics struct {
	provider *sdkmetric.MeterProvider
	http.Handler
}

func newMetrics(keys *auth.KeySet, logger *slog.Logger) (*metrics, error) {
	registry := prometheus.NewRegistry()
	reader, err := exporter.New(exporter.WithRegisterer(registry), exporter.WithoutScopeInfo(), exporter.WithoutTargetInfo())
	err = errors.Join(err,
		registry.Register(collectors.NewGoCollector()),
		registry.Register(collectors.NewProcessCollector(collectors.ProcessCollectorOpts{})))
	if err != nil {
		return nil, err
	}
	provider := sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader), sdkmetric.WithExemplarFilter(exemplar.AlwaysOffFilter))
	_, err = provider.Meter("github.com/rejoinhq/rejoin/examples/server").Float64ObservableGauge("rejoin.key_set.age",
		metric.WithDescription("Time since the key set was last read with success."), metric.WithUnit("s"),
		metric.WithFloat64Callback(func(_ context.Context, o metric.Float64Observer) error {
			o.Observe(time.Since(keys.FetchedAt()).Seconds())
			return nil
		}))
	if err != nil {
		return nil, err
	}
	return &metrics{provider, promhttp.HandlerFor(registry, promhttp.HandlerOpts{
		ErrorLog: slog.NewLogLogger(logger.Handler(), slog.LevelWarn),
	})}, nil
}
