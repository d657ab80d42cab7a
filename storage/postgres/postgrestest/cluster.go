package postgrestest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// Cluster is a private PostgreSQL server, for tests that stop and start it, or that
// want other settings.
type Cluster struct {
	directory string
	postgres  string // the program
	settings  []string
	server    *exec.Cmd // nil while it is stopped
	// guard lives as long as the pipe to its standard input is open, and then removes
	// the cluster. The kernel closes the pipe when the process ends, also by a panic
	// or a kill, which no code of ours would notice.
	guard *exec.Cmd
	pipe  io.Closer
}

// role is the superuser of the cluster.
const role = "rejoin"

// Start starts a cluster for one test, with settings such as "fsync=on" besides its
// own, and removes it when the test ends. It skips the test when it can't.
func Start(t testing.TB, settings ...string) *Cluster {
	t.Helper()
	c, err := start(initialize, settings)
	if err != nil {
		giveUp(t, err)
	}
	c.removeAfter(t)
	return c
}

func (c *Cluster) removeAfter(t testing.TB) {
	t.Cleanup(func() {
		if c.server != nil {
			c.Stop(t)
		}
		if err := c.remove(); err != nil {
			t.Errorf("remove the cluster: %v", err)
		}
	})
}

// URL returns the connection string of a new and empty database of the cluster.
func (c *Cluster) URL(t testing.TB) string {
	t.Helper()
	name := newName()
	execute(t, c.url("postgres"), `CREATE DATABASE `+name)
	return c.url(name)
}

// Stop stops the server at once, as a crash would: what was not yet committed is
// lost, and connections end without a word. It returns when the server is gone.
func (c *Cluster) Stop(t testing.TB) {
	t.Helper()
	if err := c.server.Process.Signal(immediateShutdown); err != nil {
		t.Fatalf("stop the server: %v", err)
	}
	_ = c.server.Wait() // says how it ended
	c.server = nil
}

// Start starts the server again, and returns when it accepts connections.
func (c *Cluster) Start(t testing.TB) {
	t.Helper()
	if err := c.run(); err != nil {
		t.Fatal(err)
	}
}

func (c *Cluster) url(database string) string {
	u := url.URL{
		Scheme: "postgres", User: url.User(role), Path: "/" + database,
		RawQuery: "host=" + url.PathEscape(c.directory), // a plus would be no space
	}
	return u.String()
}

// start starts a cluster whose data a function creates.
func start(create func(*Cluster) error, settings []string) (*Cluster, error) {
	if immediateShutdown == nil {
		return nil, errors.New("this system has no sockets in directories")
	}
	postgres, err := findProgram("postgres")
	if err != nil {
		return nil, err
	}
	directory, err := os.MkdirTemp("", "rejoin-postgres-")
	if err != nil {
		return nil, err
	}
	c := &Cluster{directory: directory, postgres: postgres, settings: settings}
	if err := errors.Join(giveAway(directory), create(c)); err != nil {
		return nil, errors.Join(err, os.RemoveAll(directory))
	}
	if err := c.watch(); err != nil {
		return nil, errors.Join(err, os.RemoveAll(directory))
	}
	if err := c.run(); err != nil {
		return nil, errors.Join(err, c.remove())
	}
	return c, nil
}

func (c *Cluster) data() string { return filepath.Join(c.directory, "data") }

// initialize creates the data of a new cluster.
func initialize(c *Cluster) error {
	return c.runProgram("initdb", "--pgdata="+c.data(), "--username="+role, "--auth=trust",
		"--encoding=UTF8", "--no-locale", "--no-sync", "--no-instructions")
}

// runProgram runs one of PostgreSQL's programs to its end.
func (c *Cluster) runProgram(name string, arguments ...string) error {
	program, err := findProgram(name)
	if err != nil {
		return err
	}
	if output, err := c.prepared(exec.Command(program, arguments...)).CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w: %s", name, err, bytes.TrimSpace(output))
	}
	return nil
}

// prepared makes a command run in the cluster's directory, as a user who may.
func (c *Cluster) prepared(command *exec.Cmd) *exec.Cmd {
	command.Dir = c.directory
	detach(command)
	return command
}

// guardScript waits until its input is closed, stops the server, waits until that has
// removed its file, and removes the directory, which is its argument.
const guardScript = `
cat >/dev/null
read -r server <"$1/data/postmaster.pid" && kill -QUIT "$server"
n=0
while [ -e "$1/data/postmaster.pid" ] && [ $n -lt 200 ]; do sleep 0.05; n=$((n + 1)); done
cd / && rm -rf "$1"`

func (c *Cluster) watch() error {
	c.guard = c.prepared(exec.Command("sh", "-c", guardScript, "guard", c.directory))
	pipe, err := c.guard.StdinPipe()
	if err != nil {
		return err
	}
	c.pipe = pipe
	return c.guard.Start()
}

// remove returns when the guard has removed everything.
func (c *Cluster) remove() error {
	if err := c.pipe.Close(); err != nil {
		return err
	}
	_ = c.guard.Wait() // a server that was stopped already is no failure
	if _, err := os.Stat(c.directory); err == nil {
		return os.RemoveAll(c.directory)
	}
	return nil
}

// run starts the server and waits until it accepts connections. It does not sync its
// files, because no test outlives the operating system; a commit is in their cache,
// where a crash of the server doesn't reach it.
func (c *Cluster) run() error {
	// A file, because go test waits until nobody has its own output open any more.
	log, err := os.OpenFile(filepath.Join(c.directory, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	command := c.prepared(exec.Command(c.postgres, "-D", c.data()))
	for _, setting := range append([]string{
		"listen_addresses=", "unix_socket_directories=\"" + c.directory + `"`,
		"fsync=off", "full_page_writes=off", "autovacuum=off", "max_connections=200", "log_min_messages=fatal",
	}, c.settings...) {
		command.Args = append(command.Args, "-c", setting)
	}
	command.Stdout, command.Stderr = log, log
	if err := command.Start(); err != nil {
		return err
	}
	c.server = command
	if err := c.accept(); err != nil {
		said, _ := os.ReadFile(log.Name())
		return fmt.Errorf("%w: %s", err, bytes.TrimSpace(said))
	}
	return nil
}

// accept asks until the server answers.
func (c *Cluster) accept() error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for {
		conn, err := pgx.Connect(ctx, c.url("postgres"))
		if err == nil {
			return conn.Close(ctx)
		}
		select {
		case <-ctx.Done():
			return errors.New("the server does not accept connections")
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// findProgram looks in the PATH, where pg_config says, and where Debian keeps them;
// of several versions it takes the latest.
func findProgram(name string) (string, error) {
	if path, err := exec.LookPath(name); err == nil {
		return path, nil
	}
	if output, err := exec.Command("pg_config", "--bindir").Output(); err == nil {
		if path, err := exec.LookPath(filepath.Join(string(bytes.TrimSpace(output)), name)); err == nil {
			return path, nil
		}
	}
	paths, err := filepath.Glob(filepath.Join("/usr/lib/postgresql/*/bin", name))
	if err != nil || len(paths) == 0 {
		return "", fmt.Errorf("%s is not installed", name)
	}
	latest := paths[0]
	for _, path := range paths {
		if version(path) > version(latest) {
			latest = path
		}
	}
	return latest, nil
}

// version returns the number in a path of Debian's.
func version(path string) int {
	n, err := strconv.Atoi(filepath.Base(filepath.Dir(filepath.Dir(path))))
	if err != nil {
		return 0
	}
	return n
}
