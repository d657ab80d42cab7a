package sqlite_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/rejoinhq/rejoin/consumer"
	"github.com/rejoinhq/rejoin/storage/internal/childtest"
	"github.com/rejoinhq/rejoin/storage/sqlite"
)

// TestChild runs in the child processes of these tests.
func TestChild(t *testing.T) {
	childtest.Run(t, func(t *testing.T, database string) consumer.Writer { return newStore(t, database) }, aConsumer)
}

func TestProcessesMigrateAndWriteAtOnce(t *testing.T) {
	const children, writes = 3, 100
	path := newPath(t)
	var started []childtest.Child
	for n := range children {
		started = append(started, childtest.Start(t, path, fmt.Sprintf("cons_%d", n), writes))
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
	store := openStore(t, path)
	for n, ids := range results {
		if len(ids) != writes {
			t.Errorf("child %d acknowledged %d writes, want %d", n, len(ids), writes)
		}
		for _, id := range ids {
			wantConsumer(t, store, id)
		}
	}
	wantSchemaVersion(t, store, sqlite.RequiredSchema)
}

// TestAcknowledgedWritesSurviveAKill kills a writing process at random moments.
func TestAcknowledgedWritesSurviveAKill(t *testing.T) {
	path := newPath(t)
	var all []string
	for round := range 20 {
		c := childtest.Start(t, path, fmt.Sprintf("cons_%d", round), 1_000_000)
		c.Begin(t)
		before, said := c.Acknowledged(1 + rand.IntN(60))
		if len(before) == 0 {
			t.Fatalf("the child wrote nothing:\n%s", said)
		}
		all = append(append(all, before...), c.Kill(t)...)
		checkAfterKill(t, path, all)
	}
}

func checkAfterKill(t *testing.T, path string, acknowledged []string) {
	t.Helper()
	store := openStore(t, path)
	for _, id := range acknowledged {
		wantConsumer(t, store, id)
	}
	var halves int
	err := store.Readers().GetContext(t.Context(), &halves, `
		SELECT (SELECT count(*) FROM consumers) * 2 - (SELECT count(*) FROM participations) - (SELECT count(*) FROM admissions)`)
	if err != nil || halves != 0 {
		t.Errorf("%d records are missing or too many, error %v", halves, err)
	}
	var integrity string
	if err := store.Readers().GetContext(t.Context(), &integrity, `PRAGMA integrity_check`); err != nil || integrity != "ok" {
		t.Errorf("integrity_check says %q, error %v", integrity, err)
	}
}
