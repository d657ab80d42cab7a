// Package childtest lets the tests of an adapter use several processes: they run
// their own binary again, which then executes one test only, the child's.
package childtest

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"github.com/rejoinhq/rejoin/consumer"
)

const (
	childDatabase = "REJOIN_TEST_CHILD_DATABASE"
	childPrefix   = "REJOIN_TEST_CHILD_PREFIX"
	childWrites   = "REJOIN_TEST_CHILD_WRITES"
)

// Run is what the test named TestChild consists of. As a child it waits until its
// standard input is closed, opens the database, and writes consumers one by one, each
// of which it acknowledges by a line with its id. Otherwise it skips.
func Run(t *testing.T, open func(t *testing.T, database string) consumer.Writer, one func(id string) consumer.Batch) {
	database, ok := os.LookupEnv(childDatabase)
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
	store := open(t, database)
	for n := range writes {
		id := fmt.Sprintf("%s_%d", os.Getenv(childPrefix), n)
		if _, err := store.Write(t.Context(), one(id)); err != nil {
			t.Fatalf("Write: %v", err)
		}
		fmt.Printf("wrote %s\n", id)
	}
}

// Child is another process.
type Child struct {
	command *exec.Cmd
	input   io.Closer
	output  *bufio.Scanner
}

// Start starts a child that will write so many consumers, whose ids begin with a
// prefix, as soon as it is told to.
func Start(t *testing.T, database, prefix string, writes int) Child {
	t.Helper()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	command := exec.CommandContext(context.WithoutCancel(t.Context()), program, "-test.run=^TestChild$", "-test.v")
	command.Env = append(os.Environ(), childDatabase+"="+database, childPrefix+"="+prefix, childWrites+"="+strconv.Itoa(writes))
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
	return Child{command, input, bufio.NewScanner(output)}
}

// Begin tells the child to begin.
func (c Child) Begin(t *testing.T) {
	t.Helper()
	if err := c.input.Close(); err != nil {
		t.Fatal(err)
	}
}

// Acknowledged returns the ids of up to so many writes, and what else the child said.
func (c Child) Acknowledged(atMost int) (ids []string, said string) {
	for len(ids) < atMost && c.output.Scan() {
		if id, ok := strings.CutPrefix(c.output.Text(), "wrote "); ok {
			ids = append(ids, id)
		} else {
			said += c.output.Text() + "\n"
		}
	}
	return ids, said
}

// Wait waits for the child's end.
func (c Child) Wait() error { return c.command.Wait() }

// Kill kills the child at whatever it is doing, and returns the ids of the writes that
// it acknowledged until then.
func (c Child) Kill(t *testing.T) (acknowledged []string) {
	t.Helper()
	if err := c.command.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	acknowledged, _ = c.Acknowledged(1 << 30) // written to the pipe before the kill
	if err := c.Wait(); err == nil {
		t.Fatal("the child ended by itself")
	}
	return acknowledged
}
