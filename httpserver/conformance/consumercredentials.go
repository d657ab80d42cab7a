package conformance

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"
)

func consumerCredentialRules() []*rule {
	refused := func(name string, options func(c *check) []option) *rule {
		return &rule{name: name, records: `{}`, test: func(c *check) {
			for _, o := range options(c) {
				c.me("GET", o).hasError(http.StatusUnauthorized, authenticationRequired)
			}
		}}
	}
	return []*rule{
		{name: "a request without credentials is 401", records: `{}`, test: func(c *check) {
			c.send("GET", "/me").hasError(http.StatusUnauthorized, authenticationRequired)
			c.send("HEAD", "/me").hasStatus(http.StatusUnauthorized)
		}},
		refused("a request without a publishable key is 401", func(*check) []option {
			return []option{without("X-Publishable-Key"), with("X-Publishable-Key", "")}
		}),
		refused("a publishable key that is malformed or unknown is 401", func(c *check) []option {
			return []option{
				with("X-Publishable-Key", "wrong"),
				with("X-Publishable-Key", "pk_test_conformance"+c.unique+"00000000"),
				with("X-Publishable-Key", c.target.Organization.PublishableKey+"0"),
				with("X-Publishable-Key", strings.ToUpper(c.target.Organization.PublishableKey)),
			}
		}),
		refused("a secret key is no publishable key", func(c *check) []option {
			return []option{with("X-Publishable-Key", c.target.Organization.SecretKey)}
		}),
		refused("two publishable keys are 401", func(c *check) []option {
			key := c.target.Organization.PublishableKey
			return []option{with("X-Publishable-Key", key, key), with("X-Publishable-Key", key, "wrong")}
		}),
		refused("a request without an access token is 401", func(*check) []option {
			return []option{without("Authorization"), with("Authorization", ""), with("Authorization", "Bearer"), with("Authorization", "Bearer ")}
		}),
		refused("another scheme than Bearer is 401", func(c *check) []option {
			token := c.tokenOf(c.target.Organization.ID, c.consumer)
			return []option{with("Authorization", "Basic "+token), with("Authorization", token)}
		}),
		{name: "two access tokens are 401", records: `{}`, test: func(c *check) {
			token := "Bearer " + c.tokenOf(c.target.Organization.ID, c.consumer)
			c.me("GET", with("Authorization", token, token)).refusesRepeated(authenticationRequired)
			c.me("GET", with("Authorization", token, "Bearer wrong")).refusesRepeated(authenticationRequired)
			c.me("GET", with("Authorization", token+" "+token)).hasError(http.StatusUnauthorized, authenticationRequired)
		}},
		refused("an API key is no access token", func(c *check) []option {
			return []option{withBearer(c.target.Organization.SecretKey), withBearer(c.target.Organization.PublishableKey)}
		}),
		refused("an access token that is malformed or changed is 401", func(c *check) []option {
			token := c.tokenOf(c.target.Organization.ID, c.consumer)
			options := []option{withBearer("wrong"), withBearer("a.b.c"), withBearer(token[:len(token)/2]), withBearer(token + "x")}
			for _, forged := range forgeries(token, c.unique) {
				options = append(options, withBearer(forged))
			}
			return options
		}),
		{name: "an expired access token is 401", records: `{}`, test: func(c *check) {
			if !c.skipUnless(c.target.ExpiredToken != nil, "neither Target.ExpiredToken nor Target.SignToken is set") {
				return
			}
			token, err := c.target.ExpiredToken(c.ctx, c.target.Organization.ID, c.consumer)
			if err != nil {
				c.broken = fmt.Errorf("Target.ExpiredToken: %w", err)
				return
			}
			c.me("GET", withBearer(token)).hasError(http.StatusUnauthorized, authenticationRequired)
		}},
		signedTokens("an access token may lack typ, or have that of an access token", http.StatusOK, func(header, _ map[string]any) []func() {
			return []func(){
				func() {},
				func() { delete(header, "typ") },
				func() { header["typ"] = "jwt" },
				func() { header["typ"] = "at+jwt" },
				func() { header["typ"] = "application/AT+JWT" },
			}
		}),
		signedTokens("a token of another type or algorithm is 401", http.StatusUnauthorized, func(header, _ map[string]any) []func() {
			return []func(){
				func() { header["typ"] = "admission+jwt" },
				func() { header["typ"] = 1 },
				func() { header["alg"] = "none" },
				func() { header["alg"] = "HS256" },
				func() { header["alg"] = "eddsa" },
				func() { delete(header, "alg") },
				func() { header["crit"] = []string{"exp"} },
			}
		}),
		signedTokens("a token without one of the ids is 401", http.StatusUnauthorized, func(_, claims map[string]any) []func() {
			var changes []func()
			for _, name := range []string{"consumerId", "organizationId", "sessionId"} {
				changes = append(changes,
					func() { delete(claims, name) }, func() { claims[name] = "" }, func() { claims[name] = 1 },
					func() { claims[name] = nil }, func() { claims[name] = []any{claims[name]} })
			}
			return changes
		}),
		signedTokens("a token without a valid exp or iat is 401", http.StatusUnauthorized, func(_, claims map[string]any) []func() {
			var changes []func()
			for _, name := range []string{"iat", "exp"} {
				changes = append(changes,
					func() { delete(claims, name) }, func() { claims[name] = nil },
					func() { claims[name] = time.Unix(claims[name].(int64), 0).UTC().Format(time.RFC3339) })
			}
			return append(changes,
				func() { claims["iat"] = claims["exp"].(int64) + 1 },
				func() { claims["iat"], claims["exp"] = claims["iat"].(int64)+7200, claims["exp"].(int64)+7200 })
		}),
		signedTokens("a token that is bound to a key is 401", http.StatusUnauthorized, func(_, claims map[string]any) []func() {
			return []func(){func() { claims["cnf"] = map[string]any{"jkt": "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"} }}
		}),
		signedTokens("a token that opens a checkout is no access token", http.StatusUnauthorized, func(_, claims map[string]any) []func() {
			return []func(){func() {
				claims["distributionId"], claims["distributionType"] = "queue_1", "queue"
				claims["experienceId"], claims["sequenceId"] = "exp_1", "seq_1"
			}}
		}),
		{name: "a consumer without a profile is 404", test: func(c *check) {
			c.me("GET").hasError(http.StatusNotFound, consumerNotFound)
		}},
		{name: "the credentials are checked before the consumer is looked up", test: func(c *check) {
			c.me("GET", with("X-Publishable-Key", "wrong")).hasError(http.StatusUnauthorized, authenticationRequired)
		}},
		{name: "a conditional request without credentials is 401", records: `{}`, test: func(c *check) {
			c.send("GET", "/me", with("If-None-Match", "*")).hasError(http.StatusUnauthorized, authenticationRequired)
		}},
		{name: "a 401 has a challenge, with invalid_token only for a refused token", records: `{}`, test: func(c *check) {
			c.send("GET", "/me").hasChallenge(false)
			c.me("GET", without("X-Publishable-Key")).hasChallenge(false)
			c.me("GET", without("Authorization")).hasChallenge(false)
			c.me("GET", with("X-Publishable-Key", "wrong")).hasChallenge(false)
			c.me("GET", with("Authorization", "Basic wrong")).hasChallenge(false)
			c.me("GET", withBearer("wrong")).hasChallenge(true)
		}},
	}
}

// signedTokens is a rule about tokens with particular contents. Changes returns functions, each
// of which changes the header or the claims of a valid token.
func signedTokens(name string, status int, changes func(header, claims map[string]any) []func()) *rule {
	return &rule{name: name, records: `{}`, test: func(c *check) {
		if !c.skipUnless(c.target.SignToken != nil, "Target.SignToken is not set") {
			return
		}
		for i := range changes(tokenHeader(), accessClaims("", "", time.Time{})) {
			header, claims := tokenHeader(), accessClaims(c.target.Organization.ID, c.consumer, c.target.Now())
			changes(header, claims)[i]()
			described := describe(header, claims)
			token, err := c.target.SignToken(c.ctx, header, claims)
			if err != nil {
				c.broken = fmt.Errorf("Target.SignToken: %w", err)
				return
			}
			r := c.me("GET", withBearer(token))
			r.request += " with a token of " + described
			if status == http.StatusOK {
				r.hasStatus(status)
			} else {
				r.hasError(status, authenticationRequired)
			}
		}
	}}
}

// tokenHeader is the header of the tokens in the API documentation.
func tokenHeader() map[string]any { return map[string]any{"alg": "EdDSA", "typ": "JWT"} }

// accessClaims are the claims of a valid access token.
func accessClaims(organizationID, consumerID string, now time.Time) map[string]any {
	return map[string]any{
		"consumerId": consumerID, "organizationId": organizationID, "sessionId": "sess_conformance",
		"iat": now.Add(-time.Minute).Unix(), "exp": now.Add(30 * time.Minute).Unix(),
	}
}

// describe returns the contents of a token as JSON. Its signature is the credential.
func describe(header, claims map[string]any) string {
	all := maps.Clone(claims)
	all["header"] = header
	text, err := json.Marshal(all)
	if err != nil {
		return err.Error()
	}
	return string(text)
}

// forgeries returns tokens like a valid one that no key has signed.
func forgeries(token, unique string) []string {
	middle := strings.LastIndexByte(token, '.') + (len(token)-strings.LastIndexByte(token, '.'))/2
	changed := []byte(token)
	if changed[middle] == 'A' {
		changed[middle] = 'B'
	} else {
		changed[middle] = 'A'
	}
	forged := []string{string(changed)}
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return forged // not a JSON Web Token
	}
	encode := base64.RawURLEncoding.EncodeToString
	for _, header := range []string{`{"alg":"none","typ":"JWT"}`, `{"alg":"None"}`} {
		forged = append(forged, encode([]byte(header))+"."+parts[1]+".", encode([]byte(header))+"."+parts[1]+"."+parts[2])
	}
	var claims map[string]any
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err == nil && json.Unmarshal(payload, &claims) == nil {
		claims["consumerId"] = "conformance_forged_" + unique
		payload, _ = json.Marshal(claims) // what was decoded can be encoded
		forged = append(forged, parts[0]+"."+encode(payload)+"."+parts[2])
	}
	return forged
}

// refusesRepeated expects a 401, or what Target.RejectsRepeatedHeaders says.
func (r *response) refusesRepeated(text string) {
	if r.check.target.RejectsRepeatedHeaders && r.status == http.StatusBadRequest {
		return
	}
	r.hasError(http.StatusUnauthorized, text)
}

// hasChallenge expects a 401 with a challenge of the scheme Bearer.
func (r *response) hasChallenge(refused bool) {
	if !r.hasStatus(http.StatusUnauthorized) {
		return
	}
	challenges := r.header.Values("WWW-Authenticate")
	bearer := slices.ContainsFunc(challenges, func(challenge string) bool {
		scheme, _, _ := strings.Cut(challenge, " ")
		return strings.EqualFold(scheme, "Bearer")
	})
	if !bearer {
		r.failf("WWW-Authenticate has no challenge of the scheme Bearer: %q", challenges)
	}
	if got := strings.Contains(strings.Join(challenges, " "), `error="invalid_token"`); got != refused {
		r.failf(`WWW-Authenticate has error="invalid_token": %t, want %t: %q`, got, refused, challenges)
	}
}
