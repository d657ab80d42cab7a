package auth_test

import (
	"strings"
	"testing"
	"testing/synctest"

	"github.com/rejoinhq/rejoin/auth"
)

// land has two organizations with issuers of their own, and two more that share an issuer.
type land struct {
	*auth.Verifier
	one, two, shared    signer
	fromOne, fromShared *transport
}

func newLand(t *testing.T, size int) land {
	t.Helper()
	l := land{
		one: newSigner("one"), two: newSigner("two"), shared: newSigner("shared"),
		fromOne: &transport{}, fromShared: &transport{},
	}
	l.fromOne.serve(jwks(l.one.jwk("key")))
	l.fromShared.serve(jwks(l.shared.jwk("key")))
	one, shared := remoteSet(t, l.fromOne, auth.KeySetOptions{}), remoteSet(t, l.fromShared, auth.KeySetOptions{})
	t.Cleanup(func() { _, _ = one.Close(), shared.Close() })
	byOrganization := map[string]*auth.KeySet{
		"org_1": one, "org_2": staticSet(t, l.two.key("key")), "org_3": shared, "org_4": shared,
	}
	l.Verifier = newVerifier(t, auth.VerifierOptions{KeysByOrganization: byOrganization, Now: atNoon, CacheSize: size})
	byOrganization["org_5"] = one // the map belongs to the verifier once it is made
	return l
}

func ofOrganization(id any) string { return payload(map[string]any{"organizationId": id}) }

// An issuer signs tokens for its own organizations only.
func TestOrganizationKeys(t *testing.T) {
	eachCache(t, func(t *testing.T, size int) {
		l := newLand(t, size)
		for _, header := range []string{plainHeader, headerOf("key")} {
			for _, test := range []struct {
				name         string
				signer       signer
				organization any
				want         auth.Reason // empty: accepted
			}{
				{"the first for its own", l.one, "org_1", ""},
				{"the second for its own", l.two, "org_2", ""},
				{"the shared for the one", l.shared, "org_3", ""},
				{"the shared for the other", l.shared, "org_4", ""},
				{"the first for the second", l.one, "org_2", auth.ReasonTokenSignature},
				{"the second for the first", l.two, "org_1", auth.ReasonTokenSignature},
				{"the shared for the first", l.shared, "org_1", auth.ReasonTokenSignature},
				{"the first for a shared one", l.one, "org_4", auth.ReasonTokenSignature},
				{"a forger for the first", newSigner("forger"), "org_1", auth.ReasonTokenSignature},
				{"the first for one that came too late", l.one, "org_5", auth.ReasonTokenOrganization},
				{"the first for an unknown one", l.one, "org_9", auth.ReasonTokenOrganization},
				{"a forger for an unknown one", newSigner("forger"), "org_9", auth.ReasonTokenOrganization},
				{"another case", l.one, "ORG_1", auth.ReasonTokenOrganization},
				{"none", l.one, nil, auth.ReasonTokenOrganization},
				{"an empty one", l.one, "", auth.ReasonTokenOrganization},
				{"null", l.one, null, auth.ReasonTokenOrganization},
				{"several", l.one, []string{"org_1"}, auth.ReasonTokenOrganization},
				{"one inside another claim", l.one, map[string]string{"organizationId": "org_1"}, auth.ReasonTokenOrganization},
			} {
				token := test.signer.token(header, ofOrganization(test.organization))
				for range 2 {
					identity, err := l.Verify(t.Context(), token)
					switch {
					case test.want != "":
						wantReason(t, err, test.want)
						wantAnswer(t, err, "The access token is not valid.", true)
					case err != nil:
						t.Errorf("%s: %v", test.name, err)
					case identity.OrganizationID != test.organization:
						t.Errorf("%s: speaks for %s", test.name, identity.OrganizationID)
					}
				}
			}
		}
		// Twice is a fault of form, and so decides nothing.
		twice := strings.Replace(ofOrganization("org_1"), "{", `{"organizationId":"org_2",`, 1)
		for _, signer := range []signer{l.one, l.two} {
			_, err := l.Verify(t.Context(), signer.token(plainHeader, twice))
			wantReason(t, err, auth.ReasonTokenMalformed)
		}
	})
}

// A token causes a read of the key set of its organization only.
func TestOrganizationKeysRefresh(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLand(t, 0)
		forger, next := newSigner("forger"), newSigner("next")
		for _, organization := range []any{"org_9", nil, ""} {
			for _, header := range []string{plainHeader, headerOf("new")} {
				_, err := l.Verify(t.Context(), forger.token(header, ofOrganization(organization)))
				wantReason(t, err, auth.ReasonTokenOrganization)
			}
		}
		l.fromOne.wantReads(t, 1)
		l.fromShared.wantReads(t, 1)

		l.fromShared.serve(jwks(next.jwk("next")))
		if _, err := l.Verify(t.Context(), next.token(plainHeader, ofOrganization("org_4"))); err != nil {
			t.Error(err)
		}
		l.fromOne.wantReads(t, 1)
		l.fromShared.wantReads(t, 2)

		// The key that one organization's issuer has given up goes for that one only.
		_, err := l.Verify(t.Context(), l.shared.token(plainHeader, ofOrganization("org_3")))
		wantReason(t, err, auth.ReasonTokenSignature)
		if _, err := l.Verify(t.Context(), l.one.token(plainHeader, ofOrganization("org_1"))); err != nil {
			t.Error(err)
		}
	})
}
