package auth_test

import (
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/rejoinhq/rejoin/auth"
)

// BenchmarkVerify verifies a token without the cache, with key sets of several sizes.
func BenchmarkVerify(b *testing.B) {
	issuer := newSigner("issuer")
	for _, keys := range []int{1, 3, 64} {
		set := make([]auth.Key, 0, keys)
		for i := range keys - 1 {
			set = append(set, newSigner(fmt.Sprint(i)).key(fmt.Sprint("key-", i)))
		}
		set = append(set, issuer.key("issuer")) // last, the worst place for a token without kid
		verifier := newVerifier(b, auth.VerifierOptions{Keys: staticSet(b, set...), Now: atNoon, CacheSize: -1})
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

// BenchmarkVerifyRemembered finds one token and many tokens in the cache, on one processor and
// on all.
func BenchmarkVerifyRemembered(b *testing.B) {
	issuer := newSigner("issuer")
	keys := staticSet(b, issuer.key("issuer"))
	for _, clients := range []int{1, 1 << 15} {
		verifier := newVerifier(b, auth.VerifierOptions{Keys: keys, Now: atNoon})
		tokens := make([]string, clients)
		for i := range tokens {
			tokens[i] = issuer.token(plainHeader, payload(map[string]any{"consumerId": fmt.Sprint("cons_", i)}))
			if _, err := verifier.Verify(b.Context(), tokens[i]); err != nil {
				b.Fatal(err)
			}
		}
		verify := func(b *testing.B, i int) {
			// A stride, so that neighbours in memory do not come one after the other.
			if _, err := verifier.Verify(b.Context(), tokens[i*7919%clients]); err != nil {
				b.Error(err)
			}
		}
		b.Run(fmt.Sprintf("clients=%d", clients), func(b *testing.B) {
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				verify(b, i)
				i++
			}
		})
		b.Run(fmt.Sprintf("clients=%d/parallel", clients), func(b *testing.B) {
			b.ReportAllocs()
			b.RunParallel(func(pb *testing.PB) {
				for i := 0; pb.Next(); i++ {
					verify(b, i)
				}
			})
		})
	}
}

// BenchmarkVerifyNew verifies tokens that are not in the cache, and stores them.
func BenchmarkVerifyNew(b *testing.B) {
	issuer := newSigner("issuer")
	tokens := make([]string, 4096)
	for i := range tokens {
		tokens[i] = issuer.token(plainHeader, payload(map[string]any{"consumerId": fmt.Sprint("cons_", i)}))
	}
	verifier := newVerifier(b, auth.VerifierOptions{Keys: staticSet(b, issuer.key("")), Now: atNoon, CacheSize: 8})
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		if _, err := verifier.Verify(b.Context(), tokens[i%len(tokens)]); err != nil {
			b.Fatal(err)
		}
		i++
	}
}

// BenchmarkCacheMemory reports the memory of an entry of the cache, including the table.
func BenchmarkCacheMemory(b *testing.B) {
	const entries = 1 << 14
	issuer := newSigner("issuer")
	keys := staticSet(b, issuer.key(""))
	tokens := make([]string, entries/2)
	for i := range tokens {
		tokens[i] = issuer.token(plainHeader, payload(map[string]any{
			"consumerId": fmt.Sprintf("cons_%024d", i), "organizationId": fmt.Sprintf("org_%024d", 1), "sessionId": fmt.Sprintf("sess_%024d", i),
		}))
	}
	for b.Loop() {
		before := heap()
		verifier := newVerifier(b, auth.VerifierOptions{Keys: keys, Now: atNoon, CacheSize: entries})
		for _, token := range tokens {
			if _, err := verifier.Verify(b.Context(), token); err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(heap()-before-8*entries)/float64(verifier.CacheEntries()), "B/entry")
		runtime.KeepAlive(tokens)
	}
}

func heap() uint64 {
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return stats.HeapAlloc
}

// BenchmarkVerifyRefused refuses tokens.
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

func BenchmarkAPIKeyCache(b *testing.B) {
	cache := newKeyCache(b, auth.APIKeyCacheOptions{Finder: newKeyTable("a"), MaxAge: time.Hour})
	digest := auth.APIKeyDigest("a")
	b.ReportAllocs()
	for b.Loop() {
		if _, err := cache.OrganizationByAPIKey(b.Context(), digest, noon); err != nil {
			b.Fatal(err)
		}
	}
}
