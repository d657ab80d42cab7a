package httpserver

import (
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"strconv"
)

const contentTypeJSON = "application/json; charset=utf-8"

// What an answer with a person's data has in its header: no cache may keep it for others,
// and even the person's own browser asks each time (RFC 9111, section 5.2.2).
const cachePrivate = "private, no-cache"

// answer writes JSON with its strong entity tag, or 304 when the client holds it already
// (RFC 9110, section 13.1.2). The fields of the header beside those that every answer has
// are names in their canonical form, each with its value.
func answer(w http.ResponseWriter, r *http.Request, body []byte, etag string, fields ...string) {
	header := w.Header()
	if noneMatch := r.Header["If-None-Match"]; matches(noneMatch, etag) {
		setFields(header, append(fields, "Etag", etag, "X-Content-Type-Options", "nosniff")...)
		w.WriteHeader(http.StatusNotModified)
		return
	}
	setFields(header, append(fields, "Etag", etag, "X-Content-Type-Options", "nosniff",
		"Content-Type", contentTypeJSON, "Content-Length", strconv.Itoa(len(body)))...)
	_, _ = w.Write(body) // net/http drops the body of HEAD; a client that left gets none
}

// setFields sets fields of a header, with one piece of memory for all their values: that is
// a good part of what a request costs that is answered from memory.
func setFields(header http.Header, fields ...string) {
	values := make([]string, len(fields)/2)
	for i := range values {
		values[i] = fields[2*i+1]
		header[fields[2*i]] = values[i : i+1 : i+1]
	}
}

// entityTag is a digest of the body, so it is the same on every replica and after
// every restart.
func entityTag(body []byte) string {
	sum := sha256.Sum256(body)
	return `"` + base64.RawURLEncoding.EncodeToString(sum[:16]) + `"`
}
