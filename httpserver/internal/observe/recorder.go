package observe

import "net/http"

// recorder is an [http.ResponseWriter] that records what is written.
type recorder struct {
	http.ResponseWriter
	Record
}

// WriteHeader records the status.
func (r *recorder) WriteHeader(status int) {
	if r.Status == 0 && status >= http.StatusOK { // an informational response is not the last
		r.Status = status
	}
	r.ResponseWriter.WriteHeader(status)
}

// Write counts the bytes.
func (r *recorder) Write(p []byte) (int, error) {
	if r.Status == 0 {
		r.Status = http.StatusOK
	}
	n, err := r.ResponseWriter.Write(p)
	r.Bytes += int64(n)
	return n, err
}

// Unwrap lets [http.ResponseController] reach the connection.
func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }

// SetOrganization records the organization that a request belongs to. It has no effect if
// w is not the ResponseWriter of an observed handler itself, but one that wraps it.
func SetOrganization(w http.ResponseWriter, id string) {
	if r, ok := w.(*recorder); ok {
		r.OrganizationID = id
	}
}

// HasBegun reports whether the response has begun, so that its status can't change. It
// returns false if w is not the ResponseWriter of an observed handler itself.
func HasBegun(w http.ResponseWriter) bool {
	r, ok := w.(*recorder)
	return ok && r.Status != 0
}
