package tests_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rejoinhq/rejoin/auth"
	"github.com/rejoinhq/rejoin/auth/authtest"
	"github.com/rejoinhq/rejoin/consumer"
	"github.com/rejoinhq/rejoin/httpserver"
)

const (
	prefix = "/api/v1/consumers"

	org      = "org_a"
	otherOrg = "org_b"

	publishable      = "pk_test_organization_a_0000"
	otherPublishable = "pk_test_organization_b_0000"
	secret           = "sk_test_organization_a_0000"
	otherSecret      = "sk_test_organization_b_0000"
)

var now = time.Date(2024, 12, 1, 9, 30, 0, 0, time.UTC)

// fakeStore holds snapshots, or fails.
type fakeStore struct {
	snapshots map[consumer.Key]consumer.Snapshot
	// distributions are the records of distributions.
	distributions map[consumer.DistributionKey]consumer.Distribution
	// distributionsAsked counts the reads of single records.
	distributionsAsked atomic.Int64
	err                error
	// hangs makes every read last until its context ends.
	hangs bool
	// panics with its value.
	panics any
	// asked counts the reads.
	asked atomic.Int64
}

func (s *fakeStore) Snapshot(ctx context.Context, key consumer.Key) (consumer.Snapshot, error) {
	s.asked.Add(1)
	if s.panics != nil {
		panic(s.panics)
	}
	if s.hangs {
		<-ctx.Done()
		return consumer.Snapshot{}, ctx.Err()
	}
	if s.err != nil {
		return consumer.Snapshot{}, s.err
	}
	snapshot, found := s.snapshots[key]
	if !found {
		return consumer.Snapshot{}, consumer.ErrNotFound
	}
	snapshot.Distributions = nil
	for _, p := range snapshot.Participations {
		if d, found := s.distributions[consumer.DistributionKey{OrganizationID: key.OrganizationID, Type: p.Type, ID: p.ID}]; found {
			if d.WinnerID != nil && *d.WinnerID != key.ConsumerID {
				d.WinnerID = nil
			}
			snapshot.Distributions = append(snapshot.Distributions, d)
		}
	}
	return snapshot, nil
}

func (s *fakeStore) Distribution(ctx context.Context, key consumer.DistributionKey) (consumer.Distribution, error) {
	s.distributionsAsked.Add(1)
	if s.err != nil {
		return consumer.Distribution{}, s.err
	}
	d, found := s.distributions[key]
	if !found {
		return consumer.Distribution{}, consumer.ErrNotFound
	}
	d.WinnerID = nil
	return d, nil
}

func (s *fakeStore) Consumer(ctx context.Context, key consumer.Key) (consumer.Consumer, error) {
	snapshot, err := s.Snapshot(ctx, key)
	return snapshot.Consumer, err
}

// testCache is an environment variable. If it is "on", every world has a cache, so that the
// tests of responses run with one too.
const testCache = "REJOIN_TEST_CACHE"

// watchingFeed is the exact feed of a fakeStore. It compares the store with what it was.
type watchingFeed struct {
	fakeFeed
	store *fakeStore

	mu    sync.Mutex
	known map[consumer.Key]string
}

func (f *watchingFeed) CatchUp(context.Context) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.store.err != nil || f.store.hangs || f.store.panics != nil {
		return consumer.ErrUnavailable
	}
	present := make(map[consumer.Key]string)
	for key, snapshot := range f.store.snapshots {
		text, err := json.Marshal(snapshot)
		if err != nil {
			return err
		}
		present[key] = string(text)
	}
	for key := range f.known {
		if present[key] != f.known[key] {
			f.Changed(consumer.Change{Consumers: []uint64{key.Hash()}})
		}
	}
	f.known = present
	return nil
}

// world is an API with everything around it.
type world struct {
	t      *testing.T
	store  *fakeStore
	issuer *authtest.Issuer
	log    *bytes.Buffer
	api    *httpserver.API
	// now is the clock of everything, which stands still unless a test changes it.
	now func() time.Time
	http.Handler
}

// newWorld has two organizations: the first with a queued consumer, the second with
// one who has the same id as a consumer that the first has not.
func newWorld(t *testing.T, change ...func(*httpserver.Options)) *world {
	t.Helper()
	w := &world{t: t, log: &bytes.Buffer{}, now: func() time.Time { return now }, store: &fakeStore{distributions: map[consumer.DistributionKey]consumer.Distribution{}, snapshots: map[consumer.Key]consumer.Snapshot{
		{OrganizationID: org, ConsumerID: "cons_1"}: {
			Consumer: consumer.Consumer{
				OrganizationID: org, ID: "cons_1", Email: new("marker@example.com"), FullName: new("Tom & <Jerry>"),
				CreatedAt: now.Add(-time.Hour), UpdatedAt: now,
			},
			Participations: []consumer.Participation{{
				OrganizationID: org, ConsumerID: "cons_1", Type: consumer.Queue, ID: "queue_1",
				ExperienceID: "exp_1", SequenceID: "seq_1", Status: consumer.StatusQueued,
				EnteredAt: now.Add(-time.Minute), Position: new(int64(7)), UpdatedAt: now,
			}},
		},
		{OrganizationID: otherOrg, ConsumerID: "cons_other"}: {
			Consumer: consumer.Consumer{OrganizationID: otherOrg, ID: "cons_other", CreatedAt: now, UpdatedAt: now},
		},
	}}}
	clock := func() time.Time { return w.now() }
	var err error
	w.issuer, err = authtest.NewIssuer(authtest.IssuerOptions{Now: clock})
	must(t, err)
	keySet, err := w.issuer.KeySet()
	must(t, err)
	t.Cleanup(func() { must(t, keySet.Close()) })
	verifier, err := auth.NewVerifier(auth.VerifierOptions{Keys: keySet, Now: clock})
	must(t, err)
	keys, err := auth.NewStaticAPIKeys([]auth.StaticAPIKey{
		{OrganizationID: org, Key: publishable}, {OrganizationID: org, Key: secret},
		{OrganizationID: otherOrg, Key: otherPublishable}, {OrganizationID: otherOrg, Key: otherSecret},
	})
	must(t, err)
	authenticator, err := auth.New(auth.Options{Tokens: verifier, APIKeys: keys, Now: clock})
	must(t, err)

	options := httpserver.Options{
		Store: w.store, Auth: authenticator, Now: clock,
		Logger: slog.New(slog.NewTextHandler(w.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}
	for _, c := range change {
		c(&options)
	}
	if options.Changes == nil && options.Store == consumer.Reader(w.store) && os.Getenv(testCache) == "on" {
		options.Changes, options.Cache = &watchingFeed{store: w.store}, &httpserver.CacheOptions{}
	}
	w.api, err = httpserver.New(options)
	must(t, err)
	t.Cleanup(func() { must(t, w.api.Close()) })
	w.Handler = w.api.Handler(prefix)
	return w
}

func (w *world) token(organizationID, consumerID string) string {
	w.t.Helper()
	token, err := w.issuer.Token(authtest.Claims{OrganizationID: organizationID, ConsumerID: consumerID})
	must(w.t, err)
	return token
}

// do sends a request with headers given as name, value, name, value. The answer must be
// one that the OpenAPI description has.
func (w *world) do(method, target string, headers ...string) *http.Response {
	w.t.Helper()
	response := do(w.Handler, method, target, headers...)
	if err := checkDescribed(method, target, response); err != nil {
		w.t.Error(err)
	}
	return response
}

// me asks for the document of the first organization's consumer.
func (w *world) me(headers ...string) *http.Response {
	w.t.Helper()
	return w.do(http.MethodGet, prefix+"/me", append([]string{
		"X-Publishable-Key", publishable, "Authorization", "Bearer " + w.token(org, "cons_1"),
	}, headers...)...)
}

func do(h http.Handler, method, target string, headers ...string) *http.Response {
	r := httptest.NewRequest(method, target, nil)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Add(headers[i], headers[i+1])
	}
	recorder := httptest.NewRecorder()
	h.ServeHTTP(recorder, r)
	return recorder.Result()
}

func body(t *testing.T, r *http.Response) string {
	t.Helper()
	text, err := io.ReadAll(r.Body)
	must(t, err)
	return string(text)
}

// withoutRequestID is a response's header without the part that differs each time.
func withoutRequestID(h http.Header) http.Header {
	h = maps.Clone(h)
	h.Del("X-Request-Id")
	return h
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
