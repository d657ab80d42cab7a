package auth_test

import (
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rejoinhq/rejoin/auth"
)

// FuzzVerify verifies any token, and any header and payload that a key of the set has signed. A
// token that is accepted must be acceptable to a simple reference, too.
func FuzzVerify(f *testing.F) {
	plain, named := newSigner("plain"), newSigner("named")
	verifier := newVerifier(f, auth.VerifierOptions{Keys: staticSet(f, plain.key(""), named.key("named")), Now: atNoon, CacheSize: 8})

	good := payload(nil)
	for _, header := range []string{
		plainHeader, headerOf("named"), headerOf("unknown"), `{"alg":"EdDSA"}`, `{"alg":"none"}`, `{"alg":"HS256","typ":"JWT"}`,
		`{"alg":"EdDSA","crit":["b64"],"b64":false}`, `{"alg":"EdDSA","alg":"none"}`, `{"alg":"EdDSA","typ":"at+jwt"}`, "",
	} {
		f.Add(header, good, false)
		f.Add(header, good, true)
	}
	for _, claims := range []string{
		`{}`, `null`, good + "{}", strings.Replace(good, "exp", "EXP", 1), `{"exp":1e400,` + good[1:], `{"exp":-1,` + good[1:],
		payload(map[string]any{"exp": 1e18}), payload(map[string]any{"nbf": 1e300}), payload(map[string]any{"aud": []string{"a"}}),
	} {
		f.Add(plainHeader, claims, true)
	}
	f.Add(plain.token(plainHeader, good), "", false)
	f.Add(named.token(headerOf("named"), good), "", false)
	f.Add(plain.token(headerOf("named"), good), "", false)

	f.Fuzz(func(t *testing.T, header, claims string, sign bool) {
		token := header
		switch {
		case sign:
			token = named.token(header, claims)
		case claims != "":
			token = segment(header) + "." + segment(claims) + "." + segment(strings.Repeat("\x00", 64))
		}
		identity, err := verifier.Verify(t.Context(), token)
		if again, errAgain := verifier.Verify(t.Context(), token); again != identity || (errAgain == nil) != (err == nil) {
			t.Fatalf("the second time it is %v, the first time it was %v", errAgain, err)
		}
		if err != nil {
			if identity != (auth.Identity{}) {
				t.Fatal("a refused token has an identity")
			}
			return
		}
		if !acceptable(t, token, identity, plain.key("").Public, named.key("").Public) {
			t.Fatalf("accepted: %q", token)
		}
	})
}

// acceptable is the reference: strict base64 with one spelling, a signature of one of the keys,
// and claims that name the identity.
func acceptable(t *testing.T, token string, identity auth.Identity, keys ...ed25519.PublicKey) bool {
	t.Helper()
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return false
	}
	var decoded [3][]byte
	for i, part := range parts {
		data, err := base64.RawURLEncoding.Strict().DecodeString(part)
		if err != nil || base64.RawURLEncoding.EncodeToString(data) != part {
			return false
		}
		decoded[i] = data
	}
	signed := false
	for _, key := range keys {
		signed = signed || ed25519.Verify(key, []byte(parts[0]+"."+parts[1]), decoded[2])
	}
	header, claims := map[string]any{}, map[string]any{}
	if json.Unmarshal(decoded[0], &header) != nil || json.Unmarshal(decoded[1], &claims) != nil {
		return false
	}
	issued, _ := claims["iat"].(float64)
	expires, _ := claims["exp"].(float64)
	now := float64(noon.Unix())
	return signed && header["alg"] == "EdDSA" &&
		claims["consumerId"] == identity.ConsumerID && identity.ConsumerID != "" &&
		claims["organizationId"] == identity.OrganizationID && identity.OrganizationID != "" &&
		claims["sessionId"] == identity.SessionID && identity.SessionID != "" &&
		int64(expires) == identity.ExpiresAt.Unix() &&
		expires > now-30 && issued <= now+31 && expires > issued && expires-issued <= 24*60*60+30
}

// FuzzKeySet reads any key set from a file. No set accepts a token that only a weak key could
// have signed, or one of another algorithm.
func FuzzKeySet(f *testing.F) {
	issuer := newSigner("issuer")
	f.Add([]byte(jwks(issuer.jwk("a"))))
	f.Add([]byte(jwks(issuer.jwk("a"), newSigner("b").jwk("b"), `{"kty":"RSA"}`)))
	f.Add([]byte(jwks(jwk(issuer.key("").Public, map[string]any{"key_ops": []string{"verify"}, "alg": "Ed25519", "use": "sig"}))))
	f.Add([]byte(jwks(jwk(make([]byte, 32), nil))))
	f.Add([]byte(jwks(`{"kty":"oct","k":"AAAA"}`, "null", `"x"`)))
	f.Add([]byte(`{"keys":[],"keys":[]}`))
	f.Add([]byte("null"))
	f.Add([]byte{})
	weak := make([]string, 0, 16) // valid for the identity point, and for no key that is fit
	signature := "\x01" + strings.Repeat("\x00", 63)
	for i := range 16 {
		weak = append(weak, segment(plainHeader)+"."+segment(payload(map[string]any{"n": i}))+"."+segment(signature))
	}
	file := filepath.Join(f.TempDir(), "jwks.json")
	f.Fuzz(func(t *testing.T, content []byte) {
		if err := os.WriteFile(file, content, 0o600); err != nil {
			t.Fatal(err)
		}
		set, err := auth.NewKeySet(t.Context(), auth.KeySetOptions{File: file})
		if err != nil {
			return
		}
		defer set.Close()
		var document struct {
			Keys []json.RawMessage `json:"keys"`
		}
		if err := json.Unmarshal(content, &document); err != nil {
			t.Fatalf("taken, though encoding/json cannot read it: %v", err)
		}
		if len(document.Keys) == 0 || len(document.Keys) > 64 {
			t.Fatalf("a set of %d keys was taken", len(document.Keys))
		}
		verifier := newVerifier(t, auth.VerifierOptions{Keys: set, Now: atNoon, CacheSize: -1})
		for _, token := range weak {
			if _, err := verifier.Verify(t.Context(), token); err == nil {
				t.Fatalf("a forgery is accepted with %q", content)
			}
		}
	})
}
