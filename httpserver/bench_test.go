package httpserver_test

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/rejoinhq/rejoin/auth"
	"github.com/rejoinhq/rejoin/auth/authtest"
	"github.com/rejoinhq/rejoin/consumer"
	"github.com/rejoinhq/rejoin/httpserver"
)

// What a request costs between net/http and the store: authentication, the document and
// its writing. The store answers from memory, with three participations.
func BenchmarkHandler(b *testing.B) {
	issuer, err := authtest.NewIssuer(authtest.IssuerOptions{})
	orFail(b, err)
	bearer := func() string {
		token, err := issuer.Token(authtest.Claims{OrganizationID: org, ConsumerID: "cons_1"})
		orFail(b, err)
		return "Bearer " + token
	}
	handler := benchmarkHandler(b, issuer)
	known := bearer()
	first := &benchmarkWriter{header: make(http.Header)}
	handler.ServeHTTP(first, benchmarkRequest("/me", known, nil))
	tag := first.header.Get("ETag")
	for _, test := range []struct {
		name, path    string
		authorization string // empty: a new token for each request
		noneMatch     []string
		status        int
	}{
		{"me", "/me", known, nil, 200},
		{"me/If-None-Match", "/me", known, []string{tag}, 304},
		{"me/new token", "/me", "", nil, 200},
		{"me/refused", "/me", known + "x", nil, 401},
		{"look-up", "/cons_1", "Bearer " + secret, nil, 200},
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
				w.header = make(http.Header) // as net/http makes one for each
				handler.ServeHTTP(w, r)
				if w.status != test.status {
					b.Fatalf("status %d", w.status)
				}
				w.status = 0
			}
		})
	}
}

// benchmarkHandler has one consumer with three participations.
func benchmarkHandler(b *testing.B, issuer *authtest.Issuer) http.Handler {
	now := time.Now()
	record := func(kind consumer.DistributionType, id string, status consumer.Status) consumer.Participation {
		return consumer.Participation{
			OrganizationID: org, ConsumerID: "cons_1", Type: kind, ID: id,
			ExperienceID: "exp_" + id, SequenceID: "seq_" + id, Status: status, EnteredAt: now, UpdatedAt: now,
		}
	}
	admitted := record(consumer.Queue, "queue_1", consumer.StatusAdmitted)
	admitted.AdmittedAt, admitted.AdmissionToken = &now, new("token")
	store := &fakeStore{snapshots: map[consumer.ConsumerKey]consumer.Snapshot{
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
	api, err := httpserver.New(httpserver.Options{Store: store, Auth: authenticator})
	orFail(b, err)
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

// benchmarkWriter keeps no body.
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
