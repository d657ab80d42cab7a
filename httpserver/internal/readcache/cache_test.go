package readcache_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/rejoinhq/rejoin/httpserver/internal/readcache"
)

// value has a size of its own.
type value struct {
	text string
	size int64
}

type cache = readcache.Cache[string, value]

func newCache(maxBytes int64) *cache {
	return readcache.New[string](readcache.Options[value]{MaxBytes: maxBytes, Size: func(v *value) int64 { return v.size }})
}

func always(*value) bool { return true }

// get reads a key whose value is its own text.
func get(t *testing.T, c *cache, hash uint64, key string, size int64) (shared bool) {
	t.Helper()
	v, shared, err := c.Do(t.Context(), hash, key, always, func() (value, error) { return value{key, size}, nil })
	if err != nil || v.text != key {
		t.Fatalf("Do returned %v, %v; want %s", v, err, key)
	}
	return shared
}

// hashOf spreads numbers over all hashes.
func hashOf(n int) uint64 { return uint64(n+1) * 0x9E3779B97F4A7C15 }

func TestRoundRobinPollingOverASmallCacheHits(t *testing.T) {
	const room, size = 2000, 1800
	for _, keys := range []int{2000, 2200} {
		c := newCache(room * size)
		hits, asked := 0, 0
		for round := range 20 {
			for n := range keys {
				shared := get(t, c, hashOf(n), "key", size)
				if round >= 5 {
					asked++
					if shared {
						hits++
					}
				}
			}
		}
		rate := float64(hits) / float64(asked)
		t.Logf("%d keys over %d: %.3f hits", keys, room, rate)
		if rate < 0.8 {
			t.Errorf("%d keys over a cache for %d: %.3f hits, want at least 0.8", keys, room, rate)
		}
	}
}

func TestSizesAreBounded(t *testing.T) {
	const room = 100_000
	c := newCache(room)
	for n := range 2000 {
		get(t, c, hashOf(n), "key", int64(1+n%1000))
		if c.Bytes() > room {
			t.Fatalf("the cache holds %d bytes of %d", c.Bytes(), room)
		}
	}
	if c.Bytes() < room*8/10 {
		t.Errorf("the cache uses %d bytes of %d", c.Bytes(), room)
	}
}

func TestALargeValueDoesNotEmptyTheCache(t *testing.T) {
	const room, count = 100_000, 400
	for name, size := range map[string]int64{
		"larger than the cache":     room + 1,
		"as large as the cache":     room,
		"half the cache":            room / 2,
		"an eighth of the cache":    room / 8,
		"more than 32 bits can say": 1 << 40,
	} {
		t.Run(name, func(t *testing.T) {
			c := newCache(room)
			for range 3 {
				for n := range count {
					get(t, c, hashOf(n), "key", 200)
				}
			}
			for range 20 {
				get(t, c, hashOf(count), "large", size)
			}
			left := 0
			for n := range count {
				if c.Get(hashOf(n), "key") != nil {
					left++
				}
			}
			if left < count*8/10 {
				t.Errorf("%d of %d values are left", left, count)
			}
			if stored := c.Get(hashOf(count), "large") != nil; stored && size > room/8 {
				t.Error("the large value is stored")
			}
		})
	}
}

func TestKeysWithOneHashAreKeptApart(t *testing.T) {
	c := newCache(1000)
	get(t, c, 1, "a", 1)
	if get(t, c, 1, "b", 1) {
		t.Error("b shares the value of a")
	}
	if c.Get(1, "a") != nil || c.Get(1, "b") == nil {
		t.Error("the cache doesn't hold the newer of two keys with one hash")
	}
}

func TestKeysWithOneHashDoNotShareACall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCache(1000)
		goOn := make(chan struct{})
		go func() {
			_, _, _ = c.Do(t.Context(), 1, "a", always, func() (value, error) {
				<-goOn
				return value{"a", 1}, nil
			})
		}()
		synctest.Wait()
		if get(t, c, 1, "b", 1) {
			t.Error("b shares the read of a")
		}
		close(goOn)
		synctest.Wait()
		if c.Get(1, "b") == nil {
			t.Error("the replaced call of a displaced b")
		}
	})
}

func TestOneReadServesAllWaitingCallers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCache(1000)
		var reads, shares atomic.Int32
		goOn := make(chan struct{})
		for range 10 {
			go func() {
				v, shared, err := c.Do(t.Context(), 1, "a", always, func() (value, error) {
					reads.Add(1)
					<-goOn
					return value{"a", 1}, nil
				})
				if err != nil || v.text != "a" {
					t.Errorf("Do returned %v, %v", v, err)
				}
				if shared {
					shares.Add(1)
				}
			}()
		}
		synctest.Wait()
		close(goOn)
		synctest.Wait()
		if reads.Load() != 1 || shares.Load() != 9 {
			t.Errorf("%d reads and %d shares, want 1 and 9", reads.Load(), shares.Load())
		}
	})
}

func TestAnInvalidatedReadIsNeitherStoredNorShared(t *testing.T) {
	for name, invalidate := range map[string]func(*cache){
		"Invalidate":    func(c *cache) { c.Invalidate(1) },
		"InvalidateAll": (*cache).InvalidateAll,
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				c := newCache(1000)
				goOn := make(chan struct{})
				go func() {
					_, _, _ = c.Do(t.Context(), 1, "a", always, func() (value, error) {
						<-goOn
						return value{"old", 1}, nil
					})
				}()
				synctest.Wait()
				invalidate(c)
				if get(t, c, 1, "a", 1) {
					t.Error("a read that began before is shared")
				}
				close(goOn)
				synctest.Wait()
				if v := c.Get(1, "a"); v == nil || v.text != "a" {
					t.Errorf("the cache holds %v", v)
				}
				invalidate(c)
				if c.Get(1, "a") != nil || c.Len() != 0 || c.Bytes() != 0 {
					t.Errorf("the cache holds %d values of %d bytes", c.Len(), c.Bytes())
				}
			})
		})
	}
}

func TestAReadThatEndsAfterAnInvalidationIsNotStored(t *testing.T) {
	c := newCache(1000)
	_, _, err := c.Do(t.Context(), 1, "a", always, func() (value, error) {
		c.Invalidate(1)
		return value{"old", 1}, nil
	})
	if err != nil || c.Get(1, "a") != nil {
		t.Errorf("the cache holds %v, error %v", c.Get(1, "a"), err)
	}
}

func TestFailures(t *testing.T) {
	failure := errors.New("failure")
	read := func(c *cache, ctx context.Context, read func() (value, error)) error {
		_, _, err := c.Do(ctx, 1, "a", func(*value) bool { return false }, read)
		return err
	}
	t.Run("a failure is shared, and nothing is stored", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			c := newCache(1000)
			get(t, c, 1, "a", 1)
			goOn := make(chan struct{})
			for range 2 {
				go func() {
					if err := read(c, t.Context(), func() (value, error) { <-goOn; return value{}, failure }); !errors.Is(err, failure) {
						t.Errorf("Do returned %v", err)
					}
				}()
			}
			synctest.Wait()
			close(goOn)
			synctest.Wait()
			if c.Len() != 0 {
				t.Error("a value is stored")
			}
		})
	})
	t.Run("the caller that reads leaves, and another one reads", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			c := newCache(1000)
			ctx, leave := context.WithCancel(t.Context())
			go func() {
				err := read(c, ctx, func() (value, error) {
					<-ctx.Done()
					return value{}, errors.New("connection closed") // some drivers say no more
				})
				if err == nil {
					t.Error("no error for the caller that left")
				}
			}()
			synctest.Wait()
			done := make(chan error)
			go func() {
				_, _, err := c.Do(t.Context(), 1, "a", always, func() (value, error) { return value{"a", 1}, nil })
				done <- err
			}()
			synctest.Wait()
			leave()
			if err := <-done; err != nil {
				t.Errorf("the caller that stayed: %v", err)
			}
		})
	})
	t.Run("a caller that waits leaves", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			c := newCache(1000)
			goOn := make(chan struct{})
			go func() { _ = read(c, t.Context(), func() (value, error) { <-goOn; return value{}, nil }) }()
			synctest.Wait()
			ctx, leave := context.WithCancel(t.Context())
			leave()
			if err := read(c, ctx, nil); !errors.Is(err, context.Canceled) {
				t.Errorf("Do returned %v", err)
			}
			close(goOn)
		})
	})
	t.Run("a panic fails the others", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			c := newCache(1000)
			goOn := make(chan struct{})
			go func() {
				defer func() {
					if recover() == nil {
						t.Error("the panic is swallowed")
					}
				}()
				_ = read(c, t.Context(), func() (value, error) { <-goOn; panic("a bug") })
			}()
			synctest.Wait()
			go func() {
				if err := read(c, t.Context(), nil); err == nil {
					t.Error("the other caller gets no error")
				}
			}()
			synctest.Wait()
			close(goOn)
		})
	})
}

func TestReplace(t *testing.T) {
	c := newCache(1000)
	get(t, c, 1, "a", 1)
	old := c.Get(1, "a")
	if v := c.Replace(1, "a", old, value{"newer", 2}); v.text != "newer" || c.Get(1, "a") != v || c.Bytes() != 2 {
		t.Errorf("the cache holds %v", c.Get(1, "a"))
	}
	if v := c.Replace(1, "a", old, value{"outdated", 1}); v != nil || c.Get(1, "a").text != "newer" {
		t.Errorf("Replace returned %v, and the cache holds %v", v, c.Get(1, "a"))
	}
	newer := c.Get(1, "a")
	c.Invalidate(1)
	if v := c.Replace(1, "a", newer, value{"outdated", 1}); v != nil || c.Get(1, "a") != nil {
		t.Errorf("Replace returned %v for an invalidated value", v)
	}
}

func BenchmarkGet(b *testing.B) {
	const keys = 10_000
	c := newCache(64 << 20)
	for n := range keys {
		_, _, _ = c.Do(b.Context(), hashOf(n), "key", always, func() (value, error) { return value{"key", 1800}, nil })
	}
	b.ReportAllocs()
	b.RunParallel(func(p *testing.PB) {
		for n := 0; p.Next(); n++ {
			c.Get(hashOf(n%keys), "key")
		}
	})
}
