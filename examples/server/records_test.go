package main

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// TestFirstWrite: the line that the terminal prints for a first write works as it is, again
// too, and the document of the consumer shows it.
func TestFirstWrite(t *testing.T) {
	onEachDatabase(t, func(t *testing.T, url string) {
		for _, start := range []string{"first start", "second start on the same file"} {
			s := boot(t, "-demo", "-database", url)
			writes := s.curlLines(true)
			if len(writes) != 1 || writes[0].url != s.base+"/api/v1/records" {
				t.Fatalf("%s: %v", start, writes)
			}
			for _, want := range []string{`{"applied":1,"stale":0}`, `{"applied":0,"stale":1}`} {
				status, text := s.post("/api/v1/records", writes[0].body, writes[0].headers)
				if status != 200 || text != want {
					t.Errorf("%s: %d %s", start, status, text)
				}
			}
			if _, text := s.get(s.curls()[0].url, s.curls()[0].headers); !strings.Contains(text, `"auction_demo_guitar":{"auctionId"`) {
				t.Errorf("%s: the document does not show the write: %s", start, text)
			}
			s.stop()
		}
	})
}

// TestRecordsRoutes: the records and their description are served at their paths, and
// nothing near them is.
func TestRecordsRoutes(t *testing.T) {
	s := boot(t, "-demo", "-database", "sqlite::memory:")
	secret := http.Header{"Authorization": {"Bearer sk_test_demo000000000000000000"}}
	for path, want := range map[string]int{
		"/api/v1/records/cons_demo_several": 200, "/api/v1/records/cons_unknown": 404, "/api/v1/records/": 404,
		"/api/v1/records": 405, "/api/v1/recordsx": 404, "//api/v1/records": 404, "/openapi-records.json": 200,
	} {
		if status, text := s.get(s.base+path, secret); status != want {
			t.Errorf("%s: %d %s", path, status, text)
		}
	}
	if status, text := s.get(s.base+"/api/v1/records/cons_demo_several", nil); status != 401 || !strings.Contains(text, "Secret key required") {
		t.Errorf("without a key: %d %s", status, text)
	}
}

// TestRecordCommands shows, merges, erases and purges what was imported.
func TestRecordCommands(t *testing.T) {
	onEachDatabase(t, func(t *testing.T, url string) {
		fixture := `{"organizations":[{"id":"org_1","secretKeys":["sk_test_00000000000000000001"],"consumers":[
			{"id":"cons_1","email":"a@example.com","createdAt":"2024-11-01T00:00:00Z",` + queueAt(9, "LEFT") + `},
			{"id":"guest_1","createdAt":"2024-11-01T00:00:00Z",` + strings.ReplaceAll(queueAt(10, "QUEUED"), `"q"`, `"q2"`) + `}]}]}`
		if status, stdout, stderr := importText(t, url, fixture); status != 0 {
			t.Fatalf("status %d: %s%s", status, stdout, stderr)
		}
		run := func(want string, wantStatus int, args ...string) {
			t.Helper()
			args = append([]string{args[0], "-database", url}, args[1:]...)
			status, stdout, stderr := execute(t, args...)
			if status != wantStatus || !strings.Contains(stdout+stderr, want) {
				t.Errorf("%v: status %d: %s%s, want %s", args, status, stdout, stderr, want)
			}
		}
		run(`"shows":"ended","type":"queue","id":"q"`, 0, "show", "-org", "org_1", "cons_1")
		s := boot(t, "-database", url)
		_, text := s.get(s.base+"/api/v1/records/cons_1", http.Header{"Authorization": {"Bearer sk_test_00000000000000000001"}})
		s.stop()
		run(text+"\n", 0, "show", "-org", "org_1", "cons_1")
		run("nothing is stored", 1, "show", "-org", "org_2", "cons_1")
		run("nothing is stored", 1, "show", "-org", "org_1", "cons_2")
		run(`"id":"q2"`, 0, "show", "-org", "org_1", "guest_1")
		run("would merge guest_1 into cons_1: 1 records applied, 0 stale", 0, "merge", "-org", "org_1", "-guest", "guest_1", "-dry-run", "cons_1")
		run(`"id":"q2"`, 0, "show", "-org", "org_1", "guest_1")
		run("merged guest_1 into cons_1: 1 records applied, 0 stale", 0, "merge", "-org", "org_1", "-guest", "guest_1", "cons_1")
		run(`"id":"q2"`, 0, "show", "-org", "org_1", "cons_1")
		run("has no profile", 1, "merge", "-org", "org_1", "-guest", "guest_2", "cons_1")
		run("another consumer", 2, "merge", "-org", "org_1", "-guest", "cons_1", "cons_1")
		run("purged 0 records (0 of them ended with their distribution), 0 distributions and 0 events", 0, "purge", "-before", "65535d")
		run("purged 1 records (0 of them ended with their distribution), 0 distributions and 0 events", 0, "purge", "-before", "30d")
		run("purged 0 records (0 of them ended with their distribution), 0 distributions and 0 events", 0, "purge", "-before", "720h")
		run("-before is required", 2, "purge")
		run("days", 2, "purge", "-before", "-3d")
		run("a unit is missing", 2, "purge", "-before", "30")
		run("erased cons_1", 0, "erase", "-org", "org_1", "cons_1")
		run("nothing is stored", 1, "show", "-org", "org_1", "cons_1")
		run("one consumer", 2, "erase", "-org", "org_1")
		run("-org must be", 2, "erase", "-org", "org/1", "cons_1")
	})
	t.Run("a database that does not exist", func(t *testing.T) {
		for _, command := range []string{"show", "erase"} {
			if status, _, stderr := execute(t, command, "-database", "sqlite:nowhere.db", "-org", "o", "c"); status != 1 || !strings.Contains(stderr, "no such file") {
				t.Errorf("%s: status %d: %s", command, status, stderr)
			}
		}
	})
}

// TestPurgeOfManyRecords needs several transactions.
func TestPurgeOfManyRecords(t *testing.T) {
	url := databases["SQLite"](t)
	var consumers []string
	for i := range 2500 {
		consumers = append(consumers, fmt.Sprintf(`{"id":"c%d",%s}`, i, queueAt(9, "LEFT")))
	}
	if status, _, stderr := importText(t, url, `{"organizations":[{"id":"o","consumers":[`+strings.Join(consumers, ",")+`]}]}`); status != 0 {
		t.Fatal(stderr)
	}
	if got := succeed(t, "purge", "-database", url, "-before", "1d"); got != "purged 2500 records (0 of them ended with their distribution), 0 distributions and 0 events\n" {
		t.Errorf("printed %q", got)
	}
}
