package conformance

import (
	"net/http"
	"slices"
	"strings"
)

func cachingRules() []*rule {
	both := func(c *check, method string, options ...option) []*response {
		return []*response{c.me(method, options...), c.lookUp(method, c.consumer, options...)}
	}
	const records = `{"fullName":"Ada Lovelace"}`
	return []*rule{
		{name: "no shared cache stores a response, and a browser asks again", records: records, test: func(c *check) {
			for _, r := range append(both(c, "GET"), both(c, "GET", with("If-None-Match", "*"))...) {
				r.hasListed("Cache-Control", "private", "no-cache")
				for _, directive := range r.lists("Cache-Control") {
					name, _, _ := strings.Cut(directive, "=")
					if slices.Contains([]string{"public", "s-maxage", "max-age", "must-revalidate", "immutable"}, name) {
						r.failf("Cache-Control has %s", directive)
					}
				}
			}
		}},
		{name: "a response is JSON, and no browser guesses its type", records: records, test: func(c *check) {
			for _, r := range both(c, "GET") {
				if r.hasStatus(http.StatusOK) {
					r.hasHeader("Content-Type", "application/json; charset=utf-8")
					r.hasHeader("X-Content-Type-Options", "nosniff")
				}
			}
		}},
		{name: "Vary lists the headers with the credentials", records: records, test: func(c *check) {
			for _, options := range [][]option{nil, {with("If-None-Match", "*")}} {
				c.me("GET", options...).hasListed("Vary", "Authorization", "X-Publishable-Key")
				c.lookUp("GET", c.consumer, options...).hasListed("Vary", "Authorization")
			}
		}},
		{name: "the entity tag is strong, and the same for the same document", records: records, test: func(c *check) {
			first, second := both(c, "GET"), both(c, "GET")
			for i := range first {
				first[i].hasTag()
				second[i].hasTag()
				if !second[i].failed {
					second[i].hasHeader("ETag", first[i].header.Get("ETag"))
				}
			}
		}},
		{name: "the entity tag of another document is another one", records: records, test: func(c *check) {
			me, profile := c.me("GET"), c.lookUp("GET", c.consumer)
			if tag := me.hasTag(); tag != "" && tag == profile.hasTag() {
				profile.failf("the entity tag is that of the consumer's own document: %s", tag)
			}
		}},
		{name: "If-None-Match with the present entity tag is 304 without a body", records: records, test: func(c *check) {
			for i, first := range both(c, "GET") {
				tag := first.hasTag()
				if tag == "" {
					continue
				}
				conditions := [][]string{{tag}, {"W/" + tag}, {`"other", ` + tag}, {`"a,b" ,` + tag + `, "c"`}, {"*"}}
				if !c.target.RejectsRepeatedHeaders {
					conditions = append(conditions, []string{`"other"`, tag})
				}
				for _, condition := range conditions {
					for _, method := range []string{"GET", "HEAD"} {
						r := both(c, method, with("If-None-Match", condition...))[i]
						if r.hasStatus(http.StatusNotModified) {
							r.hasHeader("ETag", tag)
							r.hasNoHeader("Content-Type")
						}
						if len(r.body) > 0 {
							r.failf("the 304 has a body")
						}
					}
				}
			}
		}},
		{name: "If-None-Match with another entity tag is 200", records: records, test: func(c *check) {
			for i, first := range both(c, "GET") {
				tag := first.hasTag()
				if tag == "" {
					continue
				}
				for _, condition := range []string{`"other"`, `W/"other"`, strings.Trim(tag, `"`), `"` + strings.Trim(tag, `"`) + `x"`} {
					sameBody(first, both(c, "GET", with("If-None-Match", condition))[i])
				}
			}
		}},
		{name: "If-Modified-Since is not looked at", records: records, test: func(c *check) {
			for _, r := range both(c, "GET", with("If-Modified-Since", "Fri, 31 Dec 9999 23:59:59 GMT")) {
				r.hasStatus(http.StatusOK)
			}
		}},
		{name: "a change gives another entity tag", records: records, test: func(c *check) {
			before := both(c, "GET")
			changed := `{"fullName":"Ada King","updatedAt":"@-30s","participations":[` + record("queue", "a", "QUEUED", "-9m") + `]}`
			if !c.write(changed) {
				return
			}
			for i, old := range before {
				tag := old.hasTag()
				if tag == "" {
					continue
				}
				r := both(c, "GET", with("If-None-Match", tag))[i]
				if r.hasStatus(http.StatusOK) && r.hasTag() == tag {
					r.failf("the entity tag is the old one: %s", tag)
				}
				if !strings.Contains(string(r.body), "Ada King") {
					r.failf("the body does not show the change: %s", shortened(r.body))
				}
			}
			c.me("GET").hasKeys("queues", "a#")
		}},
	}
}

// write writes records about the rule's consumer, and waits until responses show them.
func (c *check) write(records string) bool {
	var b batch
	err := c.add(&b, c.consumer, records, "")
	if err == nil {
		err = c.load(c.ctx, c.target.Organization, b)
	}
	if err == nil {
		err = c.waitForResponses(c.ctx)
	}
	if err != nil {
		c.broken = err
	}
	return err == nil
}

// hasTag expects a strong entity tag and returns it, or "".
func (r *response) hasTag() string {
	if !r.hasStatus(http.StatusOK) {
		return ""
	}
	tags := r.header.Values("ETag")
	if len(tags) != 1 || len(tags[0]) < 3 || tags[0][0] != '"' || tags[0][len(tags[0])-1] != '"' {
		r.failf("the lines of ETag are %q, want one strong entity tag", tags)
		return ""
	}
	return tags[0]
}
