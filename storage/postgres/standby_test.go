package postgres_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/rejoinhq/rejoin/storage/postgres"
	"github.com/rejoinhq/rejoin/storage/postgres/postgrestest"
)

// withStandby returns the URLs of a migrated database on a cluster and on its standby.
func withStandby(t *testing.T, settings ...string) (url, replicaURL string, standby *postgrestest.Standby) {
	t.Helper()
	cluster := postgrestest.Start(t)
	url = cluster.URL(t)
	newStore(t, url)
	standby = cluster.Standby(t, settings...)
	return url, standby.URL(t, url), standby
}

// TestReplicaShowsWhatIsReported reads from a lagging replica within the calls of the feed.
func TestReplicaShowsWhatIsReported(t *testing.T) {
	t.Parallel()
	const lag = 300 * time.Millisecond
	url, replicaURL, _ := withStandby(t, fmt.Sprintf("recovery_min_apply_delay=%dms", lag.Milliseconds()))
	store := openPair(t, url, replicaURL)
	v := newView(t, store)
	v.write(store, "cons_before")
	v.follow(store.Changes)
	v.mu.Lock()
	if _, shown := v.shown["cons_before"]; !shown {
		t.Error("what was written before is not shown when it is reported Following")
	}
	v.mu.Unlock()
	for n := range 4 {
		id := fmt.Sprintf("cons_%d", n)
		begun := time.Now()
		v.write(store, id)
		v.untilReported(id)
		v.mu.Lock()
		if _, shown := v.shown[id]; !shown {
			t.Errorf("%s is not shown when it is reported", id)
		}
		if took := v.reported[id].Sub(begun); took < lag {
			t.Errorf("%s was reported after %v, before the replica can show it", id, took)
		}
		v.mu.Unlock()
	}
}

// TestFeedWaitsForLagOnce makes more changes than the feed could wait for one by one.
func TestFeedWaitsForLagOnce(t *testing.T) {
	t.Parallel()
	url, replicaURL, _ := withStandby(t, "recovery_min_apply_delay=300ms")
	here, there := openPair(t, url, replicaURL), openStore(t, url)
	v := newView(t, here)
	v.follow(here.Changes)
	written, stop := v.keepWriting(there)
	eventually(t, "many are written", func() bool { return written.Load() > 300 })
	v.write(there, "cons_late")
	v.untilReported("cons_late")
	v.confirmedAgain()
	stop()
	v.wantStored(there)
}

// TestLogEndsWithAPage makes a change end exactly where a page of the server's log ends. The
// next record would begin after the header of the next page, which the replica has not
// reached.
func TestLogEndsWithAPage(t *testing.T) {
	t.Parallel()
	url, replicaURL, _ := withStandby(t)
	store, raw := openPair(t, url, replicaURL), openRaw(t, url)
	v := newView(t, store)
	v.follow(store.Changes)
	position := func() int {
		return count(t, raw, `SELECT ((pg_current_wal_insert_lsn() - '0/0') % current_setting('wal_block_size')::numeric)::int`)
	}
	const pageHeader = 24
	for ends, try := 0, 0; ends < 3; try++ {
		if try == 1000 {
			t.Fatal("no change was reported while the log ended with its page")
		}
		const page, overhead = 8192, 120 // of a message without text, and its commit
		id := fmt.Sprintf("cons_%d", try)
		v.knows(id)
		notify(t, raw, id, (2*page-position()-overhead)%page)
		before := position()
		v.untilReported(id)
		if before == pageHeader && position() == pageHeader { // the server has written nothing else meanwhile
			ends++
		}
	}
}

// notify notifies of a consumer, in a transaction that writes a text of the given length to the
// log.
func notify(t *testing.T, raw *pgxpool.Pool, id string, length int) {
	t.Helper()
	execRaw(t, raw, fmt.Sprintf(`BEGIN; SELECT pg_logical_emit_message(true, '', repeat('x', %d)); SELECT pg_notify('rejoin_changes', '%016x'); COMMIT`, length, hashOf(id)))
}

func TestRestartedReplicaMissesNothing(t *testing.T) {
	t.Parallel()
	url, replicaURL, standby := withStandby(t)
	here, there := openPair(t, url, replicaURL), openStore(t, url)
	v := newView(t, here)
	v.follow(withShortTimeouts(here))
	written, stop := v.keepWriting(there)
	for range 3 {
		standby.Stop(t)
		before := written.Load()
		eventually(t, "something is written meanwhile", func() bool { return written.Load() > before+10 })
		standby.Start(t)
		reported := 0
		v.until("a change is reported", func() bool {
			if reported == 0 {
				reported = len(v.reported)
			}
			return len(v.reported) > reported
		})
	}
	stop()
	v.wantStored(there)
}

// TestLostReplica checks that the feed does not wait for a replica for ever, because the server
// keeps all notifications meanwhile.
func TestLostReplica(t *testing.T) {
	t.Parallel()
	url, replicaURL, standby := withStandby(t)
	here, there := openPair(t, url, replicaURL), openStore(t, url)
	v := newView(t, here)
	v.follow(withShortTimeouts(here))
	standby.Stop(t)
	v.write(there, "cons_1")
	v.until("lost", func() bool { return v.lost > 0 })
	if !v.reportedAt("cons_1").IsZero() {
		t.Error("it was reported while nobody could read it")
	}
	standby.Start(t)
	v.until("following", func() bool { return v.following > 1 })
	v.wantStored(there)
}

// TestSilentReplicaMissesNothing drops all data of the connections to the replica.
func TestSilentReplicaMissesNothing(t *testing.T) {
	t.Parallel()
	url, replicaURL, _ := withStandby(t)
	cable := newCable(t, replicaURL)
	here, there := openPair(t, url, cable.url), openStore(t, url)
	v := newView(t, here)
	v.follow(withShortTimeouts(here))
	for n := range 3 {
		cable.lose()
		id := fmt.Sprintf("cons_%d", n)
		v.write(there, id)
		v.until(id+" is shown", func() bool { _, shown := v.shown[id]; return shown })
	}
}

// TestConnectionThatOnlyReceives drops what the feed's connection sends to the server, so the
// feed cannot ask for the position of the log.
func TestConnectionThatOnlyReceives(t *testing.T) {
	t.Parallel()
	url, replicaURL, _ := withStandby(t)
	cable := newCable(t, url)
	here := openWith(t, postgres.Options{URL: url, ReadURL: replicaURL, ListenURL: cable.url})
	there := openStore(t, url)
	v := newView(t, here)
	v.follow(withShortTimeouts(here))
	cable.loseUpward()
	v.write(there, "cons_1")
	v.until("lost, and following again", func() bool { return v.lost > 0 && v.following > 1 })
	v.wantStored(there)
}
