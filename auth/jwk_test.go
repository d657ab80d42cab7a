package auth_test

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rejoinhq/rejoin/auth"
)

// fileSet returns the key set in a file with that content.
func fileSet(t *testing.T, content string, options auth.KeySetOptions) (*auth.KeySet, error) {
	t.Helper()
	options.File = filepath.Join(t.TempDir(), "jwks.json")
	if err := os.WriteFile(options.File, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	set, err := auth.NewKeySet(t.Context(), options)
	if err == nil {
		t.Cleanup(func() { _ = set.Close() })
	}
	return set, err
}

// Keys that may verify tokens are used. Other keys are rejected without an effect on the rest
// of the set.
func TestKeySetKeys(t *testing.T) {
	issuer, neighbour := newSigner("issuer"), newSigner("neighbour")
	public := []byte(issuer.key("").Public)
	x := base64.RawURLEncoding.EncodeToString(public)
	with := func(members map[string]any) string { return jwk(public, members) }
	for _, test := range []struct {
		name string
		key  string
		fit  bool
	}{
		{"nothing but the point", with(nil), true},
		{"use sig", with(map[string]any{"use": "sig"}), true},
		{"key_ops verify", with(map[string]any{"key_ops": []string{"verify"}}), true},
		{"key_ops verify among others", with(map[string]any{"key_ops": []string{"sign", "verify", "unheard-of"}}), true},
		{"alg EdDSA", with(map[string]any{"alg": "EdDSA"}), true},
		{"alg Ed25519", with(map[string]any{"alg": "Ed25519"}), true},
		{"unknown members", with(map[string]any{"exp": 1, "x5t": "a", "deep": map[string]any{"a": 1}, "x5c": []string{"not a certificate"}}), true},
		{"members of other types under other names", with(map[string]any{"USE": "enc", "D": "x", "Alg": 1}), true},
		{"kid empty", with(map[string]any{"kid": ""}), true},
		{"use null", with(map[string]any{"use": null}), true},
		{"alg null", with(map[string]any{"alg": null}), true},
		{"kid null", with(map[string]any{"kid": null}), true},
		{"key_ops null", with(map[string]any{"key_ops": null}), true},
		{"d null", with(map[string]any{"d": null}), true},

		{"use enc", with(map[string]any{"use": "enc"}), false},
		{"use empty", with(map[string]any{"use": ""}), false},
		{"use not a string", with(map[string]any{"use": []string{"sig"}}), false},
		{"key_ops sign", with(map[string]any{"key_ops": []string{"sign"}}), false},
		{"key_ops empty", with(map[string]any{"key_ops": []string{}}), false},
		{"key_ops not an array", with(map[string]any{"key_ops": "verify"}), false},
		{"alg ES256", with(map[string]any{"alg": "ES256"}), false},
		{"alg HS256", with(map[string]any{"alg": "HS256"}), false},
		{"alg empty", with(map[string]any{"alg": ""}), false},
		{"kid not a string", with(map[string]any{"kid": 1}), false},
		{"kid too long", with(map[string]any{"kid": strings.Repeat("k", 257)}), false},
		{"kid not printable", with(map[string]any{"kid": "a\u0000"}), false},
		{"private", with(map[string]any{"d": base64.RawURLEncoding.EncodeToString(issuer.private.Seed())}), false},
		{"private, empty", with(map[string]any{"d": ""}), false},
		{"kty oct", fmt.Sprintf(`{"kty":"oct","k":%q,"crv":"Ed25519","x":%q}`, x, x), false},
		{"kty in another case", with(map[string]any{"kty": "okp"}), false},
		{"kty under another name", with(map[string]any{"kty": nil, "KTY": "OKP"}), false},
		{"crv X25519", with(map[string]any{"crv": "X25519"}), false},
		{"crv Ed448", with(map[string]any{"crv": "Ed448"}), false},
		{"crv absent", with(map[string]any{"crv": nil}), false},
		{"kty null", with(map[string]any{"kty": null}), false},
		{"x null", with(map[string]any{"x": null}), false},
		{"key_ops with null", with(map[string]any{"key_ops": []any{nil}}), false},
		{"x absent", with(map[string]any{"x": nil}), false},
		{"x padded", with(map[string]any{"x": x + "="}), false},
		{"x too short", with(map[string]any{"x": x[:40]}), false},
		{"x too long", with(map[string]any{"x": x + "AAAA"}), false},
		{"x in another spelling", with(map[string]any{"x": respell(x)}), false},
		{"x with a line end", with(map[string]any{"x": x + "\n"}), false},
		{"a name twice", strings.Replace(with(nil), "{", `{"kty":"OKP",`, 1), false},
		{"a name twice inside", with(map[string]any{"a": 1})[:1] + `"b":{"c":1,"c":2},` + with(nil)[1:], false},
		{"invalid UTF-8", "{\"b\":\"\xff\"," + with(nil)[1:], false},
		{"nested too deeply", `{"b":` + strings.Repeat("[", 17) + strings.Repeat("]", 17) + "," + with(nil)[1:], false},
		{"null", "null", false},
		{"a string", `"key"`, false},
		{"an array", "[" + with(nil) + "]", false},
		{"empty", "{}", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			set, err := fileSet(t, jwks(`{"kty":"RSA","n":"AQAB","e":"AQAB"}`, test.key, neighbour.jwk("neighbour")), auth.KeySetOptions{Now: atNoon})
			if err != nil {
				t.Fatal(err)
			}
			verifier := newVerifier(t, auth.VerifierOptions{Keys: set, Now: atNoon})
			if _, err := verifier.Verify(t.Context(), neighbour.token(plainHeader, payload(nil))); err != nil {
				t.Errorf("the key next to it was rejected: %v", err)
			}
			_, err = verifier.Verify(t.Context(), issuer.token(plainHeader, payload(nil)))
			if test.fit && err != nil {
				t.Error(err)
			}
			if !test.fit {
				wantReason(t, err, auth.ReasonTokenSignature)
			}

			// Alone, a key that is not fit is no set at all.
			_, err = fileSet(t, jwks(test.key), auth.KeySetOptions{})
			if (err == nil) != test.fit {
				t.Errorf("alone: %v", err)
			}
			if err != nil && strings.Contains(err.Error(), x) {
				t.Errorf("the error quotes the key: %v", err)
			}
		})
	}
}

// A set may have several keys without kid.
func TestKeySetSeveralWithoutKeyID(t *testing.T) {
	first, second := newSigner("first"), newSigner("second")
	set, err := fileSet(t, jwks(jwk(first.key("").Public, nil), jwk(second.key("").Public, nil)), auth.KeySetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	verifier := newVerifier(t, auth.VerifierOptions{Keys: set, Now: atNoon})
	for _, issuer := range []signer{first, second} {
		if _, err := verifier.Verify(t.Context(), issuer.token(plainHeader, payload(nil))); err != nil {
			t.Error(err)
		}
	}
}

// Responses that are not a JWK Set, and sets that are ambiguous, are refused as a whole.
func TestKeySetRefused(t *testing.T) {
	issuer := newSigner("issuer")
	many := func(n int) string {
		keys := make([]string, n)
		for i := range keys {
			keys[i] = newSigner(fmt.Sprint("signer ", i)).jwk(fmt.Sprint("k", i))
		}
		return jwks(keys...)
	}
	if _, err := fileSet(t, many(64), auth.KeySetOptions{}); err != nil {
		t.Errorf("64 keys: %v", err)
	}
	foreign := "not a JSON object with one array named keys"
	for _, test := range []struct{ name, content, want string }{
		{"empty", "", foreign},
		{"null", "null", foreign},
		{"an empty object", "{}", foreign},
		{"a foreign object", `{"issuer":"https://issuer.example","jwks_uri":"x"}`, foreign},
		{"a bare array", "[" + issuer.jwk("a") + "]", foreign},
		{"a bare key", issuer.jwk("a"), foreign},
		{"keys under another name", `{"Keys":[` + issuer.jwk("a") + `]}`, foreign},
		{"keys not an array", `{"keys":` + issuer.jwk("a") + `}`, foreign},
		{"keys null", `{"keys":null}`, foreign},
		{"keys twice", `{"keys":[` + issuer.jwk("a") + `],"keys":[` + issuer.jwk("b") + `]}`, foreign},
		{"HTML", "<!DOCTYPE html><title>Sign in</title>", foreign},
		{"cut off", jwks(issuer.jwk("a"))[:60], foreign},
		{"followed by something", jwks(issuer.jwk("a")) + "{}", foreign},
		{"no keys", jwks(), "no key that may verify"},
		{"no fit key", jwks(`{"kty":"RSA"}`), "no key that may verify access tokens: keys[0] is rejected: not an Ed25519 key"},
		{"65 keys", many(65), "more than 64 keys"},
		{"65 keys, most of them not for us", jwks(strings.Repeat(`{"kty":"RSA"},`, 64) + issuer.jwk("a")), "more than 64 keys"},
		{"two keys with one kid", jwks(issuer.jwk("same"), newSigner("x").jwk("same")), "two keys with the kid same"},
		{"two keys with one kid, one of them twice", jwks(issuer.jwk("same"), issuer.jwk("same"), newSigner("x").jwk("same")), "two keys with the kid same"},
		{"a byte order mark", "\ufeff" + jwks(issuer.jwk("a")), "begins with a byte order mark"},
		{"UTF-16, little-endian", "\xff\xfe{\x00}\x00", "begins with a byte order mark"},
		{"UTF-16, big-endian", "\xfe\xff\x00{\x00}", "begins with a byte order mark"},
		{"more than 1 MiB", jwks(issuer.jwk("a")) + strings.Repeat(" ", 1<<20), "longer than 1048576 bytes"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := fileSet(t, test.content, auth.KeySetOptions{})
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Fatalf("got %v, want %q", err, test.want)
			}
		})
	}
}

// The same key twice is one key, also if other members of the JWK differ. The other keys of
// the set are used.
func TestKeySetSameKeyTwice(t *testing.T) {
	issuer, other := newSigner("issuer"), newSigner("other")
	public := issuer.key("").Public
	for name, set := range map[string]string{
		"with kid":       jwks(issuer.jwk("same"), other.jwk("other"), issuer.jwk("same")),
		"in other words": jwks(issuer.jwk("same"), other.jwk("other"), jwk(public, map[string]any{"kid": "same", "alg": "Ed25519"})),
		"without kid":    jwks(jwk(public, nil), other.jwk("other"), jwk(public, map[string]any{"kid": null})),
		"with two kids":  jwks(issuer.jwk("same"), other.jwk("other"), issuer.jwk("alias")),
		"null keys":      `{"keys":null,` + jwks(issuer.jwk("same"), other.jwk("other"))[1:],
	} {
		t.Run(name, func(t *testing.T) {
			keys, err := fileSet(t, set, auth.KeySetOptions{})
			if err != nil {
				t.Fatal(err)
			}
			verifier := newVerifier(t, auth.VerifierOptions{Keys: keys, Now: atNoon})
			for _, token := range []string{issuer.token(plainHeader, payload(nil)), other.token(headerOf("other"), payload(nil))} {
				if _, err := verifier.Verify(t.Context(), token); err != nil {
					t.Error(err)
				}
			}
		})
	}
	// A program that passes the same key twice gets one key, too.
	key := issuer.key("same")
	if _, err := auth.NewKeySet(t.Context(), auth.KeySetOptions{Keys: []auth.Key{key, key}}); err != nil {
		t.Error(err)
	}
}

// A key that was removed stops working also if another key is in the set twice.
func TestKeySetRemovedBesideARepeatedKey(t *testing.T) {
	before, after := newSigner("before"), newSigner("after")
	source := &transport{}
	source.serve(jwks(before.jwk("before"), after.jwk("after")))
	set := remoteSet(t, source, auth.KeySetOptions{Now: atNoon})
	t.Cleanup(func() { _ = set.Close() })
	verifier := newVerifier(t, auth.VerifierOptions{Keys: set, Now: atNoon})
	source.serve(jwks(after.jwk("after"), after.jwk("after")))
	if err := set.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	_, err := verifier.Verify(t.Context(), before.token(headerOf("before"), payload(nil)))
	wantReason(t, err, auth.ReasonTokenKeyUnknown)
}

// Two keys may have the same kid if one of them is rejected.
func TestKeySetKeyIDSharedWithForeignKey(t *testing.T) {
	if _, err := fileSet(t, jwks(`{"kty":"RSA","kid":"same"}`, newSigner("issuer").jwk("same")), auth.KeySetOptions{}); err != nil {
		t.Error(err)
	}
}

// lowOrder are all encodings of points whose order divides eight that crypto/ed25519 accepts,
// including second encodings.
var lowOrder = []string{
	"0000000000000000000000000000000000000000000000000000000000000000",
	"0000000000000000000000000000000000000000000000000000000000000080",
	"0100000000000000000000000000000000000000000000000000000000000000",
	"0100000000000000000000000000000000000000000000000000000000000080",
	"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
	"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
	"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
	"26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
	"26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
	"c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
	"c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
}

func TestKeySetRefusesLowOrder(t *testing.T) {
	for _, encoding := range lowOrder {
		public := unhex(t, encoding)
		if !forgeable(public) {
			t.Errorf("%s: this test is wrong, the point is not of low order", encoding)
		}
		wantRejected(t, public)
	}
}

// forgeable reports whether a signature that needs no private key is valid for some message.
// With R the identity and S zero it is if the hash is a multiple of the key's order.
func forgeable(public ed25519.PublicKey) bool {
	signature := make([]byte, ed25519.SignatureSize)
	signature[0] = 1
	for i := range 1000 {
		if ed25519.Verify(public, fmt.Append(nil, i), signature) {
			return true
		}
	}
	return false
}

func TestKeySetRefusesOtherEncodings(t *testing.T) {
	// y = 3, 4, 5 and 6 are points (checked with another implementation), and p + 3 to p + 6
	// are their second encodings. y = 2, 7 and 8 are none.
	for _, y := range []byte{3, 4, 5, 6} {
		second := bytes.Repeat([]byte{0xff}, 32)
		second[0], second[31] = 0xed+y, 0x7f
		wantRejected(t, second)
		if _, err := auth.NewKeySet(t.Context(), auth.KeySetOptions{Keys: []auth.Key{{Public: append([]byte{y}, make([]byte, 31)...)}}}); err != nil {
			t.Errorf("y = %d: %v", y, err)
		}
	}
	for _, y := range []byte{2, 7, 8} {
		wantRejected(t, append([]byte{y}, make([]byte, 31)...))
	}
	wantRejected(t, nil)
	wantRejected(t, make([]byte, 33))
}

// wantRejected fails unless the key is refused, in a file and in memory.
func wantRejected(t *testing.T, public ed25519.PublicKey) {
	t.Helper()
	if _, err := fileSet(t, jwks(jwk(public, nil)), auth.KeySetOptions{}); err == nil {
		t.Errorf("%x: taken from a set", []byte(public))
	}
	if _, err := auth.NewKeySet(t.Context(), auth.KeySetOptions{Keys: []auth.Key{{Public: public}}}); err == nil || !strings.Contains(err.Error(), "Keys[0]") {
		t.Errorf("%x: taken from memory: %v", []byte(public), err)
	}
}

func unhex(t *testing.T, text string) []byte {
	t.Helper()
	data, err := hex.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	return data
}
