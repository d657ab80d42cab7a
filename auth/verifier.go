package auth

import (
	"context"
	"fmt"
	"time"
)

const (
	defaultLeeway       = 30 * time.Second
	defaultMaxLifetime  = 24 * time.Hour
	defaultMaxTokenSize = 8 << 10
)

// VerifierOptions configure a [Verifier].
type VerifierOptions struct {
	// Keys are the keys that sign the access tokens of all organizations. Either Keys or
	// KeysByOrganization is required, and not both.
	Keys *KeySet
	// KeysByOrganization are the key sets of organizations with issuers of their own, by
	// organization id. A token is verified with the set of the organization that it names, so
	// that no issuer can sign tokens for another organization. Several organizations may
	// share a set. The token of an organization without a set is refused like a forgery, and
	// causes no refresh. The map is copied.
	KeysByOrganization map[string]*KeySet
	// Leeway is the largest difference between the clock of the issuer and Now. It applies to
	// exp, iat and nbf and to MaxLifetime. Default: 30 s. Negative: none.
	Leeway time.Duration
	// MaxLifetime is the longest time between the iat and the exp of a token. It limits the
	// time for which a stolen token can be used. Default: 24 h.
	MaxLifetime time.Duration
	// MaxTokenSize is the largest length of a token in bytes. Default: 8192.
	MaxTokenSize int
	// Issuer is the value that iss must have. Default: any.
	Issuer string
	// Audience is the value that aud must be or contain. Default: aud is ignored.
	Audience string
	// CacheSize is the largest number of verified tokens in the cache, which avoids the
	// signature check of a token that was verified before. Twice the number of tokens in use
	// avoids nearly all. The cache has the SHA-256 of a token and its [Identity], and not the
	// token.
	//
	// An entry takes about 250 bytes with usual ids, and less than 700 bytes with the longest
	// ids that are cached, of 128 characters on average. In addition the table takes 8 bytes
	// for each entry from the start. So the default takes 0.5 MiB at first and about 16 MiB
	// when it is full. At most 16,777,216. Default: 65,536. Negative: no cache.
	CacheSize int
	// Sessions is asked for every request with a valid token, cached or not. Default: a token
	// is valid until it expires.
	Sessions SessionChecker
	// Now is the clock. Default: time.Now.
	Now func() time.Time
}

// Verifier verifies consumer access tokens, which are JWTs signed with EdDSA over Ed25519 (RFC
// 8037) that name a consumer, an organization and a session. It implements [TokenVerifier] and
// is safe for concurrent use. The zero value refuses every token.
//
// A verified token stays in the cache until it expires or the key set that verified it
// changes. The clock is checked each time. A token that was refused is not cached, and
// displaces no other.
type Verifier struct {
	signatures signatures
	rules      claimRules
	maxSize    int
	cache      *tokenCache // nil: none
	sessions   SessionChecker
	now        func() time.Time
}

// NewVerifier returns a Verifier. It fails if options are invalid, with an error that names all
// of them.
func NewVerifier(options VerifierOptions) (*Verifier, error) {
	if err := options.validate(); err != nil {
		return nil, fmt.Errorf("auth: VerifierOptions: %w", err)
	}
	signatures, err := newSignatures(options.Keys, options.KeysByOrganization, isAccessTokenType)
	if err != nil {
		return nil, err
	}
	if options.Now == nil {
		options.Now = time.Now
	}
	v := &Verifier{
		signatures: signatures,
		rules:      newClaimRules(options.Leeway, options.MaxLifetime, options.Issuer, options.Audience),
		maxSize:    orDefault(options.MaxTokenSize, defaultMaxTokenSize),
		sessions:   options.Sessions,
		now:        options.Now,
	}
	if size := orDefault(options.CacheSize, defaultCacheSize); size > 0 {
		v.cache = newTokenCache(size, v.rules.leeway)
	}
	return v, nil
}

// validate returns an error that names all invalid options.
func (o *VerifierOptions) validate() error {
	errs := keyErrors(o.Keys, o.KeysByOrganization)
	errs.check(o.MaxLifetime >= 0, "MaxLifetime", "must not be negative")
	errs.check(o.MaxTokenSize >= 0, "MaxTokenSize", "must not be negative")
	errs.check(o.CacheSize <= maxCacheSize, "CacheSize", fmt.Sprintf("must be at most %d", maxCacheSize))
	return errs.err()
}

// Verify returns the identity that the token names, or refuses the token with an [*Error].
//
// A token that no key of the set verifies may be signed by a key that the issuer has added
// since, also under a kid that another key had. Verify then refreshes the set, at most once
// per KeySetOptions.ForcedRefreshInterval for all callers together, waits for that at most 3 s
// and no longer than ctx allows, and tries once more. A token that the present keys verify
// never waits. An unknown kid in the form of a path or a query (RFC 8725, section 3.10)
// causes no refresh: a key under such a name is found by the next periodic one.
//
// An error that does not match [ErrUnauthenticated] is not a refusal. It matches
// context.Canceled if ctx was canceled during that wait. It matches consumer.ErrUnavailable
// if the deadline of ctx passed during that wait, and if the key set was never read
// (KeySetOptions.StartWithoutKeys). Any other is that of VerifierOptions.Sessions.
func (v *Verifier) Verify(ctx context.Context, token string) (Identity, error) {
	return v.verifyOf(ctx, token, anyOrganization)
}

// VerifyFor is like Verify but refuses a token of another organization than
// organizationID. Such a token is refused before any key is tried or fetched, so that the
// response time reveals nothing about other organizations.
func (v *Verifier) VerifyFor(ctx context.Context, token, organizationID string) (Identity, error) {
	if organizationID == anyOrganization { // every token has an organization
		return Identity{}, refused(ReasonOrganizationMismatch)
	}
	return v.verifyOf(ctx, token, organizationID)
}

// anyOrganization is what verifyOf takes for a token that may be of any organization.
const anyOrganization = ""

func (v *Verifier) verifyOf(ctx context.Context, token, organizationID string) (Identity, error) {
	if v.now == nil || len(token) > v.maxSize { // the zero value has no size
		return Identity{}, refused(ReasonTokenTooLarge)
	}
	identity, err := v.identify(ctx, token, organizationID)
	if err != nil {
		return Identity{}, err
	}
	if organizationID != anyOrganization && identity.OrganizationID != organizationID {
		return Identity{}, refused(ReasonOrganizationMismatch)
	}
	if err := v.checkSession(ctx, identity); err != nil {
		return Identity{}, err
	}
	return identity, nil
}

// identify finds the token in the cache, or verifies it.
func (v *Verifier) identify(ctx context.Context, token, organizationID string) (Identity, error) {
	now := v.now()
	if v.cache == nil {
		verified, err := v.verify(ctx, token, organizationID, now)
		return verified.identity, err
	}
	digest := digestOf(token)
	if identity, ok := v.cache.find(digest, now); ok {
		return identity, nil
	}
	verified, err := v.verify(ctx, token, organizationID, now)
	if err != nil {
		return Identity{}, err
	}
	v.cache.store(digest, verified, now)
	return verified.identity, nil
}

// verify verifies a token by its signature and claims.
func (v *Verifier) verify(ctx context.Context, token, wanted string, now time.Time) (verifiedToken, error) {
	parser := v.signatures.parser()
	defer v.signatures.release(parser)
	signed, err := v.signatures.verify(ctx, parser, token, wanted)
	if err != nil {
		return verifiedToken{}, err
	}
	identity, notBefore, reason := v.rules.identityOf(signed.claims, signed.organizationID, now)
	if reason != "" {
		return verifiedToken{}, refused(reason)
	}
	return verifiedToken{identity, notBefore, signed.set, signed.keys}, nil
}

func orDefault[T comparable](value, byDefault T) T {
	var zero T
	if value == zero {
		return byDefault
	}
	return value
}
