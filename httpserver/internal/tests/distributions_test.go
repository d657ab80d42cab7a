package tests_test

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rejoinhq/rejoin/consumer"
	"github.com/rejoinhq/rejoin/httpserver"
)

// queueKey is the queue that the first organization's consumer is in.
var queueKey = consumer.DistributionKey{OrganizationID: org, Type: consumer.Queue, ID: "queue_1"}

// movedBy is a change of distributions only.
func movedBy(keys ...consumer.DistributionKey) consumer.Change {
	var change consumer.Change
	for _, key := range keys {
		change.Distributions = append(change.Distributions, key.Hash())
	}
	return change
}

// queue is the record of the queue with so many tickets called.
func queue(serving int64, edits ...func(*consumer.Distribution)) consumer.Distribution {
	d := consumer.Distribution{OrganizationID: org, Type: consumer.Queue, ID: "queue_1", Serving: &serving, UpdatedAt: now}
	for _, edit := range edits {
		edit(&d)
	}
	return d
}

func endingAt(at time.Time) func(*consumer.Distribution) {
	return func(d *consumer.Distribution) { d.EndedAt = &at }
}

// member makes a consumer a member of the queue, with a ticket.
func member(id string, ticket int64) consumer.Snapshot {
	return consumer.Snapshot{
		Consumer: consumer.Consumer{OrganizationID: org, ID: id, CreatedAt: now, UpdatedAt: now},
		Participations: []consumer.Participation{{
			OrganizationID: org, ConsumerID: id, Type: consumer.Queue, ID: "queue_1", ExperienceID: "exp_1", SequenceID: "seq_1",
			Status: consumer.StatusQueued, EnteredAt: now, Ticket: &ticket, UpdatedAt: now,
		}},
	}
}

// inQueueBubble runs a test in a world with a cache, whose consumer has ticket 10 in a queue
// that has called 2.
func inQueueBubble(t *testing.T, test func(*testing.T, *caching)) {
	t.Helper()
	inCachedBubble(t, httpserver.CacheOptions{}, func(t *testing.T, c *caching) {
		c.store.snapshots[me] = member("cons_1", 10)
		c.store.distributions[queueKey] = queue(2)
		test(t, c)
	})
}

// put writes the record of a distribution. The feed delivers the change at the next CatchUp.
func (c *caching) put(d consumer.Distribution) {
	c.store.distributions[d.Key()] = d
	change := movedBy(d.Key())
	c.feed.pendingChange.Store(&change)
}

// wantDistributionReads wants the record of a distribution to have been read so often.
func (c *caching) wantDistributionReads(t *testing.T, want int64) {
	t.Helper()
	if c.store.distributionsAsked.Load() != want {
		t.Errorf("records of distributions were read %d times, want %d", c.store.distributionsAsked.Load(), want)
	}
}

func TestMovedQueueIsReadOnceForAllMembers(t *testing.T) {
	inQueueBubble(t, func(t *testing.T, c *caching) {
		const members = 50
		position := func(n int) string {
			r := do(c.Handler, "GET", prefix+"/me", "X-Publishable-Key", publishable, "Authorization", "Bearer "+c.token(org, fmt.Sprintf("member_%d", n)))
			_, position, _ := strings.Cut(body(t, r), `"position":`)
			position, _, _ = strings.Cut(position, ",")
			return position
		}
		for n := range members {
			id := fmt.Sprintf("member_%d", n)
			c.store.snapshots[consumer.Key{OrganizationID: org, ConsumerID: id}] = member(id, int64(100+n))
		}
		for serving := int64(3); serving < 6; serving++ {
			c.put(queue(serving))
			for n := range members {
				if got, want := position(n), fmt.Sprint(100+int64(n)-serving-1); got != want {
					t.Fatalf("member %d has position %s while serving %d, want %s", n, got, serving, want)
				}
			}
		}
		if c.store.asked.Load() != members {
			t.Errorf("the store read %d snapshots, want %d", c.store.asked.Load(), members)
		}
		c.wantDistributionReads(t, 2) // the first move came before anything was read
		if stats := c.api.CacheStats(); stats.Hits != 2*members || stats.Misses != members {
			t.Errorf("stats %+v", stats)
		}
	})
}

func TestDocumentFollowsItsDistributions(t *testing.T) {
	inQueueBubble(t, func(t *testing.T, c *caching) {
		c.wantReads(t, 1, `"position":7`)
		c.put(queue(9))
		c.wantReads(t, 1, `"position":0`)
		c.put(queue(9, endingAt(now)))
		c.wantReads(t, 1, `"queues":{}`)
		c.put(queue(9)) // open again
		c.wantReads(t, 1, `"position":0`)
		c.put(queue(5, endingAt(now.Add(time.Second))))
		c.wantReads(t, 1, `"position":4`)
		c.wantDistributionReads(t, 4)
		time.Sleep(time.Second)
		c.wantReads(t, 2, `"queues":{}`)
		delete(c.store.distributions, queueKey)
		c.feed.pendingChange.Store(new(movedBy(queueKey)))
		c.wantReads(t, 2, `"position":null`)
		c.put(queue(1))
		c.wantReads(t, 2, `"position":8`)
	})
	t.Run("a record that comes later", func(t *testing.T) {
		inQueueBubble(t, func(t *testing.T, c *caching) {
			delete(c.store.distributions, queueKey)
			c.wantReads(t, 1, `"position":null`)
			c.put(queue(1))
			c.wantReads(t, 1, `"position":8`)
		})
	})
	t.Run("the winner of an auction", func(t *testing.T) {
		inQueueBubble(t, func(t *testing.T, c *caching) {
			auction := consumer.DistributionKey{OrganizationID: org, Type: consumer.Auction, ID: "auction_1"}
			for _, id := range []string{"cons_1", "cons_2"} {
				s := member(id, 1)
				s.Participations[0].Type, s.Participations[0].ID, s.Participations[0].Ticket = consumer.Auction, "auction_1", nil
				s.Participations[0].Status = consumer.StatusWinning
				c.store.snapshots[consumer.Key{OrganizationID: org, ConsumerID: id}] = s
			}
			other := []string{"X-Publishable-Key", publishable, "Authorization", "Bearer " + c.token(org, "cons_2")}
			c.wantReads(t, 1, `"status":"WINNING"`)
			body(t, do(c.Handler, "GET", prefix+"/me", other...))
			c.put(consumer.Distribution{OrganizationID: org, Type: auction.Type, ID: auction.ID, EndedAt: new(now), WinnerID: new("cons_1"), UpdatedAt: now})
			c.wantReads(t, 3, `"status":"WINNING"`)
			if text := body(t, do(c.Handler, "GET", prefix+"/me", other...)); !strings.Contains(text, `"auctions":{}`) {
				t.Errorf("the loser sees %s", text)
			}
		})
	})
	t.Run("an admitted member needs no record", func(t *testing.T) {
		inQueueBubble(t, func(t *testing.T, c *caching) {
			s := member("cons_1", 10)
			s.Participations[0] = holding(s.Participations[0])
			s.Participations[0].Status = consumer.StatusAdmitted
			c.store.snapshots[me] = s
			c.wantReads(t, 1, `"status":"ADMITTED"`)
			c.put(queue(3, endingAt(now)))
			c.wantReads(t, 1, `"status":"ADMITTED"`)
			c.wantDistributionReads(t, 0)
		})
	})
	t.Run("a store that cannot read a record alone", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			feed := &exactFeed{}
			w := newWorld(t, withCache(feed, httpserver.CacheOptions{}), func(o *httpserver.Options) {
				o.Store = struct{ consumer.Reader }{o.Store}
			})
			synctest.Wait()
			w.store.snapshots[me], w.store.distributions[queueKey] = member("cons_1", 10), queue(2)
			body(t, w.me())
			w.store.distributions[queueKey] = queue(3)
			feed.pendingChange.Store(new(movedBy(queueKey)))
			if text := body(t, w.me()); !strings.Contains(text, `"position":6`) || w.store.asked.Load() != 2 {
				t.Errorf("after %d reads: %s", w.store.asked.Load(), text)
			}
		})
	})
	t.Run("a record that cannot be read", func(t *testing.T) {
		inQueueBubble(t, func(t *testing.T, c *caching) {
			c.wantReads(t, 1, `"position":7`)
			c.put(queue(3))
			c.store.err = consumer.ErrUnavailable
			if response := c.me(); response.StatusCode != 503 {
				t.Errorf("status %d", response.StatusCode)
			}
			c.store.err = nil
			c.wantReads(t, 1, `"position":6`)
		})
	})
	t.Run("other queues", func(t *testing.T) {
		inQueueBubble(t, func(t *testing.T, c *caching) {
			c.wantReads(t, 1, `"position":7`)
			for n := range 20 {
				c.put(consumer.Distribution{OrganizationID: org, Type: consumer.Queue, ID: fmt.Sprint(n), UpdatedAt: now})
				c.wantReads(t, 1, `"position":7`)
			}
			if c.store.distributionsAsked.Load() > 3 { // some may share its slot
				t.Errorf("records were read %d times", c.store.distributionsAsked.Load())
			}
		})
	})
}

// hookedStore calls a function in each read of a record.
type hookedStore struct {
	*fakeStore
	reading func()
}

func (s *hookedStore) Distribution(ctx context.Context, key consumer.DistributionKey) (consumer.Distribution, error) {
	if s.reading != nil {
		s.reading()
	}
	return s.fakeStore.Distribution(ctx, key)
}

// inHookedBubble runs a test with such a store, a document of which is cached.
func inHookedBubble(t *testing.T, test func(t *testing.T, w *world, store *hookedStore, feed *exactFeed)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		feed, store := &exactFeed{}, &hookedStore{}
		w := newWorld(t, withCache(feed, httpserver.CacheOptions{}), func(o *httpserver.Options) {
			store.fakeStore = o.Store.(*fakeStore)
			o.Store = store
		})
		synctest.Wait()
		w.store.snapshots[me], w.store.distributions[queueKey] = member("cons_1", 10), queue(2)
		body(t, w.me())
		w.store.distributions[queueKey] = queue(3)
		feed.pendingChange.Store(new(movedBy(queueKey)))
		test(t, w, store, feed)
	})
}

// A write that changes a distribution and a consumer shows in whole, also when it comes
// while the record of the distribution is read.
func TestWriteOfMemberAndDistributionShowsInWhole(t *testing.T) {
	inHookedBubble(t, func(t *testing.T, w *world, store *hookedStore, feed *exactFeed) {
		store.reading = func() {
			store.reading = nil
			w.store.snapshots[me], w.store.distributions[queueKey] = member("cons_1", 20), queue(4)
			change := movedBy(queueKey)
			change.Consumers = []uint64{me.Hash()}
			feed.pendingChange.Store(&change)
		}
		if text := body(t, w.me()); !strings.Contains(text, `"position":15`) {
			t.Errorf("ticket 20 while serving 4 shows as %s", text)
		}
	})
}

// A record whose read began before the last move is used only by those who asked before.
func TestRecordThatMovesWhileItIsReadIsReadAgain(t *testing.T) {
	inHookedBubble(t, func(t *testing.T, w *world, store *hookedStore, feed *exactFeed) {
		goOn := make(chan struct{})
		outdated := w.store.distributions[queueKey]
		store.reading = func() {
			store.reading = nil
			<-goOn
			w.store.distributions[queueKey] = outdated
		}
		token := w.token(org, "cons_1")
		ask := func() string {
			return body(t, do(w.Handler, "GET", prefix+"/me", "X-Publishable-Key", publishable, "Authorization", "Bearer "+token))
		}
		first := make(chan string)
		go func() { first <- ask() }()
		synctest.Wait()
		newest := queue(5)
		w.store.distributions[queueKey] = newest
		feed.pendingChange.Store(new(movedBy(queueKey)))
		if text := ask(); !strings.Contains(text, `"position":4`) {
			t.Errorf("after the move: %s", text)
		}
		close(goOn)
		<-first
		w.store.distributions[queueKey] = newest
		if text := ask(); !strings.Contains(text, `"position":4`) {
			t.Errorf("after the outdated read: %s", text)
		}
	})
}

func TestStreamsOfAMovedQueue(t *testing.T) {
	const members = 16
	inBubble(t, func(t *testing.T, s *streaming) {
		s.store.distributions[queueKey] = queue(2)
		var clients []*client
		for n := range members {
			id := fmt.Sprintf("member_%d", n)
			s.store.snapshots[consumer.Key{OrganizationID: org, ConsumerID: id}] = member(id, int64(100+n))
			c := s.streamThrough(func(w http.ResponseWriter) http.ResponseWriter { return w },
				"X-Publishable-Key", publishable, "Authorization", "Bearer "+s.token(org, id))
			c.wantPosition(t, fmt.Sprint(100+n-3))
			clients = append(clients, c)
		}
		s.change(func(p *consumer.Participation) { p.ID = "queue_2" })
		outsider := s.stream()
		outsider.wantPosition(t, "7")
		put := func(d consumer.Distribution) {
			s.meanwhile(func() { s.store.distributions[queueKey] = d })
			s.feed.Changed(movedBy(queueKey))
		}
		put(queue(2)) // which reads the documents into the cache that streams share
		time.Sleep(5 * time.Second)
		synctest.Wait()
		asked := s.store.asked.Load()

		// One move after a pause reaches all within two seconds, but not all at once.
		put(queue(3))
		reached, instants := make(map[int]bool), 0
		for range 20 {
			time.Sleep(100 * time.Millisecond)
			before := len(reached)
			for n, c := range clients {
				for _, e := range c.news() {
					if !strings.Contains(e.Data, fmt.Sprintf(`"position":%d,`, 100+n-4)) || reached[n] {
						t.Errorf("member %d got %+v", n, e)
					}
					reached[n] = true
				}
			}
			if len(reached) > before {
				instants++
			}
		}
		if len(reached) != members || instants < 5 {
			t.Errorf("%d of %d were notified, in %d of 20 intervals", len(reached), members, instants)
		}

		// A queue that moves ten times a second is followed every two seconds.
		put(queue(4))
		time.Sleep(2 * time.Second)
		for _, c := range clients {
			c.news()
		}
		last := make([]time.Time, members)
		counts := make([]int, members)
		for serving := int64(5); serving < 65; serving++ {
			put(queue(serving))
			time.Sleep(100 * time.Millisecond)
			for n, c := range clients {
				for range c.news() {
					if pause := time.Since(last[n]); !last[n].IsZero() && pause < 1900*time.Millisecond {
						t.Errorf("member %d got two events within %s", n, pause)
					}
					last[n] = time.Now()
					counts[n]++
				}
			}
		}
		for n := range members {
			if counts[n] < 2 || counts[n] > 4 {
				t.Errorf("member %d got %d events in six seconds", n, counts[n])
			}
		}
		time.Sleep(2 * time.Second)
		for _, c := range clients {
			c.news()
		}

		// An end is no change of position.
		put(queue(65, endingAt(now)))
		for n, c := range clients {
			if news := c.news(); len(news) != 1 || !strings.Contains(news[0].Data, `"queues":{}`) {
				t.Errorf("member %d got %+v at the end", n, news)
			}
		}
		put(queue(66)) // and neither is a new beginning
		for n, c := range clients {
			if news := c.news(); len(news) != 1 || !strings.Contains(news[0].Data, fmt.Sprintf(`"position":%d,`, max(0, 100+n-67))) {
				t.Errorf("member %d got %+v at the new beginning", n, news)
			}
		}
		if s.store.asked.Load() != asked {
			t.Errorf("%d snapshots were read", s.store.asked.Load()-asked)
		}
		if reads := s.store.distributionsAsked.Load(); reads > 65 {
			t.Errorf("the record was read %d times in 65 moves", reads)
		}
		outsider.wantNews(t, heartbeat)
	}, func(o *httpserver.Options) { o.Heartbeat = 16 * time.Second })
}

// A change of the consumer's own records is sent at once, whatever its queue does.
func TestStreamOfAMemberIsWokenAtOnceByItsOwnRecords(t *testing.T) {
	inBubble(t, func(t *testing.T, s *streaming) {
		s.store.snapshots[me], s.store.distributions[queueKey] = member("cons_1", 10), queue(2)
		c := s.stream()
		c.wantPosition(t, "7")
		s.meanwhile(func() { s.store.distributions[queueKey] = queue(3) })
		s.feed.Changed(movedBy(queueKey))
		c.wantNews(t)
		s.meanwhile(func() { s.store.snapshots[me] = member("cons_1", 20) })
		s.feed.Changed(consumer.Change{Consumers: []uint64{me.Hash()}})
		c.wantPosition(t, "16")
		time.Sleep(3 * time.Second)
		c.wantNews(t)
		// Out of the queue, the stream doesn't follow it any more.
		s.meanwhile(func() {
			s.store.snapshots[me] = consumer.Snapshot{Consumer: s.store.snapshots[me].Consumer}
		})
		s.feed.Changed(consumer.Change{Consumers: []uint64{me.Hash()}})
		if news := c.news(); len(news) != 1 {
			t.Errorf("got %+v", news)
		}
		asked := s.store.distributionsAsked.Load()
		s.feed.Changed(movedBy(queueKey))
		time.Sleep(3 * time.Second)
		c.wantNews(t)
		if s.store.distributionsAsked.Load() != asked {
			t.Error("the record of a queue without members was read")
		}
	})
}

// In virtual time, writers change consumers, queues and both at once, reads take a while,
// and the feed notifies late. No response is older than its bound, and in an exact cache
// each shows all of a write or nothing.
func TestNoResponseIsOlderThanItsBoundWithDistributions(t *testing.T) {
	for name, bound := range map[string]time.Duration{"exact": 0, "one second": time.Second} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { newQueueRace(t, bound).run() })
		})
	}
}

const (
	queueRaceConsumers = 6
	queueRaceQueues    = 2
)

// queueRace is a store, its feed, writers and readers. Consumer c is in queue c%2. Its full
// name is the number of the last write about it, and its queue's serving the number of the
// last write about that.
type queueRace struct {
	*world
	t     *testing.T
	bound time.Duration
	feed  consumer.ChangeFeed

	mu      sync.Mutex
	names   [queueRaceConsumers]int64
	serving [queueRaceQueues]int64
	writes  []committed
	// pending are the changes that the feed has not delivered yet.
	pending  consumer.Change
	listener consumer.ChangeListener
}

// committed is the state after a write.
type committed struct {
	at      time.Time
	names   [queueRaceConsumers]int64
	serving [queueRaceQueues]int64
}

// deliveryMu orders the calls to the listener.
var deliveryMu sync.Mutex

type queueRaceFeed struct{ r *queueRace }

func (f queueRaceFeed) Changes(ctx context.Context, l consumer.ChangeListener) error {
	l.Following()
	f.r.mu.Lock()
	f.r.listener = l
	f.r.mu.Unlock()
	<-ctx.Done()
	return ctx.Err()
}

type exactQueueRaceFeed struct{ queueRaceFeed }

func (f exactQueueRaceFeed) CatchUp(context.Context) error { return f.r.deliver() }

func newQueueRace(t *testing.T, bound time.Duration) *queueRace {
	r := &queueRace{t: t, bound: bound}
	r.writes = []committed{{at: time.Now().Add(-time.Hour)}}
	options := httpserver.CacheOptions{MaxStaleness: bound, MaxBytes: 30_000}
	r.feed = queueRaceFeed{r}
	if bound == 0 {
		r.feed = exactQueueRaceFeed{queueRaceFeed{r}}
	}
	r.world = newWorld(t, withCache(r.feed, options), func(o *httpserver.Options) { o.Store = r })
	synctest.Wait()
	return r
}

// deliver delivers the pending changes. When it returns, every change that was committed before
// the call has been delivered.
func (r *queueRace) deliver() error {
	deliveryMu.Lock()
	defer deliveryMu.Unlock()
	began := time.Now()
	r.mu.Lock()
	change, listener := r.pending, r.listener
	r.pending = consumer.Change{}
	r.mu.Unlock()
	if listener == nil {
		return consumer.ErrUnavailable
	}
	listener.Changed(change)
	listener.Confirmed(began)
	return nil
}

func pauseFor(longest time.Duration) { time.Sleep(rand.N(longest)) }

// Snapshot takes a while before and after it reads.
func (r *queueRace) Snapshot(_ context.Context, key consumer.Key) (consumer.Snapshot, error) {
	var c int
	_, _ = fmt.Sscanf(key.ConsumerID, "cons_%d", &c)
	pauseFor(5 * time.Millisecond)
	defer pauseFor(5 * time.Millisecond)
	r.mu.Lock()
	defer r.mu.Unlock()
	s := member(key.ConsumerID, 1<<40)
	s.Participations[0].ID = fmt.Sprintf("queue_%d", c%queueRaceQueues)
	s.Consumer.FullName = new(fmt.Sprint(r.names[c]))
	s.Distributions = []consumer.Distribution{r.distribution(c % queueRaceQueues)}
	return s, nil
}

func (r *queueRace) Consumer(ctx context.Context, key consumer.Key) (consumer.Consumer, error) {
	s, err := r.Snapshot(ctx, key)
	return s.Consumer, err
}

func (r *queueRace) Distribution(_ context.Context, key consumer.DistributionKey) (consumer.Distribution, error) {
	var q int
	_, _ = fmt.Sscanf(key.ID, "queue_%d", &q)
	pauseFor(3 * time.Millisecond)
	defer pauseFor(3 * time.Millisecond)
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.distribution(q), nil
}

// distribution is the record of a queue. The caller holds the lock.
func (r *queueRace) distribution(q int) consumer.Distribution {
	return consumer.Distribution{OrganizationID: org, Type: consumer.Queue, ID: fmt.Sprintf("queue_%d", q), Serving: new(r.serving[q]), UpdatedAt: now}
}

// write writes about some consumers and queues at once.
func (r *queueRace) write(consumers, queues []int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := int64(len(r.writes))
	for _, c := range consumers {
		r.names[c] = n
		r.pending.Consumers = append(r.pending.Consumers, consumer.Key{OrganizationID: org, ConsumerID: fmt.Sprintf("cons_%d", c)}.Hash())
	}
	for _, q := range queues {
		r.serving[q] = n
		r.pending.Distributions = append(r.pending.Distributions, r.distribution(q).Key().Hash())
	}
	r.writes = append(r.writes, committed{time.Now(), r.names, r.serving})
}

// before is the state at a time.
func (r *queueRace) before(at time.Time) committed {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := len(r.writes) - 1
	for n > 0 && r.writes[n].at.After(at) {
		n--
	}
	return r.writes[n]
}

func (r *queueRace) run() {
	stop := time.Now().Add(8 * time.Second)
	goesOn := func() bool { return time.Now().Before(stop) }
	var all sync.WaitGroup
	all.Go(func() {
		for goesOn() {
			switch c := rand.IntN(queueRaceConsumers); rand.IntN(3) {
			case 0:
				r.write([]int{c}, nil)
			case 1:
				r.write(nil, []int{c % queueRaceQueues})
			default:
				r.write([]int{c}, []int{c % queueRaceQueues})
			}
			pauseFor(8 * time.Millisecond)
		}
	})
	all.Go(func() {
		for goesOn() {
			pauseFor(200 * time.Millisecond)
			_ = r.deliver()
		}
	})
	var headers [queueRaceConsumers][]string
	for c := range headers {
		headers[c] = []string{"X-Publishable-Key", publishable, "Authorization", "Bearer " + r.token(org, fmt.Sprintf("cons_%d", c))}
	}
	for range 8 {
		all.Go(func() {
			for goesOn() {
				r.read(rand.IntN(queueRaceConsumers), headers[:])
				pauseFor(5 * time.Millisecond)
			}
		})
	}
	all.Wait()
	stats := r.api.CacheStats()
	r.t.Logf("%d writes, %+v", len(r.writes), stats)
	if stats.Hits < stats.Misses/10 {
		r.t.Errorf("the cache was hardly used: %+v", stats)
	}
}

// read checks one response.
func (r *queueRace) read(c int, headers [][]string) {
	oldest := r.before(time.Now().Add(-r.bound))
	response := do(r.Handler, "GET", prefix+"/me", headers[c]...)
	var document struct {
		FullName string
		Active   struct {
			Queues map[string]struct{ Position int64 }
		}
	}
	if err := json.NewDecoder(response.Body).Decode(&document); err != nil || response.StatusCode != 200 {
		r.t.Errorf("status %d, error %v", response.StatusCode, err)
		return
	}
	q := c % queueRaceQueues
	var name int64
	_, _ = fmt.Sscan(document.FullName, &name)
	serving := int64(1<<40) - 1 - document.Active.Queues[fmt.Sprintf("queue_%d", q)].Position
	if name < oldest.names[c] || serving < oldest.serving[q] {
		r.t.Errorf("consumer %d shows writes %d and %d, want at least %d and %d", c, name, serving, oldest.names[c], oldest.serving[q])
	}
	if r.bound > 0 {
		return
	}
	// There was a time at which both were the last writes.
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, w := range r.writes {
		if w.names[c] == name && w.serving[q] == serving {
			return
		}
	}
	r.t.Errorf("consumer %d shows writes %d and %d, which were never the last ones at once", c, name, serving)
}
