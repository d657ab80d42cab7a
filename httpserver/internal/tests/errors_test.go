package tests_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rejoinhq/rejoin/auth"
	"github.com/rejoinhq/rejoin/auth/authtest"
	"github.com/rejoinhq/rejoin/consumer"
	"github.com/rejoinhq/rejoin/httpserver"
)

// refusal is an error response.
type refusal struct {
	Status       int
	Body         string
	Authenticate string
	RetryAfter   string
}

const (
	challenge    = `Bearer realm="consumers"`
	invalidToken = challenge + `, error="invalid_token"`

	badToken = `{"error":"Authentication required","message":"The access token is not valid."}`
	badKey   = `{"error":"Authentication required","message":"The publishable key is not valid."}`
)

func check(t *testing.T, response *http.Response, want refusal) {
	t.Helper()
	got := refusal{response.StatusCode, body(t, response), response.Header.Get("WWW-Authenticate"), response.Header.Get("Retry-After")}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("response (-want +got):\n%s", diff)
	}
	h := response.Header
	if h.Get("Cache-Control") != "no-store" || h.Get("Content-Type") != "application/json; charset=utf-8" || h.Get("X-Content-Type-Options") != "nosniff" {
		t.Errorf("headers %v", h)
	}
	if response.Header.Get("ETag") != "" {
		t.Error("an error has an ETag")
	}
}

func TestRefusalsOfMe(t *testing.T) {
	w := newWorld(t)
	token := w.token(org, "cons_1")
	expired, err := w.issuer.Token(authtest.Claims{OrganizationID: org, ConsumerID: "cons_1", IssuedAt: now.Add(-2 * time.Hour), ExpiresAt: now.Add(-time.Hour)})
	must(t, err)
	for name, test := range map[string]struct {
		headers []string
		want    refusal
	}{
		"nothing":                       {nil, refusal{401, `{"error":"Authentication required","message":"The X-Publishable-Key header is missing."}`, challenge, ""}},
		"no token":                      {[]string{"X-Publishable-Key", publishable}, refusal{401, `{"error":"Authentication required","message":"The Authorization header is missing."}`, challenge, ""}},
		"no publishable key":            {[]string{"Authorization", "Bearer " + token}, refusal{401, `{"error":"Authentication required","message":"The X-Publishable-Key header is missing."}`, challenge, ""}},
		"an unknown publishable key":    {[]string{"X-Publishable-Key", "pk_test_nobody_knows_this_1", "Authorization", "Bearer " + token}, refusal{401, badKey, challenge, ""}},
		"a secret key as publishable":   {[]string{"X-Publishable-Key", secret, "Authorization", "Bearer " + token}, refusal{401, badKey, challenge, ""}},
		"a malformed token":             {[]string{"X-Publishable-Key", publishable, "Authorization", "Bearer x"}, refusal{401, badToken, invalidToken, ""}},
		"an expired token":              {[]string{"X-Publishable-Key", publishable, "Authorization", "Bearer " + expired}, refusal{401, badToken, invalidToken, ""}},
		"a secret key as token":         {[]string{"X-Publishable-Key", publishable, "Authorization", "Bearer " + secret}, refusal{401, badToken, invalidToken, ""}},
		"another organization's token":  {[]string{"X-Publishable-Key", publishable, "Authorization", "Bearer " + w.token(otherOrg, "cons_other")}, refusal{401, badToken, invalidToken, ""}},
		"another scheme":                {[]string{"X-Publishable-Key", publishable, "Authorization", "Basic eDp5"}, refusal{401, `{"error":"Authentication required","message":"The Authorization header must be the word Bearer and one credential."}`, challenge, ""}},
		"the token twice":               {[]string{"X-Publishable-Key", publishable, "Authorization", "Bearer " + token, "Authorization", "Bearer " + token}, refusal{401, `{"error":"Authentication required","message":"The Authorization header was sent more than once."}`, challenge, ""}},
		"the publishable key twice":     {[]string{"X-Publishable-Key", publishable, "X-Publishable-Key", publishable, "Authorization", "Bearer " + token}, refusal{401, `{"error":"Authentication required","message":"The X-Publishable-Key header was sent more than once."}`, challenge, ""}},
		"a consumer that doesn't exist": {[]string{"X-Publishable-Key", publishable, "Authorization", "Bearer " + w.token(org, "cons_gone")}, refusal{404, `{"error":"Consumer not found"}`, "", ""}},
		"a consumer that cannot exist":  {[]string{"X-Publishable-Key", publishable, "Authorization", "Bearer " + w.token(org, "a/b")}, refusal{404, `{"error":"Consumer not found"}`, "", ""}},
	} {
		t.Run(name, func(t *testing.T) { check(t, w.do("GET", prefix+"/me", test.headers...), test.want) })
	}
}

func TestRefusalsOfLookup(t *testing.T) {
	w := newWorld(t)
	bearer := func(credential string) []string { return []string{"Authorization", "Bearer " + credential} }
	const wrongKey = `{"error":"Secret key required","message":"The secret key is not valid."}`
	notFound := refusal{404, `{"error":"Consumer not found"}`, "", ""}
	for name, test := range map[string]struct {
		id      string
		headers []string
		want    refusal
	}{
		"nothing":                                {"cons_1", nil, refusal{401, `{"error":"Secret key required","message":"The Authorization header is missing."}`, challenge, ""}},
		"an unknown key":                         {"cons_1", bearer("sk_test_nobody_knows_this_1"), refusal{401, wrongKey, invalidToken, ""}},
		"a publishable key":                      {"cons_1", bearer(publishable), refusal{401, wrongKey, invalidToken, ""}},
		"a consumer's token":                     {"cons_1", bearer(w.token(org, "cons_1")), refusal{401, wrongKey, invalidToken, ""}},
		"the key twice":                          {"cons_1", append(bearer(secret), bearer(secret)...), refusal{401, `{"error":"Secret key required","message":"The Authorization header was sent more than once."}`, challenge, ""}},
		"a consumer that doesn't exist":          {"cons_gone", bearer(secret), notFound},
		"a consumer of another organization":     {"cons_other", bearer(secret), notFound},
		"an id in another letter case":           {"CONS_1", bearer(secret), notFound},
		"an id with a slash":                     {"cons%2F1", bearer(secret), notFound},
		"an id with NUL":                         {"cons%00", bearer(secret), notFound},
		"an id that is not UTF-8":                {"%ff", bearer(secret), notFound},
		"a dot":                                  {".", bearer(secret), notFound},
		"two dots":                               {"%2E%2E", bearer(secret), notFound},
		"an id that is too long":                 {strings.Repeat("a", 129), bearer(secret), notFound},
		"an impossible id needs the key as well": {"a%2Fb", nil, refusal{401, `{"error":"Secret key required","message":"The Authorization header is missing."}`, challenge, ""}},
	} {
		t.Run(name, func(t *testing.T) { check(t, w.do("GET", prefix+"/"+test.id, test.headers...), test.want) })
	}
	t.Run("an impossible id does not reach the store", func(t *testing.T) {
		w.store.asked.Store(0)
		w.do("GET", prefix+"/a%2Fb", bearer(secret)...)
		if w.store.asked.Load() != 0 {
			t.Error("the store was read")
		}
	})
	t.Run("another organization's consumer looks like an unknown one", func(t *testing.T) {
		headers := append(bearer(secret), "X-Request-Id", "same")
		unknown, foreign := w.do("GET", prefix+"/cons_gone", headers...), w.do("GET", prefix+"/cons_other", headers...)
		if diff := cmp.Diff(unknown.Header, foreign.Header) + cmp.Diff(body(t, unknown), body(t, foreign)); diff != "" {
			t.Errorf("(-unknown +foreign):\n%s", diff)
		}
	})
}

// fakeAuth accepts every caller, or returns an error.
type fakeAuth struct{ err error }

func (f fakeAuth) AuthenticateConsumer(context.Context, *http.Request) (auth.ConsumerCaller, error) {
	return auth.ConsumerCaller{Identity: auth.Identity{OrganizationID: org, ConsumerID: "cons_1"}}, f.err
}

func (f fakeAuth) AuthenticateServer(context.Context, *http.Request) (auth.ServerCaller, error) {
	return auth.ServerCaller{OrganizationID: org}, f.err
}

// strictAuth refuses every caller, unlike the authenticator that it embeds.
type strictAuth struct {
	*auth.Authenticator
	bounded bool // whether the last request had a deadline
}

func (s *strictAuth) AuthenticateConsumer(ctx context.Context, _ *http.Request) (auth.ConsumerCaller, error) {
	_, s.bounded = ctx.Deadline()
	return auth.ConsumerCaller{}, auth.ErrUnauthenticated
}

func (s *strictAuth) AuthenticateServer(ctx context.Context, _ *http.Request) (auth.ServerCaller, error) {
	_, s.bounded = ctx.Deadline()
	return auth.ServerCaller{}, auth.ErrUnauthenticated
}

// The handlers call the methods of an authenticator, and not those of one that it embeds.
func TestAuthenticatorAroundAnother(t *testing.T) {
	strict := &strictAuth{}
	w := newWorld(t, func(o *httpserver.Options) {
		strict.Authenticator = o.Auth.(*auth.Authenticator)
		o.Auth, o.Changes = strict, &fakeFeed{}
	})
	consumers := []string{"X-Publishable-Key", publishable, "Authorization", "Bearer " + w.token(org, "cons_1")}
	for path, headers := range map[string][]string{
		prefix + "/me":        consumers,
		prefix + "/me/events": consumers,
		prefix + "/cons_1":    {"Authorization", "Bearer " + secret},
	} {
		strict.bounded = false
		if response := w.do("GET", path, headers...); response.StatusCode != http.StatusUnauthorized || !strict.bounded {
			t.Errorf("%s: status %d, with a deadline: %t", path, response.StatusCode, strict.bounded)
		}
	}
}

func TestFailures(t *testing.T) {
	const marker = "marker-secret"
	unavailable := refusal{503, `{"error":"Service unavailable"}`, "", "1"}
	internal := refusal{500, `{"error":"Internal server error"}`, "", ""}
	for name, test := range map[string]struct {
		store   func(*fakeStore)
		options func(*httpserver.Options)
		want    refusal
	}{
		"the store is down":             {func(s *fakeStore) { s.err = fmt.Errorf("dial: %w", consumer.ErrUnavailable) }, nil, unavailable},
		"the store was never migrated":  {func(s *fakeStore) { s.err = consumer.ErrSchema }, nil, unavailable},
		"the store is too slow":         {func(s *fakeStore) { s.hangs = true }, func(o *httpserver.Options) { o.Timeout = time.Millisecond }, unavailable},
		"the store has a bug":           {func(s *fakeStore) { s.err = errors.New("a bug") }, nil, internal},
		"the store panics":              {func(s *fakeStore) { s.panics = marker }, nil, internal},
		"the authenticator is down":     {nil, func(o *httpserver.Options) { o.Auth = fakeAuth{consumer.ErrUnavailable} }, unavailable},
		"the authenticator is too slow": {nil, func(o *httpserver.Options) { o.Auth = fakeAuth{context.DeadlineExceeded} }, unavailable},
		"the authenticator has a bug":   {nil, func(o *httpserver.Options) { o.Auth = fakeAuth{consumer.ErrNotFound} }, internal},
	} {
		t.Run(name, func(t *testing.T) {
			var change []func(*httpserver.Options)
			if test.options != nil {
				change = append(change, test.options)
			}
			w := newWorld(t, change...)
			if test.store != nil {
				test.store(w.store)
			}
			check(t, w.me(), test.want)
			check(t, w.do("GET", prefix+"/cons_1", "Authorization", "Bearer "+secret), test.want)
			if log := w.log.String(); !strings.Contains(log, "level=ERROR") || !strings.Contains(log, "requestId=") || strings.Contains(log, marker) {
				t.Errorf("log:\n%s", log)
			}
		})
	}
	t.Run("another authenticator refuses", func(t *testing.T) {
		w := newWorld(t, func(o *httpserver.Options) { o.Auth = fakeAuth{fmt.Errorf("no session: %w", auth.ErrUnauthenticated)} })
		check(t, w.me(), refusal{401, `{"error":"Authentication required"}`, challenge, ""})
		check(t, w.do("GET", prefix+"/cons_1"), refusal{401, `{"error":"Secret key required"}`, challenge, ""})
	})
	t.Run("http.ErrAbortHandler reaches net/http", func(t *testing.T) {
		w := newWorld(t)
		w.store.panics = http.ErrAbortHandler
		defer func() {
			if recover() != http.ErrAbortHandler {
				t.Error("the panic was recovered")
			}
		}()
		w.me()
	})
}

func withContext(ctx context.Context, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { next.ServeHTTP(w, r.WithContext(ctx)) })
}

// An impossible id of a valid token does not reach the store.
func TestImpossibleConsumerOfATokenIsNotLookedUp(t *testing.T) {
	w := newWorld(t)
	for _, id := range []string{"a/b", "..", "x\x00", strings.Repeat("a", 129)} {
		w.do("GET", prefix+"/me", "X-Publishable-Key", publishable, "Authorization", "Bearer "+w.token(org, id))
	}
	if w.store.asked.Load() != 0 {
		t.Errorf("the store was asked %d times", w.store.asked.Load())
	}
}

// The log contains no credential that a client sent and no personal data, at any level.
func TestLogIsClean(t *testing.T) {
	w := newWorld(t)
	token := w.token(org, "cons_1")
	w.me()
	w.do("GET", prefix+"/cons_1", "Authorization", "Bearer "+secret)
	w.do("GET", prefix+"/me", "X-Publishable-Key", publishable, "Authorization", "Bearer "+token+"x")
	w.do("GET", prefix+"/cons_1", "Authorization", "Bearer "+token)
	w.do("GET", prefix+"/cons_1", "Authorization", "Bearer sk_test_nobody_knows_this_1")
	w.do("GET", "/nowhere", "X-Request-Id", secret)
	for _, private := range []string{token, publishable, secret, "nobody_knows", "marker@example.com", "Jerry"} {
		if strings.Contains(w.log.String(), private) {
			t.Errorf("the log contains private data:\n%s", w.log)
		}
	}
	if strings.Count(w.log.String(), "request failed") != 4 {
		t.Errorf("refusals are missing from the log:\n%s", w.log)
	}
}
