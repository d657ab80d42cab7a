package postgrestest

import (
	"sync"
	"testing"
)

// private starts the cluster that all tests of the process share. Starting a cluster for
// each test would take minutes.
var private = sync.OnceValues(func() (*recycled, error) {
	cluster, err := start(initialize, nil)
	return &recycled{cluster: cluster}, err
})

// recycled holds the databases of the private cluster. A database is emptied and used again,
// because creating a new one takes five times as long.
type recycled struct {
	cluster *Cluster
	mu      sync.Mutex
	free    []string // URLs
}

// take returns the URL of an empty database. The test owns the database until it ends.
func (r *recycled) take(t testing.TB) string {
	t.Helper()
	r.mu.Lock()
	var url string
	if last := len(r.free) - 1; last >= 0 {
		url, r.free = r.free[last], r.free[:last]
	}
	r.mu.Unlock()
	if url == "" {
		url = r.cluster.URL(t)
	}
	t.Cleanup(func() {
		execute(t, url, empty)
		r.mu.Lock()
		defer r.mu.Unlock()
		r.free = append(r.free, url)
	})
	return url
}

// empty closes the other connections and drops everything that a test can have created.
const empty = `
SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid();
DO $$
DECLARE
	schema name;
BEGIN
	FOR schema IN SELECT nspname FROM pg_namespace WHERE nspname NOT LIKE 'pg\_%' AND nspname <> 'information_schema' LOOP
		EXECUTE format('DROP SCHEMA %I CASCADE', schema);
	END LOOP;
END
$$;
CREATE SCHEMA public`
