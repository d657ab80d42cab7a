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
	"github.com/rejoinhq/rejoin/consumer"
)

// newAuthenticator returns an authenticator with a key set by URL, here of a test issuer, and
// with API keys from configuration.
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

// A browser or an app sends a publishable key and an access token of one organization.
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
	caller, err := authenticator.AuthenticateConsumer(context.Background(), r)
	fmt.Println(caller.ConsumerID, "of", caller.OrganizationID, err)

	// The same token with the key of another organization.
	r.Header.Set("X-Publishable-Key", "pk_test_another0another0another")
	_, err = authenticator.AuthenticateConsumer(context.Background(), r)
	fmt.Println(err)
	// Output:
	// cons_1 of org_1 <nil>
	// auth: unauthenticated: organization_mismatch
}

// A server sends a secret key.
func ExampleAuthenticator_AuthenticateServer() {
	issuer, err := authtest.NewIssuer(authtest.IssuerOptions{})
	if err != nil {
		log.Fatal(err)
	}
	authenticator, closeAll := newAuthenticator(issuer)
	defer closeAll()

	r := httptest.NewRequest("GET", "/api/v1/consumers/cons_1", nil)
	r.Header.Set("Authorization", "Bearer sk_test_exampleexampleexample")
	caller, err := authenticator.AuthenticateServer(context.Background(), r)
	fmt.Println(caller.OrganizationID, err)

	// A publishable key is public: it opens nothing here.
	r.Header.Set("Authorization", "Bearer pk_test_exampleexampleexample")
	_, err = authenticator.AuthenticateServer(context.Background(), r)
	fmt.Println(err)
	// Output:
	// org_1 <nil>
	// auth: unauthenticated: secret_key_unknown
}

// A refusal has a reason for the log and a message for the client.
func ExampleError() {
	authenticator, err := auth.New(auth.Options{APIKeys: new(auth.StaticAPIKeys)})
	if err != nil {
		log.Fatal(err)
	}
	r := httptest.NewRequest("GET", "/api/v1/consumers/cons_1", nil)
	r.Header.Set("Authorization", "Bearer sk_live_revokedrevokedrevoked")
	_, err = authenticator.AuthenticateServer(context.Background(), r)

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

// A verifier can use keys in memory.
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

// A new key is shown once. Its digest is stored.
func ExampleGenerateAPIKey() {
	key, err := auth.GenerateAPIKey(consumer.SecretKey, false)
	if err != nil {
		log.Fatal(err)
	}
	digest := auth.APIKeyDigest(key)
	fmt.Println(key[:8], len(key), len(digest))
	// Output: sk_test_ 44 32
}

// A cache limits the lookups in a store, and the time for which a revoked key works.
func ExampleAPIKeyCache() {
	store, err := auth.NewStaticAPIKeys([]auth.StaticAPIKey{{OrganizationID: "org_1", Key: "sk_test_exampleexampleexample"}})
	if err != nil {
		log.Fatal(err)
	}
	cache, err := auth.NewAPIKeyCache(auth.APIKeyCacheOptions{Finder: store, MaxAge: 5 * time.Second})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(cache.OrganizationByAPIKey(context.Background(), auth.APIKeyDigest("sk_test_exampleexampleexample"), time.Now()))
	// Output: org_1 <nil>
}
