package auth_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"math"
	"math/big"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/go-cmp/cmp"

	"github.com/rejoinhq/rejoin/auth"
	"github.com/rejoinhq/rejoin/consumer"
)

func TestVerifierAccepts(t *testing.T) { eachCache(t, verifierAccepts) }

func verifierAccepts(t *testing.T, size int) {
	kidless, first, second := newSigner("kidless"), newSigner("first"), newSigner("second")
	verifier := newVerifier(t, auth.VerifierOptions{
		Keys:      staticSet(t, kidless.key(""), first.key("first"), second.key("second")),
		Now:       atNoon,
		CacheSize: size,
	})
	for name, token := range map[string]string{
		"without kid, of a key without kid":      kidless.token(plainHeader, payload(nil)),
		"without kid, of a key with kid":         second.token(plainHeader, payload(nil)),
		"with kid":                               second.token(headerOf("second"), payload(nil)),
		"typ absent":                             first.token(`{"alg":"EdDSA"}`, payload(nil)),
		"typ at+jwt":                             first.token(`{"alg":"EdDSA","typ":"at+jwt"}`, payload(nil)),
		"typ at+JWT":                             first.token(`{"alg":"EdDSA","typ":"at+JWT"}`, payload(nil)),
		"typ jwt":                                first.token(`{"alg":"EdDSA","typ":"jwt"}`, payload(nil)),
		"typ application/at+jwt":                 first.token(`{"alg":"EdDSA","typ":"application/at+jwt"}`, payload(nil)),
		"typ APPLICATION/JWT":                    first.token(`{"alg":"EdDSA","typ":"APPLICATION/JWT"}`, payload(nil)),
		"brackets in a string":                   first.token(`{"alg":"EdDSA","hint":["\"`+strings.Repeat("[", 20)+`","\\"]}`, payload(nil)),
		"an unknown header parameter":            first.token(`{"alg":"EdDSA","x5t":"abc","hint":[1]}`, payload(nil)),
		"other claims":                           first.token(plainHeader, payload(map[string]any{"sub": "x", "roles": []string{"a"}, "deep": map[string]any{"a": []int{1}}})),
		"issuer and audience when none is asked": first.token(plainHeader, payload(map[string]any{"iss": "i", "aud": "a"})),
		"white space in header and payload":      first.token(" {\n\"alg\" : \"EdDSA\" } ", "\t"+payload(nil)+"\r\n"),
		"exp within the leeway":                  first.token(plainHeader, payload(map[string]any{"iat": noon.Unix() - 60, "exp": noon.Unix() - 29})),
		"iat within the leeway":                  first.token(plainHeader, payload(map[string]any{"iat": noon.Unix() + 30})),
		"nbf within the leeway":                  first.token(plainHeader, payload(map[string]any{"nbf": noon.Unix() + 30})),
		"nbf 0":                                  first.token(plainHeader, payload(map[string]any{"nbf": 0})),
		"longest lifetime and leeway":            first.token(plainHeader, payload(map[string]any{"exp": noon.Unix() + 24*60*60 + 30})),
		"iat and exp with fractions":             first.token(plainHeader, payload(map[string]any{"iat": float64(noon.Unix()) + 0.25, "exp": float64(noon.Unix()) + 60.75})),
		"iat and exp with exponents":             first.token(plainHeader, strings.Replace(payload(nil), fmt.Sprint(noon.Unix()), fmt.Sprintf("%de-1", noon.Unix()*10), 1)),
	} {
		t.Run(name, func(t *testing.T) {
			got, err := verifier.Verify(t.Context(), token)
			if err != nil {
				t.Fatal(err)
			}
			want := auth.Identity{OrganizationID: "org_1", ConsumerID: "cons_1", SessionID: "sess_1", ExpiresAt: got.ExpiresAt}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
			if got.ExpiresAt.IsZero() || got.ExpiresAt.Location() != time.UTC {
				t.Errorf("ExpiresAt is %v", got.ExpiresAt)
			}
			again, err := verifier.Verify(t.Context(), token)
			if diff := cmp.Diff(got, again); err != nil || diff != "" {
				t.Errorf("the second time: %v %s", err, diff)
			}
			if remembered := verifier.Remembered(token); remembered != (size >= 0) {
				t.Errorf("remembered: %t", remembered)
			}
		})
	}
}

func TestVerifierExpiresAt(t *testing.T) {
	issuer := newSigner("issuer")
	verifier := newVerifier(t, auth.VerifierOptions{Keys: staticSet(t, issuer.key("")), Now: atNoon})
	got, err := verifier.Verify(t.Context(), issuer.token(plainHeader, payload(map[string]any{"exp": float64(noon.Unix()) + 90.9})))
	if err != nil {
		t.Fatal(err)
	}
	if want := noon.Add(90 * time.Second); !got.ExpiresAt.Equal(want) {
		t.Errorf("ExpiresAt is %v, want %v: whole seconds, without leeway", got.ExpiresAt, want)
	}
}

// TestVerifierRefuses tests each rule alone: every token is signed by a key of the set, unless
// the case is about the signature.
func TestVerifierRefuses(t *testing.T) { eachCache(t, verifierRefuses) }

func verifierRefuses(t *testing.T, size int) {
	issuer, stranger, kidless := newSigner("issuer"), newSigner("stranger"), newSigner("kidless")
	verifier := newVerifier(t, auth.VerifierOptions{
		Keys:      staticSet(t, kidless.key(""), issuer.key("known"), newSigner("other").key("other")),
		Now:       atNoon,
		CacheSize: size,
	})
	good := issuer.token(plainHeader, payload(nil))
	parts := strings.Split(good, ".")
	with := func(changes map[string]any) string { return issuer.token(plainHeader, payload(changes)) }
	head := func(parameter string) string {
		return issuer.token(`{"alg":"EdDSA","typ":"JWT",`+parameter+`}`, payload(nil))
	}
	raw := func(claims string) string { return issuer.token(plainHeader, claims) }
	now := noon.Unix()

	for _, test := range []struct {
		name  string
		token string
		want  auth.Reason
	}{
		{"empty", "", auth.ReasonTokenMalformed},
		{"longer than 8 KiB", with(map[string]any{"pad": strings.Repeat("a", 8<<10)}), auth.ReasonTokenTooLarge},
		{"two parts", parts[0] + "." + parts[1], auth.ReasonTokenMalformed},
		{"four parts", good + "." + parts[2], auth.ReasonTokenMalformed},
		{"five parts, as an encrypted token", good + ".a.b", auth.ReasonTokenMalformed},
		{"empty header", "." + parts[1] + "." + parts[2], auth.ReasonTokenMalformed},
		{"empty payload", parts[0] + ".." + parts[2], auth.ReasonTokenMalformed},
		{"no signature", parts[0] + "." + parts[1] + ".", auth.ReasonTokenMalformed},
		{"signature of 63 bytes", parts[0] + "." + parts[1] + "." + segment(strings.Repeat("s", 63)), auth.ReasonTokenMalformed},
		{"line ends inside", parts[0] + "." + parts[1] + ".\r\n" + parts[2], auth.ReasonTokenMalformed},
		{"line end after", good + "\n", auth.ReasonTokenMalformed},
		{"space before", " " + good, auth.ReasonTokenMalformed},
		{"padding", good + "==", auth.ReasonTokenMalformed},
		{"standard base64 alphabet", parts[0] + "." + parts[1] + "." + strings.Repeat("+", 86), auth.ReasonTokenMalformed},
		{"another spelling of the last character", respell(good), auth.ReasonTokenMalformed},
		{"not ASCII", "é" + good, auth.ReasonTokenMalformed},
		{"another spelling of a signed payload", issuer.sign(parts[0], respelled(segment(payload(nil)+spaces(payload(nil))))), auth.ReasonTokenMalformed},
		{"another spelling of a signed header", issuer.sign(respelled(segment(plainHeader+spaces(plainHeader))), parts[1]), auth.ReasonTokenMalformed},

		{"header not JSON", issuer.token("EdDSA", payload(nil)), auth.ReasonTokenMalformed},
		{"header an array", issuer.token(`["EdDSA"]`, payload(nil)), auth.ReasonTokenMalformed},
		{"header followed by another", issuer.token(plainHeader+plainHeader, payload(nil)), auth.ReasonTokenMalformed},
		{"header cut off", issuer.token(`{"alg":"EdDSA"`, payload(nil)), auth.ReasonTokenMalformed},
		{"header with a name twice", head(`"x":1,"x":2`), auth.ReasonTokenMalformed},
		{"header with alg twice", issuer.token(`{"alg":"none","alg":"EdDSA"}`, payload(nil)), auth.ReasonTokenMalformed},
		{"header with alg twice, once escaped", issuer.token(`{"alg":"EdDSA","\u0061lg":"EdDSA"}`, payload(nil)), auth.ReasonTokenMalformed},
		{"header with invalid UTF-8", head("\"x\":\"\xff\""), auth.ReasonTokenMalformed},
		{"header with a lone surrogate", head(`"x":"\ud800"`), auth.ReasonTokenMalformed},
		{"header nested too deeply", head(`"x":` + strings.Repeat("[", 17) + strings.Repeat("]", 17)), auth.ReasonTokenMalformed},
		{"header with a byte order mark", issuer.token("\ufeff"+plainHeader, payload(nil)), auth.ReasonTokenMalformed},

		{"alg absent", issuer.token(`{"typ":"JWT"}`, payload(nil)), auth.ReasonTokenAlgorithm},
		{"alg in another case", issuer.token(`{"alg":"eddsa"}`, payload(nil)), auth.ReasonTokenAlgorithm},
		{"alg under another name", issuer.token(`{"ALG":"EdDSA"}`, payload(nil)), auth.ReasonTokenAlgorithm},
		{"alg not a string", issuer.token(`{"alg":["EdDSA"]}`, payload(nil)), auth.ReasonTokenAlgorithm},
		{"alg none", issuer.token(`{"alg":"none"}`, payload(nil)), auth.ReasonTokenAlgorithm},
		{"alg None", issuer.token(`{"alg":"None"}`, payload(nil)), auth.ReasonTokenAlgorithm},
		{"alg NONE", issuer.token(`{"alg":"NONE"}`, payload(nil)), auth.ReasonTokenAlgorithm},
		{"alg nOnE", issuer.token(`{"alg":"nOnE"}`, payload(nil)), auth.ReasonTokenAlgorithm},
		{"alg none and no signature", segment(`{"alg":"none"}`) + "." + parts[1] + ".", auth.ReasonTokenAlgorithm},
		{"HS256 with the public key as the secret", hs256(string(issuer.key("").Public), `{"alg":"HS256"}`), auth.ReasonTokenAlgorithm},
		{"HS512 with the public key as the secret", libraryToken(t, jwt.SigningMethodHS512, []byte(issuer.key("").Public)), auth.ReasonTokenAlgorithm},
		{"RS256", libraryToken(t, jwt.SigningMethodRS256, rsaKey(t)), auth.ReasonTokenAlgorithm},
		{"ES256", libraryToken(t, jwt.SigningMethodES256, ecdsaKey(t)), auth.ReasonTokenAlgorithm},

		{"typ of an admission", issuer.token(`{"alg":"EdDSA","typ":"admission+jwt"}`, payload(nil)), auth.ReasonTokenType},
		{"typ JWE", issuer.token(`{"alg":"EdDSA","typ":"JWE"}`, payload(nil)), auth.ReasonTokenType},
		{"typ empty", issuer.token(`{"alg":"EdDSA","typ":""}`, payload(nil)), auth.ReasonTokenType},
		{"typ application/", issuer.token(`{"alg":"EdDSA","typ":"application/"}`, payload(nil)), auth.ReasonTokenType},
		{"typ application/ twice", issuer.token(`{"alg":"EdDSA","typ":"application/application/jwt"}`, payload(nil)), auth.ReasonTokenType},
		{"typ of another top-level type", issuer.token(`{"alg":"EdDSA","typ":"text/jwt"}`, payload(nil)), auth.ReasonTokenType},
		{"typ with another prefix of that length", issuer.token(`{"alg":"EdDSA","typ":"applicationsJWT"}`, payload(nil)), auth.ReasonTokenType},
		{"typ with a parameter", issuer.token(`{"alg":"EdDSA","typ":"JWT;v=1"}`, payload(nil)), auth.ReasonTokenType},
		{"typ with a space", issuer.token(`{"alg":"EdDSA","typ":"JWT "}`, payload(nil)), auth.ReasonTokenType},
		{"typ application/admission+jwt", issuer.token(`{"alg":"EdDSA","typ":"application/admission+jwt"}`, payload(nil)), auth.ReasonTokenType},
		{"typ null", issuer.token(`{"alg":"EdDSA","typ":null}`, payload(nil)), auth.ReasonTokenType},
		{"typ not a string", issuer.token(`{"alg":"EdDSA","typ":1}`, payload(nil)), auth.ReasonTokenType},

		{"crit", head(`"crit":["exp"]`), auth.ReasonTokenHeader},
		{"crit empty", head(`"crit":[]`), auth.ReasonTokenHeader},
		{"crit null", head(`"crit":null`), auth.ReasonTokenHeader},
		{"b64 false", head(`"b64":false`), auth.ReasonTokenHeader},
		{"b64 true", head(`"b64":true`), auth.ReasonTokenHeader},
		{"zip", head(`"zip":"DEF"`), auth.ReasonTokenHeader},
		{"enc", head(`"enc":"A256GCM"`), auth.ReasonTokenHeader},
		{"cty", head(`"cty":"JWT"`), auth.ReasonTokenHeader},
		{"jwk", stranger.token(`{"alg":"EdDSA","jwk":`+stranger.jwk("x")+`}`, payload(nil)), auth.ReasonTokenHeader},
		{"jku", head(`"jku":"https://evil.example/jwks"`), auth.ReasonTokenHeader},
		{"x5u", head(`"x5u":"https://evil.example/cert"`), auth.ReasonTokenHeader},
		{"x5c", head(`"x5c":["AAAA"]`), auth.ReasonTokenHeader},
		{"kid empty", head(`"kid":""`), auth.ReasonTokenHeader},
		{"kid null", head(`"kid":null`), auth.ReasonTokenHeader},
		{"kid a number", head(`"kid":1`), auth.ReasonTokenHeader},
		{"kid with CR LF", head(`"kid":"known\r\nX: y"`), auth.ReasonTokenHeader},
		{"kid for a key without kid", kidless.token(headerOf("0"), payload(nil)), auth.ReasonTokenKeyUnknown},
		{"kid empty for a key without kid", kidless.token(headerOf(""), payload(nil)), auth.ReasonTokenHeader},
		{"kid of the storage for a key without kid", kidless.token(headerOf("\x000"), payload(nil)), auth.ReasonTokenHeader},
		{"kid not ASCII", head(`"kid":"clé"`), auth.ReasonTokenHeader},
		{"kid of 2 KB", head(`"kid":"` + strings.Repeat("k", 2048) + `"`), auth.ReasonTokenHeader},

		{"kid unknown", issuer.token(headerOf("unknown"), payload(nil)), auth.ReasonTokenKeyUnknown},
		{"kid in another case", issuer.token(headerOf("Known"), payload(nil)), auth.ReasonTokenKeyUnknown},
		{"kid a path", issuer.token(headerOf("../../../dev/null"), payload(nil)), auth.ReasonTokenKeyUnknown},
		{"kid a query", issuer.token(headerOf("' OR '1'='1"), payload(nil)), auth.ReasonTokenKeyUnknown},
		{"kid of another key of the set", issuer.token(headerOf("other"), payload(nil)), auth.ReasonTokenSignature},
		{"signed by a stranger", stranger.token(plainHeader, payload(nil)), auth.ReasonTokenSignature},
		{"signed by a stranger, with a known kid", stranger.token(headerOf("known"), payload(nil)), auth.ReasonTokenSignature},
		{"payload exchanged", parts[0] + "." + segment(payload(map[string]any{"consumerId": "cons_2"})) + "." + parts[2], auth.ReasonTokenSignature},
		{"header exchanged", segment(`{"alg":"EdDSA"}`) + "." + parts[1] + "." + parts[2], auth.ReasonTokenSignature},
		{"signature with the order of the group added to S", malleate(good), auth.ReasonTokenSignature},
		{"signature of zeros", parts[0] + "." + parts[1] + "." + segment(strings.Repeat("\x00", 64)), auth.ReasonTokenSignature},

		{"payload not JSON", raw("x"), auth.ReasonTokenMalformed},
		{"payload null", raw("null"), auth.ReasonTokenMalformed},
		{"payload an array", raw("[" + payload(nil) + "]"), auth.ReasonTokenMalformed},
		{"payload followed by another", raw(payload(nil) + "{}"), auth.ReasonTokenMalformed},
		{"payload with consumerId twice", raw(`{"consumerId":"cons_2",` + payload(nil)[1:]), auth.ReasonTokenMalformed},
		{"payload with exp twice, once escaped", raw(`{"\u0065xp":1,` + payload(nil)[1:]), auth.ReasonTokenMalformed},
		{"payload with a name twice inside", raw(`{"x":{"a":1,"a":2},` + payload(nil)[1:]), auth.ReasonTokenMalformed},
		{"payload with invalid UTF-8", raw("{\"x\":\"\xc3\x28\"," + payload(nil)[1:]), auth.ReasonTokenMalformed},
		{"payload nested too deeply", raw(`{"x":` + strings.Repeat(`{"a":`, 17) + "1" + strings.Repeat("}", 17) + "," + payload(nil)[1:]), auth.ReasonTokenMalformed},
		{"payload nested 3,000 deep", raw(`{"x":` + strings.Repeat("[", 2500) + strings.Repeat("]", 2500) + "," + payload(nil)[1:]), auth.ReasonTokenMalformed},

		{"consumerId absent", with(map[string]any{"consumerId": nil}), auth.ReasonTokenClaims},
		{"consumerId empty", with(map[string]any{"consumerId": ""}), auth.ReasonTokenClaims},
		{"consumerId a number", with(map[string]any{"consumerId": 1}), auth.ReasonTokenClaims},
		{"consumerId in another case", with(map[string]any{"consumerId": nil, "ConsumerID": "cons_1"}), auth.ReasonTokenClaims},
		{"consumerId with a long s", with(map[string]any{"consumerId": nil, "conſumerId": "cons_1"}), auth.ReasonTokenClaims},
		{"organizationId absent", with(map[string]any{"organizationId": nil}), auth.ReasonTokenClaims},
		{"organizationId empty", with(map[string]any{"organizationId": ""}), auth.ReasonTokenClaims},
		{"organizationId an array", with(map[string]any{"organizationId": []string{"org_1"}}), auth.ReasonTokenClaims},
		{"sessionId absent", with(map[string]any{"sessionId": nil}), auth.ReasonTokenClaims},
		{"sessionId empty", with(map[string]any{"sessionId": ""}), auth.ReasonTokenClaims},
		{"sessionId null", with(map[string]any{"sessionId": null}), auth.ReasonTokenClaims},

		{"exp absent", with(map[string]any{"exp": nil}), auth.ReasonTokenClaims},
		{"exp null", with(map[string]any{"exp": null}), auth.ReasonTokenClaims},
		{"exp a string", with(map[string]any{"exp": fmt.Sprint(now + 60)}), auth.ReasonTokenClaims},
		{"exp in another case", with(map[string]any{"exp": nil, "EXP": now + 60}), auth.ReasonTokenClaims},
		{"exp 0", with(map[string]any{"iat": 0, "exp": 0}), auth.ReasonTokenExpired},
		{"exp negative", with(map[string]any{"exp": -1}), auth.ReasonTokenClaims},
		{"exp 1e300", raw(strings.Replace(payload(map[string]any{"exp": 777}), "777", "1e300", 1)), auth.ReasonTokenClaims},
		{"exp 1e400", raw(strings.Replace(payload(map[string]any{"exp": 777}), "777", "1e400", 1)), auth.ReasonTokenMalformed},
		{"exp beyond the year 9999", with(map[string]any{"exp": int64(253402300800)}), auth.ReasonTokenClaims},
		{"expired", with(map[string]any{"iat": now - 3600, "exp": now - 30}), auth.ReasonTokenExpired},
		{"iat absent", with(map[string]any{"iat": nil}), auth.ReasonTokenClaims},
		{"iat null", with(map[string]any{"iat": null}), auth.ReasonTokenClaims},
		{"iat a string", with(map[string]any{"iat": fmt.Sprint(now)}), auth.ReasonTokenClaims},
		{"iat negative", with(map[string]any{"iat": -1}), auth.ReasonTokenClaims},
		{"iat -1e300", raw(strings.Replace(payload(map[string]any{"iat": 777}), "777", "-1e300", 1)), auth.ReasonTokenClaims},
		{"iat in the future", with(map[string]any{"iat": now + 31}), auth.ReasonTokenNotYetValid},
		{"nbf in the future", with(map[string]any{"nbf": now + 31}), auth.ReasonTokenNotYetValid},
		{"nbf a string", with(map[string]any{"nbf": fmt.Sprint(now)}), auth.ReasonTokenClaims},
		{"nbf null", with(map[string]any{"nbf": null}), auth.ReasonTokenClaims},
		{"nbf 1e300", raw(strings.Replace(payload(map[string]any{"nbf": 777}), "777", "1e300", 1)), auth.ReasonTokenClaims},
		{"exp before iat", with(map[string]any{"iat": now + 20, "exp": now + 10}), auth.ReasonTokenLifetime},
		{"exp equal to iat", with(map[string]any{"exp": now}), auth.ReasonTokenLifetime},
		{"lifetime too long", with(map[string]any{"exp": now + 24*60*60 + 31}), auth.ReasonTokenLifetime},
		{"lifetime of a token without iat in effect", with(map[string]any{"iat": 0}), auth.ReasonTokenLifetime},

		// The token of an admission, with the same algorithm, header and key, even when it
		// has every claim that an access token needs.
		{"admission", raw(object(map[string]any{"consumerId": "cons_1", "organizationId": "org_1", "distributionId": "queue_1", "distributionType": "queue", "iat": now, "exp": now + 60}, nil)), auth.ReasonTokenPurpose},
		{"admission with a session", with(map[string]any{"distributionId": "queue_1"}), auth.ReasonTokenPurpose},
		{"admission of a queue with a session", with(map[string]any{"queueId": "queue_1"}), auth.ReasonTokenPurpose},
		{"admission by its token", with(map[string]any{"admissionToken": "t"}), auth.ReasonTokenPurpose},
		{"payment with a session", with(map[string]any{"paymentToken": "t"}), auth.ReasonTokenPurpose},
		{"admission by its type", with(map[string]any{"type": "admission"}), auth.ReasonTokenPurpose},
		{"admission by its use", with(map[string]any{"token_use": "Admission"}), auth.ReasonTokenPurpose},
		{"admission as the only scope of an array", with(map[string]any{"scope": []string{"admission"}}), auth.ReasonTokenPurpose},
		{"admission among scopes", with(map[string]any{"scope": "openid queue:admission"}), auth.ReasonTokenPurpose},
		{"admission among scopes of an array", with(map[string]any{"scope": []string{"openid", "ADMISSION"}}), auth.ReasonTokenPurpose},
		{"admission inside an object", with(map[string]any{"use": map[string]any{"kind": "admission"}}), auth.ReasonTokenPurpose},
		{"purpose a number", with(map[string]any{"purpose": 1}), auth.ReasonTokenPurpose},
		{"purpose true", with(map[string]any{"type": true}), auth.ReasonTokenPurpose},
		{"purpose a number, with a harmless one after it", with(map[string]any{"scope": 1, "use": "access"}), auth.ReasonTokenPurpose},
		{"scope with an escape", raw(`{"scope":"\u0061dmission",` + payload(nil)[1:]), auth.ReasonTokenPurpose},

		{"cnf", with(map[string]any{"cnf": map[string]any{"jkt": "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"}}), auth.ReasonTokenBound},
		{"cnf empty", with(map[string]any{"cnf": map[string]any{}}), auth.ReasonTokenBound},
		{"cnf a string", with(map[string]any{"cnf": "jkt"}), auth.ReasonTokenBound},
		{"cnf null", with(map[string]any{"cnf": null}), auth.ReasonTokenBound},
		{"admission with nothing of its own", with(map[string]any{"sessionId": nil, "sub": "cons_1"}), auth.ReasonTokenClaims},
		{"publishable key", "pk_test_aaaaaaaaaaaaaaaaaaaaaaaa", auth.ReasonTokenMalformed},
		{"secret key", "sk_test_aaaaaaaaaaaaaaaaaaaaaaaa", auth.ReasonTokenMalformed},
	} {
		t.Run(test.name, func(t *testing.T) {
			for range 2 {
				identity, err := verifier.Verify(t.Context(), test.token)
				wantReason(t, err, test.want)
				if identity != (auth.Identity{}) {
					t.Error("a refused token has an identity")
				}
			}
			if verifier.Remembered(test.token) {
				t.Error("a refused token is remembered")
			}
		})
	}
}

// respell changes the last character of the signature to another one that lenient decoders
// decode to the same bytes.
func respell(token string) string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	last := strings.IndexByte(alphabet, token[len(token)-1])
	return token[:len(token)-1] + alphabet[last+1:last+2]
}

// malleate adds the order of the group to the second half of the signature. The result is valid
// for a verifier that does not check the range (RFC 8032, section 8.4).
func malleate(token string) string {
	dot := strings.LastIndexByte(token, '.')
	signature, _ := base64.RawURLEncoding.DecodeString(token[dot+1:])
	s := signature[32:]
	slices.Reverse(s)
	order, _ := new(big.Int).SetString("7237005577332262213973186563042994240857116359379907606001950938285454250989", 10)
	new(big.Int).Add(order, new(big.Int).SetBytes(s)).FillBytes(s)
	slices.Reverse(s)
	return token[:dot+1] + base64.RawURLEncoding.EncodeToString(signature)
}

func hs256(secret, header string) string {
	signed := segment(header) + "." + segment(payload(nil))
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(signed))
	return signed + "." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

func libraryToken(t *testing.T, method jwt.SigningMethod, key any) string {
	t.Helper()
	token, err := jwt.NewWithClaims(method, jwt.MapClaims(goodClaims(noon))).SignedString(key)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

func rsaKey(t *testing.T) *rsa.PrivateKey {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func ecdsaKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func TestVerifierOptions(t *testing.T) {
	issuer := newSigner("issuer")
	keys := staticSet(t, issuer.key(""))
	now := noon.Unix()
	for _, test := range []struct {
		name    string
		options auth.VerifierOptions
		changes map[string]any
		want    auth.Reason // empty: accepted
	}{
		{"no leeway: exp", auth.VerifierOptions{Leeway: -1}, map[string]any{"iat": now - 60, "exp": now}, auth.ReasonTokenExpired},
		{"no leeway: iat", auth.VerifierOptions{Leeway: -1}, map[string]any{"iat": now + 1}, auth.ReasonTokenNotYetValid},
		{"no leeway: lifetime", auth.VerifierOptions{Leeway: -1}, map[string]any{"exp": now + 24*60*60 + 1}, auth.ReasonTokenLifetime},
		{"leeway of two minutes", auth.VerifierOptions{Leeway: 2 * time.Minute}, map[string]any{"iat": now - 600, "exp": now - 119}, ""},
		{"shorter lifetime, kept", auth.VerifierOptions{MaxLifetime: time.Minute}, map[string]any{"exp": now + 90}, ""},
		{"shorter lifetime, exceeded", auth.VerifierOptions{MaxLifetime: time.Minute}, map[string]any{"exp": now + 91}, auth.ReasonTokenLifetime},
		{"longer lifetime", auth.VerifierOptions{MaxLifetime: 48 * time.Hour}, map[string]any{"exp": now + 48*60*60}, ""},
		{"larger token", auth.VerifierOptions{MaxTokenSize: 20000}, map[string]any{"pad": strings.Repeat("a", 8<<10)}, ""},
		{"smaller token", auth.VerifierOptions{MaxTokenSize: 100}, nil, auth.ReasonTokenTooLarge},
		{"issuer", auth.VerifierOptions{Issuer: "https://issuer.example"}, map[string]any{"iss": "https://issuer.example"}, ""},
		{"issuer absent", auth.VerifierOptions{Issuer: "https://issuer.example"}, nil, auth.ReasonTokenClaims},
		{"issuer another", auth.VerifierOptions{Issuer: "https://issuer.example"}, map[string]any{"iss": "https://issuer.example/"}, auth.ReasonTokenIssuer},
		{"issuer not a string", auth.VerifierOptions{Issuer: "https://issuer.example"}, map[string]any{"iss": []string{"https://issuer.example"}}, auth.ReasonTokenClaims},
		{"audience", auth.VerifierOptions{Audience: "consumers"}, map[string]any{"aud": "consumers"}, ""},
		{"audience among several", auth.VerifierOptions{Audience: "consumers"}, map[string]any{"aud": []string{"x", "consumers"}}, ""},
		{"audience absent", auth.VerifierOptions{Audience: "consumers"}, nil, auth.ReasonTokenClaims},
		{"audience another", auth.VerifierOptions{Audience: "consumers"}, map[string]any{"aud": "checkout"}, auth.ReasonTokenAudience},
	} {
		t.Run(test.name, func(t *testing.T) {
			test.options.Keys, test.options.Now = keys, atNoon
			_, err := newVerifier(t, test.options).Verify(t.Context(), issuer.token(plainHeader, payload(test.changes)))
			if test.want != "" {
				wantReason(t, err, test.want)
			} else if err != nil {
				t.Fatal(err)
			}
		})
	}
}

func TestNewVerifierRefuses(t *testing.T) {
	keys := staticSet(t, newSigner("issuer").key(""))
	for option, options := range map[string]auth.VerifierOptions{
		"Keys or KeysByOrganization is required":  {},
		"Keys or KeysByOrganization is":           {KeysByOrganization: map[string]*auth.KeySet{}},
		"Keys and KeysByOrganization must":        {Keys: keys, KeysByOrganization: map[string]*auth.KeySet{"org_1": keys}},
		"Keys must come from NewKeySet":           {Keys: new(auth.KeySet)},
		"MaxLifetime":                             {Keys: keys, MaxLifetime: -1},
		"MaxTokenSize":                            {Keys: keys, MaxTokenSize: -1},
		"CacheSize":                               {Keys: keys, CacheSize: 1<<24 + 1},
		`KeysByOrganization[""] must have`:        {KeysByOrganization: map[string]*auth.KeySet{"": keys}},
		`KeysByOrganization["org_1"] must come`:   {KeysByOrganization: map[string]*auth.KeySet{"org_1": nil}},
		`KeysByOrganization["org_2"] must come f`: {KeysByOrganization: map[string]*auth.KeySet{"org_1": keys, "org_2": new(auth.KeySet)}},
	} {
		if _, err := auth.NewVerifier(options); err == nil || !strings.HasPrefix(err.Error(), "auth: VerifierOptions: "+option) {
			t.Errorf("%s: got %v", option, err)
		}
	}
}

// spaces returns white space that fills the last bits of a segment only in part.
func spaces(text string) string { return strings.Repeat(" ", 4-len(text)%3) }

// respelled sets a spare bit of the last character of a segment.
func respelled(segment string) string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	last := strings.IndexByte(alphabet, segment[len(segment)-1])
	return segment[:len(segment)-1] + alphabet[last+1:last+2]
}

// VerifyFor refuses a token of another organization, verified before or not, and every token
// without an organization to compare with.
func TestVerifyForChecksTheOrganization(t *testing.T) {
	eachCache(t, func(t *testing.T, size int) {
		issuer := newSigner("issuer")
		verifier := newVerifier(t, auth.VerifierOptions{Keys: staticSet(t, issuer.key("")), Now: atNoon, CacheSize: size})
		token := issuer.token(plainHeader, payload(nil))
		for range 2 {
			for organizationID, valid := range map[string]bool{"org_1": true, "org_2": false, "ORG_1": false, "org_": false, "": false} {
				identity, err := verifier.VerifyFor(t.Context(), token, organizationID)
				if valid && (err != nil || identity.OrganizationID != "org_1") {
					t.Errorf("%q: got %v, %v", organizationID, identity, err)
				}
				if !valid {
					wantReason(t, err, auth.ReasonOrganizationMismatch)
					if identity != (auth.Identity{}) {
						t.Errorf("%q: a refused token has an identity", organizationID)
					}
				}
			}
		}
	})
}

// MaxTokenSize is the length of the longest token that is accepted.
func TestVerifierMaxTokenSize(t *testing.T) {
	issuer := newSigner("issuer")
	token := issuer.token(plainHeader, payload(nil))
	for excess, valid := range map[int]bool{0: true, 1: false} {
		verifier := newVerifier(t, auth.VerifierOptions{Keys: staticSet(t, issuer.key("")), Now: atNoon, MaxTokenSize: len(token) - excess})
		if _, err := verifier.Verify(t.Context(), token); (err == nil) != valid {
			t.Errorf("%d characters too long: %v", excess, err)
		}
	}
}

// The latest exp is the last second of the year 9999.
func TestVerifierLatestDate(t *testing.T) {
	issuer := newSigner("issuer")
	last := time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC)
	verifier := newVerifier(t, auth.VerifierOptions{Keys: staticSet(t, issuer.key("")), Now: func() time.Time { return last.Add(-time.Hour) }})
	for seconds, valid := range map[int64]bool{0: true, 1: false} {
		claims := object(goodClaims(last.Add(-time.Hour)), map[string]any{"exp": last.Unix() + seconds})
		if _, err := verifier.Verify(t.Context(), issuer.token(plainHeader, claims)); (err == nil) != valid {
			t.Errorf("exp %d s after it: %v", seconds, err)
		}
	}
}

// Every constructor names all invalid options at once.
func TestInvalidOptions(t *testing.T) {
	_, keySet := auth.NewKeySet(t.Context(), auth.KeySetOptions{
		URL: "ftp://issuer.example/", RefreshInterval: -1, ForcedRefreshInterval: -1, StartTimeout: -1, MaxStaleness: -1,
	})
	_, verifier := auth.NewVerifier(auth.VerifierOptions{MaxLifetime: -1, MaxTokenSize: -1, CacheSize: 1<<24 + 1})
	_, cache := auth.NewAPIKeyCache(auth.APIKeyCacheOptions{MaxAge: -1, MaxEntries: -1})
	_, authenticator := auth.New(auth.Options{})
	for _, test := range []struct {
		err    error
		fields []string
	}{
		{keySet, []string{"URL", "RefreshInterval", "ForcedRefreshInterval", "StartTimeout", "MaxStaleness"}},
		{verifier, []string{"Keys", "MaxLifetime", "MaxTokenSize", "CacheSize"}},
		{cache, []string{"Finder", "MaxAge", "MaxEntries"}},
		{authenticator, []string{"APIKeys"}},
	} {
		invalid, ok := errors.AsType[*consumer.ValidationError](test.err)
		if !ok || !errors.Is(test.err, consumer.ErrInvalid) {
			t.Errorf("got %v", test.err)
			continue
		}
		var got []string
		for _, field := range invalid.Fields {
			got = append(got, field.Field)
		}
		if diff := cmp.Diff(test.fields, got); diff != "" {
			t.Errorf("%v (-want +got):\n%s", test.err, diff)
		}
	}
}

// The default clock of a Verifier is that of the system.
func TestVerifierDefaultClock(t *testing.T) {
	issuer := newSigner("issuer")
	verifier := newVerifier(t, auth.VerifierOptions{Keys: staticSet(t, issuer.key(""))})
	if _, err := verifier.Verify(t.Context(), issuer.token(plainHeader, object(goodClaims(time.Now()), nil))); err != nil {
		t.Fatal(err)
	}
}

// The largest options do not overflow.
func TestVerifierLargestOptions(t *testing.T) {
	issuer := newSigner("issuer")
	for name, options := range map[string]auth.VerifierOptions{
		"MaxLifetime":            {MaxLifetime: math.MaxInt64},
		"Leeway":                 {Leeway: math.MaxInt64},
		"MaxLifetime and Leeway": {MaxLifetime: math.MaxInt64, Leeway: math.MaxInt64},
	} {
		options.Keys, options.Now = staticSet(t, issuer.key("")), atNoon
		verifier := newVerifier(t, options)
		for range 2 { // verified, then found in the cache
			if _, err := verifier.Verify(t.Context(), issuer.token(plainHeader, payload(nil))); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
}
