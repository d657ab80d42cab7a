package tests_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rejoinhq/rejoin/consumer"
	"github.com/rejoinhq/rejoin/httpserver"
	"github.com/rejoinhq/rejoin/storage/postgres"
	"github.com/rejoinhq/rejoin/storage/postgres/postgrestest"
	"github.com/rejoinhq/rejoin/storage/sqlite"
)

// While this process and another write, every answer shows one state of its consumer, none
// older than the bound says, and none older than one that the same reader has seen.
func TestNoAnswerIsOlderThanItsBound(t *testing.T) {
	const exactly = -1 // as sqlite.Options.PollInterval
	for name, test := range map[string]struct {
		url   func(*testing.T) string
		poll  time.Duration
		cache httpserver.CacheOptions
	}{
		"SQLite, exact":            {sqlitePath, exactly, httpserver.CacheOptions{}},
		"SQLite, with little room": {sqlitePath, exactly, httpserver.CacheOptions{MaxBytes: 64 << 10}},
		"SQLite, by default":       {sqlitePath, 0, httpserver.CacheOptions{}},
		"SQLite, 50 ms":            {sqlitePath, 0, httpserver.CacheOptions{MaxStaleness: 50 * time.Millisecond}},
		"SQLite, without a cache":  {sqlitePath, 0, httpserver.CacheOptions{MaxBytes: -1}},
		"Postgres, 1 s":            {postgresURL, 0, httpserver.CacheOptions{MaxStaleness: time.Second}},
	} {
		t.Run(name, func(t *testing.T) {
			url := test.url(t)
			r := newRace(t, openRaced(t, url, test.poll), test.cache)
			if name == "SQLite, by default" {
				r.bound = 20 * time.Millisecond
			}
			r.run(url)
			t.Logf("%+v", r.api.CacheStats())
		})
	}
}

func sqlitePath(t *testing.T) string  { return filepath.Join(t.TempDir(), "rejoin.db") }
func postgresURL(t *testing.T) string { return postgrestest.URL(t) }

// racedStore is what the race needs of an adapter.
type racedStore interface {
	consumer.Store
	Migrate(context.Context) error
	Close() error
}

func openRaced(t *testing.T, url string, poll time.Duration) racedStore {
	t.Helper()
	var store racedStore
	var err error
	if strings.HasPrefix(url, "postgres") {
		store, err = postgres.Open(t.Context(), postgres.Options{URL: url})
	} else {
		store, err = sqlite.Open(t.Context(), sqlite.Options{Path: url, PollInterval: poll})
	}
	must(t, err)
	t.Cleanup(func() { must(t, store.Close()) })
	must(t, store.Migrate(t.Context()))
	return store
}

const (
	racedConsumers = 8 // the even ones are written by this process, the odd ones by the other
	racedWrites    = 60
	racedReaders   = 4
	// readPause leaves the processors to the writers. A reader that never pauses makes
	// each write wait for a time slice, several times.
	readPause = 200 * time.Microsecond
)

// numbered is a consumer all of whose records are at one number.
func numbered(c, n int) consumer.Batch {
	id, at := fmt.Sprintf("cons_%d", c), now.Add(time.Duration(n)*time.Second)
	text := strconv.Itoa(n)
	return consumer.Batch{
		Consumers: []consumer.Consumer{{OrganizationID: org, ID: id, FullName: &text, CreatedAt: now, UpdatedAt: at}},
		Participations: []consumer.Participation{{
			OrganizationID: org, ConsumerID: id, Type: consumer.Queue, ID: "queue_1", ExperienceID: "exp_1", SequenceID: "seq_1",
			Status: consumer.StatusQueued, EnteredAt: now, Position: new(int64(n)), UpdatedAt: at,
		}, {
			OrganizationID: org, ConsumerID: id, Type: consumer.Queue, ID: movingID(c % 2), ExperienceID: "exp_3", SequenceID: "seq_3",
			Status: consumer.StatusQueued, EnteredAt: now, Ticket: new(int64(racedTicket)), UpdatedAt: now,
		}},
		Admissions: []consumer.Admission{{
			OrganizationID: org, ConsumerID: id, DistributionType: consumer.TimedRelease, DistributionID: "release_1",
			ExperienceID: "exp_2", SequenceID: "seq_2", AdmissionToken: text, AdmittedAt: now, UpdatedAt: at,
		}},
	}
}

// racedTicket is the ticket of every consumer in a moving queue.
const racedTicket = 1_000_000

// movingID returns the id of a queue that moves: 0 for the consumers that this process
// writes, 1 for the others.
func movingID(queue int) string { return fmt.Sprintf("moving_%d", queue) }

// moved moves a queue to a number.
func moved(queue, n int) consumer.Batch {
	return consumer.Batch{Distributions: []consumer.Distribution{{
		OrganizationID: org, Type: consumer.Queue, ID: movingID(queue), Serving: new(int64(n)), UpdatedAt: now.Add(time.Duration(n) * time.Second),
	}}}
}

// race is readers against writers.
type race struct {
	*world
	store        racedStore
	bound        time.Duration
	acknowledged [racedConsumers]history
	moves        [2]history // of the queues
	finished     atomic.Bool
}

func newRace(t *testing.T, store racedStore, options httpserver.CacheOptions) *race {
	r := &race{store: store, bound: options.MaxStaleness}
	r.world = newWorld(t, func(o *httpserver.Options) {
		if o.Store = store; options.MaxBytes >= 0 {
			o.Changes, o.Cache = store, &options
		}
	})
	for c := range racedConsumers {
		_, err := store.Write(t.Context(), numbered(c, 0))
		must(t, err)
		r.acknowledged[c].add(0)
	}
	for queue := range r.moves {
		_, err := store.Write(t.Context(), moved(queue, 0))
		must(t, err)
		r.moves[queue].add(0)
	}
	return r
}

// history is the numbers of one consumer, with when they were known to be written.
type history struct {
	mu    sync.Mutex
	known []time.Time // by number
}

func (h *history) add(n int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if n != len(h.known) {
		panic("a writer left a number out")
	}
	h.known = append(h.known, time.Now())
}

// at is the last number that was known to be written at a moment.
func (h *history) at(moment time.Time) (n int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for n = len(h.known) - 1; n > 0 && h.known[n].After(moment); n-- {
	}
	return n
}

func (r *race) run(url string) {
	var writers, readers sync.WaitGroup
	writers.Go(r.writeHere)
	writers.Go(func() { r.writeThere(url) })
	for range racedReaders {
		readers.Go(r.read)
	}
	writers.Wait()
	r.finished.Store(true)
	readers.Wait()
}

func (r *race) writeHere() {
	for n := 1; n <= racedWrites; n++ {
		for c := 0; c < racedConsumers; c += 2 {
			if _, err := r.store.Write(context.Background(), numbered(c, n)); err != nil {
				r.t.Errorf("Write: %v", err)
				return
			}
			r.acknowledged[c].add(n)
		}
		if _, err := r.store.Write(context.Background(), moved(0, n)); err != nil {
			r.t.Errorf("Write: %v", err)
			return
		}
		r.moves[0].add(n)
	}
}

func (r *race) writeThere(url string) {
	program, err := os.Executable()
	if err != nil {
		r.t.Error(err)
		return
	}
	child := exec.CommandContext(r.t.Context(), program, "-test.run=^TestTheOtherWriter$", "-test.v")
	child.Env, child.Stderr = append(os.Environ(), otherWriter+"="+url), os.Stderr
	output, err := child.StdoutPipe()
	if err != nil {
		r.t.Error(err)
		return
	}
	if err := child.Start(); err != nil {
		r.t.Error(err)
		return
	}
	written := 0
	for lines := bufio.NewScanner(output); lines.Scan(); {
		var c, n int
		if _, err := fmt.Sscanf(lines.Text(), "wrote %d %d", &c, &n); err == nil {
			r.acknowledged[c].add(n)
			written++
		}
		if _, err := fmt.Sscanf(lines.Text(), "moved %d", &n); err == nil {
			r.moves[1].add(n)
			written++
		}
	}
	if err := child.Wait(); err != nil || written != racedWrites*(racedConsumers/2+1) {
		r.t.Errorf("the other process wrote %d, and ended with %v", written, err)
	}
}

const otherWriter = "REJOIN_TEST_OTHER_WRITER"

// TestTheOtherWriter is what the other process runs.
func TestTheOtherWriter(t *testing.T) {
	url, ok := os.LookupEnv(otherWriter)
	if !ok {
		t.Skip("only the other process of TestNoAnswerIsOlderThanItsBound runs this")
	}
	store := openRaced(t, url, 0)
	for n := 1; n <= racedWrites; n++ {
		for c := 1; c < racedConsumers; c += 2 {
			_, err := store.Write(t.Context(), numbered(c, n))
			must(t, err)
			fmt.Printf("wrote %d %d\n", c, n)
		}
		_, err := store.Write(t.Context(), moved(1, n))
		must(t, err)
		fmt.Printf("moved %d\n", n)
	}
}

func (r *race) read() {
	var seen, seenMoves [racedConsumers]int
	var headers [racedConsumers][]string
	for c := range racedConsumers {
		headers[c] = []string{"X-Publishable-Key", publishable, "Authorization", "Bearer " + r.token(org, fmt.Sprintf("cons_%d", c))}
	}
	for ; !r.finished.Load(); time.Sleep(readPause) {
		c := rand.IntN(racedConsumers)
		bound := r.bound
		if c%2 == 0 { // what this process wrote shows in the next response
			bound = 0
		}
		oldest := time.Now().Add(-bound)
		floor := max(seen[c], r.acknowledged[c].at(oldest))
		movesFloor := max(seenMoves[c], r.moves[c%2].at(oldest))
		n, moves, err := numberOf(do(r.Handler, "GET", prefix+"/me", headers[c]...), movingID(c%2))
		if err != nil || n < floor || moves < movesFloor {
			r.t.Errorf("consumer %d is at %d and its queue at %d, error %v, want at least %d and %d", c, n, moves, err, floor, movesFloor)
			return
		}
		if r.bound == 0 { // another reader's read may be shown for as long as the bound
			seen[c], seenMoves[c] = n, moves
		}
	}
}

// numberOf returns the number that all records of a response have, and the one that the
// moving queue was moved to.
func numberOf(response *http.Response, moving string) (n, moves int, err error) {
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return 0, 0, err
	}
	var document struct {
		FullName string
		Active   struct {
			Queues     map[string]struct{ Position int }
			Admissions map[string]struct{ AdmissionToken string }
		}
	}
	if err := json.Unmarshal(text, &document); err != nil {
		return 0, 0, fmt.Errorf("%d: %w", response.StatusCode, err)
	}
	name, token := document.FullName, document.Active.Admissions["release_1"].AdmissionToken
	position := document.Active.Queues["queue_1"].Position
	if name != token || name != strconv.Itoa(position) {
		return 0, 0, fmt.Errorf("%d: it mixes the states %q, %d and %q", response.StatusCode, name, position, token)
	}
	return position, racedTicket - 1 - document.Active.Queues[moving].Position, nil
}
