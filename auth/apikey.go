package auth

import (
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash/crc32"
	"strings"
)

// APIKeyKind is what an API key may be used for. Its prefix says which it is, so a key
// presented at the other door is refused before it is looked up.
type APIKeyKind string

const (
	// KindPublishable is a key that identifies an organization in a browser or app. It
	// is no secret, and proves nothing without an access token. Prefix pk_live_ or
	// pk_test_.
	KindPublishable APIKeyKind = "publishable"
	// KindSecret is a key that a server authenticates with. It opens the data of every
	// consumer of its organization. Prefix sk_live_ or sk_test_.
	KindSecret APIKeyKind = "secret"
)

const (
	minKeyLength = 20
	maxKeyLength = 256

	randomKeyCharacters   = 30 // × log2(62) = 178 bits
	checksumKeyCharacters = 6  // 62⁶ > 2³²

	base62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
)

// APIKeyDigest is the form in which an API key is stored, cached and compared: its SHA-256.
// A plain hash is enough, where a password would need a slow one, as long as the key
// holds 128 random bits or more: those cannot be tried one by one.
func APIKeyDigest(key string) [sha256.Size]byte {
	var valid [maxKeyLength]byte // on the stack, unless the key is longer than any valid one
	return sha256.Sum256(append(valid[:0], key...))
}

// CheckAPIKey says what kind of key a key is that an operator supplies, in configuration
// or in a file. It needs one of the four prefixes and 20 to 256 characters in all,
// each a printable ASCII character other than space. The error never repeats the key.
//
// It cannot see whether the characters are random. Whoever supplies a key answers for
// that; [GenerateAPIKey] makes one that is.
func CheckAPIKey(key string) (APIKeyKind, error) {
	kind, ok := kindOf(key)
	switch {
	case !ok:
		return "", errors.New("must begin with pk_live_, pk_test_, sk_live_ or sk_test_")
	case len(key) < minKeyLength:
		return "", fmt.Errorf("must have at least %d characters", minKeyLength)
	case len(key) > maxKeyLength:
		return "", fmt.Errorf("must have at most %d characters", maxKeyLength)
	case !printable(key):
		return "", errors.New("must have only printable ASCII characters without spaces")
	}
	return kind, nil
}

// GenerateAPIKey makes a new key, to be shown once and stored as its [APIKeyDigest]. After the
// prefix (live or test) come 30 random characters of 0–9 A–Z a–z (178 bits) and six
// that are a checksum: the CRC-32 (IEEE) of all that precedes, in base 62 with the most
// significant digit first. With it a scanner of source code can tell a leaked key from
// a look-alike without asking anybody. The error is for an unknown kind.
func GenerateAPIKey(kind APIKeyKind, live bool) (string, error) {
	var key strings.Builder
	switch kind {
	case KindPublishable:
		key.WriteString("pk_")
	case KindSecret:
		key.WriteString("sk_")
	default:
		return "", errors.New("auth: generate key: the kind must be KindPublishable or KindSecret")
	}
	if live {
		key.WriteString("live_")
	} else {
		key.WriteString("test_")
	}
	writeRandom(&key, randomKeyCharacters)

	sum := crc32.ChecksumIEEE([]byte(key.String()))
	var digits [checksumKeyCharacters]byte
	for i := len(digits) - 1; i >= 0; i-- {
		digits[i] = base62[sum%62]
		sum /= 62
	}
	key.Write(digits[:])
	return key.String(), nil
}

// writeRandom appends n characters, each of the 62 as likely as the others. Bytes from
// 248 (the largest multiple of 62) are thrown away: taken modulo 62 they would favour
// the first eight characters.
func writeRandom(key *strings.Builder, n int) {
	var random [64]byte
	for {
		_, _ = rand.Read(random[:]) // never fails, since Go 1.24
		for _, b := range random {
			if b >= 248 {
				continue
			}
			if n == 0 {
				return
			}
			key.WriteByte(base62[b%62])
			n--
		}
	}
}

func kindOf(key string) (APIKeyKind, bool) {
	switch {
	case strings.HasPrefix(key, "pk_live_"), strings.HasPrefix(key, "pk_test_"):
		return KindPublishable, true
	case strings.HasPrefix(key, "sk_live_"), strings.HasPrefix(key, "sk_test_"):
		return KindSecret, true
	}
	return "", false
}

// printable reports whether s has only the characters that a credential may have in a
// header, ! to ~.
func printable(s string) bool {
	for i := range len(s) {
		if s[i] <= ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}
