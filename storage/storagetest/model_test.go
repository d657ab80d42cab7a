package storagetest_test

import (
	"testing"

	"github.com/rejoinhq/rejoin/consumer"
	"github.com/rejoinhq/rejoin/storage/storagetest"
)

// TestModel proves that the suite can be satisfied.
func TestModel(t *testing.T) {
	storagetest.Run(t, func(*testing.T) consumer.Store { return storagetest.NewModel() })
}

// The model is not fast, but its benchmarks show that all of them can be run.
func BenchmarkModel(b *testing.B) {
	storagetest.Benchmark(b, func(*testing.B) (consumer.Store, func()) { return storagetest.NewModel(), func() {} })
}
