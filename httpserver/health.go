package httpserver

import (
	"net/http"

	"github.com/go-json-experiment/json"
)

// Health answers 200 and {"status":"ok"} as long as the process can answer at all: for
// the probe that restarts a process which hangs. It looks at nothing else, because a
// restart helps no database. What directs traffic is [Readiness].
func Health() http.Handler {
	return probe(func(*http.Request) (int, probeBody) { return http.StatusOK, probeBody{Status: "ok"} })
}

// probeBody is the form of the answers to probes.
type probeBody struct {
	Status string `json:"status"`
	// Checks are the results, "ok" or "failed", by name.
	Checks map[string]string `json:"checks,omitzero"`
}

// probe answers GET and HEAD with what look returns.
func probe(look func(*http.Request) (status int, body probeBody)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header()[headerRequestID] = []string{requestID(r.Header)}
		if r.ContentLength != 0 {
			abandonBody(w)
		}
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			w.Header().Set("Allow", "GET, HEAD")
			writeError(w, errMethod.status, errorBody{Error: errMethod.text})
			return
		}
		status, body := look(r)
		encoded, err := json.Marshal(body, json.Deterministic(true))
		if err != nil { // the name of a check that is not UTF-8
			writeError(w, errInternal.status, errorBody{Error: errInternal.text})
			return
		}
		writeUncached(w, status, encoded)
	})
}
