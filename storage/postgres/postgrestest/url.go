package postgrestest

import (
	"context"
	"crypto/rand"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// timeout is how long the server may take to start, to create a database or to drop one. It
// is long enough for a machine that is busy with other work.
const timeout = 5 * time.Minute

// URL returns the connection string of a new, empty database with the encoding UTF8. When the
// test ends, the connections to the database are closed and the database is dropped.
func URL(t testing.TB) string {
	t.Helper()
	if server := os.Getenv("TEST_DATABASE_URL"); server != "" {
		return newDatabase(t, server)
	}
	databases, err := private()
	if err != nil {
		skipOrFail(t, err)
	}
	return databases.take(t)
}

// skipOrFail skips the test. It fails the test if the variable CI is set, because nobody reads
// in CI which tests were skipped, and if a certain PostgreSQL was asked for.
func skipOrFail(t testing.TB, err error) {
	t.Helper()
	if os.Getenv("TEST_DATABASE_URL") != "" {
		t.Skipf("the test needs a private PostgreSQL, which could not be started: %v", err)
	}
	const message = "TEST_DATABASE_URL is not set, and no private PostgreSQL could be started"
	if os.Getenv("CI") != "" || os.Getenv(binVariable) != "" {
		t.Fatalf("%s: %v", message, err)
	}
	t.Skipf("%s: %v", message, err)
}

// newDatabase creates a database on a server and returns its URL. It drops the database when
// the test ends.
func newDatabase(t testing.TB, server string) string {
	t.Helper()
	name := newName()
	execute(t, server, `CREATE DATABASE `+name+` TEMPLATE template0 ENCODING 'UTF8'`)
	t.Cleanup(func() { execute(t, server, `DROP DATABASE IF EXISTS `+name+` WITH (FORCE)`) })
	return withDatabase(t, server, name)
}

func newName() string { return "rejoin_test_" + strings.ToLower(rand.Text()) }

// execute runs a statement on a new connection. It does not use the test's context, because
// cleanup functions call it after that context has ended.
func execute(t testing.TB, server, statement string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	conn, err := pgx.Connect(ctx, server)
	if err != nil {
		t.Fatalf("connect to the test server: %v", err)
	}
	defer conn.Close(ctx)
	if _, err := conn.Exec(ctx, statement); err != nil {
		t.Fatalf("%s: %v", strings.TrimSpace(statement), err)
	}
}

func withDatabase(t testing.TB, server, name string) string {
	t.Helper()
	u, err := url.Parse(server)
	if err != nil || !strings.HasPrefix(u.Scheme, "postgres") {
		t.Fatal("TEST_DATABASE_URL must be a URL: postgres://…")
	}
	u.Path = "/" + name
	return u.String()
}
