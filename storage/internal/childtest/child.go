// Package childtest helps to test an adapter with several processes. A test starts its own
// binary again as a child process that runs only the test named TestChild.
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

// Run is the body of the test named TestChild. In a child process it waits until its standard
// input is closed, opens the database, and writes consumers one by one. After each write it
// prints a line with the consumer's ID. In any other process it skips the test.
func Run(t *testing.T, open func(t *testing.T, database string) consumer.Writer, one func(id string) consumer.Batch) {
	database, ok := os.LookupEnv(childDatabase)
	if !ok {
		t.Skip("only a child process of other tests runs this")
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

// Child is a child process that writes consumers.
type Child struct {
	command *exec.Cmd
	input   io.Closer
	output  *bufio.Scanner
}

// Start starts a child process that writes a number of consumers after [Child.Begin]. Their IDs
// begin with the prefix.
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

// Begin makes the child begin to write.
func (c Child) Begin(t *testing.T) {
	t.Helper()
	if err := c.input.Close(); err != nil {
		t.Fatal(err)
	}
}

// Acknowledged returns the IDs of up to atMost writes, and all other output of the child.
func (c Child) Acknowledged(atMost int) (ids []string, other string) {
	for len(ids) < atMost && c.output.Scan() {
		if id, ok := strings.CutPrefix(c.output.Text(), "wrote "); ok {
			ids = append(ids, id)
		} else {
			other += c.output.Text() + "\n"
		}
	}
	return ids, other
}

// Wait waits until the child has ended.
func (c Child) Wait() error { return c.command.Wait() }

// Kill kills the child and returns the IDs of the writes that it has acknowledged and that
// [Child.Acknowledged] has not returned.
func (c Child) Kill(t *testing.T) (acknowledged []string) {
	t.Helper()
	if err := c.command.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	acknowledged, _ = c.Acknowledged(1 << 30) // all that the child printed before it was killed
	if err := c.Wait(); err == nil {
		t.Fatal("the child ended by itself")
	}
	return acknowledged
}
