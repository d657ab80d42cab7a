package conformance

import (
	"net/http"
	"regexp"
	"strings"
)

var requestID = regexp.MustCompile(`^[A-Za-z0-9._-]{1,64}$`)

func requestIDRules() []*rule {
	everyKind := func(c *check, options ...option) []*response {
		send := func(method, path string, more ...option) *response {
			return c.send(method, path, append(more, options...)...)
		}
		credentials := c.consumerCredentials(c.target.Organization)
		return []*response{
			send("GET", "/me", credentials), send("GET", "/me"), send("GET", "/me", credentials, with("If-None-Match", "*")),
			send("OPTIONS", "/me"), send("POST", "/me"), send("GET", "/me", credentials, withBody("{}")),
			send("GET", "/"+c.consumer, withBearer(c.target.Organization.SecretKey)), send("GET", "/"+c.consumer),
			send("GET", "/conformance_unknown", withBearer(c.target.Organization.SecretKey)), send("GET", "/unknown/path"),
		}
	}
	return []*rule{
		{name: "every response has a new X-Request-Id", records: `{}`, test: func(c *check) {
			seen := make(map[string]bool)
			for _, r := range everyKind(c) {
				id := r.header.Get("X-Request-Id")
				if !r.failed && (len(r.header.Values("X-Request-Id")) != 1 || !requestID.MatchString(id)) {
					r.failf("status %d, X-Request-Id is %q", r.status, r.header.Values("X-Request-Id"))
				}
				if seen[id] {
					r.failf("status %d, X-Request-Id is that of an earlier response: %s", r.status, id)
				}
				seen[id] = true
			}
		}},
		{name: "a valid X-Request-Id of the caller is kept", records: `{}`, test: func(c *check) {
			for _, r := range everyKind(c, with("X-Request-Id", "AZaz09._-")) {
				r.hasHeader("X-Request-Id", "AZaz09._-")
			}
			longest := strings.Repeat("a", 64)
			c.me("GET", with("X-Request-Id", longest)).hasHeader("X-Request-Id", longest)
		}},
		{name: "an invalid X-Request-Id of the caller is replaced", records: `{}`, test: func(c *check) {
			for _, id := range []string{strings.Repeat("a", 65), "a b", "a/b", "a@b", "é", ""} {
				for _, r := range []*response{c.me("GET", with("X-Request-Id", id)), c.lookUp("GET", c.consumer, with("X-Request-Id", id))} {
					if r.hasStatus(http.StatusOK) && !requestID.MatchString(r.header.Get("X-Request-Id")) {
						r.failf("X-Request-Id is %q for %q", r.header.Get("X-Request-Id"), id)
					}
				}
			}
		}},
	}
}
