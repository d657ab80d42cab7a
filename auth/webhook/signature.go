// Package webhook verifies the signatures of the webhooks of Fanfare's Consumer Identity API.
package webhook

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// The request headers of the two schemes.
const (
	HeaderFanfareTimestamp = "X-Fanfare-Timestamp"
	HeaderFanfareSignature = "X-Fanfare-Signature"

	HeaderStandardID        = "Webhook-Id"
	HeaderStandardTimestamp = "Webhook-Timestamp"
	HeaderStandardSignature = "Webhook-Signature"
)

// Tolerance is the largest difference between the timestamp of a request and the time of its
// verification, in either direction.
const Tolerance = 5 * time.Minute

// ErrSignature matches every error of [Verify].
var ErrSignature = errors.New("invalid webhook signature")

// Verify checks the signature of a webhook. It returns nil if one of the secrets verifies the
// header and the raw body of the request. The text of an error is for a log: a client should
// get the same response for all of them.
//
// There are two schemes. A request that has a header of the first scheme is verified by that
// one only.
//
//   - Fanfare's: X-Fanfare-Signature is "sha256=" and the lower-case hex of an HMAC-SHA256 over
//     X-Fanfare-Timestamp, a dot and the body. The key is the text of the secret.
//   - Standard Webhooks: Webhook-Signature is a list, separated by spaces, of "v1," and the
//     base64 of an HMAC-SHA256 over Webhook-Id, a dot, Webhook-Timestamp, a dot and the body.
//     The key is the base64 of the secret after "whsec_". A secret that is not base64 verifies
//     nothing in this scheme.
//
// A timestamp is in seconds since 1970, and at most [Tolerance] from now. A header that is
// repeated is refused, and so is every request if there is no secret. An empty secret is
// ignored. The time that Verify takes does not depend on which secret verifies the request, or
// on how much of a signature is right.
func Verify(header http.Header, body []byte, secrets []string, now time.Time) error {
	if len(header[HeaderFanfareTimestamp])+len(header[HeaderFanfareSignature]) > 0 {
		return verifyFanfare(header, body, secrets, now)
	}
	return verifyStandard(header, body, secrets, now)
}

func verifyFanfare(header http.Header, body []byte, secrets []string, now time.Time) error {
	timestamp, err := timestampOf(header, HeaderFanfareTimestamp, now)
	if err != nil {
		return err
	}
	signature, err := single(header, HeaderFanfareSignature)
	if err != nil {
		return err
	}
	valid := false
	for _, secret := range secrets {
		want := "sha256=" + hex.EncodeToString(mac([]byte(secret), timestamp+".", body))
		valid = hmac.Equal([]byte(want), []byte(signature)) && secret != "" || valid
	}
	return matched(valid)
}

func verifyStandard(header http.Header, body []byte, secrets []string, now time.Time) error {
	id, err := single(header, HeaderStandardID)
	if err != nil {
		return err
	}
	timestamp, err := timestampOf(header, HeaderStandardTimestamp, now)
	if err != nil {
		return err
	}
	signatures, err := single(header, HeaderStandardSignature)
	if err != nil {
		return err
	}
	valid := false
	for _, secret := range secrets {
		key, isBase64 := standardKey(secret)
		want := "v1," + base64.StdEncoding.EncodeToString(mac(key, id+"."+timestamp+".", body))
		for signature := range strings.SplitSeq(signatures, " ") {
			valid = hmac.Equal([]byte(want), []byte(signature)) && isBase64 || valid
		}
	}
	return matched(valid)
}

// standardKey returns the key of a secret of Standard Webhooks.
func standardKey(secret string) (key []byte, ok bool) {
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, "whsec_"))
	return key, err == nil && len(key) > 0
}

// single returns the value of a header that must be present once.
func single(header http.Header, name string) (string, error) {
	switch values := header[name]; {
	case len(values) > 1:
		return "", fmt.Errorf("%w: %s is repeated", ErrSignature, name)
	case len(values) == 0 || values[0] == "":
		return "", fmt.Errorf("%w: %s is missing", ErrSignature, name)
	default:
		return values[0], nil
	}
}

// timestampOf returns the text of a timestamp that is not too far from now.
func timestampOf(header http.Header, name string, now time.Time) (string, error) {
	text, err := single(header, name)
	if err != nil {
		return "", err
	}
	seconds, err := strconv.ParseUint(text, 10, 40) // digits only; 40 bits reach the year 36812
	if err != nil {
		return "", fmt.Errorf("%w: %s is not a number of seconds", ErrSignature, name)
	}
	if age := now.Sub(time.Unix(int64(seconds), 0)); age > Tolerance || age < -Tolerance {
		return "", fmt.Errorf("%w: %s is more than %v from now", ErrSignature, name, Tolerance)
	}
	return text, nil
}

func mac(key []byte, prefix string, body []byte) []byte {
	hash := hmac.New(sha256.New, key)
	hash.Write([]byte(prefix))
	hash.Write(body)
	return hash.Sum(nil)
}

func matched(valid bool) error {
	if !valid {
		return fmt.Errorf("%w: no secret verifies it", ErrSignature)
	}
	return nil
}
