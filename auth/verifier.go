package auth

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"time"

	"github.com/MicahParks/jwkset"
	"github.com/golang-jwt/jwt/v5"
)

const (
	defaultLeeway       = 30 * time.Second
	defaultMaxLifetime  = 24 * time.Hour
	defaultMaxTokenSize = 8 << 10
)

// errNeverRead says that there is no key to verify a token with yet.
var errNeverRead = errors.New("the key set was never read")

// VerifierOptions are the rules of a [Verifier].
type VerifierOptions struct {
	// Keys are the keys that sign access tokens, of whatever organization. Either Keys or
	// KeysByOrganization is required, and not both.
	Keys *KeySet
	// KeysByOrganization are the key sets of organizations that have issuers of their own,
	// by organization id. A token is verified with the set of the organization that it
	// names and with no other, so that the issuer of one organization cannot speak for
	// another; several may share a set. The token of an organization that has none is
	// refused like a forgery, and causes no refresh. The map is copied.
	KeysByOrganization map[string]*KeySet
	// Leeway is by how much the issuer's clock may differ from ours. It applies to exp,
	// iat and nbf and to the longest lifetime. Default: 30 s. Negative: none.
	Leeway time.Duration
	// MaxLifetime is the longest time between a token's iat and exp. It bounds how long
	// a stolen token is of use, whatever its issuer wrote. Default: 24 h.
	MaxLifetime time.Duration
	// MaxTokenSize is the length in bytes of the longest token. Default: 8192.
	MaxTokenSize int
	// Issuer, if set, is what iss must be, exactly.
	Issuer string
	// Audience, if set, is what aud must be or contain, exactly. If not, aud is ignored.
	Audience string
	// CacheSize is how many tokens that were verified are remembered at most, so that to
	// verify one again takes no signature check. Twice as many as are in use at a time leave
	// each its place. What is remembered is a SHA-256 digest of the token and its
	// [Identity], and not the token.
	//
	// An entry takes about 250 bytes with usual ids, and less than 700 with the longest that
	// are remembered, which have 128 characters on average; the table takes 8 bytes an
	// entry from the start. The default is so 0.5 MiB at first and about 16 MiB when full.
	// At most 16,777,216. Default: 65,536. Negative: nothing is remembered.
	CacheSize int
	// Sessions, if set, is asked for every request whose token is good, also of a token that
	// is remembered. Default: a token is good until it expires.
	Sessions SessionChecker
	// Now is the clock. Default: time.Now.
	Now func() time.Time
}

// Verifier verifies consumer access tokens: JWTs signed with EdDSA over Ed25519 (RFC
// 8037) that name a consumer, an organization and a session. It is safe for concurrent
// use, and implements [TokenVerifier]. The zero value refuses every token.
//
// A token that was verified is remembered (VerifierOptions.CacheSize) until it expires or the
// key set that verified it changes, whichever comes first, and the clock decides about it anew
// each time. A token that was refused is not remembered, and takes no other's place.
type Verifier struct {
	keys           *KeySet            // nil if each organization has its own
	byOrganization map[string]*KeySet // nil if there is one for all
	stranger       *KeySet            // stands for the set of an organization that has none
	parser         *jwt.Parser
	rules          []jwt.ParserOption // of the claims
	maxLifetime    time.Duration      // the leeway included
	maxSize        int
	cache          *tokenCache // nil: none
	sessions       SessionChecker
	now            func() time.Time
}

// NewVerifier returns a Verifier, or an error that names the option that is missing, negative
// or too large.
func NewVerifier(options VerifierOptions) (*Verifier, error) {
	if err := checkVerifierOptions(options); err != nil {
		return nil, err
	}
	leeway := max(0, orDefault(options.Leeway, defaultLeeway))

	// Without each of these the library accepts what it should not: any algorithm that
	// fits the key, 16 spellings of the last character of a signature, a token without
	// exp, an iat in the future. Claims are validated apart, by identityOf, so that none
	// is looked at before the signature was verified and its form checked.
	parser := jwt.NewParser(
		jwt.WithValidMethods([]string{jwt.SigningMethodEdDSA.Alg()}),
		jwt.WithStrictDecoding(),
		jwt.WithoutClaimsValidation(),
	)
	rules := []jwt.ParserOption{
		jwt.WithExpirationRequired(),
		jwt.WithIssuedAt(),
		jwt.WithLeeway(leeway),
	}
	if options.Issuer != "" {
		rules = append(rules, jwt.WithIssuer(options.Issuer))
	}
	if options.Audience != "" {
		rules = append(rules, jwt.WithAudience(options.Audience))
	}
	if options.Now == nil {
		options.Now = time.Now
	}
	v := &Verifier{
		keys:           options.Keys,
		byOrganization: maps.Clone(options.KeysByOrganization),
		parser:         parser,
		rules:          rules,
		maxLifetime:    orDefault(options.MaxLifetime, defaultMaxLifetime) + leeway,
		maxSize:        orDefault(options.MaxTokenSize, defaultMaxTokenSize),
		sessions:       options.Sessions,
		now:            options.Now,
	}
	if size := orDefault(options.CacheSize, defaultCacheSize); size > 0 {
		v.cache = newTokenCache(size, leeway)
	}
	if v.keys == nil {
		var err error
		if v.stranger, err = newStranger(); err != nil {
			return nil, err
		}
	}
	return v, nil
}

// checkVerifierOptions names the option that is wrong.
func checkVerifierOptions(options VerifierOptions) error {
	switch {
	case options.Keys == nil && len(options.KeysByOrganization) == 0:
		return errors.New("auth: VerifierOptions.Keys is missing, and so is KeysByOrganization")
	case options.Keys != nil && options.KeysByOrganization != nil:
		return errors.New("auth: VerifierOptions.Keys and KeysByOrganization are both set")
	case options.Keys != nil && !options.Keys.made():
		return errors.New("auth: VerifierOptions.Keys was not made by NewKeySet")
	case options.MaxLifetime < 0:
		return errors.New("auth: VerifierOptions.MaxLifetime is negative")
	case options.MaxTokenSize < 0:
		return errors.New("auth: VerifierOptions.MaxTokenSize is negative")
	case options.CacheSize > maxCacheSize:
		return fmt.Errorf("auth: VerifierOptions.CacheSize is more than %d", maxCacheSize)
	}
	for organizationID, set := range options.KeysByOrganization {
		if organizationID == "" {
			return errors.New("auth: VerifierOptions.KeysByOrganization has an organization without id")
		}
		if !set.made() {
			return fmt.Errorf("auth: VerifierOptions.KeysByOrganization[%q] is missing, or was not made by NewKeySet", organizationID)
		}
	}
	return nil
}

// Verify says who the token speaks for, or refuses it with an [*Error] that says why.
//
// A token whose kid is not in the key set, and a token without kid that none of its keys
// verifies, may be of a key that the issuer has put in its set since: Verify then has
// the set refreshed, at most once per KeySetOptions.ForcedRefreshInterval for all callers
// together, waits for that at most 3 s and no longer than ctx allows, and tries once more.
// A token that the present keys verify never waits. A kid in the form of a path or a query
// (RFC 8725, section 3.10) causes no refresh: a key under such a name is found once the set
// is read periodically.
//
// An error that does not match [ErrUnauthenticated] refuses nobody. It matches
// consumer.ErrUnavailable when ctx ended during that wait and when the key set was never
// read (KeySetOptions.StartWithoutKeys); any other is that of VerifierOptions.Sessions.
func (v *Verifier) Verify(ctx context.Context, token string) (Identity, error) {
	return v.VerifyFor(ctx, token, "")
}

// VerifyFor verifies a token that must be of one organization, any for "". A token that
// says to be of another is refused before any key is tried or fetched, so that the time
// tells nothing of other organizations.
func (v *Verifier) VerifyFor(ctx context.Context, token, organizationID string) (Identity, error) {
	if v.now == nil || len(token) > v.maxSize { // nothing fits the zero value
		return Identity{}, refused(ReasonTokenTooLarge)
	}
	identity, err := v.identify(ctx, token, organizationID)
	if err != nil {
		return Identity{}, err
	}
	if organizationID != "" && identity.OrganizationID != organizationID {
		return Identity{}, refused(ReasonOrganizationMismatch)
	}
	if err := v.checkSession(ctx, identity); err != nil {
		return Identity{}, err
	}
	return identity, nil
}

// identify remembers the token, or verifies it.
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
	if verified.identity.OrganizationID == organizationID {
		verified.identity.OrganizationID = organizationID // one string in memory for many tokens
	}
	v.cache.store(digest, verified, now)
	return verified.identity, nil
}

// verify verifies a token by its signature and claims.
func (v *Verifier) verify(ctx context.Context, token, wanted string, now time.Time) (verifiedToken, error) {
	header, organizationID, err := precheck(token)
	if err != nil {
		return verifiedToken{}, err
	}
	if wanted != "" && organizationID != wanted {
		return verifiedToken{}, refused(ReasonOrganizationMismatch)
	}
	set := v.keysOf(organizationID)
	keys := set.current.Load()
	claims, err := v.verifySignature(token, keys)
	if mayBeOfNewKey(header, err) {
		newer, waitErr := set.newerThan(ctx, keys, header)
		if waitErr != nil {
			return verifiedToken{}, fmt.Errorf("auth: verify a token: %w", waitErr)
		}
		if newer != keys {
			keys = newer
			claims, err = v.verifySignature(token, keys)
		}
	}
	switch {
	case keys == nil:
		return verifiedToken{}, fmt.Errorf("auth: verify a token: %w", set.unready("never read"))
	case set == v.stranger:
		return verifiedToken{}, refused(ReasonTokenOrganization)
	case err != nil:
		return verifiedToken{}, refused(signatureReason(err))
	}
	identity, notBefore, err := v.identityOf(claims, now)
	if err != nil {
		return verifiedToken{}, err
	}
	if v.keysOf(identity.OrganizationID) != set {
		// The set was chosen by what the token said before it was verified. Should the two
		// readings ever differ, the verified one counts.
		return verifiedToken{}, refused(ReasonTokenOrganization)
	}
	return verifiedToken{identity, notBefore, set, keys}, nil
}

// keysOf is the set that may speak for an organization. It is never nil.
func (v *Verifier) keysOf(organizationID string) *KeySet {
	if v.keys != nil {
		return v.keys
	}
	if set, ok := v.byOrganization[organizationID]; ok {
		return set
	}
	return v.stranger
}

// newStranger returns a set whose key nobody has. A token of an organization without a set
// is verified with it, in vain, so that its refusal costs what that of a forgery does, and
// who probes with tokens without kid does not learn from the time which organizations there
// are. A set in memory never causes a fetch.
func newStranger() (*KeySet, error) {
	public, _, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("auth: %w", err)
	}
	return NewKeySet(context.Background(), KeySetOptions{Keys: []Key{{Public: public}}})
}

// verifySignature returns the claims if a key that may verify the token does. A map keeps
// their exact names: with a struct "EXP" would override exp.
func (v *Verifier) verifySignature(token string, keys *generation) (jwt.MapClaims, error) {
	if keys == nil {
		return nil, errNeverRead
	}
	claims := jwt.MapClaims{}
	if _, err := v.parser.ParseWithClaims(token, claims, keys.keyfunc); err != nil {
		return nil, err
	}
	return claims, nil
}

// mayBeOfNewKey reports whether a newer key set could change the result. A token whose
// kid is known and whose signature is wrong is a forgery with any set.
func mayBeOfNewKey(header tokenHeader, err error) bool {
	if errors.Is(err, errNeverRead) {
		return true
	}
	if header.hasKeyID {
		return errors.Is(err, jwkset.ErrKeyNotFound)
	}
	return errors.Is(err, jwt.ErrTokenSignatureInvalid)
}

// signatureReason is the reason of a refusal by verifySignature.
func signatureReason(err error) Reason {
	switch {
	case errors.Is(err, jwkset.ErrKeyNotFound):
		return ReasonTokenKeyUnknown
	case errors.Is(err, jwt.ErrTokenSignatureInvalid):
		return ReasonTokenSignature
	}
	return ReasonTokenMalformed // the payload has a number that no float64 holds
}

func orDefault[T comparable](value, byDefault T) T {
	var zero T
	if value == zero {
		return byDefault
	}
	return value
}
