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

// patience is how long the server may take to make or to drop a database.
const patience = time.Minute

// URL returns the connection string of a new and empty database in the encoding
// UTF8. It is gone when the test ends, and so are the connections to it.
func URL(t testing.TB) string {
	t.Helper()
	if server := os.Getenv("TEST_DATABASE_URL"); server != "" {
		return newDatabase(t, server)
	}
	databases, err := private()
	if err != nil {
		giveUp(t, err)
	}
	return databases.take(t)
}

// giveUp skips the test, except in CI, where nobody would notice that none of them
// ran.
func giveUp(t testing.TB, err error) {
	t.Helper()
	if os.Getenv("TEST_DATABASE_URL") != "" {
		t.Skipf("the test needs a private PostgreSQL, which could not be started: %v", err)
	}
	const what = "TEST_DATABASE_URL is not set, and no private PostgreSQL could be started"
	if os.Getenv("CI") != "" {
		t.Fatalf("%s: %v", what, err)
	}
	t.Skipf("%s: %v", what, err)
}

// newDatabase returns the URL of a new database on the server that another URL
// leads to.
func newDatabase(t testing.TB, server string) string {
	t.Helper()
	name := newName()
	execute(t, server, `CREATE DATABASE `+name+` TEMPLATE template0 ENCODING 'UTF8'`)
	t.Cleanup(func() { execute(t, server, `DROP DATABASE IF EXISTS `+name+` WITH (FORCE)`) })
	return withDatabase(t, server, name)
}

func newName() string { return "rejoin_test_" + strings.ToLower(rand.Text()) }

// execute runs a statement on a connection of its own. It also runs after the test,
// when the test's context has ended.
func execute(t testing.TB, server, statement string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
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
