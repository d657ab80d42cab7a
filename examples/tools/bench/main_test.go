package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/jackc/pgx/v5"

	"github.com/rejoinhq/rejoin/storage/postgres/postgrestest"
)

// TestMain runs a role of the program if the benchmark has started the test binary for it.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && roles()[os.Args[1]] != nil {
		main()
	}
	status := m.Run()
	if built != "" {
		_ = os.RemoveAll(built)
	}
	os.Exit(status)
}

// built is the directory of the example server that all tests share, if one has built it.
var built string

// exampleServer builds the example server once, because that takes longer than the tests.
var exampleServer = sync.OnceValues(func() (program string, err error) {
	if built, err = os.MkdirTemp("", "rejoin-bench-test-"); err != nil {
		return "", err
	}
	return buildServer(context.Background(), built)
})

// TestBenchmark runs all rows on SQLite, and then one row on the database of that run.
func TestBenchmark(t *testing.T) {
	kept := filepath.Join(t.TempDir(), "kept")
	t.Run("all rows", func(t *testing.T) { checkBenchmark(t, 11, wroteDatabase, "-only", "^SQLite", "-dir", kept) })
	t.Run("a row on the same database", func(t *testing.T) {
		checkBenchmark(t, 1, foundDatabase, "-only", "^SQLite, hot, 2", "-dir", kept)
	})
}

// TestBenchmarkOnPostgres checks that a kept database is used again, and that others are dropped.
func TestBenchmarkOnPostgres(t *testing.T) {
	server := postgrestest.Start(t).URL(t)
	args := []string{"-only", "^Postgres, hot, 2", "-postgres", server}
	t.Run("a run", func(t *testing.T) {
		checkBenchmark(t, 1, wroteDatabase, args...)
		checkDatabases(t, server)
	})
	kept := append(args, "-dir", t.TempDir())
	t.Run("a run that keeps its database", func(t *testing.T) {
		checkBenchmark(t, 1, wroteDatabase, kept...)
		checkDatabases(t, server, "rejoin_bench_120_3")
	})
	t.Run("a run on the same database", func(t *testing.T) {
		checkBenchmark(t, 1, foundDatabase, kept...)
		checkDatabases(t, server, "rejoin_bench_120_3")
	})
}

const (
	wroteDatabase = true
	foundDatabase = false
)

// checkBenchmark runs the benchmark and checks the number of rows in its output.
func checkBenchmark(t *testing.T, rows int, wrote bool, more ...string) {
	t.Helper()
	dir := t.TempDir()
	markdown, svg := filepath.Join(dir, "bench.md"), filepath.Join(dir, "bench.svg")
	server, err := exampleServer()
	must(t, err)
	args := append([]string{
		"-server", server, "-quick", "-rounds", "2", "-duration", "20ms", "-consumers", "120", "-connections", "2", "-o", markdown, "-svg", svg,
	}, more...)
	var stdout, stderr bytes.Buffer
	if status := run(t.Context(), args, noEnvironment, nil, &stdout, &stderr); status != 0 {
		t.Fatalf("exit status %d: %s", status, &stderr)
	}
	if got := strings.Count(stdout.String(), "\n| SQLite") + strings.Count(stdout.String(), "\n| Postgres"); got != rows {
		t.Errorf("%d rows, want %d:\n%s", got, rows, &stdout)
	}
	if got := strings.Contains(stderr.String(), ": wrote 120 consumers with 3 participations in "); got != wrote {
		t.Errorf("wrote the database: %t, want %t\n%s", got, wrote, &stderr)
	}
	if got := read(t, markdown); got != stdout.String() {
		t.Errorf("the file differs from the terminal:\n%s", got)
	}
	checkPlot(t, read(t, svg), rows)
}

func checkDatabases(t *testing.T, server string, want ...string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), server)
	must(t, err)
	defer conn.Close(t.Context())
	rows, err := conn.Query(t.Context(), `SELECT datname FROM pg_database WHERE datname LIKE 'rejoin\_bench\_%' ORDER BY 1`)
	must(t, err)
	got, err := pgx.CollectRows(rows, pgx.RowTo[string])
	must(t, err)
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("databases (-want +got):\n%s", diff)
	}
}

func TestInvalidArguments(t *testing.T) {
	for name, test := range map[string]struct {
		args []string
		want string
	}{
		"an unknown flag":        {[]string{"-nothing"}, "bench: flag provided but not defined: -nothing\n"},
		"an argument":            {[]string{"quick"}, "bench: unexpected argument \"quick\"\n"},
		"no connection":          {[]string{"-connections", "0"}, "bench: -connections must be from 1 to 4096\n"},
		"a number twice":         {[]string{"-connections", "1,1"}, "bench: invalid value \"1,1\" for flag -connections: 1 is given twice\n"},
		"no number":              {[]string{"-participations", "x"}, "bench: invalid value \"x\" for flag -participations: must be whole numbers, separated by commas\n"},
		"many participations":    {[]string{"-participations", "1001"}, "bench: -participations must be from 0 to 1000\n"},
		"no time":                {[]string{"-duration", "0s"}, "bench: -duration must be from 10ms to 1m\n"},
		"no round":               {[]string{"-rounds", "0"}, "bench: -rounds must be from 1 to 1000\n"},
		"nobody":                 {[]string{"-consumers", "0"}, "bench: -consumers must be from 1 to 10000000\n"},
		"a database that is not": {[]string{"-postgres", "host=secret"}, "bench: -postgres must be a URL: postgres://…\n"},
		"rows that are not":      {[]string{"-only", "nothing"}, "bench: -only matches the name of no row; -list prints them\n"},
	} {
		t.Run(name, func(t *testing.T) {
			var stdout, stderr bytes.Buffer
			if status := run(t.Context(), test.args, noEnvironment, nil, &stdout, &stderr); status != 1 || stderr.String() != test.want || stdout.Len() > 0 {
				t.Errorf("exit status %d, stderr %q, stdout %q", status, &stderr, &stdout)
			}
		})
	}
	t.Run("a program that does not exist", func(t *testing.T) {
		var stderr bytes.Buffer
		status := run(t.Context(), []string{"-quick", "-server", filepath.Join(t.TempDir(), "nothing")}, noEnvironment, nil, &bytes.Buffer{}, &stderr)
		if last := lastLine(stderr.String()); status != 1 || !strings.Contains(last, "start the example server: ") {
			t.Errorf("exit status %d: %s", status, last)
		}
	})
}

func TestHelp(t *testing.T) {
	var stdout, stderr bytes.Buffer
	if status := run(t.Context(), []string{"-help"}, noEnvironment, nil, &stdout, &stderr); status != 0 || stderr.Len() > 0 || !strings.Contains(stdout.String(), "-connections") {
		t.Errorf("exit status %d, stderr %q, stdout %q", status, &stderr, &stdout)
	}
}

func lastLine(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return lines[len(lines)-1]
}

func noEnvironment(string) string { return "" }

func read(t *testing.T, file string) string {
	t.Helper()
	data, err := os.ReadFile(file)
	must(t, err)
	return string(data)
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
