package auth_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/rejoinhq/rejoin/auth"
	"github.com/rejoinhq/rejoin/auth/authtest"
	"github.com/rejoinhq/rejoin/consumer"
)

func goodAdmissionClaims(now time.Time) map[string]any {
	return map[string]any{
		"consumerId": "cons_1", "organizationId": "org_1", "experienceId": "exp_1", "sequenceId": "seq_1",
		"distributionType": "queue", "distributionId": "queue_1", "iat": now.Unix(), "exp": now.Add(10 * time.Minute).Unix(),
	}
}

// admissionPayload returns the claims of an admission token that is valid at noon, with those
// changes.
func admissionPayload(changes map[string]any) string {
	return object(goodAdmissionClaims(noon), changes)
}

func newAdmissionVerifier(t testing.TB, options auth.AdmissionVerifierOptions) *auth.AdmissionVerifier {
	t.Helper()
	verifier, err := auth.NewAdmissionVerifier(options)
	if err != nil {
		t.Fatal(err)
	}
	return verifier
}

var expected = auth.Expected{OrganizationID: "org_1", ConsumerID: "cons_1", SequenceID: "seq_1"}

// goodAdmission is what a token with goodAdmissionClaims says.
var goodAdmission = auth.Admission{
	OrganizationID: "org_1", ConsumerID: "cons_1", ExperienceID: "exp_1", SequenceID: "seq_1",
	DistributionType: consumer.Queue, DistributionID: "queue_1", ExpiresAt: noon.Add(10 * time.Minute),
}

var ignoreDigest = cmpopts.IgnoreUnexported(auth.Admission{})

func TestAdmissionToken(t *testing.T) {
	issuer := newSigner("issuer")
	verifier := newAdmissionVerifier(t, auth.AdmissionVerifierOptions{Keys: staticSet(t, issuer.key("named")), Now: atNoon})
	withoutDistribution := map[string]any{"distributionType": nil, "distributionId": nil}
	of := func(kind consumer.DistributionType, id string) auth.Admission {
		a := goodAdmission
		a.DistributionType, a.DistributionID = kind, id
		return a
	}
	withoutExperience := goodAdmission
	withoutExperience.ExperienceID = ""
	for name, c := range map[string]struct {
		header  string
		changes map[string]any
		want    auth.Admission
	}{
		"all claims":                         {plainHeader, nil, goodAdmission},
		"with a kid":                         {headerOf("named"), nil, goodAdmission},
		"without typ":                        {`{"alg":"EdDSA"}`, nil, goodAdmission},
		"of its own type":                    {`{"alg":"EdDSA","typ":"application/Admission+JWT"}`, nil, goodAdmission},
		"no distribution":                    {plainHeader, withoutDistribution, of("", "")},
		"a queue":                            {plainHeader, map[string]any{"distributionType": nil, "distributionId": nil, "queueId": "q"}, of(consumer.Queue, "q")},
		"a draw":                             {plainHeader, map[string]any{"distributionType": nil, "distributionId": nil, "drawId": "d"}, of(consumer.Draw, "d")},
		"an auction":                         {plainHeader, map[string]any{"distributionType": nil, "distributionId": nil, "auctionId": "a"}, of(consumer.Auction, "a")},
		"a timed release":                    {plainHeader, map[string]any{"distributionType": nil, "distributionId": nil, "timedReleaseId": "r"}, of(consumer.TimedRelease, "r")},
		"the same distribution twice":        {plainHeader, map[string]any{"queueId": "queue_1"}, goodAdmission},
		"no experience":                      {plainHeader, map[string]any{"experienceId": nil}, withoutExperience},
		"a session":                          {plainHeader, map[string]any{"sessionId": "sess_1"}, goodAdmission},
		"a purpose":                          {plainHeader, map[string]any{"type": "admission", "scope": []string{"checkout"}, "use": null}, goodAdmission},
		"claims that nobody knows":           {plainHeader, map[string]any{"jti": "x", "admittedAt": 1}, goodAdmission},
		"issued within the leeway":           {plainHeader, map[string]any{"iat": noon.Unix() + 30}, goodAdmission},
		"an audience, though none is needed": {plainHeader, map[string]any{"aud": "shop"}, goodAdmission},
	} {
		t.Run(name, func(t *testing.T) {
			token := issuer.token(c.header, admissionPayload(c.changes))
			got, err := verifier.Verify(t.Context(), token)
			if diff := cmp.Diff(c.want, got, ignoreDigest); err != nil || diff != "" {
				t.Errorf("Verify: error %v (-want +got):\n%s", err, diff)
			}
			got, err = verifier.VerifyFor(t.Context(), token, expected)
			if diff := cmp.Diff(c.want, got, ignoreDigest); err != nil || diff != "" {
				t.Errorf("VerifyFor: error %v (-want +got):\n%s", err, diff)
			}
		})
	}
}

// refuse is a row of claims that make an admission token invalid.
func TestAdmissionTokensThatAreRefused(t *testing.T) {
	issuer := newSigner("issuer")
	verifier := newAdmissionVerifier(t, auth.AdmissionVerifierOptions{
		Keys: staticSet(t, issuer.key("")), Now: atNoon, Issuer: "https://issuer.example", Audience: "checkout",
	})
	good := map[string]any{"iss": "https://issuer.example", "aud": []string{"x", "checkout"}}
	if _, err := verifier.Verify(t.Context(), issuer.token(plainHeader, admissionPayload(good))); err != nil {
		t.Fatalf("a good token: %v", err)
	}
	for name, c := range map[string]struct {
		changes map[string]any
		want    auth.Reason
	}{
		"no sequence":                 {map[string]any{"sequenceId": nil}, auth.ReasonTokenPurpose},
		"an empty sequence":           {map[string]any{"sequenceId": ""}, auth.ReasonTokenClaims},
		"a sequence that is a number": {map[string]any{"sequenceId": 1}, auth.ReasonTokenClaims},
		"a null sequence":             {map[string]any{"sequenceId": null}, auth.ReasonTokenClaims},
		"no consumer":                 {map[string]any{"consumerId": nil}, auth.ReasonTokenClaims},
		"no organization":             {map[string]any{"organizationId": nil}, auth.ReasonTokenClaims},
		"an empty experience":         {map[string]any{"experienceId": ""}, auth.ReasonTokenClaims},
		"a type without an id":        {map[string]any{"distributionId": nil}, auth.ReasonTokenClaims},
		"an id without a type":        {map[string]any{"distributionType": nil}, auth.ReasonTokenClaims},
		"an empty distribution":       {map[string]any{"distributionId": ""}, auth.ReasonTokenClaims},
		"a waitlist":                  {map[string]any{"distributionType": "waitlist"}, auth.ReasonTokenClaims},
		"an unknown type":             {map[string]any{"distributionType": "raffle"}, auth.ReasonTokenClaims},
		"two queues":                  {map[string]any{"queueId": "queue_2"}, auth.ReasonTokenClaims},
		"a queue and a draw":          {map[string]any{"drawId": "queue_1"}, auth.ReasonTokenClaims},
		"a queue that is a number":    {map[string]any{"distributionType": nil, "distributionId": nil, "queueId": 1}, auth.ReasonTokenClaims},
		"no exp":                      {map[string]any{"exp": nil}, auth.ReasonTokenClaims},
		"exp a string":                {map[string]any{"exp": "9999999999"}, auth.ReasonTokenClaims},
		"no iat":                      {map[string]any{"iat": nil}, auth.ReasonTokenClaims},
		"expired":                     {map[string]any{"iat": noon.Unix() - 600, "exp": noon.Unix() - 30}, auth.ReasonTokenExpired},
		"issued in the future":        {map[string]any{"iat": noon.Unix() + 31}, auth.ReasonTokenNotYetValid},
		"not valid yet":               {map[string]any{"nbf": noon.Unix() + 31}, auth.ReasonTokenNotYetValid},
		"too long a life":             {map[string]any{"exp": noon.Unix() + 24*60*60 + 31}, auth.ReasonTokenLifetime},
		"an access token's purpose":   {map[string]any{"type": "access"}, auth.ReasonTokenPurpose},
		"a refresh token's purpose":   {map[string]any{"scope": []string{"x", "Refresh_Token"}}, auth.ReasonTokenPurpose},
		"a purpose of an odd form":    {map[string]any{"use": map[string]any{"a": 1}}, auth.ReasonTokenPurpose},
		"bound to a key":              {map[string]any{"cnf": null}, auth.ReasonTokenBound},
		"no issuer":                   {map[string]any{"iss": nil}, auth.ReasonTokenClaims},
		"another issuer":              {map[string]any{"iss": "https://evil.example"}, auth.ReasonTokenIssuer},
		"no audience":                 {map[string]any{"aud": nil}, auth.ReasonTokenClaims},
		"another audience":            {map[string]any{"aud": []string{"x"}}, auth.ReasonTokenAudience},
	} {
		t.Run(name, func(t *testing.T) {
			claims := map[string]any{"iss": good["iss"], "aud": good["aud"]}
			for claim, value := range c.changes {
				claims[claim] = value
			}
			got, err := verifier.Verify(t.Context(), issuer.token(plainHeader, admissionPayload(claims)))
			wantReason(t, err, c.want)
			wantAnswer(t, err, "The admission token is not valid.", true)
			if got != (auth.Admission{}) {
				t.Errorf("Verify returned %+v with the error", got)
			}
		})
	}
}

func TestAdmissionOfSomethingElse(t *testing.T) {
	issuer := newSigner("issuer")
	verifier := newAdmissionVerifier(t, auth.AdmissionVerifierOptions{Keys: staticSet(t, issuer.key("")), Now: atNoon})
	token := issuer.token(plainHeader, admissionPayload(nil))
	for name, c := range map[string]struct {
		expected auth.Expected
		want     auth.Reason
	}{
		"another organization":   {auth.Expected{OrganizationID: "org_2", ConsumerID: "cons_1", SequenceID: "seq_1"}, auth.ReasonOrganizationMismatch},
		"another consumer":       {auth.Expected{OrganizationID: "org_1", ConsumerID: "cons_2", SequenceID: "seq_1"}, auth.ReasonTokenConsumer},
		"another sequence":       {auth.Expected{OrganizationID: "org_1", ConsumerID: "cons_1", SequenceID: "seq_2"}, auth.ReasonTokenSequence},
		"a forgotten field, org": {auth.Expected{ConsumerID: "cons_1", SequenceID: "seq_1"}, auth.ReasonOrganizationMismatch},
		"a forgotten consumer":   {auth.Expected{OrganizationID: "org_1", SequenceID: "seq_1"}, auth.ReasonTokenConsumer},
		"a forgotten sequence":   {auth.Expected{OrganizationID: "org_1", ConsumerID: "cons_1"}, auth.ReasonTokenSequence},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := verifier.VerifyFor(t.Context(), token, c.expected)
			wantReason(t, err, c.want)
			wantAnswer(t, err, "The admission token is not valid.", true)
			if got != (auth.Admission{}) {
				t.Errorf("VerifyFor returned %+v with the error", got)
			}
		})
	}
}

func TestAdmissionKeysByOrganization(t *testing.T) {
	one, two := newSigner("one"), newSigner("two")
	verifier := newAdmissionVerifier(t, auth.AdmissionVerifierOptions{
		KeysByOrganization: map[string]*auth.KeySet{"org_1": staticSet(t, one.key("")), "org_2": staticSet(t, two.key(""))}, Now: atNoon,
	})
	if _, err := verifier.Verify(t.Context(), one.token(plainHeader, admissionPayload(nil))); err != nil {
		t.Error(err)
	}
	_, err := verifier.Verify(t.Context(), two.token(plainHeader, admissionPayload(nil)))
	wantReason(t, err, auth.ReasonTokenSignature)
	_, err = verifier.Verify(t.Context(), one.token(plainHeader, admissionPayload(map[string]any{"organizationId": "org_3"})))
	wantReason(t, err, auth.ReasonTokenOrganization)
}

func TestNewAdmissionVerifierRefuses(t *testing.T) {
	set := staticSet(t, newSigner("issuer").key(""))
	for name, c := range map[string]struct {
		options auth.AdmissionVerifierOptions
		fields  []string
	}{
		"no keys": {auth.AdmissionVerifierOptions{}, []string{"Keys"}},
		"both": {auth.AdmissionVerifierOptions{Keys: set, KeysByOrganization: map[string]*auth.KeySet{"org_1": set}, MaxLifetime: -1, MaxTokenSize: -1},
			[]string{"Keys", "MaxLifetime", "MaxTokenSize"}},
		"zero sets": {auth.AdmissionVerifierOptions{KeysByOrganization: map[string]*auth.KeySet{"org_1": new(auth.KeySet)}},
			[]string{`KeysByOrganization["org_1"]`}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := auth.NewAdmissionVerifier(c.options)
			var invalid *consumer.ValidationError
			if !errors.As(err, &invalid) {
				t.Fatalf("error %v", err)
			}
			var fields []string
			for _, f := range invalid.Fields {
				fields = append(fields, f.Field)
			}
			if diff := cmp.Diff(c.fields, fields); diff != "" {
				t.Errorf("fields (-want +got):\n%s", diff)
			}
		})
	}
}

// TestAttacksOnAdmissions tries the attacks on access tokens that also concern admission
// tokens, with a key set by URL that has keys which must never verify a token.
func TestAttacksOnAdmissions(t *testing.T) {
	const header = `{"alg":"EdDSA","typ":"JWT",`
	synctest.Test(t, func(t *testing.T) {
		f := newFortress(t)
		verifier := newAdmissionVerifier(t, auth.AdmissionVerifierOptions{Keys: f.set})
		claims := func(changes map[string]any) string { return object(goodAdmissionClaims(time.Now()), changes) }
		genuine := func(header string, changes map[string]any) string { return f.issuer.token(header, claims(changes)) }
		good := genuine(headerOf("known"), nil)
		hs256 := func(key string) string {
			token, err := jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.MapClaims(goodAdmissionClaims(time.Now()))).SignedString([]byte(key))
			if err != nil {
				t.Fatal(err)
			}
			return token
		}
		tokens := map[string]string{
			"nothing":                      "",
			"HS256 with the public key":    hs256(string(f.issuer.key("").Public)),
			"HS256 with the oct key":       hs256("hunter2"),
			"by the encryption key":        f.forger.token(plainHeader, claims(nil)),
			"by the kid of another key":    f.forger.token(headerOf("known"), claims(nil)),
			"none":                         segment(`{"alg":"none"}`) + "." + segment(claims(nil)) + ".",
			"a jwk of its own":             f.forger.token(header+`"jwk":`+f.forger.jwk("known")+"}", claims(nil)),
			"jku":                          f.forger.token(header+`"jku":"https://evil.example/jwks"}`, claims(nil)),
			"crit":                         genuine(header+`"crit":["x"],"x":1}`, nil),
			"an access token's type":       genuine(`{"alg":"EdDSA","typ":"at+jwt"}`, nil),
			"another type":                 genuine(`{"alg":"EdDSA","typ":"logout+jwt"}`, nil),
			"an access token":              f.genuine(plainHeader, nil),
			"sequenceId twice":             f.issuer.token(plainHeader, `{"sequenceId":"seq_2",`+claims(nil)[1:]),
			"consumerId twice":             f.issuer.token(plainHeader, `{"consumerId":"cons_2",`+claims(nil)[1:]),
			"SequenceId":                   genuine(plainHeader, map[string]any{"sequenceId": nil, "SequenceId": "seq_1"}),
			"another organization":         genuine(plainHeader, map[string]any{"organizationId": "org_2"}),
			"another payload":              swapPayload(good, claims(map[string]any{"sequenceId": "seq_1", "consumerId": "cons_2"})),
			"the last character of base64": good[:len(good)-1] + string(otherLast(good[len(good)-1])),
			"a line end":                   good + "\n",
			"too large":                    genuine(plainHeader, map[string]any{"x": strings.Repeat("x", 8<<10)}),
		}
		for attack, token := range tokens {
			got, err := verifier.VerifyFor(t.Context(), token, expected)
			if !errors.Is(err, auth.ErrUnauthenticated) || got != (auth.Admission{}) {
				t.Errorf("%s: got %+v, %v", attack, got, err)
				continue
			}
			wantAnswer(t, err, "The admission token is not valid.", true)
		}
		if _, err := verifier.VerifyFor(t.Context(), good, expected); err != nil {
			t.Errorf("a good token: %v", err)
		}
	})
}

func swapPayload(token, payload string) string {
	parts := strings.Split(token, ".")
	return parts[0] + "." + segment(payload) + "." + parts[2]
}

// otherLast returns another character that decodes to the same bits at the end of a signature
// of 64 bytes, whose last character has two spare bits.
func otherLast(last byte) byte {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	return alphabet[strings.IndexByte(alphabet, last)^1]
}

// An admission token of a key that is new causes one refresh, as an access token does.
func TestAdmissionOfANewKey(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFortress(t)
		verifier := newAdmissionVerifier(t, auth.AdmissionVerifierOptions{Keys: f.set})
		f.remote.issuer.serve(jwks(f.forger.jwk("new")))
		if _, err := verifier.Verify(t.Context(), f.forger.token(headerOf("new"), object(goodAdmissionClaims(time.Now()), nil))); err != nil {
			t.Error(err)
		}
		f.remote.issuer.wantReads(t, 2)
	})
}

// admissionReference verifies admission tokens in another way: golang-jwt and keyfunc check
// the signature, the times and the parties, after the strict check of the form.
func (r *reference) admission(token string, now time.Time) (auth.Admission, error) {
	if len(token) > 8<<10 {
		return auth.Admission{}, errReference
	}
	if err := referencePrecheck(token, "jwt", "admission+jwt"); err != nil {
		return auth.Admission{}, err
	}
	claims := jwt.MapClaims{}
	if _, err := r.parser.ParseWithClaims(token, claims, r.keyfunc); err != nil {
		return auth.Admission{}, err
	}
	text := func(name string) string { s, _ := claims[name].(string); return s }
	has := func(name string) bool { _, ok := claims[name]; return ok }
	a := auth.Admission{
		OrganizationID: text("organizationId"), ConsumerID: text("consumerId"), SequenceID: text("sequenceId"), ExperienceID: text("experienceId"),
	}
	if a.OrganizationID == "" || a.ConsumerID == "" || a.SequenceID == "" || has("cnf") || has("experienceId") && a.ExperienceID == "" {
		return auth.Admission{}, errReference
	}
	var named []consumer.DistributionKey
	if has("distributionType") || has("distributionId") {
		named = append(named, consumer.DistributionKey{Type: consumer.DistributionType(text("distributionType")), ID: text("distributionId")})
	}
	for name, kind := range map[string]consumer.DistributionType{
		"queueId": consumer.Queue, "drawId": consumer.Draw, "auctionId": consumer.Auction, "timedReleaseId": consumer.TimedRelease,
	} {
		if has(name) {
			named = append(named, consumer.DistributionKey{Type: kind, ID: text(name)})
		}
	}
	for _, d := range named {
		if d != named[0] || d.ID == "" || !d.Type.Known() || d.Type == consumer.Waitlist {
			return auth.Admission{}, errReference
		}
		a.DistributionType, a.DistributionID = d.Type, d.ID
	}
	for _, name := range referencePurposeClaims {
		if !referenceAdmissionPurpose(claims[name]) {
			return auth.Admission{}, errReference
		}
	}
	expires, err := r.checkTimes(claims, now)
	if err != nil {
		return auth.Admission{}, err
	}
	a.ExpiresAt = expires
	return a, nil
}

func referenceAdmissionPurpose(value any) bool {
	switch value := value.(type) {
	case nil:
		return true
	case string:
		lower := strings.ToLower(value)
		return !strings.Contains(lower, "access") && !strings.Contains(lower, "refresh")
	case []any:
		for _, element := range value {
			if text, ok := element.(string); !ok || !referenceAdmissionPurpose(text) {
				return false
			}
		}
		return true
	}
	return false
}

// TestOneKindOfToken: admission tokens with a few faults, or none, are accepted by the
// AdmissionVerifier and by the reference or by neither, with the same claims. No token is
// accepted as both kinds.
func TestOneKindOfToken(t *testing.T) {
	c := newComparison(t, "https://issuer.example", "rejoin")
	keys := staticSet(t, c.plain.key(""), c.named.key("named"), newSigner("other").key("other"))
	verifier := newAdmissionVerifier(t, auth.AdmissionVerifierOptions{
		Keys: keys, Issuer: "https://issuer.example", Audience: "rejoin", Now: func() time.Time { return c.now },
	})
	admissions, accesses := 0, 0
	rapid.Check(t, func(rt *rapid.T) {
		c.now = noon.Add(time.Duration(rapid.SampledFrom([]int{0, 0, -31, -30, 3569, 3600, 3629, 3630}).Draw(rt, "clock")) * time.Second)
		token := genAdmissionToken(c).Draw(rt, "token")
		got, err := verifier.Verify(t.Context(), token)
		want, wantErr := c.reference.admission(token, c.now)
		if (err == nil) != (wantErr == nil) {
			rt.Fatalf("%q: error %v, the reference's %v", token, err, wantErr)
		}
		if diff := cmp.Diff(want, got, ignoreDigest); diff != "" {
			rt.Fatalf("%q (-reference +got):\n%s", token, diff)
		}
		_, accessErr := c.verifier.Verify(t.Context(), token)
		if err == nil && accessErr == nil {
			rt.Fatalf("%q is an access token and an admission token", token)
		}
		if err == nil {
			admissions++
		}
		if accessErr == nil {
			accesses++
		}
	})
	if admissions == 0 || accesses == 0 {
		t.Errorf("%d admission tokens and %d access tokens were accepted", admissions, accesses)
	}
}

// genAdmissionToken draws a token of either kind, or of none.
func genAdmissionToken(c *comparison) *rapid.Generator[string] {
	odd := []any{null, "", "x", 0, true, []string{}, "queue", "queue_1", "admission", []string{"access"}, "seq_1", map[string]int{"a": 1}}
	return rapid.Custom(func(t *rapid.T) string {
		claims := map[string]any{
			"consumerId": "cons_1", "organizationId": "org_1", "sessionId": "sess_1",
			"iat": noon.Unix(), "exp": noon.Add(time.Hour).Unix(), "iss": "https://issuer.example", "aud": "rejoin",
		}
		if rapid.IntRange(0, 3).Draw(t, "kind") > 0 {
			for claim, value := range goodAdmissionClaims(noon) {
				if claim != "exp" {
					claims[claim] = value
				}
			}
		}
		for range rapid.SampledFrom([]int{0, 0, 1, 1, 2}).Draw(t, "changes") {
			claim := rapid.SampledFrom([]string{
				"sequenceId", "experienceId", "distributionType", "distributionId", "queueId", "drawId", "auctionId", "timedReleaseId", "waitlistId",
				"consumerId", "organizationId", "sessionId", "type", "scope", "cnf", "iss", "aud", "iat", "exp", "nbf", "unknown",
			}).Draw(t, "claim")
			if rapid.IntRange(0, 2).Draw(t, "absent") == 0 {
				claims[claim] = nil
			} else {
				claims[claim] = rapid.SampledFrom(odd).Draw(t, "value")
			}
		}
		header := rapid.SampledFrom([]string{
			plainHeader, plainHeader, plainHeader, `{"alg":"EdDSA"}`, `{"alg":"EdDSA","typ":"admission+jwt"}`, `{"alg":"EdDSA","typ":"at+jwt"}`, `{"alg":"none"}`,
		}).Draw(t, "header")
		s := rapid.SampledFrom([]signer{c.plain, c.plain, c.plain, c.plain, newSigner("forger")}).Draw(t, "signer")
		return s.token(header, object(claims, nil))
	})
}

// liveSnapshot has a participation and an admission with tokens.
func liveSnapshot(participationToken, admissionToken string) consumer.Snapshot {
	return consumer.Snapshot{
		Consumer: consumer.Consumer{OrganizationID: "org_1", ID: "cons_1"},
		Participations: []consumer.Participation{{
			OrganizationID: "org_1", ConsumerID: "cons_1", Type: consumer.Queue, ID: "queue_1", ExperienceID: "exp_1", SequenceID: "seq_1",
			Status: consumer.StatusAdmitted, AdmissionToken: &participationToken,
		}},
		Admissions: []consumer.Admission{{
			OrganizationID: "org_1", ConsumerID: "cons_1", DistributionType: consumer.Queue, DistributionID: "queue_1",
			ExperienceID: "exp_1", SequenceID: "seq_1", AdmissionToken: admissionToken,
		}},
	}
}

func TestAdmissionLiveIn(t *testing.T) {
	issuer := newSigner("issuer")
	verifier := newAdmissionVerifier(t, auth.AdmissionVerifierOptions{Keys: staticSet(t, issuer.key("")), Now: atNoon})
	token := issuer.token(plainHeader, admissionPayload(nil))
	verify := func(t *testing.T, token string) auth.Admission {
		t.Helper()
		a, err := verifier.Verify(t.Context(), token)
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	const other = "another token"
	queue := consumer.DistributionKey{OrganizationID: "org_1", Type: consumer.Queue, ID: "queue_1"}
	for name, c := range map[string]struct {
		snapshot consumer.Snapshot
		edit     func(*consumer.Snapshot)
		want     bool
	}{
		"a participation has the token":              {liveSnapshot(token, other), nil, true},
		"an admission has the token":                 {liveSnapshot(other, token), nil, true},
		"both have it":                               {liveSnapshot(token, token), nil, true},
		"nothing has it":                             {liveSnapshot(other, other), nil, false},
		"a part of it":                               {liveSnapshot(token[:len(token)-1], token[1:]), nil, false},
		"nothing is stored":                          {consumer.Snapshot{Consumer: consumer.Consumer{OrganizationID: "org_1", ID: "cons_1"}}, nil, false},
		"an organization with the same ids":          {liveSnapshot(token, token), func(s *consumer.Snapshot) { s.Consumer.OrganizationID = "org_2" }, false},
		"the guest was merged into another consumer": {liveSnapshot(token, token), func(s *consumer.Snapshot) { s.Consumer.ID = "cons_9" }, true},
		"the participation expires now":              {liveSnapshot(token, other), func(s *consumer.Snapshot) { s.Participations[0].ExpiresAt = new(noon) }, false},
		"the participation expires later":            {liveSnapshot(token, other), func(s *consumer.Snapshot) { s.Participations[0].ExpiresAt = new(noon.Add(1)) }, true},
		"the participation was completed":            {liveSnapshot(token, other), func(s *consumer.Snapshot) { s.Participations[0].Status = consumer.StatusCompleted }, false},
		"the participation waits again":              {liveSnapshot(token, other), func(s *consumer.Snapshot) { s.Participations[0].Status = consumer.StatusQueued }, false},
		"the participation has no token":             {liveSnapshot(token, other), func(s *consumer.Snapshot) { s.Participations[0].AdmissionToken = nil }, false},
		"the admission expires now":                  {liveSnapshot(other, token), func(s *consumer.Snapshot) { s.Admissions[0].ExpiresAt = new(noon) }, false},
		"the admission was ended":                    {liveSnapshot(other, token), func(s *consumer.Snapshot) { s.Admissions[0].EndedAt = new(noon.Add(-1)) }, false},
		"another queue":                              {liveSnapshot(token, other), func(s *consumer.Snapshot) { s.Participations[0].ID = "queue_2" }, false},
		"another sequence":                           {liveSnapshot(token, other), func(s *consumer.Snapshot) { s.Participations[0].SequenceID = "seq_2" }, false},
		"the end of the distribution does not count": {liveSnapshot(token, other), func(s *consumer.Snapshot) {
			s.Distributions = []consumer.Distribution{{OrganizationID: "org_1", Type: consumer.Queue, ID: "queue_1", EndedAt: new(noon.Add(-1))}}
		}, true},
	} {
		t.Run(name, func(t *testing.T) {
			if c.edit != nil {
				c.edit(&c.snapshot)
			}
			got, live := verify(t, token).LiveIn(c.snapshot, noon)
			if live != c.want || live && got != queue {
				t.Errorf("LiveIn returned %+v, %v", got, live)
			}
		})
	}
	t.Run("a token without a distribution", func(t *testing.T) {
		token := issuer.token(plainHeader, admissionPayload(map[string]any{"distributionType": nil, "distributionId": nil}))
		if got, live := verify(t, token).LiveIn(liveSnapshot(other, token), noon); !live || got != queue {
			t.Errorf("LiveIn returned %+v, %v", got, live)
		}
	})
}

// TestAdmissionDoesNotTellItsToken: what a program logs of an admission has no part of the
// token.
func TestAdmissionDoesNotTellItsToken(t *testing.T) {
	issuer := newSigner("issuer")
	verifier := newAdmissionVerifier(t, auth.AdmissionVerifierOptions{Keys: staticSet(t, issuer.key("")), Now: atNoon})
	token := issuer.token(plainHeader, admissionPayload(nil))
	a, err := verifier.Verify(t.Context(), token)
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{fmt.Sprint(a), fmt.Sprintf("%+v", a), fmt.Sprintf("%#v", a)} {
		for part := range strings.SplitSeq(token, ".") {
			if strings.Contains(text, part) {
				t.Errorf("%s contains %s", text, part)
			}
		}
	}
}

// A checkout verifies an admission token offline, and sees in a snapshot of the store whether
// it is still live.
func ExampleAdmissionVerifier() {
	now := time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)
	clock := func() time.Time { return now }
	issuer, err := authtest.NewIssuer(authtest.IssuerOptions{Now: clock})
	if err != nil {
		log.Fatal(err)
	}
	keys, err := issuer.KeySet() // in production: auth.NewKeySet with the URL of the issuer
	if err != nil {
		log.Fatal(err)
	}
	verifier, err := auth.NewAdmissionVerifier(auth.AdmissionVerifierOptions{Keys: keys, Audience: "checkout", Now: clock})
	if err != nil {
		log.Fatal(err)
	}
	token, err := issuer.AdmissionToken(authtest.AdmissionClaims{
		OrganizationID: "org_1", ConsumerID: "cons_1", SequenceID: "seq_1", Audience: "checkout",
	})
	if err != nil {
		log.Fatal(err)
	}

	expected := auth.Expected{OrganizationID: "org_1", ConsumerID: "cons_1", SequenceID: "seq_1"}
	admission, err := verifier.VerifyFor(context.Background(), token, expected)
	fmt.Println("until", admission.ExpiresAt.Format(time.TimeOnly), err)
	snapshot := consumer.Snapshot{ // in production: that of a Store
		Consumer: consumer.Consumer{OrganizationID: "org_1", ID: "cons_1"},
		Participations: []consumer.Participation{{
			Type: consumer.Queue, ID: "queue_1", SequenceID: "seq_1", Status: consumer.StatusAdmitted, AdmissionToken: &token,
		}},
	}
	in, live := admission.LiveIn(snapshot, now)
	fmt.Println(in.Type, in.ID, live)

	expected.SequenceID = "seq_2"
	_, err = verifier.VerifyFor(context.Background(), token, expected)
	fmt.Println(err)
	// Output:
	// until 12:10:00 <nil>
	// queue queue_1 true
	// auth: unauthenticated: token_sequence
}
