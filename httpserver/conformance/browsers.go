package conformance

import (
	"net/http"
	"slices"
	"strings"
)

func browserRules() []*rule {
	rules := []*rule{
		{name: "an allowed origin may read the document", records: `{}`, test: func(c *check) {
			r := c.me("GET", with("Origin", c.target.Origin))
			r.hasStatus(http.StatusOK)
			r.allowsOrigin(c.target.Origin)
		}},
		{name: "it may read a 304 and errors", records: `{}`, test: func(c *check) {
			origin := with("Origin", c.target.Origin)
			for _, r := range []*response{
				c.me("GET", origin, with("If-None-Match", "*")), c.me("GET", origin, withBearer("wrong")), c.me("POST", origin), c.me("GET", origin, withBody("{}")),
			} {
				r.allowsOrigin(c.target.Origin)
			}
		}},
		{name: "it may read ETag, Retry-After and X-Request-Id", records: `{}`, test: func(c *check) {
			r := c.me("GET", with("Origin", c.target.Origin))
			r.hasListed("Access-Control-Expose-Headers", "ETag", "Retry-After", "X-Request-Id")
		}},
		{name: "a preflight request is 204 without credentials", records: `{}`, test: func(c *check) {
			r := c.preflight("/me", c.target.Origin)
			r.hasStatus(http.StatusNoContent)
			r.allowsOrigin(c.target.Origin)
		}},
		{name: "a preflight request allows GET, and any request header", records: `{}`, test: func(c *check) {
			r := c.preflight("/me", c.target.Origin)
			if r.failed {
				return
			}
			if methods := r.lists("Access-Control-Allow-Methods"); !slices.Contains(methods, "get") && !slices.Contains(methods, "*") {
				r.failf("Access-Control-Allow-Methods does not allow GET: %q", methods)
			}
			allowed := r.lists("Access-Control-Allow-Headers")
			for _, name := range preflightHeaders {
				// The wildcard does not cover Authorization.
				if !slices.Contains(allowed, name) && (name == "authorization" || !slices.Contains(allowed, "*")) {
					r.failf("Access-Control-Allow-Headers does not allow %s: %q", name, allowed)
				}
			}
		}},
		{name: "a browser sends no credentials of its own", records: `{}`, test: func(c *check) {
			r := c.me("GET", with("Origin", c.target.Origin))
			r.hasStatus(http.StatusOK)
			r.hasNoHeader("Access-Control-Allow-Credentials")
			c.preflight("/me", c.target.Origin).hasNoHeader("Access-Control-Allow-Credentials")
		}},
		{name: "another origin may read nothing", records: `{}`, test: func(c *check) {
			all := c.me("GET", with("Origin", c.target.Origin)).header.Get("Access-Control-Allow-Origin") == "*"
			if !c.skipUnless(!all, "every origin is allowed") {
				return
			}
			r := c.me("GET", with("Origin", c.target.ForbiddenOrigin))
			r.hasStatus(http.StatusOK)
			r.hasNoHeader("Access-Control-Allow-Origin")
			c.me("GET", with("Origin", "null")).hasNoHeader("Access-Control-Allow-Origin")
			c.preflight("/me", c.target.ForbiddenOrigin).hasNoHeader("Access-Control-Allow-Origin")
		}},
		{name: "Vary lists Origin, unless every origin is allowed", records: `{}`, test: func(c *check) {
			for _, r := range []*response{
				c.me("GET", with("Origin", c.target.Origin)), c.me("GET"), c.me("GET", with("Origin", c.target.ForbiddenOrigin)), c.preflight("/me", c.target.Origin),
			} {
				if r.header.Get("Access-Control-Allow-Origin") == "*" {
					return
				}
				r.hasListed("Vary", "Origin")
			}
		}},
		{name: "the look-up is not for browsers", records: `{}`, test: func(c *check) {
			origin := with("Origin", c.target.Origin)
			answered := c.lookUp("GET", c.consumer, origin)
			answered.hasStatus(http.StatusOK)
			for _, r := range []*response{answered, c.send("GET", "/"+c.consumer, origin), c.preflight("/"+c.consumer, c.target.Origin)} {
				for name := range r.header {
					if strings.HasPrefix(name, "Access-Control-") {
						r.failf("the header has %s", name)
					}
				}
			}
		}},
	}
	for _, rule := range rules {
		test := rule.test
		rule.test = func(c *check) {
			if c.skipUnless(c.target.Origin != "", "Target.Origin is not set") {
				test(c)
			}
		}
	}
	return rules
}

// preflightHeaders are the request headers that a preflight request asks for.
var preflightHeaders = []string{"authorization", "if-none-match", "traceparent", "x-conformance", "x-publishable-key"}

func (c *check) preflight(path, origin string) *response {
	return c.send("OPTIONS", path, with("Origin", origin), with("Access-Control-Request-Method", "GET"),
		with("Access-Control-Request-Headers", strings.Join(preflightHeaders, ",")))
}

// allowsOrigin expects a browser to let a script of an origin read the response.
func (r *response) allowsOrigin(origin string) {
	if got := r.header.Values("Access-Control-Allow-Origin"); !r.failed && (len(got) != 1 || got[0] != origin && got[0] != "*") {
		r.failf("status %d, the lines of Access-Control-Allow-Origin are %q, want %s or *", r.status, got, origin)
	}
}
