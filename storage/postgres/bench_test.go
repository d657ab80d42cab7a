package postgres_test

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rejoinhq/rejoin/consumer"
	"github.com/rejoinhq/rejoin/storage/postgres"
	"github.com/rejoinhq/rejoin/storage/postgres/postgrestest"
	"github.com/rejoinhq/rejoin/storage/storagetest"
)

// BenchmarkStore measures a Store on a server that syncs its disk, as one in use does.
func BenchmarkStore(b *testing.B) {
	storagetest.Benchmark(b, func(b *testing.B) (consumer.Store, func()) {
		store := benchmarkStore(b)
		return store, func() {
			// As the server does by itself in time.
			if _, err := store.Primary().ExecContext(b.Context(), `VACUUM ANALYZE`); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func benchmarkStore(b *testing.B) *postgres.Store {
	b.Helper()
	if os.Getenv("TEST_DATABASE_URL") != "" {
		return newStore(b, postgrestest.URL(b))
	}
	return newStore(b, postgrestest.Start(b, "fsync=on", "full_page_writes=on").URL(b))
}

// BenchmarkConcurrentWrites measures writers of one record each, every one of which tells
// the server's listeners of it.
func BenchmarkConcurrentWrites(b *testing.B) {
	for _, fsync := range []string{"on", "off"} {
		b.Run("fsync="+fsync, func(b *testing.B) {
			url := postgrestest.Start(b, "fsync="+fsync, "full_page_writes="+fsync).URL(b)
			newStore(b, url)
			for _, writers := range []int{1, 8, 32} {
				b.Run(fmt.Sprintf("%d writers", writers), func(b *testing.B) { benchmarkWriters(b, url, writers) })
			}
		})
	}
}

func benchmarkWriters(b *testing.B, url string, writers int) {
	store, err := postgres.Open(b.Context(), postgres.Options{URL: url, MaxConnections: writers})
	if err != nil {
		b.Fatal(err)
	}
	defer store.Close()
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1)) // so that there are as many goroutines as said
	var who atomic.Int64
	b.SetParallelism(writers)
	b.RunParallel(func(pb *testing.PB) {
		batch := consumer.Batch{Participations: aConsumer(fmt.Sprintf("cons_%d", who.Add(1))).Participations}
		for pb.Next() {
			batch.Participations[0].UpdatedAt = time.Now()
			if _, err := store.Write(b.Context(), batch); err != nil {
				b.Error(err)
			}
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "writes/s")
}

// BenchmarkChanges measures how long after the return of a write a listener of another
// Store is told of it.
func BenchmarkChanges(b *testing.B) {
	url := postgrestest.Start(b, "fsync=on", "full_page_writes=on").URL(b)
	here, there := newStore(b, url), newStore(b, url)
	ctx, cancel := context.WithCancel(b.Context())
	told := make(heard, 1)
	ended := make(chan error, 1)
	go func() { ended <- here.Changes(ctx, told) }()
	defer func() { cancel(); <-ended }()
	<-told // following
	var took []time.Duration
	batch := consumer.Batch{Participations: aConsumer("cons_1").Participations}
	for b.Loop() {
		batch.Participations[0].UpdatedAt = time.Now()
		if _, err := there.Write(b.Context(), batch); err != nil {
			b.Fatal(err)
		}
		written := time.Now()
		took = append(took, max(0, (<-told).Sub(written)))
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Microseconds()), "µs-median")
	b.ReportMetric(float64(took[len(took)*99/100].Microseconds()), "µs-p99")
}

// heard holds the moments at which something was told.
type heard chan time.Time

func (h heard) Following()          { h <- time.Now() }
func (h heard) Changed([]uint64)    { h <- time.Now() }
func (h heard) Confirmed(time.Time) {}
func (h heard) Lost()               {}
