package auth

import (
	"math"
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

	// Those of admission tokens.
	experienceID, sequenceID         jsontext.Value
	distributionType, distributionID jsontext.Value
	queueID, drawID                  jsontext.Value
	auctionID, timedReleaseID        jsontext.Value

	foreign          bool // a claim that access tokens do not have
	purpose          bool // a purpose claim that is not harmless in an access token
	admissionPurpose bool // a purpose claim that is not harmless in an admission token
	bound            bool // a claim that binds the token to a key
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
		c.setForeign(name, value)
	case "type", "tokenType", "token_type", "token_use", "typ", "purpose", "use", "scope", "scp":
		// Issuers write in these what a token is for.
		c.purpose = c.purpose || !harmlessPurpose(value, mentionsAdmission)
		c.admissionPurpose = c.admissionPurpose || !harmlessPurpose(value, mentionsAccess)
	case "cnf":
		// The caller would have to prove that it has the key (RFC 7800), and nothing here
		// checks such a proof.
		c.bound = true
	}
}

// setForeign stores a claim that only other tokens than access tokens have.
func (c *claims) setForeign(name []byte, value jsontext.Value) {
	c.foreign = true
	switch string(name) {
	case "experienceId":
		c.experienceID = value
	case "sequenceId":
		c.sequenceID = value
	case "distributionType":
		c.distributionType = value
	case "distributionId":
		c.distributionID = value
	case "queueId":
		c.queueID = value
	case "drawId":
		c.drawID = value
	case "auctionId":
		c.auctionID = value
	case "timedReleaseId":
		c.timedReleaseID = value
	}
}

// harmlessPurpose reports whether the value of a purpose claim is of a form that issuers use,
// and mentions none of some purposes: null, a string, or an array of strings. A value of any
// other form could mean anything.
func harmlessPurpose(value jsontext.Value, mentions func(purpose string) bool) bool {
	switch value.Kind() {
	case 'n':
		return true
	case '"':
		text, ok := textOf(value)
		return ok && !mentions(string(text))
	case '[':
		texts, ok := stringsOf(value)
		return ok && !slices.ContainsFunc(texts, mentions)
	}
	return false
}

func mentionsAdmission(purpose string) bool {
	return strings.Contains(strings.ToLower(purpose), "admission")
}

func mentionsAccess(purpose string) bool {
	purpose = strings.ToLower(purpose)
	return strings.Contains(purpose, "access") || strings.Contains(purpose, "refresh")
}

// claimRules are the rules for the claims that all kinds of tokens have.
type claimRules struct {
	leeway      time.Duration
	maxLifetime time.Duration // including the leeway
	issuer      string        // empty: any
	audience    string        // empty: any
}

func newClaimRules(leeway, maxLifetime time.Duration, issuer, audience string) claimRules {
	leeway = max(0, orDefault(leeway, defaultLeeway))
	return claimRules{leeway, sum(orDefault(maxLifetime, defaultMaxLifetime), leeway), issuer, audience}
}

// identityOf checks the claims of an access token whose signature was verified and whose
// organization is known. It returns the identity, and the second from which on the token is
// valid: the later of iat and nbf, without leeway.
func (r *claimRules) identityOf(c *claims, organizationID string, now time.Time) (identity Identity, notBefore int64, reason Reason) {
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
	expiresAt, notBefore, reason := r.checkDates(c, now)
	if reason != "" {
		return Identity{}, 0, reason
	}
	if reason := r.checkParties(c); reason != "" {
		return Identity{}, 0, reason
	}
	return Identity{
		OrganizationID: organizationID,
		ConsumerID:     consumerID,
		SessionID:      sessionID,
		ExpiresAt:      expiresAt,
	}, notBefore, ""
}

// checkDates checks iat, exp and nbf. It returns exp, and the later of iat and nbf in seconds,
// or the reason of the refusal.
func (r *claimRules) checkDates(c *claims, now time.Time) (expiresAt time.Time, notBefore int64, reason Reason) {
	issued, hasIssued := date(c.issuedAt)
	expires, hasExpires := date(c.expiresAt)
	starts, hasStarts := date(c.notBefore)
	if !hasIssued || !hasExpires || c.notBefore != nil && !hasStarts {
		return time.Time{}, 0, ReasonTokenClaims
	}
	expiresAt = time.Unix(int64(expires), 0).UTC()
	notBefore = int64(max(issued, starts))
	switch lifetime := expires - issued; {
	case !now.Before(expiresAt.Add(r.leeway)):
		return time.Time{}, 0, ReasonTokenExpired
	case now.Before(time.Unix(notBefore, 0).Add(-r.leeway)):
		return time.Time{}, 0, ReasonTokenNotYetValid
	case lifetime <= 0 || lifetime > r.maxLifetime.Seconds():
		return time.Time{}, 0, ReasonTokenLifetime
	}
	return expiresAt, notBefore, ""
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
func (r *claimRules) checkParties(c *claims) Reason {
	if r.issuer != "" {
		switch issuer, ok := stringOf(c.issuer); {
		case !ok:
			return ReasonTokenClaims
		case issuer != r.issuer:
			return ReasonTokenIssuer
		}
	}
	if r.audience != "" {
		switch audience, ok := stringsOf(c.audience); {
		case !ok:
			return ReasonTokenClaims
		case !slices.Contains(audience, r.audience):
			return ReasonTokenAudience
		}
	}
	return ""
}

// sum returns a + b of durations that are not negative, or the longest duration if that
// overflows.
func sum(a, b time.Duration) time.Duration {
	if a > math.MaxInt64-b {
		return math.MaxInt64
	}
	return a + b
}
