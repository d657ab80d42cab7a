package auth

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/MicahParks/jwkset"
	"github.com/golang-jwt/jwt/v5"
)

const (
	defaultLeeway       = 30 * time.Second
	defaultMaxLifetime  = 24 * time.Hour
	defaultMaxTokenSize = 8 << 10
)

// VerifierOptions are the rules of a [Verifier].
type VerifierOptions struct {
	// Keys are the keys that sign access tokens. Required.
	Keys *KeySet
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
	// Now is the clock. Default: time.Now.
	Now func() time.Time
}

// Verifier verifies consumer access tokens: JWTs signed with EdDSA over Ed25519 (RFC
// 8037) that name a consumer, an organization and a session. It is safe for concurrent
// use, and implements [TokenVerifier]. The zero value refuses every token.
type Verifier struct {
	keys        *KeySet
	parser      *jwt.Parser
	rules       []jwt.ParserOption // of the claims
	maxLifetime time.Duration      // the leeway included
	maxSize     int
	now         func() time.Time
}

// NewVerifier returns a Verifier, or an error that names the option that is missing or
// negative.
func NewVerifier(options VerifierOptions) (*Verifier, error) {
	switch {
	case options.Keys == nil || options.Keys.current.Load() == nil:
		return nil, errors.New("auth: VerifierOptions.Keys is missing, or was not made by NewKeySet")
	case options.MaxLifetime < 0:
		return nil, errors.New("auth: VerifierOptions.MaxLifetime is negative")
	case options.MaxTokenSize < 0:
		return nil, errors.New("auth: VerifierOptions.MaxTokenSize is negative")
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
	return &Verifier{
		keys:        options.Keys,
		parser:      parser,
		rules:       rules,
		maxLifetime: orDefault(options.MaxLifetime, defaultMaxLifetime) + leeway,
		maxSize:     orDefault(options.MaxTokenSize, defaultMaxTokenSize),
		now:         options.Now,
	}, nil
}

// Verify says who the token speaks for, or refuses it with an [*Error] that says why.
//
// A token whose kid is not in the key set, and a token without kid that none of its keys
// verifies, may be of a key that the issuer has put in its set since: Verify then has
// the set refreshed, at most once per KeySetOptions.ForcedRefreshInterval for all callers
// together, waits for that no longer than ctx allows, and tries once more. An error that
// does not match [ErrUnauthenticated] says that ctx ended during that wait. A token that
// the present keys verify never waits.
func (v *Verifier) Verify(ctx context.Context, token string) (Identity, error) {
	header, err := precheck(token, v.maxSize)
	if err != nil {
		return Identity{}, err
	}
	now := v.now()
	keys := v.keys.current.Load()
	claims, err := v.verifySignature(token, keys)
	if mayBeOfNewKey(header, err) {
		newer, waitErr := v.keys.newerThan(ctx, keys, header)
		if waitErr != nil {
			return Identity{}, fmt.Errorf("auth: verify a token: %w", waitErr)
		}
		if newer != keys {
			claims, err = v.verifySignature(token, newer)
		}
	}
	if err != nil {
		return Identity{}, refused(signatureReason(err))
	}
	return v.identityOf(claims, now)
}

// verifySignature returns the claims if a key that may verify the token does. A map keeps
// their exact names: with a struct "EXP" would override exp.
func (v *Verifier) verifySignature(token string, keys *generation) (jwt.MapClaims, error) {
	claims := jwt.MapClaims{}
	if _, err := v.parser.ParseWithClaims(token, claims, keys.keyfunc); err != nil {
		return nil, err
	}
	return claims, nil
}

// mayBeOfNewKey reports whether a newer key set could change the result. A token whose
// kid is known and whose signature is wrong is a forgery with any set.
func mayBeOfNewKey(header tokenHeader, err error) bool {
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
