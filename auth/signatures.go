package auth

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"fmt"
	"maps"
	"slices"
	"sync"
)

// signatures verifies the signatures of tokens of one kind. The zero value has no keys and
// must not be used.
type signatures struct {
	keys           *KeySet            // nil if each organization has its own
	byOrganization map[string]*KeySet // nil if all organizations share one
	decoy          *KeySet            // used for an organization without a set
	isType         func(typ string) bool
	parsers        *sync.Pool // of *tokenParser
}

// newSignatures returns signatures with keys that keyErrors accepts. isType reports whether a
// typ is that of the kind of token.
func newSignatures(keys *KeySet, byOrganization map[string]*KeySet, isType func(string) bool) (signatures, error) {
	s := signatures{keys: keys, byOrganization: maps.Clone(byOrganization), isType: isType, parsers: new(sync.Pool)}
	if keys != nil {
		return s, nil
	}
	var err error
	s.decoy, err = newDecoyKeys()
	return s, err
}

// keyErrors returns the mistakes in the options Keys and KeysByOrganization.
func keyErrors(keys *KeySet, byOrganization map[string]*KeySet) optionErrors {
	var errs optionErrors
	errs.check(keys != nil || len(byOrganization) > 0, "Keys", "or KeysByOrganization is required")
	errs.check(keys == nil || byOrganization == nil, "Keys", "and KeysByOrganization must not both be set")
	errs.check(keys == nil || keys.made(), "Keys", "must come from NewKeySet")
	for _, id := range slices.Sorted(maps.Keys(byOrganization)) {
		option := fmt.Sprintf("KeysByOrganization[%q]", id)
		errs.check(id != "", option, "must have an organization id")
		errs.check(byOrganization[id].made(), option, "must come from NewKeySet")
	}
	return errs
}

// signedToken is a token whose signature was verified and whose claims were not checked.
type signedToken struct {
	claims         *claims // valid until the parser is released
	organizationID string
	set            *KeySet      // whose keys verified it
	keys           *keySnapshot // those keys
}

// parser returns a parser, which must be released.
func (s *signatures) parser() *tokenParser {
	if parser, ok := s.parsers.Get().(*tokenParser); ok {
		return parser
	}
	return new(tokenParser)
}

func (s *signatures) release(parser *tokenParser) { s.parsers.Put(parser) }

// verify verifies the signature of a token of an organization, or of any if wanted is
// anyOrganization. It refreshes the key set if a new key could verify the token.
func (s *signatures) verify(ctx context.Context, parser *tokenParser, token, wanted string) (signedToken, error) {
	unverified, err := parser.parseUnverified(token, s.isType)
	if err != nil {
		return signedToken{}, err
	}
	organizationID := wanted // one string in memory for many tokens
	if text, _ := textOf(unverified.claims.organizationID); wanted == anyOrganization {
		organizationID = string(text)
	} else if string(text) != wanted {
		return signedToken{}, refused(ReasonOrganizationMismatch)
	}
	set := s.keysOf(organizationID)
	keys := set.current.Load()
	reason := keys.check(unverified)
	if mayBeOfNewKey(unverified.keyID, reason) {
		newer, err := set.newerThan(ctx, keys, unverified.keyID)
		if err != nil {
			return signedToken{}, fmt.Errorf("auth: verify a token: %w", err)
		}
		if newer != keys {
			keys, reason = newer, newer.check(unverified)
		}
	}
	switch {
	case keys == nil:
		return signedToken{}, fmt.Errorf("auth: verify a token: %w", set.unready("never read"))
	case set == s.decoy:
		return signedToken{}, refused(ReasonTokenOrganization)
	case reason != "":
		return signedToken{}, refused(reason)
	}
	return signedToken{&unverified.claims, organizationID, set, keys}, nil
}

// keysOf returns the set whose keys sign the tokens of an organization. It is never nil.
func (s *signatures) keysOf(organizationID string) *KeySet {
	if s.keys != nil {
		return s.keys
	}
	if set, ok := s.byOrganization[organizationID]; ok {
		return set
	}
	return s.decoy
}

// newDecoyKeys returns a set with a key that nobody has. The token of an organization without
// a set is checked with it, so that its refusal takes as long as that of a forgery, and the
// response time of tokens without kid does not reveal which organizations exist. A set in
// memory never causes a fetch.
func newDecoyKeys() (*KeySet, error) {
	public, _, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("auth: %w", err)
	}
	return NewKeySet(context.Background(), KeySetOptions{Keys: []Key{{Public: public}}})
}

// mayBeOfNewKey reports whether a newer key set could change the result of a check. That
// includes a token whose kid is known and whose signature is wrong, because an issuer may
// give the kid of a key to its next one. An unknown kid that no issuer would choose is
// excluded.
func mayBeOfNewKey(keyID string, reason Reason) bool {
	return reason == ReasonTokenSignature || reason == ReasonTokenKeyUnknown && plausibleKeyID(keyID)
}
