package observe

import (
	"math/rand/v2"
	"net/http"
	"strings"
)

// HeaderRequestID is the header, of requests and responses, that names a request.
const HeaderRequestID = "X-Request-Id"

// SetRequestID sets the request id of a response. It returns the id.
func SetRequestID(w http.ResponseWriter, r *http.Request) string {
	id := requestID(r.Header)
	w.Header()[HeaderRequestID] = []string{id}
	return id
}

// LoggableRequestID returns the request id of a response as it may be logged. An id that
// looks like a credential is withheld: a caller may have sent it by mistake.
func LoggableRequestID(response http.Header) string {
	if values := response[HeaderRequestID]; len(values) > 0 {
		return loggable(values[0])
	}
	return ""
}

// requestID returns the caller's id if it is well-formed, and a new one otherwise.
func requestID(header http.Header) string {
	if values := header[HeaderRequestID]; len(values) == 1 && isValidRequestID(values[0]) {
		return values[0]
	}
	return newRequestID()
}

// newRequestID returns 24 characters of 5 random bits each. It doesn't use crypto/rand,
// which takes longer, because an id need not be unpredictable.
func newRequestID() string {
	const digits = "0123456789abcdefghjkmnpqrstvwxyz" // Crockford's base 32
	var id [24]byte
	for half := range 2 {
		random := rand.Uint64()
		for i := range len(id) / 2 {
			id[half*len(id)/2+i] = digits[random%32]
			random /= 32
		}
	}
	return string(id[:])
}

// credentialPrefixes begin the credentials that callers hold: API keys, the secrets of
// webhooks, and JSON Web Tokens.
var credentialPrefixes = []string{"pk_", "sk_", "whsec_", "eyJ"}

func loggable(id string) string {
	for _, prefix := range credentialPrefixes {
		if strings.HasPrefix(id, prefix) {
			return "withheld"
		}
	}
	return id
}

func isValidRequestID(s string) bool {
	if len(s) == 0 || len(s) > 64 {
		return false
	}
	for i := range len(s) {
		c := s[i]
		switch {
		case 'A' <= c && c <= 'Z', 'a' <= c && c <= 'z', '0' <= c && c <= '9':
		case c == '.', c == '_', c == '-':
		default:
			return false
		}
	}
	return true
}
