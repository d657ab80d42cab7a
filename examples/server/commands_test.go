package main

import (
	"bufio"
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
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
	status := m.Run()
	if _, err := os.Stat(strings.TrimPrefix(defaultDatabase, "sqlite:")); err == nil {
		fmt.Fprintln(os.Stderr, "a test used the default database")
		status = 1
	}
	os.Exit(status)
}

// runProgram runs the program. It fails the test if the program would listen on the
// default address: a server that somebody else runs may have that port.
func runProgram(t *testing.T, ctx context.Context, args []string, getenv func(string) string, stdout, stderr io.Writer) int {
	t.Helper()
	p := program{getenv: getenv, stdin: strings.NewReader(""), stdout: stdout, stderr: stderr}
	if _, isCommand := commands[slices.Concat(args, []string{""})[0]]; !isCommand {
		quiet := program{getenv: getenv, stdout: io.Discard}
		if c, err := parseConfig(quiet, args); err == nil && c.addr == defaultAddr {
			t.Errorf("%v: the test would listen on %s", args, defaultAddr)
			return 1
		}
	}
	return p.run(ctx, args)
}

// databases creates an empty database of each kind.
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
	status = runProgram(t, t.Context(), args, noEnvironment, &out, &err)
	return status, out.String(), err.String()
}

// succeed runs the program and returns its output.
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
		var printed []string
		for i, args := range [][]string{{"-status"}, {}, {"-status"}, {}} {
			status, stdout, stderr := execute(t, append([]string{"migrate", "-database", url}, args...)...)
			if pending := i == 0; status == 0 == pending || status > 1 || stderr != "" {
				t.Errorf("%q: status %d: %s", args, status, stderr)
			}
			printed = append(printed, stdout)
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
		if diff := cmp.Diff(want, printed); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}

// TestKeys: a server on the same database accepts a key that the command creates, until it
// is revoked.
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

// lastSecret returns the id of the newest secret key. The list is in the order of creation.
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

// TestBadCommands: a mistake in the arguments is one line on stderr that names the help,
// and status 2. Any other failure has status 1.
func TestBadCommands(t *testing.T) {
	url := databases["SQLite"](t)
	succeed(t, "migrate", "-database", url)
	const usage, failure = 2, 1
	for name, test := range map[string]struct {
		args   []string
		status int
		says   string
	}{
		"an unknown command":                 {[]string{"imprt", "x.json"}, usage, `unknown command "imprt"`},
		"a secret for a command":             {[]string{"sk_live_hunter2"}, usage, "unknown command"},
		"keys without an action":             {[]string{"keys"}, usage, "create, list or revoke"},
		"an unknown action":                  {[]string{"keys", "lose", "-org", "o"}, usage, "create, list or revoke"},
		"no organization":                    {[]string{"keys", "list"}, usage, "-org"},
		"an impossible organization":         {[]string{"keys", "list", "-org", "a/b"}, usage, "-org"},
		"no kind":                            {[]string{"keys", "create", "-org", "o"}, usage, "-kind"},
		"an unknown kind":                    {[]string{"keys", "create", "-org", "o", "-kind", "admin"}, usage, "-kind"},
		"an expiry in the past":              {[]string{"keys", "create", "-org", "o", "-kind", "secret", "-expires", "-1h"}, usage, "-expires"},
		"a label with a line feed":           {[]string{"keys", "create", "-database", "sqlite::memory:", "-org", "o", "-kind", "secret", "-label", "a\nb"}, usage, "-label"},
		"a secret after the flags":           {[]string{"keys", "create", "-org", "o", "-kind", "secret", "sk_live_hunter2"}, usage, "unexpected argument"},
		"a secret for a duration":            {[]string{"keys", "create", "-org", "o", "-kind", "secret", "-expires", "sk_live_hunter2"}, usage, "-expires"},
		"revoking nothing":                   {[]string{"keys", "revoke", "-org", "o"}, usage, "id"},
		"revoking an unknown key":            {[]string{"keys", "revoke", "-org", "o", "0123456789abcdef"}, failure, "no key"},
		"listing in a missing database":      {[]string{"keys", "list", "-database", "sqlite:nowhere.db", "-org", "o"}, failure, "nowhere.db"},
		"a flag after the id":                {[]string{"keys", "revoke", "0123456789abcdef", "-org", "o"}, usage, "flags go before"},
		"importing nothing":                  {[]string{"import"}, usage, "one file"},
		"importing two files":                {[]string{"import", "a.json", "b.json"}, usage, "one file"},
		"importing a missing file":           {[]string{"import", "nowhere.json"}, failure, "nowhere.json"},
		"importing a directory":              {[]string{"import", "testdata"}, failure, "testdata"},
		"importing an empty input":           {[]string{"import", "-"}, failure, "is empty"},
		"a secret as an argument to migrate": {[]string{"migrate", "sk_live_hunter2"}, usage, "unexpected argument"},
		"an unknown flag of a command":       {[]string{"migrate", "-bogus"}, usage, "-bogus"},
		"a Postgres that does not answer":    {[]string{"migrate", "-database", "postgres://u:hunter2@127.0.0.1:1/d"}, failure, "-database"},
		"a database that is not a URL":       {[]string{"migrate", "-database", "hunter2"}, usage, "-database must be sqlite:PATH"},
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
			if status != test.status || stdout != "" || !strings.Contains(lastLine(stderr), test.says) || strings.Contains(stderr, "hunter2") {
				t.Errorf("status %d, stdout %q, stderr %q", status, stdout, stderr)
			}
			if strings.Contains(stderr, "-help explains") != (test.status == usage) {
				t.Errorf("stderr %q", stderr)
			}
			if n := strings.Count(stderr, "\n"); n != 1 && name != "importing an empty input" { // which has its progress
				t.Errorf("%d lines: %q", n, stderr)
			}
		})
	}
}

// TestKeysCreateNeedsADatabase: a key in the default file would not work on the database
// that was meant.
func TestKeysCreateNeedsADatabase(t *testing.T) {
	t.Chdir(t.TempDir())
	status, stdout, stderr := execute(t, "keys", "create", "-org", "o", "-kind", "secret")
	if _, err := os.Stat("rejoin-demo.db"); status != 2 || stdout != "" || !strings.Contains(stderr, "create needs -database") || err == nil {
		t.Errorf("status %d, stdout %q, stderr %q, file %v", status, stdout, stderr, err)
	}
}

// TestKeysCreateReports: stdout is the key alone, and stderr has its id, its organization,
// and a warning if the organization had no key.
func TestKeysCreateReports(t *testing.T) {
	url := databases["SQLite"](t)
	for i, kind := range []string{"secret", "publishable"} {
		status, stdout, stderr := execute(t, "keys", "create", "-database", url, "-org", "org_1", "-kind", kind, "-label", "queue engine")
		id := regexp.MustCompile(`created ` + kind + ` key ([0-9a-f]{16}) of organization org_1 \(queue engine\)\n`).FindStringSubmatch(stderr)
		if status != 0 || id == nil || strings.Count(stdout, "\n") != 1 || strings.Contains(stderr, strings.TrimSpace(stdout)) {
			t.Fatalf("status %d, stdout %q, stderr %q", status, stdout, stderr)
		}
		if warned := strings.Contains(stderr, "organization org_1 had no key before"); warned != (i == 0) {
			t.Errorf("key %d: stderr %q", i, stderr)
		}
		if list := succeed(t, "keys", "list", "-database", url, "-org", "org_1"); !strings.Contains(list, id[1]) || !strings.Contains(list, "queue engine") {
			t.Errorf("%s is not in the list:\n%s", id[1], list)
		}
	}
}

// writeFixture writes a fixture with n consumers of three records each. The id of the
// organization comes after its consumers, as an encoder that sorts its keys writes it.
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
		if want := "imported 2500 consumers: 10000 records applied, 0 known already, 0 older than what is stored\n"; first != want {
			t.Errorf("%q, want %q", first, want)
		}
		again := succeed(t, "import", "-database", url, path)
		if want := "imported 2500 consumers: 0 records applied, 10000 known already, 0 older than what is stored\n"; again != want {
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

// countImported counts the consumers of writeFixture in a database: complete ones, and those
// with only a part of their records.
func countImported(t *testing.T, url string, n int) (whole, half int) {
	t.Helper()
	database, err := openDatabase(t.Context(), url)
	must(t, err)
	defer database.Close()
	for i := range n {
		export, err := database.Export(t.Context(), consumer.Key{OrganizationID: "org_1", ConsumerID: fmt.Sprintf("cons_%d", i)})
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

// TestImportOfABadFile: nothing of a bad file is written, even if its bad field is at the
// end.
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

// TestImportOfARepeatedConsumer: a duplicate consumer is found, although a file may be larger
// than memory.
func TestImportOfARepeatedConsumer(t *testing.T) {
	data, err := os.ReadFile(writeFixture(t, 300))
	must(t, err)
	path := filepath.Join(t.TempDir(), "twice.json")
	must(t, os.WriteFile(path, bytes.Replace(data, []byte(`"id":"cons_299"`), []byte(`"id":"cons_7"`), 1), 0o600))
	status, _, stderr := execute(t, "import", "-database", databases["SQLite"](t), path)
	if last := lastLine(stderr); status != 1 || !strings.Contains(last, "organizations[0].consumers[299].id is a duplicate") {
		t.Errorf("status %d: %s", status, stderr)
	}
}

// TestImportAfterAnErasure: an erased consumer does not stop an import, and stays erased.
func TestImportAfterAnErasure(t *testing.T) {
	path := writeFixture(t, 600)
	onEachDatabase(t, func(t *testing.T, url string) {
		database, err := openDatabase(t.Context(), url)
		must(t, err)
		must(t, database.Erase(t.Context(), consumer.Key{OrganizationID: "org_1", ConsumerID: "cons_300"}))
		must(t, database.Close())
		want := "imported 600 consumers: 2396 records applied, 0 known already, 0 older than what is stored\n" +
			"1 of them were erased from the database before and stay so, the first cons_300\n"
		if diff := cmp.Diff(want, succeed(t, "import", "-database", url, path)); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		if whole, half := countImported(t, url, 600); whole != 599 || half != 0 {
			t.Errorf("%d whole, %d half", whole, half)
		}
	})
}

// TestImportOfAnotherOrganizationsKey: a key of another organization is found before anything
// is written.
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

// TestFailedStartFreesThePort: a start that fails releases the port.
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

// TestImportSurvivesSIGKILL: after SIGKILL in the middle of an import, twenty times, every
// consumer is stored completely or not at all, the file is sound, and another run leads to
// the same state.
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
		if before = whole; whole == consumers { // start again
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

// examine checks the file that a killed import leaves, and counts complete consumers and
// those with only a part of their records.
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

var secretPattern = regexp.MustCompile(`eyJ|[ps]k_(test|live)_[0-9A-Za-z]|@example\.com|John|\+1202`)

// TestLogOfAWholeRunIsClean: no request makes the program log a token, key, email address,
// phone number or name.
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
	for _, c := range append(s.curls(), curl{url: s.base + apiPrefix + "/me", headers: me}, curl{url: s.base + apiPrefix + "/me", headers: rotated}) {
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
