package httpserver

import (
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"strconv"

	"github.com/rejoinhq/rejoin/httpserver/internal/httpjson"
)

// cachePrivate is the Cache-Control of a response with personal data. No shared cache
// stores it, and a browser revalidates its copy each time (RFC 9111, section 5.2.2).
const cachePrivate = "private, no-cache"

// respond writes a JSON body with its strong entity tag, or 304 if the client has that
// body already (RFC 9110, section 13.1.2). The fields are further header fields: names in
// canonical form, each followed by its value.
func respond(w http.ResponseWriter, r *http.Request, body []byte, etag string, fields ...string) {
	header := w.Header()
	if matches(r.Header["If-None-Match"], etag) {
		setFields(header, append(fields, "Etag", etag, "X-Content-Type-Options", "nosniff")...)
		w.WriteHeader(http.StatusNotModified)
		return
	}
	setFields(header, append(fields, "Etag", etag, "X-Content-Type-Options", "nosniff",
		"Content-Type", httpjson.ContentType, "Content-Length", strconv.Itoa(len(body)))...)
	_, _ = w.Write(body) // net/http drops the body for HEAD
}

// setFields sets header fields. It makes one allocation for all values: one for each would
// be a third of the allocations of a response from the cache.
func setFields(header http.Header, fields ...string) {
	values := make([]string, len(fields)/2)
	for i := range values {
		values[i] = fields[2*i+1]
		header[fields[2*i]] = values[i : i+1 : i+1]
	}
}

// entityTag returns a digest of the body, so that it is the same on every replica and after
// every restart.
func entityTag(body []byte) string {
	sum := sha256.Sum256(body)
	return `"` + base64.RawURLEncoding.EncodeToString(sum[:16]) + `"`
}
