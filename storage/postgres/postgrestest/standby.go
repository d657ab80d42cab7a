package postgrestest

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/jackc/pgx/v5"
)

// Standby is a read-only server that replays the changes of a [Cluster].
type Standby struct{ server *Cluster }

// Standby copies the cluster and starts the copy as a standby for one test. The settings, such
// as "recovery_min_apply_delay=300ms", are added to the default ones. If the standby cannot be
// started, Standby skips the test, or fails it if the variable CI is set.
func (c *Cluster) Standby(t testing.TB, settings ...string) *Standby {
	t.Helper()
	settings = append([]string{
		"primary_conninfo=host='" + c.directory + "' user=" + role,
		"wal_retrieve_retry_interval=50ms", // with the default of 5s, tests that restart a server are slow
	}, settings...)
	server, err := start(c.copyTo, settings)
	if err != nil {
		skipOrFail(t, err)
	}
	server.removeAfter(t)
	return &Standby{server}
}

// copyTo makes an online backup of the cluster's data for a standby. It uses SQL, because
// pg_basebackup works only with servers that are not newer than itself, and
// REJOIN_TEST_POSTGRES_BIN can name a directory without pg_basebackup.
func (c *Cluster) copyTo(standby *Cluster) error {
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	conn, err := pgx.Connect(ctx, c.url("postgres"))
	if err != nil {
		return err
	}
	defer conn.Close(ctx)
	begin, end := `SELECT pg_backup_start('standby', true)`, `SELECT labelfile FROM pg_backup_stop(false)`
	if conn.PgConn().ParameterStatus("server_version") < "15" {
		begin, end = `SELECT pg_start_backup('standby', true, false)`, `SELECT labelfile FROM pg_stop_backup(false, false)`
	}
	if _, err := conn.Exec(ctx, begin); err != nil {
		return fmt.Errorf("begin the backup: %w", err)
	}
	if output, err := c.prepared(exec.Command("cp", "-R", c.data(), standby.data())).CombinedOutput(); err != nil {
		return fmt.Errorf("copy the data: %w: %s", err, output)
	}
	var label string
	if err := conn.QueryRow(ctx, end).Scan(&label); err != nil {
		return fmt.Errorf("end the backup: %w", err)
	}
	return errors.Join(
		os.Remove(filepath.Join(standby.data(), "postmaster.pid")),
		standby.writeData("backup_label", label), standby.writeData("standby.signal", ""),
	)
}

// writeData writes a file in the data directory.
func (c *Cluster) writeData(name, content string) error {
	path := filepath.Join(c.data(), name)
	return errors.Join(os.WriteFile(path, []byte(content), 0o600), chown(path))
}

// URL returns the connection string of a database on the standby. The argument is the
// connection string of the same database on the cluster.
func (s *Standby) URL(t testing.TB, primary string) string {
	t.Helper()
	u, err := url.Parse(primary)
	if err != nil {
		t.Fatal("the URL must be one that the cluster returned")
	}
	return s.server.url(u.Path[1:])
}

// Stop stops the standby at once, like [Cluster.Stop].
func (s *Standby) Stop(t testing.TB) {
	t.Helper()
	s.server.Stop(t)
}

// Start starts the standby again and returns when it accepts connections. Afterwards the
// standby replays the changes that it missed.
func (s *Standby) Start(t testing.TB) {
	t.Helper()
	s.server.Start(t)
}
