package main

import (
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rejoinhq/rejoin/examples/demo"
	"github.com/rejoinhq/rejoin/storage/sqlite"
)

// scripted is an API with an event stream that a test defines for each connection.
type scripted struct {
	mu      sync.Mutex
	streams []http.HandlerFunc // still to come
	asked   []string           // the Last-Event-ID of each
	tokens  []string           // and what it was asked with
	// positions is the place in the queue that /me knows of, by the number of streams so far.
	positions []int
}

func (s *scripted) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch r.URL.Path {
	case apiPrefix + "/me":
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
		fmt.Fprintf(w, `{"id":"cons_demo_plain","email":null,"phone":null,"fullName":"Story Teller","createdAt":"2024-01-01T00:00:00Z","active":%s}`, activeInQueue(s.position()))
	case apiPrefix + "/me/events":
		s.next(r)(w, r)
	default:
		http.NotFound(w, r)
	}
}

func (s *scripted) position() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.positions[min(len(s.asked), len(s.positions)-1)]
}

func (s *scripted) next(r *http.Request) http.HandlerFunc {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked = append(s.asked, r.Header.Get("Last-Event-ID"))
	s.tokens = append(s.tokens, r.Header.Get("Authorization"))
	if len(s.streams) == 0 {
		return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) }
	}
	stream := s.streams[0]
	s.streams = s.streams[1:]
	return stream
}

// activeInQueue returns an active object with a place in a queue.
func activeInQueue(position int) string {
	return fmt.Sprintf(`{"experiences":{},"queues":{"queue_1":{"queueId":"queue_1","status":"QUEUED","position":%d,"enteredAt":"2024-01-01T00:00:00Z"}},`+
		`"draws":{},"auctions":{},"timedReleases":{},"admissions":{},"journeys":[{"experienceId":"e","sequenceId":"s","journeyStage":"routed",`+
		`"sequenceStage":"participating","participation":{"type":"queue","id":"queue_1","status":"QUEUED"}}]}`, position)
}

// sending returns a handler that writes an event stream in pieces of some bytes.
func sending(stream string, piece int, then func(*http.Request)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		for len(stream) > 0 {
			n := min(piece, len(stream))
			_, _ = io.WriteString(w, stream[:n])
			_ = http.NewResponseController(w).Flush()
			stream = stream[n:]
		}
		then(r)
	}
}

func hangUp(*http.Request)       {}
func waitForEnd(r *http.Request) { <-r.Context().Done() }

// TestPageFollowsTheStream: the page reads the stream by the HTML standard, resumes it after
// it is cut off, gets a new token when the old one has expired, and stops when another
// request would not help.
func TestPageFollowsTheStream(t *testing.T) {
	finish := make(chan struct{})
	api := &scripted{positions: []int{1, 2, 2, 2, 2, 3, 4}, streams: []http.HandlerFunc{
		sending("\uFEFF: a comment\r\nretry: 20\r\n\r\nevent: other\ndata: {\n\nid: one\r\nevent: active\rdata:"+activeInQueue(2)+"\r\n\r\nevent: active\ndata: {\"cut", 3, hangUp),
		func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", "1")
			w.WriteHeader(http.StatusServiceUnavailable)
		},
		sending("event: end\ndata: {\"reason\":\"shutdown\"}\n\n", 1<<10, hangUp),
		sending("event: end\ndata: {\"reason\":\"token_expired\"}\n\n", 1<<10, hangUp),
		sending("event: active\nid: two\ndata: {\ndata:"+activeInQueue(3)[1:]+"\n\n", 1<<10, func(r *http.Request) {
			select {
			case <-finish:
			case <-r.Context().Done():
			}
		}),
		sending("event: active\nid\ndata: "+activeInQueue(4)+"\n\n", 1<<10, hangUp),
		sending("event: end\ndata: {\"reason\":\"consumer_not_found\"}\n\n", 1<<10, waitForEnd),
	}}
	s := &running{t: t, base: serveWithPage(t, api)}
	b := newTab(t)
	b.open(s, "cons_demo_plain")
	position := func(n int) string {
		return fmt.Sprintf(`document.getElementById("document").textContent.includes('"position": %d') && document.querySelector("#cards dd").textContent === "%d"`, n, n)
	}
	b.until(position(3))
	b.until(`document.getElementById("connection").textContent.startsWith("Live")`)
	b.until(heading("Welcome, Story Teller")) // which the stream does not tell
	close(finish)
	b.until(`document.getElementById("connection").textContent === "Stopped: the consumer is gone."`)

	api.mu.Lock()
	defer api.mu.Unlock()
	if diff := cmp.Diff([]string{"", "one", "one", "one", "one", "two", ""}, api.asked); diff != "" {
		t.Errorf("Last-Event-ID (-want +got):\n%s", diff)
	}
	if api.tokens[3] == api.tokens[4] {
		t.Error("the token that had expired was presented again")
	}
}

// TestPageWithoutAStream: the page polls a server without a stream, and stops after a final
// response.
func TestPageWithoutAStream(t *testing.T) {
	for name, test := range map[string]struct{ answer, says string }{
		"there is no such path":     {`{"error":"Not found"}`, "Polling every 2 seconds"},
		"there is no such consumer": {`{"error":"Consumer not found"}`, "Stopped: Consumer not found."},
	} {
		t.Run(name, func(t *testing.T) {
			api := &scripted{positions: []int{1}, streams: []http.HandlerFunc{func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(http.StatusNotFound)
				_, _ = io.WriteString(w, test.answer)
			}}}
			s := &running{t: t, base: serveWithPage(t, api)}
			b := newTab(t)
			b.open(s, "cons_demo_plain")
			b.until(fmt.Sprintf(`document.getElementById("connection").textContent.startsWith(%q)`, test.says))
		})
	}
}

// serveWithPage serves the testers' page with the demonstration in front of an API.
func serveWithPage(t *testing.T, api http.Handler) (base string) {
	t.Helper()
	logger := slog.New(slog.DiscardHandler)
	store, err := sqlite.Open(t.Context(), sqlite.Options{Path: sqlite.Memory})
	must(t, err)
	t.Cleanup(func() { _ = store.Close() })
	must(t, store.Migrate(t.Context()))
	batch, err := demo.Batch(t.Context(), store, time.Now())
	must(t, err)
	_, err = store.Write(t.Context(), batch)
	must(t, err)
	tokens, err := openTokens(t.Context(), config{}, logger)
	must(t, err)
	t.Cleanup(func() { _ = tokens.close() })
	return serve(t, routes(demo.Page(demo.Options{Store: store, Token: tokens.issue, Logger: logger}), nil, api))
}
