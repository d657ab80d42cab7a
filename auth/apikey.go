package auth

import (
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash/crc32"
	"strings"

	"github.com/rejoinhq/rejoin/consumer"
)

const (
	minKeyLength = 20
	maxKeyLength = 256

	randomKeyCharacters   = 30 // × log2(62) = 178 bits
	checksumKeyCharacters = 6  // 62⁶ > 2³²

	base62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
)

// APIKeyDigest returns the SHA-256 of an API key, which is the form in which keys are stored,
// cached and compared. A password would need a slow hash. A key with 128 random bits or more
// does not, because nobody can try them all.
func APIKeyDigest(key string) [sha256.Size]byte {
	var valid [maxKeyLength]byte // so that no valid key causes an allocation
	return sha256.Sum256(append(valid[:0], key...))
}

// CheckAPIKey returns the kind of an API key that comes from configuration or from a file. A
// key has one of the four prefixes and 20 to 256 characters in total, all of them printable
// ASCII characters other than space. The error never contains the key.
//
// CheckAPIKey cannot find out whether the characters are random. [GenerateAPIKey] returns a
// key that is.
func CheckAPIKey(key string) (consumer.APIKeyKind, error) {
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

// GenerateAPIKey returns a new API key, to be shown once and stored as its [APIKeyDigest]. The
// prefix, live or test, is followed by 30 random characters of 0–9 A–Z a–z (178 bits) and by a
// checksum of six: the CRC-32 (IEEE) of everything before it, in base 62 with the most
// significant digit first. The checksum lets a scanner of source code recognize a leaked key
// without a lookup. GenerateAPIKey fails if the kind is unknown.
func GenerateAPIKey(kind consumer.APIKeyKind, live bool) (string, error) {
	var key strings.Builder
	switch kind {
	case consumer.PublishableKey:
		key.WriteString("pk_")
	case consumer.SecretKey:
		key.WriteString("sk_")
	default:
		return "", errors.New("auth: generate key: the kind must be consumer.PublishableKey or consumer.SecretKey")
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

// writeRandom appends n random characters, uniformly distributed. It discards bytes from 248
// on, the largest multiple of 62, because modulo 62 they would favor the first eight
// characters.
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

func kindOf(key string) (consumer.APIKeyKind, bool) {
	switch {
	case strings.HasPrefix(key, "pk_live_"), strings.HasPrefix(key, "pk_test_"):
		return consumer.PublishableKey, true
	case strings.HasPrefix(key, "sk_live_"), strings.HasPrefix(key, "sk_test_"):
		return consumer.SecretKey, true
	}
	return "", false
}

// printable reports whether s consists of the characters that a credential in a header may
// have, ! to ~.
func printable(s string) bool {
	for i := range len(s) {
		if s[i] <= ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}
