package conformance

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// The texts of the errors.
const (
	badRequest             = "Bad request"
	authenticationRequired = "Authentication required"
	secretKeyRequired      = "Secret key required"
	consumerNotFound       = "Consumer not found"
	notFound               = "Not found"
	methodNotAllowed       = "Method not allowed"
)

// response is what a request got. After the first unmet expectation it reports no other, which
// would only follow from the first.
type response struct {
	check   *check
	request string // the method and the path
	failed  bool
	status  int
	header  http.Header
	body    []byte
}

func (r *response) failf(format string, args ...any) {
	if !r.failed {
		r.check.errs = append(r.check.errs, fmt.Errorf(r.request+": "+format, args...))
		r.failed = true
	}
}

// hasStatus reports whether the response has a status. If not, it is an error.
func (r *response) hasStatus(want int) bool {
	if !r.failed && r.status != want {
		r.failf("status %d, want %d; the body is %s", r.status, want, shortened(r.body))
	}
	return !r.failed
}

// hasError expects an error response with a text. The response to HEAD has only the status.
func (r *response) hasError(status int, text string) {
	if !r.hasStatus(status) || strings.HasPrefix(r.request, http.MethodHead) {
		return
	}
	var body struct {
		Error *string `json:"error"`
	}
	if err := json.Unmarshal(r.body, &body); err != nil || body.Error == nil || *body.Error != text {
		r.failf("status %d, want {\"error\":%q} in the body, which is %s", r.status, text, shortened(r.body))
	}
}

// hasHeader expects the value of a header field that has one line.
func (r *response) hasHeader(name, want string) {
	if r.failed {
		return
	}
	if got := r.header.Values(name); len(got) != 1 || got[0] != want {
		r.failf("status %d, the lines of %s are %q, want %q", r.status, name, got, want)
	}
}

// hasNoHeader expects a header field to be missing.
func (r *response) hasNoHeader(name string) {
	if !r.failed && len(r.header.Values(name)) > 0 {
		r.failf("status %d, the header has %s: %q", r.status, name, r.header.Values(name))
	}
}

// lists returns the elements of a header field that is a list, in lower case.
func (r *response) lists(name string) []string {
	var elements []string
	for _, line := range r.header.Values(name) {
		for element := range strings.SplitSeq(line, ",") {
			elements = append(elements, strings.ToLower(strings.TrimSpace(element)))
		}
	}
	return elements
}

// hasListed expects a header field that is a list to have all of the elements. Letter case
// does not matter.
func (r *response) hasListed(name string, elements ...string) {
	if r.failed {
		return
	}
	listed := r.lists(name)
	for _, element := range elements {
		if !slices.Contains(listed, strings.ToLower(element)) {
			r.failf("status %d, %s does not list %s: %q", r.status, name, element, r.header.Values(name))
		}
	}
}

// hasJSON expects a body with the same fields in the same order, the same digits of numbers and
// the same strings. Spaces and escapes do not matter.
func (r *response) hasJSON(want string) {
	if r.hasStatus(http.StatusOK) {
		r.compare("the body", want, r.body)
	}
}

// hasActive expects the value of a member of active.
func (r *response) hasActive(member, want string) {
	if value := r.active(member); value != nil {
		r.compare("active."+member, want, value)
	}
}

func (r *response) compare(what, want string, got []byte) {
	wanted, err := indented([]byte(r.check.expand(want)))
	if err != nil {
		r.failf("conformance: the expectation is not JSON: %w", err)
		return
	}
	text, err := indented(got)
	if err != nil {
		r.failf("%s is not JSON: %w: %s", what, err, shortened(got))
		return
	}
	if text != wanted {
		r.failf("%s differs (- want, + got):\n%s", what, difference(wanted, text))
	}
}

// active returns the value of a member of active, or nil if the response has none, which is an
// error.
func (r *response) active(member string) json.RawMessage {
	if !r.hasStatus(http.StatusOK) {
		return nil
	}
	var document struct {
		Active map[string]json.RawMessage `json:"active"`
	}
	if err := json.Unmarshal(r.body, &document); err != nil {
		r.failf("the body is not a document: %w", err)
		return nil
	}
	value := document.Active[member]
	if value == nil {
		r.failf("active has no %s", member)
	}
	return value
}

// shortened returns the beginning of a body for an error text.
func shortened(body []byte) string {
	const most = 300
	if len(body) > most {
		return string(body[:most]) + "…"
	}
	if len(body) == 0 {
		return "empty"
	}
	return string(body)
}
