package rejoin_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/rejoinhq/rejoin/"

// forbidden is a group of packages that a package must not reach, even through others.
type forbidden struct {
	packages []string
	reason   string
}

var (
	sql = forbidden{
		[]string{"database/sql", "github.com/jmoiron/sqlx", "modernc.org/sqlite", "github.com/jackc/pgx", "github.com/pressly/goose"},
		"storage is behind an interface, so a user of this package compiles no database driver",
	}
	netHTTP = forbidden{
		[]string{"net/http"},
		"records, rules and stores do not depend on how they are served",
	}
	jwt = forbidden{
		[]string{"github.com/golang-jwt/jwt", "github.com/MicahParks/keyfunc", "github.com/MicahParks/jwkset"},
		"only auth knows how a caller proves an identity",
	}
	postgresDriver = forbidden{
		[]string{"github.com/jackc/pgx"},
		"a user of SQLite compiles no Postgres driver",
	}
	sqliteDriver = forbidden{
		[]string{"modernc.org/sqlite"},
		"a user of Postgres compiles no SQLite",
	}
	router = forbidden{
		[]string{"github.com/go-chi"},
		"the handlers work on any mux",
	}
	telemetry = forbidden{
		[]string{"go.opentelemetry.io"},
		"only httpserver measures",
	}
	exporter = forbidden{
		[]string{"go.opentelemetry.io/otel/sdk", "go.opentelemetry.io/otel/exporters", "github.com/prometheus"},
		"the program chooses the exporter, and the library uses only the API of OpenTelemetry",
	}
	testLibraries = forbidden{
		[]string{"pgregory.net/rapid", "github.com/google/go-cmp", "github.com/getkin/kin-openapi", "github.com/chromedp"},
		"a deployment in another language is tested with the standard library alone",
	}
	testingLibrary = forbidden{
		[]string{"testing", "pgregory.net/rapid", "github.com/google/go-cmp", "github.com/getkin/kin-openapi"},
		"a program does not compile what only tests use",
	}
)

// importRule says what a package may import of this module, and what it must not reach.
type importRule struct {
	may   []string // packages of this module, with those below them
	never []forbidden
}

// importRules is the architecture's table of packages. The rule of a package is that of its
// longest prefix here. A rule for a package that does not exist has no effect.
var importRules = map[string]importRule{
	"consumer":                      {nil, []forbidden{sql, netHTTP, jwt, telemetry, testingLibrary}},
	"consumer/event":                {[]string{"consumer"}, []forbidden{sql, netHTTP, jwt, telemetry, testingLibrary}},
	"consumer/recordjson":           {[]string{"consumer"}, []forbidden{sql, netHTTP, jwt, telemetry, testingLibrary}},
	"journey":                       {[]string{"consumer"}, []forbidden{sql, netHTTP, jwt, telemetry, testingLibrary}},
	"auth":                          {[]string{"auth", "consumer"}, []forbidden{sql, telemetry, testingLibrary}},
	"storage/sqlite":                {[]string{"consumer", "storage/internal"}, []forbidden{netHTTP, jwt, postgresDriver, telemetry, testingLibrary}},
	"storage/postgres":              {[]string{"consumer", "storage/internal"}, []forbidden{netHTTP, jwt, sqliteDriver, telemetry, testingLibrary}},
	"storage/postgres/postgrestest": {nil, []forbidden{netHTTP, jwt, sqliteDriver}},
	"storage/memory":                {[]string{"consumer"}, []forbidden{sql, netHTTP, jwt, telemetry, testingLibrary}},
	"storage/storagetest":           {[]string{"consumer", "storage/memory"}, []forbidden{sql, netHTTP, jwt}},
	"storage/internal":              {[]string{"consumer", "storage/internal"}, []forbidden{netHTTP, jwt, postgresDriver, sqliteDriver, telemetry, testingLibrary}},
	"storage/internal/childtest":    {[]string{"consumer"}, []forbidden{sql, netHTTP, jwt}},
	"httpserver":                    {[]string{"consumer", "journey", "auth", "httpserver/internal"}, []forbidden{sql, router, exporter, testingLibrary}},
	"httpserver/httpservertest":     {[]string{"consumer", "journey", "auth", "httpserver", "storage/memory"}, []forbidden{sql, router, exporter}},
	"httpserver/conformance":        {nil, []forbidden{sql, jwt, router, telemetry, exporter, testLibraries}}, // no code in common with what it tests
	"httpserver/probe":              {[]string{"httpserver/internal"}, []forbidden{sql, jwt, router, exporter, testingLibrary}},
	"httpserver/internal":           {[]string{"httpserver/internal"}, []forbidden{sql, jwt, router, exporter, testingLibrary}},
	"examples": {
		[]string{"consumer", "journey", "auth", "storage", "httpserver", "examples"},
		[]forbidden{testingLibrary},
	},
}

func TestImportRules(t *testing.T) {
	for _, line := range golist(t, "-f", "{{.ImportPath}} {{join .Deps \" \"}}", "./...") {
		fields := strings.Fields(line)
		path, ok := strings.CutPrefix(fields[0], module)
		if !ok {
			continue // the root package has no code
		}
		t.Run(path, func(t *testing.T) {
			rule, ok := ruleOf(path)
			if !ok {
				t.Fatal("importRules has no rule for this package")
			}
			for _, dependency := range fields[1:] {
				if own, ok := strings.CutPrefix(dependency, module); ok && !under(own, rule.may) {
					t.Errorf("reaches %s, but may import only %q of this module", own, rule.may)
				}
				for _, group := range rule.never {
					if under(dependency, group.packages) {
						t.Errorf("reaches %s, but must not: %s", dependency, group.reason)
					}
				}
			}
		})
	}
}

// notDownloaded are the modules that somebody who imports a package of the library does not
// download, neither by go get nor by go mod tidy, which downloads what the tests of imported
// packages need.
var notDownloaded = []forbidden{
	{[]string{"github.com/chromedp"}, "only the tests of the pages need a browser"},
	{[]string{"github.com/go-chi"}, "only an example uses the router"},
	{[]string{"github.com/getkin/kin-openapi"}, "only httpserver/internal/tests compares responses with the description"},
	{[]string{"github.com/prometheus", "go.opentelemetry.io/otel/exporters"}, "only the example server exports metrics"},
	{[]string{"go.opentelemetry.io/otel/sdk"}, "the program chooses its SDK; httpserver/internal/tests uses one"},
}

// TestImportersDownloadLittle checks the packages that can be imported, and those that they
// import, with their tests.
func TestImportersDownloadLittle(t *testing.T) {
	importable := slices.DeleteFunc(golist(t, "./..."), func(path string) bool {
		return under(path, []string{module + "examples", module + "httpserver/internal/tests"})
	})
	if len(importable) < 10 {
		t.Fatalf("only %d packages", len(importable))
	}
	for _, line := range golist(t, append([]string{"-test", "-f", "{{.ImportPath}}: {{join .Deps \" \"}}"}, importable...)...) {
		path, dependencies, _ := strings.Cut(line, ": ")
		for dependency := range strings.FieldsSeq(dependencies) {
			for _, group := range notDownloaded {
				if under(dependency, group.packages) {
					t.Errorf("%s reaches %s, but must not: %s", path, dependency, group.reason)
				}
			}
			if under(dependency, []string{module + "examples"}) {
				t.Errorf("%s reaches %s, which needs all of these", path, dependency)
			}
		}
	}
}

// TestPurePackagesHaveNoClock checks the packages that promise the same result for the same
// input.
func TestPurePackagesHaveNoClock(t *testing.T) {
	for _, directory := range []string{"journey", "consumer", "consumer/event", "consumer/recordjson"} {
		files := golist(t, "-f", "{{range .GoFiles}}{{$.Dir}}/{{.}}\n{{end}}", "./"+directory)
		if len(files) == 0 {
			t.Errorf("%s has no files", directory)
		}
		for _, file := range files {
			for _, call := range []string{"time.Now", "time.Since", "time.Until", "rand."} {
				if strings.Contains(read(t, file), call) {
					t.Errorf("%s/%s calls %s", directory, filepath.Base(file), call)
				}
			}
		}
	}
}

func golist(t *testing.T, args ...string) []string {
	t.Helper()
	output, err := exec.CommandContext(t.Context(), "go", append([]string{"list"}, args...)...).Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.FieldsFunc(string(output), func(r rune) bool { return r == '\n' })
}

// ruleOf returns the rule with the longest prefix of a path.
func ruleOf(path string) (importRule, bool) {
	longest := ""
	for name := range importRules {
		if under(path, []string{name}) && len(name) > len(longest) {
			longest = name
		}
	}
	rule, ok := importRules[longest]
	return rule, ok
}

// under reports whether a path is one of the others or below one of them.
func under(path string, others []string) bool {
	return slices.ContainsFunc(others, func(other string) bool {
		return path == other || strings.HasPrefix(path, other+"/")
	})
}

func read(t *testing.T, file string) string {
	t.Helper()
	source, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(source)
}
