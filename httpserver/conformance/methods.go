package conformance

import (
	"bytes"
	"net/http"
	"strings"
)

// otherMethods are methods that the endpoints do not have.
var otherMethods = []string{http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete}

func methodRules() []*rule {
	return []*rule{
		{name: "GET responds with 200", records: `{}`, test: func(c *check) {
			c.me("GET").hasStatus(http.StatusOK)
			c.lookUp("GET", c.consumer).hasStatus(http.StatusOK)
		}},
		{name: "HEAD has the status and header of GET and no body", records: `{}`, test: func(c *check) {
			for status, send := range map[int]func(method string) *response{
				http.StatusOK:           func(method string) *response { return c.me(method) },
				http.StatusNotFound:     func(method string) *response { return c.lookUp(method, "conformance_unknown") },
				http.StatusUnauthorized: func(method string) *response { return c.send(method, "/me") },
			} {
				if get := send("GET"); get.hasStatus(status) {
					sameHead(get, send("HEAD"))
				}
			}
			if get := c.lookUp("GET", c.consumer); get.hasStatus(http.StatusOK) {
				sameHead(get, c.lookUp("HEAD", c.consumer))
			}
		}},
		{name: "another method is 405 with Allow", records: `{}`, test: func(c *check) {
			for _, method := range otherMethods {
				for _, r := range []*response{c.me(method), c.lookUp(method, c.consumer)} {
					r.hasError(http.StatusMethodNotAllowed, methodNotAllowed)
					r.hasListed("Allow", "GET", "HEAD", "OPTIONS")
				}
			}
		}},
		{name: "the method is checked before the credentials", records: `{}`, test: func(c *check) {
			for _, path := range []string{"/me", "/" + c.consumer} {
				c.send("POST", path).hasError(http.StatusMethodNotAllowed, methodNotAllowed)
				c.send("DELETE", path, withBearer("wrong")).hasError(http.StatusMethodNotAllowed, methodNotAllowed)
			}
		}},
		{name: "a plain OPTIONS is 204 with Allow, without credentials", records: `{}`, test: func(c *check) {
			for _, path := range []string{"/me", "/" + c.consumer} {
				r := c.send("OPTIONS", path)
				r.hasStatus(http.StatusNoContent)
				r.hasListed("Allow", "GET", "HEAD", "OPTIONS")
			}
		}},
		{name: "another path is 404 and never a redirect", records: `{}`, test: func(c *check) {
			for _, path := range []string{"", "/", "/me/", "/me/unknown", "/" + c.consumer + "/", "/" + c.consumer + "/unknown"} {
				c.lookUpPath("GET", path).hasError(http.StatusNotFound, notFound)
				c.lookUpPath("HEAD", path).hasError(http.StatusNotFound, notFound)
			}
		}},
		{name: "the path is checked before the method and the credentials", records: `{}`, test: func(c *check) {
			for _, path := range []string{"", "/", "/me/unknown", "/" + c.consumer + "/unknown"} {
				c.send("GET", path).hasError(http.StatusNotFound, notFound)
				c.send("POST", path).hasError(http.StatusNotFound, notFound)
			}
		}},
		{name: "a path is not cleaned", records: `{}`, test: func(c *check) {
			if !c.skipUnless(!c.target.CleansPaths, "Target.CleansPaths is set") {
				return
			}
			for _, path := range []string{"//me", "/./me", "/unknown/../me", "//" + c.consumer} {
				c.lookUpPath("GET", path).hasError(http.StatusNotFound, notFound)
			}
		}},
		{name: "the letter case of a path matters", records: `{}`, test: func(c *check) {
			c.send("GET", "/ME", c.consumerCredentials(c.target.Organization)).hasError(http.StatusUnauthorized, secretKeyRequired)
			c.lookUp("GET", "Me").hasError(http.StatusNotFound, consumerNotFound)
		}},
		{name: "a query changes nothing", records: `{}`, test: func(c *check) {
			me, profile := c.me("GET"), c.lookUp("GET", c.consumer)
			me.hasStatus(http.StatusOK)
			profile.hasStatus(http.StatusOK)
			sameBody(me, c.send("GET", "/me?id=unknown&organizationId=unknown", c.consumerCredentials(c.target.Organization)))
			sameBody(profile, c.lookUp("GET", c.consumer+"?id=unknown"))
		}},
	}
}

// lookUpPath sends a request with a secret key to a path that need not be an endpoint.
func (c *check) lookUpPath(method, path string) *response {
	return c.send(method, path, withBearer(c.target.Organization.SecretKey))
}

// sameHead expects a response to HEAD to be that to GET without its body.
func sameHead(get, head *response) {
	if !head.hasStatus(get.status) {
		return
	}
	if len(head.body) > 0 {
		head.failf("the response has a body")
	}
	for _, name := range []string{"Content-Type", "Etag", "Cache-Control", "Vary", "Www-Authenticate"} {
		if want, got := strings.Join(get.header[name], ", "), strings.Join(head.header[name], ", "); got != want {
			head.failf("%s is %q, and %q for GET", name, got, want)
		}
	}
	if want, got := get.header.Get("Content-Length"), head.header.Get("Content-Length"); want != "" && got != "" && want != got {
		head.failf("Content-Length is %s, and %s for GET", got, want)
	}
}

// sameBody expects two responses with the same status and body.
func sameBody(want, got *response) {
	if !want.failed && got.hasStatus(want.status) && !bytes.Equal(want.body, got.body) {
		got.failf("the body is %s, and for %s %s", shortened(got.body), want.request, shortened(want.body))
	}
}
