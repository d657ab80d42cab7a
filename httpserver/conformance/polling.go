package conformance

import (
	"net/http"
	"strconv"
)

const pollInterval = "X-Poll-Interval"

var rateLimits = []string{"X-Ratelimit-Limit", "X-Ratelimit-Remaining", "X-Ratelimit-Reset"}

// pollingRules are about headers that are options of a deployment.
func pollingRules() []*rule {
	return []*rule{
		{name: "X-Poll-Interval is a number of seconds, on every document", records: `{}`, test: func(c *check) {
			first := c.me("GET")
			if !first.hasStatus(http.StatusOK) || !c.skipUnless(first.header[pollInterval] != nil, "the document has no X-Poll-Interval") {
				return
			}
			for _, r := range []*response{first, c.me("HEAD"), c.me("GET", with("If-None-Match", "*"))} {
				r.hasNumber(pollInterval, 1)
			}
		}},
		{name: "browsers may read X-Poll-Interval", records: `{}`, test: func(c *check) {
			r := c.me("GET", with("Origin", c.target.Origin))
			if r.hasStatus(http.StatusOK) &&
				c.skipUnless(c.target.Origin != "" && r.header[pollInterval] != nil, "the document has no X-Poll-Interval, or Target.Origin is not set") {
				r.hasListed("Access-Control-Expose-Headers", pollInterval)
			}
		}},
		{name: "a look-up has no X-Poll-Interval", records: `{}`, test: func(c *check) {
			r := c.lookUp("GET", c.consumer)
			r.hasStatus(http.StatusOK)
			r.hasNoHeader(pollInterval)
		}},
		{name: "the headers of a rate limit are numbers, and come together", records: `{}`, test: func(c *check) {
			responses := []*response{c.me("GET"), c.lookUp("GET", c.consumer)}
			limited := false
			for _, r := range responses {
				limited = !r.hasStatus(http.StatusOK) || limited || r.hasAnyRateLimit()
			}
			if !c.skipUnless(limited, "no response has a header of a rate limit") {
				return
			}
			for _, r := range responses {
				if r.hasAnyRateLimit() {
					r.hasNumber(rateLimits[0], 1)
					r.hasNumber(rateLimits[1], 0)
					r.hasNumber(rateLimits[2], 1)
				}
			}
		}},
		{name: "browsers may read the headers of a rate limit", records: `{}`, test: func(c *check) {
			r := c.me("GET", with("Origin", c.target.Origin))
			if r.hasStatus(http.StatusOK) &&
				c.skipUnless(c.target.Origin != "" && r.hasAnyRateLimit(), "the document has no header of a rate limit, or Target.Origin is not set") {
				r.hasListed("Access-Control-Expose-Headers", rateLimits...)
			}
		}},
	}
}

func (r *response) hasAnyRateLimit() bool {
	for _, name := range rateLimits {
		if r.header[name] != nil {
			return true
		}
	}
	return false
}

// hasNumber expects a header field that is a whole number and not less than another.
func (r *response) hasNumber(name string, least int64) {
	if r.failed {
		return
	}
	values := r.header.Values(name)
	if len(values) == 1 {
		if n, err := strconv.ParseInt(values[0], 10, 64); err == nil && n >= least {
			return
		}
	}
	r.failf("status %d, the lines of %s are %q, want a whole number from %d", r.status, name, values, least)
}
