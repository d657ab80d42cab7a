// Package auth decides who is calling.
//
// Two doors, one per kind of caller (seed document, "Authentication"):
//
//   - A browser or app speaks for one consumer. It sends a publishable key in
//     X-Publishable-Key and the consumer's access token in Authorization, and both
//     must belong to the same organization: [Authenticator.AuthenticateConsumer].
//   - A server speaks for its organization. It sends a secret key in
//     Authorization: [Authenticator.AuthenticateServer].
//
// An [Authenticator] needs something that verifies access tokens, usually a
// [Verifier] over a [KeySet], and something that finds API keys by their digest: a
// [APIKeyFinder]. A store is one, [StaticAPIKeys] holds keys from configuration, and a
// [APIKeyCache] in front of either spares the look-up.
//
// A Verifier remembers the tokens that it has verified, may have a key set for each
// organization, and may ask a [SessionChecker] whether a session goes on: see
// [VerifierOptions]. A KeySet follows its issuer's keys by itself, and [KeySet.Ready] says
// when it no longer can.
//
// Every refusal matches [ErrUnauthenticated] and is an [*Error], whose [Reason] is
// for logs and metrics and whose [Error.PublicMessage] may be told to the client.
// Any other error means that a dependency failed and nobody was refused. No error
// and no log line of this package contains a key, a token or a claim.
//
// Package auth knows nothing of routes or SQL. Tests, and programs without an issuer
// of their own, find one in package authtest.
package auth
