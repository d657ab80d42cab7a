package auth_test

import (
	"errors"
	"testing"

	"github.com/rejoinhq/rejoin/auth"
	"github.com/rejoinhq/rejoin/consumer"
)

// Values that were not made by a constructor authenticate nobody, and do not panic.
func TestZeroValues(t *testing.T) {
	var authenticator auth.Authenticator
	r := request(one(publishable), one("Bearer "+secret))
	if _, err := authenticator.AuthenticateConsumer(t.Context(), r); err == nil || errors.Is(err, auth.ErrUnauthenticated) {
		t.Errorf("Authenticator: %v", err)
	}
	if _, err := authenticator.AuthenticateServer(t.Context(), r); err == nil || errors.Is(err, auth.ErrUnauthenticated) {
		t.Errorf("Authenticator: %v", err)
	}

	var verifier auth.Verifier
	for _, token := range []string{"", newSigner("issuer").token(plainHeader, payload(nil))} {
		if _, err := verifier.Verify(t.Context(), token); !errors.Is(err, auth.ErrUnauthenticated) {
			t.Errorf("Verifier: %v", err)
		}
	}

	var admissions auth.AdmissionVerifier
	for _, token := range []string{"", newSigner("issuer").token(plainHeader, admissionPayload(nil))} {
		if _, err := admissions.Verify(t.Context(), token); !errors.Is(err, auth.ErrUnauthenticated) {
			t.Errorf("AdmissionVerifier: %v", err)
		}
	}
	if _, ok := (auth.Admission{}).LiveIn(consumer.Snapshot{}, noon); ok {
		t.Error("Admission: the zero value is live")
	}

	var set auth.KeySet
	if _, err := auth.NewVerifier(auth.VerifierOptions{Keys: &set}); err == nil {
		t.Error("a Verifier over no keys")
	}
	if err := errors.Join(set.Refresh(t.Context()), set.Close()); err != nil || !set.FetchedAt().IsZero() {
		t.Errorf("KeySet: %v", err)
	}

	var cache auth.APIKeyCache
	if _, err := cache.OrganizationByAPIKey(t.Context(), auth.APIKeyDigest(secret), noon); err == nil || errors.Is(err, consumer.ErrNotFound) {
		t.Errorf("APIKeyCache: %v", err)
	}
}
