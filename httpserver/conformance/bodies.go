package conformance

import (
	"net/http"
	"strings"
)

func bodyRules() []*rule {
	both := func(c *check, method string, options ...option) []*response {
		return []*response{c.me(method, options...), c.lookUp(method, c.consumer, options...)}
	}
	return []*rule{
		{name: "a body with GET is 400", records: `{}`, test: func(c *check) {
			for _, body := range []option{withBody("{}"), withChunks("{}")} {
				for _, r := range both(c, "GET", body) {
					r.hasError(http.StatusBadRequest, badRequest)
				}
			}
		}},
		{name: "a body with HEAD is 400", records: `{}`, test: func(c *check) {
			for _, r := range both(c, "HEAD", withBody("{}")) {
				r.hasStatus(http.StatusBadRequest)
			}
		}},
		{name: "an empty body is no body, however it is announced", records: `{}`, test: func(c *check) {
			for _, method := range []string{"GET", "HEAD"} {
				for _, r := range both(c, method, withChunks("")) {
					r.hasStatus(http.StatusOK)
				}
			}
		}},
		{name: "an unwanted body does not cut off the response", records: `{}`, test: func(c *check) {
			body := strings.Repeat("x", 500_000)
			for _, large := range []option{withBody(body), withChunks(body)} {
				for _, r := range both(c, "POST", large) {
					r.hasError(http.StatusMethodNotAllowed, methodNotAllowed)
				}
				for _, r := range both(c, "GET", large) {
					r.hasError(http.StatusBadRequest, badRequest)
				}
				c.send("POST", "/unknown/path", large).hasError(http.StatusNotFound, notFound)
			}
		}},
	}
}
