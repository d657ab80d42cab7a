package auth_test

import (
	"crypto/ed25519"
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/rejoinhq/rejoin/auth"
)

// comparison is a verifier and the reference, with the same keys and options.
type comparison struct {
	plain, named signer
	verifier     *auth.Verifier
	reference    *reference
	now          time.Time
}

func newComparison(t testing.TB, issuer, audience string) *comparison {
	t.Helper()
	c := &comparison{plain: newSigner("plain"), named: newSigner("named"), now: noon}
	keys := []auth.Key{c.plain.key(""), c.named.key("named"), newSigner("other").key("other")}
	c.verifier = newVerifier(t, auth.VerifierOptions{
		Keys: staticSet(t, keys...), Issuer: issuer, Audience: audience, CacheSize: -1, Now: func() time.Time { return c.now },
	})
	var err error
	if c.reference, err = newReference(30*time.Second, 24*time.Hour, issuer, audience, keys...); err != nil {
		t.Fatal(err)
	}
	return c
}

// difference returns what the two disagree about, or nothing.
func (c *comparison) difference(t testing.TB, token string) string {
	got, err := c.verifier.Verify(t.Context(), token)
	want, wantErr := c.reference.verify(token, c.now)
	if got != want || (err == nil) != (wantErr == nil) {
		return fmt.Sprintf("%q:\ngot  %+v, %v\nwant %+v, %v", token, got, err, want, wantErr)
	}
	return ""
}

// Tokens with a few faults, or none, are accepted by both or by neither, with the same identity.
func TestSameAsReference(t *testing.T) {
	plain, strict := newComparison(t, "", ""), newComparison(t, "https://issuer.example", "rejoin")
	accepted := 0
	rapid.Check(t, func(rt *rapid.T) {
		c := rapid.SampledFrom([]*comparison{plain, plain, strict}).Draw(rt, "verifier")
		c.now = noon.Add(time.Duration(rapid.SampledFrom([]int{0, 0, -31, -30, 3569, 3600, 3629, 3630}).Draw(rt, "clock")) * time.Second)
		token := genToken(c).Draw(rt, "token")
		if difference := c.difference(t, token); difference != "" {
			rt.Fatal(difference)
		}
		if _, err := c.verifier.Verify(t.Context(), token); err == nil {
			accepted++
		}
	})
	if accepted == 0 {
		t.Error("no token was accepted")
	}
}

// genToken draws a token from a header and claims with a few changes.
func genToken(c *comparison) *rapid.Generator[string] {
	odd := []string{
		`null`, `""`, `"x"`, `0`, `-1`, `1e400`, `-0`, `1.5`, `true`, `[]`, `{}`, `["rejoin"]`, `["rejoin",1]`, `["x","rejoin"]`, `"rejoin"`,
		`"https://issuer.example"`, `["https://issuer.example"]`, `"https:\/\/issuer.example"`, `"admission"`, `["admission"]`, `"EdDSA"`, `"\u0045dDSA"`,
		`"none"`, `"JWT"`, `"application/AT+jwt"`, `"named"`, `"\u006eamed"`, `"other"`, `"\ud800"`, `"a\u0000"`, `[[1e400]]`, `{"a":{"a":1,"a":2}}`,
		strings.Repeat("[", 16) + strings.Repeat("]", 16), strings.Repeat("[", 17) + strings.Repeat("]", 17),
		fmt.Sprint(noon.Unix()), fmt.Sprintf("%d.999", noon.Unix()), fmt.Sprintf("%de-3", noon.Unix()*1000), fmt.Sprint(noon.Unix() + 31), fmt.Sprint(noon.Unix() + 86430),
		`253402300799`, `253402300800`, `1E3`, `1e+3`,
	}
	claims := []string{
		"consumerId", "organizationId", "sessionId", "iat", "exp", "nbf", "iss", "aud", "sub", "scope", "use", "typ", "cnf", "queueId",
		"ConsumerId", "EXP", "e\\u0078p", "conſumerId", "unknown",
	}
	headers := []string{"alg", "typ", "kid", "crit", "b64", "zip", "cty", "jwk", "x5t", "ALG", "k\\u0069d", "unknown"}
	return rapid.Custom(func(t *rapid.T) string {
		change := func(name string, members [][2]string, names []string) string {
			for range rapid.SampledFrom([]int{0, 0, 0, 1, 1, 2, 3}).Draw(t, name+" changes") {
				member := [2]string{rapid.SampledFrom(names).Draw(t, "name"), rapid.SampledFrom(odd).Draw(t, "value")}
				at := -1
				for i := range members {
					if members[i][0] == member[0] {
						at = i
					}
				}
				switch {
				case at < 0 || rapid.IntRange(0, 9).Draw(t, "twice") == 0:
					members = append(members, member)
				case rapid.IntRange(0, 4).Draw(t, "absent") == 0:
					members = append(members[:at:at], members[at+1:]...)
				default:
					members[at] = member
				}
			}
			texts := make([]string, len(members))
			for i, member := range members {
				texts[i] = `"` + member[0] + `":` + member[1]
			}
			return "{" + strings.Join(texts, rapid.SampledFrom([]string{",", ",", ",", " ,\n", ",,"}).Draw(t, "comma")) + "}" +
				rapid.SampledFrom([]string{"", "", "", "", " \n", "{}", "\x00"}).Draw(t, "after")
		}
		header := [][2]string{{"alg", `"EdDSA"`}, {"typ", `"JWT"`}}
		if rapid.Bool().Draw(t, "with kid") {
			header = append(header, [2]string{"kid", `"named"`})
		}
		payload := [][2]string{
			{"consumerId", `"cons_1"`}, {"organizationId", `"org_1"`}, {"sessionId", `"sess_1"`},
			{"iat", fmt.Sprint(noon.Unix())}, {"exp", fmt.Sprint(noon.Add(time.Hour).Unix())},
			{"iss", `"https://issuer.example"`}, {"aud", `"rejoin"`},
		}
		signer := rapid.SampledFrom([]signer{c.named, c.named, c.named, c.plain, newSigner("forger")}).Draw(t, "signer")
		token := signer.token(change("header", header, headers), change("payload", payload, claims))
		if rapid.IntRange(0, 9).Draw(t, "spoiled") == 0 {
			i := rapid.IntRange(0, len(token)-1).Draw(t, "position")
			token = token[:i] + rapid.SampledFrom([]string{"", "A", ".", "=", "\n", "é"}).Draw(t, "instead") + token[i+1:]
		}
		return token
	})
}

// FuzzSameAsReference compares any token, and any header and payload that a key of the set
// signs.
func FuzzSameAsReference(f *testing.F) {
	plain, strict := newComparison(f, "", ""), newComparison(f, "https://issuer.example", "rejoin")
	good := payload(map[string]any{"iss": "https://issuer.example", "aud": []string{"a", "rejoin"}})
	for _, header := range []string{plainHeader, headerOf("named"), `{"alg":"EdDSA","typ":"application/at+JWT"}`, `{"alg":"none"}`, ""} {
		f.Add(header, good, true, 0)
		f.Add(header, good, false, 0)
	}
	for _, claims := range []string{
		"{}", "null", good + "{}", `{"exp":1e400,` + good[1:], `{"a":[-1e-400,1E400],` + good[1:], `{"scope":["a"],"cnf":null,` + good[1:], `{"nbf":1.5e9,` + good[1:],
		strings.Replace(good, "exp", `\u0065xp`, 1), strings.Replace(good, `"rejoin"`, "1", 1), strings.Replace(good, "org_1", `o\u0072g_1`, 1),
	} {
		f.Add(headerOf("named"), claims, true, -30)
	}
	f.Add(plain.named.token(headerOf("named"), good), "", false, 3629)
	f.Fuzz(func(t *testing.T, header, claims string, sign bool, seconds int) {
		token := header
		if sign {
			token = plain.named.token(header, claims)
		} else if claims != "" {
			token = segment(header) + "." + segment(claims) + "." + segment(strings.Repeat("\x00", ed25519.SignatureSize))
		}
		for _, c := range []*comparison{plain, strict} {
			c.now = noon.Add(time.Duration(seconds%100_000) * time.Second)
			if difference := c.difference(t, token); difference != "" {
				t.Fatal(difference)
			}
		}
	})
}
