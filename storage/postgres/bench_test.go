package postgres_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/rejoinhq/rejoin/consumer"
	"github.com/rejoinhq/rejoin/storage/postgres"
	"github.com/rejoinhq/rejoin/storage/postgres/postgrestest"
	"github.com/rejoinhq/rejoin/storage/storagetest"
)

// BenchmarkStore measures a Store on a server that syncs its disk, as in production.
func BenchmarkStore(b *testing.B) {
	storagetest.Benchmark(b, func(b *testing.B) (consumer.Store, func()) {
		store := benchmarkStore(b)
		return store, func() {
			// The server does so by itself after a while.
			if _, err := store.Primary().Exec(b.Context(), `VACUUM ANALYZE`); err != nil {
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

// BenchmarkConcurrentWrites measures concurrent writes of one record each, while the Store's own
// feed is followed, and bare statements that put the same rows.
func BenchmarkConcurrentWrites(b *testing.B) {
	for _, fsync := range []string{"on", "off"} {
		b.Run("fsync="+fsync, func(b *testing.B) {
			url := postgrestest.Start(b, "fsync="+fsync, "full_page_writes="+fsync).URL(b)
			newStore(b, url)
			for _, writers := range []int{1, 8, 32} {
				b.Run(fmt.Sprintf("%d writers", writers), func(b *testing.B) { benchmarkWriters(b, url, writers) })
				b.Run(fmt.Sprintf("%d bare", writers), func(b *testing.B) { benchmarkBare(b, url, writers) })
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
	ctx, cancel := context.WithCancel(b.Context())
	received, ended := make(notifications, 1), make(chan error, 1)
	go func() { ended <- store.Changes(ctx, &discard{received}) }()
	defer func() { cancel(); <-ended }()
	<-received // following
	putConcurrently(b, writers, func(batch consumer.Batch) error {
		_, err := store.Write(ctx, batch)
		return err
	})
}

// discard is a listener that only waits until it follows.
type discard struct{ notifications }

func (*discard) Changed(consumer.Change) {}
func (*discard) Lost()                   {}

// putConcurrently calls write from several goroutines, each with the newest state of its own consumer.
func putConcurrently(b *testing.B, writers int, write func(consumer.Batch) error) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1)) // SetParallelism multiplies GOMAXPROCS
	var who atomic.Int64
	b.SetParallelism(writers)
	b.RunParallel(func(pb *testing.PB) {
		batch := consumer.Batch{Participations: aConsumer(fmt.Sprintf("cons_%d", who.Add(1))).Participations}
		for pb.Next() {
			batch.Participations[0].UpdatedAt = time.Now()
			if err := write(batch); err != nil {
				b.Error(err)
			}
		}
	})
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "writes/s")
}

// benchmarkBare is what there is to gain: the same row, put by one statement that the server
// commits, through the same driver.
func benchmarkBare(b *testing.B, url string, writers int) {
	config, err := pgxpool.ParseConfig(url)
	if err != nil {
		b.Fatal(err)
	}
	config.MaxConns = int32(writers)
	pool, err := pgxpool.NewWithConfig(b.Context(), config)
	if err != nil {
		b.Fatal(err)
	}
	defer pool.Close()
	const put = `INSERT INTO participations (organization_id, consumer_id, type, id, updated_at, status_rank, expires_at, record)
		VALUES ($1, $2, $3, $4, $5, 0, NULL, $6)
		ON CONFLICT (organization_id, consumer_id, type, id) DO UPDATE SET updated_at = excluded.updated_at, record = excluded.record
		WHERE excluded.updated_at > participations.updated_at`
	putConcurrently(b, writers, func(batch consumer.Batch) error {
		p := batch.Participations[0]
		record, err := json.Marshal(p)
		if err == nil {
			_, err = pool.Exec(b.Context(), put, p.OrganizationID, p.ConsumerID, p.Type, p.ID, p.UpdatedAt.UnixMicro(), string(record))
		}
		return err
	})
}

// BenchmarkChanges measures the time from the return of a write until a listener of another
// Store is notified.
func BenchmarkChanges(b *testing.B) {
	url := postgrestest.Start(b, "fsync=on", "full_page_writes=on").URL(b)
	here, there := newStore(b, url), newStore(b, url)
	ctx, cancel := context.WithCancel(b.Context())
	received := make(notifications, 1)
	ended := make(chan error, 1)
	go func() { ended <- here.Changes(ctx, received) }()
	defer func() { cancel(); <-ended }()
	<-received // following
	var took []time.Duration
	batch := consumer.Batch{Participations: aConsumer("cons_1").Participations}
	for b.Loop() {
		batch.Participations[0].UpdatedAt = time.Now()
		if _, err := there.Write(b.Context(), batch); err != nil {
			b.Fatal(err)
		}
		written := time.Now()
		took = append(took, max(0, (<-received).Sub(written)))
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Microseconds()), "µs-median")
	b.ReportMetric(float64(took[len(took)*99/100].Microseconds()), "µs-p99")
}

// notifications receives the time of each notification.
type notifications chan time.Time

func (h notifications) Following()              { h <- time.Now() }
func (h notifications) Changed(consumer.Change) { h <- time.Now() }
func (h notifications) Confirmed(time.Time)     {}
func (h notifications) Lost()                   {}

// BenchmarkConcurrency measures snapshots and writes of one consumer each, by several
// callers at once, over the default number of connections.
func BenchmarkConcurrency(b *testing.B) {
	const consumers = 5000
	store := benchmarkStore(b)
	var all consumer.Batch
	for n := range consumers {
		one := aConsumer(fmt.Sprintf("cons_%d", n))
		all.Consumers = append(all.Consumers, one.Consumers...)
		all.Participations = append(all.Participations, one.Participations...)
		all.Admissions = append(all.Admissions, one.Admissions...)
	}
	if _, err := store.Write(b.Context(), all); err != nil {
		b.Fatal(err)
	}
	for _, callers := range []int{1, 32, 256} {
		b.Run(fmt.Sprintf("snapshot by %d", callers), func(b *testing.B) {
			inParallel(b, callers, func(n int) error {
				_, err := store.Snapshot(b.Context(), consumer.Key{OrganizationID: "org_1", ConsumerID: fmt.Sprintf("cons_%d", n%consumers)})
				return err
			})
		})
	}
	for _, callers := range []int{1, 32} {
		b.Run(fmt.Sprintf("write by %d", callers), func(b *testing.B) {
			inParallel(b, callers, func(n int) error {
				batch := consumer.Batch{Participations: aConsumer(fmt.Sprintf("cons_%d", n%consumers)).Participations}
				batch.Participations[0].UpdatedAt = time.Now()
				_, err := store.Write(b.Context(), batch)
				return err
			})
		})
	}
}

// inParallel runs the benchmark in the given number of goroutines, whatever GOMAXPROCS is.
func inParallel(b *testing.B, goroutines int, call func(n int) error) {
	b.ReportAllocs()
	var next atomic.Int64
	var all sync.WaitGroup
	b.ResetTimer()
	for range goroutines {
		all.Go(func() {
			for n := next.Add(1); n <= int64(b.N); n = next.Add(1) {
				if err := call(int(n * 7919)); err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	all.Wait()
}
