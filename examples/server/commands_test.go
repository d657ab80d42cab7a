package main

import (
	"bufio"
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rejoinhq/rejoin/auth/authtest"
	"github.com/rejoinhq/rejoin/consumer"
	"github.com/rejoinhq/rejoin/storage/postgres/postgrestest"
)

// asProgram makes the test binary the program itself, for tests that kill it.
const asProgram = "REJOIN_TEST_AS_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		main()
	}
	os.Exit(m.Run())
}

// databases are all kinds of -database, each fresh and empty.
var databases = map[string]func(t *testing.T) string{
	"SQLite":   func(t *testing.T) string { return "sqlite:" + filepath.Join(t.TempDir(), "a.db") },
	"Postgres": func(t *testing.T) string { return postgrestest.URL(t) },
}

func onEachDatabase(t *testing.T, test func(t *testing.T, url string)) {
	t.Helper()
	for name, open := range databases {
		t.Run(name, func(t *testing.T) { test(t, open(t)) })
	}
}

// execute runs the program to its end.
func execute(t *testing.T, args ...string) (status int, stdout, stderr string) {
	t.Helper()
	var out, err bytes.Buffer
	status = run(t.Context(), args, noEnvironment, &out, &err)
	return status, out.String(), err.String()
}

// succeed runs the program and returns what it says.
func succeed(t *testing.T, args ...string) string {
	t.Helper()
	status, stdout, stderr := execute(t, args...)
	if status != 0 {
		t.Fatalf("%v: status %d: %s", args, status, stderr)
	}
	return stdout
}

func TestMigrate(t *testing.T) {
	onEachDatabase(t, func(t *testing.T, url string) {
		missing := isMissing(url)
		var said []string
		for _, args := range [][]string{{"-status"}, {}, {"-status"}, {}} {
			said = append(said, succeed(t, append([]string{"migrate", "-database", url}, args...)...))
		}
		store, err := openUnmigrated(t.Context(), url)
		must(t, err)
		_, required, err := store.SchemaVersion(t.Context())
		must(t, errors.Join(err, store.Close()))
		before := fmt.Sprintf("schema version 0: this program needs %d; run migrate\n", required)
		if missing {
			before = "there is no such file yet; run migrate\n"
		}
		current := fmt.Sprintf("schema version %d: current\n", required)
		want := []string{before, fmt.Sprintf("schema version %d: migrated from 0\n", required), current, current}
		if diff := cmp.Diff(want, said); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}

// A key that the command makes opens the server that runs on the same database, and
// stops doing so when it is revoked.
func TestKeys(t *testing.T) {
	onEachDatabase(t, func(t *testing.T, url string) {
		s := boot(t, "-database", url, "-fixture", "testdata/fixture.json")
		const org = "org_01HXYZ123456789"
		create := func(args ...string) string {
			return strings.TrimSpace(succeed(t, append([]string{"keys", "create", "-database", url, "-org", org}, args...)...))
		}
		secret := create("-kind", "secret")
		live := create("-kind", "publishable", "-live", "-expires", "1h")
		if !strings.HasPrefix(secret, "sk_test_") || !strings.HasPrefix(live, "pk_live_") {
			t.Fatal("the keys have other prefixes")
		}
		lookUp := func() int {
			status, _ := s.get(s.base+apiPrefix+"/cons_01HXYZ123456789", http.Header{"Authorization": {"Bearer " + secret}})
			return status
		}
		if status := lookUp(); status != 200 {
			t.Errorf("the new key: %d", status)
		}
		headers := s.curls()[0].headers
		headers.Set("X-Publishable-Key", live)
		if status, _ := s.get(s.base+apiPrefix+"/me", headers); status != 200 {
			t.Errorf("the new publishable key: %d", status)
		}

		list := succeed(t, "keys", "list", "-database", url, "-org", org)
		if strings.Contains(list, secret) || strings.Contains(list, live) || strings.Count(list, "\n") != 5 {
			t.Errorf("list:\n%s", list)
		}
		for range 2 { // the second time changes nothing
			succeed(t, "keys", "revoke", "-database", url, "-org", org, lastSecret(t, list))
		}
		if list := succeed(t, "keys", "list", "-database", url, "-org", org); strings.Count(list, "revoked ") != 1 {
			t.Errorf("list after the revocation:\n%s", list)
		}
		if list := succeed(t, "keys", "list", "-database", url, "-org", "org_other"); strings.Count(list, "\n") != 1 {
			t.Errorf("another organization sees keys:\n%s", list)
		}
		s.stop()
		// A server that starts now knows; one that runs knows within ten seconds.
		s = boot(t, "-database", url)
		if status := lookUp(); status != 401 {
			t.Errorf("the revoked key: %d", status)
		}
	})
}

// lastSecret is the id of the newest secret key: the list is in the order of creation.
func lastSecret(t *testing.T, list string) (id string) {
	t.Helper()
	for line := range strings.Lines(list) {
		if fields := strings.Fields(line); fields[1] == "secret" {
			id = fields[0]
		}
	}
	if id == "" {
		t.Fatal("no secret key")
	}
	return id
}

func TestBadCommands(t *testing.T) {
	url := databases["SQLite"](t)
	succeed(t, "migrate", "-database", url)
	for name, test := range map[string]struct {
		args []string
		says string
	}{
		"keys without an action":                  {[]string{"keys"}, "create, list or revoke"},
		"an unknown action":                       {[]string{"keys", "lose", "-org", "o"}, "create, list or revoke"},
		"no organization":                         {[]string{"keys", "list"}, "-org"},
		"an impossible organization":              {[]string{"keys", "list", "-org", "a/b"}, "-org"},
		"no kind":                                 {[]string{"keys", "create", "-org", "o"}, "-kind"},
		"an unknown kind":                         {[]string{"keys", "create", "-org", "o", "-kind", "admin"}, "-kind"},
		"an expiry in the past":                   {[]string{"keys", "create", "-org", "o", "-kind", "secret", "-expires", "-1h"}, "-expires"},
		"revoking nothing":                        {[]string{"keys", "revoke", "-org", "o"}, "id"},
		"revoking an unknown key":                 {[]string{"keys", "revoke", "-org", "o", "0123456789abcdef"}, "no key"},
		"listing in a database that is not there": {[]string{"keys", "list", "-database", "sqlite:nowhere.db", "-org", "o"}, "nowhere.db"},
		"a flag behind the id":                    {[]string{"keys", "revoke", "0123456789abcdef", "-org", "o"}, "flags go before"},
		"importing nothing":                       {[]string{"import"}, "one file"},
		"importing a missing file":                {[]string{"import", "nowhere.json"}, "nowhere.json"},
		"importing a directory":                   {[]string{"import", "testdata"}, "testdata"},
		"an argument to migrate":                  {[]string{"migrate", "x"}, `"x"`},
		"an unknown flag of a command":            {[]string{"migrate", "-bogus"}, "-bogus"},
		"a Postgres that does not answer":         {[]string{"migrate", "-database", "postgres://u:hunter2@127.0.0.1:1/d"}, "-database"},
	} {
		t.Run(name, func(t *testing.T) {
			args := test.args
			if !strings.Contains(strings.Join(args, " "), "-database") && len(args) > 1 {
				at := 1
				if args[0] == "keys" {
					at = 2
				}
				args = append(append(append([]string{}, args[:at]...), "-database", url), args[at:]...)
			}
			status, stdout, stderr := execute(t, args...)
			if status != 1 || stdout != "" || strings.Count(stderr, "\n") != 1 || !strings.Contains(stderr, test.says) || strings.Contains(stderr, "hunter2") {
				t.Errorf("status %d, stdout %q, stderr %q", status, stdout, stderr)
			}
		})
	}
}

// writeFixture writes a fixture with n consumers of three records each, the ids of the
// organizations behind their consumers, as an encoder that sorts its keys does.
func writeFixture(t *testing.T, n int) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "large.json")
	file, err := os.Create(path)
	must(t, err)
	w := bufio.NewWriter(file)
	fmt.Fprint(w, `{"organizations":[{"consumers":[`)
	for i := range n {
		if i > 0 {
			fmt.Fprint(w, ",\n")
		}
		fmt.Fprintf(w, `{"id":"cons_%d","email":"c%d@example.com","createdAt":"2024-01-01T00:00:00Z","participations":[`, i, i)
		for j, kind := range []string{"queue", "draw", "auction"} {
			if j > 0 {
				fmt.Fprint(w, ",")
			}
			status := map[string]string{"queue": "QUEUED", "draw": "ENTERED", "auction": "ACTIVE"}[kind]
			fmt.Fprintf(w, `{"type":%q,"id":"d%d","experienceId":"e","sequenceId":"s%d","status":%q,"enteredAt":"2024-01-01T00:00:00Z"}`, kind, j, j, status)
		}
		fmt.Fprint(w, `]}`)
	}
	fmt.Fprint(w, `],"id":"org_1","publishableKeys":["pk_test_00000000000000000001"],"secretKeys":["sk_test_00000000000000000001"]}]}`)
	must(t, errors.Join(w.Flush(), file.Close()))
	return path
}

func TestImport(t *testing.T) {
	path := writeFixture(t, 2500)
	onEachDatabase(t, func(t *testing.T, url string) {
		first := succeed(t, "import", "-database", url, path)
		if want := "imported 2500 consumers: 10000 records applied, 0 known already\n"; first != want {
			t.Errorf("%q, want %q", first, want)
		}
		again := succeed(t, "import", "-database", url, path)
		if want := "imported 2500 consumers: 0 records applied, 10000 known already\n"; again != want {
			t.Errorf("%q, want %q", again, want)
		}
		if whole, other := countImported(t, url, 2500); whole != 2500 || other != 0 {
			t.Errorf("%d whole, %d half", whole, other)
		}
		s := boot(t, "-database", url)
		if status, _ := s.get(s.base+apiPrefix+"/cons_7", http.Header{"Authorization": {"Bearer sk_test_00000000000000000001"}}); status != 200 {
			t.Errorf("the imported key: %d", status)
		}
	})
}

// countImported counts the consumers of writeFixture in a database: those of whom
// everything is there, and those of whom only a part is.
func countImported(t *testing.T, url string, n int) (whole, half int) {
	t.Helper()
	database, err := openDatabase(t.Context(), url)
	must(t, err)
	defer database.Close()
	for i := range n {
		export, err := database.Export(t.Context(), "org_1", fmt.Sprintf("cons_%d", i))
		switch {
		case errors.Is(err, consumer.ErrNotFound):
		case err != nil:
			t.Fatal(err)
		case export.Consumer != nil && len(export.Participations) == 3:
			whole++
		default:
			half++
		}
	}
	return whole, half
}

// Of a bad file nothing is written, though its bad field stands at the end.
func TestImportOfABadFile(t *testing.T) {
	data, err := os.ReadFile(writeFixture(t, 1500))
	must(t, err)
	bad := filepath.Join(t.TempDir(), "bad.json")
	must(t, os.WriteFile(bad, bytes.Replace(data, []byte(`"email":"c1499@example.com"`), []byte(`"email":"none"`), 1), 0o600))
	url := databases["SQLite"](t)
	status, _, stderr := execute(t, "import", "-database", url, bad)
	if last := lastLine(stderr); status != 1 || !strings.Contains(last, "bad.json") || !strings.Contains(last, "organizations[0].consumers[1499].email must be") {
		t.Errorf("status %d: %s", status, stderr)
	}
	if whole, half := countImported(t, url, 1500); whole+half != 0 {
		t.Errorf("%d consumers were written", whole+half)
	}
}

// A consumer that stands twice, in a file that nobody could keep in memory.
func TestImportOfARepeatedConsumer(t *testing.T) {
	data, err := os.ReadFile(writeFixture(t, 300))
	must(t, err)
	path := filepath.Join(t.TempDir(), "twice.json")
	must(t, os.WriteFile(path, bytes.Replace(data, []byte(`"id":"cons_299"`), []byte(`"id":"cons_7"`), 1), 0o600))
	status, _, stderr := execute(t, "import", "-database", databases["SQLite"](t), path)
	if last := lastLine(stderr); status != 1 || !strings.Contains(last, "organizations[0].consumers[299].id stands a second time") {
		t.Errorf("status %d: %s", status, stderr)
	}
}

// An erased consumer doesn't stop an import, and stays erased.
func TestImportAfterAnErasure(t *testing.T) {
	path := writeFixture(t, 600)
	onEachDatabase(t, func(t *testing.T, url string) {
		database, err := openDatabase(t.Context(), url)
		must(t, err)
		must(t, database.Erase(t.Context(), "org_1", "cons_300"))
		must(t, database.Close())
		want := "imported 600 consumers: 2396 records applied, 0 known already\n" +
			"1 of them were erased from the database before and stay so, the first cons_300\n"
		if diff := cmp.Diff(want, succeed(t, "import", "-database", url, path)); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		if whole, half := countImported(t, url, 600); whole != 599 || half != 0 {
			t.Errorf("%d whole, %d half", whole, half)
		}
	})
}

// A key of somebody else is noticed before anything is written.
func TestImportOfAnotherOrganizationsKey(t *testing.T) {
	url := databases["SQLite"](t)
	boot(t, "-database", url, "-fixture", "testdata/fixture.json").stop()
	data, err := os.ReadFile(writeFixture(t, 10))
	must(t, err)
	path := filepath.Join(t.TempDir(), "thief.json")
	must(t, os.WriteFile(path, bytes.Replace(data, []byte("sk_test_00000000000000000001"), []byte("sk_test_golden0000000000000000"), 1), 0o600))
	status, _, stderr := execute(t, "import", "-database", url, path)
	if last := lastLine(stderr); status != 1 || !strings.Contains(last, "thief.json: organizations[0].secretKeys[0] belongs to another organization") {
		t.Errorf("status %d: %s", status, stderr)
	}
	if whole, half := countImported(t, url, 10); whole+half != 0 {
		t.Errorf("%d consumers were written", whole+half)
	}
}

// A file that changes between the check and the import is neither believed nor blamed
// on an erasure.
func TestImportOfAChangingFile(t *testing.T) {
	database, err := openDatabase(t.Context(), "sqlite::memory:")
	must(t, err)
	defer database.Close()
	w := &importer{database: database, organizations: []fixtureOrganization{{ID: "org_1"}}}
	if err := w.add(t.Context(), 1, &fixtureConsumer{}); !errors.Is(err, errChanged) {
		t.Errorf("an organization more: %v", err)
	}
	must(t, w.add(t.Context(), 0, &fixtureConsumer{Consumer: consumer.Consumer{ID: "me"}}))
	if err := w.finish(t.Context()); !errors.Is(err, errChanged) {
		t.Errorf("a bad consumer: %v", err)
	}
}

// A start that fails after it listened gives the port back.
func TestFailedStartFreesThePort(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	addr := listener.Addr().String()
	must(t, listener.Close())
	url := databases["SQLite"](t)
	boot(t, "-database", url, "-fixture", "testdata/fixture.json").stop()
	thief := filepath.Join(t.TempDir(), "thief.json")
	must(t, os.WriteFile(thief, []byte(`{"organizations":[{"id":"o","secretKeys":["sk_test_golden0000000000000000"]}]}`), 0o600))
	if status, _, stderr := execute(t, "-addr", addr, "-database", url, "-fixture", thief); status != 1 {
		t.Fatalf("status %d: %s", status, stderr)
	}
	listener, err = net.Listen("tcp", addr)
	must(t, err)
	must(t, listener.Close())
}

func lastLine(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return lines[len(lines)-1]
}

// SIGKILL in the middle of an import, twenty times: nobody is half there, the file is
// sound, and running it again ends in the same state.
func TestImportSurvivesSIGKILL(t *testing.T) {
	const consumers, rounds = 1500, 20
	path := writeFixture(t, consumers)
	file := filepath.Join(t.TempDir(), "undisturbed.db")
	began := time.Now()
	if killed := importAndKill(t, path, "sqlite:"+file, time.Minute); killed {
		t.Fatal("an import took a minute")
	}
	took := time.Since(began)

	file = filepath.Join(t.TempDir(), "a.db")
	interrupted, before := 0, 0
	for range rounds {
		if killed := importAndKill(t, path, "sqlite:"+file, rand.N(took)); killed {
			interrupted++
		}
		whole, half := examine(t, file)
		if half != 0 || whole < before {
			t.Fatalf("%d whole (%d before), %d half", whole, before, half)
		}
		if before = whole; whole == consumers { // begin anew
			file, before = filepath.Join(t.TempDir(), "a.db"), 0
		}
	}
	if interrupted == 0 {
		t.Error("no import was interrupted")
	}
	succeed(t, "import", "-database", "sqlite:"+file, path)
	if whole, half := examine(t, file); whole != consumers || half != 0 {
		t.Errorf("%d consumers in the end, and %d half ones", whole, half)
	}
}

func importAndKill(t *testing.T, path, url string, after time.Duration) (killed bool) {
	t.Helper()
	program, err := os.Executable()
	must(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), after)
	defer cancel()
	c := exec.CommandContext(ctx, program, "import", "-database", url, path) // killed when ctx ends
	c.Env = append(os.Environ(), asProgram+"=1")
	return c.Run() != nil
}

// examine checks the file that a killed import leaves behind, as it is, and counts the
// consumers of whom everything is there, and those of whom only a part is.
func examine(t *testing.T, file string) (whole, half int) {
	t.Helper()
	succeed(t, "migrate", "-database", "sqlite:"+file) // it may have been killed before that
	db, err := sql.Open("sqlite", file)
	must(t, err)
	defer db.Close()
	var verdict string
	must(t, db.QueryRow("PRAGMA integrity_check").Scan(&verdict))
	if verdict != "ok" {
		t.Errorf("integrity_check: %s", verdict)
	}
	must(t, db.QueryRow(`
		SELECT count(*) FILTER (WHERE pieces = 4), count(*) FILTER (WHERE pieces < 4) FROM (
			SELECT count(*) AS pieces FROM (
				SELECT id AS who FROM consumers UNION ALL SELECT consumer_id FROM participations
			) GROUP BY who
		)`).Scan(&whole, &half))
	return whole, half
}

func TestProgress(t *testing.T) {
	clock := time.Unix(0, 0)
	var out bytes.Buffer
	tell := func(p *progress) string {
		out.Reset()
		for i, step := range []time.Duration{0, 50 * time.Millisecond, 60 * time.Millisecond, 5 * time.Second} {
			clock = clock.Add(step)
			p.tell("checked", int64(i+1)*25, false)
		}
		p.end()
		return out.String()
	}
	plain := &progress{out: &out, size: 100, now: func() time.Time { return clock }, told: clock}
	if diff := cmp.Diff("checked 100 % of 0.0 MB\n", tell(plain)); diff != "" {
		t.Errorf("lines (-want +got):\n%s", diff)
	}
	bar := &progress{out: &out, terminal: true, size: 100, now: plain.now, told: clock}
	want := "\r[" + strings.Repeat("█", 30) + strings.Repeat("·", 10) + "]  75 % checked " +
		"\r[" + strings.Repeat("█", 40) + "] 100 % checked \n"
	if diff := cmp.Diff(want, tell(bar)); diff != "" {
		t.Errorf("bar (-want +got):\n%s", diff)
	}
}

var secretPattern = regexp.MustCompile(`eyJ|[ps]k_(test|live)_[0-9A-Za-z]|@example\.com|John|\+1202`)

// Whatever is asked, the log that the program writes has no token, key, email, phone
// or name in it.
func TestLogOfAWholeRunIsClean(t *testing.T) {
	issuer, err := authtest.NewIssuer(authtest.IssuerOptions{KeyID: "customer@example.com"})
	must(t, err)
	s := boot(t, "-database", "sqlite::memory:", "-fixture", "testdata/fixture.json", "-jwks-url", serve(t, issuer.Handler()))
	token, err := issuer.Token(authtest.Claims{OrganizationID: "org_01HXYZ123456789", ConsumerID: "cons_01HXYZ123456789"})
	must(t, err)
	must(t, issuer.Rotate("sk_live_00000000000000000000"))
	later, err := issuer.Token(authtest.Claims{OrganizationID: "org_01HXYZ123456789", ConsumerID: "cons_01HXYZ123456789"})
	must(t, err)
	me := http.Header{"X-Publishable-Key": {"pk_test_golden0000000000000000"}, "Authorization": {"Bearer " + token}}
	rotated := me.Clone()
	rotated.Set("Authorization", "Bearer "+later)
	for _, c := range append(s.curls(), curl{s.base + apiPrefix + "/me", me}, curl{s.base + apiPrefix + "/me", rotated}) {
		s.get(c.url, c.headers)
		for name := range c.headers {
			without := c.headers.Clone()
			without.Del(name)
			s.get(c.url, without)
			wrong := c.headers.Clone()
			wrong.Set(name, wrong.Get(name)+"x")
			s.get(c.url, wrong)
		}
		s.get(c.url+"/x", c.headers)
	}
	s.stop()
	if lines := strings.Count(s.stderr.String(), "\n"); lines < 3 {
		t.Errorf("the log has only %d lines:\n%s", lines, s.stderr)
	}
	if found := secretPattern.FindString(s.stderr.String()); found != "" {
		t.Errorf("the log contains %s…", found)
	}
}
