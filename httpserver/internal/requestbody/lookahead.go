package requestbody

import (
	"io"
	"net/http"
	"time"
)

// lookaheadTimeout bounds the wait for the first byte of a body without a length. The end
// of an empty body usually arrives with the request's header. The timeout leaves time for
// one packet to be sent again.
const lookaheadTimeout = time.Second

// isEmpty reports whether a body of unknown length turns out to be empty. It replaces
// r.Body with one that begins at the same byte.
func isEmpty(r *http.Request) bool {
	ahead := &lookahead{ReadCloser: r.Body, ready: make(chan struct{})}
	r.Body = ahead
	go ahead.readFirst()
	timeout := time.NewTimer(lookaheadTimeout)
	defer timeout.Stop()
	select {
	case <-ahead.ready:
		return ahead.n == 0 && ahead.err == io.EOF
	case <-timeout.C:
		return false
	}
}

// lookahead is a body whose first byte is read ahead. The read is in a goroutine of its
// own, because a read that ends with a timeout would make the rest of a chunked body
// unreadable. It ends with the request, or before.
type lookahead struct {
	io.ReadCloser
	ready chan struct{} // closed when the fields below are set

	first [1]byte
	n     int // 1 while the first byte is still to be returned
	err   error
}

func (l *lookahead) readFirst() {
	defer close(l.ready)
	for l.n == 0 && l.err == nil {
		l.n, l.err = l.ReadCloser.Read(l.first[:])
	}
}

func (l *lookahead) Read(p []byte) (int, error) {
	<-l.ready
	switch {
	case len(p) == 0:
		return 0, nil
	case l.n > 0:
		p[0], l.n = l.first[0], 0
		return 1, l.err
	case l.err != nil:
		return 0, l.err
	}
	return l.ReadCloser.Read(p)
}
