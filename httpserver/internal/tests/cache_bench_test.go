package tests_test

import (
	"context"
	"fmt"
	"net/http"
	"runtime"
	"testing"
	"time"

	"github.com/rejoinhq/rejoin/auth"
	"github.com/rejoinhq/rejoin/consumer"
	"github.com/rejoinhq/rejoin/httpserver"
)

// BenchmarkCachedDocument reports how much memory a cached document takes, and how much the
// cache counts for it.
func BenchmarkCachedDocument(b *testing.B) {
	const documents = 10_000
	store := &fakeStore{snapshots: make(map[consumer.Key]consumer.Snapshot)}
	now := time.Now()
	for n := range documents {
		id := fmt.Sprintf("cons_%012d", n)
		store.snapshots[consumer.Key{OrganizationID: org, ConsumerID: id}] = consumer.Snapshot{
			Consumer: consumer.Consumer{OrganizationID: org, ID: id, CreatedAt: now},
		}
	}
	caller := &impostor{}
	api, err := httpserver.New(httpserver.Options{
		Store: store, Auth: caller, Changes: &exactFeed{}, Cache: &httpserver.CacheOptions{MaxBytes: 1 << 30},
	})
	orFail(b, err)
	defer api.Close()
	handler := api.Me()
	ask := func(n int) {
		caller.consumerID = fmt.Sprintf("cons_%012d", n)
		w := &benchmarkWriter{header: make(http.Header)}
		handler.ServeHTTP(w, benchmarkRequest("/me", "Bearer x", nil))
		if w.status != 200 {
			b.Fatalf("status %d", w.status)
		}
	}
	for ask(0); api.CacheStats().Documents == 0; ask(0) { // until it follows its feed
		runtime.Gosched()
	}
	before := heap()
	for n := 1; n < documents; n++ {
		ask(n)
	}
	held := heap() - before
	stats := api.CacheStats()
	for b.Loop() {
		ask(0)
	}
	b.ReportMetric(float64(held)/documents, "B/document")
	b.ReportMetric(float64(stats.Bytes)/float64(stats.Documents), "counted-B/document")
}

func heap() int {
	runtime.GC()
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return int(stats.HeapAlloc)
}

// impostor is an authenticator that returns the consumer that a test sets.
type impostor struct {
	httpserver.Authenticator
	consumerID string
}

func (i *impostor) AuthenticateConsumer(context.Context, *http.Request) (auth.ConsumerCaller, error) {
	return auth.ConsumerCaller{Identity: auth.Identity{OrganizationID: org, ConsumerID: i.consumerID}}, nil
}
