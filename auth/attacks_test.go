package auth_test

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/rejoinhq/rejoin/auth"
	"github.com/rejoinhq/rejoin/consumer"
)

// fortress is an authenticator under attack. Its key set is read from a URL, and also has keys
// that must never verify a token.
type fortress struct {
	*auth.Authenticator
	remote
	issuer, forger signer
}

func newFortress(t *testing.T) fortress {
	t.Helper()
	f := fortress{issuer: newSigner("issuer"), forger: newSigner("forger")}
	f.remote = newRemote(t, auth.KeySetOptions{}, f.issuer.jwk("known"),
		`{"kty":"oct","kid":"oct","alg":"HS256","k":"`+segment("hunter2")+`"}`,
		`{"kty":"RSA","kid":"rsa","alg":"RS256","n":"AQAB","e":"AQAB"}`,
		jwk(f.forger.key("").Public, map[string]any{"kid": "enc", "use": "enc"}),
		jwk(unhex(t, lowOrder[2]), map[string]any{"kid": "identity"}))
	keys, err := auth.NewStaticAPIKeys([]auth.StaticAPIKey{
		{OrganizationID: "org_1", Key: publishable}, {OrganizationID: "org_1", Key: secret},
		{OrganizationID: "org_2", Key: otherPublishable}, {OrganizationID: "org_2", Key: otherSecret},
	})
	if err != nil {
		t.Fatal(err)
	}
	if f.Authenticator, err = auth.New(auth.Options{Tokens: f.Verifier, APIKeys: keys}); err != nil {
		t.Fatal(err)
	}
	return f
}

// claims returns valid claims with those changes.
func (f fortress) claims(changes map[string]any) string {
	return object(goodClaims(time.Now()), changes)
}

// genuine returns a token that the issuer has signed, with that header and those changes.
func (f fortress) genuine(header string, changes map[string]any) string {
	return f.issuer.token(header, f.claims(changes))
}

// TestAttacks tries the known attacks on tokens and keys. All get the same response. The key
// set is read at most once more, for tokens whose key could be a new one.
func TestAttacks(t *testing.T) {
	const header = `{"alg":"EdDSA","typ":"JWT",`
	for _, row := range []struct {
		name   string
		reads  int64 // of the set, the first included
		tokens func(t *testing.T, f fortress) map[string]string
	}{
		{"none, and confusion of algorithms and keys (RFC 8725 §3.1)", 2, func(t *testing.T, f fortress) map[string]string {
			public := []byte(f.issuer.key("").Public)
			tokens := map[string]string{
				"HS256 with the public key":       hs256(string(public), `{"alg":"HS256","kid":"known"}`),
				"HS256 with the oct key":          hs256("hunter2", `{"alg":"HS256","kid":"oct"}`),
				"HS256 that says EdDSA":           hs256("hunter2", `{"alg":"EdDSA","kid":"known"}`),
				"RS256":                           libraryToken(t, jwt.SigningMethodRS256, rsaKey(t)),
				"ES256":                           libraryToken(t, jwt.SigningMethodES256, ecdsaKey(t)),
				"EdDSA, by the key of low order":  f.lowOrderToken(),
				"EdDSA, by the encryption key":    f.forger.token(header[:len(header)-1]+"}", f.claims(nil)),
				"EdDSA, by the kid of the latter": f.forger.token(`{"alg":"EdDSA","kid":"known"}`, f.claims(nil)),
			}
			for _, none := range []string{"none", "None", "NONE", "nOnE", ""} {
				tokens["alg "+none] = f.genuine(`{"alg":"`+none+`"}`, nil)
				tokens["alg "+none+", no signature"] = segment(`{"alg":"`+none+`"}`) + "." + segment(f.claims(nil)) + "."
			}
			return tokens
		}},
		{"keys and kids that the token brings along (RFC 8725 §3.10)", 1, func(_ *testing.T, f fortress) map[string]string {
			return map[string]string{
				"jwk":               f.forger.token(header+`"jwk":`+f.forger.jwk("known")+"}", f.claims(nil)),
				"jku":               f.forger.token(header+`"jku":"https://evil.example/jwks"}`, f.claims(nil)),
				"x5u":               f.forger.token(header+`"x5u":"https://evil.example/cert"}`, f.claims(nil)),
				"x5c":               f.forger.token(header+`"x5c":["AAAA"]}`, f.claims(nil)),
				"kid a path":        f.forger.token(headerOf("../../../../dev/null"), f.claims(nil)),
				"kid a query":       f.forger.token(headerOf("x' UNION SELECT 'key'--"), f.claims(nil)),
				"kid with CR LF":    f.forger.token(headerOf("known\r\nlevel=ERROR"), f.claims(nil)),
				"kid of 2 KB":       f.forger.token(headerOf(strings.Repeat("k", 2048)), f.claims(nil)),
				"jwk, genuine":      f.genuine(header+`"jwk":`+f.forger.jwk("known")+"}", nil),
				"kid 2 KB, genuine": f.genuine(headerOf(strings.Repeat("k", 2048)), nil),
			}
		}},
		{"an admission token as an access token (RFC 8725 §2.8, §3.12)", 1, func(_ *testing.T, f fortress) map[string]string {
			tokens := map[string]string{
				"without session": f.genuine(plainHeader, map[string]any{"sessionId": nil}),
				"of its own type": f.genuine(`{"alg":"EdDSA","typ":"admission+jwt"}`, nil),
			}
			for _, claim := range []string{
				"distributionId", "distributionType", "experienceId", "sequenceId", "queueId", "drawId", "auctionId",
				"timedReleaseId", "waitlistId", "admissionId", "admittedAt",
			} {
				tokens["with "+claim] = f.genuine(plainHeader, map[string]any{claim: "queue_1"})
			}
			return tokens
		}},
		{"crit, b64, and names given twice (RFC 7515 §4.1.11)", 1, func(_ *testing.T, f fortress) map[string]string {
			return map[string]string{
				"crit":                f.genuine(header+`"crit":["exp"],"exp":1}`, nil),
				"crit unknown":        f.genuine(header+`"crit":["x"],"x":1}`, nil),
				"b64 false":           f.genuine(header+`"b64":false}`, nil),
				"b64 false, critical": f.genuine(header+`"crit":["b64"],"b64":false}`, nil),
				"alg twice":           f.genuine(header+`"alg":"EdDSA"}`, nil),
				"kid twice":           f.genuine(header+`"kid":"x","kid":"known"}`, nil),
				"consumerId twice":    f.issuer.token(plainHeader, `{"consumerId":"cons_2",`+f.claims(nil)[1:]),
				"exp twice":           f.issuer.token(plainHeader, `{"exp":9999999999,`+f.claims(nil)[1:]),
			}
		}},
		{"times", 1, func(_ *testing.T, f fortress) map[string]string {
			now := time.Now().Unix()
			return map[string]string{
				"expired":           f.genuine(plainHeader, map[string]any{"iat": now - 3600, "exp": now - 30}),
				"no exp":            f.genuine(plainHeader, map[string]any{"exp": nil}),
				"exp 0":             f.genuine(plainHeader, map[string]any{"exp": 0}),
				"exp a string":      f.genuine(plainHeader, map[string]any{"exp": "9999999999"}),
				"exp absurd":        f.genuine(plainHeader, map[string]any{"exp": 1e18}),
				"EXP":               f.genuine(plainHeader, map[string]any{"exp": now - 60, "EXP": now + 60}),
				"too long a life":   f.genuine(plainHeader, map[string]any{"exp": now + 24*60*60 + 31}),
				"a long life":       f.genuine(plainHeader, map[string]any{"iat": now - 24*60*60, "exp": now + 60}),
				"no iat":            f.genuine(plainHeader, map[string]any{"iat": nil}),
				"iat in the future": f.genuine(plainHeader, map[string]any{"iat": now + 31}),
				"nbf in the future": f.genuine(plainHeader, map[string]any{"nbf": now + 31}),
			}
		}},
		{"another organization's token, and keys in its place", 1, func(_ *testing.T, f fortress) map[string]string {
			return map[string]string{
				"another organization's token": f.genuine(plainHeader, map[string]any{"organizationId": "org_2"}),
				"the secret key":               secret,
				"the publishable key":          publishable,
				"another secret key":           otherSecret,
			}
		}},
	} {
		t.Run(row.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFortress(t)
				for attack, token := range row.tokens(t, f) {
					caller, err := f.AuthenticateConsumer(t.Context(), request(one(publishable), one("Bearer "+token)))
					if !errors.Is(err, auth.ErrUnauthenticated) || caller != (auth.ConsumerCaller{}) {
						t.Errorf("%s: got %v, %v", attack, caller, err)
						continue
					}
					wantAnswer(t, err, "The access token is not valid.", true)
				}
				if _, err := f.AuthenticateConsumer(t.Context(), request(one(publishable), one("Bearer "+f.genuine(headerOf("known"), nil)))); err != nil {
					t.Errorf("a good token: %v", err)
				}
				f.remote.issuer.wantReads(t, row.reads)
				if log := f.log.String(); strings.Contains(log, "ERROR") || strings.Contains(log, strings.Repeat("k", 20)) {
					t.Errorf("the log: %s", log)
				}
			})
		})
	}
}

// lowOrderToken returns a token that nobody has signed, and that the identity point verifies as
// a key.
func (f fortress) lowOrderToken() string {
	signature := append([]byte{1}, make([]byte, 63)...)
	return segment(headerOf("identity")) + "." + segment(f.claims(nil)) + "." + base64.RawURLEncoding.EncodeToString(signature)
}

// A token or a publishable key in place of a secret key is refused.
func TestAttacksOnServers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFortress(t)
		for name, credential := range map[string]string{
			"a consumer's token": f.genuine(plainHeader, nil), "a publishable key": publishable, "a key in another case": strings.ToUpper(secret),
			"a part of the key": secret[:len(secret)-1], "the key and more": secret + "a",
		} {
			caller, err := f.AuthenticateServer(t.Context(), request(nil, one("Bearer "+credential)))
			wantReason(t, err, auth.ReasonSecretKeyUnknown)
			if caller != (auth.ServerCaller{}) {
				t.Errorf("%s: got %v", name, caller)
			}
		}
	})
}

// A credential that is sent twice is refused: two programs might read two different ones.
func TestAttacksByRepetition(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFortress(t)
		good := "Bearer " + f.genuine(plainHeader, nil)
		for _, test := range []struct {
			name                 string
			keys, authorizations []string
			want                 auth.Reason
		}{
			{"two tokens", one(publishable), []string{good, good}, auth.ReasonAuthorizationRepeated},
			{"a token and nothing", one(publishable), []string{good, ""}, auth.ReasonAuthorizationRepeated},
			{"two publishable keys", []string{publishable, otherPublishable}, one(good), auth.ReasonPublishableKeyRepeated},
			{"the same publishable key", []string{publishable, publishable}, one(good), auth.ReasonPublishableKeyRepeated},
		} {
			r := request(test.keys, test.authorizations)
			_, err := f.AuthenticateConsumer(t.Context(), r)
			wantReason(t, err, test.want)
			if len(test.authorizations) > 1 {
				_, err := f.AuthenticateServer(t.Context(), r)
				wantReason(t, err, auth.ReasonAuthorizationRepeated)
			}
		}
	})
}

// A stolen digest of an API key is not accepted as a key.
func TestAttacksWithStolenDigests(t *testing.T) {
	digest := auth.APIKeyDigest(secret)
	authenticator, err := auth.New(auth.Options{APIKeys: finderFunc(func(_ context.Context, got [32]byte, _ time.Time) (string, error) {
		if got == digest {
			return "org_1", nil
		}
		return "", consumer.ErrNotFound
	})})
	if err != nil {
		t.Fatal(err)
	}
	ask := func(credential string) error {
		_, err := authenticator.AuthenticateServer(t.Context(), &http.Request{Header: http.Header{"Authorization": one("Bearer " + credential)}})
		return err
	}
	for _, stolen := range []string{
		hex.EncodeToString(digest[:]), "sk_test_" + hex.EncodeToString(digest[:]), "sk_live_" + base64.RawURLEncoding.EncodeToString(digest[:]),
	} {
		wantReason(t, ask(stolen), auth.ReasonSecretKeyUnknown)
	}
	if err := ask(secret); err != nil {
		t.Error(err)
	}
}
