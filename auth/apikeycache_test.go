package auth_test

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/rejoinhq/rejoin/auth"
	"github.com/rejoinhq/rejoin/consumer"
)

// keyTable is an APIKeyFinder that counts its calls. Its keys can be revoked.
type keyTable struct {
	mu      sync.Mutex
	keys    map[[32]byte]string
	failure error
	asked   atomic.Int64
}

func newKeyTable(keys ...string) *keyTable {
	table := &keyTable{keys: map[[32]byte]string{}}
	for _, key := range keys {
		table.keys[auth.APIKeyDigest(key)] = "org_" + key
	}
	return table
}

func (k *keyTable) change(change func()) {
	k.mu.Lock()
	defer k.mu.Unlock()
	change()
}

func (k *keyTable) OrganizationByAPIKey(_ context.Context, digest [32]byte, _ time.Time) (string, error) {
	k.asked.Add(1)
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.failure != nil {
		return "", k.failure
	}
	if organization, ok := k.keys[digest]; ok {
		return organization, nil
	}
	return "", fmt.Errorf("table: %w", consumer.ErrNotFound)
}

func newKeyCache(t testing.TB, options auth.APIKeyCacheOptions) *auth.APIKeyCache {
	t.Helper()
	cache, err := auth.NewAPIKeyCache(options)
	if err != nil {
		t.Fatal(err)
	}
	return cache
}

func wantKey(t *testing.T, finder consumer.APIKeyFinder, key string, now time.Time, want string) {
	t.Helper()
	got, err := finder.OrganizationByAPIKey(t.Context(), auth.APIKeyDigest(key), now)
	switch {
	case got != want:
		t.Errorf("got %q, want %q", got, want)
	case want != "" && err != nil:
		t.Error(err)
	case want == "" && !errors.Is(err, consumer.ErrNotFound):
		t.Errorf("got %v, want not found", err)
	}
}

func (k *keyTable) wantAsked(t *testing.T, want int64) {
	t.Helper()
	if got := k.asked.Load(); got != want {
		t.Errorf("the finder was asked %d times, want %d", got, want)
	}
}

func TestAPIKeyCacheRevocation(t *testing.T) {
	table := newKeyTable("a")
	cache := newKeyCache(t, auth.APIKeyCacheOptions{Finder: table})
	wantKey(t, cache, "a", noon, "org_a")
	table.change(func() { delete(table.keys, auth.APIKeyDigest("a")) })
	wantKey(t, cache, "a", noon.Add(9999*time.Millisecond), "org_a")
	table.wantAsked(t, 1)
	wantKey(t, cache, "a", noon.Add(10*time.Second), "") // the stated bound
	table.wantAsked(t, 2)
}

func TestAPIKeyCacheUnknown(t *testing.T) {
	table := newKeyTable()
	cache := newKeyCache(t, auth.APIKeyCacheOptions{Finder: table, MaxAge: time.Minute})
	wantKey(t, cache, "a", noon, "")
	table.change(func() { table.keys[auth.APIKeyDigest("a")] = "org_a" })
	wantKey(t, cache, "a", noon.Add(59*time.Second), "")
	table.wantAsked(t, 1)
	wantKey(t, cache, "a", noon.Add(time.Minute), "org_a")
}

func TestAPIKeyCacheAnswerFromTheFuture(t *testing.T) {
	table := newKeyTable("a")
	cache := newKeyCache(t, auth.APIKeyCacheOptions{Finder: table})
	wantKey(t, cache, "a", noon, "org_a")
	wantKey(t, cache, "a", noon.Add(-time.Hour), "org_a")
	table.wantAsked(t, 2)
}

func TestAPIKeyCacheNeverKeepsFailures(t *testing.T) {
	table := newKeyTable("a")
	cache := newKeyCache(t, auth.APIKeyCacheOptions{Finder: table})
	table.change(func() { table.failure = consumer.ErrUnavailable })
	if _, err := cache.OrganizationByAPIKey(t.Context(), auth.APIKeyDigest("a"), noon); !errors.Is(err, consumer.ErrUnavailable) {
		t.Errorf("got %v", err)
	}
	table.change(func() { table.failure = nil })
	wantKey(t, cache, "a", noon, "org_a")
	table.change(func() { table.failure = consumer.ErrUnavailable })
	wantKey(t, cache, "a", noon, "org_a") // known answers outlive the store for a while
	if _, err := cache.OrganizationByAPIKey(t.Context(), auth.APIKeyDigest("a"), noon.Add(10*time.Second)); !errors.Is(err, consumer.ErrUnavailable) {
		t.Errorf("got %v: an old answer must not hide a failure", err)
	}
}

func TestAPIKeyCacheBound(t *testing.T) {
	table := newKeyTable("a", "b", "c")
	cache := newKeyCache(t, auth.APIKeyCacheOptions{Finder: table, MaxEntries: 2})
	wantKey(t, cache, "a", noon, "org_a")
	wantKey(t, cache, "b", noon, "org_b")
	for i := range 100 {
		wantKey(t, cache, "invented "+strconv.Itoa(i), noon, "")
	}
	table.wantAsked(t, 102)
	wantKey(t, cache, "a", noon, "org_a") // not displaced by unknown keys; and now used after b
	table.wantAsked(t, 102)
	wantKey(t, cache, "c", noon, "org_c")
	wantKey(t, cache, "a", noon, "org_a")
	table.wantAsked(t, 103)
	wantKey(t, cache, "b", noon, "org_b") // was displaced by c
	table.wantAsked(t, 104)
}

func TestAPIKeyCacheKnownDisplacesUnknown(t *testing.T) {
	table := newKeyTable("a", "b")
	cache := newKeyCache(t, auth.APIKeyCacheOptions{Finder: table, MaxEntries: 2})
	wantKey(t, cache, "x", noon, "")
	wantKey(t, cache, "y", noon, "")
	wantKey(t, cache, "x", noon, "")
	wantKey(t, cache, "a", noon, "org_a")
	wantKey(t, cache, "x", noon, "") // y went, which was not used for longer
	table.wantAsked(t, 3)
	wantKey(t, cache, "b", noon, "org_b")
	wantKey(t, cache, "a", noon, "org_a")
	table.wantAsked(t, 4)
}

func TestAPIKeyCacheOneFlight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var asked atomic.Int64
		slow := finderFunc(func(context.Context, [32]byte, time.Time) (string, error) {
			asked.Add(1)
			time.Sleep(time.Second)
			return "org_a", nil
		})
		cache := newKeyCache(t, auth.APIKeyCacheOptions{Finder: slow})
		var callers sync.WaitGroup
		for range 100 {
			callers.Go(func() { wantKey(t, cache, "a", time.Now(), "org_a") })
		}
		callers.Wait()
		if asked.Load() != 1 {
			t.Errorf("%d look-ups for callers at the same time", asked.Load())
		}
	})
}

func TestAPIKeyCacheCallerGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow := finderFunc(func(ctx context.Context, _ [32]byte, _ time.Time) (string, error) {
			select {
			case <-time.After(time.Minute):
				return "org_a", nil
			case <-ctx.Done():
				return "", ctx.Err()
			}
		})
		cache := newKeyCache(t, auth.APIKeyCacheOptions{Finder: slow, MaxAge: time.Hour})
		ctx, cancel := context.WithCancel(t.Context())
		var callers sync.WaitGroup
		gaveUp := func() {
			if _, err := cache.OrganizationByAPIKey(ctx, auth.APIKeyDigest("a"), time.Now()); !errors.Is(err, context.Canceled) {
				t.Errorf("got %v", err)
			}
		}
		callers.Go(gaveUp) // looks up
		synctest.Wait()
		callers.Go(gaveUp) // waits for the first
		callers.Go(func() { wantKey(t, cache, "a", time.Now(), "org_a") })
		synctest.Wait()
		cancel()
		callers.Wait()
	})
}

// All callers that wait for a lookup get its failure. Later callers do not.
func TestAPIKeyCacheSharedFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, answer := range []struct {
			organization string
			err          error
		}{{"", consumer.ErrUnavailable}, {"", nil}} {
			var asked atomic.Int64
			cache := newKeyCache(t, auth.APIKeyCacheOptions{Finder: finderFunc(func(context.Context, [32]byte, time.Time) (string, error) {
				asked.Add(1)
				time.Sleep(time.Second)
				return answer.organization, answer.err
			})})
			fail := func() {
				_, err := cache.OrganizationByAPIKey(t.Context(), auth.APIKeyDigest("a"), time.Now())
				if err == nil || errors.Is(err, consumer.ErrNotFound) || !errors.Is(err, answer.err) && answer.err != nil {
					t.Errorf("got %v", err)
				}
			}
			var callers sync.WaitGroup
			for range 10 {
				callers.Go(fail)
			}
			callers.Wait()
			if asked.Load() != 1 {
				t.Errorf("%d look-ups", asked.Load())
			}
			fail()
			if asked.Load() != 2 {
				t.Errorf("%d look-ups after a failure", asked.Load())
			}
		}
	})
}

func TestAPIKeyCacheFinderPanics(t *testing.T) {
	calls := 0
	cache := newKeyCache(t, auth.APIKeyCacheOptions{Finder: finderFunc(func(context.Context, [32]byte, time.Time) (string, error) {
		if calls++; calls == 1 {
			panic("a bug of the finder")
		}
		return "org_a", nil
	})})
	func() {
		defer func() { _ = recover() }()
		_, _ = cache.OrganizationByAPIKey(t.Context(), auth.APIKeyDigest("a"), noon)
	}()
	wantKey(t, cache, "a", noon, "org_a")
}

func TestNewKeyCacheRefuses(t *testing.T) {
	for option, options := range map[string]auth.APIKeyCacheOptions{
		"Finder":     {},
		"MaxAge":     {Finder: newKeyTable(), MaxAge: -1},
		"MaxEntries": {Finder: newKeyTable(), MaxEntries: -1},
	} {
		if _, err := auth.NewAPIKeyCache(options); err == nil || !strings.Contains(err.Error(), option) {
			t.Errorf("%s: got %v", option, err)
		}
	}
}

// For any order of calls, a result is one that was true at most MaxAge ago.
func TestAPIKeyCacheProperty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const maxAge = 10
		names := []string{"a", "b", "c", "d", "e"}
		var now int64
		history := map[string][]string{} // what was true in each second so far
		table := newKeyTable()
		cache, err := auth.NewAPIKeyCache(auth.APIKeyCacheOptions{Finder: table, MaxAge: maxAge * time.Second, MaxEntries: rapid.IntRange(1, 4).Draw(t, "entries")})
		if err != nil {
			t.Fatal(err)
		}
		record := func() {
			for _, name := range names {
				history[name] = append(history[name][:now], table.keys[auth.APIKeyDigest(name)])
			}
		}
		record()
		t.Repeat(map[string]func(*rapid.T){
			"wait": func(t *rapid.T) {
				for range rapid.IntRange(1, 12).Draw(t, "seconds") {
					now++
					record()
				}
			},
			"change": func(t *rapid.T) {
				name := rapid.SampledFrom(names).Draw(t, "name")
				if digest := auth.APIKeyDigest(name); table.keys[digest] == "" {
					table.keys[digest] = "org_" + name
				} else {
					delete(table.keys, digest)
				}
				now++ // a change takes effect at its second
				record()
			},
			"ask": func(t *rapid.T) {
				name := rapid.SampledFrom(names).Draw(t, "name")
				got, err := cache.OrganizationByAPIKey(t.Context(), auth.APIKeyDigest(name), time.Unix(now, 0))
				if err != nil && !errors.Is(err, consumer.ErrNotFound) {
					t.Fatal(err)
				}
				for at := now; at > now-maxAge && at >= 0; at-- {
					if history[name][at] == got {
						return
					}
				}
				t.Fatalf("%q was not true in the last %d seconds", got, maxAge)
			},
		})
	})
}
