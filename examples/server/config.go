package main

import (
	"flag"
	"net"
	"time"
)

// config is the configuration from flags and environment. A flag takes precedence over its
// variable, and an empty variable counts as unset.
type config struct {
	addr        string
	database    string
	fixture     string
	jwksURL     string
	jwksFile    string
	jwksRefresh time.Duration
	corsOrigins []string
	webhooks    webhookSecrets
	demo        bool
	accessLog   string
	opsAddr     string
	drainDelay  time.Duration
	idleTimeout time.Duration

	cacheBytes     int64
	cacheStaleness time.Duration

	// socketDir is the directory for [tokensocket.Serve], or empty.
	socketDir string
}

const (
	defaultAddr     = "127.0.0.1:8080"
	defaultDatabase = "sqlite:rejoin-demo.db"
	unsetCacheBytes = -1
	// defaultIdleTimeout is longer than the idle timeout of common load balancers, of which
	// Google Cloud's is the longest (600 s). A server that closes an idle connection first
	// may do so just when the load balancer sends a request on it, which becomes a 502.
	defaultIdleTimeout = 620 * time.Second
)

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
	"idle-timeout": "IDLE_TIMEOUT",

	"webhook-secret":  "WEBHOOK_SECRETS",
	"cache-bytes":     "CACHE_BYTES",
	"cache-staleness": "CACHE_STALENESS",
}

const serverUsage = `
Serves the API. Commands, each with its own -help:
  migrate   bring a database to the schema that this program needs, or report its version
  import    load a fixture of any size
  keys      create, list and revoke API keys
  show      print everything that is stored about a consumer
  erase     delete everything that is stored about a consumer
  merge     move the records of a guest to a consumer
  purge     delete records that ended long ago
  token     print an access token of a consumer, from the issuer inside a running server
  health    ask a running server whether it is ready
`

func parseConfig(p program, args []string) (config, error) {
	var c config
	flags := flag.NewFlagSet("server", flag.ContinueOnError)
	flags.StringVar(&c.addr, "addr", defaultAddr, "`HOST:PORT` to listen on; port 0 picks a free one")
	flags.StringVar(&c.database, "database", defaultDatabase, databaseUsage)
	flags.StringVar(&c.fixture, "fixture", "", "a JSON `FILE` with organizations, keys and consumers, which is loaded at the start")
	flags.StringVar(&c.jwksURL, "jwks-url", "", "`URL` of the key set that consumer tokens are verified against (default: an issuer inside the server)")
	flags.StringVar(&c.jwksFile, "jwks-file", "", "`FILE` with the key set that consumer tokens are verified against, instead of -jwks-url")
	durationVar(flags, &c.jwksRefresh, "jwks-refresh", 5*time.Minute, "how often the key set is read again (`DURATION`)")
	flags.Var((*listValue)(&c.corsOrigins), "cors-origin", "a browser `ORIGIN` that may call /me; repeatable or comma-separated, * for any (default: the server's own)")
	flags.Var(&c.webhooks, "webhook-secret", "a secret that signs the webhooks of an organization, as `ORG=SECRET`; repeatable or comma-separated (default: no webhooks)")
	flags.BoolVar(&c.demo, "demo", false, "load the demonstration data, which has well-known keys, and listen on loopback only")
	flags.StringVar(&c.accessLog, "access-log", "-", "a `FILE` that gets a line for each request, - for stderr, or off")
	flags.StringVar(&c.opsAddr, "ops-addr", "", "`HOST:PORT` of a separate listener for /readyz and /metrics, to hide them from the public (default: that of -addr)")
	durationVar(flags, &c.drainDelay, "drain-delay", 0, "how long to go on after SIGTERM while /readyz answers 503, so that a load balancer notices (`DURATION`)")
	durationVar(flags, &c.idleTimeout, "idle-timeout", defaultIdleTimeout, "how long to keep a connection without a request; longer than a load balancer in front does (`DURATION`)")
	flags.Int64Var(&c.cacheBytes, "cache-bytes", unsetCacheBytes, "`BYTES` of documents to keep in memory, 0 for none; -1 is 64 MiB on SQLite and none on Postgres")
	durationVar(flags, &c.cacheStaleness, "cache-staleness", 0, "how old a cached document may be (`DURATION`); 0 is never stale on SQLite, and 1s on Postgres")

	given, err := p.parseFlags(flags, args, "[COMMAND] [flags]", serverUsage)
	if err != nil {
		return config{}, err
	}
	if err := noArguments(flags); err != nil {
		return config{}, err
	}
	if !given["demo"] {
		c.demo = !given["database"] && !given["fixture"] && !given["jwks-url"] && !given["jwks-file"]
	}
	return c, c.validate(given)
}

func (c *config) validate(given map[string]bool) error {
	for _, f := range []struct{ name, value string }{
		{"database", c.database}, {"fixture", c.fixture}, {"jwks-url", c.jwksURL}, {"jwks-file", c.jwksFile},
		{"access-log", c.accessLog},
	} {
		if given[f.name] && f.value == "" {
			return usagef("-%s must not be empty", f.name)
		}
	}
	if _, _, err := net.SplitHostPort(c.opsAddr); c.opsAddr != "" && err != nil {
		return usagef("-ops-addr must be HOST:PORT")
	}
	host, _, err := net.SplitHostPort(c.addr)
	switch {
	case err != nil:
		return usagef("-addr must be HOST:PORT")
	case c.jwksURL != "" && c.jwksFile != "":
		return usagef("give -jwks-url or -jwks-file, not both")
	case c.jwksRefresh <= 0:
		return usagef("-jwks-refresh must be longer than zero")
	case c.drainDelay < 0:
		return usagef("-drain-delay must not be negative")
	case c.idleTimeout <= 0:
		return usagef("-idle-timeout must be longer than zero")
	case c.cacheBytes < unsetCacheBytes:
		return usagef("-cache-bytes must be -1 or more")
	case c.cacheStaleness < 0:
		return usagef("-cache-staleness must not be negative")
	case c.cacheBytes == 0 && given["cache-staleness"]:
		return usagef("-cache-staleness needs a cache, and -cache-bytes is 0")
	}
	if err := checkDatabaseURL(c.database); err != nil {
		return err
	}
	switch {
	case !c.demo:
	case host == "":
		c.addr = "127.0.0.1" + c.addr // an empty host would be the whole network
	case !isLoopback(host):
		return usagef("-addr must be a loopback address, because the demonstration data has well-known keys")
	}
	return nil
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}
