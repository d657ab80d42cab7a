package auth

import (
	"errors"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// foreignClaims are claims of other tokens that the same issuer signs with the same key:
// an admission, or the payment of an auction that was won. Those travel in checkout URLs,
// and an access token has none of these claims (RFC 8725, section 3.12: the rules for two
// kinds of token exclude each other). Requiring a session would keep out the tokens that
// we know, but not those of an issuer that notes the session in an admission as well.
var foreignClaims = [...]string{
	"distributionId", "distributionType", "experienceId", "sequenceId",
	"queueId", "drawId", "auctionId", "timedReleaseId", "waitlistId",
	"admissionId", "admittedAt", "admissionToken", "paymentToken",
	"participationId", "selectedVariantId", "enteredAt", "wonAt",
}

// purposeClaims are those in which issuers say what a token is for. None of them has to be
// there, but an access token's does not speak of an admission.
var purposeClaims = [...]string{"type", "tokenType", "token_type", "token_use", "purpose", "use", "scope"}

// latestDate is the last second of the year 9999. A NumericDate beyond it is a mistake,
// or an attempt to make something overflow.
const latestDate = 253402300799

// identityOf checks the claims of a token whose signature was verified, and says who it
// speaks for, and from which second on: the later of iat and nbf, without leeway.
func (v *Verifier) identityOf(claims jwt.MapClaims, now time.Time) (identity Identity, notBefore int64, err error) {
	for _, name := range foreignClaims {
		if _, present := claims[name]; present {
			return Identity{}, 0, refused(ReasonTokenPurpose)
		}
	}
	for _, name := range purposeClaims {
		if purpose, _ := claims[name].(string); strings.Contains(strings.ToLower(purpose), "admission") {
			return Identity{}, 0, refused(ReasonTokenPurpose)
		}
	}

	// A claim that is missing and one of another type are the same here.
	consumerID, _ := claims["consumerId"].(string)
	organizationID, _ := claims["organizationId"].(string)
	sessionID, _ := claims["sessionId"].(string)
	if consumerID == "" || organizationID == "" || sessionID == "" {
		return Identity{}, 0, refused(ReasonTokenClaims)
	}

	issued, hasIssued := date(claims, "iat")
	expires, hasExpires := date(claims, "exp")
	starts, hasStarts := date(claims, "nbf")
	if _, present := claims["nbf"]; !hasIssued || !hasExpires || present && !hasStarts {
		return Identity{}, 0, refused(ReasonTokenClaims)
	}

	// The moment is an option of the library's validator, hence one per token.
	rules := append(v.rules[:len(v.rules):len(v.rules)], jwt.WithTimeFunc(func() time.Time { return now }))
	if err := jwt.NewValidator(rules...).Validate(claims); err != nil {
		return Identity{}, 0, refused(validationReason(err))
	}
	if lifetime := expires - issued; lifetime <= 0 || lifetime > v.maxLifetime.Seconds() {
		return Identity{}, 0, refused(ReasonTokenLifetime)
	}
	return Identity{
		OrganizationID: organizationID,
		ConsumerID:     consumerID,
		SessionID:      sessionID,
		ExpiresAt:      time.Unix(int64(expires), 0).UTC(),
	}, int64(max(issued, starts)), nil
}

// date returns a NumericDate (RFC 7519, section 2): seconds, fractions allowed.
func date(claims jwt.MapClaims, name string) (seconds float64, ok bool) {
	seconds, ok = claims[name].(float64)
	return seconds, ok && seconds >= 0 && seconds <= latestDate
}

// validationReason is the reason of a refusal by the library's validator, which joins all
// that it found. The first of these is reported.
func validationReason(err error) Reason {
	switch {
	case errors.Is(err, jwt.ErrTokenExpired):
		return ReasonTokenExpired
	case errors.Is(err, jwt.ErrTokenNotValidYet), errors.Is(err, jwt.ErrTokenUsedBeforeIssued):
		return ReasonTokenNotYetValid
	case errors.Is(err, jwt.ErrTokenInvalidIssuer):
		return ReasonTokenIssuer
	case errors.Is(err, jwt.ErrTokenInvalidAudience):
		return ReasonTokenAudience
	}
	return ReasonTokenClaims
}
