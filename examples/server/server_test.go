package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"

	"github.com/rejoinhq/rejoin/auth/authtest"
)

// running is a server that a test started, as its user sees it.
type running struct {
	t      *testing.T
	base   string
	stdout string
	stderr *bytes.Buffer
	// stop ends it as SIGTERM does, and returns the exit status.
	stop func() int
}

// boot starts the program on a free port, and stops it at the end of the test.
func boot(t *testing.T, args ...string) *running {
	t.Helper()
	return bootProgram(t, program{getenv: testEnvironment}, args...)
}

// bootProgram is like boot, with another environment.
func bootProgram(t *testing.T, p program, args ...string) *running {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	read, write := io.Pipe()
	s := &running{t: t, stderr: &bytes.Buffer{}}
	exited := make(chan int, 1)
	go func() {
		status := runProgram(t, ctx, append([]string{"-addr", "127.0.0.1:0"}, args...), p.getenv, write, s.stderr)
		_ = write.Close()
		exited <- status
	}()
	s.stop = func() int {
		cancel()
		status := <-exited
		exited <- status
		return status
	}
	t.Cleanup(func() { s.stop() })

	// The greeting is one write: what is there with its first line is all of it.
	buffer := make([]byte, 1<<20)
	n, err := read.Read(buffer)
	if err != nil {
		s.stop()
		t.Fatalf("the server did not start: %s", s.stderr)
	}
	s.stdout = string(buffer[:n])
	s.base = strings.TrimPrefix(s.lines()[0], "listening on ")
	return s
}

func (s *running) lines() []string { return strings.Split(strings.TrimSpace(s.stdout), "\n") }

func noEnvironment(string) string { return "" }

// testEnvironment is empty, unless REJOIN_TEST_CACHE switches the document cache on or off
// for both databases.
func testEnvironment(name string) string {
	if name == "CACHE_BYTES" {
		return map[string]string{"on": "1000000", "off": "0"}[os.Getenv("REJOIN_TEST_CACHE")]
	}
	return ""
}

// curl has the parts of a curl line that the server prints.
type curl struct {
	url     string
	headers http.Header
	body    string // not empty for a POST
}

var quoted = regexp.MustCompile(`'([^']*)'`)

// curls returns the lines that read.
func (s *running) curls() []curl { return s.curlLines(false) }

func (s *running) curlLines(write bool) []curl {
	s.t.Helper()
	var all []curl
	for _, line := range s.lines()[1:] {
		if !strings.HasPrefix(line, "curl ") {
			break // they come right after the first line
		}
		line, body, _ := strings.Cut(line, " -d ")
		words := quoted.FindAllStringSubmatch(line, -1)
		c := curl{url: words[0][1], headers: http.Header{}, body: strings.Trim(body, "'")}
		for _, word := range words[1:] {
			name, value, _ := strings.Cut(word[1], ": ")
			c.headers.Add(name, value)
		}
		if (c.body != "") == write {
			all = append(all, c)
		}
	}
	return all
}

func (s *running) get(url string, headers http.Header) (int, string) {
	s.t.Helper()
	r, err := http.NewRequestWithContext(s.t.Context(), http.MethodGet, url, nil)
	must(s.t, err)
	r.Header = headers
	response, err := http.DefaultClient.Do(r)
	must(s.t, err)
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	must(s.t, err)
	return response.StatusCode, string(text)
}

func (s *running) me(publishableKey, token string) (int, string) {
	s.t.Helper()
	return s.get(s.base+apiPrefix+"/me", http.Header{"X-Publishable-Key": {publishableKey}, "Authorization": {"Bearer " + token}})
}

func TestGoldenFixture(t *testing.T) {
	onEachDatabase(t, checkGoldenFixture)
	t.Run("SQLite in memory", func(t *testing.T) { checkGoldenFixture(t, "sqlite::memory:") })
}

func checkGoldenFixture(t *testing.T, url string) {
	s := boot(t, "-database", url, "-fixture", "testdata/fixture.json")
	curls := s.curls()
	if len(curls) != 2 {
		t.Fatalf("%d curl lines:\n%s", len(curls), s.stdout)
	}
	_, got := s.get(curls[0].url, curls[0].headers)
	document := jsontext.Value(got)
	must(t, document.Indent(jsontext.WithIndent("  ")))
	want, err := os.ReadFile("testdata/me.json")
	must(t, err)
	if diff := cmp.Diff(strings.TrimSpace(string(want)), string(document)); diff != "" {
		t.Errorf("document (-want +got):\n%s", diff)
	}
	status, profile := s.get(curls[1].url, curls[1].headers)
	if want := `{"id":"cons_01HXYZ123456789","email":"customer@example.com","phone":null,"fullName":"John Doe","createdAt":"2024-11-15T10:00:00Z"}`; status != 200 || profile != want {
		t.Errorf("look-up: %d %s", status, profile)
	}
}

// TestDemonstration: everything that the terminal shows works for every consumer, also
// after a restart, and there is a consumer in every stage.
func TestDemonstration(t *testing.T) { onEachDatabase(t, checkDemonstration) }

func checkDemonstration(t *testing.T, database string) {
	for _, start := range []string{"first start", "second start on the same file"} {
		t.Run(start, func(t *testing.T) {
			s := boot(t, "-demo", "-database", database)
			curls := s.curls()
			if len(curls) != 2 {
				t.Fatalf("%d curl lines", len(curls))
			}
			for _, c := range curls {
				if status, _ := s.get(c.url, c.headers); status != 200 {
					t.Errorf("%s: %d", c.url, status)
				}
			}
			stages, most := demonstrated(t, s)
			want := map[string]bool{
				"admitted by queue": true, "admitted by draw": true, "admitted by timed release": true,
				"in queue": true, "in draw": true, "in auction": true, "on waitlist": true,
				"only a profile": true, "nothing is active any more": true,
			}
			if diff := cmp.Diff(want, stages); diff != "" {
				t.Errorf("stages (-want +got):\n%s", diff)
			}
			if most < 3 {
				t.Errorf("no consumer has several journeys: %d at most", most)
			}
			if status := s.stop(); status != 0 {
				t.Errorf("exit status %d", status)
			}
		})
	}
}

var stagePattern = regexp.MustCompile(`(?:admitted by|in|on) (?:queue|draw|auction|timed release|waitlist)|only a profile|nothing is active any more`)

// demonstrated requests the document of every consumer that the terminal shows. It returns
// the stages that the terminal names, and the largest number of journeys.
func demonstrated(t *testing.T, s *running) (stages map[string]bool, most int) {
	t.Helper()
	stages = map[string]bool{}
	lines := s.lines()
	for i, line := range lines {
		id, situation, found := strings.Cut(strings.TrimSpace(line), ": ")
		if !found || !strings.HasPrefix(id, "cons_demo_") {
			continue
		}
		status, text := s.me("pk_test_demo000000000000000000", strings.TrimSpace(lines[i+1]))
		var document struct {
			ID     string
			Active struct{ Journeys []any }
		}
		must(t, json.Unmarshal([]byte(text), &document))
		if status != 200 || document.ID != id {
			t.Errorf("%s: %d, answered as %s", id, status, document.ID)
		}
		said := stagePattern.FindAllString(situation, -1)
		for _, stage := range said {
			stages[stage] = true
		}
		if journeys := len(document.Active.Journeys); journeys > 0 && journeys != len(said) || journeys == 0 && len(said) != 1 {
			t.Errorf("%s has %d journeys and is introduced with %q", id, journeys, said)
		}
		if strings.Contains(text, "demo-admission-expired") {
			t.Errorf("%s shows an expired admission", id)
		}
		most = max(most, len(document.Active.Journeys))
	}
	return stages, most
}

func TestSameFixtureAgainChangesNothing(t *testing.T) {
	onEachDatabase(t, func(t *testing.T, url string) {
		var documents []string
		for range 2 {
			s := boot(t, "-database", url, "-fixture", "testdata/fixture.json")
			_, text := s.get(s.curls()[0].url, s.curls()[0].headers)
			documents = append(documents, text)
			s.stop()
		}
		if diff := cmp.Diff(documents[0], documents[1]); diff != "" {
			t.Errorf("(-first +second):\n%s", diff)
		}
	})
}

// TestKeysComeFromTheDatabase: the keys of a fixture work later without the file.
func TestKeysComeFromTheDatabase(t *testing.T) {
	onEachDatabase(t, func(t *testing.T, url string) {
		boot(t, "-database", url, "-fixture", "testdata/fixture.json").stop()
		s := boot(t, "-database", url)
		status, _ := s.get(s.base+apiPrefix+"/cons_01HXYZ123456789", http.Header{"Authorization": {"Bearer sk_test_golden0000000000000000"}})
		if status != 200 {
			t.Errorf("status %d", status)
		}
		if len(s.curls()) != 0 {
			t.Errorf("curl lines without known keys:\n%s", s.stdout)
		}
	})
}

func TestKeySetOfTheOperator(t *testing.T) {
	issuer, err := authtest.NewIssuer(authtest.IssuerOptions{KeyID: "k1"})
	must(t, err)
	token, err := issuer.Token(authtest.Claims{OrganizationID: "org_01HXYZ123456789", ConsumerID: "cons_01HXYZ123456789"})
	must(t, err)
	file := filepath.Join(t.TempDir(), "jwks.json")
	must(t, os.WriteFile(file, issuer.JWKS(), 0o600))
	mux := http.NewServeMux()
	mux.Handle("/jwks.json", issuer.Handler())
	url := serve(t, mux) + "/jwks.json"

	for name, args := range map[string][]string{"by URL": {"-jwks-url", url}, "from a file": {"-jwks-file", file}} {
		t.Run(name, func(t *testing.T) {
			s := boot(t, append(args, "-database", "sqlite::memory:", "-fixture", "testdata/fixture.json")...)
			if status, _ := s.me("pk_test_golden0000000000000000", token); status != 200 {
				t.Errorf("status %d", status)
			}
			for _, line := range s.curls() {
				if strings.HasSuffix(line.url, "/me") {
					t.Error("a token was printed that only the operator's issuer can issue")
				}
			}
		})
	}
}

func serve(t *testing.T, handler http.Handler) (base string) {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return server.URL
}

func TestCORSOrigins(t *testing.T) {
	for name, test := range map[string]struct {
		args    []string
		origin  string
		allowed bool
	}{
		"repeated":                    {[]string{"-cors-origin", "https://a.example", "-cors-origin", "https://b.example"}, "https://b.example", true},
		"separated by commas":         {[]string{"-cors-origin", "https://a.example, https://b.example"}, "https://b.example", true},
		"any":                         {[]string{"-cors-origin", "*"}, "https://c.example", true},
		"another":                     {[]string{"-cors-origin", "https://a.example"}, "https://b.example", false},
		"the server's own by default": {nil, "", true},
		"only that by default":        {nil, "https://a.example", false},
	} {
		t.Run(name, func(t *testing.T) {
			s := boot(t, append(test.args, "-demo", "-database", "sqlite::memory:")...)
			if test.origin == "" {
				test.origin = s.base
			}
			r, err := http.NewRequestWithContext(t.Context(), http.MethodOptions, s.base+apiPrefix+"/me", nil)
			must(t, err)
			r.Header.Set("Origin", test.origin)
			r.Header.Set("Access-Control-Request-Method", "GET")
			response, err := http.DefaultClient.Do(r)
			must(t, err)
			must(t, response.Body.Close())
			if allowed := response.Header.Get("Access-Control-Allow-Origin") != ""; allowed != test.allowed {
				t.Errorf("allowed: %t", allowed)
			}
		})
	}
}

// TestDocumentationSnippetsInNode runs the snippets of Fanfare's Consumer Identity API
// documentation, in which only the base URL and the credentials are changed.
func TestDocumentationSnippetsInNode(t *testing.T) {
	node, err := exec.LookPath("node")
	if err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal("CI needs Node.js for the documentation's snippets")
		}
		t.Skip("SKIPPED: no Node.js here, so the documentation's snippets were not run")
	}
	s := boot(t, "-database", "sqlite::memory:", "-fixture", "testdata/fixture.json")
	headers := s.curls()[0].headers
	command := exec.CommandContext(t.Context(), node, "testdata/documentation_snippets.mjs")
	command.Env = append(os.Environ(), "BASE="+s.base, "FANFARE_SECRET_KEY=sk_test_golden0000000000000000",
		"PUBLISHABLE_KEY="+headers.Get("X-Publishable-Key"), "ACCESS_TOKEN="+strings.TrimPrefix(headers.Get("Authorization"), "Bearer "))
	output, err := command.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, output)
	}
	const want = `me: cons_01HXYZ123456789 customer@example.com John Doe
resumes: queue_01HXYZ123456789 eyJhbGciOiJFZERTQSIsInR5cCI6IkpXVCJ9...
look-up: cons_01HXYZ123456789 customer@example.com null
unknown: null
without a key: Failed to lookup consumer
`
	if diff := cmp.Diff(want, string(output)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestDrain: SIGTERM lets a running request end.
func TestDrain(t *testing.T) {
	s := boot(t, "-demo", "-database", "sqlite::memory:")
	c := s.curls()[0]
	requests := make(chan int, 1)
	go func() {
		r, _ := http.NewRequest(http.MethodGet, c.url, nil)
		r.Header = c.headers
		response, err := http.DefaultClient.Do(r)
		if err != nil {
			requests <- 0
			return
		}
		_ = response.Body.Close()
		requests <- response.StatusCode
	}()
	if status := <-requests; status != 200 {
		t.Errorf("the request ended with %d", status)
	}
	if status := s.stop(); status != 0 {
		t.Errorf("exit status %d: %s", status, s.stderr)
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, c.url, nil)
	must(t, err)
	if response, err := http.DefaultClient.Do(r); err == nil {
		_ = response.Body.Close()
		t.Error("it still accepts connections")
	}
}

// TestDrainWithoutABody: a client that does not send its body does not delay the end.
func TestDrainWithoutABody(t *testing.T) {
	s := boot(t, "-demo", "-database", "sqlite::memory:")
	connection, err := net.Dial("tcp", strings.TrimPrefix(s.base, "http://"))
	must(t, err)
	defer connection.Close()
	_, err = io.WriteString(connection, "POST "+apiPrefix+"/me HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n")
	must(t, err)
	must(t, connection.SetDeadline(time.Now().Add(5*time.Second)))
	answer, err := io.ReadAll(connection)
	must(t, err)
	if !strings.HasPrefix(string(answer), "HTTP/1.1 405 ") {
		t.Errorf("answered:\n%s", answer)
	}
	if status := s.stop(); status != 0 {
		t.Errorf("exit status %d", status)
	}
}

// TestCurlLinesOfSeveralOrganizations: each curl line is about the first organization that
// has the key for it.
func TestCurlLinesOfSeveralOrganizations(t *testing.T) {
	fixture := filepath.Join(t.TempDir(), "several.json")
	must(t, os.WriteFile(fixture, []byte(`{"organizations":[
		{"id":"org_0","consumers":[{"id":"c0","createdAt":"2024-01-01T00:00:00Z"}]},
		{"id":"org_1","secretKeys":["sk_live_00000000000000000001"],"consumers":[{"id":"c1","createdAt":"2024-01-01T00:00:00Z"}]},
		{"id":"org_2","publishableKeys":["pk_live_00000000000000000002"],"secretKeys":["sk_test_00000000000000000002"],
		 "consumers":[{"id":"c2","createdAt":"2024-01-01T00:00:00Z"}]}]}`), 0o600))
	s := boot(t, "-database", "sqlite::memory:", "-fixture", fixture)
	if len(s.curls()) != 2 || strings.Contains(s.stdout, "sk_live_0") {
		t.Fatalf("printed:\n%s", s.stdout)
	}
	for _, c := range s.curls() {
		if status, text := s.get(c.url, c.headers); status != 200 || !strings.Contains(text, `"id":"c2"`) {
			t.Errorf("%s: %d", c.url, status)
		}
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
