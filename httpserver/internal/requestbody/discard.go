// Package requestbody protects handlers from request bodies that they don't read.
package requestbody

import (
	"io"
	"net/http"
	"strconv"
	"time"
)

const (
	// maxDiscard and discardTimeout bound what is read of a body that nobody wants. A
	// client that has a megabyte in flight when the response arrives still receives it.
	// A client that sends more, or more slowly, may not.
	maxDiscard     = 1 << 20
	discardTimeout = 2 * time.Second
	// streamIdleTimeout is how long HTTP/2 waits for more of the body. A response ends with
	// its stream, that is after the body was discarded, so it must not wait for a body that
	// doesn't arrive.
	streamIdleTimeout = 250 * time.Millisecond
	// maxHeld is the size of the largest response that is held back to learn its length.
	maxHeld = 64 << 10
)

// Discard returns a handler that calls next and then reads what next left of the request's
// body, up to 1 MiB and 2 seconds.
//
// A server that closes a connection with unread input resets it, and the reset can
// overtake the response. A proxy in front then reports 502, and may take the server for
// dead. By default [net/http] reads up to 256 KiB before it sends the response, so that
// a body that is announced and never arrives delays the response.
//
// Discard sends the response first. On HTTP/1 the response then has Connection: close,
// because the connection is given up. On HTTP/2 only the stream is: once the client has
// paused for 250 milliseconds, the response ends, and the server resets the stream without
// an error if the body has not ended.
//
// A body without a length may be empty. For GET, HEAD and OPTIONS, Discard waits up to one
// second to find out. If the body is empty, next receives a request without a body, whose
// ContentLength is 0. In every other case ContentLength is not 0.
//
// Discard gives the connection up after each chunked request on HTTP/1, because such a
// request may also have had a Content-Length, on which a proxy in front could rely.
// net/http doesn't tell. For the same reason it gives the connection up after each
// request of HTTP/1.0, for which net/http ignores Transfer-Encoding.
//
// If the ResponseWriter can't be flushed or has no read deadline, Discard leaves the body
// to net/http.
func Discard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ProtoMajor == 1 && (r.ProtoMinor == 0 || r.ContentLength < 0) {
			closeConnection(w)
		}
		if r.ContentLength == 0 {
			next.ServeHTTP(w, r)
			return
		}
		r = r.WithContext(r.Context()) // a copy
		if r.ContentLength < 0 && seldomHasBody(r.Method) && isEmpty(r) {
			r.Body, r.ContentLength = http.NoBody, 0
			next.ServeHTTP(w, r)
			return
		}
		b := &body{ReadCloser: r.Body}
		r.Body = b
		idleTimeout := streamIdleTimeout
		if r.ProtoMajor == 1 {
			idleTimeout = discardTimeout
			response := &writer{ResponseWriter: w, body: b, isHead: r.Method == http.MethodHead}
			next.ServeHTTP(response, r)
			response.release()
		} else {
			next.ServeHTTP(w, r)
		}
		if !b.atEOF {
			discard(w, b, idleTimeout)
		}
	})
}

func closeConnection(w http.ResponseWriter) { w.Header().Set("Connection", "close") }

func seldomHasBody(method string) bool {
	return method == http.MethodGet || method == http.MethodHead || method == http.MethodOptions
}

// discard sends the response and reads the rest of the body, as long as no read takes
// longer than idleTimeout.
func discard(w http.ResponseWriter, body io.Reader, idleTimeout time.Duration) {
	control := http.NewResponseController(w)
	if control.Flush() != nil {
		return
	}
	end := time.Now().Add(discardTimeout)
	buffer := make([]byte, 32<<10)
	for discarded := 0; discarded <= maxDiscard; { // a chunked body may end after its last byte
		deadline := time.Now().Add(idleTimeout)
		if deadline.After(end) {
			deadline = end
		}
		if control.SetReadDeadline(deadline) != nil {
			return
		}
		n, err := body.Read(buffer)
		if err != nil {
			return
		}
		discarded += n
	}
}

// body notes whether a request's body was read to its end.
type body struct {
	io.ReadCloser
	atEOF bool
}

func (b *body) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	b.atEOF = b.atEOF || err == io.EOF
	return n, err
}

// writer closes the connection when a response begins before the request's body was read
// to its end. It holds a response of unknown length back until the handler has returned,
// because net/http would send the end of a chunked response only after the body was
// discarded.
type writer struct {
	http.ResponseWriter
	body   *body
	isHead bool

	status int    // 0 until the header was written
	held   []byte // what was written while the response is held
	holds  bool
}

func (w *writer) WriteHeader(status int) {
	switch {
	case w.holds:
		return // as net/http ignores a second status
	case status >= http.StatusOK && w.status == 0:
		w.status = status
		if w.body.atEOF {
			break
		}
		closeConnection(w)
		hasBody := status != http.StatusNoContent && status != http.StatusNotModified
		if hasBody && w.Header().Get("Content-Length") == "" {
			w.holds = true
			return
		}
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *writer) Write(p []byte) (int, error) {
	if w.status == 0 {
		w.WriteHeader(http.StatusOK)
	}
	if w.holds && len(w.held)+len(p) <= maxHeld {
		w.held = append(w.held, p...)
		return len(p), nil
	}
	if err := w.sendHeld(); err != nil {
		return 0, err
	}
	return w.ResponseWriter.Write(p)
}

// FlushError sends what is held back, and then everything that is written.
func (w *writer) FlushError() error {
	if err := w.sendHeld(); err != nil {
		return err
	}
	return http.NewResponseController(w.ResponseWriter).Flush()
}

// Unwrap lets [http.ResponseController] reach the connection.
func (w *writer) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// release sends a response that is still held back, with its length.
func (w *writer) release() {
	if w.status == 0 {
		w.WriteHeader(http.StatusOK)
	}
	if w.holds && (!w.isHead || len(w.held) > 0) { // a handler may write nothing for HEAD
		w.Header().Set("Content-Length", strconv.Itoa(len(w.held)))
	}
	_ = w.sendHeld()
}

func (w *writer) sendHeld() error {
	if !w.holds {
		return nil
	}
	w.holds = false
	w.ResponseWriter.WriteHeader(w.status)
	_, err := w.ResponseWriter.Write(w.held)
	return err
}
