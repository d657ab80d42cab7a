// Bench measures the example server against a bare net/http server, over loopback, in
// turns, and prints a table of ratios:
//
//	go run ./examples/bench
//	go run ./examples/bench -consumers 2000000 -postgres postgres://… -o bench.md -svg bench.svg
//
// LIMIT is a server that knows nothing and writes a fixed body, as large as the measured
// documents. What it reaches is what net/http and this machine can do with the same load, so
// a ratio to it says more of the program than requests per second do, which say more of the
// machine. Every process, the load generator too, runs on the same cores.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the program at once
	os.Exit(run(ctx, os.Args[1:], os.Getenv, os.Stdin, os.Stdout, os.Stderr))
}

// role is what a process of this program does.
type role func(ctx context.Context, args []string, getenv func(string) string, stdin io.Reader, stdout, stderr io.Writer) error

// roles are those of the processes that the benchmark starts from its own program, by their
// first argument.
func roles() map[string]role {
	return map[string]role{roleLimit: runLimit, roleWriter: runWriter, roleLibrary: runLibrary}
}

// run is the whole program, for main and for the tests. Whatever stops it is one line on
// stderr, and an exit status other than 0.
func run(ctx context.Context, args []string, getenv func(string) string, stdin io.Reader, stdout, stderr io.Writer) int {
	do := role(runBench)
	if len(args) > 0 {
		if other, ok := roles()[args[0]]; ok {
			do, args = other, args[1:]
		}
	}
	err := do(ctx, args, getenv, stdin, stdout, stderr)
	switch {
	case errors.Is(err, errHelp):
		return 0
	case ctx.Err() != nil && errors.Is(err, context.Canceled):
		fmt.Fprintln(stderr, "bench: interrupted")
		return 1
	case err != nil:
		fmt.Fprintln(stderr, "bench:", strings.ReplaceAll(err.Error(), "\n", "; "))
		return 1
	}
	return 0
}

func runBench(ctx context.Context, args []string, getenv func(string) string, _ io.Reader, stdout, stderr io.Writer) (err error) {
	c, err := parseConfig(args, getenv, stdout)
	if err != nil {
		return err
	}
	if c.list {
		for _, r := range c.rows() {
			fmt.Fprintln(stdout, r.name())
		}
		return nil
	}
	progress := newProgress(stderr)
	defer progress.end()
	b, err := newBench(ctx, c, progress)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.close()) }()
	if c.streams > 0 {
		report, err := b.measureStreams(ctx, c.streams)
		if err != nil {
			return err
		}
		_, err = io.WriteString(stdout, report)
		return err
	}
	results, err := b.measureAll(ctx)
	if err != nil {
		return err
	}
	return publish(c, newReport(c, b.notes, results), stdout)
}

// publish writes the table to the terminal, and to the files that were asked for.
func publish(c config, r report, stdout io.Writer) error {
	table := r.markdown()
	if _, err := io.WriteString(stdout, table); err != nil {
		return err
	}
	if c.markdown != "" {
		if err := os.WriteFile(c.markdown, []byte(table), 0o644); err != nil {
			return fmt.Errorf("-o: %w", err)
		}
	}
	if c.svg != "" {
		if err := os.WriteFile(c.svg, []byte(r.plot()), 0o644); err != nil {
			return fmt.Errorf("-svg: %w", err)
		}
	}
	return nil
}
