package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"strings"
	"time"
)

// config is what the flags and the environment say. A flag goes before its variable,
// and an empty variable counts as unset.
type config struct {
	addr        string
	database    string
	fixture     string
	jwksURL     string
	jwksFile    string
	jwksRefresh time.Duration
	corsOrigins []string
	demo        bool
	accessLog   string
	opsAddr     string
	drainDelay  time.Duration

	cacheBytes     int64
	cacheStaleness time.Duration
}

const (
	defaultAddr     = "127.0.0.1:8080"
	defaultDatabase = "sqlite:rejoin-demo.db"
	unsetCacheBytes = -1
)

// errHelp says that the usage was asked for, and printed.
var errHelp = errors.New("help")

// variables names the environment variable of each flag that has one.
var variables = map[string]string{
	"addr":         "ADDR",
	"database":     "DATABASE_URL",
	"fixture":      "FIXTURE",
	"jwks-url":     "JWKS_URL",
	"jwks-file":    "JWKS_FILE",
	"jwks-refresh": "JWKS_REFRESH",
	"cors-origin":  "CORS_ORIGINS",
	"access-log":   "ACCESS_LOG",
	"ops-addr":     "OPS_ADDR",
	"drain-delay":  "DRAIN_DELAY",

	"cache-bytes":     "CACHE_BYTES",
	"cache-staleness": "CACHE_STALENESS",
}

func parseConfig(args []string, getenv func(string) string, stdout io.Writer) (config, error) {
	var c config
	flags := flag.NewFlagSet("server", flag.ContinueOnError)
	flags.StringVar(&c.addr, "addr", defaultAddr, "`HOST:PORT` to listen on; port 0 picks one")
	flags.StringVar(&c.database, "database", defaultDatabase, databaseUsage)
	flags.StringVar(&c.fixture, "fixture", "", "a JSON `FILE` with organizations, keys and consumers to load at the start")
	flags.StringVar(&c.jwksURL, "jwks-url", "", "`URL` of the key set that consumer tokens are verified against (default: an issuer inside the server)")
	flags.StringVar(&c.jwksFile, "jwks-file", "", "the same from a `FILE`")
	flags.DurationVar(&c.jwksRefresh, "jwks-refresh", 5*time.Minute, "how often the key set is read again (`DURATION`)")
	flags.Var((*originList)(&c.corsOrigins), "cors-origin", "a browser `ORIGIN` that may call /me; repeatable or comma-separated, * for any (default: the server's own)")
	flags.BoolVar(&c.demo, "demo", false, "load the demonstration data, which has well-known keys, and listen on loopback only")
	flags.StringVar(&c.accessLog, "access-log", "-", "a `FILE` that gets a line for each request, - for stderr, or off")
	flags.StringVar(&c.opsAddr, "ops-addr", "", "`HOST:PORT` for /readyz and /metrics, to keep them from the world (default: that of -addr)")
	flags.DurationVar(&c.drainDelay, "drain-delay", 0, "how long to go on after SIGTERM while /readyz says 503, so that a load balancer notices (`DURATION`)")
	flags.Int64Var(&c.cacheBytes, "cache-bytes", unsetCacheBytes, "`BYTES` of documents to keep in memory, 0 for none; -1 is 64 MiB on SQLite and none on Postgres")
	flags.DurationVar(&c.cacheStaleness, "cache-staleness", 0, "how old what is kept may be (`DURATION`); 0 is never on SQLite, and 1s on Postgres")

	given, err := parseFlags(flags, args, getenv, stdout, "[COMMAND] [flags]", serverUsage)
	if err != nil {
		return config{}, err
	}
	if flags.NArg() > 0 {
		return config{}, fmt.Errorf("unexpected argument %q", flags.Arg(0))
	}
	if !given["demo"] {
		c.demo = !given["database"] && !given["fixture"] && !given["jwks-url"] && !given["jwks-file"]
	}
	return c, c.validate(given)
}

const databaseUsage = "sqlite:PATH, sqlite::memory: or postgres://… (`URL`)"

const serverUsage = `
Commands, each with its own -help:
  migrate   bring a database to the schema that this program needs, or say where it stands
  import    load a fixture of any size
  keys      create, list and revoke API keys
  health    ask a running server whether it is ready
Without a command it serves.
`

// parseFlags reads flags and, for those that were not given, the environment. It
// returns which were given either way. When the usage is asked for, it prints that and
// returns errHelp.
func parseFlags(flags *flag.FlagSet, args []string, getenv func(string) string, stdout io.Writer, synopsis, more string) (given map[string]bool, err error) {
	flags.SetOutput(io.Discard) // an error is printed once, by run
	err = flags.Parse(args)
	if errors.Is(err, flag.ErrHelp) {
		printUsage(flags, stdout, synopsis, more)
		return nil, errHelp
	}
	if err != nil {
		return nil, err
	}
	return readEnvironment(flags, getenv)
}

func printUsage(flags *flag.FlagSet, stdout io.Writer, synopsis, more string) {
	fmt.Fprintf(stdout, "Usage: server %s\n%s\n", synopsis, more)
	flags.SetOutput(stdout)
	flags.PrintDefaults()
	fmt.Fprintln(stdout, "\nA variable of the environment can stand for a flag:")
	flags.VisitAll(func(f *flag.Flag) {
		if variable, ok := variables[f.Name]; ok {
			fmt.Fprintf(stdout, "  -%-13s %s\n", f.Name, variable)
		}
	})
}

// readEnvironment sets the flags that were not given from their variables, and returns
// those that were given either way.
func readEnvironment(flags *flag.FlagSet, getenv func(string) string) (given map[string]bool, err error) {
	given = make(map[string]bool)
	flags.Visit(func(f *flag.Flag) { given[f.Name] = true })
	// A key set that a flag names goes before either variable.
	skip := map[string]bool{"jwks-url": given["jwks-file"], "jwks-file": given["jwks-url"]}
	flags.VisitAll(func(f *flag.Flag) {
		variable, ok := variables[f.Name]
		if !ok || given[f.Name] || skip[f.Name] || getenv(variable) == "" || err != nil {
			return
		}
		given[f.Name] = true
		if setErr := f.Value.Set(getenv(variable)); setErr != nil {
			err = fmt.Errorf("invalid value for %s: %w", variable, setErr)
		}
	})
	return given, err
}

func (c *config) validate(given map[string]bool) error {
	for _, f := range []struct{ name, value string }{
		{"database", c.database}, {"fixture", c.fixture}, {"jwks-url", c.jwksURL}, {"jwks-file", c.jwksFile},
		{"access-log", c.accessLog},
	} {
		if given[f.name] && f.value == "" {
			return fmt.Errorf("-%s must not be empty", f.name)
		}
	}
	if _, _, err := net.SplitHostPort(c.opsAddr); c.opsAddr != "" && err != nil {
		return errors.New("-ops-addr must be HOST:PORT")
	}
	host, _, err := net.SplitHostPort(c.addr)
	switch {
	case err != nil:
		return errors.New("-addr must be HOST:PORT")
	case c.jwksURL != "" && c.jwksFile != "":
		return errors.New("give -jwks-url or -jwks-file, not both")
	case c.jwksRefresh <= 0:
		return errors.New("-jwks-refresh must be longer than zero")
	case c.drainDelay < 0:
		return errors.New("-drain-delay must not be negative")
	case c.cacheBytes < unsetCacheBytes:
		return errors.New("-cache-bytes must be -1 or more")
	case c.cacheStaleness < 0:
		return errors.New("-cache-staleness must not be negative")
	case c.cacheBytes == 0 && given["cache-staleness"]:
		return errors.New("-cache-staleness needs a cache, and -cache-bytes is 0")
	case !c.demo:
		return nil
	case host == "":
		c.addr = "127.0.0.1" + c.addr // everything would be the whole network
	case !isLoopback(host):
		return errors.New("-addr must be a loopback address, because the demonstration data has well-known keys")
	}
	return nil
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// originList is the value of a flag that may be repeated and hold several.
type originList []string

func (l *originList) String() string { return strings.Join(*l, ",") }

func (l *originList) Set(value string) error {
	for origin := range strings.SplitSeq(value, ",") {
		if origin = strings.TrimSpace(origin); origin == "" {
			return errors.New("an origin is empty")
		}
		*l = append(*l, strings.TrimSpace(origin))
	}
	return nil
}

// oneLine keeps a message on the one line that was promised.
func oneLine(message string) string {
	return strings.Join(strings.FieldsFunc(message, func(r rune) bool { return r == '\n' || r == '\r' }), "; ")
}
