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
