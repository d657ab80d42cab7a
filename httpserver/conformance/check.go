package conformance

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// check is one run of a rule's test. It collects what the test finds.
type check struct {
	*suite
	ctx      context.Context
	consumer string // the id of the rule's consumer
	errs     []error
	skipped  string
	// broken is the error of a function of the target. It is reported in place of errs,
	// which only follow from it.
	broken error
}

func (c *check) errorf(format string, args ...any) {
	c.errs = append(c.errs, fmt.Errorf(format, args...))
}

// skipUnless reports whether a condition holds, and otherwise skips the rule.
func (c *check) skipUnless(condition bool, reason string) bool {
	if !condition {
		c.skipped = reason
	}
	return condition
}

// option changes a request.
type option func(*http.Request)

// with sets a header field. Several values are several lines.
func with(name string, values ...string) option {
	return func(r *http.Request) { r.Header[http.CanonicalHeaderKey(name)] = values }
}

// without removes a header field.
func without(name string) option {
	return func(r *http.Request) { r.Header.Del(name) }
}

func withBearer(credential string) option { return with("Authorization", "Bearer "+credential) }

// withBody adds a body whose length is announced.
func withBody(text string) option {
	return func(r *http.Request) {
		r.Body, r.ContentLength = io.NopCloser(strings.NewReader(text)), int64(len(text))
	}
}

// withChunks adds a body without an announced length, which may be empty.
func withChunks(text string) option {
	return func(r *http.Request) {
		// The type hides the length from the client. Without TransferEncoding it would look
		// whether the body is empty, and announce none.
		r.Body, r.ContentLength = io.NopCloser(struct{ io.Reader }{strings.NewReader(text)}), -1
		r.TransferEncoding = []string{"chunked"}
	}
}

// me sends a request for the document of the rule's consumer, with valid credentials.
func (c *check) me(method string, options ...option) *response {
	return c.send(method, "/me", append([]option{c.consumerCredentials(c.target.Organization)}, options...)...)
}

// lookUp sends a request of a server for a consumer, with a valid secret key.
func (c *check) lookUp(method, id string, options ...option) *response {
	return c.send(method, "/"+id, append([]option{withBearer(c.target.Organization.SecretKey)}, options...)...)
}

// consumerCredentials are those of the consumer with the rule's id in an organization.
func (c *check) consumerCredentials(o Organization) option {
	token := c.tokenOf(o.ID, c.consumer)
	return func(r *http.Request) {
		r.Header.Set("X-Publishable-Key", o.PublishableKey)
		r.Header.Set("Authorization", "Bearer "+token)
	}
}

// tokenOf returns an access token. After an error, it is no valid one.
func (c *check) tokenOf(organizationID, consumerID string) string {
	token, err := c.token(c.ctx, organizationID, consumerID)
	if err != nil {
		c.broken = err
		return "none"
	}
	return token
}

// send sends a request without credentials to a path below the prefix.
func (c *check) send(method, path string, options ...option) *response {
	result := &response{check: c, request: method + " " + path}
	r, err := http.NewRequestWithContext(c.ctx, method, c.target.URL+path, nil)
	if err != nil {
		result.failf("%w", err)
		return result
	}
	for _, o := range options {
		o(r)
	}
	answer, err := c.target.Client.Do(r)
	if err != nil {
		result.failf("%w", err)
		return result
	}
	defer answer.Body.Close()
	result.status, result.header = answer.StatusCode, answer.Header
	if result.body, err = io.ReadAll(io.LimitReader(answer.Body, maxBody)); err != nil {
		result.failf("status %d, but the body ends early: %w", answer.StatusCode, err)
	}
	return result
}

// maxBody bounds what the suite reads of a response, in bytes.
const maxBody = 8 << 20
