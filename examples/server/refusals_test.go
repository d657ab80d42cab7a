package main

import (
	"bytes"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// What a bad start says: one line on stderr with all the words, and status 1.
func TestBadArguments(t *testing.T) {
	for name, test := range map[string]struct {
		args []string
		says []string
	}{
		"an unknown flag":                  {[]string{"-bogus"}, []string{"-bogus"}},
		"an argument":                      {[]string{"extra"}, []string{`"extra"`}},
		"an address without a port":        {[]string{"-addr", "localhost"}, []string{"-addr"}},
		"the demonstration on the network": {[]string{"-addr", "0.0.0.0:0"}, []string{"-addr", "loopback"}},
		"two key sets":                     {[]string{"-jwks-url", "https://a.example", "-jwks-file", "a"}, []string{"-jwks-url", "-jwks-file"}},
		"a key set file that is missing":   {[]string{"-jwks-file", "nowhere.json"}, []string{"-jwks-file", "nowhere.json"}},
		"a key set that is none":           {[]string{"-jwks-file", "testdata/fixture.json"}, []string{"-jwks-file", "fixture.json"}},
		"an issuer that is down":           {[]string{"-jwks-url", "http://127.0.0.1:1/jwks.json"}, []string{"-jwks-url", "127.0.0.1:1"}},
		"a key set over plain http":        {[]string{"-jwks-url", "http://issuer.example/jwks.json"}, []string{"-jwks-url", "https"}},
		"a refresh that is no duration":    {[]string{"-jwks-refresh", "5"}, []string{"-jwks-refresh"}},
		"a refresh of zero":                {[]string{"-jwks-refresh", "0s"}, []string{"-jwks-refresh"}},
		"an origin with a path":            {[]string{"-cors-origin", "https://a.example/x"}, []string{"-cors-origin", "https://a.example/x"}},
		"an empty origin":                  {[]string{"-cors-origin", "https://a.example,,"}, []string{"-cors-origin"}},
		"an empty database":                {[]string{"-database", ""}, []string{"-database"}},
		"a database without a path":        {[]string{"-database", "sqlite:"}, []string{"-database", "path"}},
		"another kind of database":         {[]string{"-database", "mysql://user:hunter2@host/db"}, []string{"-database", "sqlite:PATH"}},
		"a database that cannot be made":   {[]string{"-database", "sqlite:nowhere/a.db"}, []string{"-database", "nowhere/a.db"}},
		"a database that is none":          {[]string{"-database", "sqlite:none.db"}, []string{"-database", "none.db"}},
		"a fixture that is missing":        {[]string{"-fixture", "nowhere.json"}, []string{"fixture", "nowhere.json"}},
		"an access log without a name":     {[]string{"-access-log", ""}, []string{"-access-log"}},
		"an access log that cannot be":     {[]string{"-access-log", "nowhere/a.log"}, []string{"-access-log", "nowhere/a.log"}},
		"operations without a port":        {[]string{"-ops-addr", "localhost"}, []string{"-ops-addr"}},
		"operations nowhere":               {[]string{"-ops-addr", "192.0.2.1:1"}, []string{"-ops-addr"}},
		"a delay before the end began":     {[]string{"-drain-delay", "-1s"}, []string{"-drain-delay"}},
		"an empty fixture":                 {[]string{"-fixture", ""}, []string{"-fixture"}},
	} {
		t.Run(name, func(t *testing.T) {
			enterDirectory(t)
			must(t, os.WriteFile("none.db", []byte("this is a text, and a long one, so that nobody takes it for an empty database\n"), 0o600))
			checkRefused(t, test.args, test.says...)
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

func checkRefused(t *testing.T, args []string, says ...string) {
	t.Helper()
	if !strings.Contains(strings.Join(args, " "), "-addr") {
		args = append([]string{"-addr", "127.0.0.1:0"}, args...)
	}
	var stdout, stderr bytes.Buffer
	status := run(t.Context(), args, noEnvironment, &stdout, &stderr)
	if status != 1 || stdout.Len() > 0 || strings.Count(stderr.String(), "\n") != 1 {
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

// A bad fixture: its one line names the file and the fields, and nothing of it is loaded.
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
		"an empty file":                  {``, []string{"the file is empty"}},
		"not JSON":                       {`{"organizations":[}`, []string{"organizations[0]"}},
		"cut off":                        {`{"organizations":[`, []string{"JSON"}},
		"something behind the document":  {`{"organizations":[]} x`, []string{"JSON"}},
		"not UTF-8":                      {consumerWith(",\"fullName\":\"\xff\""), []string{path + ".fullName"}},
		"half a surrogate pair":          {consumerWith(`,"fullName":"\ud800"`), []string{path + ".fullName"}},
		"no organizations":               {`{}`, []string{"organizations is missing"}},
		"a list instead of an object":    {`[]`, []string{"the document must be an object"}},
		"an object instead of a list":    {`{"organizations":{}}`, []string{"organizations must be a list"}},
		"a number instead of a string":   {`{"organizations":[{"id":1}]}`, []string{"organizations[0].id must be a string"}},
		"an unknown field at the top":    {`{"organizations":[],"x":1}`, []string{"x is not a field"}},
		"an unknown field of a consumer": {consumerWith(`,"nickname":"x"`), []string{path + ".nickname is not a field"}},
		"a field in another letter case": {consumerWith(`,"Email":"a@b.example"`), []string{path + ".Email is not a field"}},
		"a field twice in one object":    {consumerWith(`,"id":"d"`), []string{path + ".id stands twice"}},
		"a time without a zone":          {consumerWith(`,"updatedAt":"2024-01-01T00:00:00"`), []string{path + ".updatedAt", "RFC 3339"}},
		"a time that is none":            {consumerWith(`,"updatedAt":"2024-02-30T00:00:00Z"`), []string{path + ".updatedAt", "RFC 3339"}},
		"no creation":                    {`{"organizations":[{"id":"o","consumers":[{"id":"c"}]}]}`, []string{path + ".createdAt"}},
		"a consumer called me":           {strings.Replace(consumerWith(""), `"c"`, `"me"`, 1), []string{path + ".id"}},
		"an impossible organization":     {`{"organizations":[{"id":"a/b"}]}`, []string{"organizations[0].id"}},
		"an empty email":                 {consumerWith(`,"email":""`), []string{path + ".email"}},
		"several bad fields":             {consumerWith(`,"email":"x","phone":"1"`), []string{path + ".email", path + ".phone"}},
		"a status of another type":       {participation("QUEUED", "WON"), []string{path + ".participations[0].status must be one of"}},
		"an unknown type":                {participation(`"queue"`, `"lottery"`), []string{path + ".participations[0].type"}},
		"a field of another type":        {participation(`"status"`, `"bidCount":1,"status"`), []string{path + ".participations[0].bidCount"}},
		"an amount as a number":          {participation(`"status"`, `"lastBidAmount":250,"status"`), []string{path + ".participations[0].lastBidAmount must be a string"}},
		"a position with a fraction":     {participation(`"status"`, `"position":1.5,"status"`), []string{path + ".participations[0].position must be a whole number"}},
		"a participation twice":          {consumerWith(`,"participations":[` + queue + `,` + queue + `]`), []string{path + ".participations[1].id", "second time"}},
		"an admission of a waitlist": {consumerWith(`,"admissions":[{"distributionType":"waitlist","distributionId":"w","experienceId":"e","sequenceId":"s","admissionToken":"t","admittedAt":"2024-01-01T00:00:00Z"}]`),
			[]string{path + ".admissions[0].distributionType"}},
		"an organization twice":        {`{"organizations":[{"id":"o"},{"id":"o"}]}`, []string{"organizations[1].id", "second time"}},
		"a consumer twice":             {`{"organizations":[{"id":"o","consumers":[{"id":"c","createdAt":"2024-01-01T00:00:00Z"},{"id":"c","createdAt":"2024-01-01T00:00:00Z"}]}]}`, []string{"organizations[0].consumers[1].id", "second time"}},
		"a key twice":                  {`{"organizations":[{"id":"o","secretKeys":["sk_test_00000000000000000001"]},{"id":"p","secretKeys":["sk_test_00000000000000000001"]}]}`, []string{"organizations[1].secretKeys[0]", "second time"}},
		"a key that is too short":      {`{"organizations":[{"id":"o","secretKeys":["sk_test_1"]}]}`, []string{"organizations[0].secretKeys[0]", "20 characters"}},
		"a secret key for publication": {`{"organizations":[{"id":"o","publishableKeys":["sk_test_00000000000000000001"]}]}`, []string{"organizations[0].publishableKeys[0]"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Chdir(t.TempDir())
			must(t, os.WriteFile("bad.json", []byte(test.fixture), 0o600))
			checkRefused(t, []string{"-database", "sqlite:a.db", "-fixture", "bad.json"}, append(test.says, "bad.json")...)
			if _, err := os.Stat("a.db"); err == nil {
				t.Error("the database was touched")
			}
		})
	}
}

// A key of one organization cannot be loaded for another: nothing of the file is.
func TestFixtureWithAnotherOrganizationsKey(t *testing.T) {
	enterDirectory(t)
	boot(t, "-database", "sqlite:a.db", "-fixture", "testdata/fixture.json").stop()
	must(t, os.WriteFile("thief.json", []byte(`{"organizations":[{"id":"org_thief","secretKeys":["sk_test_golden0000000000000000"],
		"consumers":[{"id":"cons_thief","createdAt":"2024-01-01T00:00:00Z"}]}]}`), 0o600))
	checkRefused(t, []string{"-database", "sqlite:a.db", "-fixture", "thief.json"}, "thief.json", "organizations[0].secretKeys[0]", "-database")
	s := boot(t, "-database", "sqlite:a.db")
	if status, _ := s.get(s.base+apiPrefix+"/cons_01HXYZ123456789", map[string][]string{"Authorization": {"Bearer sk_test_golden0000000000000000"}}); status != 200 {
		t.Errorf("the key's own organization: %d", status)
	}
}

// A database in which the demonstration once ran stays off the network.
func TestDemonstrationKeysStayOnLoopback(t *testing.T) {
	enterDirectory(t)
	boot(t).stop()
	checkRefusedOnNetwork := func(args ...string) {
		var stdout, stderr bytes.Buffer
		if status := run(t.Context(), append(args, "-addr", "0.0.0.0:0"), noEnvironment, &stdout, &stderr); status != 1 || !strings.Contains(stderr.String(), "loopback") {
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
		"ACCESS_LOG": "off", "OPS_ADDR": "127.0.0.1:2", "DRAIN_DELAY": "3s", "CACHE_BYTES": "5", "CACHE_STALENESS": "7s",
	}
	fromEnvironment := config{
		addr: "127.0.0.1:1", database: "sqlite:env.db", fixture: "env.json", jwksFile: "jwks.json",
		jwksRefresh: 60e9, corsOrigins: []string{"https://a.example", "https://b.example"},
		accessLog: "off", opsAddr: "127.0.0.1:2", drainDelay: 3e9, cacheBytes: 5, cacheStaleness: 7e9,
	}
	defaults := config{addr: "127.0.0.1:8080", database: "sqlite:rejoin-demo.db", jwksRefresh: 300e9, demo: true, accessLog: "-", cacheBytes: -1}
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
			got, err := parseConfig(test.args, func(name string) string { return test.getenv[name] }, &bytes.Buffer{})
			must(t, err)
			if diff := cmp.Diff(test.want, got, cmp.AllowUnexported(config{})); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestHelp(t *testing.T) {
	var stdout, stderr bytes.Buffer
	if status := run(t.Context(), []string{"-help"}, noEnvironment, &stdout, &stderr); status != 0 || stderr.Len() > 0 {
		t.Errorf("status %d: %s", status, &stderr)
	}
	for flag, variable := range variables {
		if !strings.Contains(stdout.String(), "-"+flag) || !strings.Contains(stdout.String(), variable) {
			t.Errorf("the usage doesn't speak of -%s and %s", flag, variable)
		}
	}
}
