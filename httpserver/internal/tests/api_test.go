package tests_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"

	"github.com/rejoinhq/rejoin/consumer"
	"github.com/rejoinhq/rejoin/httpserver"
)

func TestNewNamesEveryInvalidOption(t *testing.T) {
	store := newWorld(t).store
	valid := func() httpserver.Options {
		return httpserver.Options{Store: store, Auth: fakeAuth{}, Changes: &fakeFeed{}}
	}
	for name, test := range map[string]struct {
		change func(*httpserver.Options)
		fields []string
	}{
		"nothing is set": {func(o *httpserver.Options) { *o = httpserver.Options{} }, []string{"Store", "Auth"}},
		"everything is wrong": {func(o *httpserver.Options) {
			*o = httpserver.Options{
				Timeout: -1, Heartbeat: -1, MaxStreamsPerConsumer: -1, CORSOrigins: []string{"nonsense"},
				Cache:         &httpserver.CacheOptions{MaxBytes: -1, MaxStaleness: -1, MaxAge: -1},
				RateLimit:     httpserver.RateLimit{PerConsumer: -1, PerKey: -1, Window: time.Millisecond},
				PollIntervals: &httpserver.PollIntervals{Queue: -1, Draw: time.Millisecond, Idle: -1},
			}
		}, []string{
			"Store", "Auth", "Timeout", "Heartbeat", "MaxStreamsPerConsumer", "CORSOrigins",
			"Changes", "Cache.MaxBytes", "Cache.MaxAge", "Cache.MaxStaleness",
			"RateLimit.PerConsumer", "RateLimit.PerKey", "RateLimit.Window",
			"PollIntervals.Queue", "PollIntervals.Draw", "PollIntervals.Idle",
		}},
		"an exact cache over a feed that is not exact": {func(o *httpserver.Options) {
			o.Cache = &httpserver.CacheOptions{}
		}, []string{"Cache.MaxStaleness"}},
		"no store":              {func(o *httpserver.Options) { o.Store = nil }, []string{"Store"}},
		"an origin with a path": {func(o *httpserver.Options) { o.CORSOrigins = []string{"https://a.example/x"} }, []string{"CORSOrigins"}},
		"the null origin":       {func(o *httpserver.Options) { o.CORSOrigins = []string{"null"} }, []string{"CORSOrigins"}},
		"half a second": {func(o *httpserver.Options) {
			o.PollIntervals = &httpserver.PollIntervals{Draw: time.Second / 2}
			o.RateLimit.Window = time.Second / 2
		}, []string{"RateLimit.Window", "PollIntervals.Draw"}},
		"a negative window": {func(o *httpserver.Options) { o.RateLimit.Window = -time.Second }, []string{"RateLimit.Window"}},
		"a long window":     {func(o *httpserver.Options) { o.RateLimit.Window = 24*time.Hour + time.Second }, []string{"RateLimit.Window"}},
	} {
		t.Run(name, func(t *testing.T) {
			options := valid()
			test.change(&options)
			api, err := httpserver.New(options)
			var invalid *consumer.ValidationError
			if api != nil || !errors.As(err, &invalid) {
				t.Fatalf("New returned %v, %v", api, err)
			}
			var fields []string
			for _, f := range invalid.Fields {
				fields = append(fields, f.Field)
			}
			if diff := cmp.Diff(test.fields, fields); diff != "" {
				t.Errorf("fields (-want +got):\n%s", diff)
			}
			if !strings.HasPrefix(err.Error(), "httpserver: invalid options: ") || slices.Contains(fields, "") {
				t.Errorf("the error is %v", err)
			}
		})
	}
}

// Options of one API can be used for another one, also after a failure, and nothing of a
// closed API is measured.
func TestCacheIsMeasuredOnce(t *testing.T) {
	reader := sdkmetric.NewManualReader()
	feed := &exactFeed{}
	feed.broken.set(consumer.ErrUnavailable) // so that all requests are misses
	options := httpserver.Options{Store: newWorld(t).store, Auth: &impostor{consumerID: "cons_1"}, Changes: feed, Cache: &httpserver.CacheOptions{}}
	withMetrics(reader)(&options)

	failing := options
	failing.Timeout = -1
	if _, err := httpserver.New(failing); err == nil {
		t.Fatal("New accepts a negative timeout")
	}
	api, err := httpserver.New(options)
	must(t, err)
	do(api.Me(), "GET", "/me")
	const misses = "rejoin.cache.requests{rejoin.cache.result=miss}"
	if got := allMeasurements(t, reader)[misses]; got != 1 {
		t.Errorf("%d misses, want 1", got)
	}
	must(t, api.Close())
	for name := range allMeasurements(t, reader) {
		if strings.HasPrefix(name, "rejoin.cache.") {
			t.Errorf("%s is measured after Close", name)
		}
	}
	if tries := feed.tries.Load(); tries != 1 || len(feed.all()) != 0 {
		t.Errorf("the feed was followed %d times, and %d listeners are left", tries, len(feed.all()))
	}
}
