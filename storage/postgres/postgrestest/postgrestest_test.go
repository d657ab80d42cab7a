package postgrestest_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/rejoinhq/rejoin/storage/postgres/postgrestest"
)

func connect(t *testing.T, url string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(t.Context()) })
	return conn
}

func query[T any](t *testing.T, conn *pgx.Conn, statement string) (value T) {
	t.Helper()
	if err := conn.QueryRow(t.Context(), statement).Scan(&value); err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
	return value
}

// untilDeadline returns a context that ends shortly before go test ends the process, so that a
// test which waits for too long can still say what it waited for.
func untilDeadline(t *testing.T) context.Context {
	t.Helper()
	deadline, ok := t.Deadline()
	if !ok {
		return t.Context()
	}
	ctx, cancel := context.WithDeadline(t.Context(), deadline.Add(-10*time.Second))
	t.Cleanup(cancel)
	return ctx
}

func TestEachDatabaseIsNewAndEmpty(t *testing.T) {
	for range 2 {
		conn := connect(t, postgrestest.URL(t))
		if _, err := conn.Exec(t.Context(), `CREATE TABLE once (n int)`); err != nil {
			t.Errorf("the database is not empty: %v", err)
		}
		if encoding := query[string](t, conn, `SHOW server_encoding`); encoding != "UTF8" {
			t.Errorf("the encoding is %s, want UTF8", encoding)
		}
	}
}

func TestConnectionsEndWithTheirTest(t *testing.T) {
	var conn *pgx.Conn
	t.Run("subtest", func(t *testing.T) {
		var err error
		if conn, err = pgx.Connect(t.Context(), postgrestest.URL(t)); err != nil {
			t.Fatal(err)
		}
		if _, err := conn.Exec(t.Context(), `CREATE SCHEMA other; CREATE TABLE other.once (n int); BEGIN; LOCK TABLE other.once`); err != nil {
			t.Fatal(err)
		}
	})
	if conn == nil {
		t.Skip("the subtest was skipped: it had no server")
	}
	if _, err := conn.Exec(t.Context(), `SELECT 1`); err == nil {
		t.Error("the connection is still there")
	}
	_ = conn.Close(t.Context())
	if n := query[int](t, connect(t, postgrestest.URL(t)), `SELECT count(*) FROM pg_tables WHERE tablename = 'once'`); n != 0 {
		t.Error("the table is still there")
	}
}

func TestClusterKeepsCommittedDataAfterACrash(t *testing.T) {
	cluster := postgrestest.Start(t, "work_mem=5MB")
	database := cluster.URL(t)
	conn := connect(t, database)
	if _, err := conn.Exec(t.Context(), `CREATE TABLE kept AS SELECT 1 AS n`); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		cluster.Stop(t)
		if _, err := pgx.Connect(t.Context(), database); err == nil {
			t.Error("the server accepts connections after Stop")
		}
		cluster.Start(t)
		conn = connect(t, database)
		if n := query[int](t, conn, `SELECT n FROM kept`); n != 1 {
			t.Errorf("the table has %d, want 1", n)
		}
		if setting := query[string](t, conn, `SHOW work_mem`); setting != "5MB" {
			t.Errorf("the setting is %s, want 5MB", setting)
		}
	}
}

func TestClusterIsRemovedWithItsTest(t *testing.T) {
	var directory string
	t.Run("subtest", func(t *testing.T) { directory = directoryOf(t, postgrestest.Start(t).URL(t)) })
	if directory == "" {
		t.Skip("the subtest was skipped: it had no cluster")
	}
	if _, err := os.Stat(directory); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the directory is still there, error %v", err)
	}
}

func TestStandbyReplaysItsCluster(t *testing.T) {
	const delay = 200 * time.Millisecond
	cluster := postgrestest.Start(t)
	ctx := untilDeadline(t)
	database := cluster.URL(t)
	primary := connect(t, database)
	if _, err := primary.Exec(t.Context(), `CREATE TABLE replayed AS SELECT -1 AS n`); err != nil {
		t.Fatal(err)
	}
	standby := cluster.Standby(t, fmt.Sprintf("recovery_min_apply_delay=%dms", delay.Milliseconds()))
	for n := range 2 {
		replica := connect(t, standby.URL(t, database))
		if !query[bool](t, replica, `SELECT pg_is_in_recovery()`) {
			t.Error("the server is not a standby")
		}
		start := time.Now()
		if _, err := primary.Exec(t.Context(), `INSERT INTO replayed VALUES ($1)`, n); err != nil {
			t.Fatal(err)
		}
		for query[int](t, replica, `SELECT max(n) FROM replayed`) < n {
			if ctx.Err() != nil {
				t.Fatal("the standby does not replay the insert")
			}
		}
		if took := time.Since(start); took < delay {
			t.Errorf("the standby replayed the insert after %v, want at least %v", took, delay)
		}
		standby.Stop(t)
		if _, err := pgx.Connect(t.Context(), standby.URL(t, database)); err == nil {
			t.Error("the standby accepts connections after Stop")
		}
		standby.Start(t)
	}
}

// directoryOf returns the directory of a private cluster from a connection string.
func directoryOf(t *testing.T, connection string) string {
	t.Helper()
	u, err := url.Parse(connection)
	if err != nil {
		t.Fatal(err)
	}
	return u.Query().Get("host")
}

// The tests below start the test binary again as a child process that runs only TestChild.

// childMode is the variable that tells the child whether to end, modeOnce, or to keep running
// until it is killed, modeForever.
const (
	childMode   = "REJOIN_TEST_CHILD_MODE"
	modeOnce    = "once"
	modeForever = "forever"
)

func TestChild(t *testing.T) {
	if os.Getenv(childMode) == "" {
		t.Skip("only a child process of other tests runs this")
	}
	fmt.Printf("directory %s\n", directoryOf(t, postgrestest.URL(t)))
	if os.Getenv(childMode) == modeForever {
		select {}
	}
}

func child(t *testing.T, mode string, environment ...string) *exec.Cmd {
	t.Helper()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	command := exec.CommandContext(t.Context(), program, "-test.run=^TestChild$", "-test.v")
	command.Env = append(append(os.Environ(), "TEST_DATABASE_URL=", childMode+"="+mode), environment...)
	return command
}

// TestClusterIsRemovedWithItsProcess tests a process that ends by itself and one that is
// killed.
func TestClusterIsRemovedWithItsProcess(t *testing.T) {
	postgrestest.Start(t) // skips the test if no private cluster can be started
	for name, mode := range map[string]string{"ended": modeOnce, "killed": modeForever} {
		t.Run(name, func(t *testing.T) {
			command := child(t, mode)
			output, err := command.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := command.Start(); err != nil {
				t.Fatal(err)
			}
			var directory string
			lines := bufio.NewScanner(output)
			for directory == "" && lines.Scan() {
				directory, _ = strings.CutPrefix(lines.Text(), "directory ")
				if !filepath.IsAbs(directory) {
					directory = ""
				}
			}
			if directory == "" {
				t.Fatal("the child printed no directory")
			}
			if mode == modeForever {
				if err := command.Process.Kill(); err != nil {
					t.Fatal(err)
				}
			}
			for lines.Scan() { // until the pipe is closed: the cluster must not keep it open
			}
			_ = command.Wait()
			ctx := untilDeadline(t)
			poll := time.NewTicker(10 * time.Millisecond)
			defer poll.Stop()
			for {
				if _, err := os.Stat(directory); errors.Is(err, fs.ErrNotExist) {
					return
				}
				select {
				case <-ctx.Done():
					t.Fatal("the cluster is still there")
				case <-poll.C:
				}
			}
		})
	}
}

// TestWithoutAServer sets a directory for temporary files that does not exist, so that no
// cluster can be started.
func TestWithoutAServer(t *testing.T) {
	for name, test := range map[string]struct{ ci, want string }{
		"the test is skipped":          {"", "--- SKIP: TestChild"},
		"except in CI, where it fails": {"true", "--- FAIL: TestChild"},
	} {
		t.Run(name, func(t *testing.T) {
			missing := filepath.Join(t.TempDir(), "missing")
			output, _ := child(t, modeOnce, "CI="+test.ci, "REJOIN_TEST_POSTGRES_BIN=", "TMPDIR="+missing, "TMP="+missing).CombinedOutput()
			if text := string(output); !strings.Contains(text, test.want) || !strings.Contains(text, "TEST_DATABASE_URL is not set") {
				t.Errorf("the child printed:\n%s", text)
			}
		})
	}
}

// TestServerIsNeverAnotherVersion names a directory without PostgreSQL.
func TestServerIsNeverAnotherVersion(t *testing.T) {
	const variable = "REJOIN_TEST_POSTGRES_BIN"
	output, err := child(t, modeOnce, variable+"="+t.TempDir()).CombinedOutput()
	if err == nil || !strings.Contains(string(output), variable+": ") {
		t.Errorf("the child did not fail and name %s:\n%s", variable, output)
	}
}
