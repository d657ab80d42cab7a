package postgres_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/rejoinhq/rejoin/consumer"
	"github.com/rejoinhq/rejoin/storage/internal/childtest"
	"github.com/rejoinhq/rejoin/storage/postgres"
	"github.com/rejoinhq/rejoin/storage/postgres/postgrestest"
)

// TestChild runs in the child processes of other tests.
func TestChild(t *testing.T) {
	childtest.Run(t, func(t *testing.T, database string) consumer.Writer { return newStore(t, database) }, aConsumer)
}

func TestProcessesMigrateAndWriteAtOnce(t *testing.T) {
	t.Parallel()
	const children, writes = 3, 100
	url := postgrestest.URL(t)
	var started []childtest.Child
	for n := range children {
		started = append(started, childtest.Start(t, url, fmt.Sprintf("cons_%d", n), writes))
	}
	for _, c := range started {
		c.Begin(t)
	}
	results := make([][]string, children)
	for n, c := range started {
		ids, said := c.Acknowledged(writes + 1)
		if err := c.Wait(); err != nil {
			t.Errorf("child %d: %v\n%s", n, err, said)
		}
		results[n] = ids
	}
	store := openStore(t, url)
	for n, ids := range results {
		if len(ids) != writes {
			t.Errorf("child %d acknowledged %d writes, want %d", n, len(ids), writes)
		}
		for _, id := range ids {
			wantConsumer(t, store, id)
		}
	}
	wantSchemaVersion(t, store, postgres.RequiredSchema)
}

// TestAcknowledgedWritesSurviveAKill kills a writing process at random times.
func TestAcknowledgedWritesSurviveAKill(t *testing.T) {
	t.Parallel()
	url := postgrestest.URL(t)
	var all []string
	for round := range 20 {
		c := childtest.Start(t, url, fmt.Sprintf("cons_%d", round), 1_000_000)
		c.Begin(t)
		before, said := c.Acknowledged(1 + rand.IntN(60))
		if len(before) == 0 {
			t.Fatalf("the child wrote nothing:\n%s", said)
		}
		all = append(append(all, before...), c.Kill(t)...)
		checkAfterCrash(t, url, all)
	}
}

// checkAfterCrash checks that all acknowledged writes are stored, and no write in part.
func checkAfterCrash(t *testing.T, url string, acknowledged []string) {
	t.Helper()
	store := openStore(t, url)
	for _, id := range acknowledged {
		wantConsumer(t, store, id)
	}
	const halves = `SELECT count(*) FROM consumers AS c
		FULL JOIN participations AS p ON (p.organization_id, p.consumer_id) = (c.organization_id, c.id)
		FULL JOIN admissions AS a ON (a.organization_id, a.consumer_id) = (c.organization_id, c.id)
		WHERE c.id IS NULL OR p.id IS NULL OR a.distribution_id IS NULL`
	if n := count(t, store.Primary(), halves); n != 0 {
		t.Errorf("%d consumers are stored in part", n)
	}
}
