// Package auth authenticates the callers of Fanfare's Consumer Identity API. There are two
// kinds:
//
//   - A browser or an app speaks for one consumer. It sends a publishable key in the header
//     X-Publishable-Key and the consumer's access token in Authorization. Both must belong to
//     the same organization. See [Authenticator.AuthenticateConsumer].
//   - A server speaks for its organization. It sends a secret key in Authorization. See
//     [Authenticator.AuthenticateServer].
//
// An [Authenticator] needs a [TokenVerifier] for access tokens, usually a [Verifier] with a
// [KeySet], and a [consumer.APIKeyFinder] for API keys. A store is an APIKeyFinder,
// [StaticAPIKeys] has keys from configuration, and an [APIKeyCache] avoids lookups in either.
//
// A Verifier caches the tokens that it has verified. It may have a key set for each
// organization, and may ask a [SessionChecker] whether a session is still valid. A KeySet
// follows the key rotation of its issuer, and [KeySet.Ready] fails when it no longer can.
//
// A checkout verifies admission tokens with an [AdmissionVerifier]. An access token is not an
// admission token, and the other way round.
//
// Every refusal matches [ErrUnauthenticated] and is an [*Error]. Its [Reason] is for logs and
// metrics, and its [Error.PublicMessage] is for the client. Any other error means that a
// dependency failed or that the caller gave up. No error and no log record of this package
// contains a key, a token or a claim.
//
// Package authtest has an issuer for tests and for programs without one.
package auth
