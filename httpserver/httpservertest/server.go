package httpservertest

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/rejoinhq/rejoin/auth"
	"github.com/rejoinhq/rejoin/auth/authtest"
	"github.com/rejoinhq/rejoin/consumer"
	"github.com/rejoinhq/rejoin/httpserver"
	"github.com/rejoinhq/rejoin/journey"
)

const (
	consumersPath = "/api/v1/consumers"
	recordsPath   = "/api/v1/records"
	webhooksPath  = "/api/v1/webhooks"
)

// Server is a running API with one organization. Its methods are safe for concurrent use,
// and fail the test if something goes wrong.
type Server struct {
	// URL is the address of the server, such as http://127.0.0.1:1234. The endpoints for
	// consumers are below /api/v1/consumers, records are below /api/v1/records, and webhooks
	// are at /api/v1/webhooks.
	URL string
	// Client sends requests to the server.
	Client *http.Client
	// API is the API that the server serves.
	API *httpserver.API
	// Store keeps the records. Its zero faults make it work.
	Store *Store

	// OrganizationID is the organization. The keys are its keys, and WebhookSecret signs its
	// webhooks.
	OrganizationID, PublishableKey, SecretKey, WebhookSecret string

	t      testing.TB
	issuer *authtest.Issuer
	keys   *auth.KeySet
	mu     sync.Mutex
	now    time.Time
}

// New starts a server and stops it when the test ends. The clock begins at noon on 2 January
// 2026, UTC, and moves only with [Server.Advance]. Each of change may change the options of
// the API. Its streams and cache follow the store.
func New(t testing.TB, change ...func(*httpserver.Options)) *Server {
	t.Helper()
	s := &Server{
		OrganizationID: "org_test", PublishableKey: "pk_test_" + "00000000000000000001", SecretKey: "sk_test_" + "00000000000000000002",
		WebhookSecret: "webhook-secret-of-a-test", Store: newStore(),
		t: t, now: time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC),
	}
	var err error
	s.issuer, err = authtest.NewIssuer(authtest.IssuerOptions{Now: s.Now})
	s.must(err)
	keySet, err := s.issuer.KeySet()
	s.must(err)
	s.keys = keySet
	t.Cleanup(func() { _ = keySet.Close() })
	verifier, err := auth.NewVerifier(auth.VerifierOptions{Keys: keySet, Now: s.Now})
	s.must(err)
	keys, err := auth.NewStaticAPIKeys([]auth.StaticAPIKey{
		{OrganizationID: s.OrganizationID, Key: s.PublishableKey}, {OrganizationID: s.OrganizationID, Key: s.SecretKey},
	})
	s.must(err)
	authenticator, err := auth.New(auth.Options{Tokens: verifier, APIKeys: keys, Now: s.Now})
	s.must(err)
	options := httpserver.Options{
		Store: s.Store, Auth: authenticator, Changes: s.Store, Records: s.Store, Now: s.Now,
		Webhooks: &httpserver.WebhookOptions{Events: s.Store, Secrets: s.secrets},
	}
	for _, c := range change {
		c(&options)
	}
	s.API, err = httpserver.New(options)
	s.must(err)
	mux := http.NewServeMux()
	mux.Handle(consumersPath, s.API.Handler(consumersPath)) // without it, the mux would redirect the bare prefix
	mux.Handle(consumersPath+"/", s.API.Handler(consumersPath))
	mux.Handle(recordsPath, s.API.Records(recordsPath))
	mux.Handle(recordsPath+"/", s.API.Records(recordsPath))
	mux.Handle(webhooksPath, s.API.Webhooks(webhooksPath))
	server := httptest.NewServer(mux)
	s.URL, s.Client = server.URL, server.Client()
	t.Cleanup(func() {
		_ = s.API.Close() // ends the streams, for which the server would wait
		server.Close()
	})
	return s
}

func (s *Server) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

func (s *Server) secrets(_ context.Context, organizationID string) ([]string, error) {
	if organizationID != s.OrganizationID {
		return nil, nil
	}
	return []string{s.WebhookSecret}, nil
}

// Now returns the time of the server's clock.
func (s *Server) Now() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.now
}

// Advance moves the clock. Open event streams notice it with their next event.
func (s *Server) Advance(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.now = s.now.Add(d)
}

// Keys returns the keys that sign the access tokens and admission tokens, for a verifier of the
// test's own.
func (s *Server) Keys() *auth.KeySet { return s.keys }

// Token returns an access token of a consumer, which is valid for an hour.
func (s *Server) Token(consumerID string) string {
	s.t.Helper()
	token, err := s.issuer.Token(authtest.Claims{OrganizationID: s.OrganizationID, ConsumerID: consumerID, ExpiresAt: s.Now().Add(time.Hour)})
	s.must(err)
	return token
}

// Write writes records of the organization. It sets the organization of all of them, and the
// clock's time where a record has no UpdatedAt.
func (s *Server) Write(batch consumer.Batch) {
	s.t.Helper()
	now := s.Now()
	for i := range batch.Consumers {
		c := &batch.Consumers[i]
		c.OrganizationID, c.UpdatedAt = s.OrganizationID, orNow(c.UpdatedAt, now)
		c.CreatedAt = orNow(c.CreatedAt, now)
	}
	for i := range batch.Participations {
		p := &batch.Participations[i]
		p.OrganizationID, p.UpdatedAt, p.EnteredAt = s.OrganizationID, orNow(p.UpdatedAt, now), orNow(p.EnteredAt, now)
	}
	for i := range batch.Admissions {
		a := &batch.Admissions[i]
		a.OrganizationID, a.UpdatedAt, a.AdmittedAt = s.OrganizationID, orNow(a.UpdatedAt, now), orNow(a.AdmittedAt, now)
	}
	for i := range batch.Distributions {
		d := &batch.Distributions[i]
		d.OrganizationID, d.UpdatedAt = s.OrganizationID, orNow(d.UpdatedAt, now)
	}
	_, err := s.Store.Write(context.Background(), batch)
	s.must(err)
}

func orNow(t, now time.Time) time.Time {
	if t.IsZero() {
		return now
	}
	return t
}

// AddConsumer writes the profile of a consumer.
func (s *Server) AddConsumer(consumerID string) {
	s.t.Helper()
	s.Write(consumer.Batch{Consumers: []consumer.Consumer{{ID: consumerID}}})
}

// Enter makes a consumer enter a queue, in an experience and a sequence of the same name.
func (s *Server) Enter(consumerID, queueID string) {
	s.t.Helper()
	s.Write(consumer.Batch{Participations: []consumer.Participation{s.inQueue(consumerID, queueID, consumer.StatusQueued)}})
}

// Admit admits a consumer of a queue and returns the admission token, which the verifiers of
// [Server.Keys] accept. The admission ends after the lifetime. If that is 0, it does not expire,
// and the token expires after 24 hours.
func (s *Server) Admit(consumerID, queueID string, lifetime time.Duration) (token string) {
	s.t.Helper()
	s.Advance(time.Microsecond) // an admission is later than the entry
	p := s.inQueue(consumerID, queueID, consumer.StatusAdmitted)
	now := s.Now()
	claims := authtest.AdmissionClaims{
		OrganizationID: s.OrganizationID, ConsumerID: consumerID, ExperienceID: p.ExperienceID, SequenceID: p.SequenceID,
		DistributionType: p.Type, DistributionID: p.ID, ExpiresAt: now.Add(24 * time.Hour),
	}
	if lifetime > 0 {
		claims.ExpiresAt = now.Add(lifetime)
	}
	token, err := s.issuer.AdmissionToken(claims)
	s.must(err)
	p.Position, p.AdmittedAt, p.AdmissionToken = new(int64(0)), &now, &token
	if lifetime > 0 {
		p.ExpiresAt = new(now.Add(lifetime))
	}
	s.Write(consumer.Batch{Participations: []consumer.Participation{p}})
	return token
}

// Complete ends a consumer's participation in a queue, as a checkout does.
func (s *Server) Complete(consumerID, queueID string) {
	s.t.Helper()
	s.Advance(time.Microsecond)
	s.Write(consumer.Batch{Participations: []consumer.Participation{s.inQueue(consumerID, queueID, consumer.StatusCompleted)}})
}

func (s *Server) inQueue(consumerID, queueID string, status consumer.Status) consumer.Participation {
	return consumer.Participation{
		ConsumerID: consumerID, Type: consumer.Queue, ID: queueID, ExperienceID: "exp_" + queueID, SequenceID: "seq_" + queueID, Status: status,
	}
}

// Document is a consumer's own document.
type Document struct {
	ID        string                       `json:"id"`
	Email     *string                      `json:"email"`
	Phone     *string                      `json:"phone"`
	FullName  *string                      `json:"fullName"`
	CreatedAt time.Time                    `json:"createdAt"`
	Active    journey.ActiveParticipations `json:"active"`
}

// Me requests a consumer's own document over HTTP, with a new token. The document is empty
// if the status is not 200.
func (s *Server) Me(consumerID string) (status int, document Document) {
	s.t.Helper()
	r, err := http.NewRequest(http.MethodGet, s.URL+consumersPath+"/me", nil)
	s.must(err)
	r.Header.Set("X-Publishable-Key", s.PublishableKey)
	r.Header.Set("Authorization", "Bearer "+s.Token(consumerID))
	response, err := s.Client.Do(r)
	s.must(err)
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	s.must(err)
	if response.StatusCode == http.StatusOK {
		s.must(json.Unmarshal(body, &document))
	}
	return response.StatusCode, document
}
