package authtest_test

import (
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"math"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rejoinhq/rejoin/auth"
	"github.com/rejoinhq/rejoin/auth/authtest"
	"github.com/rejoinhq/rejoin/consumer"
)

var noon = time.Date(2026, 1, 2, 12, 0, 0, 500, time.UTC)

func newIssuer(t *testing.T, keyID string) *authtest.Issuer {
	t.Helper()
	issuer, err := authtest.NewIssuer(authtest.IssuerOptions{KeyID: keyID, Now: func() time.Time { return noon }})
	if err != nil {
		t.Fatal(err)
	}
	return issuer
}

// parts returns the header and the payload of a token as JSON.
func parts(t *testing.T, token string) (header, payload string) {
	t.Helper()
	segments := strings.Split(token, ".")
	if len(segments) != 3 {
		t.Fatalf("%d parts", len(segments))
	}
	for i, text := range []*string{&header, &payload} {
		data, err := base64.RawURLEncoding.Strict().DecodeString(segments[i])
		if err != nil {
			t.Fatal(err)
		}
		*text = string(data)
	}
	return header, payload
}

func TestToken(t *testing.T) {
	for keyID, wantHeader := range map[string]string{
		"":        `{"alg":"EdDSA","typ":"JWT"}`, // byte for byte as in the API documentation
		"2026-01": `{"alg":"EdDSA","typ":"JWT","kid":"2026-01"}`,
	} {
		token, err := newIssuer(t, keyID).Token(authtest.Claims{ConsumerID: "cons_1", OrganizationID: "org_1", SessionID: "sess_1"})
		if err != nil {
			t.Fatal(err)
		}
		header, payload := parts(t, token)
		if header != wantHeader {
			t.Errorf("header %s, want %s", header, wantHeader)
		}
		if want := `{"consumerId":"cons_1","organizationId":"org_1","sessionId":"sess_1","iat":1767355200,"exp":1767358800}`; payload != want {
			t.Errorf("payload %s, want %s", payload, want)
		}
	}
}

func TestTokenClaims(t *testing.T) {
	issuer := newIssuer(t, "")
	issued, expires := noon.Add(-time.Hour), noon.Add(time.Minute)
	token, err := issuer.Token(authtest.Claims{ConsumerID: "c", OrganizationID: "o", IssuedAt: issued, ExpiresAt: expires})
	if err != nil {
		t.Fatal(err)
	}
	var claims struct {
		SessionID string
		IAT, EXP  int64
	}
	_, payload := parts(t, token)
	if err := json.Unmarshal([]byte(payload), &claims); err != nil {
		t.Fatal(err)
	}
	if claims.IAT != issued.Unix() || claims.EXP != expires.Unix() {
		t.Errorf("iat %d, exp %d", claims.IAT, claims.EXP)
	}
	other, err := issuer.Token(authtest.Claims{ConsumerID: "c", OrganizationID: "o", IssuedAt: issued, ExpiresAt: expires})
	if err != nil {
		t.Fatal(err)
	}
	if claims.SessionID == "" || other == token {
		t.Error("the session is not a new one")
	}

	for name, claims := range map[string]authtest.Claims{"consumer": {OrganizationID: "o"}, "organization": {ConsumerID: "c"}} {
		if token, err := issuer.Token(claims); err == nil || token != "" {
			t.Errorf("a token without %s", name)
		}
	}
}

func TestSign(t *testing.T) {
	issuer := newIssuer(t, "")
	token, err := issuer.Sign(map[string]any{"alg": "none"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	header, payload := parts(t, token)
	if header != `{"alg":"none"}` || payload != "null" {
		t.Errorf("%s %s", header, payload)
	}
	last := strings.LastIndexByte(token, '.')
	signature, err := base64.RawURLEncoding.DecodeString(token[last+1:])
	if err != nil || !ed25519.Verify(issuer.Keys()[0].Public, []byte(token[:last]), signature) {
		t.Error("the signature is not the issuer's")
	}
	for _, bad := range [][2]map[string]any{{{"x": math.NaN()}, nil}, {nil, {"x": math.Inf(1)}}} {
		if _, err := issuer.Sign(bad[0], bad[1]); err == nil {
			t.Error("signed what JSON cannot say")
		}
	}
}

func TestHandlerAndRotate(t *testing.T) {
	issuer := newIssuer(t, "first")
	server := httptest.NewServer(issuer.Handler())
	defer server.Close()
	set, err := auth.NewKeySet(t.Context(), auth.KeySetOptions{URL: server.URL + "/any/path"})
	if err != nil {
		t.Fatal(err)
	}
	defer set.Close()
	verifier, err := auth.NewVerifier(auth.VerifierOptions{Keys: set, Now: func() time.Time { return noon }})
	if err != nil {
		t.Fatal(err)
	}
	memory, err := issuer.KeySet()
	if err != nil {
		t.Fatal(err)
	}
	stale, err := auth.NewVerifier(auth.VerifierOptions{Keys: memory, Now: func() time.Time { return noon }})
	if err != nil {
		t.Fatal(err)
	}

	before, err := issuer.Token(authtest.Claims{ConsumerID: "c", OrganizationID: "o"})
	if err != nil {
		t.Fatal(err)
	}
	if err := issuer.Rotate("second"); err != nil {
		t.Fatal(err)
	}
	after, err := issuer.Token(authtest.Claims{ConsumerID: "c", OrganizationID: "o"})
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		verifier *auth.Verifier
		token    string
		good     bool
	}{{verifier, before, true}, {verifier, after, true}, {verifier, before, false}, {stale, before, true}, {stale, after, false}} {
		if _, err := test.verifier.Verify(t.Context(), test.token); (err == nil) != test.good {
			t.Errorf("got %v, good: %t", err, test.good)
		}
	}
}

func TestHandlerAnswers(t *testing.T) {
	issuer := newIssuer(t, "a")
	for method, want := range map[string]int{"GET": 200, "HEAD": 200, "POST": 405} {
		w := httptest.NewRecorder()
		issuer.Handler().ServeHTTP(w, httptest.NewRequest(method, "/", nil))
		if w.Code != want {
			t.Errorf("%s: %d", method, w.Code)
		}
		if want == http.StatusOK && w.Header().Get("Content-Type") != "application/json" {
			t.Errorf("%s: %v", method, w.Header())
		}
		if want != http.StatusOK && w.Header().Get("Allow") != "GET, HEAD" {
			t.Errorf("%s: %v", method, w.Header())
		}
		if method == "GET" {
			var document struct{ Keys []map[string]string }
			if err := json.Unmarshal(w.Body.Bytes(), &document); err != nil {
				t.Fatal(err)
			}
			want := []map[string]string{{
				"kty": "OKP", "crv": "Ed25519", "use": "sig", "alg": "EdDSA", "kid": "a",
				"x": base64.RawURLEncoding.EncodeToString(issuer.Keys()[0].Public),
			}}
			if diff := cmp.Diff(want, document.Keys); diff != "" {
				t.Error(diff)
			}
		}
	}
	if strings.Contains(string(newIssuer(t, "").JWKS()), "kid") {
		t.Error("a key without kid has one")
	}
}

func TestNewIssuerRefuses(t *testing.T) {
	if _, err := authtest.NewIssuer(authtest.IssuerOptions{KeyID: "a\nb"}); err == nil {
		t.Error("a kid that no token may have")
	}
	issuer := newIssuer(t, "a")
	if err := issuer.Rotate(strings.Repeat("k", 300)); err == nil || issuer.Keys()[0].ID != "a" {
		t.Error("rotated to a kid that no token may have")
	}
}

// The default clock is that of the system, and an Issuer is safe for concurrent use.
func TestConcurrentUse(t *testing.T) {
	issuer, err := authtest.NewIssuer(authtest.IssuerOptions{})
	if err != nil {
		t.Fatal(err)
	}
	var users sync.WaitGroup
	for range 8 {
		users.Go(func() {
			token, err := issuer.Token(authtest.Claims{ConsumerID: "c", OrganizationID: "o"})
			if err != nil || token == "" {
				t.Error(err)
			}
		})
		users.Go(func() {
			if err := issuer.Rotate("next"); err != nil {
				t.Error(err)
			}
		})
		users.Go(func() { _ = issuer.JWKS() })
	}
	users.Wait()
}

func TestAdmissionToken(t *testing.T) {
	issuer := newIssuer(t, "")
	token, err := issuer.AdmissionToken(authtest.AdmissionClaims{
		ConsumerID: "cons_1", OrganizationID: "org_1", ExperienceID: "exp_1", SequenceID: "seq_1",
		DistributionType: consumer.Queue, DistributionID: "queue_1", Audience: "checkout", ID: "adm_1",
	})
	if err != nil {
		t.Fatal(err)
	}
	header, payload := parts(t, token)
	const wantPayload = `{"consumerId":"cons_1","organizationId":"org_1","experienceId":"exp_1","sequenceId":"seq_1",` +
		`"distributionType":"queue","distributionId":"queue_1","aud":"checkout","jti":"adm_1","iat":1767355200,"exp":1767355800}`
	if header != `{"alg":"EdDSA","typ":"JWT"}` || payload != wantPayload {
		t.Errorf("header %s, payload %s", header, payload)
	}
	short, err := issuer.AdmissionToken(authtest.AdmissionClaims{
		ConsumerID: "cons_1", OrganizationID: "org_1", SequenceID: "seq_1", ID: "adm_2", IssuedAt: noon.Add(-time.Minute), ExpiresAt: noon.Add(time.Minute),
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, payload := parts(t, short); payload != `{"consumerId":"cons_1","organizationId":"org_1","sequenceId":"seq_1","jti":"adm_2","iat":1767355140,"exp":1767355260}` {
		t.Errorf("payload %s", payload)
	}
	minimal := authtest.AdmissionClaims{ConsumerID: "cons_1", OrganizationID: "org_1", SequenceID: "seq_1"}
	first, firstErr := issuer.AdmissionToken(minimal)
	second, secondErr := issuer.AdmissionToken(minimal)
	if firstErr != nil || secondErr != nil || first == second {
		t.Errorf("two tokens are the same, errors %v and %v", firstErr, secondErr)
	}
	for name, claims := range map[string]authtest.AdmissionClaims{
		"no consumer":     {OrganizationID: "org_1", SequenceID: "seq_1"},
		"no organization": {ConsumerID: "cons_1", SequenceID: "seq_1"},
		"no sequence":     {ConsumerID: "cons_1", OrganizationID: "org_1"},
	} {
		if token, err := issuer.AdmissionToken(claims); err == nil || token != "" {
			t.Errorf("%s: %q, error %v", name, token, err)
		}
	}
}
