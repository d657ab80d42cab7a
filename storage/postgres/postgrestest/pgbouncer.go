package postgrestest

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// pgBouncerVariable names the PgBouncer program to test with.
const pgBouncerVariable = "REJOIN_TEST_PGBOUNCER"

// pgBouncerScript runs PgBouncer until its standard input is closed, which the kernel also does
// when this process is killed.
const pgBouncerScript = `
"$1" "$2/config" </dev/null &
cat >/dev/null
kill $!
wait
cd / && rm -rf "$2"`

// PgBouncer starts PgBouncer in transaction mode for one test and returns the connection
// string that leads through it to a database that [URL] or [Cluster.URL] returned. The settings,
// such as "max_prepared_statements=100", are added to the default ones. If PgBouncer is missing,
// or older than the given version, such as "1.21", PgBouncer skips the test, or fails it if the
// variable CI is set.
func PgBouncer(t testing.TB, database, version string, settings ...string) string {
	t.Helper()
	program, err := findPgBouncer(version)
	if err != nil {
		if os.Getenv("CI") != "" || os.Getenv(pgBouncerVariable) != "" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	config, err := pgx.ParseConfig(database)
	if err != nil {
		t.Fatal(err)
	}
	directory, err := os.MkdirTemp("", "rejoin-pgbouncer-")
	if err != nil {
		t.Fatal(err)
	}
	if err := chown(directory); err != nil {
		t.Fatal(err)
	}
	users := filepath.Join(directory, "users")
	write(t, users, fmt.Sprintf("%q %q\n", config.User, config.Password))
	write(t, filepath.Join(directory, "config"), strings.Join(append([]string{
		"[databases]", fmt.Sprintf("* = host=%s port=%d", config.Host, config.Port),
		"[pgbouncer]", "listen_addr=", "listen_port=6432", "unix_socket_dir=" + directory,
		"auth_type=trust", "auth_file=" + users,
		"pool_mode=transaction", "default_pool_size=4", "max_client_conn=1000",
		// PgBouncer must not hand out a connection that the server closed when the last test
		// with this database ended.
		"server_check_delay=0",
	}, settings...), "\n"))

	command := exec.Command("sh", "-c", pgBouncerScript, "pgbouncer", program, directory)
	command.Dir = directory
	detach(command)
	pipe, err := command.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = pipe.Close()
		_ = command.Wait() // the error is only the exit status
	})
	u := url.URL{
		Scheme: "postgres", User: url.User(config.User), Path: "/" + config.Database,
		RawQuery: "host=" + url.PathEscape(directory) + "&port=6432",
	}
	if err := accept(u.String()); err != nil {
		t.Fatalf("PgBouncer: %v", err)
	}
	return u.String()
}

func write(t testing.TB, name, content string) {
	t.Helper()
	if err := errors.Join(os.WriteFile(name, []byte(content), 0o600), chown(name)); err != nil {
		t.Fatal(err)
	}
}

// findPgBouncer returns the path of a PgBouncer that has at least the given version.
func findPgBouncer(version string) (string, error) {
	program := os.Getenv(pgBouncerVariable)
	if program == "" {
		for _, name := range []string{"pgbouncer", "/usr/sbin/pgbouncer"} {
			if path, err := exec.LookPath(name); err == nil {
				program = path
				break
			}
		}
	}
	if program == "" {
		return "", errors.New("PgBouncer is not installed")
	}
	output, err := exec.Command(program, "-V").Output()
	if err != nil {
		return "", fmt.Errorf("%s: %w", program, err)
	}
	line, _, _ := strings.Cut(string(output), "\n")
	if found := strings.TrimPrefix(line, "PgBouncer "); !isAtLeast(found, version) {
		return "", fmt.Errorf("PgBouncer has version %s and must have version %s or later; %s names another one", found, version, pgBouncerVariable)
	}
	return program, nil
}

// isAtLeast compares versions such as 1.9.0 and 1.21 number by number.
func isAtLeast(version, least string) bool {
	have, need := strings.Split(version, "."), strings.Split(least, ".")
	for i := range min(len(have), len(need)) {
		h, _ := strconv.Atoi(have[i])
		n, _ := strconv.Atoi(need[i])
		if h != n {
			return h > n
		}
	}
	return len(have) >= len(need)
}

// accept connects to a server until a connection succeeds.
func accept(url string) error {
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	for {
		conn, err := pgx.Connect(ctx, url)
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
