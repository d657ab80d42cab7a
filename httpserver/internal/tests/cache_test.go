package tests_test

import (
	"context"
	"fmt"
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

// exactFeed is an exact change feed whose CatchUp delivers what a test sets.
type exactFeed struct {
	fakeFeed
	tries atomic.Int64
	asked atomic.Int64
	// pendingConsumer is the changed consumer that CatchUp delivers.
	pendingConsumer atomic.Pointer[consumer.Key]
	// pendingChange is the change that CatchUp delivers.
	pendingChange atomic.Pointer[consumer.Change]
	broken        failure
}

func (f *exactFeed) Changes(ctx context.Context, listener consumer.ChangeListener) error {
	f.tries.Add(1)
	return f.fakeFeed.Changes(ctx, listener)
}

func (f *exactFeed) CatchUp(context.Context) error {
	f.asked.Add(1)
	if key := f.pendingConsumer.Swap(nil); key != nil {
		f.Changed(consumer.Change{Consumers: []uint64{key.Hash()}})
	}
	if change := f.pendingChange.Swap(nil); change != nil {
		f.Changed(*change)
	}
	return f.broken.get()
}

// withCache caches documents.
func withCache(feed consumer.ChangeFeed, options httpserver.CacheOptions) func(*httpserver.Options) {
	return func(o *httpserver.Options) { o.Changes, o.Cache = feed, &options }
}

// caching is a world whose documents are cached.
type caching struct {
	*world
	feed  *exactFeed
	begun time.Time
}

// inCachedBubble runs a test in such a world, in which nothing expires by itself.
func inCachedBubble(t *testing.T, options httpserver.CacheOptions, test func(*testing.T, *caching)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		c := &caching{feed: &exactFeed{}, begun: time.Now()}
		var feed consumer.ChangeFeed = c.feed
		if options.MaxStaleness > 0 {
			feed = &c.feed.fakeFeed
		}
		c.world = newWorld(t, withCache(feed, options))
		c.now = func() time.Time { return now.Add(time.Since(c.begun)) }
		synctest.Wait() // until it follows the feed
		test(t, c)
		must(t, c.api.Close())
		if len(c.feed.all()) > 0 {
			t.Error("the API still listens when it is closed")
		}
	})
}

// wantReads asks for the document, and wants the store to have been asked so often in all.
func (c *caching) wantReads(t *testing.T, reads int64, shows string) {
	t.Helper()
	response := c.me()
	if text := body(t, response); response.StatusCode != 200 || !strings.Contains(text, shows) {
		t.Errorf("answered %d %s, want %s", response.StatusCode, text, shows)
	}
	if c.store.asked.Load() != reads {
		t.Errorf("the store was asked %d times, want %d", c.store.asked.Load(), reads)
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
		if diff := cmp.Diff(httpserver.CacheStats{Hits: 2, Misses: 1, Documents: 1, Bytes: c.api.CacheStats().Bytes}, c.api.CacheStats()); diff != "" {
			t.Errorf("stats (-want +got):\n%s", diff)
		}
	})
}

func TestCacheAnswersAsTheStoreWould(t *testing.T) {
	plain := newWorld(t, withPollIntervals(httpserver.PollIntervals{}))
	want := plain.me()
	synctest.Test(t, func(t *testing.T) {
		cached := newWorld(t, withPollIntervals(httpserver.PollIntervals{}), withCache(&exactFeed{}, httpserver.CacheOptions{}))
		synctest.Wait()
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
		if stats := cached.api.CacheStats(); stats.Hits != 2 {
			t.Errorf("%+v", stats)
		}
	})
}

func TestCacheHeedsChanges(t *testing.T) {
	inCachedBubble(t, httpserver.CacheOptions{}, func(t *testing.T, c *caching) {
		c.wantReads(t, 1, `"position":7`)
		c.moveTo(6)
		c.feed.pendingConsumer.Store(&consumer.Key{OrganizationID: org, ConsumerID: "cons_2"})
		c.wantReads(t, 1, `"position":7`) // a change of another consumer
		c.feed.pendingConsumer.Store(&me)
		c.wantReads(t, 2, `"position":6`)
		c.moveTo(5)
		c.feed.Changed(consumer.Change{Consumers: []uint64{me.Hash()}})
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
		if stats := c.api.CacheStats(); stats.Documents != 0 || stats.Bytes != 0 {
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
	synctest.Test(t, func(t *testing.T) {
		feed := &exactFeed{}
		feed.fails.set(consumer.ErrUnavailable)
		w := newWorld(t, withCache(feed, httpserver.CacheOptions{}))
		synctest.Wait()
		w.me()
		w.me()
		if w.store.asked.Load() != 2 {
			t.Errorf("the store was asked %d times", w.store.asked.Load())
		}
		feed.fails.set(nil)
		time.Sleep(time.Second)
		synctest.Wait()
		w.me()
		w.me()
		if w.store.asked.Load() != 3 {
			t.Errorf("the store was asked %d times", w.store.asked.Load())
		}
		must(t, w.api.Close())
		if !strings.Contains(w.log.String(), "the change feed ended") {
			t.Errorf("the loss is not logged:\n%s", w.log)
		}
	})
}

// An outage of the feed is logged when it begins and when it ends, however often the API
// tries to follow the feed in between, and not more often than every 16 seconds.
func TestOutageOfTheFeedIsLoggedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		feed := &exactFeed{}
		feed.fails.set(consumer.ErrUnavailable)
		w := newWorld(t, withCache(feed, httpserver.CacheOptions{}))
		time.Sleep(time.Hour)
		if tries := feed.tries.Load(); tries < 200 || tries > 240 {
			t.Errorf("the API tried to follow %d times in an hour", tries)
		}
		feed.fails.set(nil)
		time.Sleep(16 * time.Second)
		synctest.Wait()
		for range 2 {
			feed.Lost()
			feed.Lost()
			feed.Following()
		}
		must(t, w.api.Close())
		for text, want := range map[string]int{"the change feed ended": 1, "the change feed was lost": 2, "followed again": 3} {
			if got := strings.Count(w.log.String(), text); got != want {
				t.Errorf("%q was logged %d times, want %d", text, got, want)
			}
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
			key := consumer.Key{OrganizationID: org, ConsumerID: fmt.Sprintf("cons_%d", n)}
			c.store.snapshots[key] = consumer.Snapshot{Consumer: consumer.Consumer{OrganizationID: org, ID: key.ConsumerID, CreatedAt: now}}
			ask(key.ConsumerID, c.token(org, key.ConsumerID))
			ask("cons_0", always) // asked for again and again, it stays
			if stats := c.api.CacheStats(); stats.Bytes > room {
				t.Fatalf("it holds %d bytes", stats.Bytes)
			}
		}
		stats := c.api.CacheStats()
		if stats.Documents < 50 || stats.Bytes < room/2 {
			t.Errorf("it holds %+v: it makes little of its room", stats)
		}
		if c.store.asked.Load() != consumers {
			t.Errorf("the store was asked %d times", c.store.asked.Load())
		}
	})
}

func TestCacheDoesNotHoldWhatIsLargerThanItsRoom(t *testing.T) {
	inCachedBubble(t, httpserver.CacheOptions{MaxBytes: 1}, func(t *testing.T, c *caching) {
		c.wantReads(t, 1, `"position":7`)
		c.wantReads(t, 2, `"position":7`)
		if stats := c.api.CacheStats(); stats.Documents != 0 || stats.Bytes != 0 {
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

func (s *slowStore) Snapshot(ctx context.Context, key consumer.Key) (consumer.Snapshot, error) {
	s.begun.Add(1)
	select {
	case <-s.gate:
	case <-ctx.Done():
		return consumer.Snapshot{}, ctx.Err()
	}
	defer func() { <-s.after }()
	return s.Reader.Snapshot(ctx, key)
}

// inHerd runs a test in a world with a slow store.
func inHerd(t *testing.T, test func(t *testing.T, w *world, store *slowStore, feed *exactFeed)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		feed := &exactFeed{}
		store := &slowStore{gate: make(chan struct{}, 1000), after: make(chan struct{}, 1000)}
		w := newWorld(t, withCache(feed, httpserver.CacheOptions{}), func(o *httpserver.Options) {
			store.Reader = &busyStore{fakeStore: o.Store.(*fakeStore)}
			o.Store = store
		})
		synctest.Wait() // until it follows the feed
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
		if response := <-first; response.StatusCode != 499 {
			t.Errorf("the client that left got status %d", response.StatusCode)
		}
		store.gate <- struct{}{}
		store.after <- struct{}{}
		if response := <-second; response.StatusCode != 200 {
			t.Errorf("the client that stayed got status %d", response.StatusCode)
		}
	})
}

// A read that was in progress at a change is neither stored nor shared with later requests.
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
		feed.pendingConsumer.Store(&me)
		after := askInBackground(t.Context(), w)
		synctest.Wait()
		if n := store.begun.Load(); n != 2 {
			t.Fatalf("the store was asked %d times, want 2: a request after the change shares a read from before", n)
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

func TestCacheAfterClose(t *testing.T) {
	inCachedBubble(t, httpserver.CacheOptions{}, func(t *testing.T, c *caching) {
		c.wantReads(t, 1, `"position":7`)
		must(t, c.api.Close())
		must(t, c.api.Close())
		c.wantReads(t, 2, `"position":7`)
		c.wantReads(t, 3, `"position":7`)
	})
}

// A change that the feed doesn't notify of is hidden for MaxAge at most.
func TestCacheForgetsDocumentsOfMaxAge(t *testing.T) {
	for name, test := range map[string]struct {
		options httpserver.CacheOptions
		age     time.Duration
	}{
		"default": {httpserver.CacheOptions{}, 5 * time.Minute},
		"one set": {httpserver.CacheOptions{MaxAge: time.Hour}, time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			inCachedBubble(t, test.options, func(t *testing.T, c *caching) {
				c.wantReads(t, 1, `"position":7`)
				c.moveTo(6)
				time.Sleep(test.age - 1)
				c.wantReads(t, 1, `"position":7`)
				time.Sleep(time.Nanosecond)
				c.wantReads(t, 2, `"position":6`)
				c.wantReads(t, 2, `"position":6`)
			})
		})
	}
}

// collisions are two consumers whose keys have the same hash.
var collisions = []consumer.Key{
	{OrganizationID: org, ConsumerID: "c5870402c4978ca6c"},
	{OrganizationID: otherOrg, ConsumerID: "ca85ab545a067ae77"},
}

// addCollisions adds the two consumers, and returns the credentials of both.
func (w *world) addCollisions() [][]string {
	w.t.Helper()
	if collisions[0].Hash() != collisions[1].Hash() {
		w.t.Fatal("the keys have different hashes")
	}
	var credentials [][]string
	for i, key := range collisions {
		w.store.snapshots[key] = consumer.Snapshot{Consumer: consumer.Consumer{
			OrganizationID: key.OrganizationID, ID: key.ConsumerID, CreatedAt: now, UpdatedAt: now,
		}}
		credentials = append(credentials, []string{
			"X-Publishable-Key", []string{publishable, otherPublishable}[i], "Authorization", "Bearer " + w.token(key.OrganizationID, key.ConsumerID),
		})
	}
	return credentials
}

func TestCacheKeepsConsumersWithOneHashApart(t *testing.T) {
	inCachedBubble(t, httpserver.CacheOptions{}, func(t *testing.T, c *caching) {
		credentials := c.addCollisions()
		for _, i := range []int{0, 0, 1, 1, 0} {
			response := c.do("GET", prefix+"/me", credentials[i]...)
			if text := body(t, response); response.StatusCode != 200 || !strings.HasPrefix(text, `{"id":"`+collisions[i].ConsumerID+`"`) {
				t.Errorf("%s got %d %s", collisions[i].ConsumerID, response.StatusCode, text)
			}
		}
	})
}

func TestReadsOfConsumersWithOneHashAreNotShared(t *testing.T) {
	inHerd(t, func(t *testing.T, w *world, store *slowStore, _ *exactFeed) {
		var responses []<-chan *http.Response
		for _, credentials := range w.addCollisions() {
			response := make(chan *http.Response, 1)
			go func() { response <- do(w.Handler, "GET", prefix+"/me", credentials...) }()
			synctest.Wait()
			responses = append(responses, response)
		}
		if n := store.begun.Load(); n != 2 {
			t.Errorf("the store was asked %d times, want 2", n)
		}
		close(store.gate)
		close(store.after)
		for i, response := range responses {
			if text := body(t, <-response); !strings.HasPrefix(text, `{"id":"`+collisions[i].ConsumerID+`"`) {
				t.Errorf("%s got %s", collisions[i].ConsumerID, text)
			}
		}
	})
}
