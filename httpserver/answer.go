package httpserver

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"strconv"
)

const contentTypeJSON = "application/json; charset=utf-8"

// withTimeout bounds what the request waits for.
func (a *API) withTimeout(r *http.Request) (*http.Request, context.CancelFunc) {
	ctx, cancel := context.WithTimeout(r.Context(), a.timeout)
	return r.WithContext(ctx), cancel
}

// answer writes a document. It is the person's own: no cache may keep it for others,
// and even the person's own browser asks each time (RFC 9111, section 5.2.2).
func answer(w http.ResponseWriter, r *http.Request, body []byte) {
	w.Header().Set("Cache-Control", "private, no-cache")
	answerBody(w, r, body, entityTag(body))
}

// answerBody writes JSON with its strong entity tag, or 304 when the client holds it
// already (RFC 9110, section 13.1.2).
func answerBody(w http.ResponseWriter, r *http.Request, body []byte, etag string) {
	header := w.Header()
	header.Set("ETag", etag)
	header.Set("X-Content-Type-Options", "nosniff")
	if noneMatch := r.Header.Values("If-None-Match"); matches(noneMatch, etag) {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	header.Set("Content-Type", contentTypeJSON)
	header.Set("Content-Length", strconv.Itoa(len(body)))
	_, _ = w.Write(body) // net/http drops the body of HEAD; a client that left gets none
}

// entityTag is a digest of the body, so it is the same on every replica and after
// every restart.
func entityTag(body []byte) string {
	sum := sha256.Sum256(body)
	return `"` + base64.RawURLEncoding.EncodeToString(sum[:16]) + `"`
}
