// Package httpjson writes JSON responses that no cache may keep, errors above all.
package httpjson

import (
	"net/http"
	"strconv"

	"github.com/go-json-experiment/json"
)

// ContentType is the Content-Type of every JSON response.
const ContentType = "application/json; charset=utf-8"

// Error is the body of every error response.
type Error struct {
	Error   string   `json:"error"`
	Message string   `json:"message,omitzero"`
	Details []Detail `json:"details,omitzero"`
	// RetryAfter is the value of the header of the same name, in seconds. Only a response
	// with 429 has it.
	RetryAfter int `json:"retryAfter,omitzero"`
}

// Detail says what is wrong with one field of a request's body.
type Detail struct {
	// Field is the path of the field, such as "consumers[0].participations[1].status".
	Field   string `json:"field"`
	Message string `json:"message"`
}

// UnwantedBody is the error of a GET or HEAD request that has a body.
func UnwantedBody(method string) Error {
	return Error{Error: "Bad request", Message: "A " + method + " request must not have a body."}
}

// WriteError writes an error response.
func WriteError(w http.ResponseWriter, status int, e Error) {
	encoded, err := json.Marshal(e)
	if err != nil { // a text that is not UTF-8
		encoded = []byte(`{"error":"Internal server error"}`)
	}
	Write(w, status, encoded)
}

// Write writes a response whose body is already encoded.
func Write(w http.ResponseWriter, status int, encoded []byte) {
	header := w.Header()
	header.Set("Cache-Control", "no-store")
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Content-Type", ContentType)
	header.Set("Content-Length", strconv.Itoa(len(encoded)))
	w.WriteHeader(status)
	_, _ = w.Write(encoded)
}
