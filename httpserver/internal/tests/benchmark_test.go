package tests_test

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	metricnoop "go.opentelemetry.io/otel/metric/noop"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	tracenoop "go.opentelemetry.io/otel/trace/noop"

	"github.com/rejoinhq/rejoin/consumer"
	"github.com/rejoinhq/rejoin/httpserver"
)

// emptyStore returns a profile without records for every consumer.
type emptyStore struct{}

func (emptyStore) Snapshot(_ context.Context, key consumer.Key) (consumer.Snapshot, error) {
	return consumer.Snapshot{Consumer: consumer.Consumer{OrganizationID: key.OrganizationID, ID: key.ConsumerID, CreatedAt: now}}, nil
}

func (s emptyStore) Consumer(ctx context.Context, key consumer.Key) (consumer.Consumer, error) {
	snapshot, err := s.Snapshot(ctx, key)
	return snapshot.Consumer, err
}

// sink is a ResponseWriter that does nothing.
type sink struct{ header http.Header }

func (s *sink) Header() http.Header             { return s.header }
func (s *sink) Write(p []byte) (int, error)     { return len(p), nil }
func (s *sink) WriteHeader(int)                 {}
func (s *sink) SetReadDeadline(time.Time) error { return nil }

// BenchmarkObservation measures what it costs to observe a request: the difference to
// "nothing".
func BenchmarkObservation(b *testing.B) {
	metrics := func(o *httpserver.Options) {
		o.MeterProvider = sdkmetric.NewMeterProvider(sdkmetric.WithReader(sdkmetric.NewManualReader()))
	}
	logTo := func(w io.Writer) func(*httpserver.Options) {
		return func(o *httpserver.Options) { o.AccessLog = slog.New(slog.NewTextHandler(w, nil)) }
	}
	sampled := func(sampler sdktrace.Sampler) func(*httpserver.Options) {
		return func(o *httpserver.Options) {
			o.TracerProvider = sdktrace.NewTracerProvider(sdktrace.WithSampler(sampler))
		}
	}
	file, err := os.Create(filepath.Join(b.TempDir(), "access.log"))
	if err != nil {
		b.Fatal(err)
	}
	defer file.Close()
	for _, benchmark := range []struct {
		name   string
		change []func(*httpserver.Options)
	}{
		{"nothing", []func(*httpserver.Options){func(o *httpserver.Options) {
			o.TracerProvider, o.MeterProvider = tracenoop.NewTracerProvider(), metricnoop.NewMeterProvider()
		}}},
		{"global providers that nobody set", nil},
		{"metrics", []func(*httpserver.Options){metrics}},
		{"access log", []func(*httpserver.Options){logTo(io.Discard)}},
		{"access log to a file, a call per line", []func(*httpserver.Options){logTo(file)}},
		{"metrics and access log", []func(*httpserver.Options){metrics, logTo(io.Discard)}},
		{"traces, none sampled", []func(*httpserver.Options){sampled(sdktrace.NeverSample())}},
		{"traces, all sampled", []func(*httpserver.Options){sampled(sdktrace.AlwaysSample())}},
		{"poll hints", []func(*httpserver.Options){func(o *httpserver.Options) { o.PollIntervals = &httpserver.PollIntervals{} }}},
	} {
		b.Run(benchmark.name, func(b *testing.B) {
			options := httpserver.Options{Store: emptyStore{}, Auth: fakeAuth{}}
			for _, change := range benchmark.change {
				change(&options)
			}
			api, err := httpserver.New(options)
			if err != nil {
				b.Fatal(err)
			}
			h := api.Handler(prefix)
			r, err := http.NewRequest(http.MethodGet, prefix+"/me", nil)
			if err != nil {
				b.Fatal(err)
			}
			r.Header.Set("X-Request-Id", "bench")
			w := &sink{http.Header{}}
			b.ReportAllocs()
			for b.Loop() {
				clear(w.header)
				h.ServeHTTP(w, r)
			}
		})
	}
}
