package auth

import (
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// claims are those claims of a token that its verification depends on. A value is nil if the
// claim is absent.
type claims struct {
	consumerID, organizationID, sessionID jsontext.Value
	issuer, audience                      jsontext.Value
	issuedAt, expiresAt, notBefore        jsontext.Value

	foreign bool // a claim that access tokens do not have
	purpose bool // a purpose claim that is not harmless
	bound   bool // a claim that binds the token to a key
}

// set stores a claim.
func (c *claims) set(name []byte, value jsontext.Value) {
	switch string(name) {
	case "consumerId":
		c.consumerID = value
	case "organizationId":
		c.organizationID = value
	case "sessionId":
		c.sessionID = value
	case "iss":
		c.issuer = value
	case "aud":
		c.audience = value
	case "iat":
		c.issuedAt = value
	case "exp":
		c.expiresAt = value
	case "nbf":
		c.notBefore = value
	case "distributionId", "distributionType", "experienceId", "sequenceId",
		"queueId", "drawId", "auctionId", "timedReleaseId", "waitlistId",
		"admissionId", "admittedAt", "admissionToken", "paymentToken",
		"participationId", "selectedVariantId", "enteredAt", "wonAt":
		// The same issuer signs other tokens with the same key: an admission, or the payment
		// of an auction that was won. Those travel in checkout URLs. An access token has none
		// of these claims, so the two kinds exclude each other (RFC 8725, section 3.12). To
		// require a session would not be enough: an issuer may note it in an admission, too.
		c.foreign = true
	case "type", "tokenType", "token_type", "token_use", "typ", "purpose", "use", "scope", "scp":
		// Issuers write in these what a token is for.
		c.purpose = c.purpose || !harmlessPurpose(value)
	case "cnf":
		// The caller would have to prove that it has the key (RFC 7800), and nothing here
		// checks such a proof.
		c.bound = true
	}
}

// harmlessPurpose reports whether the value of a purpose claim is of a form that issuers of
// access tokens use, and does not mention an admission: null, a string, or an array of
// strings. A value of any other form could mean anything.
func harmlessPurpose(value jsontext.Value) bool {
	switch value.Kind() {
	case 'n':
		return true
	case '"':
		text, ok := textOf(value)
		return ok && !mentionsAdmission(string(text))
	case '[':
		texts, ok := stringsOf(value)
		return ok && !slices.ContainsFunc(texts, mentionsAdmission)
	}
	return false
}

func mentionsAdmission(purpose string) bool {
	return strings.Contains(strings.ToLower(purpose), "admission")
}

// identityOf checks the claims of a token whose signature was verified and whose organization
// is known. It returns the identity, and the second from which on the token is valid: the
// later of iat and nbf, without leeway.
func (v *Verifier) identityOf(c *claims, organizationID string, now time.Time) (identity Identity, notBefore int64, reason Reason) {
	switch {
	case c.foreign, c.purpose:
		return Identity{}, 0, ReasonTokenPurpose
	case c.bound:
		return Identity{}, 0, ReasonTokenBound
	}
	// A claim that is missing and one of another type are the same here.
	consumerID, _ := stringOf(c.consumerID)
	sessionID, _ := stringOf(c.sessionID)
	if consumerID == "" || organizationID == "" || sessionID == "" {
		return Identity{}, 0, ReasonTokenClaims
	}
	issued, hasIssued := date(c.issuedAt)
	expires, hasExpires := date(c.expiresAt)
	starts, hasStarts := date(c.notBefore)
	if !hasIssued || !hasExpires || c.notBefore != nil && !hasStarts {
		return Identity{}, 0, ReasonTokenClaims
	}
	expiresAt := time.Unix(int64(expires), 0).UTC()
	notBefore = int64(max(issued, starts))
	switch lifetime := expires - issued; {
	case !now.Before(expiresAt.Add(v.leeway)):
		return Identity{}, 0, ReasonTokenExpired
	case now.Before(time.Unix(notBefore, 0).Add(-v.leeway)):
		return Identity{}, 0, ReasonTokenNotYetValid
	case lifetime <= 0 || lifetime > v.maxLifetime.Seconds():
		return Identity{}, 0, ReasonTokenLifetime
	}
	if reason := v.checkParties(c); reason != "" {
		return Identity{}, 0, reason
	}
	return Identity{
		OrganizationID: organizationID,
		ConsumerID:     consumerID,
		SessionID:      sessionID,
		ExpiresAt:      expiresAt,
	}, notBefore, ""
}

// latestDate is the last second of the year 9999. A NumericDate after it is a mistake, or an
// attempt to make something overflow.
const latestDate = 253402300799

// date returns a NumericDate (RFC 7519, section 2): seconds, fractions allowed.
func date(value jsontext.Value) (seconds float64, ok bool) {
	seconds, ok = number(value)
	return seconds, ok && seconds >= 0 && seconds <= latestDate
}

// checkParties checks iss and aud against the options, and returns the reason of the refusal
// or "".
func (v *Verifier) checkParties(c *claims) Reason {
	if v.issuer != "" {
		switch issuer, ok := stringOf(c.issuer); {
		case !ok:
			return ReasonTokenClaims
		case issuer != v.issuer:
			return ReasonTokenIssuer
		}
	}
	if v.audience != "" {
		switch audience, ok := stringsOf(c.audience); {
		case !ok:
			return ReasonTokenClaims
		case !slices.Contains(audience, v.audience):
			return ReasonTokenAudience
		}
	}
	return ""
}
