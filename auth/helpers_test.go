package auth_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rejoinhq/rejoin/auth"
)

// noon is the time in every test that does not run in a synctest bubble.
var noon = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)

func atNoon() time.Time { return noon }

// signer signs any bytes, unlike the issuer of authtest.
type signer struct{ private ed25519.PrivateKey }

// newSigner returns the signer with that name. Its key is the same in every run.
func newSigner(name string) signer {
	seed := make([]byte, ed25519.SeedSize)
	copy(seed, name)
	return signer{ed25519.NewKeyFromSeed(seed)}
}

func (s signer) key(id string) auth.Key {
	return auth.Key{ID: id, Public: s.private.Public().(ed25519.PublicKey)}
}

func (s signer) jwk(id string) string {
	return jwk(s.key(id).Public, map[string]any{"kid": id, "use": "sig", "alg": "EdDSA"})
}

func (s signer) token(header, payload string) string {
	return s.sign(segment(header), segment(payload))
}

// sign returns a token with those segments.
func (s signer) sign(header, payload string) string {
	signed := header + "." + payload
	return signed + "." + segment(string(ed25519.Sign(s.private, []byte(signed))))
}

func segment(text string) string { return base64.RawURLEncoding.EncodeToString([]byte(text)) }

// jwk returns a public key as a JWK with those further members. A nil value removes a member.
func jwk(public []byte, members map[string]any) string {
	key := map[string]any{"kty": "OKP", "crv": "Ed25519", "x": base64.RawURLEncoding.EncodeToString(public)}
	return object(key, members)
}

func jwks(keys ...string) string { return `{"keys":[` + strings.Join(keys, ",") + `]}` }

const plainHeader = `{"alg":"EdDSA","typ":"JWT"}`

func headerOf(kid string) string {
	return object(map[string]any{"alg": "EdDSA", "typ": "JWT"}, map[string]any{"kid": kid})
}

func goodClaims(now time.Time) map[string]any {
	return map[string]any{
		"consumerId": "cons_1", "organizationId": "org_1", "sessionId": "sess_1",
		"iat": now.Unix(), "exp": now.Add(time.Hour).Unix(),
	}
}

// payload returns claims that are valid at noon, with those changes.
func payload(changes map[string]any) string { return object(goodClaims(noon), changes) }

func object(base, changes map[string]any) string {
	merged := maps.Clone(base)
	maps.Copy(merged, changes)
	maps.DeleteFunc(merged, func(_ string, value any) bool { return value == nil })
	data, err := json.Marshal(merged)
	if err != nil {
		panic(err) // a mistake in a test's table
	}
	return string(data)
}

// null is the JSON value null.
var null = json.RawMessage("null")

func staticSet(t testing.TB, keys ...auth.Key) *auth.KeySet {
	t.Helper()
	set, err := auth.NewKeySet(t.Context(), auth.KeySetOptions{Keys: keys})
	if err != nil {
		t.Fatal(err)
	}
	return set
}

func newVerifier(t testing.TB, options auth.VerifierOptions) *auth.Verifier {
	t.Helper()
	verifier, err := auth.NewVerifier(options)
	if err != nil {
		t.Fatal(err)
	}
	return verifier
}

// eachCache runs a test without and with the cache of verified tokens.
func eachCache(t *testing.T, test func(t *testing.T, size int)) {
	for name, size := range map[string]int{"cache off": -1, "cache on": 0} {
		t.Run(name, func(t *testing.T) { test(t, size) })
	}
}

// wantReason fails unless err is a refusal for that reason, with a text that has nothing else.
func wantReason(t *testing.T, err error, want auth.Reason) {
	t.Helper()
	var refusal *auth.Error
	if !errors.As(err, &refusal) || !errors.Is(err, auth.ErrUnauthenticated) {
		t.Fatalf("got %v, want a refusal: %s", err, want)
	}
	if refusal.Reason != want {
		t.Errorf("refused for %s, want %s", refusal.Reason, want)
	}
	if got := err.Error(); got != "auth: unauthenticated: "+string(refusal.Reason) {
		t.Errorf("the error says more than its reason: %q", got)
	}
}

// transport responds to the reads of a key set, without a network.
type transport struct {
	reads  atomic.Int64
	answer atomic.Pointer[func(*http.Request) (*http.Response, error)]
}

func (t *transport) RoundTrip(r *http.Request) (*http.Response, error) {
	t.reads.Add(1)
	return (*t.answer.Load())(r)
}

func (t *transport) serveFunc(answer func(*http.Request) (*http.Response, error)) {
	t.answer.Store(&answer)
}

func (t *transport) serve(body string) {
	t.serveFunc(func(*http.Request) (*http.Response, error) { return response(http.StatusOK, body), nil })
}

// hang makes reads last until their context ends.
func (t *transport) hang() {
	t.serveFunc(func(r *http.Request) (*http.Response, error) {
		<-r.Context().Done()
		return nil, r.Context().Err()
	})
}

func (t *transport) wantReads(tb testing.TB, want int64) {
	tb.Helper()
	if got := t.reads.Load(); got != want {
		tb.Errorf("the set was read %d times, want %d", got, want)
	}
}

func response(status int, body string) *http.Response {
	return &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body))}
}

// remoteSet returns a key set that is read from a URL.
func remoteSet(t testing.TB, issuer *transport, options auth.KeySetOptions) *auth.KeySet {
	t.Helper()
	options.URL = "https://issuer.example/jwks.json"
	options.Client = &http.Client{Transport: issuer}
	set, err := auth.NewKeySet(t.Context(), options)
	if err != nil {
		t.Fatal(err)
	}
	return set
}

// logBuffer stores what was logged.
type logBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *logBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

func (b *logBuffer) logger() *slog.Logger {
	return slog.New(slog.NewJSONHandler(b, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

// finderFunc is a consumer.APIKeyFinder.
type finderFunc func(ctx context.Context, digest [32]byte, now time.Time) (string, error)

func (f finderFunc) OrganizationByAPIKey(ctx context.Context, digest [32]byte, now time.Time) (string, error) {
	return f(ctx, digest, now)
}
