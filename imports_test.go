package rejoin_test

import (
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/rejoinhq/rejoin/"

// What must never be reached, by the groups in which the rules speak of it.
var (
	databases        = []string{"database/sql", "github.com/jmoiron/sqlx", "modernc.org/sqlite", "github.com/jackc/pgx", "github.com/pressly/goose"}
	netHTTP          = []string{"net/http"}
	jwt              = []string{"github.com/golang-jwt/jwt", "github.com/MicahParks/keyfunc", "github.com/MicahParks/jwkset"}
	postgresDriver   = []string{"github.com/jackc/pgx"}
	sqliteDriver     = []string{"modernc.org/sqlite"}
	routers          = []string{"github.com/go-chi"}
	telemetry        = []string{"go.opentelemetry.io"}
	telemetrySDK     = []string{"go.opentelemetry.io/otel/sdk", "go.opentelemetry.io/otel/exporters", "github.com/prometheus"}
	testingLibraries = []string{"testing", "pgregory.net/rapid", "github.com/google/go-cmp", "github.com/getkin/kin-openapi"}
	everything       = []string{"consumer", "journey", "auth", "storage", "httpserver", "examples"}
)

// importRules is the table of the module's packages: what each may use of the module,
// and what it must not reach even through others. Whoever imports journey, say,
// compiles no driver. A package is ruled by the longest prefix of its path.
var importRules = map[string]struct {
	may   []string
	never [][]string
}{
	"consumer":                      {nil, [][]string{databases, netHTTP, jwt, telemetry, testingLibraries}},
	"journey":                       {[]string{"consumer"}, [][]string{databases, netHTTP, jwt, telemetry, testingLibraries}},
	"auth":                          {[]string{"auth", "consumer"}, [][]string{databases, telemetry, testingLibraries}},
	"storage/sqlite":                {[]string{"consumer", "storage/internal"}, [][]string{netHTTP, jwt, postgresDriver, telemetry, testingLibraries}},
	"storage/postgres":              {[]string{"consumer", "storage/internal"}, [][]string{netHTTP, jwt, sqliteDriver, telemetry, testingLibraries}},
	"storage/postgres/postgrestest": {nil, [][]string{netHTTP, jwt, sqliteDriver}},
	"storage/storagetest":           {[]string{"consumer"}, [][]string{databases, jwt}},
	"storage/internal/childtest":    {[]string{"consumer"}, [][]string{databases, jwt}},
	"storage/internal":              {[]string{"consumer", "storage/internal"}, [][]string{netHTTP, jwt, postgresDriver, sqliteDriver, telemetry, testingLibraries}},
	"httpserver":                    {[]string{"consumer", "journey", "auth"}, [][]string{databases, routers, telemetrySDK, testingLibraries}},
	"examples":                      {everything, [][]string{testingLibraries}},
}

func TestImportRules(t *testing.T) {
	for _, line := range golist(t, "-f", "{{.ImportPath}} {{join .Deps \" \"}}", "./...") {
		fields := strings.Fields(line)
		path, ours := strings.CutPrefix(fields[0], module)
		if !ours {
			continue // the root holds no code
		}
		t.Run(path, func(t *testing.T) {
			name := longestPrefix(path)
			if name == "" {
				t.Fatal("no rule says what this package may import")
			}
			rule := importRules[name]
			for _, dependency := range fields[1:] {
				if own, ok := strings.CutPrefix(dependency, module); ok && !under(own, rule.may) {
					t.Errorf("reaches %s", own)
				}
				for _, group := range rule.never {
					if under(dependency, group) {
						t.Errorf("reaches %s", dependency)
					}
				}
			}
		})
	}
}

// The packages that promise purity import no clock: nobody calls time.Now there.
func TestPurePackagesAskNoClock(t *testing.T) {
	for _, directory := range []string{"journey", "consumer"} {
		files := golist(t, "-f", "{{range .GoFiles}}{{$.Dir}}/{{.}}\n{{end}}", "./"+directory)
		for _, file := range files {
			for _, call := range []string{"time.Now", "time.Since", "time.Until", "rand."} {
				if source := read(t, file); strings.Contains(source, call) {
					t.Errorf("%s calls %s", file[strings.LastIndex(file, "/")+1:], call)
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

// longestPrefix is the rule that a package falls under.
func longestPrefix(path string) string {
	var longest string
	for name := range importRules {
		if under(path, []string{name}) && len(name) > len(longest) {
			longest = name
		}
	}
	return longest
}

// under reports whether a path is one of the others or below one.
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
