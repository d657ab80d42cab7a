package auth_test

import (
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/rejoinhq/rejoin/auth"
)

// purposeClaims are the claims in which issuers write what a token is for.
var purposeClaims = []string{"type", "tokenType", "token_type", "token_use", "purpose", "use", "scope", "scp", "typ"}

// A purpose claim is harmless in three forms: null, a string, and an array of strings, where
// no string contains "admission". In any other form the token is refused.
func TestPurposeClaims(t *testing.T) {
	issuer := newSigner("issuer")
	verifier := newVerifier(t, auth.VerifierOptions{Keys: staticSet(t, issuer.key("")), Now: atNoon, CacheSize: -1})
	rapid.Check(t, func(t *rapid.T) {
		claim := rapid.SampledFrom(purposeClaims).Draw(t, "claim")
		value := genJSON(3).Draw(t, "value")
		token := issuer.token(plainHeader, payload(map[string]any{claim: value}))
		_, err := verifier.Verify(t.Context(), token)
		switch {
		case harmless(value) && err != nil:
			t.Fatalf("%s = %#v: %v", claim, value, err)
		case !harmless(value) && fmt.Sprint(err) != "auth: unauthenticated: token_purpose":
			t.Fatalf("%s = %#v: got %v, want a refusal", claim, value, err)
		}
	})
}

func harmless(value any) bool {
	switch value := value.(type) {
	case string:
		return !strings.Contains(strings.ToLower(value), "admission")
	case []any:
		for _, element := range value {
			if text, ok := element.(string); !ok || !harmless(text) {
				return false
			}
		}
		return true
	}
	return isNull(value)
}

func isNull(value any) bool { return fmt.Sprintf("%T", value) == fmt.Sprintf("%T", null) }

// genJSON draws a JSON value that is nested at most depth deep.
func genJSON(depth int) *rapid.Generator[any] {
	return rapid.Custom(func(t *rapid.T) any {
		kinds := 5
		if depth > 0 {
			kinds = 7
		}
		switch rapid.IntRange(0, kinds-1).Draw(t, "kind") {
		case 0:
			return null
		case 1:
			return rapid.Bool().Draw(t, "bool")
		case 2:
			return rapid.IntRange(-2, 2).Draw(t, "number")
		case 3, 4:
			return rapid.SampledFrom([]string{"", "access", "openid profile", "admission", "Admission", "queue:ADMISSION:x", "admissio"}).Draw(t, "string")
		case 5:
			elements := rapid.SliceOfN(genJSON(depth-1), 0, 3).Draw(t, "array")
			return elements
		}
		members := rapid.MapOfN(rapid.SampledFrom([]string{"a", "kind", "admission"}), genJSON(depth-1), 0, 2).Draw(t, "object")
		return members
	})
}

// Every claim of another kind of token makes the token invalid as an access token, whatever
// its value.
func TestForeignClaims(t *testing.T) {
	issuer := newSigner("issuer")
	verifier := newVerifier(t, auth.VerifierOptions{Keys: staticSet(t, issuer.key("")), Now: atNoon})
	for _, claim := range []string{
		"distributionId", "distributionType", "experienceId", "sequenceId", "queueId", "drawId", "auctionId", "timedReleaseId", "waitlistId",
		"admissionId", "admittedAt", "admissionToken", "paymentToken", "participationId", "selectedVariantId", "enteredAt", "wonAt",
	} {
		for _, value := range []any{"x", null, 1, []any{}} {
			_, err := verifier.Verify(t.Context(), issuer.token(plainHeader, payload(map[string]any{claim: value})))
			wantReason(t, err, auth.ReasonTokenPurpose)
		}
	}
}
