package storagetest

import (
	"testing"

	"github.com/rejoinhq/rejoin/consumer"
)

// Run tests a Store. It calls open once for every case, from the case's own test,
// several at a time; open returns a Store that is empty, ready for use and shared
// with nobody, and leaves closing it to t.Cleanup.
func Run(t *testing.T, open func(t *testing.T) consumer.Store) {
	for _, topic := range []struct {
		name  string
		cases []storeCase
	}{
		{"profile", profileCases()},
		{"lookup", lookupCases()},
		{"snapshot", snapshotCases()},
		{"export", exportCases()},
		{"write", writeCases()},
		{"convergence", convergenceCases()},
		{"bulk", bulkCases()},
		{"merge", mergeCases()},
		{"erase", eraseCases()},
		{"purge", purgeCases()},
		{"api key", apiKeyCases()},
		{"text", textCases()},
		{"time", timeCases()},
		{"decimal", decimalCases()},
		{"isolation", isolationCases()},
		{"context", contextCases()},
		{"change feed", changeFeedCases()},
		{"concurrency", concurrencyCases()},
	} {
		t.Run(topic.name, func(t *testing.T) {
			for _, c := range topic.cases {
				t.Run(c.rule, func(t *testing.T) {
					t.Parallel()
					c.test(t, open(t))
				})
			}
		})
	}
	t.Run("no method tells of another organization", func(t *testing.T) {
		t.Parallel()
		testTenancy(t, open(t), open(t))
	})
}

// storeCase is one sentence of the contract and its test on an empty store.
type storeCase struct {
	rule string
	test func(t *testing.T, store consumer.Store)
}
