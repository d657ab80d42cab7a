package tests_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rejoinhq/rejoin/auth"
	"github.com/rejoinhq/rejoin/auth/authtest"
	"github.com/rejoinhq/rejoin/consumer"
	"github.com/rejoinhq/rejoin/httpserver"
)

// fakeFeed is a change feed whose notifications a test sends.
type fakeFeed struct {
	// fails makes it give up at once.
	fails failure

	mu        sync.Mutex
	listeners []consumer.ChangeListener
}

func (f *fakeFeed) Changes(ctx context.Context, listener consumer.ChangeListener) error {
	if err := f.fails.get(); err != nil {
		return err
	}
	f.mu.Lock()
	f.listeners = append(f.listeners, listener)
	f.mu.Unlock()
	listener.Following()
	<-ctx.Done()
	f.mu.Lock()
	defer f.mu.Unlock()
	f.listeners = slices.DeleteFunc(f.listeners, func(l consumer.ChangeListener) bool { return l == listener })
	return ctx.Err()
}

func (f *fakeFeed) all() []consumer.ChangeListener {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.listeners)
}

func (f *fakeFeed) Following() {
	for _, l := range f.all() {
		l.Following()
	}
}

func (f *fakeFeed) Lost() {
	for _, l := range f.all() {
		l.Lost()
	}
}

func (f *fakeFeed) Confirmed(moment time.Time) {
	for _, l := range f.all() {
		l.Confirmed(moment)
	}
}

func (f *fakeFeed) Changed(change consumer.Change) {
	for _, l := range f.all() {
		l.Changed(change)
	}
}

// failure is an error that a test sets while others run into it.
type failure struct{ atomic.Pointer[error] }

func (f *failure) set(err error) { f.Store(&err) }

func (f *failure) get() error {
	if err := f.Load(); err != nil {
		return *err
	}
	return nil
}

// busyStore is a store that a test changes while others read.
type busyStore struct {
	mu sync.Mutex
	*fakeStore
}

func (s *busyStore) Snapshot(ctx context.Context, key consumer.Key) (consumer.Snapshot, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.fakeStore.Snapshot(ctx, key)
}

func (s *busyStore) Distribution(ctx context.Context, key consumer.DistributionKey) (consumer.Distribution, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.fakeStore.Distribution(ctx, key)
}

// streaming is a world with a change feed, in a bubble in which time passes only when
// everybody waits.
type streaming struct {
	*world
	feed *fakeFeed
	busy *busyStore
}

// inBubble runs a test in such a world.
func inBubble(t *testing.T, test func(*testing.T, *streaming), change ...func(*httpserver.Options)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		begun := time.Now()
		s := &streaming{feed: &fakeFeed{}, busy: &busyStore{}}
		s.world = newWorld(t, append([]func(*httpserver.Options){func(o *httpserver.Options) {
			o.Changes, s.busy.fakeStore = s.feed, o.Store.(*fakeStore)
			o.Store = s.busy
		}}, change...)...)
		s.now = func() time.Time { return now.Add(time.Since(begun)) }
		test(t, s)
		must(t, s.api.Close())
		synctest.Wait()
		if len(s.feed.all()) > 0 {
			t.Error("the API still listens when it is closed")
		}
	})
}

// meanwhile changes the store while others read it.
func (s *streaming) meanwhile(change func()) {
	s.busy.mu.Lock()
	defer s.busy.mu.Unlock()
	change()
}

// lockedRecorder is one that a test reads while a handler writes.
type lockedRecorder struct {
	mu sync.Mutex
	*httptest.ResponseRecorder
}

func (r *lockedRecorder) Write(text []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.ResponseRecorder.Write(text)
}

func (r *lockedRecorder) text() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.Body.String()
}

// client is somebody who reads a stream.
type client struct {
	*lockedRecorder
	leave context.CancelFunc
	ended chan struct{}
	read  int
}

// stream opens a stream of the first organization's consumer.
func (s *streaming) stream(headers ...string) *client {
	s.t.Helper()
	return s.streamThrough(func(w http.ResponseWriter) http.ResponseWriter { return w }, append([]string{
		"X-Publishable-Key", publishable, "Authorization", "Bearer " + s.token(org, "cons_1"),
	}, headers...)...)
}

func (s *streaming) streamThrough(wrap func(http.ResponseWriter) http.ResponseWriter, headers ...string) *client {
	s.t.Helper()
	ctx, leave := context.WithCancel(context.Background())
	r := httptest.NewRequestWithContext(ctx, http.MethodGet, prefix+"/me/events", nil)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Add(headers[i], headers[i+1])
	}
	c := &client{lockedRecorder: &lockedRecorder{ResponseRecorder: httptest.NewRecorder()}, leave: leave, ended: make(chan struct{})}
	go func() {
		defer close(c.ended)
		s.ServeHTTP(wrap(c.lockedRecorder), r)
		if c.Header().Get("Content-Encoding") != "" {
			return // what a middleware adds is not described
		}
		if err := checkDescribed(http.MethodGet, prefix+"/me/events", c.Result()); err != nil {
			s.t.Error(err)
		}
	}()
	synctest.Wait()
	return c
}

// event is one of a stream, as a browser reads it.
type event struct{ Name, ID, Data string }

// news are the events since the last call; a comment is an event with only a name.
func (c *client) news() []event {
	synctest.Wait()
	text := c.text()[c.read:]
	c.read += len(text)
	var events []event
	for frame := range strings.SplitSeq(strings.TrimSuffix(text, "\n\n"), "\n\n") {
		var e event
		for line := range strings.SplitSeq(frame, "\n") {
			field, value, isField := strings.Cut(line, ": ")
			if !isField {
				continue
			}
			switch field {
			case "event":
				e.Name = value
			case "id":
				e.ID = value
			case "data":
				e.Data += value
			case "":
				e.Name = ":" + value
			}
		}
		if e != (event{}) {
			events = append(events, e)
		}
	}
	return events
}

// hasEnded reports whether the server has ended the stream.
func (c *client) hasEnded() bool {
	synctest.Wait()
	select {
	case <-c.ended:
		return true
	default:
		return false
	}
}

// wantPosition wants one event that shows a position in the queue, and returns its id.
func (c *client) wantPosition(t *testing.T, position string) (id string) {
	t.Helper()
	news := c.news()
	if len(news) != 1 || news[0].Name != "active" || !strings.Contains(news[0].Data, `"position":`+position+`,`) {
		t.Fatalf("the news are %+v, want position %s", news, position)
	}
	return news[0].ID
}

func (c *client) wantNews(t *testing.T, want ...event) {
	t.Helper()
	if diff := cmp.Diff(want, c.news()); diff != "" {
		t.Errorf("news (-want +got):\n%s", diff)
	}
}

// moveTo changes the position in the store, without a word.
func (s *streaming) moveTo(position int64) {
	s.change(func(p *consumer.Participation) { p.Position = &position })
}

func (s *streaming) change(change func(*consumer.Participation)) {
	s.meanwhile(func() {
		snapshot := s.store.snapshots[me]
		p := snapshot.Participations[0]
		change(&p)
		snapshot.Participations = []consumer.Participation{p}
		s.store.snapshots[me] = snapshot
	})
}

var (
	me        = consumer.Key{OrganizationID: org, ConsumerID: "cons_1"}
	heartbeat = event{Name: ":heartbeat"}
)

func ended(reason string) event { return event{Name: "end", Data: `{"reason":"` + reason + `"}`} }

func TestStreamTellsAtOnce(t *testing.T) {
	inBubble(t, func(t *testing.T, s *streaming) {
		c := s.stream()
		document := body(t, s.me())
		_, active, _ := strings.Cut(strings.TrimSuffix(document, "}"), `"active":`)
		news := c.news()
		if len(news) != 1 || news[0].Data != active || news[0].ID == "" {
			t.Errorf("the news are %+v, want the document's active: %s", news, active)
		}
		if !strings.HasPrefix(c.text(), "retry: ") {
			t.Errorf("it doesn't begin with when to come back:\n%s", c.text())
		}
		want := http.Header{
			"Cache-Control": {"private, no-cache, no-transform"}, "Content-Type": {"text/event-stream"},
			"Vary": {"Authorization, X-Publishable-Key, Last-Event-ID"}, "X-Accel-Buffering": {"no"}, "X-Content-Type-Options": {"nosniff"},
		}
		if diff := cmp.Diff(want, withoutRequestID(c.Result().Header)); diff != "" {
			t.Errorf("header (-want +got):\n%s", diff)
		}
	})
}

func TestStreamTellsWhatChanges(t *testing.T) {
	inBubble(t, func(t *testing.T, s *streaming) {
		c := s.stream()
		first := c.wantPosition(t, "7")
		s.moveTo(6)
		s.feed.Changed(consumer.Change{Consumers: []uint64{1, me.Hash(), 2}})
		if id := c.wantPosition(t, "6"); id == first {
			t.Error("two states have one id")
		}
		s.feed.Changed(consumer.Change{Consumers: []uint64{me.Hash()}})
		c.wantNews(t) // nothing has changed
		asked := s.store.asked.Load()
		s.feed.Changed(consumer.Change{Consumers: []uint64{consumer.Key{OrganizationID: org, ConsumerID: "cons_2"}.Hash()}})
		c.wantNews(t)
		if s.store.asked.Load() != asked {
			t.Error("the store was asked because of another's change")
		}
		s.moveTo(7)
		s.feed.Changed(consumer.Change{Consumers: []uint64{me.Hash()}})
		if id := c.wantPosition(t, "7"); id != first {
			t.Error("one state has two ids")
		}
	})
}

func TestStreamTellsAnExpiry(t *testing.T) {
	inBubble(t, func(t *testing.T, s *streaming) {
		s.change(func(p *consumer.Participation) { p.ExpiresAt = new(now.Add(3 * time.Second)) })
		c := s.stream()
		c.wantPosition(t, "7")
		time.Sleep(3*time.Second - 1)
		c.wantNews(t)
		time.Sleep(time.Nanosecond)
		news := c.news()
		if len(news) != 1 || !strings.Contains(news[0].Data, `"queues":{}`) {
			t.Errorf("the news are %+v", news)
		}
	})
}

func TestStreamResumes(t *testing.T) {
	inBubble(t, func(t *testing.T, s *streaming) {
		id := s.stream().wantPosition(t, "7")
		c := s.stream("Last-Event-ID", id)
		c.wantNews(t)
		s.moveTo(6)
		s.feed.Changed(consumer.Change{Consumers: []uint64{me.Hash()}})
		c.wantPosition(t, "6")
		s.stream("Last-Event-ID", id).wantPosition(t, "6")
	})
}

func TestStreamBeats(t *testing.T) {
	inBubble(t, func(t *testing.T, s *streaming) {
		c := s.stream()
		c.wantPosition(t, "7")
		time.Sleep(15*time.Second - 1)
		c.wantNews(t)
		time.Sleep(time.Nanosecond)
		c.wantNews(t, heartbeat)
		time.Sleep(30 * time.Second)
		c.wantNews(t, heartbeat, heartbeat)
	})
	inBubble(t, func(t *testing.T, s *streaming) {
		c := s.stream()
		c.wantPosition(t, "7")
		time.Sleep(time.Second)
		c.wantNews(t, heartbeat)
	}, func(o *httpserver.Options) { o.Heartbeat = time.Second })
}

func TestStreamEndsWithTheToken(t *testing.T) {
	inBubble(t, func(t *testing.T, s *streaming) {
		token, err := s.issuer.Token(authtest.Claims{OrganizationID: org, ConsumerID: "cons_1", IssuedAt: now, ExpiresAt: now.Add(5 * time.Second)})
		must(t, err)
		same := func(w http.ResponseWriter) http.ResponseWriter { return w }
		headers := []string{"X-Publishable-Key", publishable, "Authorization", "Bearer " + token}
		c := s.streamThrough(same, headers...)
		c.wantPosition(t, "7")
		time.Sleep(5*time.Second - 1)
		c.wantNews(t)
		time.Sleep(time.Nanosecond)
		c.wantNews(t, ended("token_expired"))
		if !c.hasEnded() {
			t.Error("it goes on")
		}
		// Within the leeway the token still lets in, but for one answer only.
		late := s.streamThrough(same, headers...)
		if news := late.news(); len(news) != 2 || news[0].Name != "active" || news[1] != ended("token_expired") {
			t.Errorf("the news are %+v", news)
		}
	})
}

// fickle is an Authenticator that a test makes fail.
type fickle struct {
	httpserver.Authenticator
	failure
}

func (f *fickle) AuthenticateConsumer(ctx context.Context, r *http.Request) (auth.ConsumerCaller, error) {
	if err := f.get(); err != nil {
		return auth.ConsumerCaller{}, err
	}
	return f.Authenticator.AuthenticateConsumer(ctx, r)
}

func TestStreamEndsWithTheCredentials(t *testing.T) {
	gate := &fickle{}
	inBubble(t, func(t *testing.T, s *streaming) {
		atChange, atBeat := s.stream(), s.stream()
		atChange.wantPosition(t, "7")
		atBeat.wantPosition(t, "7")
		gate.set(errors.New("the session store is down")) // which says nothing
		time.Sleep(15 * time.Second)
		atChange.wantNews(t, heartbeat)
		s.moveTo(6)
		s.feed.Changed(consumer.Change{Consumers: []uint64{me.Hash()}})
		atChange.wantNews(t)
		gate.set(nil)
		time.Sleep(time.Second)
		atChange.wantPosition(t, "6")
		atBeat.news()

		gate.set(&auth.Error{Reason: auth.ReasonSessionEnded})
		time.Sleep(15 * time.Second)
		atBeat.wantNews(t, ended("unauthenticated"))
		gate.set(nil)
		atChange.news()
		later := s.stream()
		later.wantPosition(t, "6")
		gate.set(&auth.Error{Reason: auth.ReasonSessionEnded})
		s.moveTo(5)
		s.feed.Changed(consumer.Change{Consumers: []uint64{me.Hash()}})
		later.wantNews(t, ended("unauthenticated")) // and nothing of what changed
	}, func(o *httpserver.Options) { gate.Authenticator, o.Auth = o.Auth, gate })
}

// wanderer authenticates every caller as the consumer that a test sets.
type wanderer struct {
	httpserver.Authenticator
	identity atomic.Pointer[auth.Identity]
}

func (a *wanderer) AuthenticateConsumer(context.Context, *http.Request) (auth.ConsumerCaller, error) {
	return auth.ConsumerCaller{Identity: *a.identity.Load()}, nil
}

// A session may pass to another consumer while the stream is open.
func TestStreamEndsWhenTheIdentityIsAnother(t *testing.T) {
	mine := auth.Identity{OrganizationID: org, ConsumerID: "cons_1"}
	for name, other := range map[string]auth.Identity{
		"another consumer":     {OrganizationID: org, ConsumerID: "cons_2"},
		"another organization": {OrganizationID: otherOrg, ConsumerID: "cons_1"},
	} {
		t.Run(name, func(t *testing.T) {
			session := &wanderer{}
			session.identity.Store(&mine)
			inBubble(t, func(t *testing.T, s *streaming) {
				atChange, atBeat := s.stream(), s.stream()
				atChange.wantPosition(t, "7")
				atBeat.wantPosition(t, "7")
				session.identity.Store(&other)
				time.Sleep(15 * time.Second)
				atBeat.wantNews(t, ended("unauthenticated"))
				session.identity.Store(&mine)
				later := s.stream()
				later.wantPosition(t, "7")
				session.identity.Store(&other)
				s.moveTo(6)
				s.feed.Changed(consumer.Change{Consumers: []uint64{me.Hash()}})
				later.wantNews(t, ended("unauthenticated")) // and not the new position
			}, func(o *httpserver.Options) { o.Auth = session })
		})
	}
	t.Run("a session that lasts longer now", func(t *testing.T) {
		session := &wanderer{}
		session.identity.Store(&auth.Identity{OrganizationID: org, ConsumerID: "cons_1", ExpiresAt: now.Add(20 * time.Second)})
		inBubble(t, func(t *testing.T, s *streaming) {
			c := s.stream()
			c.wantPosition(t, "7")
			session.identity.Store(&auth.Identity{OrganizationID: org, ConsumerID: "cons_1", ExpiresAt: now.Add(40 * time.Second)})
			time.Sleep(30 * time.Second)
			c.wantNews(t, heartbeat, heartbeat)
			time.Sleep(10 * time.Second)
			c.wantNews(t, ended("token_expired"))
		}, func(o *httpserver.Options) { o.Auth = session })
	})
}

// An authenticator may return an id that no consumer can have.
func TestStreamOfAnImpossibleConsumer(t *testing.T) {
	for _, id := range []string{"", "..", "me/x", strings.Repeat("a", 129)} {
		session := &wanderer{}
		session.identity.Store(&auth.Identity{OrganizationID: org, ConsumerID: id})
		inBubble(t, func(t *testing.T, s *streaming) {
			s.meanwhile(func() {
				s.store.snapshots[consumer.Key{OrganizationID: org, ConsumerID: id}] = consumer.Snapshot{}
			})
			c := s.stream()
			if got := c.text(); c.Code != 404 || got != `{"error":"Consumer not found"}` || s.store.asked.Load() != 0 {
				t.Errorf("%q: %d %s, and the store was asked %d times", id, c.Code, got, s.store.asked.Load())
			}
			c.leave()
		}, func(o *httpserver.Options) { o.Auth = session })
	}
}

func TestStreamEndsWithTheConsumer(t *testing.T) {
	inBubble(t, func(t *testing.T, s *streaming) {
		c := s.stream()
		c.wantPosition(t, "7")
		s.meanwhile(func() { delete(s.store.snapshots, me) })
		s.feed.Changed(consumer.Change{Consumers: []uint64{me.Hash()}})
		c.wantNews(t, ended("consumer_not_found"))
		if !c.hasEnded() {
			t.Error("it goes on")
		}
	})
}

func TestStreamOutlivesAFailingStore(t *testing.T) {
	inBubble(t, func(t *testing.T, s *streaming) {
		c := s.stream()
		c.wantPosition(t, "7")
		s.moveTo(6)
		s.meanwhile(func() { s.store.err = consumer.ErrUnavailable })
		s.feed.Changed(consumer.Change{Consumers: []uint64{me.Hash()}})
		time.Sleep(3 * time.Second)
		c.wantNews(t)
		s.meanwhile(func() { s.store.err = nil })
		time.Sleep(time.Second)
		c.wantPosition(t, "6")
	})
}

// A panic in a running stream is logged and ends the stream, and nothing is appended to it.
func TestPanicInARunningStream(t *testing.T) {
	inBubble(t, func(t *testing.T, s *streaming) {
		handler := s.Handler
		s.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			defer func() {
				if cause := recover(); cause != http.ErrAbortHandler {
					t.Errorf("the handler panicked with %v, want ErrAbortHandler", cause)
				}
			}()
			handler.ServeHTTP(w, r)
		})
		c := s.stream()
		c.wantPosition(t, "7")
		before := c.text()
		s.meanwhile(func() { s.store.panics = "marker-secret" })
		s.feed.Changed(consumer.Change{Consumers: []uint64{me.Hash()}})
		if !c.hasEnded() {
			t.Error("the stream goes on")
		}
		if after := c.text(); after != before {
			t.Errorf("the panic appended %q", strings.TrimPrefix(after, before))
		}
		if log := s.log.String(); !strings.Contains(log, "panic with a string") || strings.Contains(log, "marker") {
			t.Errorf("the log is:\n%s", log)
		}
	})
}

// A client that leaves while its stream reads is no error of the server.
func TestClientThatLeavesAStreamIsNoError(t *testing.T) {
	inBubble(t, func(t *testing.T, s *streaming) {
		c := s.stream()
		c.wantPosition(t, "7")
		s.meanwhile(func() { s.store.hangs = true })
		s.feed.Changed(consumer.Change{Consumers: []uint64{me.Hash()}})
		synctest.Wait()
		c.leave()
		if !c.hasEnded() {
			t.Error("the stream goes on")
		}
		s.meanwhile(func() { s.store.hangs = false })
		if strings.Contains(s.log.String(), "level=ERROR") {
			t.Errorf("an error is logged:\n%s", s.log)
		}
	})
}

// While the store is down, the streams don't add to its load, and one line in the log is
// enough.
func TestStreamsDuringAnOutage(t *testing.T) {
	inBubble(t, func(t *testing.T, s *streaming) {
		const count = 10
		var clients []*client
		for range count {
			c := s.stream()
			c.wantPosition(t, "7")
			clients = append(clients, c)
		}
		s.moveTo(6)
		s.meanwhile(func() { s.store.err = consumer.ErrUnavailable })
		s.feed.Changed(consumer.Change{Consumers: []uint64{me.Hash()}})
		synctest.Wait()
		s.meanwhile(func() { s.store.asked.Store(0) })
		time.Sleep(10 * time.Second)
		s.meanwhile(func() {
			if s.store.asked.Load() > 11 {
				t.Errorf("%d streams asked the store %d times in ten seconds", count, s.store.asked.Load())
			}
		})
		clients[0].leave() // it may be the one that asks
		clients[1].leave()
		time.Sleep(2 * time.Second)
		s.meanwhile(func() { s.store.err = nil })
		time.Sleep(time.Second)
		for _, c := range clients[2:] {
			c.wantPosition(t, "6")
		}
		s.moveTo(5)
		s.meanwhile(func() { s.store.err = consumer.ErrUnavailable })
		s.feed.Changed(consumer.Change{Consumers: []uint64{me.Hash()}})
		time.Sleep(time.Second)
		s.meanwhile(func() { s.store.err = nil })
		time.Sleep(time.Second)
		for _, c := range clients[2:] {
			c.wantPosition(t, "5")
		}
		must(t, s.api.Close())
		if n := strings.Count(s.log.String(), "level=ERROR"); n != 2 {
			t.Errorf("%d errors were logged in two outages:\n%s", n, s.log)
		}
	})
}

// What is wrong with one consumer's document is logged again after a time that doubles.
func TestStreamWithABug(t *testing.T) {
	inBubble(t, func(t *testing.T, s *streaming) {
		c := s.stream()
		c.wantPosition(t, "7")
		s.moveTo(6)
		s.meanwhile(func() { s.store.err = errors.New("a bug") })
		s.feed.Changed(consumer.Change{Consumers: []uint64{me.Hash()}})
		time.Sleep(10 * time.Minute)
		c.news()
		s.meanwhile(func() {
			if n := strings.Count(s.log.String(), "level=ERROR"); n < 10 || n > 17 {
				t.Errorf("%d errors were logged in ten minutes", n)
			}
			s.store.err = nil
		})
		time.Sleep(time.Minute)
		if news := c.news(); !slices.ContainsFunc(news, func(e event) bool { return strings.Contains(e.Data, `"position":6`) }) {
			t.Errorf("sent %+v", news)
		}
	})
}

func TestStreamOutlivesALostFeed(t *testing.T) {
	inBubble(t, func(t *testing.T, s *streaming) {
		c := s.stream()
		c.wantPosition(t, "7")
		s.feed.Lost()
		s.moveTo(6)
		c.wantNews(t)
		time.Sleep(15 * time.Second) // it looks by itself, when it beats
		if news := c.news(); len(news) != 2 || news[0] != heartbeat || !strings.Contains(news[1].Data, `"position":6`) {
			t.Errorf("the news are %+v", news)
		}
		s.moveTo(5)
		c.wantNews(t)
		s.feed.Following()
		c.wantPosition(t, "5")
	})
}

func TestStreamOutlivesAFeedThatGivesUp(t *testing.T) {
	inBubble(t, func(t *testing.T, s *streaming) {
		c := s.stream()
		c.wantPosition(t, "7")
		s.moveTo(6)
		s.feed.fails.set(nil)
		time.Sleep(time.Second + time.Millisecond) // a moment after the feed is followed again
		c.wantPosition(t, "6")
		s.api.EndStreams()
		synctest.Wait()
		if !strings.Contains(s.log.String(), "the change feed ended") {
			t.Errorf("the log doesn't say so:\n%s", s.log)
		}
	}, func(o *httpserver.Options) { o.Changes.(*fakeFeed).fails.set(consumer.ErrSchema) })
}

func TestStreamsEndAtShutdown(t *testing.T) {
	inBubble(t, func(t *testing.T, s *streaming) {
		c := s.stream()
		c.wantPosition(t, "7")
		s.api.EndStreams()
		c.wantNews(t, ended("shutdown"))
		if !c.hasEnded() {
			t.Error("it goes on")
		}
		if late := s.stream(); late.Code != 503 || late.Header().Get("Retry-After") == "" {
			t.Errorf("a new stream is answered with %d", late.Code)
		}
		if response := s.me(); response.StatusCode != 200 {
			t.Errorf("the document is answered with %d", response.StatusCode)
		}
	})
}

// A phone that is gone without a word keeps its stream, so one more stream than the limit
// replaces the oldest one of the consumer.
func TestNewStreamReplacesTheOldest(t *testing.T) {
	inBubble(t, func(t *testing.T, s *streaming) {
		first := s.stream()
		first.wantPosition(t, "7")
		second := s.stream()
		second.wantPosition(t, "7")
		third := s.stream()
		third.wantPosition(t, "7")
		first.wantNews(t, ended("replaced"))
		if !first.hasEnded() || second.hasEnded() || third.hasEnded() {
			t.Errorf("ended: first %t, second %t, third %t", first.hasEnded(), second.hasEnded(), third.hasEnded())
		}
		if !strings.Contains(first.text(), "retry: 30000\n") {
			t.Errorf("a replaced client may connect again at once:\n%s", first.text())
		}
		third.leave()
		synctest.Wait()
		s.stream().wantPosition(t, "7")
		if second.hasEnded() {
			t.Error("a stream was replaced though another one had ended")
		}
		s.stream().wantPosition(t, "7")
		second.wantNews(t, ended("replaced"))
	}, func(o *httpserver.Options) { o.MaxStreamsPerConsumer = 2 })
}

// A consumer's streams don't count for another one, not even with the same hash.
func TestStreamsOfOthersAreNotReplaced(t *testing.T) {
	inBubble(t, func(t *testing.T, s *streaming) {
		same := func(w http.ResponseWriter) http.ResponseWriter { return w }
		var clients []*client
		for _, credentials := range s.addCollisions() {
			clients = append(clients, s.streamThrough(same, credentials...))
		}
		for i, c := range clients {
			if news := c.news(); c.hasEnded() || len(news) != 1 {
				t.Errorf("stream %d: ended %t, news %+v", i, c.hasEnded(), news)
			}
		}
		s.meanwhile(func() {
			for _, key := range collisions {
				snapshot := s.store.snapshots[key]
				p := s.store.snapshots[me].Participations[0]
				p.OrganizationID, p.ConsumerID = key.OrganizationID, key.ConsumerID
				snapshot.Participations = []consumer.Participation{p}
				s.store.snapshots[key] = snapshot
			}
		})
		s.feed.Changed(consumer.Change{Consumers: []uint64{collisions[0].Hash()}})
		for _, c := range clients {
			c.wantPosition(t, "7")
		}
		clients[0].leave() // the older one, which is last in the list of the hub
		clients[1].leave()
	}, func(o *httpserver.Options) { o.MaxStreamsPerConsumer = 1 })
}

// All streams of a consumer share one read after a change, with and without a cache for
// requests.
func TestStreamsOfAConsumerShareARead(t *testing.T) {
	for name, change := range map[string]func(*httpserver.Options){
		"without a cache": func(*httpserver.Options) {},
		"with a cache":    func(o *httpserver.Options) { o.Cache = &httpserver.CacheOptions{MaxStaleness: time.Hour} },
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, s *streaming) {
				var clients []*client
				for range 16 {
					c := s.stream()
					c.wantPosition(t, "7")
					clients = append(clients, c)
				}
				for n := range 3 {
					asked := s.store.asked.Load()
					s.moveTo(int64(n))
					s.feed.Changed(consumer.Change{Consumers: []uint64{me.Hash()}})
					for _, c := range clients {
						c.wantPosition(t, strconv.Itoa(n))
					}
					if reads := s.store.asked.Load() - asked; reads != 1 {
						t.Errorf("a change cost %d reads", reads)
					}
				}
			}, change)
		})
	}
}

// A change that the feed doesn't notify of shows on the stream too.
func TestStreamReadsDocumentsOfMaxAgeAgain(t *testing.T) {
	inBubble(t, func(t *testing.T, s *streaming) {
		c := s.stream()
		c.wantPosition(t, "7")
		s.moveTo(6)
		time.Sleep(5*time.Minute - 1)
		for _, e := range c.news() {
			if e != heartbeat {
				t.Errorf("sent %+v", e)
			}
		}
		time.Sleep(time.Nanosecond)
		news := c.news()
		if len(news) == 0 || !strings.Contains(news[len(news)-1].Data, `"position":6`) {
			t.Errorf("sent %+v", news)
		}
	})
}

// onlyWriter hides whatever else a writer can.
type onlyWriter struct{ http.ResponseWriter }

// unwrapping is a writer that middleware has wrapped as it should.
type unwrapping struct{ http.ResponseWriter }

func (w unwrapping) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// lateCompressing announces that it compresses when the header is written.
type lateCompressing struct{ unwrapping }

func (w lateCompressing) WriteHeader(status int) {
	w.Header().Set("Content-Encoding", "br")
	w.ResponseWriter.WriteHeader(status)
}

func TestStreamThroughWriters(t *testing.T) {
	t.Run("one that can be unwrapped", func(t *testing.T) {
		inBubble(t, func(t *testing.T, s *streaming) {
			c := s.streamThrough(func(w http.ResponseWriter) http.ResponseWriter { return unwrapping{w} },
				"X-Publishable-Key", publishable, "Authorization", "Bearer "+s.token(org, "cons_1"))
			c.wantPosition(t, "7")
			if c.hasEnded() || !c.Flushed {
				t.Errorf("ended %t, flushed %t", c.hasEnded(), c.Flushed)
			}
		})
	})
	for name, compressing := range map[string]func(http.ResponseWriter) http.ResponseWriter{
		"one that compresses, and passes only flushes on": func(w http.ResponseWriter) http.ResponseWriter {
			w.Header().Set("Content-Encoding", "gzip")
			return unwrapping{w}
		},
		"one that compresses once the header is written": func(w http.ResponseWriter) http.ResponseWriter {
			return lateCompressing{unwrapping{w}}
		},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, s *streaming) {
				headers := []string{"X-Publishable-Key", publishable, "Authorization", "Bearer " + s.token(org, "cons_1")}
				c := s.streamThrough(compressing, headers...)
				id := c.wantPosition(t, "7")
				if !c.hasEnded() {
					t.Error("a stream that cannot be flushed goes on after an event")
				}
				idle := s.streamThrough(compressing, append(headers, "Last-Event-ID", id)...)
				if idle.hasEnded() {
					t.Error("it ends without an event")
				}
				time.Sleep(15 * time.Second)
				if !idle.hasEnded() {
					t.Error("it goes on for longer than a heartbeat")
				}
			})
		})
	}
	t.Run("one that buffers ends after one event", func(t *testing.T) {
		inBubble(t, func(t *testing.T, s *streaming) {
			buffering := func(w http.ResponseWriter) http.ResponseWriter { return onlyWriter{w} }
			headers := []string{"X-Publishable-Key", publishable, "Authorization", "Bearer " + s.token(org, "cons_1")}
			c := s.streamThrough(buffering, headers...)
			id := c.wantPosition(t, "7")
			if !c.hasEnded() {
				t.Error("it goes on")
			}
			again := s.streamThrough(buffering, append(headers, "Last-Event-ID", id)...)
			if again.hasEnded() {
				t.Error("it ends with nothing to tell")
			}
			s.moveTo(6)
			s.feed.Changed(consumer.Change{Consumers: []uint64{me.Hash()}})
			again.wantPosition(t, "6")
			if !again.hasEnded() {
				t.Error("it goes on")
			}
			idle := s.streamThrough(buffering, append(headers, "Last-Event-ID", again.lastID())...)
			time.Sleep(15 * time.Second)
			if !idle.hasEnded() {
				t.Error("without news it goes on for longer than a heartbeat")
			}
		})
	})
}

// lastID is the id of the only event that was sent.
func (c *client) lastID() string {
	_, id, _ := strings.Cut(c.text(), "id: ")
	id, _, _ = strings.Cut(id, "\n")
	return id
}

func TestStreamIsAnsweredLikeTheDocument(t *testing.T) {
	inBubble(t, func(t *testing.T, s *streaming) {
		credentials := []string{"X-Publishable-Key", publishable, "Authorization", "Bearer " + s.token(org, "cons_1")}
		for _, test := range []struct {
			rule    string
			method  string
			headers []string
			status  int
			body    string
		}{
			{"without credentials", "GET", nil, 401, `{"error":"Authentication required","message":"The X-Publishable-Key header is missing."}`},
			{"an unknown consumer", "GET", []string{"X-Publishable-Key", publishable, "Authorization", "Bearer " + s.token(org, "cons_9")}, 404, `{"error":"Consumer not found"}`},
			{"another method", "POST", credentials, 405, `{"error":"Method not allowed"}`},
			{"OPTIONS", "OPTIONS", nil, 204, ``},
			{"HEAD ends at once", "HEAD", credentials, 200, ``},
			{"another's credentials", "GET", []string{"X-Publishable-Key", otherPublishable, "Authorization", "Bearer " + s.token(org, "cons_1")}, 401, `{"error":"Authentication required","message":"The access token is not valid."}`},
		} {
			response := s.do(test.method, prefix+"/me/events", test.headers...)
			got := body(t, response)
			if test.method == "HEAD" {
				got = "" // which net/http sees to
			}
			if response.StatusCode != test.status || got != test.body {
				t.Errorf("%s: %d %s, want %d %s", test.rule, response.StatusCode, got, test.status, test.body)
			}
		}
	})
	t.Run("a store that is down", func(t *testing.T) {
		inBubble(t, func(t *testing.T, s *streaming) {
			s.meanwhile(func() { s.store.err = consumer.ErrUnavailable })
			if c := s.stream(); c.Code != 503 || c.Header().Get("Retry-After") == "" {
				t.Errorf("status %d", c.Code)
			}
		})
	})
	t.Run("without a change feed the path returns 404", func(t *testing.T) {
		t.Setenv(testCache, "off")
		w := newWorld(t)
		for _, h := range []http.Handler{w.Handler, w.api.Events()} {
			response := do(h, "GET", prefix+"/me/events", "X-Publishable-Key", publishable, "Authorization", "Bearer "+w.token(org, "cons_1"))
			if got := body(t, response); response.StatusCode != 404 || got != `{"error":"Not found"}` {
				t.Errorf("%d %s", response.StatusCode, got)
			}
		}
	})
}

func TestStreamToOtherOrigins(t *testing.T) {
	inBubble(t, func(t *testing.T, s *streaming) {
		const origin = "https://a.example"
		if got := s.stream("Origin", origin).Header().Get("Access-Control-Allow-Origin"); got != origin {
			t.Errorf("Access-Control-Allow-Origin: %q", got)
		}
		preflight := s.do("OPTIONS", prefix+"/me/events", "Origin", origin, "Access-Control-Request-Method", "GET",
			"Access-Control-Request-Headers", "authorization,last-event-id,x-publishable-key")
		if got := preflight.Header.Get("Access-Control-Allow-Headers"); got != "*,authorization" {
			t.Errorf("Access-Control-Allow-Headers: %q", got)
		}
	}, withOrigins("https://a.example"))
}

func TestStreamOptionsAreChecked(t *testing.T) {
	w := newWorld(t)
	for field, change := range map[string]func(*httpserver.Options){
		"Heartbeat":             func(o *httpserver.Options) { o.Heartbeat = -1 },
		"MaxStreamsPerConsumer": func(o *httpserver.Options) { o.MaxStreamsPerConsumer = -1 },
	} {
		options := httpserver.Options{Store: w.store, Auth: &fickle{}}
		change(&options)
		if _, err := httpserver.New(options); err == nil || !strings.Contains(err.Error(), field) {
			t.Errorf("%s: the error is %v", field, err)
		}
	}
}
