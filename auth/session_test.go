package auth_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/rejoinhq/rejoin/auth"
	"github.com/rejoinhq/rejoin/consumer"
)

type sessionCheckerFunc func(ctx context.Context, identity auth.Identity) error

func (f sessionCheckerFunc) CheckSession(ctx context.Context, identity auth.Identity) error {
	return f(ctx, identity)
}

// The SessionChecker is called for each token, with the context of the call and the identity.
// Its results are not cached.
func TestSessionCheckedEachTime(t *testing.T) {
	eachCache(t, func(t *testing.T, size int) {
		type key struct{}
		ctx := context.WithValue(t.Context(), key{}, "request")
		issuer := newSigner("issuer")
		var (
			asked  int
			answer error
		)
		want := auth.Identity{OrganizationID: "org_1", ConsumerID: "cons_1", SessionID: "sess_1", ExpiresAt: noon.Add(3600e9)}
		verifier := newVerifier(t, auth.VerifierOptions{
			Keys: staticSet(t, issuer.key("")), Now: atNoon, CacheSize: size,
			Sessions: sessionCheckerFunc(func(ctx context.Context, identity auth.Identity) error {
				asked++
				if ctx.Value(key{}) != "request" {
					t.Error("another context")
				}
				if diff := cmp.Diff(want, identity); diff != "" {
					t.Error(diff)
				}
				return answer
			}),
		})
		token := issuer.token(plainHeader, payload(nil))
		failure := errors.New("no route to the sessions")
		for i, test := range []struct {
			name     string
			answer   error
			accepted bool
			reason   auth.Reason
			is       error
		}{
			{"goes on", nil, true, "", nil},
			{"ended", auth.ErrUnauthenticated, false, auth.ReasonSessionEnded, nil},
			{"goes on again", nil, true, "", nil},
			{"ended, wrapped with details", fmt.Errorf("session sess_1 of cons_1: %w", auth.ErrUnauthenticated), false, auth.ReasonSessionEnded, nil},
			{"ended, for a reason of the checker's own", &auth.Error{Reason: "signed_out"}, false, auth.ReasonSessionEnded, nil},
			{"unavailable", fmt.Errorf("sessions: %w", consumer.ErrUnavailable), false, "", consumer.ErrUnavailable},
			{"a failure", failure, false, "", failure},
			{"goes on after all", nil, true, "", nil},
		} {
			answer = test.answer
			identity, err := verifier.Verify(ctx, token)
			if asked != i+1 {
				t.Errorf("%s: asked %d times, want %d", test.name, asked, i+1)
			}
			switch {
			case test.accepted:
				if err != nil || identity != want {
					t.Errorf("%s: %v, %v", test.name, identity, err)
				}
				continue
			case test.reason != "":
				wantReason(t, err, test.reason)
				wantAnswer(t, err, "The access token is not valid.", true)
			case !errors.Is(err, test.is) || errors.Is(err, auth.ErrUnauthenticated):
				t.Errorf("%s: got %v, want a failure that is no refusal", test.name, err)
			}
			if identity != (auth.Identity{}) {
				t.Errorf("%s: an identity is returned", test.name)
			}
		}
	})
}

// The SessionChecker is not called for a token that is not valid.
func TestSessionNotAskedAboutRefused(t *testing.T) {
	issuer, forger := newSigner("issuer"), newSigner("forger")
	verifier := newVerifier(t, auth.VerifierOptions{
		Keys: staticSet(t, issuer.key("")), Now: atNoon,
		Sessions: sessionCheckerFunc(func(context.Context, auth.Identity) error {
			t.Error("asked")
			return nil
		}),
	})
	for _, token := range []string{
		"x", forger.token(plainHeader, payload(nil)), issuer.token(plainHeader, payload(map[string]any{"iat": 1, "exp": 2})),
	} {
		if _, err := verifier.Verify(t.Context(), token); !errors.Is(err, auth.ErrUnauthenticated) {
			t.Error(err)
		}
	}
}
