package conformance_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rejoinhq/rejoin/auth"
	"github.com/rejoinhq/rejoin/consumer"
	"github.com/rejoinhq/rejoin/httpserver"
	"github.com/rejoinhq/rejoin/httpserver/conformance"
)

// mistake is one thing that a deployment does otherwise than the contract says.
type mistake struct {
	section string // the only section that finds it
	name    string
	around  func(http.Handler) http.Handler
	change  func(*httpserver.Options)
	load    func(records string) string
}

// mistakes has at least one mistake for each section.
var mistakes = []mistake{
	{section: "methods and paths", name: "no Allow with 405", around: answers(func(r *http.Request, a *answer) {
		if a.Code == http.StatusMethodNotAllowed {
			a.Header().Del("Allow")
		}
	})},
	{section: "methods and paths", name: "credentials before the method", around: answers(func(r *http.Request, a *answer) {
		if a.Code == http.StatusMethodNotAllowed && r.Header.Get("Authorization") == "" {
			a.replace(http.StatusUnauthorized, `{"error":"Authentication required"}`)
		}
	})},
	{section: "methods and paths", name: "PATCH is GET", around: requests(func(r *http.Request) {
		if r.Method == "PATCH" {
			r.Method = "GET"
		}
	})},
	{section: "methods and paths", name: "a trailing slash is redirected", around: redirects(func(path string) bool { return strings.HasSuffix(path, "/") })},
	{section: "methods and paths", name: "a doubled slash is redirected", around: redirects(func(path string) bool { return strings.Contains(path, "//") })},
	{section: "methods and paths", name: "OPTIONS is 200", around: answers(func(r *http.Request, a *answer) {
		if r.Method == "OPTIONS" && r.Header.Get("Origin") == "" {
			a.Code = http.StatusOK
		}
	})},
	{section: "methods and paths", name: "HEAD without Cache-Control", around: answers(func(r *http.Request, a *answer) {
		if r.Method == "HEAD" {
			a.Header().Del("Cache-Control")
		}
	})},
	{section: "methods and paths", name: "me in any letter case", around: requests(func(r *http.Request) {
		if strings.EqualFold(r.URL.Path, prefix+"/me") {
			r.URL.Path, r.URL.RawPath = prefix+"/me", ""
		}
	})},
	{section: "methods and paths", name: "a query is taken for part of the id", around: answers(func(r *http.Request, a *answer) {
		if r.URL.RawQuery != "" {
			a.replace(http.StatusNotFound, `{"error":"Consumer not found"}`)
		}
	})},

	{section: "bodies of requests", name: "a body is ignored", around: requests(func(r *http.Request) {
		if r.Method == "GET" {
			dropBody(r)
		}
	})},
	{section: "bodies of requests", name: "a body with HEAD is ignored", around: requests(func(r *http.Request) {
		if r.Method == "HEAD" {
			dropBody(r)
		}
	})},
	{section: "bodies of requests", name: "an empty body in chunks is refused", around: answers(func(r *http.Request, a *answer) {
		if len(r.TransferEncoding) > 0 && a.Code == http.StatusOK {
			a.replace(http.StatusBadRequest, `{"error":"Bad request"}`)
		}
	})},
	{section: "bodies of requests", name: "a large body is cut off", around: func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.ContentLength > 100_000 {
				panic(http.ErrAbortHandler)
			}
			next.ServeHTTP(w, r)
		})
	}},

	{section: "credentials of consumers", name: "an unknown publishable key is let through", around: requests(func(r *http.Request) {
		if r.Header.Get("X-Publishable-Key") == "wrong" {
			r.Header.Set("X-Publishable-Key", organization.PublishableKey)
		}
	})},
	{section: "credentials of consumers", name: "a publishable key is not needed", around: requests(func(r *http.Request) {
		if r.Header.Get("X-Publishable-Key") == "" && isMe(r) && r.Header.Get("Authorization") != "" {
			r.Header.Set("X-Publishable-Key", organization.PublishableKey)
		}
	})},
	{section: "credentials of consumers", name: "the first of two tokens counts", around: requests(func(r *http.Request) {
		if isMe(r) && len(r.Header["Authorization"]) > 1 {
			r.Header["Authorization"] = r.Header["Authorization"][:1]
		}
	})},
	{section: "credentials of consumers", name: "the first of two publishable keys counts", around: requests(func(r *http.Request) {
		if len(r.Header["X-Publishable-Key"]) > 1 {
			r.Header["X-Publishable-Key"] = r.Header["X-Publishable-Key"][:1]
		}
	})},
	{section: "credentials of consumers", name: "any scheme is Bearer", around: requests(func(r *http.Request) {
		if scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " "); isMe(r) && scheme == "Basic" && token != "wrong" {
			r.Header.Set("Authorization", "Bearer "+token)
		}
	})},
	{section: "credentials of consumers", name: "a token is believed without a signature", change: func(o *httpserver.Options) { o.Auth = trusting{o.Auth} }},
	{section: "credentials of consumers", name: "no challenge", around: answers(func(r *http.Request, a *answer) {
		if isMe(r) {
			a.Header().Del("Www-Authenticate")
		}
	})},
	{section: "credentials of consumers", name: "invalid_token without a token", around: answers(func(r *http.Request, a *answer) {
		if isMe(r) && a.Code == http.StatusUnauthorized {
			a.Header().Set("Www-Authenticate", `Bearer error="invalid_token"`)
		}
	})},

	{section: "credentials of servers", name: "a publishable key is a secret key", around: requests(func(r *http.Request) {
		if !isMe(r) && r.Header.Get("Authorization") == "Bearer "+organization.PublishableKey {
			r.Header.Set("Authorization", "Bearer "+organization.SecretKey)
		}
	})},
	{section: "credentials of servers", name: "the first of two secret keys counts", around: requests(func(r *http.Request) {
		if !isMe(r) && len(r.Header["Authorization"]) > 1 {
			r.Header["Authorization"] = r.Header["Authorization"][:1]
		}
	})},
	{section: "credentials of servers", name: "strangers learn who exists", around: answers(func(r *http.Request, a *answer) {
		if a.Code == http.StatusUnauthorized && strings.HasSuffix(r.URL.Path, "/conformance_unknown") {
			a.replace(http.StatusNotFound, `{"error":"Consumer not found"}`)
		}
	})},
	{section: "credentials of servers", name: "no challenge", around: answers(func(r *http.Request, a *answer) {
		if !isMe(r) {
			a.Header().Del("Www-Authenticate")
		}
	})},
	{section: "credentials of servers", name: "a secret key is enough for the document", around: answers(func(r *http.Request, a *answer) {
		if isMe(r) && r.Header.Get("X-Publishable-Key") == "" && strings.Contains(r.Header.Get("Authorization"), "sk_") {
			a.replace(http.StatusOK, `{}`)
		}
	})},

	{section: "errors", name: "text", around: errorAnswers(func(a *answer) { a.Header().Set("Content-Type", "text/plain") })},
	{section: "errors", name: "stored by caches", around: errorAnswers(func(a *answer) { a.Header().Set("Cache-Control", "max-age=60") })},
	{section: "errors", name: "no nosniff", around: errorAnswers(func(a *answer) { a.Header().Del("X-Content-Type-Options") })},
	{section: "errors", name: "another field", around: errorAnswers(func(a *answer) { a.edit(`{"error"`, `{"code":7,"error"`) })},
	{section: "errors", name: "a credential is repeated", around: answers(func(r *http.Request, a *answer) {
		if a.Code == http.StatusUnauthorized && strings.HasSuffix(r.Header.Get("Authorization"), "-suite") {
			a.Body = bytes.NewBufferString(`{"error":"Authentication required","message":"` + r.Header.Get("Authorization") + `"}`)
		}
	})},

	{section: "request ids", name: "none", around: answers(func(_ *http.Request, a *answer) { a.Header().Del("X-Request-Id") })},
	{section: "request ids", name: "always the same", around: answers(func(_ *http.Request, a *answer) { a.Header().Set("X-Request-Id", "same") })},
	{section: "request ids", name: "not the caller's", around: requests(func(r *http.Request) { r.Header.Del("X-Request-Id") })},
	{section: "request ids", name: "the caller's, whatever it is", around: answers(func(r *http.Request, a *answer) {
		if ids := r.Header["X-Request-Id"]; len(ids) > 0 {
			a.Header()["X-Request-Id"] = ids
		}
	})},

	{section: "look-up", name: "with active", around: lookUps(func(a *answer) { a.edit(`"}`, `","active":{}}`) })},
	{section: "look-up", name: "an unset field is left out", around: lookUps(func(a *answer) { a.edit(`"phone":null,`, ``) })},
	{section: "look-up", name: "text changes", around: lookUps(func(a *answer) { a.edit(`Zoë`, `Zoe`) })},
	{section: "look-up", name: "ids in any letter case", around: requests(func(r *http.Request) {
		if strings.HasPrefix(r.URL.Path, prefix+"/CONFORMANCE") {
			r.URL.Path = strings.ToLower(r.URL.Path)
		}
	})},
	{section: "look-up", name: "an impossible id is 400", around: answers(func(r *http.Request, a *answer) {
		if a.Code == http.StatusNotFound && strings.HasSuffix(r.URL.Path, "a b") {
			a.replace(http.StatusBadRequest, `{"error":"Bad request"}`)
		}
	})},

	{section: "document", name: "another field", around: documents(func(a *answer) { a.edit(`"active":{`, `"active":{"score":1,`) })},
	{section: "document", name: "an unset field is left out", around: documents(func(a *answer) { a.edit(`"email":null,`, ``) })},
	{section: "document", name: "another order", around: documents(func(a *answer) { a.edit(`"email":null,"phone":null,`, `"phone":null,"email":null,`) })},
	{section: "document", name: "an amount through a float", around: documents(func(a *answer) { a.edit(`250.00`, `250`) })},
	{section: "document", name: "times with milliseconds", around: documents(func(a *answer) { a.edit(`:05Z`, `:05.000Z`) })},
	{section: "document", name: "an optional field is null", around: documents(func(a *answer) { a.edit(`"bidCount":0`, `"bidCount":0,"wonAt":null`) })},

	{section: "participations", name: "a terminal status shows", load: func(records string) string {
		return strings.ReplaceAll(records, `"LOST"`, `"WON"`)
	}},
	{section: "participations", name: "an active status does not show", change: snapshots(func(_ consumer.Reader, s *consumer.Snapshot) {
		s.Participations = slices.DeleteFunc(s.Participations, func(p consumer.Participation) bool {
			return p.Status == consumer.StatusOutbid && strings.HasPrefix(p.ID, "p")
		})
	})},
	{section: "participations", name: "nothing expires", change: snapshots(func(_ consumer.Reader, s *consumer.Snapshot) {
		for i := range s.Participations {
			if p := &s.Participations[i]; p.ExpiresAt != nil && p.ExpiresAt.Before(time.Now()) {
				p.ExpiresAt = nil
			}
		}
	})},
	{section: "participations", name: "an admission does not end", load: func(records string) string {
		if strings.Contains(records, `"distributions"`) {
			return records
		}
		return regexp.MustCompile(`"endedAt":"[^"]*",`).ReplaceAllString(records, "")
	}},

	{section: "journeys", name: "the oldest first", around: journeys(func(all []json.RawMessage) []json.RawMessage {
		slices.Reverse(all)
		return all
	})},
	{section: "journeys", name: "only the first", around: journeys(func(all []json.RawMessage) []json.RawMessage { return all[:min(1, len(all))] })},
	{section: "journeys", name: "always ADMITTED with an admission", around: documents(func(a *answer) {
		a.edit(`"status":"QUEUED","admissionToken"`, `"status":"ADMITTED","admissionToken"`)
	})},
	{section: "journeys", name: "a waitlist that is later leads", change: snapshots(func(_ consumer.Reader, s *consumer.Snapshot) {
		later := slices.DeleteFunc(slices.Clone(s.Participations), func(p consumer.Participation) bool {
			return p.Type != consumer.Waitlist || time.Since(p.EnteredAt) > 4*time.Minute
		})
		if len(later) > 0 {
			s.Participations = later
		}
	})},

	{section: "distributions", name: "nothing ends", change: distributions(func(d *consumer.Distribution) { d.EndedAt, d.WinnerID = nil, nil })},
	{section: "distributions", name: "the winner loses", change: distributions(func(d *consumer.Distribution) { d.WinnerID = nil })},
	{section: "distributions", name: "nobody moves", change: distributions(func(d *consumer.Distribution) { d.Serving = nil })},
	{section: "distributions", name: "the end is at once", change: distributions(func(d *consumer.Distribution) {
		if d.EndedAt != nil && d.WinnerID == nil {
			d.EndedAt = new(d.EndedAt.Add(-24 * time.Hour))
		}
	})},

	{section: "tenancy", name: "another organization's consumer", around: func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if a := record(w, r, next); a.Code == http.StatusNotFound && r.Header.Get("Authorization") == "Bearer "+organization.SecretKey {
				r.Header.Set("Authorization", "Bearer "+otherOrganization.SecretKey)
				record(w, r, next).send(w)
			} else {
				a.send(w)
			}
		})
	}},
	{section: "tenancy", name: "a hint that the consumer is another organization's", around: func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			a := record(w, r, next)
			if a.Code == http.StatusNotFound && r.Header.Get("Authorization") == "Bearer "+organization.SecretKey {
				r.Header.Set("Authorization", "Bearer "+otherOrganization.SecretKey)
				if record(w, r, next).Code == http.StatusOK {
					a.Header().Set("X-Hint", "try another key")
				}
			}
			a.send(w)
		})
	}},
	{section: "tenancy", name: "any organization's publishable key", around: func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			a := record(w, r, next)
			if a.Code == http.StatusUnauthorized && r.Header.Get("X-Publishable-Key") == otherOrganization.PublishableKey {
				r.Header.Set("X-Publishable-Key", organization.PublishableKey)
				a = record(w, r, next)
			}
			a.send(w)
		})
	}},
	{section: "tenancy", name: "another organization's distribution", change: snapshots(func(store consumer.Reader, s *consumer.Snapshot) {
		for _, p := range s.Participations {
			key := consumer.DistributionKey{OrganizationID: otherOrganization.ID, Type: p.Type, ID: p.ID}
			if d, err := store.(consumer.DistributionReader).Distribution(context.Background(), key); err == nil {
				d.OrganizationID = p.OrganizationID
				s.Distributions = append(s.Distributions, d)
			}
		}
	})},

	{section: "caching", name: "no entity tag", around: successes(func(a *answer) { a.Header().Del("Etag") })},
	{section: "caching", name: "a weak entity tag", around: successes(func(a *answer) { a.Header().Set("Etag", "W/"+a.Header().Get("Etag")) })},
	{section: "caching", name: "one entity tag for everything", around: successes(func(a *answer) { a.Header().Set("Etag", `"same"`) })},
	{section: "caching", name: "If-None-Match is not looked at", around: requests(func(r *http.Request) { r.Header.Del("If-None-Match") })},
	{section: "caching", name: "a weak comparison is missing", around: requests(func(r *http.Request) {
		if strings.HasPrefix(r.Header.Get("If-None-Match"), "W/") {
			r.Header.Del("If-None-Match")
		}
	})},
	{section: "caching", name: "If-Modified-Since is 304", around: answers(func(r *http.Request, a *answer) {
		if r.Header.Get("If-Modified-Since") != "" {
			a.replace(http.StatusNotModified, "")
		}
	})},
	{section: "caching", name: "Vary without the publishable key", around: answers(func(r *http.Request, a *answer) {
		if isMe(r) {
			a.Header()["Vary"] = []string{"Authorization", "Origin, Access-Control-Request-Method"}
		}
	})},
	{section: "caching", name: "public", around: successes(func(a *answer) { a.Header().Set("Cache-Control", "public, no-cache") })},
	{section: "caching", name: "no charset", around: successes(func(a *answer) { a.Header().Set("Content-Type", "application/json") })},
	{section: "caching", name: "an old document", change: func(o *httpserver.Options) {
		o.Store = &frozen{Reader: o.Store, snapshots: map[consumer.Key]consumer.Snapshot{}}
	}},

	{section: "browsers", name: "errors cannot be read", around: errorAnswers(func(a *answer) { a.Header().Del("Access-Control-Allow-Origin") })},
	{section: "browsers", name: "every origin", around: answers(func(r *http.Request, a *answer) {
		if o := r.Header.Get("Origin"); o != "" && isMe(r) {
			a.Header().Set("Access-Control-Allow-Origin", o)
		}
	})},
	{section: "browsers", name: "the look-up too", around: answers(func(r *http.Request, a *answer) {
		if r.Header.Get("Origin") != "" && !isMe(r) {
			a.Header().Set("Access-Control-Allow-Origin", "*")
		}
	})},
	{section: "browsers", name: "Authorization by the wildcard", around: answers(func(_ *http.Request, a *answer) {
		if a.Header().Get("Access-Control-Allow-Headers") != "" {
			a.Header().Set("Access-Control-Allow-Headers", "*")
		}
	})},
	{section: "browsers", name: "credentials", around: answers(func(r *http.Request, a *answer) {
		if r.Header.Get("Origin") == origin && isMe(r) {
			a.Header().Set("Access-Control-Allow-Credentials", "true")
		}
	})},
	{section: "browsers", name: "ETag cannot be read", around: answers(func(_ *http.Request, a *answer) {
		exposed := strings.ToLower(a.Header().Get("Access-Control-Expose-Headers"))
		a.Header().Set("Access-Control-Expose-Headers", strings.Replace(exposed, "etag", "x-other", 1))
		if exposed == "" {
			a.Header().Del("Access-Control-Expose-Headers")
		}
	})},
	{section: "browsers", name: "Vary without Origin", around: answers(func(r *http.Request, a *answer) {
		if isMe(r) && a.Header().Get("Vary") != "" {
			a.Header()["Vary"] = []string{"Authorization, X-Publishable-Key"}
		}
	})},
	{section: "browsers", name: "a preflight request needs credentials", around: answers(func(r *http.Request, a *answer) {
		if r.Method == "OPTIONS" && r.Header.Get("Origin") == origin && isMe(r) {
			a.Code = http.StatusUnauthorized
		}
	})},

	{section: "polling and rate limits", name: "X-Poll-Interval in words", around: successes(func(a *answer) {
		if a.Header().Get("X-Poll-Interval") != "" {
			a.Header().Set("X-Poll-Interval", "soon")
		}
	})},
	{section: "polling and rate limits", name: "no X-Poll-Interval with 304", around: answers(func(r *http.Request, a *answer) {
		if a.Code == http.StatusNotModified {
			a.Header().Del("X-Poll-Interval")
		}
	})},
	{section: "polling and rate limits", name: "X-Poll-Interval and the rate limit cannot be read", around: answers(func(_ *http.Request, a *answer) {
		if a.Header().Get("Access-Control-Expose-Headers") != "" {
			a.Header().Set("Access-Control-Expose-Headers", "etag,retry-after,x-request-id")
		}
	})},
	{section: "polling and rate limits", name: "a rate limit without an end", around: answers(func(_ *http.Request, a *answer) {
		a.Header().Del("X-Ratelimit-Reset")
	})},
	{section: "polling and rate limits", name: "X-Poll-Interval of a look-up", around: lookUps(func(a *answer) { a.Header().Set("X-Poll-Interval", "2") })},
}

// TestEachMistakeFailsItsSection: the section fails, and no other.
func TestEachMistakeFailsItsSection(t *testing.T) {
	for _, m := range mistakes {
		t.Run(m.section+"/"+m.name, func(t *testing.T) {
			t.Parallel()
			var changes []func(*httpserver.Options)
			if m.change != nil {
				changes = append(changes, m.change)
			}
			target := deploy(t, m.around, changes...)
			if m.load != nil {
				load := target.Load
				target.Load = func(ctx context.Context, o conformance.Organization, records []byte) error {
					return load(ctx, o, []byte(m.load(string(records))))
				}
			}
			results, err := conformance.Check(t.Context(), target)
			must(t, err)
			found := make(map[string][]error)
			for _, r := range results {
				if r.Skipped != "" {
					t.Errorf("skipped: %s: %s", r.Rule, r.Skipped)
				}
				if r.Err != nil {
					found[r.Section] = append(found[r.Section], errors.New(r.Rule), r.Err)
				}
			}
			if diff := cmp.Diff([]string{m.section}, slices.Sorted(maps.Keys(found))); diff != "" {
				t.Errorf("failed sections (-want +got):\n%s\n%v", diff, found)
			}
		})
	}
}

// TestEachSectionHasAMistake keeps the table of mistakes complete.
func TestEachSectionHasAMistake(t *testing.T) {
	results, err := conformance.Check(t.Context(), deploy(t, nil))
	must(t, err)
	sections, planted := map[string]bool{}, map[string]bool{}
	for _, r := range results {
		sections[r.Section] = true
	}
	for _, m := range mistakes {
		planted[m.section] = true
	}
	if diff := cmp.Diff(sections, planted); diff != "" {
		t.Errorf("sections (-of the suite +with a mistake):\n%s", diff)
	}
}

// TestEachRuleCanFail: no rule holds for a server that always fails.
func TestEachRuleCanFail(t *testing.T) {
	results, err := conformance.Check(t.Context(), deploy(t, func(http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "down", http.StatusInternalServerError) })
	}))
	must(t, err)
	for _, r := range results {
		if r.Err == nil {
			t.Errorf("%s: %s: holds, or is skipped: %q", r.Section, r.Rule, r.Skipped)
		}
	}
}

// answer is a response that a mistake changes before it is sent.
type answer struct {
	*httptest.ResponseRecorder
	connection http.ResponseWriter
}

// SetReadDeadline lets the handler read a body that it does not want.
func (a *answer) SetReadDeadline(deadline time.Time) error {
	return http.NewResponseController(a.connection).SetReadDeadline(deadline)
}

func record(w http.ResponseWriter, r *http.Request, next http.Handler) *answer {
	a := &answer{httptest.NewRecorder(), w}
	next.ServeHTTP(a, r)
	return a
}

func (a *answer) edit(old, new string) {
	a.Body = bytes.NewBufferString(strings.ReplaceAll(a.Body.String(), old, new))
}

func (a *answer) replace(status int, body string) {
	a.Code, a.Body = status, bytes.NewBufferString(body)
}

func (a *answer) send(w http.ResponseWriter) {
	maps.Copy(w.Header(), a.Header())
	w.Header().Del("Content-Length") // net/http knows it
	w.WriteHeader(a.Code)
	_, _ = io.Copy(w, a.Body)
}

func isMe(r *http.Request) bool { return r.URL.Path == prefix+"/me" }

// answers is a handler whose responses are changed.
func answers(change func(*http.Request, *answer)) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			a := record(w, r, next)
			change(r, a)
			a.send(w)
		})
	}
}

func errorAnswers(change func(*answer)) func(http.Handler) http.Handler {
	return answers(func(_ *http.Request, a *answer) {
		if a.Code >= 400 {
			change(a)
		}
	})
}

// successes changes the responses with 200, of both endpoints.
func successes(change func(*answer)) func(http.Handler) http.Handler {
	return answers(func(_ *http.Request, a *answer) {
		if a.Code == http.StatusOK {
			change(a)
		}
	})
}

func documents(change func(*answer)) func(http.Handler) http.Handler {
	return answers(func(r *http.Request, a *answer) {
		if isMe(r) && a.Code == http.StatusOK {
			change(a)
		}
	})
}

func lookUps(change func(*answer)) func(http.Handler) http.Handler {
	return answers(func(r *http.Request, a *answer) {
		if !isMe(r) && a.Code == http.StatusOK {
			change(a)
		}
	})
}

// requests is a handler that gets changed requests.
func requests(change func(*http.Request)) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			r = r.Clone(r.Context())
			change(r)
			next.ServeHTTP(w, r)
		})
	}
}

func dropBody(r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body)
	r.Body, r.ContentLength, r.TransferEncoding = http.NoBody, 0, nil
}

func redirects(path func(string) bool) func(http.Handler) http.Handler {
	return answers(func(r *http.Request, a *answer) {
		if path(r.URL.Path) {
			a.Header().Set("Location", prefix+"/me")
			a.replace(http.StatusMovedPermanently, "")
		}
	})
}

// journeys changes the journeys of documents.
func journeys(change func([]json.RawMessage) []json.RawMessage) func(http.Handler) http.Handler {
	return documents(func(a *answer) {
		var document struct {
			Active struct{ Journeys json.RawMessage }
		}
		var all []json.RawMessage
		if json.Unmarshal(a.Body.Bytes(), &document) == nil && json.Unmarshal(document.Active.Journeys, &all) == nil {
			changed, _ := json.Marshal(change(all))
			a.edit(string(document.Active.Journeys), string(changed))
		}
	})
}

// snapshots is a store whose snapshots are changed.
func snapshots(change func(consumer.Reader, *consumer.Snapshot)) func(*httpserver.Options) {
	return func(o *httpserver.Options) { o.Store = changing{o.Store, change} }
}

func distributions(change func(*consumer.Distribution)) func(*httpserver.Options) {
	return snapshots(func(_ consumer.Reader, s *consumer.Snapshot) {
		for i := range s.Distributions {
			change(&s.Distributions[i])
		}
	})
}

type changing struct {
	consumer.Reader
	change func(consumer.Reader, *consumer.Snapshot)
}

func (c changing) Snapshot(ctx context.Context, key consumer.Key) (consumer.Snapshot, error) {
	s, err := c.Reader.Snapshot(ctx, key)
	c.change(c.Reader, &s)
	return s, err
}

// frozen is a store that returns the first snapshot of a consumer again and again.
type frozen struct {
	consumer.Reader
	snapshots map[consumer.Key]consumer.Snapshot
}

func (f *frozen) Snapshot(ctx context.Context, key consumer.Key) (consumer.Snapshot, error) {
	if s, found := f.snapshots[key]; found {
		return s, nil
	}
	s, err := f.Reader.Snapshot(ctx, key)
	if err == nil {
		f.snapshots[key] = s
	}
	return s, err
}

// trusting believes what a token says.
type trusting struct{ httpserver.Authenticator }

func (a trusting) AuthenticateConsumer(ctx context.Context, r *http.Request) (auth.ConsumerCaller, error) {
	caller, err := a.Authenticator.AuthenticateConsumer(ctx, r)
	var refusal *auth.Error
	parts := strings.Split(r.Header.Get("Authorization"), ".")
	if !errors.As(err, &refusal) || !refusal.BearerRefused() || len(parts) != 3 {
		return caller, err
	}
	var claims struct{ ConsumerID, OrganizationID string }
	payload, _ := base64.RawURLEncoding.DecodeString(parts[1])
	if json.Unmarshal(payload, &claims) != nil || r.Header.Get("X-Publishable-Key") != organization.PublishableKey || claims.OrganizationID != organization.ID {
		return caller, err
	}
	return auth.ConsumerCaller{Identity: auth.Identity{OrganizationID: claims.OrganizationID, ConsumerID: claims.ConsumerID}}, nil
}
