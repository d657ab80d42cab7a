package postgres_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/rejoinhq/rejoin/consumer"
	"github.com/rejoinhq/rejoin/storage/postgres/postgrestest"
)

// dumpVariable names a file. If the file does not exist, TestDump writes its dump there and
// ends. If it exists, TestDump restores it. So another version of PostgreSQL can restore it.
const dumpVariable = "REJOIN_TEST_DUMP"

// TestDump dumps a database, restores it into another one, and compares what it holds.
func TestDump(t *testing.T) {
	t.Parallel()
	for _, program := range []string{"pg_dump", "psql"} {
		if _, err := exec.LookPath(program); err != nil {
			if os.Getenv("CI") != "" || os.Getenv(dumpVariable) != "" {
				t.Fatal(err)
			}
			t.Skip(err)
		}
	}
	file := os.Getenv(dumpVariable)
	separate := file != ""
	if !separate {
		file = filepath.Join(t.TempDir(), "dump")
	}
	if _, err := os.Stat(file); err != nil {
		writeDump(t, file)
		if separate {
			return
		}
	}
	restoreDump(t, file)
}

func writeDump(t *testing.T, file string) {
	t.Helper()
	database, raw := legacyDatabase(t)
	if server, client := count(t, raw, `SELECT current_setting('server_version_num')::int / 10000`), dumpVersion(t); client < server {
		t.Skipf("pg_dump has version %d and dumps no server of version %d", client, server)
	}
	store := newStore(t, database)
	if _, err := store.Write(t.Context(), dumped()); err != nil {
		t.Fatal(err)
	}
	if _, err := store.Merge(t.Context(), consumer.Merge{OrganizationID: "org_1", GuestID: "cons_guest", ConsumerID: "cons_1"}); err != nil {
		t.Fatal(err)
	}
	if result, err := store.Complete(t.Context(), dumpedCompletion()); err != nil || result.Repeated {
		t.Fatalf("Complete returned %+v and the error %v", result, err)
	}
	runProgram(t, "pg_dump", "--no-owner", "--schema=public", "--file="+file, "--dbname="+database)
}

// dumpVersion returns the major version of pg_dump, whose output is like "pg_dump (PostgreSQL)
// 15.18 (Debian 15.18-0)".
func dumpVersion(t *testing.T) (major int) {
	t.Helper()
	output, err := exec.CommandContext(t.Context(), "pg_dump", "--version").Output()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := fmt.Sscanf(string(output), "pg_dump (PostgreSQL) %d", &major); err != nil {
		t.Fatalf("%s: %v", output, err)
	}
	return major
}

func dumped() consumer.Batch {
	batch := aConsumer("cons_guest")
	batch.Distributions = []consumer.Distribution{{
		OrganizationID: "org_1", Type: consumer.Queue, ID: "queue_1", Serving: new(int64(7)), UpdatedAt: moment(),
	}}
	batch.Participations = append(batch.Participations, consumer.Participation{
		OrganizationID: "org_1", ConsumerID: "cons_buyer", Type: consumer.Draw, ID: "draw_completed", ExperienceID: "exp_1", SequenceID: "seq_1",
		Status: consumer.StatusWon, EnteredAt: moment(), AdmissionToken: new("token"), UpdatedAt: moment(),
	})
	return batch
}

// dumpedCompletion completes the draw that dumped wins.
func dumpedCompletion() consumer.Completion {
	return consumer.Completion{
		OrganizationID: "org_1", ConsumerID: "cons_buyer", DistributionType: consumer.Draw, DistributionID: "draw_completed",
		AdmissionToken: "token", OrderID: "order_1", At: moment(),
	}
}

func restoreDump(t *testing.T, file string) {
	t.Helper()
	database := postgrestest.URL(t)
	execRaw(t, openRaw(t, database), `DROP SCHEMA public CASCADE`) // the dump has its own
	runProgram(t, "psql", "--quiet", "--set=ON_ERROR_STOP=1", "--file="+file, "--dbname="+database)
	store := openStore(t, database)
	if err := store.Migrate(t.Context()); err != nil {
		t.Fatalf("Migrate: %v", err)
	}
	wantLegacyRecords(t, store)
	s, err := store.Snapshot(t.Context(), consumer.Key{OrganizationID: "org_1", ConsumerID: "cons_1"})
	if err != nil || len(s.Distributions) != 1 || *s.Distributions[0].Serving != 7 {
		t.Errorf("Snapshot returned %+v and the error %v", s, err)
	}
	if result, err := store.Complete(t.Context(), dumpedCompletion()); err != nil || !result.Repeated {
		t.Errorf("Complete returned %+v and the error %v, want a repeated completion", result, err)
	}
	if result, err := store.Write(t.Context(), dumped()); err != nil || result.Applied != 0 {
		t.Errorf("Write returned %+v and the error %v, want nothing applied", result, err)
	}
}

// runProgram runs one of PostgreSQL's programs.
func runProgram(t *testing.T, name string, arguments ...string) {
	t.Helper()
	if output, err := exec.CommandContext(t.Context(), name, arguments...).CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", name, err, output)
	}
}
