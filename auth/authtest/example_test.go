package authtest_test

import (
	"context"
	"fmt"
	"log"

	"github.com/rejoinhq/rejoin/auth"
	"github.com/rejoinhq/rejoin/auth/authtest"
)

// The verifier in the test of a program uses the issuer's key in memory.
func Example() {
	issuer, err := authtest.NewIssuer(authtest.IssuerOptions{})
	if err != nil {
		log.Fatal(err)
	}
	keys, err := issuer.KeySet()
	if err != nil {
		log.Fatal(err)
	}
	verifier, err := auth.NewVerifier(auth.VerifierOptions{Keys: keys})
	if err != nil {
		log.Fatal(err)
	}

	token, err := issuer.Token(authtest.Claims{ConsumerID: "cons_1", OrganizationID: "org_1", SessionID: "sess_1"})
	if err != nil {
		log.Fatal(err)
	}
	identity, err := verifier.Verify(context.Background(), token)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(token[:36])
	fmt.Println(identity.ConsumerID, identity.OrganizationID, identity.SessionID)
	// Output:
	// eyJhbGciOiJFZERTQSIsInR5cCI6IkpXVCJ9
	// cons_1 org_1 sess_1
}

// Sign returns a hostile token, for a test that it is refused.
func ExampleIssuer_Sign() {
	issuer, err := authtest.NewIssuer(authtest.IssuerOptions{})
	if err != nil {
		log.Fatal(err)
	}
	keys, err := issuer.KeySet()
	if err != nil {
		log.Fatal(err)
	}
	verifier, err := auth.NewVerifier(auth.VerifierOptions{Keys: keys})
	if err != nil {
		log.Fatal(err)
	}
	token, err := issuer.Sign(map[string]any{"alg": "none"}, map[string]any{"consumerId": "cons_1"})
	if err != nil {
		log.Fatal(err)
	}
	_, err = verifier.Verify(context.Background(), token)
	fmt.Println(err)
	// Output: auth: unauthenticated: token_algorithm
}
