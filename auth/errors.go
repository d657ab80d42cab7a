package auth

import "errors"

// ErrUnauthenticated is what every refusal matches with [errors.Is]. An error of this
// package that does not match it is the failure of a dependency: the store of the API
// keys, or the wait for the key set. Nothing is known about the caller then, and the
// request may succeed later.
var ErrUnauthenticated = errors.New("unauthenticated")

// Reason says why a caller was refused. There are few of them and none depends on the
// request's content, so a Reason may label a metric. It is for the operator: a client
// that could read it would learn which part of a forged token to improve.
type Reason string

// The reasons. Those about a header come before the credential in it was looked at.
const (
	ReasonAuthorizationMissing   Reason = "authorization_missing"   // no Authorization header
	ReasonAuthorizationRepeated  Reason = "authorization_repeated"  // sent more than once
	ReasonAuthorizationMalformed Reason = "authorization_malformed" // another scheme, no credential, or more than one

	ReasonPublishableKeyMissing  Reason = "publishable_key_missing"  // no X-Publishable-Key header
	ReasonPublishableKeyRepeated Reason = "publishable_key_repeated" // sent more than once
	ReasonPublishableKeyUnknown  Reason = "publishable_key_unknown"  // malformed, of another kind, unknown, revoked or expired
	ReasonSecretKeyUnknown       Reason = "secret_key_unknown"       // malformed, of another kind, unknown, revoked or expired

	ReasonTokenTooLarge    Reason = "token_too_large"     // longer than VerifierOptions.MaxTokenSize
	ReasonTokenMalformed   Reason = "token_malformed"     // not three parts of strict base64url and strict JSON
	ReasonTokenAlgorithm   Reason = "token_algorithm"     // alg is not EdDSA
	ReasonTokenType        Reason = "token_type"          // typ is neither absent nor an access token's
	ReasonTokenHeader      Reason = "token_header"        // a header parameter that changes how the token is to be read, or names a key
	ReasonTokenKeyUnknown  Reason = "token_key_unknown"   // kid is not in the key set
	ReasonTokenSignature   Reason = "token_signature"     // no key that may verify the token does
	ReasonTokenClaims      Reason = "token_claims"        // a required claim is missing or of the wrong type
	ReasonTokenExpired     Reason = "token_expired"       // exp has passed
	ReasonTokenNotYetValid Reason = "token_not_yet_valid" // iat or nbf lies in the future
	ReasonTokenLifetime    Reason = "token_lifetime"      // exp is not after iat, or too long after it
	ReasonTokenPurpose     Reason = "token_purpose"       // an admission's token, or another that is not an access token
	ReasonTokenIssuer      Reason = "token_issuer"        // iss is not the one that is required
	ReasonTokenAudience    Reason = "token_audience"      // aud is not the one that is required
	ReasonTokenRefused     Reason = "token_refused"       // refused by a TokenVerifier that is not ours

	// ReasonTokenOrganization: the token names no organization that has a key set; see
	// VerifierOptions.KeysByOrganization.
	ReasonTokenOrganization Reason = "token_organization"
	// ReasonSessionEnded: the SessionChecker refused a token that is otherwise good.
	ReasonSessionEnded Reason = "session_ended"

	ReasonOrganizationMismatch Reason = "organization_mismatch" // token and publishable key are of two organizations
)

// Error is a refusal. It matches [ErrUnauthenticated].
//
// It deliberately holds nothing but its Reason: no cause is wrapped, because the
// errors of the libraries below quote what the caller sent.
type Error struct {
	Reason Reason
}

// refused is the one way in which this package makes an [*Error].
func refused(reason Reason) error { return &Error{Reason: reason} }

// Error names the reason, and never repeats anything that the caller sent.
func (e *Error) Error() string { return "auth: unauthenticated: " + string(e.Reason) }

// Unwrap makes errors.Is(err, ErrUnauthenticated) true.
func (e *Error) Unwrap() error { return ErrUnauthenticated }

// BearerRefused reports whether a bearer credential was presented and is the reason of
// the refusal: the error invalid_token of RFC 6750, section 3.1. It is false when there
// was none (section 3: an answer then names no error), when the header was repeated or
// held no bearer credential, and when the publishable key is at fault. A token of
// another organization than the publishable key's counts as refused.
func (e *Error) BearerRefused() bool {
	switch e.Reason {
	case ReasonAuthorizationMissing, ReasonAuthorizationRepeated, ReasonAuthorizationMalformed,
		ReasonPublishableKeyMissing, ReasonPublishableKeyRepeated, ReasonPublishableKeyUnknown, "":
		return false
	}
	return true
}

// PublicMessage is one sentence that may be told to the client: which header is
// missing, repeated or malformed, or which credential is not valid. A credential that
// is not valid has one answer, whatever the Reason.
func (e *Error) PublicMessage() string {
	switch e.Reason {
	case ReasonAuthorizationMissing:
		return "The Authorization header is missing."
	case ReasonAuthorizationRepeated:
		return "The Authorization header was sent more than once."
	case ReasonAuthorizationMalformed:
		return "The Authorization header must be the word Bearer and one credential."
	case ReasonPublishableKeyMissing:
		return "The X-Publishable-Key header is missing."
	case ReasonPublishableKeyRepeated:
		return "The X-Publishable-Key header was sent more than once."
	case ReasonPublishableKeyUnknown:
		return "The publishable key is not valid."
	case ReasonSecretKeyUnknown:
		return "The secret key is not valid."
	case "":
		return "The credentials are not valid."
	}
	return "The access token is not valid."
}
