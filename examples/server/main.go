// Server is the example server: it serves the API from an embedded database with
// demonstration data, or from your own database, fixture and key set.
//
//	go run ./examples/server
//	go run ./examples/server -help
//
// Besides serving it has commands for the people who operate it, such as migrate, import
// and keys.
//
// It consists of flags and wiring. All rules are in the library, and the demonstration is
// in examples/demo.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"regexp"
	"runtime/debug"
	"strings"
	"syscall"

	"github.com/rejoinhq/rejoin/examples/internal/tokensocket"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the program at once
	collectLessOften()
	p := program{getenv: os.Getenv, stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr}
	os.Exit(p.run(ctx, os.Args[1:]))
}

// collectLessOften makes the garbage collector run at five times the live memory instead of
// at twice, unless the variable GOGC is set. The server's live memory is small and its
// requests allocate, so at the default the collector takes 6 % of the processor time of a
// request. GOMEMLIMIT bounds the memory.
func collectLessOften() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(400)
	}
}

// program is the process as the program sees it, which tests replace.
type program struct {
	getenv         func(string) string
	stdin          io.Reader
	stdout, stderr io.Writer
}

// command runs one of the commands. Its args do not include its name.
type command func(p program, ctx context.Context, args []string) error

// commands are the commands besides serving, which has no name.
var commands = map[string]command{
	"migrate": program.migrate,
	"import":  program.importFixture,
	"keys":    program.keys,
	"show":    program.show,
	"erase":   program.erase,
	"merge":   program.merge,
	"purge":   program.purge,
	"token":   program.token,
	"health":  program.health,
}

// run runs a command, or serves until ctx is done, and returns the exit status: 0 for
// success, 2 for a mistake in the arguments, and 1 for any other failure. A failure is
// one line on stderr.
func (p program) run(ctx context.Context, args []string) (status int) {
	name := "server"
	run := program.serve
	if len(args) > 0 && !strings.HasPrefix(args[0], "-") {
		named, known := commands[args[0]]
		if !known {
			return p.fail(name, unknownCommand(args[0]))
		}
		name, run, args = name+" "+args[0], named, args[1:]
	}
	return p.fail(name, run(p, ctx, args))
}

// fail reports an error, if there is one, and returns the exit status.
func (p program) fail(name string, err error) (status int) {
	switch usage := (usageError{}); {
	case err == nil, errors.Is(err, errHelp):
		return 0
	case errors.Is(err, errPending):
		return 1
	case errors.As(err, &usage):
		fmt.Fprintf(p.stderr, "%s: %s (%s -help explains)\n", name, printable(err.Error()), name)
		return 2
	default:
		fmt.Fprintf(p.stderr, "server: %s\n", printable(err.Error()))
		return 1
	}
}

// unknownCommand names the command if it can be a misspelled one. Anything else may be a
// secret in the wrong place.
func unknownCommand(name string) error {
	if regexp.MustCompile(`^[a-z-]{1,20}$`).MatchString(name) {
		return usagef("unknown command %q", name)
	}
	return usagef("unknown command")
}

func (p program) serve(ctx context.Context, args []string) error {
	config, err := parseConfig(p, args)
	if err != nil {
		return err
	}
	config.socketDir = tokensocket.Dir(p.getenv)
	server, err := start(ctx, config, p.stderr)
	if err != nil {
		return err
	}
	if _, err := io.WriteString(p.stdout, server.greeting); err != nil {
		return errors.Join(err, server.close())
	}
	return server.serve(ctx)
}
