package auth

import "errors"

// ErrUnauthenticated matches every refusal with [errors.Is]. An error of this package that
// does not match it means that a dependency failed, such as the store of the API keys, or
// that the caller gave up. Nothing is known about the caller then, and the same request may
// succeed later.
var ErrUnauthenticated = errors.New("unauthenticated")

// Reason is the reason of a refusal. There are few, and none has a part of the request, so a
// Reason may label a metric. It is for the operator, and not for the client, who would learn
// from it which part of a forged token to improve.
type Reason string

// The reasons of refusals.
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
	ReasonTokenType        Reason = "token_type"          // typ is present and not that of the kind of token
	ReasonTokenHeader      Reason = "token_header"        // a header parameter that changes how the token is processed, or that brings a key
	ReasonTokenKeyUnknown  Reason = "token_key_unknown"   // kid is not in the key set
	ReasonTokenSignature   Reason = "token_signature"     // no key of the key set verifies the token
	ReasonTokenClaims      Reason = "token_claims"        // a required claim is missing or of the wrong type
	ReasonTokenExpired     Reason = "token_expired"       // exp has passed
	ReasonTokenNotYetValid Reason = "token_not_yet_valid" // iat or nbf is in the future
	ReasonTokenLifetime    Reason = "token_lifetime"      // exp is not after iat, or too long after it
	ReasonTokenPurpose     Reason = "token_purpose"       // a claim of another kind of token, no claim of this kind, or a purpose that is unclear
	ReasonTokenBound       Reason = "token_bound"         // cnf binds the token to a key, and the proof is not checked
	ReasonTokenIssuer      Reason = "token_issuer"        // iss is not VerifierOptions.Issuer
	ReasonTokenAudience    Reason = "token_audience"      // aud does not contain VerifierOptions.Audience
	ReasonTokenRefused     Reason = "token_refused"       // refused by another TokenVerifier, without a Reason

	ReasonTokenConsumer Reason = "token_consumer" // an admission token of another consumer than Expected.ConsumerID
	ReasonTokenSequence Reason = "token_sequence" // an admission token for another sequence than Expected.SequenceID

	ReasonTokenOrganization    Reason = "token_organization"    // its organization is not in VerifierOptions.KeysByOrganization
	ReasonOrganizationMismatch Reason = "organization_mismatch" // token and publishable key are of two organizations, or an admission token is not of Expected.OrganizationID
	ReasonSessionEnded         Reason = "session_ended"         // refused by the SessionChecker
)

// Error is a refusal. It matches [ErrUnauthenticated].
//
// It has nothing but its Reason. No cause is wrapped, because the errors of libraries quote
// the credential.
type Error struct {
	Reason Reason

	admission bool // the credential is an admission token
}

// refused returns a refusal. All of this package come from here.
func refused(reason Reason) error { return &Error{Reason: reason} }

// Error returns a text with the reason, and nothing that the caller sent.
func (e *Error) Error() string { return "auth: unauthenticated: " + string(e.Reason) }

// Unwrap makes errors.Is(err, ErrUnauthenticated) true.
func (e *Error) Unwrap() error { return ErrUnauthenticated }

// BearerRefused reports whether a bearer credential was presented and refused, which is the
// error invalid_token of RFC 6750, section 3.1. It is false if there was no bearer credential
// (a response then has no error code, section 3), if the header was repeated, and if the
// publishable key was refused. A token of another organization than the publishable key's
// counts as refused.
func (e *Error) BearerRefused() bool {
	switch e.Reason {
	case ReasonAuthorizationMissing, ReasonAuthorizationRepeated, ReasonAuthorizationMalformed,
		ReasonPublishableKeyMissing, ReasonPublishableKeyRepeated, ReasonPublishableKeyUnknown, "":
		return false
	}
	return true
}

// PublicMessage returns a sentence for the client: which header is missing, repeated or
// malformed, or which credential is not valid. A credential that is not valid has the same
// message for every Reason.
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
	if e.admission {
		return "The admission token is not valid."
	}
	return "The access token is not valid."
}
