package auth_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/rejoinhq/rejoin/auth"
)

func BenchmarkVerify(b *testing.B) {
	issuer := newSigner("issuer")
	for _, keys := range []int{1, 3, 64} {
		set := make([]auth.Key, 0, keys)
		for i := range keys - 1 {
			set = append(set, newSigner(fmt.Sprint(i)).key(fmt.Sprint("key-", i)))
		}
		set = append(set, issuer.key("issuer")) // last, the worst place for a token without kid
		verifier := newVerifier(b, auth.VerifierOptions{Keys: staticSet(b, set...), Now: atNoon})
		for name, header := range map[string]string{"kid": headerOf("issuer"), "kidless": plainHeader} {
			token := issuer.token(header, payload(nil))
			b.Run(fmt.Sprintf("keys=%d/%s", keys, name), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					if _, err := verifier.Verify(b.Context(), token); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

// What a flood of junk costs.
func BenchmarkVerifyRefused(b *testing.B) {
	issuer, forger := newSigner("issuer"), newSigner("forger")
	verifier := newVerifier(b, auth.VerifierOptions{Keys: staticSet(b, issuer.key("issuer")), Now: atNoon})
	for name, token := range map[string]string{
		"malformed": "x.y.z",
		"none":      forger.token(`{"alg":"none"}`, payload(nil)),
		"forged":    forger.token(plainHeader, payload(nil)),
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := verifier.Verify(b.Context(), token); err == nil {
					b.Fatal("accepted")
				}
			}
		})
	}
}

func BenchmarkKeyCache(b *testing.B) {
	cache := newKeyCache(b, auth.KeyCacheOptions{Finder: newKeyTable("a"), MaxAge: time.Hour})
	digest := auth.Digest("a")
	b.ReportAllocs()
	for b.Loop() {
		if _, err := cache.OrganizationByKey(b.Context(), digest, noon); err != nil {
			b.Fatal(err)
		}
	}
}
