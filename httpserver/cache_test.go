package httpserver_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rejoinhq/rejoin/consumer"
	"github.com/rejoinhq/rejoin/httpserver"
)

// exactFeed is a feed that tells everything when it is asked to.
type exactFeed struct {
	fakeFeed
	asked atomic.Int64
	// untold is what it tells next.
	untold atomic.Pointer[consumer.ConsumerKey]
	broken failure
}

func (f *exactFeed) CatchUp() error {
	f.asked.Add(1)
	if key := f.untold.Swap(nil); key != nil {
		f.Changed([]uint64{key.Hash()})
	}
	return f.broken.get()
}

// caching is a world whose documents are cached.
type caching struct {
	*world
	feed  *exactFeed
	cache *httpserver.Cache
	begun time.Time
}

// inCachedBubble runs a test in such a world, in which nothing expires by itself.
func inCachedBubble(t *testing.T, options httpserver.CacheOptions, test func(*testing.T, *caching)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		c := &caching{feed: &exactFeed{}, begun: time.Now()}
		options.Changes = c.feed
		if options.MaxStaleness > 0 {
			options.Changes = &c.feed.fakeFeed
		}
		var err error
		c.cache, err = httpserver.NewCache(options)
		must(t, err)
		synctest.Wait() // until it follows
		c.world = newWorld(t, func(o *httpserver.Options) { o.Cache = c.cache })
		c.now = func() time.Time { return now.Add(time.Since(c.begun)) }
		test(t, c)
		must(t, c.cache.Close())
		if len(c.feed.all()) > 0 {
			t.Error("it still listens when it is closed")
		}
	})
}

// wantReads asks for the document, and wants the store to have been asked so often in all.
func (c *caching) wantReads(t *testing.T, reads int, shows string) {
	t.Helper()
	response := c.me()
	if text := body(t, response); response.StatusCode != 200 || !strings.Contains(text, shows) {
		t.Errorf("answered %d %s, want %s", response.StatusCode, text, shows)
	}
	if c.store.asked != reads {
		t.Errorf("the store was asked %d times, want %d", c.store.asked, reads)
	}
}

func (c *caching) moveTo(position int64) {
	snapshot := c.store.snapshots[me]
	p := snapshot.Participations[0]
	p.Position = &position
	snapshot.Participations = []consumer.Participation{p}
	c.store.snapshots[me] = snapshot
}

func TestCacheSparesTheStore(t *testing.T) {
	inCachedBubble(t, httpserver.CacheOptions{}, func(t *testing.T, c *caching) {
		c.wantReads(t, 1, `"position":7`)
		c.wantReads(t, 1, `"position":7`)
		asked := c.feed.asked.Load()
		c.wantReads(t, 1, `"position":7`)
		if c.feed.asked.Load() != asked+1 {
			t.Error("the feed was not asked whether anything has changed")
		}
		if diff := cmp.Diff(httpserver.CacheStats{Hits: 2, Misses: 1, Documents: 1, Bytes: c.cache.Stats().Bytes}, c.cache.Stats()); diff != "" {
			t.Errorf("stats (-want +got):\n%s", diff)
		}
	})
}

func TestCacheAnswersAsTheStoreWould(t *testing.T) {
	plain := newWorld(t, withPollIntervals(httpserver.PollIntervals{}))
	want := plain.me()
	synctest.Test(t, func(t *testing.T) {
		cache, err := httpserver.NewCache(httpserver.CacheOptions{Changes: &exactFeed{}})
		must(t, err)
		defer cache.Close()
		synctest.Wait()
		cached := newWorld(t, withPollIntervals(httpserver.PollIntervals{}), func(o *httpserver.Options) { o.Cache = cache })
		cached.me()
		got := cached.me()
		if diff := cmp.Diff(withoutRequestID(want.Header), withoutRequestID(got.Header)); diff != "" {
			t.Errorf("header (-store +cache):\n%s", diff)
		}
		if diff := cmp.Diff(body(t, want), body(t, got)); diff != "" {
			t.Errorf("body (-store +cache):\n%s", diff)
		}
		unchanged := cached.me("If-None-Match", got.Header.Get("ETag"))
		if unchanged.StatusCode != 304 || unchanged.Header.Get("X-Poll-Interval") == "" {
			t.Errorf("%d %v", unchanged.StatusCode, unchanged.Header)
		}
		if stats := cache.Stats(); stats.Hits != 2 {
			t.Errorf("%+v", stats)
		}
	})
}

func TestCacheHeedsChanges(t *testing.T) {
	inCachedBubble(t, httpserver.CacheOptions{}, func(t *testing.T, c *caching) {
		c.wantReads(t, 1, `"position":7`)
		c.moveTo(6)
		c.feed.untold.Store(&consumer.ConsumerKey{OrganizationID: org, ConsumerID: "cons_2"})
		c.wantReads(t, 1, `"position":7`) // another's change is none of this one's
		c.feed.untold.Store(&me)
		c.wantReads(t, 2, `"position":6`)
		c.moveTo(5)
		c.feed.Changed([]uint64{me.Hash()})
		c.wantReads(t, 3, `"position":5`)
		c.wantReads(t, 3, `"position":5`)
	})
}

func TestCacheHeedsExpiries(t *testing.T) {
	inCachedBubble(t, httpserver.CacheOptions{}, func(t *testing.T, c *caching) {
		snapshot := c.store.snapshots[me]
		snapshot.Participations[0].ExpiresAt = new(now.Add(10 * time.Second))
		c.wantReads(t, 1, `"position":7`)
		time.Sleep(10*time.Second - time.Nanosecond)
		c.wantReads(t, 1, `"position":7`)
		time.Sleep(time.Nanosecond)
		c.wantReads(t, 2, `"queues":{}`)
		c.wantReads(t, 2, `"queues":{}`)
		c.begun = c.begun.Add(time.Second) // the clock is set back
		c.wantReads(t, 3, `"position":7`)
	})
}

func TestCacheHoldsNothingWhileTheFeedIsLost(t *testing.T) {
	inCachedBubble(t, httpserver.CacheOptions{}, func(t *testing.T, c *caching) {
		c.wantReads(t, 1, `"position":7`)
		c.feed.Lost()
		c.wantReads(t, 2, `"position":7`)
		c.wantReads(t, 3, `"position":7`)
		if stats := c.cache.Stats(); stats.Documents != 0 || stats.Bytes != 0 {
			t.Errorf("it holds %+v", stats)
		}
		c.feed.Following()
		c.wantReads(t, 4, `"position":7`)
		c.wantReads(t, 4, `"position":7`)
		c.feed.broken.set(consumer.ErrUnavailable)
		c.wantReads(t, 5, `"position":7`)
		c.feed.broken.set(nil)
		c.wantReads(t, 5, `"position":7`)
	})
}

func TestCacheOutlivesAFeedThatGivesUp(t *testing.T) {
	var log strings.Builder
	options := httpserver.CacheOptions{Logger: slog.New(slog.NewTextHandler(&log, nil))}
	synctest.Test(t, func(t *testing.T) {
		feed := &exactFeed{}
		feed.fails.set(consumer.ErrUnavailable)
		options.Changes = feed
		cache, err := httpserver.NewCache(options)
		must(t, err)
		defer cache.Close()
		synctest.Wait()
		w := newWorld(t, func(o *httpserver.Options) { o.Cache = cache })
		w.me()
		w.me()
		if w.store.asked != 2 {
			t.Errorf("the store was asked %d times", w.store.asked)
		}
		feed.fails.set(nil)
		time.Sleep(time.Second)
		synctest.Wait()
		w.me()
		w.me()
		if w.store.asked != 3 {
			t.Errorf("the store was asked %d times", w.store.asked)
		}
		if !strings.Contains(log.String(), "the change feed ended") {
			t.Errorf("the log doesn't say so:\n%s", log.String())
		}
	})
}

func TestCacheMayBeStaleForItsBoundOnly(t *testing.T) {
	inCachedBubble(t, httpserver.CacheOptions{MaxStaleness: time.Second}, func(t *testing.T, c *caching) {
		c.wantReads(t, 1, `"position":7`)
		time.Sleep(time.Second)
		c.wantReads(t, 1, `"position":7`)
		time.Sleep(time.Nanosecond)
		c.wantReads(t, 2, `"position":7`) // for a second nothing was confirmed
		c.feed.Confirmed(time.Now().Add(-500 * time.Millisecond))
		c.wantReads(t, 2, `"position":7`)
		time.Sleep(500 * time.Millisecond)
		c.wantReads(t, 2, `"position":7`)
		time.Sleep(time.Nanosecond)
		c.wantReads(t, 3, `"position":7`)
	})
}

func TestCacheIsBounded(t *testing.T) {
	const consumers, room = 600, 256 << 10
	inCachedBubble(t, httpserver.CacheOptions{MaxBytes: room}, func(t *testing.T, c *caching) {
		ask := func(id, token string) {
			t.Helper()
			response := do(c.Handler, "GET", prefix+"/me", "X-Publishable-Key", publishable, "Authorization", "Bearer "+token)
			if text := body(t, response); response.StatusCode != 200 || !strings.HasPrefix(text, `{"id":"`+id+`"`) {
				t.Fatalf("%d %s", response.StatusCode, text)
			}
		}
		always := c.token(org, "cons_0")
		for n := range consumers {
			key := consumer.ConsumerKey{OrganizationID: org, ConsumerID: fmt.Sprintf("cons_%d", n)}
			c.store.snapshots[key] = consumer.Snapshot{Consumer: consumer.Consumer{OrganizationID: org, ID: key.ConsumerID, CreatedAt: now}}
			ask(key.ConsumerID, c.token(org, key.ConsumerID))
			ask("cons_0", always) // asked for again and again, it stays
			if stats := c.cache.Stats(); stats.Bytes > room {
				t.Fatalf("it holds %d bytes", stats.Bytes)
			}
		}
		stats := c.cache.Stats()
		if stats.Documents < 50 || stats.Bytes < room/2 {
			t.Errorf("it holds %+v: it makes little of its room", stats)
		}
		if c.store.asked != consumers {
			t.Errorf("the store was asked %d times", c.store.asked)
		}
	})
}

func TestCacheDoesNotHoldWhatIsLargerThanItsRoom(t *testing.T) {
	inCachedBubble(t, httpserver.CacheOptions{MaxBytes: 1}, func(t *testing.T, c *caching) {
		c.wantReads(t, 1, `"position":7`)
		c.wantReads(t, 2, `"position":7`)
		if stats := c.cache.Stats(); stats.Documents != 0 || stats.Bytes != 0 {
			t.Errorf("it holds %+v", stats)
		}
	})
}

func TestCacheDoesNotHoldRefusals(t *testing.T) {
	inCachedBubble(t, httpserver.CacheOptions{}, func(t *testing.T, c *caching) {
		snapshot := c.store.snapshots[me]
		delete(c.store.snapshots, me)
		if response := c.me(); response.StatusCode != 404 {
			t.Errorf("status %d", response.StatusCode)
		}
		c.store.snapshots[me] = snapshot
		c.wantReads(t, 2, `"position":7`)
	})
}

// slowStore lets reads wait at a gate.
type slowStore struct {
	consumer.Reader
	gate  chan struct{} // a read takes a token before it asks
	after chan struct{} // and another before it returns
	begun atomic.Int64
}

func (s *slowStore) Snapshot(ctx context.Context, organizationID, consumerID string) (consumer.Snapshot, error) {
	s.begun.Add(1)
	select {
	case <-s.gate:
	case <-ctx.Done():
		return consumer.Snapshot{}, ctx.Err()
	}
	defer func() { <-s.after }()
	return s.Reader.Snapshot(ctx, organizationID, consumerID)
}

// inHerd runs a test in a world with a slow store.
func inHerd(t *testing.T, test func(t *testing.T, w *world, store *slowStore, feed *exactFeed)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		feed := &exactFeed{}
		cache, err := httpserver.NewCache(httpserver.CacheOptions{Changes: feed})
		must(t, err)
		defer cache.Close()
		synctest.Wait()
		store := &slowStore{gate: make(chan struct{}, 1000), after: make(chan struct{}, 1000)}
		w := newWorld(t, func(o *httpserver.Options) {
			store.Reader = &busyStore{fakeStore: o.Store.(*fakeStore)}
			o.Store, o.Cache = store, cache
		})
		test(t, w, store, feed)
	})
}

// askInBackground sends the request of the first organization's consumer.
func askInBackground(ctx context.Context, w *world) <-chan *http.Response {
	answer := make(chan *http.Response, 1)
	token := w.token(org, "cons_1")
	go func() {
		h := http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) { w.ServeHTTP(rw, r.WithContext(ctx)) })
		answer <- do(h, "GET", prefix+"/me", "X-Publishable-Key", publishable, "Authorization", "Bearer "+token)
	}()
	return answer
}

func TestCacheAsksOnceForAHerd(t *testing.T) {
	inHerd(t, func(t *testing.T, w *world, store *slowStore, _ *exactFeed) {
		var answers []<-chan *http.Response
		for range 100 {
			answers = append(answers, askInBackground(t.Context(), w))
		}
		synctest.Wait()
		if n := store.begun.Load(); n != 1 {
			t.Errorf("the store was asked %d times", n)
		}
		store.gate <- struct{}{}
		store.after <- struct{}{}
		for _, answer := range answers {
			if response := <-answer; response.StatusCode != 200 {
				t.Errorf("status %d", response.StatusCode)
			}
		}
		if n := store.begun.Load(); n != 1 {
			t.Errorf("the store was asked %d times", n)
		}
	})
}

func TestCacheOutlivesWhoAskedFirst(t *testing.T) {
	inHerd(t, func(t *testing.T, w *world, store *slowStore, _ *exactFeed) {
		ctx, leave := context.WithCancel(t.Context())
		first := askInBackground(ctx, w)
		synctest.Wait()
		second := askInBackground(t.Context(), w)
		synctest.Wait()
		leave()
		if response := <-first; response.StatusCode != 503 {
			t.Errorf("who left is answered %d", response.StatusCode)
		}
		store.gate <- struct{}{}
		store.after <- struct{}{}
		if response := <-second; response.StatusCode != 200 {
			t.Errorf("who stayed is answered %d", response.StatusCode)
		}
	})
}

// What changes while somebody reads is neither held nor told to who asks afterwards.
func TestCacheDoesNotHoldWhatChangedMeanwhile(t *testing.T) {
	inHerd(t, func(t *testing.T, w *world, store *slowStore, feed *exactFeed) {
		before := askInBackground(t.Context(), w)
		synctest.Wait()
		store.gate <- struct{}{} // it has read, and not yet returned
		synctest.Wait()
		snapshot := w.store.snapshots[me]
		p := snapshot.Participations[0]
		p.Position = new(int64(6))
		snapshot.Participations = []consumer.Participation{p}
		w.store.snapshots[me] = snapshot
		feed.untold.Store(&me)
		after := askInBackground(t.Context(), w)
		synctest.Wait()
		if n := store.begun.Load(); n != 2 {
			t.Fatalf("the store was asked %d times: who asks after the change joins a read from before", n)
		}
		store.after <- struct{}{}
		if text := body(t, <-before); !strings.Contains(text, `"position":7`) {
			t.Errorf("before: %s", text)
		}
		store.gate <- struct{}{}
		store.after <- struct{}{}
		if text := body(t, <-after); !strings.Contains(text, `"position":6`) {
			t.Errorf("after: %s", text)
		}
		if text := body(t, <-askInBackground(t.Context(), w)); !strings.Contains(text, `"position":6`) {
			t.Errorf("held: %s", text)
		}
		if n := store.begun.Load(); n != 2 {
			t.Errorf("the store was asked %d times", n)
		}
	})
}

func TestCacheAfterItsEnd(t *testing.T) {
	inCachedBubble(t, httpserver.CacheOptions{}, func(t *testing.T, c *caching) {
		c.wantReads(t, 1, `"position":7`)
		must(t, c.cache.Close())
		must(t, c.cache.Close())
		c.wantReads(t, 2, `"position":7`)
		c.wantReads(t, 3, `"position":7`)
	})
}

func TestCacheOptionsAreChecked(t *testing.T) {
	exact := &exactFeed{}
	for field, options := range map[string]httpserver.CacheOptions{
		"Changes":                 {},
		"MaxBytes":                {Changes: exact, MaxBytes: -1},
		"MaxStaleness":            {Changes: exact, MaxStaleness: -1},
		"MaxStaleness is missing": {Changes: &fakeFeed{}},
	} {
		if cache, err := httpserver.NewCache(options); err == nil || cache != nil || !strings.Contains(err.Error(), "CacheOptions."+field) {
			t.Errorf("%s: the error is %v", field, err)
		}
	}
}

func TestCacheIsOfOneAPI(t *testing.T) {
	cache, err := httpserver.NewCache(httpserver.CacheOptions{Changes: &exactFeed{}})
	must(t, err)
	defer cache.Close()
	options := httpserver.Options{Store: newWorld(t).store, Auth: &fickle{}, Cache: cache}
	_, err = httpserver.New(options)
	must(t, err)
	if _, err := httpserver.New(options); err == nil || !strings.Contains(err.Error(), "Options.Cache") {
		t.Errorf("the error is %v", err)
	}
}
