package auth_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/rejoinhq/rejoin/auth"
)

// consumerToken returns a token of the n-th consumer that is valid at noon.
func consumerToken(s signer, n int) string {
	return s.token(plainHeader, payload(map[string]any{"consumerId": fmt.Sprint("cons_", n)}))
}

func wantVerified(t *testing.T, verifier *auth.Verifier, token string) {
	t.Helper()
	if _, err := verifier.Verify(t.Context(), token); err != nil {
		t.Fatalf("a good token: %v", err)
	}
}

// The cache never has more entries than CacheSize.
func TestCacheSize(t *testing.T) {
	issuer := newSigner("issuer")
	keys := staticSet(t, issuer.key(""))
	if slots := newVerifier(t, auth.VerifierOptions{Keys: keys}).CacheSlots(); slots != 65_536 {
		t.Errorf("by default there is room for %d", slots)
	}
	for size, want := range map[int]int{-1: -1, 1: 1, 2: 2, 15: 15, 16: 16, 17: 16, 100: 96} {
		verifier := newVerifier(t, auth.VerifierOptions{Keys: keys, Now: atNoon, CacheSize: size})
		for i := range 600 {
			token := consumerToken(issuer, i)
			wantVerified(t, verifier, token)
			if verifier.Remembered(token) != (size > 0) {
				t.Fatalf("CacheSize %d: remembered is not what it should be", size)
			}
		}
		if got := verifier.CacheEntries(); got != want {
			t.Errorf("CacheSize %d: %d entries, want %d", size, got, want)
		}
	}
}

// A cached token causes no signature check and no allocation.
func TestCacheHit(t *testing.T) {
	issuer := newSigner("issuer")
	verifier := newVerifier(t, auth.VerifierOptions{Keys: staticSet(t, issuer.key("")), Now: atNoon})
	token := consumerToken(issuer, 1)
	wantVerified(t, verifier, token)
	if allocations := testing.AllocsPerRun(100, func() { wantVerified(t, verifier, token) }); allocations != 0 {
		t.Errorf("%v allocations: the token was verified again", allocations)
	}
	for range 10 {
		wantVerified(t, verifier, token)
	}
	if entries := verifier.CacheEntries(); entries != 1 {
		t.Errorf("%d entries for one token", entries)
	}
}

// A token that differs in one character from a cached one is another token.
func TestCacheOtherToken(t *testing.T) {
	issuer, forger := newSigner("issuer"), newSigner("forger")
	verifier := newVerifier(t, auth.VerifierOptions{Keys: staticSet(t, issuer.key("")), Now: atNoon})
	good := consumerToken(issuer, 1)
	wantVerified(t, verifier, good)
	forged := consumerToken(forger, 1)
	dot := strings.LastIndexByte(good, '.')
	for name, token := range map[string]string{
		"same claims, forged":          forged,
		"same signature, other header": segment(`{"alg":"EdDSA"}`) + good[strings.IndexByte(good, '.'):],
		"same claims, signature cut":   good[:dot+1],
		"respelled":                    respell(good),
		"with a line end":              good + "\n",
	} {
		if _, err := verifier.Verify(t.Context(), token); !errors.Is(err, auth.ErrUnauthenticated) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Tokens that are refused do not displace others.
func TestCacheFloodOfForgeries(t *testing.T) {
	issuer, forger := newSigner("issuer"), newSigner("forger")
	verifier := newVerifier(t, auth.VerifierOptions{Keys: staticSet(t, issuer.key("")), Now: atNoon, CacheSize: 16})
	for i := range 16 {
		wantVerified(t, verifier, consumerToken(issuer, i))
	}
	expired := map[string]any{"iat": noon.Unix() - 60, "exp": noon.Unix() - 31}
	for i := range 1000 {
		expired["consumerId"] = fmt.Sprint("cons_", i)
		for _, token := range []string{consumerToken(forger, i), issuer.token(plainHeader, payload(expired)), fmt.Sprint(i)} {
			if _, err := verifier.Verify(t.Context(), token); !errors.Is(err, auth.ErrUnauthenticated) {
				t.Fatal(err)
			}
		}
	}
	for i := range 16 {
		if !verifier.Remembered(consumerToken(issuer, i)) {
			t.Errorf("token %d made room for a forgery", i)
		}
	}
}

// Tokens of clients that poll stay in the cache while others are used once.
func TestCachePollingClientsStay(t *testing.T) {
	issuer := newSigner("issuer")
	verifier := newVerifier(t, auth.VerifierOptions{Keys: staticSet(t, issuer.key("")), Now: atNoon, CacheSize: 16})
	const polling = 8
	for i := range polling {
		wantVerified(t, verifier, consumerToken(issuer, i))
	}
	for round := range 200 {
		for i := range polling {
			if token := consumerToken(issuer, i); !verifier.Remembered(token) {
				t.Fatalf("round %d: token %d made room", round, i)
			} else {
				wantVerified(t, verifier, token)
			}
		}
		wantVerified(t, verifier, consumerToken(issuer, polling+round))
	}
}

// A new token is stored also if all others were found lately.
func TestCacheAllPolling(t *testing.T) {
	issuer := newSigner("issuer")
	verifier := newVerifier(t, auth.VerifierOptions{Keys: staticSet(t, issuer.key("")), Now: atNoon, CacheSize: 16})
	for range 2 {
		for i := range 16 {
			wantVerified(t, verifier, consumerToken(issuer, i))
		}
	}
	wantVerified(t, verifier, consumerToken(issuer, 16))
	if !verifier.Remembered(consumerToken(issuer, 16)) || verifier.CacheEntries() != 16 {
		t.Error("a new token has found no room")
	}
}

// A token that is no longer used is displaced.
func TestCacheNoLongerPolling(t *testing.T) {
	issuer := newSigner("issuer")
	verifier := newVerifier(t, auth.VerifierOptions{Keys: staticSet(t, issuer.key("")), Now: atNoon, CacheSize: 16})
	for range 2 {
		for i := range 16 {
			wantVerified(t, verifier, consumerToken(issuer, i))
		}
	}
	for i := range 300 {
		wantVerified(t, verifier, consumerToken(issuer, 16+i))
	}
	for i := range 16 {
		if verifier.Remembered(consumerToken(issuer, i)) {
			t.Errorf("token %d keeps its place", i)
		}
	}
}

// Concurrent requests with one new token store one entry.
func TestCacheOneEntryPerToken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		next := newSigner("next")
		r := newRemote(t, auth.KeySetOptions{}, newSigner("issuer").jwk("known"))
		r.issuer.serveFunc(func(*http.Request) (*http.Response, error) {
			time.Sleep(time.Second) // until all are past the cache
			return response(http.StatusOK, jwks(next.jwk("next"))), nil
		})
		token := mint(next, plainHeader)
		var callers sync.WaitGroup
		for range 50 {
			callers.Go(func() { r.wantGood(t, token) })
		}
		callers.Wait()
		if entries := r.CacheEntries(); entries != 1 {
			t.Errorf("%d entries", entries)
		}
	})
}

// An expired token is displaced first.
func TestCacheExpiredMakesRoom(t *testing.T) {
	issuer := newSigner("issuer")
	now := noon
	verifier := newVerifier(t, auth.VerifierOptions{
		Keys: staticSet(t, issuer.key("")), CacheSize: 16, Now: func() time.Time { return now },
	})
	short := issuer.token(plainHeader, payload(map[string]any{"exp": noon.Unix() + 10}))
	for i := range 15 {
		wantVerified(t, verifier, consumerToken(issuer, i))
	}
	for range 2 {
		wantVerified(t, verifier, short) // found once: it would be the last to go
	}
	now = noon.Add(40 * time.Second)
	wantVerified(t, verifier, consumerToken(issuer, 15))
	if verifier.Remembered(short) {
		t.Error("an expired token has kept its place")
	}
	for i := range 16 {
		if !verifier.Remembered(consumerToken(issuer, i)) {
			t.Errorf("token %d is forgotten", i)
		}
	}
}

// The clock is checked for each use of a cached token, with the same leeway.
func TestCacheTimes(t *testing.T) {
	issuer := newSigner("issuer")
	for _, leeway := range []time.Duration{-1, 0, 1500 * time.Millisecond} {
		slack := map[time.Duration]time.Duration{-1: 0, 0: 30 * time.Second}[leeway]
		if leeway > 0 {
			slack = leeway
		}
		now := noon
		verifier := newVerifier(t, auth.VerifierOptions{
			Keys: staticSet(t, issuer.key("")), Leeway: leeway, Now: func() time.Time { return now },
		})
		token := issuer.token(plainHeader, payload(map[string]any{"iat": noon.Unix() - 60, "nbf": noon.Unix() - 20, "exp": noon.Unix() + 60}))
		late := issuer.token(plainHeader, payload(map[string]any{"iat": noon.Unix() - 20, "nbf": noon.Unix() - 60, "exp": noon.Unix() + 60}))
		from, until := noon.Add(-20*time.Second-slack), noon.Add(time.Minute+slack)
		for _, test := range []struct {
			name string
			now  time.Time
			want auth.Reason
		}{
			{"valid", noon, ""},
			{"the last moment", until.Add(-1), ""},
			{"expired", until, auth.ReasonTokenExpired},
			{"the clock set back to the first moment", from, ""},
			{"the clock set back too far", from.Add(-1), auth.ReasonTokenNotYetValid},
			{"the last moment again", until.Add(-1), ""},
			{"long expired", until.Add(time.Hour), auth.ReasonTokenExpired},
		} {
			now = test.now
			for name, token := range map[string]string{"nbf": token, "iat": late} {
				_, err := verifier.Verify(t.Context(), token)
				switch {
				case test.want != "":
					wantReason(t, err, test.want)
				case err != nil:
					t.Errorf("leeway %v, %s, %s: %v", leeway, test.name, name, err)
				case testing.AllocsPerRun(1, func() { wantVerified(t, verifier, token) }) != 0:
					t.Errorf("leeway %v, %s, %s: it is not remembered any more", leeway, test.name, name)
				}
			}
		}
	}
}

// A cached token is refused after the refresh that removes its key.
func TestCacheKeyLeavesSet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		leaving, staying := newSigner("leaving"), newSigner("staying")
		r := newRemote(t, auth.KeySetOptions{}, leaving.jwk("leaving"), staying.jwk("staying"))
		tokens := map[string]string{
			"with kid": mint(leaving, headerOf("leaving")), "without kid": mint(leaving, plainHeader),
		}
		good := mint(staying, headerOf("staying"))
		for range 2 {
			for _, token := range tokens {
				r.wantGood(t, token)
			}
			r.wantGood(t, good)
		}
		r.issuer.serve(jwks(staying.jwk("staying")))
		if err := r.set.Refresh(t.Context()); err != nil {
			t.Fatal(err)
		}
		r.wantRefused(t, tokens["with kid"], auth.ReasonTokenKeyUnknown)
		r.wantRefused(t, tokens["without kid"], auth.ReasonTokenSignature)
		r.wantGood(t, good)

		// Another key under the name of the old one makes nothing good.
		time.Sleep(time.Minute)
		r.issuer.serve(jwks(newSigner("another").jwk("leaving")))
		if err := r.set.Refresh(t.Context()); err != nil {
			t.Fatal(err)
		}
		for name, token := range tokens {
			if _, err := r.Verify(t.Context(), token); !errors.Is(err, auth.ErrUnauthenticated) {
				t.Errorf("%s: %v", name, err)
			}
		}
	})
}

// A refresh that fails or changes nothing keeps the cache.
func TestCacheOutlivesRefresh(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		issuer := newSigner("issuer")
		r := newRemote(t, auth.KeySetOptions{}, issuer.jwk("known"))
		token := mint(issuer, plainHeader)
		r.wantGood(t, token)
		for _, answer := range []string{jwks(issuer.jwk("known")), "{}", ""} {
			r.issuer.serve(answer)
			_ = r.set.Refresh(t.Context())
			if allocations := testing.AllocsPerRun(1, func() { r.wantGood(t, token) }); allocations != 0 {
				t.Errorf("answer %q: the token was verified again", answer)
			}
		}
	})
}

// Identities with ids of more than 128 characters on average are not cached, so that an entry
// has a largest size.
func TestCacheLongIDs(t *testing.T) {
	issuer := newSigner("issuer")
	verifier := newVerifier(t, auth.VerifierOptions{Keys: staticSet(t, issuer.key("")), Now: atNoon})
	for length, want := range map[int]bool{128: true, 129: false, 2000: false} {
		id := func(prefix string, length int) string { return prefix + strings.Repeat("x", length-len(prefix)) }
		for _, long := range []string{"consumerId", "organizationId", "sessionId"} {
			claims := map[string]any{"consumerId": id("c", 128), "organizationId": id("o", 128), "sessionId": id("s", 128)}
			claims[long] = id("l", length)
			token := issuer.token(plainHeader, payload(claims))
			for range 2 {
				wantVerified(t, verifier, token)
			}
			if got := verifier.Remembered(token); got != want {
				t.Errorf("%s of %d characters: remembered: %t", long, length, got)
			}
		}
	}
}

// For any order of tokens, clock changes and key changes, a verifier with a cache has the same
// results as one without.
func TestCacheChangesNothing(t *testing.T) {
	signers := []signer{newSigner("a"), newSigner("b"), newSigner("c")}
	rapid.Check(t, func(rt *rapid.T) {
		now := noon
		clock := func() time.Time { return now }
		issuer := &transport{}
		issuer.serve(jwks(signers[0].jwk("0")))
		set := remoteSet(t, issuer, auth.KeySetOptions{Now: clock})
		defer set.Close()
		leeway := rapid.SampledFrom([]time.Duration{-1, 0, 700 * time.Millisecond}).Draw(rt, "leeway")
		with := newVerifier(t, auth.VerifierOptions{Keys: set, Now: clock, Leeway: leeway, CacheSize: rapid.IntRange(1, 40).Draw(rt, "size")})
		without := newVerifier(t, auth.VerifierOptions{Keys: set, Now: clock, Leeway: leeway, CacheSize: -1})

		second := rapid.Custom(func(rt *rapid.T) float64 {
			return float64(noon.Unix()+rapid.Int64Range(-40, 120).Draw(rt, "second")) + rapid.SampledFrom([]float64{0, 0.5}).Draw(rt, "fraction")
		})
		var tokens []string // the last few
		rt.Repeat(map[string]func(*rapid.T){
			"mint": func(rt *rapid.T) {
				signer := rapid.IntRange(0, len(signers)-1).Draw(rt, "signer")
				header := rapid.SampledFrom([]string{plainHeader, headerOf(fmt.Sprint(signer))}).Draw(rt, "header")
				changes := map[string]any{"iat": second.Draw(rt, "iat"), "exp": second.Draw(rt, "exp")}
				if rapid.Bool().Draw(rt, "has nbf") {
					changes["nbf"] = second.Draw(rt, "nbf")
				}
				tokens = append(tokens[max(0, len(tokens)-3):], signers[signer].token(header, payload(changes)))
			},
			"clock": func(rt *rapid.T) {
				now = noon.Add(time.Duration(rapid.Int64Range(-160, 400).Draw(rt, "halves")) * 500 * time.Millisecond)
			},
			"rotate": func(rt *rapid.T) {
				var keys []string
				for i, signer := range signers {
					if i == 2 || rapid.Bool().Draw(rt, "in the set") {
						keys = append(keys, signer.jwk(fmt.Sprint(i)))
					}
				}
				issuer.serve(jwks(keys...))
				if err := set.Refresh(t.Context()); err != nil {
					rt.Fatal(err)
				}
			},
			"": func(rt *rapid.T) {
				if len(tokens) == 0 {
					return
				}
				for range 2 {
					i := rapid.IntRange(0, len(tokens)-1).Draw(rt, "token")
					token := tokens[i]
					got, errGot := with.Verify(t.Context(), token)
					want, errWant := without.Verify(t.Context(), token)
					if got != want || fmt.Sprint(errGot) != fmt.Sprint(errWant) {
						rt.Fatalf("token %d: got %v, %v; without a cache %v, %v", i, got, errGot, want, errWant)
					}
				}
			},
		})
	})
}

// Concurrent callers get correct results while tokens displace each other and keys rotate.
func TestCacheConcurrently(t *testing.T) {
	issuer, forger := newSigner("issuer"), newSigner("forger")
	source := &transport{}
	source.serve(jwks(issuer.jwk("issuer")))
	set := remoteSet(t, source, auth.KeySetOptions{})
	defer set.Close()
	verifier := newVerifier(t, auth.VerifierOptions{Keys: set, Now: atNoon, CacheSize: 20})
	const consumers = 40
	good, forged := make([]string, consumers), make([]string, consumers)
	for i := range consumers {
		good[i], forged[i] = consumerToken(issuer, i), consumerToken(forger, i)
	}
	var stop atomic.Bool
	var callers, rotation sync.WaitGroup
	rotation.Go(func() {
		for i := 0; !stop.Load(); i++ {
			source.serve(jwks(issuer.jwk("issuer"), newSigner(fmt.Sprint(i)).jwk("next")))
			if err := set.Refresh(t.Context()); err != nil {
				t.Error(err)
			}
		}
	})
	for caller := range 8 {
		callers.Go(func() {
			for i := range 200 {
				n := (i*7 + caller) % consumers
				identity, err := verifier.Verify(t.Context(), good[n])
				if err != nil || identity.ConsumerID != fmt.Sprint("cons_", n) {
					t.Errorf("token %d: %v, %v", n, identity, err)
				}
				if _, err := verifier.Verify(t.Context(), forged[n]); !errors.Is(err, auth.ErrUnauthenticated) {
					t.Errorf("forgery %d: %v", n, err)
				}
			}
		})
	}
	callers.Wait()
	stop.Store(true)
	rotation.Wait()
}
