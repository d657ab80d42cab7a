package authtest

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// SignWebhook sets the headers of a request that delivers a webhook with that body, by
// Fanfare's own scheme: X-Fanfare-Timestamp and X-Fanfare-Signature.
func SignWebhook(header http.Header, body []byte, secret string, at time.Time) {
	timestamp := strconv.FormatInt(at.Unix(), 10)
	header.Set("X-Fanfare-Timestamp", timestamp)
	header.Set("X-Fanfare-Signature", "sha256="+hex.EncodeToString(webhookMAC([]byte(secret), timestamp, string(body))))
}

// SignStandardWebhook is like SignWebhook but uses the scheme of Standard Webhooks: Webhook-Id,
// Webhook-Timestamp and Webhook-Signature. A signature that is already in the header stays, so
// that a request can be signed with several secrets. SignStandardWebhook fails if the secret
// is not "whsec_" and base64.
func SignStandardWebhook(header http.Header, id string, body []byte, secret string, at time.Time) error {
	encoded, found := strings.CutPrefix(secret, "whsec_")
	key, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil || !found {
		return errors.New("authtest: the secret of a standard webhook must be whsec_ and base64")
	}
	timestamp := strconv.FormatInt(at.Unix(), 10)
	signature := "v1," + base64.StdEncoding.EncodeToString(webhookMAC(key, id, timestamp, string(body)))
	header.Set("Webhook-Id", id)
	header.Set("Webhook-Timestamp", timestamp)
	header.Set("Webhook-Signature", strings.TrimSpace(header.Get("Webhook-Signature")+" "+signature))
	return nil
}

func webhookMAC(key []byte, parts ...string) []byte {
	hash := hmac.New(sha256.New, key)
	hash.Write([]byte(strings.Join(parts, ".")))
	return hash.Sum(nil)
}
