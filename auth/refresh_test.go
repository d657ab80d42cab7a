package auth_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rejoinhq/rejoin/auth"
	"github.com/rejoinhq/rejoin/consumer"
)

// These tests run in bubbles of testing/synctest. There time passes at once, and a goroutine
// that does not end with its set fails the test.

// remote is a verifier with a key set by URL. The test is its issuer.
type remote struct {
	*auth.Verifier
	set    *auth.KeySet
	issuer *transport
	log    *logBuffer
}

func newRemote(t *testing.T, options auth.KeySetOptions, keys ...string) remote {
	t.Helper()
	issuer := &transport{}
	issuer.serve(jwks(keys...))
	return newRemoteOf(t, issuer, options, auth.VerifierOptions{})
}

// newRemoteOf returns a remote with that issuer, which may be down.
func newRemoteOf(t *testing.T, issuer *transport, options auth.KeySetOptions, rules auth.VerifierOptions) remote {
	t.Helper()
	r := remote{issuer: issuer, log: &logBuffer{}}
	options.Logger = r.log.logger()
	r.set = remoteSet(t, issuer, options)
	rules.Keys = r.set
	r.Verifier = newVerifier(t, rules)
	t.Cleanup(func() { _ = r.set.Close() })
	return r
}

// mint returns a token that is valid now.
func mint(s signer, header string) string {
	return s.token(header, object(goodClaims(time.Now()), nil))
}

func (r remote) wantGood(t *testing.T, token string) {
	t.Helper()
	if _, err := r.Verify(t.Context(), token); err != nil {
		t.Errorf("a good token: %v", err)
	}
}

func (r remote) wantRefused(t *testing.T, token string, want auth.Reason) {
	t.Helper()
	_, err := r.Verify(t.Context(), token)
	wantReason(t, err, want)
}

func TestRefreshAfterRotation(t *testing.T) {
	before, after := newSigner("before"), newSigner("after")
	for _, test := range []struct {
		name                  string
		oldKey, newKey        string
		oldHeader, newHeader  string
		oldReasonOnceReplaced auth.Reason
	}{
		{"without kid", before.jwk(""), after.jwk(""), plainHeader, plainHeader, auth.ReasonTokenSignature},
		{"tokens without kid, keys with", before.jwk("before"), after.jwk("after"), plainHeader, plainHeader, auth.ReasonTokenSignature},
		{"with kid", before.jwk("before"), after.jwk("after"), headerOf("before"), headerOf("after"), auth.ReasonTokenKeyUnknown},
		{"a kid given to a new key", before.jwk("same"), after.jwk("same"), headerOf("same"), headerOf("same"), auth.ReasonTokenSignature},
		{"a kid like a path given to a new key", before.jwk("a/../b"), after.jwk("a/../b"), headerOf("a/../b"), headerOf("a/../b"), auth.ReasonTokenSignature},
	} {
		t.Run(test.name, func(t *testing.T) {
			eachCache(t, func(t *testing.T, size int) {
				synctest.Test(t, func(t *testing.T) {
					issuer := &transport{}
					issuer.serve(jwks(test.oldKey))
					r := newRemoteOf(t, issuer, auth.KeySetOptions{}, auth.VerifierOptions{CacheSize: size})
					r.wantGood(t, mint(before, test.oldHeader))
					r.issuer.serve(jwks(test.newKey))
					began := time.Now()
					r.wantGood(t, mint(after, test.newHeader))
					if waited := time.Since(began); waited != 0 {
						t.Errorf("the rotation took %v to heal", waited)
					}
					r.wantRefused(t, mint(before, test.oldHeader), test.oldReasonOnceReplaced)
					r.issuer.wantReads(t, 2)
				})
			})
		})
	}
}

// Tokens cause at most one read per interval. The first read and the periodic reads do not
// count.
func TestForcedRefreshInterval(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		issuer, forger := newSigner("issuer"), newSigner("forger")
		r := newRemote(t, auth.KeySetOptions{}, issuer.jwk("known"))
		for i := range 100 {
			r.wantRefused(t, mint(forger, headerOf(fmt.Sprint("kid-", i))), auth.ReasonTokenKeyUnknown)
			r.wantRefused(t, mint(forger, plainHeader), auth.ReasonTokenSignature)
			r.wantRefused(t, mint(forger, headerOf("known")), auth.ReasonTokenSignature)
		}
		r.issuer.wantReads(t, 2)
		time.Sleep(10*time.Second - time.Nanosecond)
		r.wantRefused(t, mint(forger, headerOf("new")), auth.ReasonTokenKeyUnknown)
		r.issuer.wantReads(t, 2)
		r.wantRefused(t, mint(forger, headerOf("known")), auth.ReasonTokenSignature)
		r.issuer.wantReads(t, 2)
		time.Sleep(time.Nanosecond)
		r.wantRefused(t, mint(forger, headerOf("known")), auth.ReasonTokenSignature)
		r.issuer.wantReads(t, 3)

		time.Sleep(5*time.Minute - 10*time.Second) // the periodic refresh
		synctest.Wait()
		r.issuer.wantReads(t, 4)
		next := newSigner("next")
		r.issuer.serve(jwks(next.jwk("next")))
		r.wantGood(t, mint(next, headerOf("next")))
		r.issuer.wantReads(t, 5)
	})
}

func TestForcedRefreshOptionAndClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var offset atomic.Int64
		clock := func() time.Time { return time.Now().Add(time.Duration(offset.Load())) }
		forger := newSigner("forger")
		r := newRemote(t, auth.KeySetOptions{ForcedRefreshInterval: time.Minute, Now: clock}, newSigner("issuer").jwk(""))
		refuse := func() { t.Helper(); r.wantRefused(t, mint(forger, plainHeader), auth.ReasonTokenSignature) }
		refuse()
		offset.Store(int64(59 * time.Second))
		refuse()
		r.issuer.wantReads(t, 2)
		offset.Store(int64(time.Minute))
		refuse()
		r.issuer.wantReads(t, 3)
		offset.Store(int64(-time.Hour)) // set back: no reason to wait an hour
		refuse()
		r.issuer.wantReads(t, 4)
	})
}

// 5,000 concurrent forgeries cause one read, and a valid token does not wait for it.
func TestForcedRefreshBurst(t *testing.T) {
	eachCache(t, func(t *testing.T, size int) { synctest.Test(t, func(t *testing.T) { forcedRefreshBurst(t, size) }) })
}

func forcedRefreshBurst(t *testing.T, size int) {
	issuer, forger := newSigner("issuer"), newSigner("forger")
	source := &transport{}
	source.serve(jwks(issuer.jwk("known")))
	r := newRemoteOf(t, source, auth.KeySetOptions{}, auth.VerifierOptions{CacheSize: size})
	slow := 2 * time.Second
	r.issuer.serveFunc(func(*http.Request) (*http.Response, error) {
		time.Sleep(slow)
		return response(http.StatusOK, jwks(issuer.jwk("known"))), nil
	})
	forgeries := []string{mint(forger, plainHeader), mint(forger, headerOf("unknown")), mint(forger, headerOf("known"))}
	began := time.Now()
	var callers sync.WaitGroup
	for i := range 5000 {
		callers.Go(func() {
			if _, err := r.Verify(t.Context(), forgeries[i%3]); !errors.Is(err, auth.ErrUnauthenticated) {
				t.Errorf("a forgery: %v", err)
			}
		})
	}
	synctest.Wait()
	for _, header := range []string{plainHeader, headerOf("known")} {
		r.wantGood(t, mint(issuer, header))
	}
	if waited := time.Since(began); waited != 0 {
		t.Errorf("a token that the present keys verify waited %v", waited)
	}
	callers.Wait()
	if waited := time.Since(began); waited != slow {
		t.Errorf("the burst took %v", waited)
	}
	r.issuer.wantReads(t, 2)
}

// A token that arrives during a forced refresh waits for it.
func TestForcedRefreshJoined(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		next := newSigner("next")
		r := newRemote(t, auth.KeySetOptions{}, newSigner("issuer").jwk("known"))
		r.issuer.serveFunc(func(*http.Request) (*http.Response, error) {
			time.Sleep(time.Second)
			return response(http.StatusOK, jwks(next.jwk("next"))), nil
		})
		var callers sync.WaitGroup
		for i := range 50 {
			callers.Go(func() {
				time.Sleep(time.Duration(i) * 10 * time.Millisecond)
				r.wantGood(t, mint(next, []string{plainHeader, headerOf("next")}[i%2]))
			})
		}
		callers.Wait()
		r.issuer.wantReads(t, 2)
	})
}

// If an issuer does not respond, forgeries are refused with the last good set, before the
// request times out.
func TestForcedRefreshHanging(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		forger := newSigner("forger")
		r := newRemote(t, auth.KeySetOptions{}, newSigner("issuer").jwk("known"))
		r.issuer.hang()
		for range 3 { // the first causes the read, the others join it or come after
			began := time.Now()
			r.wantRefused(t, mint(forger, headerOf("kid")), auth.ReasonTokenKeyUnknown)
			if waited := time.Since(began); waited > 3*time.Second {
				t.Errorf("it was refused after %v", waited)
			}
		}
	})
}

// A refresh goes on when the client that caused it leaves.
func TestForcedRefreshDetached(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		next := newSigner("next")
		r := newRemote(t, auth.KeySetOptions{}, newSigner("issuer").jwk("known"))
		r.issuer.serveFunc(func(request *http.Request) (*http.Response, error) {
			select {
			case <-time.After(2 * time.Second):
				return response(http.StatusOK, jwks(next.jwk("next"))), nil
			case <-request.Context().Done():
				return nil, request.Context().Err()
			}
		})
		ctx, hangUp := context.WithTimeout(t.Context(), time.Second)
		defer hangUp()
		began := time.Now()
		_, err := r.Verify(ctx, mint(next, headerOf("next")))
		if errors.Is(err, auth.ErrUnauthenticated) || !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, consumer.ErrUnavailable) {
			t.Errorf("got %v, want a failure that is no refusal", err)
		}
		if waited := time.Since(began); waited != time.Second {
			t.Errorf("waited %v, longer than the request", waited)
		}
		r.wantGood(t, mint(next, headerOf("next"))) // joins
		r.wantGood(t, mint(next, headerOf("next")))
		r.issuer.wantReads(t, 2)

		// A context that has ended already is no obstacle for a token that needs no wait.
		if _, err := r.Verify(ctx, mint(next, plainHeader)); err != nil {
			t.Error(err)
		}
	})
}

// A new key is found at once under a kid of any form that issuers use.
func TestForcedRefreshOfUnusualKids(t *testing.T) {
	for _, kid := range []string{"/3q2+7w=", "tenant|key2", "v1..2", "{4f9c}", "a,b", "urn:key:2", "https://issuer.example/keys/2"} {
		synctest.Test(t, func(t *testing.T) {
			r := newRemote(t, auth.KeySetOptions{}, newSigner("issuer").jwk("known"))
			next := newSigner("next")
			r.issuer.serve(jwks(next.jwk(kid)))
			if _, err := r.Verify(t.Context(), mint(next, headerOf(kid))); err != nil {
				t.Errorf("kid %s: %v", kid, err)
			}
		})
	}
}

// VerifyFor refuses a token of another organization before a key is tried or fetched, whether
// the organization exists or not.
func TestVerifyForAnotherOrganization(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRemote(t, auth.KeySetOptions{}, newSigner("issuer").jwk("known"))
		for _, organization := range []string{"org_1", "org_unknown"} {
			token := newSigner("forger").token(plainHeader, object(goodClaims(time.Now()), map[string]any{"organizationId": organization}))
			_, err := r.VerifyFor(t.Context(), token, "org_caller")
			wantReason(t, err, auth.ReasonOrganizationMismatch)
		}
		r.issuer.wantReads(t, 1)
	})
}

// Cached tokens stay valid if a set changes but not its keys.
func TestRefreshWithTheSameKeys(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		issuer := newSigner("issuer")
		r := newRemote(t, auth.KeySetOptions{}, issuer.jwk("known"))
		token := mint(issuer, headerOf("known"))
		r.wantGood(t, token)
		r.issuer.serve(strings.Replace(jwks(issuer.jwk("known")), "{", `{"published":"later",`, 1))
		if err := r.set.Refresh(t.Context()); err != nil {
			t.Fatal(err)
		}
		if !r.Remembered(token) {
			t.Error("the token was forgotten")
		}
	})
}

// A token that no key could verify causes no read.
func TestForcedRefreshNotWorthwhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		issuer, forger := newSigner("issuer"), newSigner("forger")
		r := newRemote(t, auth.KeySetOptions{}, issuer.jwk("known"), newSigner("other").jwk("other"))
		head := func(parameter string) string { return `{"alg":"EdDSA",` + parameter + `}` }
		good := strings.Split(mint(forger, plainHeader), ".")
		for name, token := range map[string]string{
			"kid a path":                    mint(forger, headerOf("../../../../etc/passwd")),
			"kid an absolute path":          mint(forger, headerOf("/dev/null")),
			"kid a query":                   mint(forger, headerOf("x' UNION SELECT 'key'--")),
			"kid with CR LF":                mint(forger, headerOf("a\r\nb")),
			"kid of 2 KB":                   mint(forger, headerOf(strings.Repeat("k", 2048))),
			"jwk":                           mint(forger, head(`"jwk":`+forger.jwk(""))),
			"jku":                           mint(forger, head(`"jku":"https://evil.example/"`)),
			"x5u":                           mint(forger, head(`"x5u":"https://evil.example/"`)),
			"x5c":                           mint(forger, head(`"x5c":[]`)),
			"alg none":                      mint(forger, `{"alg":"none"}`),
			"typ of another token":          mint(forger, head(`"typ":"admission+jwt"`)),
			"a payload that is no JSON":     forger.token(plainHeader, "x"),
			"a signature of another length": good[0] + "." + good[1] + "." + good[2][:80],
			"expired, of a key of the set":  issuer.token(plainHeader, object(goodClaims(time.Now().Add(-2*time.Hour)), nil)),
		} {
			if _, err := r.Verify(t.Context(), token); !errors.Is(err, auth.ErrUnauthenticated) {
				t.Errorf("%s: got %v", name, err)
			}
			if r.issuer.reads.Swap(1) != 1 {
				t.Errorf("%s: the set was read", name)
			}
		}
	})
}

// While the issuer is down, the last good set is used.
func TestRefreshIssuerDown(t *testing.T) {
	issuer := newSigner("issuer")
	const body = "hunter2"
	for name, answer := range map[string]func(*http.Request) (*http.Response, error){
		"no connection": func(*http.Request) (*http.Response, error) { return nil, errors.New("connection refused") },
		"status 500": func(*http.Request) (*http.Response, error) {
			return response(http.StatusInternalServerError, body), nil
		},
		"HTML":         func(*http.Request) (*http.Response, error) { return response(http.StatusOK, "<html>"+body), nil },
		"empty":        func(*http.Request) (*http.Response, error) { return response(http.StatusOK, ""), nil },
		"empty object": func(*http.Request) (*http.Response, error) { return response(http.StatusOK, "{}"), nil },
		"null":         func(*http.Request) (*http.Response, error) { return response(http.StatusOK, "null"), nil },
		"no keys":      func(*http.Request) (*http.Response, error) { return response(http.StatusOK, `{"keys":[]}`), nil },
		"foreign object": func(*http.Request) (*http.Response, error) {
			return response(http.StatusOK, `{"error":"`+body+`"}`), nil
		},
		"only unfit": func(*http.Request) (*http.Response, error) {
			return response(http.StatusOK, `{"keys":[{"kty":"oct","k":"`+body+`"}]}`), nil
		},
		"two keys of one kid": func(*http.Request) (*http.Response, error) {
			return response(http.StatusOK, jwks(newSigner("a").jwk("same"), newSigner("b").jwk("same"))), nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRemote(t, auth.KeySetOptions{}, issuer.jwk("known"))
				read := r.set.FetchedAt()
				r.issuer.serveFunc(answer)
				r.wantRefused(t, mint(newSigner("next"), headerOf("next")), auth.ReasonTokenKeyUnknown)
				time.Sleep(time.Hour)
				r.wantGood(t, mint(issuer, headerOf("known")))
				r.wantGood(t, mint(issuer, plainHeader))
				if !r.set.FetchedAt().Equal(read) {
					t.Error("FetchedAt counts a read that failed")
				}
				if err := r.set.Refresh(t.Context()); err == nil || !strings.HasPrefix(err.Error(), "auth: key set: https://issuer.example/jwks.json: ") {
					t.Errorf("got %v", err)
				}
				if got := r.log.String(); !strings.Contains(got, "the last good one is kept") || strings.Contains(got, body) {
					t.Errorf("the log: %s", got)
				}
				r.issuer.serve(jwks(newSigner("next").jwk("next")))
				r.wantGood(t, mint(newSigner("next"), headerOf("next")))
				if !r.set.FetchedAt().Equal(time.Now()) {
					t.Error("FetchedAt is not the last good read")
				}
			})
		})
	}
}

// A key that was removed stops working at the next refresh.
func TestRefreshPeriodically(t *testing.T) {
	for name, test := range map[string]struct{ option, interval time.Duration }{
		"default": {0, 5 * time.Minute}, "option": {30 * time.Second, 30 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				before, after := newSigner("before"), newSigner("after")
				r := newRemote(t, auth.KeySetOptions{RefreshInterval: test.option}, before.jwk("before"), after.jwk("after"))
				r.issuer.serve(jwks(after.jwk("after")))
				time.Sleep(test.interval - time.Nanosecond)
				r.wantGood(t, mint(before, headerOf("before")))
				time.Sleep(time.Nanosecond)
				synctest.Wait()
				r.issuer.wantReads(t, 2)
				if !r.set.FetchedAt().Equal(time.Now()) {
					t.Error("FetchedAt is not the periodic read")
				}
				r.wantGood(t, mint(after, headerOf("after")))
				r.wantRefused(t, mint(before, headerOf("before")), auth.ReasonTokenKeyUnknown)
			})
		})
	}
}

func TestRefreshTimeouts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hanging := &transport{}
		hanging.hang()
		start := func(ctx context.Context, timeout time.Duration) time.Duration {
			t.Helper()
			began := time.Now()
			_, err := auth.NewKeySet(ctx, auth.KeySetOptions{
				URL: "https://issuer.example/", Client: &http.Client{Transport: hanging}, StartTimeout: timeout,
			})
			if !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("got %v", err)
			}
			return time.Since(began)
		}
		if took := start(t.Context(), 0); took != 10*time.Second {
			t.Errorf("a start without options took %v", took)
		}
		if took := start(t.Context(), time.Minute); took != time.Minute {
			t.Errorf("a start of a minute took %v", took)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if took := start(ctx, 0); took != time.Second {
			t.Errorf("a start within a second took %v", took)
		}

		// After the start, 5 s.
		r := newRemote(t, auth.KeySetOptions{}, newSigner("issuer").jwk("known"))
		r.issuer.hang()
		began := time.Now()
		if err := r.set.Refresh(t.Context()); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
		if took := time.Since(began); took != 5*time.Second {
			t.Errorf("a read took %v", took)
		}
	})
}

// A set does not end with the context of NewKeySet.
func TestKeySetOutlivesStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		issuer := &transport{}
		issuer.serve(jwks(newSigner("issuer").jwk("")))
		ctx, cancel := context.WithCancel(t.Context())
		set, err := auth.NewKeySet(ctx, auth.KeySetOptions{URL: "https://issuer.example/", Client: &http.Client{Transport: issuer}})
		if err != nil {
			t.Fatal(err)
		}
		cancel()
		time.Sleep(5 * time.Minute)
		synctest.Wait()
		issuer.wantReads(t, 2)
		_ = set.Close()
	})
}

func TestKeySetClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		issuer := newSigner("issuer")
		r := newRemote(t, auth.KeySetOptions{}, issuer.jwk("known"))
		r.issuer.hang()
		var callers sync.WaitGroup
		callers.Go(func() { r.wantRefused(t, mint(newSigner("next"), headerOf("next")), auth.ReasonTokenKeyUnknown) })
		synctest.Wait()
		began := time.Now()
		for range 2 {
			if err := r.set.Close(); err != nil {
				t.Error(err)
			}
		}
		callers.Wait()
		if took := time.Since(began); took != 0 {
			t.Errorf("a read that was under way held Close up for %v", took)
		}

		r.wantGood(t, mint(issuer, headerOf("known")))
		time.Sleep(time.Hour)
		r.wantRefused(t, mint(newSigner("next"), headerOf("next")), auth.ReasonTokenKeyUnknown)
		if err := r.set.Refresh(t.Context()); err == nil || !strings.HasSuffix(err.Error(), ": closed") {
			t.Errorf("got %v", err)
		}
		r.issuer.wantReads(t, 2)
	})
}

// Reads do not overlap, so that the latest response is used.
func TestRefreshesDoNotOverlap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRemote(t, auth.KeySetOptions{}, newSigner("issuer").jwk(""))
		var reading atomic.Int64
		r.issuer.serveFunc(func(*http.Request) (*http.Response, error) {
			if reading.Add(1) != 1 {
				t.Error("two reads at the same time")
			}
			time.Sleep(time.Second)
			reading.Add(-1)
			return response(http.StatusOK, jwks(newSigner("issuer").jwk(""))), nil
		})
		var callers sync.WaitGroup
		for range 3 {
			callers.Go(func() {
				if err := r.set.Refresh(t.Context()); err != nil {
					t.Error(err)
				}
			})
		}
		callers.Go(func() {
			ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
			defer cancel()
			synctest.Wait() // until the others hold or wait for the source
			if err := r.set.Refresh(ctx); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("got %v", err)
			}
		})
		callers.Wait()
	})
}

// The log names the cause, and has no credential and no more than a part of a kid.
func TestKeySetLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		issuer := newSigner("issuer")
		private := jwk(issuer.key("").Public, map[string]any{"kid": "published-private-key", "d": segment(string(issuer.private.Seed()))})
		r := newRemote(t, auth.KeySetOptions{}, issuer.jwk("known"), private, `{"kty":"oct","kid":"a\nb","k":"aHVudGVyMg"}`)
		token := mint(newSigner("forger"), headerOf("sk_live_"+strings.Repeat("a", 100)))
		r.wantRefused(t, token, auth.ReasonTokenKeyUnknown)
		r.wantRefused(t, mint(newSigner("forger"), headerOf("a\r\nlevel=ERROR")), auth.ReasonTokenHeader)
		time.Sleep(time.Hour)
		synctest.Wait()

		got := r.log.String()
		for text, want := range map[string]int{
			`"kid":"sk_live_…"`:                         1,
			`"kid":"publishe…","reason":"a private key`: 1, // though it was read 13 times
			`"kid":"a?b","reason":"not an Ed25519 key"`: 1,
			`"msg":"key set read"`:                      1,
			`"accepted":1,"rejected":2`:                 1,
			"level=ERROR":                               0,
			"sk_live_aaaaaaaaa":                         0,
			"aHVudGVyMg":                                0,
			segment(string(issuer.private.Seed())):      0,
			strings.Split(token, ".")[2]:                0,
			strings.Split(token, ".")[0]:                0,
			"cons_1":                                    0,
		} {
			if n := strings.Count(got, text); n != want {
				t.Errorf("%q stands %d times in the log, want %d", text, n, want)
			}
		}
		if t.Failed() {
			t.Log(got)
		}
	})
}
