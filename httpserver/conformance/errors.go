package conformance

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
)

func errorRules() []*rule {
	return []*rule{
		{name: "an error is JSON", records: `{}`, test: func(c *check) {
			for _, r := range c.errorResponses() {
				r.hasHeader("Content-Type", "application/json; charset=utf-8")
			}
		}},
		{name: "no cache stores an error", records: `{}`, test: func(c *check) {
			for _, r := range c.errorResponses() {
				r.hasHeader("Cache-Control", "no-store")
			}
		}},
		{name: "no browser guesses the type of an error", records: `{}`, test: func(c *check) {
			for _, r := range c.errorResponses() {
				r.hasHeader("X-Content-Type-Options", "nosniff")
			}
		}},
		{name: "the body of an error has error, and perhaps message and details", records: `{}`, test: func(c *check) {
			for _, r := range c.errorResponses() {
				r.hasErrorForm()
			}
		}},
		{name: "an error does not repeat a credential", records: `{}`, test: func(c *check) {
			const mistyped = "Sesame-of-the-conformance-suite"
			for _, r := range []*response{
				c.me("GET", withBearer(mistyped)), c.me("GET", with("X-Publishable-Key", mistyped)),
				c.lookUp("GET", c.consumer, withBearer(mistyped)),
			} {
				r.hasStatus(http.StatusUnauthorized)
				if strings.Contains(string(r.body), mistyped) {
					r.failf("the body repeats a credential: %s", shortened(r.body))
				}
				for name, values := range r.header {
					if strings.Contains(strings.Join(values, " "), mistyped) {
						r.failf("%s repeats a credential", name)
					}
				}
			}
		}},
	}
}

// errorResponses returns a response with each error.
func (c *check) errorResponses() []*response {
	all := []*response{
		c.me("GET", withBody("{}")),
		c.lookUp("GET", c.consumer, withBody("{}")),
		c.me("GET", without("Authorization")),
		c.me("GET", withBearer("wrong")),
		c.lookUp("GET", c.consumer, without("Authorization")),
		c.lookUp("GET", c.consumer, withBearer("wrong")),
		c.lookUp("GET", "conformance_unknown"),
		c.lookUpPath("GET", "/unknown/path"),
		c.me("POST"),
		c.lookUp("DELETE", c.consumer),
	}
	// Which requests fail is the subject of other rules.
	all = slices.DeleteFunc(all, func(r *response) bool { return !r.failed && (r.status < 400 || r.status > 499) })
	if len(all) == 0 {
		c.errorf("no request has a response with an error")
	}
	return all
}

// hasErrorForm expects the body of an error.
func (r *response) hasErrorForm() {
	if r.failed {
		return
	}
	var members map[string]json.RawMessage
	if err := json.Unmarshal(r.body, &members); err != nil {
		r.failf("status %d, the body is not a JSON object: %w: %s", r.status, err, shortened(r.body))
		return
	}
	for name, value := range members {
		var err error
		switch name {
		case "error", "message":
			var text string
			err = json.Unmarshal(value, &text)
		case "details":
			var details []struct{ Field, Message string }
			err = json.Unmarshal(value, &details)
		default:
			r.failf("status %d, the body has the unknown field %s: %s", r.status, name, shortened(r.body))
		}
		if err != nil {
			r.failf("status %d, %s in the body: %w: %s", r.status, name, err, shortened(r.body))
		}
	}
	if members["error"] == nil {
		r.failf("status %d, the body has no field error: %s", r.status, shortened(r.body))
	}
}
