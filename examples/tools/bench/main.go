// Bench measures the example server against a bare net/http server over loopback and prints a
// table of ratios:
//
//	go run ./examples/tools/bench
//	go run ./examples/tools/bench -consumers 2000000 -postgres postgres://… -o bench.md -svg bench.svg
//
// LIMIT is the bare server. It writes a fixed body that is as long as the measured documents.
// Its throughput is what net/http and this machine can do with the same load. A ratio to LIMIT
// says more about the program than requests per second, which depend on the machine. All
// processes, including the load generator, share the same cores.
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

// role is the function of one process.
type role func(ctx context.Context, args []string, getenv func(string) string, stdin io.Reader, stdout, stderr io.Writer) error

// roles returns the roles of the processes that the benchmark starts from its own program. The
// key is the first argument of the process.
func roles() map[string]role {
	return map[string]role{roleLimit: runLimit, roleWriter: runWriter, roleLibrary: runLibrary}
}

// run is the whole program. It returns the exit status. An error is one line on stderr.
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
	return publish(c, newReport(c, results), stdout)
}

// publish writes the table to stdout and to the files of -o and -svg.
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
