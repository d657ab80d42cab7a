package httpserver_test

import (
	"fmt"
	"net/http"
	"runtime"
	"testing"
	"time"

	"github.com/rejoinhq/rejoin/auth"
	"github.com/rejoinhq/rejoin/consumer"
	"github.com/rejoinhq/rejoin/httpserver"
)

// BenchmarkCachedDocument fills a cache, and says how much memory a document takes beside
// its own bytes, and what the cache reckons with.
func BenchmarkCachedDocument(b *testing.B) {
	const documents = 10_000
	cache, err := httpserver.NewCache(httpserver.CacheOptions{Changes: &exactFeed{}, MaxBytes: 1 << 30})
	orFail(b, err)
	defer cache.Close()
	store := &fakeStore{snapshots: make(map[consumer.ConsumerKey]consumer.Snapshot)}
	now := time.Now()
	for n := range documents {
		id := fmt.Sprintf("cons_%012d", n)
		store.snapshots[consumer.ConsumerKey{OrganizationID: org, ConsumerID: id}] = consumer.Snapshot{
			Consumer: consumer.Consumer{OrganizationID: org, ID: id, CreatedAt: now},
		}
	}
	whoever := &impostor{}
	api, err := httpserver.New(httpserver.Options{Store: store, Auth: whoever, Cache: cache})
	orFail(b, err)
	handler := api.Me()
	ask := func(n int) {
		whoever.consumerID = fmt.Sprintf("cons_%012d", n)
		w := &benchmarkWriter{header: make(http.Header)}
		handler.ServeHTTP(w, benchmarkRequest("/me", "Bearer x", nil))
		if w.status != 200 {
			b.Fatalf("status %d", w.status)
		}
	}
	for ask(0); cache.Stats().Documents == 0; ask(0) { // until it follows its feed
		runtime.Gosched()
	}
	before := heap()
	for n := 1; n < documents; n++ {
		ask(n)
	}
	held := heap() - before
	stats := cache.Stats()
	// The cache counts the bytes of the documents, and its own part for each.
	bytes := int(stats.Bytes) - int(stats.Documents)*httpserver.DocumentOverhead
	for b.Loop() {
		ask(0)
	}
	b.ReportMetric(float64(held-bytes)/documents, "B/document")
	b.ReportMetric(httpserver.DocumentOverhead, "reckoned-B/document")
}

func heap() int {
	runtime.GC()
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return int(stats.HeapAlloc)
}

// impostor is an authenticator that says what it was told.
type impostor struct {
	httpserver.Authenticator
	consumerID string
}

func (i *impostor) AuthenticateConsumer(*http.Request) (auth.Identity, error) {
	return auth.Identity{OrganizationID: org, ConsumerID: i.consumerID}, nil
}
