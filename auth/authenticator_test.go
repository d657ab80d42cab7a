package auth_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rejoinhq/rejoin/auth"
	"github.com/rejoinhq/rejoin/auth/authtest"
	"github.com/rejoinhq/rejoin/consumer"
)

const (
	publishable      = "pk_test_organization1aaaaaaaa"
	otherPublishable = "pk_live_organization2aaaaaaaa"
	secret           = "sk_test_organization1aaaaaaaa"
	otherSecret      = "sk_live_organization2aaaaaaaa"
)

// house is an authenticator with the keys of two organizations, and a token of org_1.
type house struct {
	*auth.Authenticator
	issuer *authtest.Issuer
	token  string
}

func newHouse(t *testing.T) house {
	t.Helper()
	issuer, err := authtest.NewIssuer(authtest.IssuerOptions{Now: atNoon})
	if err != nil {
		t.Fatal(err)
	}
	set, err := issuer.KeySet()
	if err != nil {
		t.Fatal(err)
	}
	keys, err := auth.NewStaticAPIKeys([]auth.StaticAPIKey{
		{OrganizationID: "org_1", Key: publishable}, {OrganizationID: "org_1", Key: secret},
		{OrganizationID: "org_2", Key: otherPublishable}, {OrganizationID: "org_2", Key: otherSecret},
	})
	if err != nil {
		t.Fatal(err)
	}
	authenticator, err := auth.New(auth.Options{
		Tokens: newVerifier(t, auth.VerifierOptions{Keys: set, Now: atNoon}), APIKeys: keys, Now: atNoon,
	})
	if err != nil {
		t.Fatal(err)
	}
	token, err := issuer.Token(authtest.Claims{ConsumerID: "cons_1", OrganizationID: "org_1", SessionID: "sess_1"})
	if err != nil {
		t.Fatal(err)
	}
	return house{authenticator, issuer, token}
}

// request returns a request with those values of the two headers.
func request(keys, authorizations []string) *http.Request {
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	for _, key := range keys {
		r.Header.Add("X-Publishable-Key", key)
	}
	for _, authorization := range authorizations {
		r.Header.Add("Authorization", authorization)
	}
	return r
}

func one(value string) []string { return []string{value} }

func TestAuthenticateConsumer(t *testing.T) {
	house := newHouse(t)
	want := auth.ConsumerCaller{
		Identity: auth.Identity{OrganizationID: "org_1", ConsumerID: "cons_1", SessionID: "sess_1", ExpiresAt: noon.Add(time.Hour)},
		APIKey:   auth.APIKeyDigest(publishable),
	}
	for _, scheme := range []string{"Bearer ", "bearer ", "BEARER ", "bEaReR   "} {
		got, err := house.AuthenticateConsumer(t.Context(), request(one(publishable), one(scheme+house.token)))
		if err != nil {
			t.Errorf("scheme %q: %v", scheme, err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("scheme %q: %s", scheme, diff)
		}
	}
}

// The caller's context is honored, and not that of the request.
func TestAuthenticatorContext(t *testing.T) {
	type key struct{}
	ctx := context.WithValue(t.Context(), key{}, "caller's")
	seen := func(step string, ctx context.Context) {
		if ctx.Value(key{}) != "caller's" {
			t.Errorf("%s: another context", step)
		}
	}
	authenticator, err := auth.New(auth.Options{
		APIKeys: finderFunc(func(ctx context.Context, _ [32]byte, _ time.Time) (string, error) {
			seen("key", ctx)
			return "org_1", nil
		}),
		Tokens: tokenVerifierFunc(func(ctx context.Context, _, organizationID string) (auth.Identity, error) {
			seen("token", ctx)
			return auth.Identity{OrganizationID: organizationID, ConsumerID: "cons_1"}, nil
		}),
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := authenticator.AuthenticateConsumer(ctx, request(one(publishable), one("Bearer x"))); err != nil {
		t.Error(err)
	}
	if _, err := authenticator.AuthenticateServer(ctx, request(nil, one("Bearer "+secret))); err != nil {
		t.Error(err)
	}
}

// A TokenVerifier is given the organization of the publishable key, and cannot return
// another one.
func TestAuthenticatorOrganization(t *testing.T) {
	identity := auth.Identity{OrganizationID: "org_1", ConsumerID: "cons_1"}
	authenticator, err := auth.New(auth.Options{
		APIKeys: finderFunc(func(context.Context, [32]byte, time.Time) (string, error) { return "org_1", nil }),
		Tokens: tokenVerifierFunc(func(_ context.Context, token, organizationID string) (auth.Identity, error) {
			if token != "x" || organizationID != "org_1" {
				t.Errorf("asked for %q of %q", token, organizationID)
			}
			return identity, nil
		}),
	})
	if err != nil {
		t.Fatal(err)
	}
	r := request(one(publishable), one("Bearer x"))
	if _, err := authenticator.AuthenticateConsumer(t.Context(), r); err != nil {
		t.Error(err)
	}
	identity.OrganizationID = "org_2"
	caller, err := authenticator.AuthenticateConsumer(t.Context(), r)
	wantReason(t, err, auth.ReasonOrganizationMismatch)
	if caller != (auth.ConsumerCaller{}) {
		t.Error("a refused request has a caller")
	}
}

// Every refusal of a consumer, with the message for the client.
func TestAuthenticateConsumerRefuses(t *testing.T) {
	house := newHouse(t)
	bearer := "Bearer " + house.token
	const (
		invalidToken = "The access token is not valid."
		invalidKey   = "The publishable key is not valid."
		malformed    = "The Authorization header must be the word Bearer and one credential."
	)
	for _, test := range []struct {
		name           string
		keys           []string
		authorizations []string
		reason         auth.Reason
		message        string
		bearerRefused  bool
	}{
		{"no credentials", nil, nil, auth.ReasonPublishableKeyMissing, "The X-Publishable-Key header is missing.", false},
		{"no publishable key", nil, one(bearer), auth.ReasonPublishableKeyMissing, "The X-Publishable-Key header is missing.", false},
		{"an empty publishable key", one(""), one(bearer), auth.ReasonPublishableKeyMissing, "The X-Publishable-Key header is missing.", false},
		{"two publishable keys", []string{publishable, publishable}, one(bearer), auth.ReasonPublishableKeyRepeated, "The X-Publishable-Key header was sent more than once.", false},
		{"no token", one(publishable), nil, auth.ReasonAuthorizationMissing, "The Authorization header is missing.", false},
		{"an empty Authorization", one(publishable), one(""), auth.ReasonAuthorizationMissing, "The Authorization header is missing.", false},
		{"two tokens", one(publishable), []string{bearer, bearer}, auth.ReasonAuthorizationRepeated, "The Authorization header was sent more than once.", false},
		{"no token, unknown publishable key", one("pk_test_unknownaaaaaaaaaaaa"), nil, auth.ReasonAuthorizationMissing, "The Authorization header is missing.", false},
		{"another scheme", one(publishable), one("Basic dTpw"), auth.ReasonAuthorizationMalformed, malformed, false},
		{"a token without scheme", one(publishable), one(house.token), auth.ReasonAuthorizationMalformed, malformed, false},
		{"a scheme without token", one(publishable), one("Bearer"), auth.ReasonAuthorizationMalformed, malformed, false},
		{"a scheme and spaces", one(publishable), one("Bearer  "), auth.ReasonAuthorizationMalformed, malformed, false},
		{"a scheme that begins like ours", one(publishable), one("BearerX " + house.token), auth.ReasonAuthorizationMalformed, malformed, false},
		{"a tab for a space", one(publishable), one("Bearer\t" + house.token), auth.ReasonAuthorizationMalformed, malformed, false},
		{"two tokens in one header", one(publishable), one(bearer + ", " + bearer), auth.ReasonAuthorizationMalformed, malformed, false},
		{"junk after the token", one(publishable), one(bearer + " x"), auth.ReasonAuthorizationMalformed, malformed, false},
		{"not ASCII", one(publishable), one("Bearer é"), auth.ReasonAuthorizationMalformed, malformed, false},

		{"unknown publishable key", one("pk_test_unknownaaaaaaaaaaaa"), one(bearer), auth.ReasonPublishableKeyUnknown, invalidKey, false},
		{"publishable key in another case", one(strings.ToUpper(publishable)), one(bearer), auth.ReasonPublishableKeyUnknown, invalidKey, false},
		{"publishable key with junk after it", one(publishable + " x"), one(bearer), auth.ReasonPublishableKeyUnknown, invalidKey, false},
		{"secret key for the publishable", one(secret), one(bearer), auth.ReasonPublishableKeyUnknown, invalidKey, false},
		{"token for the publishable key", one(house.token), one(bearer), auth.ReasonPublishableKeyUnknown, invalidKey, false},
		{"publishable key for the token", one(publishable), one("Bearer " + publishable), auth.ReasonTokenMalformed, invalidToken, true},
		{"secret key for the token", one(publishable), one("Bearer " + secret), auth.ReasonTokenMalformed, invalidToken, true},
		{"both wrong", one("pk_test_unknownaaaaaaaaaaaa"), one("Bearer x"), auth.ReasonPublishableKeyUnknown, invalidKey, false},
		{"another organization's publishable key", one(otherPublishable), one(bearer), auth.ReasonOrganizationMismatch, invalidToken, true},
		{"forged token", one(publishable), one("Bearer " + newSigner("forger").token(plainHeader, payload(nil))), auth.ReasonTokenSignature, invalidToken, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			caller, err := house.AuthenticateConsumer(t.Context(), request(test.keys, test.authorizations))
			wantReason(t, err, test.reason)
			wantAnswer(t, err, test.message, test.bearerRefused)
			if caller != (auth.ConsumerCaller{}) {
				t.Error("a refused request has a caller")
			}
		})
	}
}

func TestAuthenticateServer(t *testing.T) {
	house := newHouse(t)
	for key, organizationID := range map[string]string{secret: "org_1", otherSecret: "org_2"} {
		got, err := house.AuthenticateServer(t.Context(), request(nil, one("bearer "+key)))
		want := auth.ServerCaller{OrganizationID: organizationID, APIKey: auth.APIKeyDigest(key)}
		if err != nil || got != want {
			t.Errorf("got %v, %v; want %v", got, err, want)
		}
	}
	// The publishable key header is ignored.
	if _, err := house.AuthenticateServer(t.Context(), request([]string{"x", "y"}, one("Bearer "+secret))); err != nil {
		t.Error(err)
	}
}

func TestAuthenticateServerRefuses(t *testing.T) {
	house := newHouse(t)
	const invalid = "The secret key is not valid."
	for _, test := range []struct {
		name           string
		authorizations []string
		reason         auth.Reason
		message        string
		bearerRefused  bool
	}{
		{"no credentials", nil, auth.ReasonAuthorizationMissing, "The Authorization header is missing.", false},
		{"two headers", []string{"Bearer " + secret, "Bearer " + secret}, auth.ReasonAuthorizationRepeated, "The Authorization header was sent more than once.", false},
		{"another scheme", one("Basic " + secret), auth.ReasonAuthorizationMalformed, "The Authorization header must be the word Bearer and one credential.", false},
		{"unknown", one("Bearer sk_test_unknownaaaaaaaaaaaa"), auth.ReasonSecretKeyUnknown, invalid, true},
		{"too short", one("Bearer sk_test_a"), auth.ReasonSecretKeyUnknown, invalid, true},
		{"too long", one("Bearer sk_test_" + strings.Repeat("a", 1000)), auth.ReasonSecretKeyUnknown, invalid, true},
		{"publishable key", one("Bearer " + publishable), auth.ReasonSecretKeyUnknown, invalid, true},
		{"consumer's token", one("Bearer " + house.token), auth.ReasonSecretKeyUnknown, invalid, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			caller, err := house.AuthenticateServer(t.Context(), request(nil, test.authorizations))
			wantReason(t, err, test.reason)
			wantAnswer(t, err, test.message, test.bearerRefused)
			if caller != (auth.ServerCaller{}) {
				t.Error("a refused request has a caller")
			}
		})
	}
}

func wantAnswer(t *testing.T, err error, message string, bearerRefused bool) {
	t.Helper()
	refusal, ok := errors.AsType[*auth.Error](err)
	if !ok {
		t.Fatalf("got %v", err)
	}
	if got := refusal.PublicMessage(); got != message {
		t.Errorf("public message %q, want %q", got, message)
	}
	if got := refusal.BearerRefused(); got != bearerRefused {
		t.Errorf("BearerRefused is %t", got)
	}
}

// The failure of a dependency is not a refusal.
func TestAuthenticatorFailures(t *testing.T) {
	down := fmt.Errorf("dial: %w", consumer.ErrUnavailable)
	tokens := tokenVerifierFunc(func(context.Context, string, string) (auth.Identity, error) {
		return auth.Identity{OrganizationID: "org_1", ConsumerID: "cons_1"}, nil
	})
	found := finderFunc(func(context.Context, [32]byte, time.Time) (string, error) { return "org_1", nil })
	failing := finderFunc(func(context.Context, [32]byte, time.Time) (string, error) { return "", down })
	for _, test := range []struct {
		name        string
		options     auth.Options
		unavailable bool
	}{
		{"the store is down", auth.Options{Tokens: tokens, APIKeys: failing}, true},
		{"the finder finds no organization", auth.Options{Tokens: tokens, APIKeys: finderFunc(func(context.Context, [32]byte, time.Time) (string, error) { return "", nil })}, false},
		{"the token verifier is down", auth.Options{APIKeys: found, Tokens: tokenVerifierFunc(func(context.Context, string, string) (auth.Identity, error) { return auth.Identity{}, down })}, true},
		{"the token verifier names nobody", auth.Options{APIKeys: found, Tokens: tokenVerifierFunc(func(context.Context, string, string) (auth.Identity, error) { return auth.Identity{}, nil })}, false},
		{"the token verifier names no consumer", auth.Options{APIKeys: found, Tokens: tokenVerifierFunc(func(context.Context, string, string) (auth.Identity, error) {
			return auth.Identity{OrganizationID: "org_1"}, nil
		})}, false},
		{"the token verifier names no organization", auth.Options{APIKeys: found, Tokens: tokenVerifierFunc(func(context.Context, string, string) (auth.Identity, error) {
			return auth.Identity{ConsumerID: "cons_1"}, nil
		})}, false},
		{"no token verifier", auth.Options{APIKeys: found}, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			authenticator, err := auth.New(test.options)
			if err != nil {
				t.Fatal(err)
			}
			_, err = authenticator.AuthenticateConsumer(t.Context(), request(one(publishable), one("Bearer x")))
			if err == nil || errors.Is(err, auth.ErrUnauthenticated) {
				t.Errorf("got %v, want a failure that is no refusal", err)
			}
			if errors.Is(err, consumer.ErrUnavailable) != test.unavailable {
				t.Errorf("got %v, unavailable: want %t", err, test.unavailable)
			}
		})
	}
	authenticator, err := auth.New(auth.Options{APIKeys: failing})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := authenticator.AuthenticateServer(t.Context(), request(nil, one("Bearer "+secret))); !errors.Is(err, consumer.ErrUnavailable) || errors.Is(err, auth.ErrUnauthenticated) {
		t.Errorf("got %v", err)
	}
}

// A caller that gives up gets an error that matches context.Canceled and not
// consumer.ErrUnavailable, whatever the interrupted dependency returns: nothing was down.
// When the deadline passes, the dependency was too slow, and its error is returned.
func TestAuthenticatorCallerGivesUp(t *testing.T) {
	interrupted := fmt.Errorf("read: %w", consumer.ErrUnavailable)
	found := finderFunc(func(context.Context, [32]byte, time.Time) (string, error) { return "org_1", nil })
	failing := finderFunc(func(context.Context, [32]byte, time.Time) (string, error) { return "", interrupted })
	cache := newKeyCache(t, auth.APIKeyCacheOptions{Finder: failing})
	tokens := tokenVerifierFunc(func(context.Context, string, string) (auth.Identity, error) { return auth.Identity{}, interrupted })
	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	late, cancelLate := context.WithDeadline(t.Context(), time.Now().Add(-time.Second))
	defer cancelLate()
	for name, options := range map[string]auth.Options{
		"in the finder": {APIKeys: failing, Tokens: tokens}, "in the cache": {APIKeys: cache, Tokens: tokens}, "in the token verifier": {APIKeys: found, Tokens: tokens},
	} {
		t.Run(name, func(t *testing.T) {
			authenticator, err := auth.New(options)
			if err != nil {
				t.Fatal(err)
			}
			authenticate := map[string]func(context.Context) error{
				"consumer": func(ctx context.Context) error {
					_, err := authenticator.AuthenticateConsumer(ctx, request(one(publishable), one("Bearer x")))
					return err
				},
				"server": func(ctx context.Context) error {
					_, err := authenticator.AuthenticateServer(ctx, request(nil, one("Bearer "+secret)))
					return err
				},
			}
			if name == "in the token verifier" {
				delete(authenticate, "server")
			}
			for caller, authenticate := range authenticate {
				if err := authenticate(canceled); !errors.Is(err, context.Canceled) || errors.Is(err, consumer.ErrUnavailable) || errors.Is(err, auth.ErrUnauthenticated) {
					t.Errorf("%s gave up: got %v", caller, err)
				}
				if err := authenticate(late); errors.Is(err, context.Canceled) || !errors.Is(err, consumer.ErrUnavailable) {
					t.Errorf("%s ran out of time: got %v", caller, err)
				}
			}
		})
	}
}

// Lookups and signature checks come after the checks that cost nothing.
func TestAuthenticatorOrder(t *testing.T) {
	var steps []string
	authenticator, err := auth.New(auth.Options{
		APIKeys: finderFunc(func(_ context.Context, digest [32]byte, now time.Time) (string, error) {
			if digest != auth.APIKeyDigest(publishable) || !now.Equal(noon) {
				t.Error("the finder was asked for another key or moment")
			}
			steps = append(steps, "key")
			return "", fmt.Errorf("wrapped: %w", consumer.ErrNotFound)
		}),
		Tokens: tokenVerifierFunc(func(context.Context, string, string) (auth.Identity, error) {
			steps = append(steps, "token")
			return auth.Identity{}, nil
		}),
		Now: atNoon,
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range []*http.Request{
		request(one(publishable), nil), request(nil, one("Bearer x")), request(one(publishable), one("Basic x")), request(one(secret), one("Bearer x")),
	} {
		if _, err := authenticator.AuthenticateConsumer(t.Context(), r); !errors.Is(err, auth.ErrUnauthenticated) {
			t.Errorf("got %v", err)
		}
	}
	if len(steps) != 0 {
		t.Errorf("a malformed request caused %v", steps)
	}
	_, err = authenticator.AuthenticateConsumer(t.Context(), request(one(publishable), one("Bearer x")))
	wantReason(t, err, auth.ReasonPublishableKeyUnknown)
	if diff := cmp.Diff([]string{"key"}, steps); diff != "" {
		t.Error(diff)
	}
}

// Another TokenVerifier may refuse with any error that matches ErrUnauthenticated.
func TestAuthenticatorForeignVerifier(t *testing.T) {
	authenticator, err := auth.New(auth.Options{
		APIKeys: finderFunc(func(context.Context, [32]byte, time.Time) (string, error) { return "org_1", nil }),
		Tokens: tokenVerifierFunc(func(context.Context, string, string) (auth.Identity, error) {
			return auth.Identity{}, fmt.Errorf("token abc: %w", auth.ErrUnauthenticated)
		}),
	})
	if err != nil {
		t.Fatal(err)
	}
	_, err = authenticator.AuthenticateConsumer(t.Context(), request(one(publishable), one("Bearer x")))
	wantReason(t, err, auth.ReasonTokenRefused)
	wantAnswer(t, err, "The access token is not valid.", true)
}

func TestNewRefuses(t *testing.T) {
	if _, err := auth.New(auth.Options{}); err == nil || !strings.Contains(err.Error(), "Options: APIKeys is required") {
		t.Errorf("got %v", err)
	}
}

func TestErrorZeroValue(t *testing.T) {
	var err auth.Error
	if err.BearerRefused() || err.PublicMessage() != "The credentials are not valid." || !errors.Is(&err, auth.ErrUnauthenticated) {
		t.Errorf("the zero Error says %q", err.PublicMessage())
	}
}

type tokenVerifierFunc func(ctx context.Context, token, organizationID string) (auth.Identity, error)

func (f tokenVerifierFunc) VerifyFor(ctx context.Context, token, organizationID string) (auth.Identity, error) {
	return f(ctx, token, organizationID)
}
