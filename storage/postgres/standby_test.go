package postgres_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/jmoiron/sqlx"

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

// TestTheReplicaShowsWhatIsTold reads a replica that lags, within the calls.
func TestTheReplicaShowsWhatIsTold(t *testing.T) {
	const lag = 300 * time.Millisecond
	url, replicaURL, _ := withStandby(t, fmt.Sprintf("recovery_min_apply_delay=%dms", lag.Milliseconds()))
	store := openPair(t, url, replicaURL)
	v := newView(t, store)
	v.write(store, "cons_before")
	v.follow(store.Changes)
	v.mu.Lock()
	if _, shown := v.shown["cons_before"]; !shown {
		t.Error("what was written before is not shown when it is told Following")
	}
	v.mu.Unlock()
	for n := range 4 {
		id := fmt.Sprintf("cons_%d", n)
		begun := time.Now()
		v.write(store, id)
		v.untilTold(id)
		v.mu.Lock()
		if _, shown := v.shown[id]; !shown {
			t.Errorf("%s is not shown when it is told", id)
		}
		if took := v.told[id].Sub(begun); took < lag {
			t.Errorf("%s was told after %v, before the replica can show it", id, took)
		}
		v.mu.Unlock()
	}
}

// TestALagIsWaitedForOnce makes many more changes than there is time to wait for each
// alone, and goes on while it looks how far behind the feed is.
func TestALagIsWaitedForOnce(t *testing.T) {
	url, replicaURL, _ := withStandby(t, "recovery_min_apply_delay=300ms")
	here, there := openPair(t, url, replicaURL), openStore(t, url)
	v := newView(t, here)
	v.follow(here.Changes)
	written, stop := v.keepWriting(there)
	eventually(t, "many are written", func() bool { return written.Load() > 300 })
	v.write(there, "cons_late")
	v.untilTold("cons_late")
	v.confirmedAgain()
	stop()
	v.wantStored(there)
}

// TestTheLogMayEndWithAPage lets what is told end exactly where a page of the server's log
// does: the next record would begin behind the head of the next page, which the replica
// has not reached.
func TestTheLogMayEndWithAPage(t *testing.T) {
	url, replicaURL, _ := withStandby(t)
	store, raw := openPair(t, url, replicaURL), openRaw(t, url)
	v := newView(t, store)
	v.follow(store.Changes)
	position := func() int {
		return count(t, raw, `SELECT ((pg_current_wal_insert_lsn() - '0/0') % current_setting('wal_block_size')::numeric)::int`)
	}
	ends := 0
	for try := 0; ends < 3; try++ {
		if try == 100 {
			t.Fatal("no change ended with a page")
		}
		const page, overhead = 8192, 120 // of a message without text, and its commit
		id := fmt.Sprintf("cons_%d", try)
		v.knows(id)
		tell(t, raw, id, (2*page-position()-overhead)%page)
		if position() != 24 { // behind the head of a page
			v.untilTold(id)
			continue
		}
		ends++
		begun := time.Now()
		v.untilTold(id)
		if took := time.Since(begun); took > 5*time.Second { // the server writes something by itself every 15 s
			t.Errorf("it took %v", took)
		}
	}
}

// tell notifies of a consumer, in a transaction that writes a text of some length to the
// log.
func tell(t *testing.T, raw *sqlx.DB, id string, length int) {
	t.Helper()
	execRaw(t, raw, fmt.Sprintf(`BEGIN; SELECT pg_logical_emit_message(true, '', repeat('x', %d)); SELECT pg_notify('rejoin_changes', '%016x'); COMMIT`, length, hashOf(id)))
}

func TestAReplicaThatIsAwayMissesNothing(t *testing.T) {
	url, replicaURL, standby := withStandby(t)
	here, there := openPair(t, url, replicaURL), openStore(t, url)
	v := newView(t, here)
	v.follow(impatient(here))
	written, stop := v.keepWriting(there)
	for range 3 {
		standby.Stop(t)
		before := written.Load()
		eventually(t, "something is written meanwhile", func() bool { return written.Load() > before+10 })
		standby.Start(t)
		told := 0
		v.until("a change is told", func() bool {
			if told == 0 {
				told = len(v.told)
			}
			return len(v.told) > told
		})
	}
	stop()
	v.wantStored(there)
}

// TestAReplicaThatStaysAwayIsLost because whoever waits would hold up the server's queue.
func TestAReplicaThatStaysAwayIsLost(t *testing.T) {
	url, replicaURL, standby := withStandby(t)
	here, there := openPair(t, url, replicaURL), openStore(t, url)
	v := newView(t, here)
	v.follow(impatient(here))
	standby.Stop(t)
	v.write(there, "cons_1")
	v.until("lost", func() bool { return v.lost > 0 })
	if !v.toldAt("cons_1").IsZero() {
		t.Error("it was told while nobody could read it")
	}
	standby.Start(t)
	v.until("following", func() bool { return v.following > 1 })
	v.wantStored(there)
}

// TestASilentReplicaMissesNothing cuts the connections to it, which nobody notices.
func TestASilentReplicaMissesNothing(t *testing.T) {
	url, replicaURL, _ := withStandby(t)
	cable := newCable(t, replicaURL)
	here, there := openPair(t, url, cable.url), openStore(t, url)
	v := newView(t, here)
	v.follow(impatient(here))
	for n := range 3 {
		cable.lose()
		id := fmt.Sprintf("cons_%d", n)
		v.write(there, id)
		v.until(id+" is shown", func() bool { _, shown := v.shown[id]; return shown })
	}
}

// TestAConnectionThatIsNotHeard still tells of a change, but brings no question to the
// server, which is how it asks what the replica must have.
func TestAConnectionThatIsNotHeard(t *testing.T) {
	url, replicaURL, _ := withStandby(t)
	cable := newCable(t, url)
	here := openWith(t, postgres.Options{URL: url, ReadURL: replicaURL, ListenURL: cable.url})
	there := openStore(t, url)
	v := newView(t, here)
	v.follow(impatient(here))
	cable.loseUpward()
	v.write(there, "cons_1")
	v.until("lost, and following again", func() bool { return v.lost > 0 && v.following > 1 })
	v.wantStored(there)
}
