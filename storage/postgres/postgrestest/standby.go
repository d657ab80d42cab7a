package postgrestest

import (
	"net/url"
	"testing"
)

// Standby is a second server, which repeats what a [Cluster] does and answers reads
// only.
type Standby struct{ server *Cluster }

// Standby copies the cluster and starts the copy for one test, with settings such as
// "recovery_min_apply_delay=300ms" besides its own, by which it lags behind. It skips the
// test when it can't.
func (c *Cluster) Standby(t testing.TB, settings ...string) *Standby {
	t.Helper()
	// What a test waits for is not how soon it tries again.
	settings = append([]string{"wal_retrieve_retry_interval=50ms"}, settings...)
	server, err := start(func(standby *Cluster) error {
		return standby.runProgram("pg_basebackup", "--pgdata="+standby.data(), "--dbname="+c.url("postgres"),
			"--checkpoint=fast", "--wal-method=stream", "--write-recovery-conf", "--no-sync")
	}, settings)
	if err != nil {
		giveUp(t, err)
	}
	server.removeAfter(t)
	return &Standby{server}
}

// URL returns the connection string of a database on the standby, given that on the
// cluster.
func (s *Standby) URL(t testing.TB, primary string) string {
	t.Helper()
	u, err := url.Parse(primary)
	if err != nil {
		t.Fatal("the URL must be one that the cluster returned")
	}
	return s.server.url(u.Path[1:])
}

// Stop stops the standby as [Cluster.Stop] does a cluster.
func (s *Standby) Stop(t testing.TB) {
	t.Helper()
	s.server.Stop(t)
}

// Start starts the standby again, and returns when it accepts connections. What it missed
// meanwhile it then repeats.
func (s *Standby) Start(t testing.TB) {
	t.Helper()
	s.server.Start(t)
}
