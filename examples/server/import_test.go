package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode"

	"github.com/google/go-cmp/cmp"

	"github.com/rejoinhq/rejoin/consumer"
)

// importText imports a text as standard input and returns what was printed.
func importText(t *testing.T, url, text string) (status int, stdout, stderr string) {
	t.Helper()
	var out, err bytes.Buffer
	p := program{getenv: noEnvironment, stdin: strings.NewReader(text), stdout: &out, stderr: &err}
	status = p.run(t.Context(), []string{"import", "-database", url, "-"})
	return status, out.String(), err.String()
}

// fixtureOf returns a fixture with one consumer of org_1.
func fixtureOf(members string) string {
	return `{"organizations":[{"id":"org_1","consumers":[{"id":"cons_1",` + members + `}]}]}`
}

func queueAt(hour int, status string) string {
	at := time.Date(2024, 12, 1, hour, 0, 0, 0, time.UTC).Format(time.RFC3339)
	return fmt.Sprintf(`"participations":[{"type":"queue","id":"q","experienceId":"e","sequenceId":"s","status":%q,"enteredAt":%q}]`, status, at)
}

// TestImportOfRecordsAloneKeepsTheProfile: a consumer without createdAt has no profile in
// the file, and a stored profile remains as it is.
func TestImportOfRecordsAloneKeepsTheProfile(t *testing.T) {
	onEachDatabase(t, func(t *testing.T, url string) {
		for _, text := range []string{
			fixtureOf(`"email":"a@example.com","createdAt":"2024-11-01T00:00:00Z"`),
			fixtureOf(queueAt(9, "QUEUED")),
		} {
			if status, stdout, stderr := importText(t, url, text); status != 0 || !strings.Contains(stdout, "1 records applied, 0 known already, 0 older") {
				t.Fatalf("status %d: %s%s", status, stdout, stderr)
			}
		}
		database, err := openDatabase(t.Context(), url)
		must(t, err)
		defer database.Close()
		export, err := database.Export(t.Context(), consumer.Key{OrganizationID: "org_1", ConsumerID: "cons_1"})
		must(t, err)
		if c := export.Consumer; c == nil || c.Email == nil || *c.Email != "a@example.com" || len(export.Participations) != 1 {
			t.Errorf("stored: %+v", export)
		}
		status, _, stderr := importText(t, url, fixtureOf(`"email":"b@example.com",`+queueAt(9, "QUEUED")))
		if last := lastLine(stderr); status != 1 || !strings.Contains(last, "organizations[0].consumers[0].email is a field of a profile, which needs createdAt") {
			t.Errorf("a profile field without createdAt: status %d: %s", status, stderr)
		}
	})
}

// TestImportCountsOlderRecords: a record that is older than what is stored is a lost update,
// and so it is not counted as known.
func TestImportCountsOlderRecords(t *testing.T) {
	onEachDatabase(t, func(t *testing.T, url string) {
		for _, step := range []struct {
			text, want string
		}{
			{fixtureOf(`"createdAt":"2024-11-01T00:00:00Z",` + queueAt(9, "QUEUED")), "2 records applied, 0 known already, 0 older than what is stored"},
			{fixtureOf(`"createdAt":"2024-11-01T00:00:00Z",` + queueAt(8, "LEFT")), "0 records applied, 1 known already, 1 older than what is stored"},
			{fixtureOf(queueAt(10, "LEFT")), "1 records applied, 0 known already, 0 older than what is stored"},
		} {
			if status, stdout, stderr := importText(t, url, step.text); status != 0 || stdout != "imported 1 consumers: "+step.want+"\n" {
				t.Errorf("status %d: %s%s, want %s", status, stdout, stderr, step.want)
			}
		}
	})
}

// TestErrorsArePrintable: names from a file reach the terminal escaped and bounded, and
// strings that look like secrets do not reach it.
func TestErrorsArePrintable(t *testing.T) {
	long := strings.Repeat("n", 26_000)
	for name, text := range map[string]string{
		"an escape sequence as a name": `{"organizations":[{"id":"o","\u001b]0;owned\u0007\u001b[2J":1}]}`,
		"a name over two lines":        `{"organizations":[{"id":"o","a\nb\u2028c":1}]}`,
		"long names":                   `{"organizations":[` + strings.Repeat(`{"`+long+`":{"`+long+`":1}},`, 50) + `{}]}`,
		"a secret in a broken string":  `{"organizations":[{"id":"o","secretKeys":["sk_live_hunter2hunter2hunter2\q"]}]}`,
		"a secret as a name":           `{"organizations":[{"id":"o","sk_live_hunter2hunter2hunter2":1}]}`,
		"a secret that is too short":   `{"organizations":[{"id":"o","secretKeys":["sk_live_hunter2"]}]}`,
		"a secret as an id":            `{"organizations":[{"id":"sk live hunter2"}]}`,
		"many bad fields":              `{"organizations":[` + strings.Repeat(`1,`, 500) + `1]}`,
	} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "bad.json")
			must(t, os.WriteFile(file, []byte(text), 0o600))
			for _, args := range [][]string{
				{"import", "-database", "sqlite::memory:", file},
				{"-addr", "127.0.0.1:0", "-database", "sqlite::memory:", "-fixture", file},
			} {
				status, _, stderr := execute(t, args...)
				message := lastLine(stderr)
				if status != 1 || strings.Contains(message, "hunter2") || len(message) > 21*250 {
					t.Errorf("status %d, %d bytes: %.300s", status, len(message), message)
				}
				if i := strings.IndexFunc(message, func(r rune) bool { return !unicode.IsGraphic(r) }); i >= 0 {
					t.Errorf("control character in %q", message)
				}
			}
		})
	}
}

// TestWellKnownKeysAreRefused: a server without -demo refuses the demonstration's keys,
// also if the demonstration is loaded into its database while it runs.
func TestWellKnownKeysAreRefused(t *testing.T) {
	onEachDatabase(t, func(t *testing.T, url string) {
		public, local := boot(t, "-addr", "0.0.0.0:0", "-database", url), boot(t, "-database", url)
		demonstration := boot(t, "-database", url, "-demo")
		curls := demonstration.curls()
		if len(curls) != 2 {
			t.Errorf("%d curl lines", len(curls))
		}
		for _, c := range curls {
			if status, _ := demonstration.get(c.url, c.headers); status != 200 {
				t.Errorf("with -demo: %d", status)
			}
			for _, s := range []*running{public, local} {
				if status, _ := s.get(strings.Replace(c.url, demonstration.base, s.base, 1), c.headers); status != 401 {
					t.Errorf("without -demo: %d", status)
				}
			}
		}
	})
}

// TestVersion: -version prints one line.
func TestVersion(t *testing.T) {
	for _, args := range [][]string{{"-version"}, {"keys", "-version"}} {
		if got := succeed(t, args...); !strings.HasPrefix(got, "rejoin ") || !strings.Contains(got, "go1.") || strings.Count(got, "\n") != 1 {
			t.Errorf("%v printed %q", args, got)
		}
	}
}

// TestDrainIsLogged: the log shows each step of the end.
func TestDrainIsLogged(t *testing.T) {
	s := boot(t, "-database", "sqlite::memory:")
	s.stop()
	var steps []string
	for line := range strings.Lines(s.stderr.String()) {
		if _, message, found := strings.Cut(line, "msg="); found {
			steps = append(steps, strings.TrimSpace(message))
		}
	}
	want := []string{"draining delay=0s", `"waiting for running requests" timeout=15s`, "stopped"}
	if diff := cmp.Diff(want, steps); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
