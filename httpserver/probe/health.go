package probe

import (
	"net/http"

	"github.com/go-json-experiment/json"

	"github.com/rejoinhq/rejoin/httpserver/internal/httpjson"
	"github.com/rejoinhq/rejoin/httpserver/internal/observe"
	"github.com/rejoinhq/rejoin/httpserver/internal/requestbody"
)

// Health returns a handler that responds with 200 and {"status":"ok"} as long as the
// process can respond at all. It is for the probe that restarts a process which hangs. It
// checks nothing else, because a restart doesn't repair a database. Use [Readiness] to
// direct traffic.
func Health() http.Handler {
	return handler(func(*http.Request) (int, body) { return http.StatusOK, body{Status: "ok"} })
}

// body is the body of the responses to probes.
type body struct {
	Status string `json:"status"`
	// Checks maps the names of the checks to "ok" or "failed".
	Checks map[string]string `json:"checks,omitzero"`
}

// handler responds to GET and HEAD with the result of look.
func handler(look func(*http.Request) (status int, body body)) http.Handler {
	return requestbody.Discard(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		observe.SetRequestID(w, r)
		switch {
		case r.Method != http.MethodGet && r.Method != http.MethodHead:
			w.Header().Set("Allow", "GET, HEAD")
			httpjson.WriteError(w, http.StatusMethodNotAllowed, httpjson.Error{Error: "Method not allowed"})
			return
		case r.ContentLength != 0:
			httpjson.WriteError(w, http.StatusBadRequest, httpjson.UnwantedBody(r.Method))
			return
		}
		status, body := look(r)
		// The error is nil, because NewReadiness rejects names that are not UTF-8.
		encoded, _ := json.Marshal(body, json.Deterministic(true))
		httpjson.Write(w, status, encoded)
	}))
}
