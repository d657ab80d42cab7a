package auth_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rejoinhq/rejoin/auth"
	"github.com/rejoinhq/rejoin/consumer"
)

// downIssuer returns an issuer that responds with status 500.
func downIssuer() *transport {
	issuer := &transport{}
	issuer.serveFunc(down)
	return issuer
}

func down(*http.Request) (*http.Response, error) {
	return response(http.StatusInternalServerError, ""), nil
}

// wantUnavailable fails unless the token causes a failure that is not a refusal.
func (r remote) wantUnavailable(t *testing.T, token string) {
	t.Helper()
	identity, err := r.Verify(t.Context(), token)
	if !errors.Is(err, consumer.ErrUnavailable) || errors.Is(err, auth.ErrUnauthenticated) || identity != (auth.Identity{}) {
		t.Errorf("got %v, %v, want a failure that is no refusal", identity, err)
		return
	}
	if text := err.Error(); !strings.Contains(text, "https://issuer.example/jwks.json: never read: ") || strings.Contains(text, "store") {
		t.Errorf("the error does not say what is wrong: %s", text)
	}
}

func wantUnready(t *testing.T, set *auth.KeySet, want string) {
	t.Helper()
	err := set.Ready()
	if err == nil || err.Error() != "auth: key set: https://issuer.example/jwks.json: "+want {
		t.Errorf("got  %v\nwant …%s", err, want)
	}
	if !errors.Is(err, consumer.ErrUnavailable) || errors.Is(err, auth.ErrUnauthenticated) {
		t.Errorf("%v does not match what it should", err)
	}
}

func wantReady(t *testing.T, set *auth.KeySet) {
	t.Helper()
	if err := set.Ready(); err != nil {
		t.Error(err)
	}
}

// A set that starts without keys refuses nobody until it was read.
func TestStartWithoutKeys(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		signer := newSigner("issuer")
		issuer := downIssuer()
		r := newRemoteOf(t, issuer, auth.KeySetOptions{StartWithoutKeys: true}, auth.VerifierOptions{})
		if got := r.log.String(); !strings.Contains(got, "no token can be verified until it is") || strings.Contains(got, "last good one") {
			t.Errorf("the log: %s", got)
		}
		if !r.set.FetchedAt().IsZero() {
			t.Error("FetchedAt is set")
		}
		wantUnready(t, r.set, "never read: the response has status 500")
		for _, header := range []string{plainHeader, headerOf("known"), headerOf("a/../path")} {
			r.wantUnavailable(t, mint(signer, header))
			r.wantUnavailable(t, mint(newSigner("forger"), header))
		}
		// What is no token with any key is refused.
		r.wantRefused(t, "x", auth.ReasonTokenMalformed)
		r.wantRefused(t, mint(signer, `{"alg":"none"}`), auth.ReasonTokenAlgorithm)

		issuer.serve(jwks(signer.jwk("known")))
		time.Sleep(time.Second)
		synctest.Wait()
		wantReady(t, r.set)
		r.wantGood(t, mint(signer, plainHeader))
		r.wantRefused(t, mint(newSigner("forger"), headerOf("known")), auth.ReasonTokenSignature)
		reads := issuer.reads.Load()
		time.Sleep(5*time.Minute - time.Second)
		synctest.Wait()
		issuer.wantReads(t, reads)
		time.Sleep(time.Second)
		synctest.Wait()
		issuer.wantReads(t, reads+1)
	})
}

// Without keys, tokens cause at most one read per interval, for which all of them wait. The
// first read that succeeds makes the set ready.
func TestStartWithoutKeysBurst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		signer := newSigner("issuer")
		issuer := downIssuer()
		r := newRemoteOf(t, issuer, auth.KeySetOptions{StartWithoutKeys: true, RefreshInterval: time.Hour}, auth.VerifierOptions{})
		time.Sleep(40 * time.Minute) // the next read is due in some time
		before := issuer.reads.Load()
		issuer.serveFunc(func(*http.Request) (*http.Response, error) {
			time.Sleep(time.Second)
			return down(nil)
		})
		token := mint(signer, plainHeader)
		var callers sync.WaitGroup
		for range 1000 {
			callers.Go(func() { r.wantUnavailable(t, token) })
		}
		callers.Wait()
		issuer.wantReads(t, before+1)
		began := time.Now()
		r.wantUnavailable(t, token)
		if waited := time.Since(began); waited != 0 {
			t.Errorf("waited %v for no read", waited)
		}

		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		time.Sleep(10 * time.Second)
		if _, err := r.Verify(ctx, token); !errors.Is(err, context.Canceled) || errors.Is(err, consumer.ErrUnavailable) {
			t.Errorf("the caller gave up: got %v", err)
		}
		ctx, cancel = context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		if _, err := r.Verify(ctx, token); !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, consumer.ErrUnavailable) {
			t.Errorf("the time was up: got %v", err)
		}
		time.Sleep(10 * time.Second)
		issuer.serve(jwks(signer.jwk("known")))
		r.wantGood(t, token)
		wantReady(t, r.set)
	})
}

// Invalid options and a canceled start are errors also with StartWithoutKeys.
func TestStartWithoutKeysFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, options := range []auth.KeySetOptions{
			{}, {URL: "ftp://issuer.example/"}, {URL: "http://issuer.example/"}, {URL: "https://issuer.example/", MaxStaleness: -1},
		} {
			options.StartWithoutKeys = true
			options.Client = &http.Client{Transport: downIssuer()}
			if set, err := auth.NewKeySet(t.Context(), options); err == nil {
				t.Errorf("%+v: started", options)
				_ = set.Close()
			}
		}

		hanging := &transport{}
		hanging.hang()
		options := auth.KeySetOptions{URL: "https://issuer.example/", Client: &http.Client{Transport: hanging}, StartWithoutKeys: true}
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		if _, err := auth.NewKeySet(ctx, options); !errors.Is(err, context.Canceled) {
			t.Errorf("called off: got %v", err)
		}
		for name, bound := range map[string]func() (context.Context, context.CancelFunc){
			"ctx":          func() (context.Context, context.CancelFunc) { return context.WithTimeout(t.Context(), 10*time.Second) },
			"StartTimeout": func() (context.Context, context.CancelFunc) { return context.WithCancel(t.Context()) },
		} {
			ctx, cancel := bound()
			began := time.Now()
			set, err := auth.NewKeySet(ctx, options)
			if took := time.Since(began); err != nil || took != 10*time.Second {
				t.Errorf("%s: %v after %v", name, err, took)
			}
			cancel()
			if err == nil {
				_ = set.Close()
			}
		}
	})
}

// StartWithoutKeys applies to files, too.
func TestStartWithoutKeysFile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		set, err := auth.NewKeySet(t.Context(), auth.KeySetOptions{File: t.TempDir() + "/none", StartWithoutKeys: true})
		if err != nil {
			t.Fatal(err)
		}
		if err := set.Ready(); err == nil || !strings.Contains(err.Error(), "/none: never read: no such file") {
			t.Errorf("got %v", err)
		}
		_ = set.Close()
	})
}

// readTimes returns a function that returns the times of the reads so far, in seconds.
func readTimes(issuer *transport, answer func(*http.Request) (*http.Response, error)) func() []float64 {
	began := time.Now()
	var mu sync.Mutex
	var times []float64
	issuer.serveFunc(func(r *http.Request) (*http.Response, error) {
		mu.Lock()
		times = append(times, time.Since(began).Seconds())
		mu.Unlock()
		return answer(r)
	})
	return func() []float64 {
		mu.Lock()
		defer mu.Unlock()
		return times
	}
}

// A read that failed is repeated after intervals that grow up to RefreshInterval.
func TestRefreshRetries(t *testing.T) {
	t.Run("after a start without keys", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			issuer := &transport{}
			times := readTimes(issuer, down)
			r := newRemoteOf(t, issuer, auth.KeySetOptions{StartWithoutKeys: true}, auth.VerifierOptions{})
			time.Sleep(20 * time.Minute)
			_ = r.set.Close()
			if diff := cmp.Diff([]float64{0, 1, 3, 7, 15, 31, 63, 127, 255, 511, 811, 1111}, times()); diff != "" {
				t.Error(diff)
			}
		})
	})
	t.Run("after a good start, and after each recovery", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			signer := newSigner("issuer")
			r := newRemote(t, auth.KeySetOptions{RefreshInterval: time.Minute}, signer.jwk("known"))
			reads := 0
			times := readTimes(r.issuer, func(*http.Request) (*http.Response, error) {
				if reads++; reads == 4 || reads == 5 {
					return response(http.StatusOK, jwks(signer.jwk("known"))), nil
				}
				return down(nil)
			})
			time.Sleep(5 * time.Minute)
			_ = r.set.Close()
			if diff := cmp.Diff([]float64{60, 61, 63, 67, 127, 187, 188, 190, 194, 202, 218, 250}, times()); diff != "" {
				t.Error(diff)
			}
		})
	})
	t.Run("with an interval below a second", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			issuer := &transport{}
			times := readTimes(issuer, down)
			r := newRemoteOf(t, issuer, auth.KeySetOptions{StartWithoutKeys: true, RefreshInterval: 500 * time.Millisecond}, auth.VerifierOptions{})
			time.Sleep(1600 * time.Millisecond)
			_ = r.set.Close()
			if diff := cmp.Diff([]float64{0, 0.5, 1, 1.5}, times()); diff != "" {
				t.Error(diff)
			}
		})
	})
}

// Close ends the wait for the next read.
func TestStartWithoutKeysClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRemoteOf(t, downIssuer(), auth.KeySetOptions{StartWithoutKeys: true}, auth.VerifierOptions{})
		time.Sleep(10 * time.Second)
		began := time.Now()
		_ = r.set.Close()
		if took := time.Since(began); took != 0 {
			t.Errorf("Close took %v", took)
		}
		reads := r.issuer.reads.Load()
		r.wantUnavailable(t, mint(newSigner("issuer"), plainHeader))
		r.issuer.wantReads(t, reads)
	})
}

// A set becomes unready after MaxStaleness. Its tokens stay valid.
func TestReadyStaleness(t *testing.T) {
	for _, test := range []struct {
		name            string
		interval, bound time.Duration
		want            time.Duration
	}{
		{"default", 0, 0, 15 * time.Minute},
		{"three intervals", 10 * time.Minute, 0, 30 * time.Minute},
		{"no less than 15 minutes", time.Second, 0, 15 * time.Minute},
		{"option", 0, time.Hour, time.Hour},
		{"option as short as it may be", 5 * time.Minute, 5 * time.Minute, 5 * time.Minute},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				signer := newSigner("issuer")
				r := newRemote(t, auth.KeySetOptions{RefreshInterval: test.interval, MaxStaleness: test.bound}, signer.jwk("known"))
				read := time.Now()
				r.issuer.serveFunc(down)
				time.Sleep(test.want)
				wantReady(t, r.set)
				time.Sleep(time.Nanosecond)
				wantUnready(t, r.set, fmt.Sprintf("not read for longer than %v, since %s: the response has status 500", test.want, read.UTC().Format(time.RFC3339)))
				r.wantGood(t, mint(signer, plainHeader))
				r.wantGood(t, mint(signer, headerOf("known")))

				r.issuer.serve("{}") // not a key set
				if err := r.set.Refresh(t.Context()); err == nil {
					t.Error("a foreign answer was taken")
				}
				if err := r.set.Ready(); err == nil || !strings.HasSuffix(err.Error(), "not a JSON object with one array named keys") {
					t.Errorf("got %v", err)
				}
				r.issuer.serve(jwks(signer.jwk("known"))) // the same as before is one
				if err := r.set.Refresh(t.Context()); err != nil {
					t.Error(err)
				}
				wantReady(t, r.set)
			})
		})
	}
}

// The longest intervals do not overflow: the set is not stale from the start.
func TestReadyLongestInterval(t *testing.T) {
	for _, interval := range []time.Duration{math.MaxInt64, math.MaxInt64 / 2, math.MaxInt64/3 + 1, math.MaxInt64 / 3} {
		synctest.Test(t, func(t *testing.T) {
			r := newRemote(t, auth.KeySetOptions{RefreshInterval: interval}, newSigner("issuer").jwk("known"))
			time.Sleep(1000 * time.Hour)
			wantReady(t, r.set)
		})
	}
}

// A closed set becomes stale.
func TestReadyClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRemote(t, auth.KeySetOptions{}, newSigner("issuer").jwk("known"))
		_ = r.set.Close()
		wantReady(t, r.set)
		read := time.Now()
		time.Sleep(time.Hour)
		wantUnready(t, r.set, "not read for longer than 15m0s, since "+read.UTC().Format(time.RFC3339))
	})
}

// Staleness is measured by KeySetOptions.Now. Keys in memory never become stale.
func TestReadyClock(t *testing.T) {
	now := noon
	issuer := &transport{}
	issuer.serve(jwks(newSigner("issuer").jwk("known")))
	clock := func() time.Time { return now }
	set := remoteSet(t, issuer, auth.KeySetOptions{Now: clock})
	defer set.Close()
	now = noon.Add(-24 * time.Hour)
	wantReady(t, set)
	now = noon.Add(24 * time.Hour)
	wantUnready(t, set, "not read for longer than 15m0s, since 2026-01-02T12:00:00Z")

	static, err := auth.NewKeySet(t.Context(), auth.KeySetOptions{Keys: []auth.Key{newSigner("issuer").key("")}, Now: clock})
	if err != nil {
		t.Fatal(err)
	}
	now = now.Add(24 * time.Hour)
	wantReady(t, static)
	if new(auth.KeySet).Ready() == nil {
		t.Error("the zero value is ready")
	}
}
