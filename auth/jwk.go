package auth

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"fmt"
	"slices"

	"github.com/go-json-experiment/json/jsontext"
)

// maxKeys is how many keys a set may have: a token without kid is tried on all of them.
const maxKeys = 64

// Key is a public key that signs access tokens.
type Key struct {
	// ID is its kid. Without one the key verifies tokens without kid only.
	ID     string
	Public ed25519.PublicKey
}

func (k Key) equal(l Key) bool { return k.ID == l.ID && k.Public.Equal(l.Public) }

// unfitKey is a key of a set that is left out, for the log.
type unfitKey struct {
	position int
	keyID    string
	err      error
}

// parseKeySet returns the keys of a JWK Set (RFC 7517, section 5) that may verify access
// tokens. A key that is not fit, or not even well-formed, is left out and spoils no other:
// an issuer may well publish keys for other purposes in the same set.
//
// The set as a whole is refused when it is none, when it has more than 64 keys of any
// sort, when no key is fit, and when two fit keys have the same kid: which of them a token
// means could not be said.
func parseKeySet(data []byte) (keys []Key, unfit []unfitKey, err error) {
	entries, err := keyEntries(data)
	if err != nil {
		return nil, nil, err
	}
	if len(entries) > maxKeys {
		return nil, nil, fmt.Errorf("more than %d keys", maxKeys)
	}
	for i, entry := range entries {
		key, err := parseKey(entry)
		if err != nil {
			unfit = append(unfit, unfitKey{i, key.ID, err})
			continue
		}
		keys = append(keys, key)
	}
	err = checkKeys(keys)
	if len(keys) == 0 && len(unfit) > 0 {
		err = fmt.Errorf("%w: keys[%d] is left out: %w", err, unfit[0].position, unfit[0].err)
	}
	return keys, unfit, err
}

// checkKeys checks what keys must be together.
func checkKeys(keys []Key) error {
	switch {
	case len(keys) == 0:
		return errors.New("no key that may verify access tokens")
	case len(keys) > maxKeys:
		return fmt.Errorf("more than %d keys", maxKeys)
	}
	seen := make(map[string]bool, len(keys))
	for _, key := range keys {
		if key.ID != "" && seen[key.ID] {
			return fmt.Errorf("two keys with the kid %s", loggableKeyID(key.ID))
		}
		seen[key.ID] = true
	}
	return nil
}

// keyEntries returns the elements of the array "keys", unparsed. The set around the keys
// is read leniently, so that what is wrong inside a key spoils only that key.
func keyEntries(data []byte) ([]jsontext.Value, error) {
	lenient := []jsontext.Options{jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true)}
	var (
		entries []jsontext.Value
		found   int
	)
	err := walkObject(jsontext.NewDecoder(bytes.NewBuffer(data), lenient...), func(name string, value jsontext.Value) error {
		if name != "keys" {
			return nil
		}
		var ok bool
		if entries, ok = elements(value, lenient...); !ok {
			return errJSON
		}
		found++
		return nil
	})
	if err != nil || found != 1 {
		return nil, errors.New("not a JSON object with one array named keys")
	}
	return entries, nil
}

// parseKey returns a JWK (RFC 7517, section 4; RFC 8037, section 2) if it is fit to verify
// access tokens. When it is not, the key has at most its ID.
//
// The names of the members are read exactly, which encoding/json, and so jwkset, does not.
func parseKey(data jsontext.Value) (Key, error) {
	var (
		key     Key
		members = map[string]string{}
		verify  = true
		private bool
	)
	err := eachMember(data, func(name string, value jsontext.Value) error {
		switch name {
		case "d":
			private = true
		case "kty", "crv", "x", "use", "alg", "kid":
			text, ok := stringOf(value)
			if !ok {
				return fmt.Errorf("%s is not a string", name)
			}
			members[name] = text
		case "key_ops":
			operations, _ := elements(value)
			verify = slices.ContainsFunc(operations, func(operation jsontext.Value) bool {
				text, _ := stringOf(operation)
				return text == "verify"
			})
		}
		return nil
	})
	key.ID = members["kid"]
	if err != nil {
		return key, err
	}
	use, hasUse := members["use"]
	algorithm, hasAlgorithm := members["alg"]
	switch {
	case members["kty"] != "OKP" || members["crv"] != "Ed25519":
		return key, errors.New("not an Ed25519 key")
	case hasUse && use != "sig":
		return key, errors.New("its use is not sig")
	case private:
		return key, errors.New("a private key, which is to be kept secret and not published")
	case !verify:
		return key, errors.New("its key_ops have no verify")
	case hasAlgorithm && algorithm != "EdDSA" && algorithm != "Ed25519": // RFC 8037, RFC 9864
		return key, errors.New("its alg is not EdDSA")
	case key.ID != "" && !validKeyID(key.ID):
		return key, errors.New("its kid is too long or not printable")
	}
	public, ok := decodeSegment(members["x"])
	if !ok {
		return key, errors.New("its x is not base64url")
	}
	key.Public = public
	if err := checkPublicKey(key.Public); err != nil {
		return key, fmt.Errorf("its x is %w", err)
	}
	return key, nil
}
