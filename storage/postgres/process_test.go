package postgres_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"github.com/rejoinhq/rejoin/storage/postgres"
	"github.com/rejoinhq/rejoin/storage/postgres/postgrestest"
)

// These tests need several processes: they run the test binary again, which then
// executes TestChild only. A child begins when its standard input is closed.

const (
	childURL    = "REJOIN_TEST_CHILD_URL"
	childPrefix = "REJOIN_TEST_CHILD_PREFIX"
	childWrites = "REJOIN_TEST_CHILD_WRITES"
)

// TestChild opens a database, migrates it, and writes consumers one by one, each of
// which it acknowledges by a line with its id.
func TestChild(t *testing.T) {
	url, ok := os.LookupEnv(childURL)
	if !ok {
		t.Skip("only a child of other tests runs this")
	}
	writes, err := strconv.Atoi(os.Getenv(childWrites))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(io.Discard, os.Stdin); err != nil {
		t.Fatal(err)
	}
	store := newStore(t, url)
	for n := range writes {
		id := fmt.Sprintf("%s_%d", os.Getenv(childPrefix), n)
		if _, err := store.Write(t.Context(), aConsumer(id)); err != nil {
			t.Fatalf("Write: %v", err)
		}
		fmt.Printf("wrote %s\n", id)
	}
}

type child struct {
	command *exec.Cmd
	input   io.Closer
	output  *bufio.Scanner
}

func startChild(t *testing.T, url, prefix string, writes int) child {
	t.Helper()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	command := exec.CommandContext(context.WithoutCancel(t.Context()), program, "-test.run=^TestChild$", "-test.v")
	command.Env = append(os.Environ(), childURL+"="+url, childPrefix+"="+prefix, childWrites+"="+strconv.Itoa(writes))
	command.Stderr = os.Stderr
	input, err := command.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	output, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	return child{command, input, bufio.NewScanner(output)}
}

// acknowledged returns the ids of up to so many writes, and what else the child said.
func (c child) acknowledged(atMost int) (ids []string, said string) {
	for len(ids) < atMost && c.output.Scan() {
		if id, ok := strings.CutPrefix(c.output.Text(), "wrote "); ok {
			ids = append(ids, id)
		} else {
			said += c.output.Text() + "\n"
		}
	}
	return ids, said
}

func TestProcessesMigrateAndWriteAtOnce(t *testing.T) {
	const children, writes = 3, 100
	url := postgrestest.URL(t)
	var started []child
	for n := range children {
		started = append(started, startChild(t, url, fmt.Sprintf("cons_%d", n), writes))
	}
	for _, c := range started {
		if err := c.input.Close(); err != nil {
			t.Fatal(err)
		}
	}
	results := make([][]string, children)
	for n, c := range started {
		ids, said := c.acknowledged(writes + 1)
		if err := c.command.Wait(); err != nil {
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

// TestAcknowledgedWritesSurviveAKill kills a writing process at random moments.
func TestAcknowledgedWritesSurviveAKill(t *testing.T) {
	url := postgrestest.URL(t)
	var all []string
	for round := range 6 {
		c := startChild(t, url, fmt.Sprintf("cons_%d", round), 1_000_000)
		if err := c.input.Close(); err != nil {
			t.Fatal(err)
		}
		before, said := c.acknowledged(1 + rand.IntN(60))
		if len(before) == 0 {
			t.Fatalf("the child wrote nothing:\n%s", said)
		}
		if err := c.command.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		after, _ := c.acknowledged(1_000_000) // written to the pipe before the kill
		if err := c.command.Wait(); err == nil {
			t.Fatal("the child ended by itself")
		}
		all = append(append(all, before...), after...)
		checkAfterCrash(t, url, all)
	}
}

// checkAfterCrash holds when what is stored is what was acknowledged, and possibly
// more, but nothing by halves.
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
		t.Errorf("%d consumers are half-written", n)
	}
}
