// Server is the example server: the two endpoints on an embedded database, with
// demonstration data, or on your own database, fixture and key set.
//
//	go run ./examples/server
//	go run ./examples/server -help
//
// Beside serving it has commands for who runs a database: migrate, import and keys;
// and health for who runs the server in a container.
//
// It is thin on purpose: flags, wiring and demonstration data. Every rule lives in
// the library.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the program at once
	room := headroom()
	status := run(ctx, os.Args[1:], os.Getenv, os.Stdout, os.Stderr)
	runtime.KeepAlive(room)
	os.Exit(status)
}

// run is the whole program, for main and for the tests: it serves until ctx is done,
// and returns the exit status. Whatever stops it is one line on stderr.
func run(ctx context.Context, args []string, getenv func(string) string, stdout, stderr io.Writer) int {
	command := runServer
	if len(args) > 0 {
		if named, ok := commands[args[0]]; ok {
			command, args = named, args[1:]
		}
	}
	err := command(ctx, args, getenv, stdout, stderr)
	switch {
	case errors.Is(err, errHelp):
		return 0
	case err != nil:
		fmt.Fprintln(stderr, "server:", oneLine(err.Error()))
		return 1
	}
	return 0
}

// command is what the program can be told to do.
type command func(ctx context.Context, args []string, getenv func(string) string, stdout, stderr io.Writer) error

// commands are the commands beside serving, which needs no name.
var commands = map[string]command{
	"migrate": runMigrate,
	"import":  runImport,
	"keys":    runKeys,
	"health":  runHealth,
}

func runServer(ctx context.Context, args []string, getenv func(string) string, stdout, stderr io.Writer) error {
	config, err := parseConfig(args, getenv, stdout)
	if err != nil {
		return err
	}
	server, err := start(ctx, config, stderr)
	if err != nil {
		return err
	}
	if _, err := io.WriteString(stdout, server.greeting); err != nil {
		return errors.Join(err, server.close())
	}
	return server.serve(ctx)
}
