package main

import (
	"bytes"
	"io"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestBadArguments: a bad start is one line on stderr with all of some words. Its status is
// 2 and the line names the help if the arguments alone are wrong, and 1 otherwise.
func TestBadArguments(t *testing.T) {
	const usage, failure = 2, 1
	for name, test := range map[string]struct {
		args   []string
		status int
		says   []string
	}{
		"an unknown flag":                  {[]string{"-bogus"}, usage, []string{"-bogus"}},
		"an unknown command":               {[]string{"extra"}, usage, []string{`"extra"`}},
		"an argument after the flags":      {[]string{"-demo", "hunter2"}, usage, []string{"unexpected argument"}},
		"an address without a port":        {[]string{"-addr", "localhost"}, usage, []string{"-addr"}},
		"the demonstration on the network": {[]string{"-addr", "0.0.0.0:0"}, usage, []string{"-addr", "loopback"}},
		"two key sets":                     {[]string{"-jwks-url", "https://a.example", "-jwks-file", "a"}, usage, []string{"-jwks-url", "-jwks-file"}},
		"a key set file that is missing":   {[]string{"-jwks-file", "nowhere.json"}, failure, []string{"-jwks-file", "nowhere.json"}},
		"a file that is not a key set":     {[]string{"-jwks-file", "testdata/fixture.json"}, failure, []string{"-jwks-file", "fixture.json"}},
		"an issuer that is down":           {[]string{"-jwks-url", "http://127.0.0.1:1/jwks.json"}, failure, []string{"-jwks-url", "127.0.0.1:1"}},
		"a key set over plain http":        {[]string{"-jwks-url", "http://issuer.example/jwks.json"}, failure, []string{"-jwks-url", "https"}},
		"a refresh without a unit":         {[]string{"-jwks-refresh", "5"}, usage, []string{"-jwks-refresh", "a unit is missing", "5s"}},
		"a delay without a unit":           {[]string{"-drain-delay", "5"}, usage, []string{"-drain-delay", "a unit is missing", "5s"}},
		"a delay that is not a duration":   {[]string{"-drain-delay", "hunter2"}, usage, []string{"-drain-delay", "must be a duration"}},
		"a switch with another value":      {[]string{"-demo=hunter2"}, usage, []string{"-demo"}},
		"a refresh of zero":                {[]string{"-jwks-refresh", "0s"}, usage, []string{"-jwks-refresh"}},
		"an origin with a path":            {[]string{"-cors-origin", "https://a.example/x"}, usage, []string{"-cors-origin", "https://a.example/x"}},
		"an empty origin":                  {[]string{"-cors-origin", "https://a.example,,"}, usage, []string{"-cors-origin"}},
		"an empty database":                {[]string{"-database", ""}, usage, []string{"-database"}},
		"a database without a path":        {[]string{"-database", "sqlite:"}, usage, []string{"-database", "path"}},
		"a database with slashes":          {[]string{"-database", "sqlite://x.db"}, usage, []string{"-database", "sqlite:x.db"}},
		"a database with parameters":       {[]string{"-database", "sqlite:x.db?mode=ro"}, usage, []string{"-database", "parameters"}},
		"a database as a file URI":         {[]string{"-database", "sqlite:file:x.db"}, usage, []string{"-database", "sqlite:x.db"}},
		"a misspelled memory database":     {[]string{"-database", "sqlite::mem:"}, usage, []string{"-database", "sqlite::memory:"}},
		"another kind of database":         {[]string{"-database", "mysql://user:hunter2@host/db"}, usage, []string{"-database", "sqlite:PATH"}},
		"a database that cannot be made":   {[]string{"-database", "sqlite:nowhere/a.db"}, failure, []string{"-database", "nowhere/a.db"}},
		"a file that is not a database":    {[]string{"-database", "sqlite:none.db"}, failure, []string{"-database", "none.db"}},
		"a fixture that is missing":        {[]string{"-fixture", "nowhere.json"}, failure, []string{"fixture", "nowhere.json"}},
		"an access log without a name":     {[]string{"-access-log", ""}, usage, []string{"-access-log"}},
		"an access log that cannot be":     {[]string{"-access-log", "nowhere/a.log"}, failure, []string{"-access-log", "nowhere/a.log"}},
		"operations without a port":        {[]string{"-ops-addr", "localhost"}, usage, []string{"-ops-addr"}},
		"operations nowhere":               {[]string{"-ops-addr", "192.0.2.1:1"}, failure, []string{"-ops-addr"}},
		"a negative delay":                 {[]string{"-drain-delay", "-1s"}, usage, []string{"-drain-delay"}},
		"an idle timeout of zero":          {[]string{"-idle-timeout", "0s"}, usage, []string{"-idle-timeout"}},
		"an empty fixture":                 {[]string{"-fixture", ""}, usage, []string{"-fixture"}},
	} {
		t.Run(name, func(t *testing.T) {
			enterDirectory(t)
			must(t, os.WriteFile("none.db", []byte("this is a text, and a long one, so that it is not taken for an empty database\n"), 0o600))
			checkRefused(t, test.status, test.args, test.says...)
			for _, file := range []string{"x.db", "/x.db", "x.db?mode=ro", "file:x.db", ":mem:"} {
				if _, err := os.Stat(file); err == nil {
					t.Errorf("%s was created", file)
				}
			}
		})
	}
}

// enterDirectory makes a directory with the test data the working one.
func enterDirectory(t *testing.T) {
	t.Helper()
	data, err := os.ReadFile("testdata/fixture.json")
	must(t, err)
	t.Chdir(t.TempDir())
	must(t, os.Mkdir("testdata", 0o700))
	must(t, os.WriteFile("testdata/fixture.json", data, 0o600))
}

func checkRefused(t *testing.T, wantStatus int, args []string, says ...string) {
	t.Helper()
	if strings.HasPrefix(args[0], "-") && !slices.Contains(args, "-addr") {
		args = append([]string{"-addr", "127.0.0.1:0"}, args...)
	}
	var stdout, stderr bytes.Buffer
	status := runProgram(t, t.Context(), args, noEnvironment, &stdout, &stderr)
	if status != wantStatus || stdout.Len() > 0 || strings.Count(stderr.String(), "\n") != 1 || strings.Contains(stderr.String(), "-help explains") != (status == 2) {
		t.Errorf("status %d\nstdout: %s\nstderr: %s", status, &stdout, &stderr)
	}
	for _, word := range says {
		if !strings.Contains(stderr.String(), word) {
			t.Errorf("%q doesn't say %q", stderr.String(), word)
		}
	}
	if strings.Contains(stderr.String(), "hunter2") {
		t.Error("a password is shown")
	}
}

// TestBadFixtures: the one line about a bad fixture names the file and the fields, and
// nothing of it is loaded.
func TestBadFixtures(t *testing.T) {
	const (
		path  = "organizations[0].consumers[0]"
		queue = `{"type":"queue","id":"q","experienceId":"e","sequenceId":"s","status":"QUEUED","enteredAt":"2024-01-01T00:00:00Z"}`
	)
	consumerWith := func(more string) string {
		return `{"organizations":[{"id":"o","consumers":[{"id":"c","createdAt":"2024-01-01T00:00:00Z"` + more + `}]}]}`
	}
	participation := func(old, new string) string {
		return consumerWith(`,"participations":[` + strings.Replace(queue, old, new, 1) + `]`)
	}
	for name, test := range map[string]struct {
		fixture string
		says    []string
	}{
		"an empty file":                  {``, []string{"is empty"}},
		"not JSON":                       {`{"organizations":[}`, []string{"organizations[0]"}},
		"cut off":                        {`{"organizations":[`, []string{"JSON"}},
		"something behind the document":  {`{"organizations":[]} x`, []string{"JSON"}},
		"not UTF-8":                      {consumerWith(",\"fullName\":\"\xff\""), []string{path + ".fullName"}},
		"half a surrogate pair":          {consumerWith(`,"fullName":"\ud800"`), []string{path + ".fullName"}},
		"no organizations":               {`{}`, []string{"organizations is required"}},
		"a list instead of an object":    {`[]`, []string{"is not a JSON object"}},
		"an object instead of a list":    {`{"organizations":{}}`, []string{"organizations must be a list"}},
		"a number instead of a string":   {`{"organizations":[{"id":1}]}`, []string{"organizations[0].id must be a string"}},
		"an unknown field at the top":    {`{"organizations":[],"x":1}`, []string{"x is not a field"}},
		"an unknown field of a consumer": {consumerWith(`,"nickname":"x"`), []string{path + ".nickname is not a field"}},
		"a field in another letter case": {consumerWith(`,"Email":"a@b.example"`), []string{path + ".Email is not a field"}},
		"a field twice in one object":    {consumerWith(`,"id":"d"`), []string{path + ".id appears twice"}},
		"a time without a zone":          {consumerWith(`,"updatedAt":"2024-01-01T00:00:00"`), []string{path + ".updatedAt", "RFC 3339"}},
		"a time that is none":            {consumerWith(`,"updatedAt":"2024-02-30T00:00:00Z"`), []string{path + ".updatedAt", "RFC 3339"}},
		"no creation":                    {`{"organizations":[{"id":"o","consumers":[{"id":"c","updatedAt":"2024-01-01T00:00:00Z"}]}]}`, []string{path + ".updatedAt", "createdAt"}},
		"a consumer called me":           {strings.Replace(consumerWith(""), `"c"`, `"me"`, 1), []string{path + ".id"}},
		"an impossible organization":     {`{"organizations":[{"id":"a/b"}]}`, []string{"organizations[0].id"}},
		"an empty email":                 {consumerWith(`,"email":""`), []string{path + ".email"}},
		"several bad fields":             {consumerWith(`,"email":"x","phone":"1"`), []string{path + ".email", path + ".phone"}},
		"a status of another type":       {participation("QUEUED", "WON"), []string{path + ".participations[0].status must be one of"}},
		"an unknown type":                {participation(`"queue"`, `"lottery"`), []string{path + ".participations[0].type"}},
		"a field of another type":        {participation(`"status"`, `"bidCount":1,"status"`), []string{path + ".participations[0].bidCount"}},
		"an amount as a number":          {participation(`"status"`, `"lastBidAmount":250,"status"`), []string{path + ".participations[0].lastBidAmount must be a string"}},
		"a position with a fraction":     {participation(`"status"`, `"position":1.5,"status"`), []string{path + ".participations[0].position must be a whole number"}},
		"a participation twice":          {consumerWith(`,"participations":[` + queue + `,` + queue + `]`), []string{path + ".participations[1].id", "duplicate"}},
		"an admission of a waitlist": {consumerWith(`,"admissions":[{"distributionType":"waitlist","distributionId":"w","experienceId":"e","sequenceId":"s","admissionToken":"t","admittedAt":"2024-01-01T00:00:00Z"}]`),
			[]string{path + ".admissions[0].distributionType"}},
		"an organization twice":        {`{"organizations":[{"id":"o"},{"id":"o"}]}`, []string{"organizations[1].id", "duplicate"}},
		"a consumer twice":             {`{"organizations":[{"id":"o","consumers":[{"id":"c","createdAt":"2024-01-01T00:00:00Z"},{"id":"c","createdAt":"2024-01-01T00:00:00Z"}]}]}`, []string{"organizations[0].consumers[1].id", "duplicate"}},
		"a key twice":                  {`{"organizations":[{"id":"o","secretKeys":["sk_test_00000000000000000001"]},{"id":"p","secretKeys":["sk_test_00000000000000000001"]}]}`, []string{"organizations[1].secretKeys[0]", "duplicate"}},
		"a key that is too short":      {`{"organizations":[{"id":"o","secretKeys":["sk_test_1"]}]}`, []string{"organizations[0].secretKeys[0]", "20 characters"}},
		"a secret key for publication": {`{"organizations":[{"id":"o","publishableKeys":["sk_test_00000000000000000001"]}]}`, []string{"organizations[0].publishableKeys[0]"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Chdir(t.TempDir())
			must(t, os.WriteFile("bad.json", []byte(test.fixture), 0o600))
			checkRefused(t, 1, []string{"-database", "sqlite:a.db", "-fixture", "bad.json"}, append(test.says, "bad.json")...)
			if _, err := os.Stat("a.db"); err == nil {
				t.Error("the database was touched")
			}
		})
	}
}

// TestFixtureWithAnotherOrganizationsKey: nothing is loaded of a file that has a key of
// another organization.
func TestFixtureWithAnotherOrganizationsKey(t *testing.T) {
	enterDirectory(t)
	boot(t, "-database", "sqlite:a.db", "-fixture", "testdata/fixture.json").stop()
	must(t, os.WriteFile("thief.json", []byte(`{"organizations":[{"id":"org_thief","secretKeys":["sk_test_golden0000000000000000"],
		"consumers":[{"id":"cons_thief","createdAt":"2024-01-01T00:00:00Z"}]}]}`), 0o600))
	checkRefused(t, 1, []string{"-database", "sqlite:a.db", "-fixture", "thief.json"}, "thief.json", "organizations[0].secretKeys[0]", "-database")
	s := boot(t, "-database", "sqlite:a.db")
	if status, _ := s.get(s.base+apiPrefix+"/cons_01HXYZ123456789", map[string][]string{"Authorization": {"Bearer sk_test_golden0000000000000000"}}); status != 200 {
		t.Errorf("the key's own organization: %d", status)
	}
}

// TestDemonstrationKeysStayOnLoopback: a server does not start on the network with a
// database or a fixture that has the keys of the demonstration.
func TestDemonstrationKeysStayOnLoopback(t *testing.T) {
	enterDirectory(t)
	boot(t).stop()
	checkRefusedOnNetwork := func(args ...string) {
		var stdout, stderr bytes.Buffer
		if status := runProgram(t, t.Context(), append(args, "-addr", "0.0.0.0:0"), noEnvironment, &stdout, &stderr); status != 1 || !strings.Contains(stderr.String(), "loopback") {
			t.Errorf("status %d: %s", status, &stderr)
		}
	}
	checkRefusedOnNetwork("-fixture", "testdata/fixture.json")
	checkRefusedOnNetwork("-database", "sqlite:rejoin-demo.db")
	must(t, os.WriteFile("known.json", []byte(`{"organizations":[{"id":"o","publishableKeys":["pk_test_demo000000000000000000"]}]}`), 0o600))
	checkRefusedOnNetwork("-database", "sqlite:new.db", "-fixture", "known.json")
}

func TestConfig(t *testing.T) {
	environment := map[string]string{
		"ADDR": "127.0.0.1:1", "DATABASE_URL": "sqlite:env.db", "FIXTURE": "env.json", "JWKS_FILE": "jwks.json",
		"JWKS_REFRESH": "1m", "CORS_ORIGINS": "https://a.example,https://b.example", "JWKS_URL": "",
		"ACCESS_LOG": "off", "OPS_ADDR": "127.0.0.1:2", "DRAIN_DELAY": "3s", "IDLE_TIMEOUT": "9s", "CACHE_BYTES": "5", "CACHE_STALENESS": "7s",
	}
	fromEnvironment := config{
		addr: "127.0.0.1:1", database: "sqlite:env.db", fixture: "env.json", jwksFile: "jwks.json",
		jwksRefresh: 60e9, corsOrigins: []string{"https://a.example", "https://b.example"},
		accessLog: "off", opsAddr: "127.0.0.1:2", drainDelay: 3e9, idleTimeout: 9e9, cacheBytes: 5, cacheStaleness: 7e9,
	}
	defaults := config{addr: "127.0.0.1:8080", database: "sqlite:rejoin-demo.db", jwksRefresh: 300e9, demo: true, accessLog: "-", idleTimeout: 620e9, cacheBytes: -1}
	with := func(c config, change func(*config)) config { change(&c); return c }
	for name, test := range map[string]struct {
		args   []string
		getenv map[string]string
		want   config
	}{
		"nothing given: the demonstration":                 {nil, nil, defaults},
		"the environment":                                  {nil, environment, fromEnvironment},
		"a flag goes before its variable":                  {[]string{"-fixture", "flag.json"}, environment, with(fromEnvironment, func(c *config) { c.fixture = "flag.json" })},
		"an empty variable counts as unset":                {nil, map[string]string{"DATABASE_URL": ""}, defaults},
		"a database: no demonstration":                     {[]string{"-database", "sqlite:a"}, nil, with(defaults, func(c *config) { c.database, c.demo = "sqlite:a", false })},
		"a database in the environment":                    {nil, map[string]string{"DATABASE_URL": "sqlite:a"}, with(defaults, func(c *config) { c.database, c.demo = "sqlite:a", false })},
		"a fixture: no demonstration":                      {[]string{"-fixture", "a"}, nil, with(defaults, func(c *config) { c.fixture, c.demo = "a", false })},
		"a key set: no demonstration":                      {[]string{"-jwks-file", "a"}, nil, with(defaults, func(c *config) { c.jwksFile, c.demo = "a", false })},
		"no demonstration, asked for":                      {[]string{"-demo=false"}, nil, with(defaults, func(c *config) { c.demo = false })},
		"a key set's flag goes before both variables":      {[]string{"-jwks-url", "https://a.example"}, environment, with(fromEnvironment, func(c *config) { c.jwksURL, c.jwksFile = "https://a.example", "" })},
		"the demonstration, asked for":                     {[]string{"-database", "sqlite:a", "-demo"}, nil, with(defaults, func(c *config) { c.database = "sqlite:a" })},
		"the demonstration on a port":                      {[]string{"-addr", ":0"}, nil, with(defaults, func(c *config) { c.addr = "127.0.0.1:0" })},
		"the demonstration on another loopback":            {[]string{"-addr", "[::1]:0"}, nil, with(defaults, func(c *config) { c.addr = "[::1]:0" })},
		"everything but the demonstration: all interfaces": {[]string{"-addr", ":0", "-fixture", "a"}, nil, with(defaults, func(c *config) { c.addr, c.fixture, c.demo = ":0", "a", false })},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := parseConfig(program{getenv: func(name string) string { return test.getenv[name] }, stdout: io.Discard}, test.args)
			must(t, err)
			if diff := cmp.Diff(test.want, got, cmp.AllowUnexported(config{})); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestHelp(t *testing.T) {
	var stdout, stderr bytes.Buffer
	if status := runProgram(t, t.Context(), []string{"-help"}, noEnvironment, &stdout, &stderr); status != 0 || stderr.Len() > 0 {
		t.Errorf("status %d: %s", status, &stderr)
	}
	for flag, variable := range variables {
		if !strings.Contains(stdout.String(), "-"+flag) || !strings.Contains(stdout.String(), variable) {
			t.Errorf("the usage doesn't speak of -%s and %s", flag, variable)
		}
	}
}
