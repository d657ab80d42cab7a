package postgres_test

import (
	"os"
	"testing"

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
