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
}

const defaultDatabase = "sqlite:rejoin-demo.db"

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
}

func parseConfig(args []string, getenv func(string) string, stdout io.Writer) (config, error) {
	var c config
	flags := flag.NewFlagSet("server", flag.ContinueOnError)
	flags.SetOutput(io.Discard) // the error is printed once, by run
	flags.StringVar(&c.addr, "addr", "127.0.0.1:8080", "`HOST:PORT` to listen on; port 0 picks one")
	flags.StringVar(&c.database, "database", defaultDatabase, "sqlite:PATH, sqlite::memory: or postgres://… (`URL`)")
	flags.StringVar(&c.fixture, "fixture", "", "a JSON `FILE` with organizations, keys and consumers to load at the start")
	flags.StringVar(&c.jwksURL, "jwks-url", "", "`URL` of the key set that consumer tokens are verified against (default: an issuer inside the server)")
	flags.StringVar(&c.jwksFile, "jwks-file", "", "the same from a `FILE`")
	flags.DurationVar(&c.jwksRefresh, "jwks-refresh", 5*time.Minute, "how often the key set is read again (`DURATION`)")
	flags.Var((*originList)(&c.corsOrigins), "cors-origin", "a browser `ORIGIN` that may call /me; repeatable or comma-separated, * for any (default: the server's own)")
	flags.BoolVar(&c.demo, "demo", false, "load the demonstration data, which has well-known keys, and listen on loopback only")

	if err := flags.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			printUsage(flags, stdout)
			return config{}, errHelp
		}
		return config{}, err
	}
	if flags.NArg() > 0 {
		return config{}, fmt.Errorf("unexpected argument %q", flags.Arg(0))
	}
	given, err := readEnvironment(flags, getenv)
	if err != nil {
		return config{}, err
	}
	if !given["database"] && !given["fixture"] && !given["jwks-url"] && !given["jwks-file"] {
		c.demo = true
	}
	return c, c.validate(given)
}

func printUsage(flags *flag.FlagSet, stdout io.Writer) {
	fmt.Fprintln(stdout, "Usage: server [flags]")
	flags.SetOutput(stdout)
	flags.PrintDefaults()
	fmt.Fprintln(stdout, "\nEach flag but -demo can also be set by a variable:")
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
	flags.VisitAll(func(f *flag.Flag) {
		variable, ok := variables[f.Name]
		if !ok || given[f.Name] || getenv(variable) == "" || err != nil {
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
	} {
		if given[f.name] && f.value == "" {
			return fmt.Errorf("-%s must not be empty", f.name)
		}
	}
	host, _, err := net.SplitHostPort(c.addr)
	switch {
	case err != nil:
		return errors.New("-addr must be HOST:PORT")
	case c.jwksURL != "" && c.jwksFile != "":
		return errors.New("give -jwks-url or -jwks-file, not both")
	case c.jwksRefresh <= 0:
		return errors.New("-jwks-refresh must be longer than zero")
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
