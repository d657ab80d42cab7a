package postgrestest_test

import (
	"bufio"
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

func TestEveryDatabaseIsNewAndEmpty(t *testing.T) {
	for range 2 {
		conn := connect(t, postgrestest.URL(t))
		if _, err := conn.Exec(t.Context(), `CREATE TABLE once (n int)`); err != nil {
			t.Errorf("the database is not empty: %v", err)
		}
		if encoding := query[string](t, conn, `SHOW server_encoding`); encoding != "UTF8" {
			t.Errorf("the encoding is %s", encoding)
		}
	}
}

func TestConnectionsEndWithTheirTest(t *testing.T) {
	var conn *pgx.Conn
	t.Run("its test", func(t *testing.T) {
		var err error
		if conn, err = pgx.Connect(t.Context(), postgrestest.URL(t)); err != nil {
			t.Fatal(err)
		}
		if _, err := conn.Exec(t.Context(), `CREATE SCHEMA other; CREATE TABLE other.once (n int); BEGIN; LOCK TABLE other.once`); err != nil {
			t.Fatal(err)
		}
	})
	if _, err := conn.Exec(t.Context(), `SELECT 1`); err == nil {
		t.Error("the connection is still there")
	}
	_ = conn.Close(t.Context())
	if n := query[int](t, connect(t, postgrestest.URL(t)), `SELECT count(*) FROM pg_tables WHERE tablename = 'once'`); n != 0 {
		t.Error("the table is still there")
	}
}

func TestClusterKeepsWhatWasCommittedThroughACrash(t *testing.T) {
	cluster := postgrestest.Start(t, "work_mem=5MB")
	database := cluster.URL(t)
	conn := connect(t, database)
	if _, err := conn.Exec(t.Context(), `CREATE TABLE kept AS SELECT 1 AS n`); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		cluster.Stop(t)
		if _, err := pgx.Connect(t.Context(), database); err == nil {
			t.Error("the server was stopped and answers")
		}
		cluster.Start(t)
		conn = connect(t, database)
		if n := query[int](t, conn, `SELECT n FROM kept`); n != 1 {
			t.Errorf("the table holds %d", n)
		}
		if setting := query[string](t, conn, `SHOW work_mem`); setting != "5MB" {
			t.Errorf("the setting is %s", setting)
		}
	}
}

func TestClusterIsRemovedWithItsTest(t *testing.T) {
	var directory string
	t.Run("its test", func(t *testing.T) { directory = directoryOf(t, postgrestest.Start(t).URL(t)) })
	if _, err := os.Stat(directory); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the directory is still there, error %v", err)
	}
}

func TestStandbyRepeatsItsCluster(t *testing.T) {
	const delay = 200 * time.Millisecond
	cluster := postgrestest.Start(t)
	database := cluster.URL(t)
	primary := connect(t, database)
	if _, err := primary.Exec(t.Context(), `CREATE TABLE repeated AS SELECT -1 AS n`); err != nil {
		t.Fatal(err)
	}
	standby := cluster.Standby(t, fmt.Sprintf("recovery_min_apply_delay=%dms", delay.Milliseconds()))
	for n := range 2 {
		replica := connect(t, standby.URL(t, database))
		if !query[bool](t, replica, `SELECT pg_is_in_recovery()`) {
			t.Error("the standby is none")
		}
		begun := time.Now()
		if _, err := primary.Exec(t.Context(), `INSERT INTO repeated VALUES ($1)`, n); err != nil {
			t.Fatal(err)
		}
		for query[int](t, replica, `SELECT max(n) FROM repeated`) < n {
			if time.Since(begun) > 30*time.Second {
				t.Fatal("the standby does not repeat it")
			}
		}
		if took := time.Since(begun); took < delay {
			t.Errorf("the standby repeated it after %v, want not before %v", took, delay)
		}
		standby.Stop(t)
		if _, err := pgx.Connect(t.Context(), standby.URL(t, database)); err == nil {
			t.Error("the standby was stopped and answers")
		}
		standby.Start(t)
	}
}

// directoryOf returns the directory of a private cluster.
func directoryOf(t *testing.T, connection string) string {
	t.Helper()
	u, err := url.Parse(connection)
	if err != nil {
		t.Fatal(err)
	}
	return u.Query().Get("host")
}

// The tests below run the test binary again, which then executes TestChild only.

const childRuns = "REJOIN_TEST_CHILD_RUNS"

func TestChild(t *testing.T) {
	if os.Getenv(childRuns) == "" {
		t.Skip("only a child of other tests runs this")
	}
	fmt.Printf("directory %s\n", directoryOf(t, postgrestest.URL(t)))
	if os.Getenv(childRuns) == "for ever" {
		select {}
	}
}

func child(t *testing.T, runs string, environment ...string) *exec.Cmd {
	t.Helper()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	command := exec.CommandContext(t.Context(), program, "-test.run=^TestChild$", "-test.v")
	command.Env = append(append(os.Environ(), "TEST_DATABASE_URL=", childRuns+"="+runs), environment...)
	return command
}

// TestClusterIsGoneWithItsProcess lets the process end by itself, and kills it.
func TestClusterIsGoneWithItsProcess(t *testing.T) {
	postgrestest.Start(t) // skips where no private cluster can be had
	for rule, runs := range map[string]string{"ended": "once", "killed": "for ever"} {
		t.Run(rule, func(t *testing.T) {
			command := child(t, runs)
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
				t.Fatal("the child named no directory")
			}
			if runs == "for ever" {
				if err := command.Process.Kill(); err != nil {
					t.Fatal(err)
				}
			}
			for lines.Scan() { // until the pipe is closed, which the cluster must not hold open
			}
			_ = command.Wait()
			deadline := time.After(30 * time.Second)
			poll := time.NewTicker(10 * time.Millisecond)
			defer poll.Stop()
			for {
				if _, err := os.Stat(directory); errors.Is(err, fs.ErrNotExist) {
					return
				}
				select {
				case <-deadline:
					t.Fatal("the cluster is still there")
				case <-poll.C:
				}
			}
		})
	}
}

// TestWithoutAServer puts temporary files where none can be.
func TestWithoutAServer(t *testing.T) {
	for rule, c := range map[string]struct{ ci, want string }{
		"the test is skipped":          {"", "--- SKIP: TestChild"},
		"except in CI, where it fails": {"true", "--- FAIL: TestChild"},
	} {
		t.Run(rule, func(t *testing.T) {
			missing := filepath.Join(t.TempDir(), "missing")
			output, _ := child(t, "once", "CI="+c.ci, "TMPDIR="+missing, "TMP="+missing).CombinedOutput()
			if said := string(output); !strings.Contains(said, c.want) || !strings.Contains(said, "TEST_DATABASE_URL is not set") {
				t.Errorf("the child said:\n%s", said)
			}
		})
	}
}
