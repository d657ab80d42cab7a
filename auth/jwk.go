package auth

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"fmt"
	"slices"

	"github.com/go-json-experiment/json/jsontext"
)

// maxKeys is the largest number of keys in a set. A token without kid is checked with all of
// them.
const maxKeys = 64

// Key is a public key that signs access tokens.
type Key struct {
	// ID is the kid of the key. Without it the key verifies only tokens without kid.
	ID     string
	Public ed25519.PublicKey
}

func (k Key) equal(l Key) bool { return k.ID == l.ID && k.Public.Equal(l.Public) }

// rejectedKey is a key of a set that is not used, for the log.
type rejectedKey struct {
	position int
	keyID    string
	err      error
}

// parseKeySet returns the keys of a JWK Set (RFC 7517, section 5) that may verify access
// tokens. A key that may not, or that is malformed, is rejected alone, because an issuer may
// publish keys for other purposes in the same set.
//
// The set as a whole is refused if it is not a JWK Set, if it has more than 64 keys of any
// kind, if all keys are rejected, and if two different keys have the same kid, because a
// token could mean either.
func parseKeySet(data []byte) (keys []Key, rejected []rejectedKey, err error) {
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
			rejected = append(rejected, rejectedKey{i, key.ID, err})
			continue
		}
		keys = append(keys, key)
	}
	keys, err = distinctKeys(keys)
	if len(keys) == 0 && len(rejected) > 0 {
		err = fmt.Errorf("%w: keys[%d] is rejected: %w", err, rejected[0].position, rejected[0].err)
	}
	return keys, rejected, err
}

// distinctKeys returns the keys without repetitions, in the same order. It fails if there
// are none or too many, and if two different keys have the same kid.
func distinctKeys(keys []Key) ([]Key, error) {
	var distinct []Key
	for _, key := range keys {
		if slices.ContainsFunc(distinct, key.equal) {
			continue
		}
		if key.ID != "" && slices.ContainsFunc(distinct, func(other Key) bool { return other.ID == key.ID }) {
			return nil, fmt.Errorf("two keys with the kid %s", loggableKeyID(key.ID))
		}
		if distinct = append(distinct, key); len(distinct) > maxKeys {
			return nil, fmt.Errorf("more than %d keys", maxKeys)
		}
	}
	if len(distinct) == 0 {
		return nil, errors.New("no key that may verify access tokens")
	}
	return distinct, nil
}

// byteOrderMarks are those of UTF-8 and UTF-16. An editor or a file server may put one in
// front of a text. JSON must not begin with one (RFC 8259, section 8.1).
var byteOrderMarks = [...]string{"\xef\xbb\xbf", "\xff\xfe", "\xfe\xff"}

// keyEntries returns the elements of the array "keys", unparsed. The set around the keys
// is read leniently, so that a fault inside a key spoils only that key.
func keyEntries(data []byte) ([]jsontext.Value, error) {
	for _, mark := range byteOrderMarks {
		if bytes.HasPrefix(data, []byte(mark)) {
			return nil, errors.New("begins with a byte order mark, which JSON must not have: save it as UTF-8 without one")
		}
	}
	lenient := []jsontext.Options{jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true)}
	var (
		entries []jsontext.Value
		found   int
	)
	err := new(objectReader).walk(data, func(name []byte, value jsontext.Value) error {
		if string(name) != "keys" || value.Kind() == 'n' { // a member that is null is absent
			return nil
		}
		var ok bool
		if entries, ok = elements(value, lenient...); !ok {
			return errJSON
		}
		found++
		return nil
	}, lenient...)
	if err != nil || found != 1 {
		return nil, errors.New("not a JSON object with one array named keys")
	}
	return entries, nil
}

// parseKey returns a JWK (RFC 7517, section 4; RFC 8037, section 2) that may verify access
// tokens. With an error the key has at most its ID.
//
// The names of the members are compared exactly, unlike in encoding/json. A member that is
// null is absent.
func parseKey(data jsontext.Value) (Key, error) {
	var (
		key     Key
		members = map[string]string{}
		verify  = true
		private bool
	)
	err := new(objectReader).each(data, func(name []byte, value jsontext.Value) error {
		if value.Kind() == 'n' {
			return nil
		}
		switch name := string(name); name {
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
		return key, errors.New("a private key, which must not be published")
	case !verify:
		return key, errors.New("its key_ops have no verify")
	case hasAlgorithm && algorithm != "EdDSA" && algorithm != "Ed25519": // RFC 8037, RFC 9864
		return key, errors.New("its alg is not EdDSA")
	case key.ID != "" && !validKeyID(key.ID):
		return key, errors.New("its kid is too long or not printable")
	}
	public, ok := appendSegment(nil, []byte(members["x"]))
	if !ok {
		return key, errors.New("its x is not base64url")
	}
	key.Public = public
	if err := checkPublicKey(key.Public); err != nil {
		return key, fmt.Errorf("its x is %w", err)
	}
	return key, nil
}
