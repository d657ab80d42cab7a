package sqlite_test

import (
	"path/filepath"
	"testing"

	"github.com/rejoinhq/rejoin/consumer"
	"github.com/rejoinhq/rejoin/storage/sqlite"
	"github.com/rejoinhq/rejoin/storage/storagetest"
)

// BenchmarkStore measures a Store on a file.
func BenchmarkStore(b *testing.B) {
	storagetest.Benchmark(b, func(b *testing.B) (consumer.Store, func()) {
		store, err := sqlite.Open(b.Context(), sqlite.Options{Path: filepath.Join(b.TempDir(), "bench.db")})
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { _ = store.Close() })
		if err := store.Migrate(b.Context()); err != nil {
			b.Fatal(err)
		}
		return store, func() {}
	})
}
