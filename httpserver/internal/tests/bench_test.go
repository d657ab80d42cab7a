package tests_test

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	sdkmetric "go.opentelemetry.io/otel/sdk/metric"

	"github.com/rejoinhq/rejoin/auth"
	"github.com/rejoinhq/rejoin/auth/authtest"
	"github.com/rejoinhq/rejoin/consumer"
	"github.com/rejoinhq/rejoin/httpserver"
)

// BenchmarkHandler measures a request between net/http and the store: authentication, the
// document and the response. The store is in memory and returns three participations.
func BenchmarkHandler(b *testing.B) {
	issuer, err := authtest.NewIssuer(authtest.IssuerOptions{})
	orFail(b, err)
	bearer := func() string {
		token, err := issuer.Token(authtest.Claims{OrganizationID: org, ConsumerID: "cons_1"})
		orFail(b, err)
		return "Bearer " + token
	}
	handler := benchmarkHandler(b, issuer, httpserver.Options{})
	cached := benchmarkHandler(b, issuer, asTheServer())
	known := bearer()
	first := &benchmarkWriter{header: make(http.Header)}
	handler.ServeHTTP(first, benchmarkRequest("/me", known, nil))
	tag := first.header["Etag"]
	for _, test := range []struct {
		name, path    string
		handler       http.Handler
		authorization string // empty: a new token for each request
		noneMatch     []string
		status        int
	}{
		{"me", "/me", handler, known, nil, 200},
		{"me/If-None-Match", "/me", handler, known, tag, 304},
		{"cached me", "/me", cached, known, nil, 200},
		{"cached me/If-None-Match", "/me", cached, known, tag, 304},
		{"me/new token", "/me", handler, "", nil, 200},
		{"me/refused", "/me", handler, known + "x", nil, 401},
		{"look-up", "/cons_1", handler, "Bearer " + secret, nil, 200},
	} {
		b.Run(test.name, func(b *testing.B) {
			r := benchmarkRequest(test.path, test.authorization, test.noneMatch)
			w := &benchmarkWriter{}
			b.ReportAllocs()
			for b.Loop() {
				if test.authorization == "" {
					b.StopTimer()
					r.Header.Set("Authorization", bearer())
					b.StartTimer()
				}
				w.header = make(http.Header) // as net/http does for each request
				test.handler.ServeHTTP(w, r)
				if w.status != test.status {
					b.Fatalf("status %d", w.status)
				}
				w.status = 0
			}
		})
	}
}

// asTheServer returns the options of the example server, without its log.
func asTheServer() httpserver.Options {
	return httpserver.Options{
		Changes: &exactFeed{}, Cache: &httpserver.CacheOptions{}, CORSOrigins: []string{"https://a.example"}, PollIntervals: &httpserver.PollIntervals{},
		MeterProvider: sdkmetric.NewMeterProvider(sdkmetric.WithReader(sdkmetric.NewManualReader())),
	}
}

// benchmarkHandler returns a handler for one consumer with three participations.
func benchmarkHandler(b *testing.B, issuer *authtest.Issuer, options httpserver.Options) http.Handler {
	now := time.Now().Truncate(24 * time.Hour) // the same document for every handler
	record := func(kind consumer.DistributionType, id string, status consumer.Status) consumer.Participation {
		return consumer.Participation{
			OrganizationID: org, ConsumerID: "cons_1", Type: kind, ID: id,
			ExperienceID: "exp_" + id, SequenceID: "seq_" + id, Status: status, EnteredAt: now, UpdatedAt: now,
		}
	}
	admitted := record(consumer.Queue, "queue_1", consumer.StatusAdmitted)
	admitted.AdmittedAt, admitted.AdmissionToken = &now, new("token")
	store := &fakeStore{snapshots: map[consumer.Key]consumer.Snapshot{
		{OrganizationID: org, ConsumerID: "cons_1"}: {
			Consumer: consumer.Consumer{OrganizationID: org, ID: "cons_1", Email: new("ada@example.com"), CreatedAt: now},
			Participations: []consumer.Participation{
				admitted,
				record(consumer.Draw, "draw_1", consumer.StatusEntered),
				record(consumer.Auction, "auction_1", consumer.StatusWinning),
			},
		},
	}}
	keySet, err := issuer.KeySet()
	orFail(b, err)
	b.Cleanup(func() { orFail(b, keySet.Close()) })
	verifier, err := auth.NewVerifier(auth.VerifierOptions{Keys: keySet})
	orFail(b, err)
	keys, err := auth.NewStaticAPIKeys([]auth.StaticAPIKey{{OrganizationID: org, Key: publishable}, {OrganizationID: org, Key: secret}})
	orFail(b, err)
	authenticator, err := auth.New(auth.Options{Tokens: verifier, APIKeys: keys})
	orFail(b, err)
	options.Store, options.Auth = store, authenticator
	api, err := httpserver.New(options)
	orFail(b, err)
	b.Cleanup(func() { orFail(b, api.Close()) })
	return api.Handler(prefix)
}

func benchmarkRequest(path, authorization string, noneMatch []string) *http.Request {
	r := httptest.NewRequest(http.MethodGet, prefix+path, nil)
	r.Header.Set("X-Publishable-Key", publishable)
	r.Header.Set("Authorization", authorization)
	if noneMatch != nil {
		r.Header["If-None-Match"] = noneMatch
	}
	return r
}

// benchmarkWriter is a ResponseWriter that drops the body.
type benchmarkWriter struct {
	header http.Header
	status int
}

func (w *benchmarkWriter) Header() http.Header { return w.header }

func (w *benchmarkWriter) WriteHeader(status int) { w.status = status }

func (w *benchmarkWriter) Write(body []byte) (int, error) {
	if w.status == 0 {
		w.status = 200
	}
	return len(body), nil
}

func orFail(b *testing.B, err error) {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
}
