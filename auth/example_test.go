package auth_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"net/http/httptest"
	"time"

	"github.com/rejoinhq/rejoin/auth"
	"github.com/rejoinhq/rejoin/auth/authtest"
)

// newAuthenticator wires the doors as a program does: a key set by URL (here of an issuer that
// stands in), a verifier over it, API keys from configuration.
func newAuthenticator(issuer *authtest.Issuer) (authenticator *auth.Authenticator, closeAll func()) {
	server := httptest.NewServer(issuer.Handler())
	keys, err := auth.NewKeySet(context.Background(), auth.KeySetOptions{URL: server.URL})
	if err != nil {
		log.Fatal(err)
	}
	verifier, err := auth.NewVerifier(auth.VerifierOptions{Keys: keys})
	if err != nil {
		log.Fatal(err)
	}
	apiKeys, err := auth.NewStaticAPIKeys([]auth.StaticAPIKey{
		{OrganizationID: "org_1", Key: "pk_test_exampleexampleexample"},
		{OrganizationID: "org_1", Key: "sk_test_exampleexampleexample"},
		{OrganizationID: "org_2", Key: "pk_test_another0another0another"},
	})
	if err != nil {
		log.Fatal(err)
	}
	authenticator, err = auth.New(auth.Options{Tokens: verifier, APIKeys: apiKeys})
	if err != nil {
		log.Fatal(err)
	}
	return authenticator, func() {
		_ = keys.Close()
		server.Close()
	}
}

// A browser or app: a publishable key and a consumer's access token, of one organization.
func ExampleAuthenticator_AuthenticateConsumer() {
	issuer, err := authtest.NewIssuer(authtest.IssuerOptions{})
	if err != nil {
		log.Fatal(err)
	}
	authenticator, closeAll := newAuthenticator(issuer)
	defer closeAll()
	token, err := issuer.Token(authtest.Claims{ConsumerID: "cons_1", OrganizationID: "org_1"})
	if err != nil {
		log.Fatal(err)
	}

	r := httptest.NewRequest("GET", "/api/v1/consumers/me", nil)
	r.Header.Set("X-Publishable-Key", "pk_test_exampleexampleexample")
	r.Header.Set("Authorization", "Bearer "+token)
	identity, err := authenticator.AuthenticateConsumer(r)
	fmt.Println(identity.ConsumerID, "of", identity.OrganizationID, err)

	// The same token with the key of another organization.
	r.Header.Set("X-Publishable-Key", "pk_test_another0another0another")
	_, err = authenticator.AuthenticateConsumer(r)
	fmt.Println(err)
	// Output:
	// cons_1 of org_1 <nil>
	// auth: unauthenticated: organization_mismatch
}

// A server: a secret key.
func ExampleAuthenticator_AuthenticateServer() {
	issuer, err := authtest.NewIssuer(authtest.IssuerOptions{})
	if err != nil {
		log.Fatal(err)
	}
	authenticator, closeAll := newAuthenticator(issuer)
	defer closeAll()

	r := httptest.NewRequest("GET", "/api/v1/consumers/cons_1", nil)
	r.Header.Set("Authorization", "Bearer sk_test_exampleexampleexample")
	fmt.Println(authenticator.AuthenticateServer(r))

	// A publishable key is public: it opens nothing here.
	r.Header.Set("Authorization", "Bearer pk_test_exampleexampleexample")
	_, err = authenticator.AuthenticateServer(r)
	fmt.Println(err)
	// Output:
	// org_1 <nil>
	// auth: unauthenticated: secret_key_unknown
}

// What a refusal says to whom.
func ExampleError() {
	authenticator, err := auth.New(auth.Options{APIKeys: new(auth.StaticAPIKeys)})
	if err != nil {
		log.Fatal(err)
	}
	r := httptest.NewRequest("GET", "/api/v1/consumers/cons_1", nil)
	r.Header.Set("Authorization", "Bearer sk_live_revokedrevokedrevoked")
	_, err = authenticator.AuthenticateServer(r)

	if refusal, ok := errors.AsType[*auth.Error](err); ok {
		fmt.Println("log:   ", refusal.Reason)
		fmt.Println("client:", refusal.PublicMessage())
		fmt.Println("WWW-Authenticate: Bearer error=\"invalid_token\":", refusal.BearerRefused())
	}
	// Output:
	// log:    secret_key_unknown
	// client: The secret key is not valid.
	// WWW-Authenticate: Bearer error="invalid_token": true
}

// A verifier over keys that the program holds itself.
func ExampleVerifier() {
	issuer, err := authtest.NewIssuer(authtest.IssuerOptions{KeyID: "2026-01"})
	if err != nil {
		log.Fatal(err)
	}
	keys, err := auth.NewKeySet(context.Background(), auth.KeySetOptions{Keys: issuer.Keys()})
	if err != nil {
		log.Fatal(err)
	}
	verifier, err := auth.NewVerifier(auth.VerifierOptions{Keys: keys, MaxLifetime: time.Hour})
	if err != nil {
		log.Fatal(err)
	}

	good, err := issuer.Token(authtest.Claims{ConsumerID: "cons_1", OrganizationID: "org_1"})
	if err != nil {
		log.Fatal(err)
	}
	identity, err := verifier.Verify(context.Background(), good)
	fmt.Println(identity.ConsumerID, err)

	expired, err := issuer.Token(authtest.Claims{ConsumerID: "cons_1", OrganizationID: "org_1", IssuedAt: time.Now().Add(-2 * time.Hour)})
	if err != nil {
		log.Fatal(err)
	}
	_, err = verifier.Verify(context.Background(), expired)
	fmt.Println(err)
	// Output:
	// cons_1 <nil>
	// auth: unauthenticated: token_expired
}

// A new key is shown once; what is stored is its digest.
func ExampleGenerateAPIKey() {
	key, err := auth.GenerateAPIKey(auth.KindSecret, false)
	if err != nil {
		log.Fatal(err)
	}
	digest := auth.APIKeyDigest(key)
	fmt.Println(key[:8], len(key), len(digest))
	// Output: sk_test_ 44 32
}

// A cache in front of a store bounds both the look-ups and how long a revoked key works.
func ExampleAPIKeyCache() {
	store, err := auth.NewStaticAPIKeys([]auth.StaticAPIKey{{OrganizationID: "org_1", Key: "sk_test_exampleexampleexample"}})
	if err != nil {
		log.Fatal(err)
	}
	cache, err := auth.NewAPIKeyCache(auth.APIKeyCacheOptions{Finder: store, MaxAge: 5 * time.Second})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(cache.OrganizationByKey(context.Background(), auth.APIKeyDigest("sk_test_exampleexampleexample"), time.Now()))
	// Output: org_1 <nil>
}
