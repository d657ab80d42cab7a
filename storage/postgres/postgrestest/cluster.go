package postgrestest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
)

// Cluster is a private PostgreSQL server. It is for tests that stop and start the server or
// need other settings.
type Cluster struct {
	directory string
	postgres  string // the program
	settings  []string
	server    *exec.Cmd // nil while the server is stopped
	// guard is a process that removes the cluster when its standard input is closed.
	// The kernel closes that pipe when this process ends, even after a panic or SIGKILL,
	// when no cleanup function runs.
	guard *exec.Cmd
	pipe  io.Closer
}

// role is the name of the cluster's superuser.
const role = "rejoin"

// Start starts a cluster for one test and removes it when the test ends. The settings, such
// as "fsync=on", are added to the default ones. If the cluster cannot be started, Start skips
// the test, or fails it if the variable CI is set.
func Start(t testing.TB, settings ...string) *Cluster {
	t.Helper()
	c, err := start(initialize, settings)
	if err != nil {
		skipOrFail(t, err)
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

// Stop stops the server at once, as a crash would. Uncommitted changes are lost, and open
// connections end without a message. Stop returns when the server process has ended.
func (c *Cluster) Stop(t testing.TB) {
	t.Helper()
	if err := c.server.Process.Signal(immediateShutdown); err != nil {
		t.Fatalf("stop the server: %v", err)
	}
	_ = c.server.Wait() // the error is only the exit status
	c.server = nil
}

// Start starts the server again and returns when it accepts connections.
func (c *Cluster) Start(t testing.TB) {
	t.Helper()
	if err := c.run(); err != nil {
		t.Fatal(err)
	}
}

func (c *Cluster) url(database string) string {
	u := url.URL{
		Scheme: "postgres", User: url.User(role), Path: "/" + database,
		RawQuery: "host=" + url.PathEscape(c.directory), // QueryEscape encodes a space as a plus, which libpq does not decode
	}
	return u.String()
}

// start starts a cluster. The function initialize writes its data directory.
func start(initialize func(*Cluster) error, settings []string) (*Cluster, error) {
	c, err := create(initialize, settings)
	if err != nil {
		return nil, err
	}
	if err := c.run(); err != nil {
		return nil, errors.Join(err, c.remove())
	}
	return c, nil
}

// create makes a cluster whose server is not started.
func create(initialize func(*Cluster) error, settings []string) (*Cluster, error) {
	if immediateShutdown == nil {
		return nil, errors.New("this system has no Unix sockets")
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
	if err := errors.Join(chown(directory), initialize(c)); err != nil {
		return nil, errors.Join(err, os.RemoveAll(directory))
	}
	if err := c.watch(); err != nil {
		return nil, errors.Join(err, os.RemoveAll(directory))
	}
	return c, nil
}

func (c *Cluster) data() string { return filepath.Join(c.directory, "data") }

// template returns a cluster whose data directory is new. Its server never starts.
var template = sync.OnceValues(func() (*Cluster, error) {
	return create(func(c *Cluster) error {
		return c.runProgram("initdb", "--pgdata="+c.data(), "--username="+role, "--auth=trust",
			"--encoding=UTF8", "--no-locale", "--no-sync")
	}, nil)
})

// initialize copies the data directory of the template, which takes a tenth of the time that
// initdb takes.
func initialize(c *Cluster) error {
	t, err := template()
	if err != nil {
		return err
	}
	return c.runProgram("cp", "-R", t.data(), c.data())
}

// runProgram runs a program, such as one of PostgreSQL's, and waits until it ends.
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

// prepared makes a command run in the cluster's directory, as a user for whom PostgreSQL
// starts.
func (c *Cluster) prepared(command *exec.Cmd) *exec.Cmd {
	command.Dir = c.directory
	detach(command)
	return command
}

// guardScript waits until its standard input is closed. Then it stops the server, waits up to
// 10 seconds for the server to remove its PID file, and removes the directory that is its
// argument.
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

// remove removes the cluster and returns when the guard is done.
func (c *Cluster) remove() error {
	if err := c.pipe.Close(); err != nil {
		return err
	}
	_ = c.guard.Wait() // the guard also fails if the server was stopped before
	if _, err := os.Stat(c.directory); err == nil {
		return os.RemoveAll(c.directory)
	}
	return nil
}

// run starts the server and waits until it accepts connections. The server does not sync its
// files: a commit survives a crash of the server in the operating system's cache, and no test
// crashes the operating system.
func (c *Cluster) run() error {
	// The log is a file, because go test waits until every process has closed its output.
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
	if err := accept(c.url("postgres")); err != nil {
		output, _ := os.ReadFile(log.Name())
		return fmt.Errorf("%w: %s", err, bytes.TrimSpace(output))
	}
	return nil
}

// binVariable names the directory of the PostgreSQL programs to test with.
const binVariable = "REJOIN_TEST_POSTGRES_BIN"

// findProgram returns the path of a PostgreSQL program. It looks in the directory that
// binVariable names, in the PATH, in the directory that pg_config prints, and in Debian's
// directories, where it takes the latest version. The server itself is never another one
// than that of binVariable.
func findProgram(name string) (string, error) {
	if directory := os.Getenv(binVariable); directory != "" {
		path, err := exec.LookPath(filepath.Join(directory, name))
		if err == nil {
			return path, nil
		}
		if name == "postgres" || name == "initdb" {
			return "", fmt.Errorf("%s: %w", binVariable, err)
		}
	}
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

// version returns the major version in a path such as /usr/lib/postgresql/15/bin/postgres.
func version(path string) int {
	n, err := strconv.Atoi(filepath.Base(filepath.Dir(filepath.Dir(path))))
	if err != nil {
		return 0
	}
	return n
}
