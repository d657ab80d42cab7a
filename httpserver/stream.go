package httpserver

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"time"

	"github.com/rejoinhq/rejoin/auth"
	"github.com/rejoinhq/rejoin/consumer"
)

const (
	// maxStreamReads is the number of streams that may read at a time, so that the requests
	// of others get their turn when all streams have to read.
	maxStreamReads = 16
	// firstStreamRetry and longestStreamRetry bound the time until a stream reads again
	// after a failure. The time doubles from one failure to the next, unless the store is
	// unavailable: then one stream tries it every firstStreamRetry, and the others wait.
	firstStreamRetry   = time.Second
	longestStreamRetry = time.Minute
	// eventWriteTimeout is how long a client may take to accept an event.
	eventWriteTimeout = 10 * time.Second
	// replacedRetry is how long a client whose stream was replaced should wait, so that
	// clients in excess of the limit don't replace each other all the time.
	replacedRetry = 30 * time.Second
)

// The reasons that the last event of a stream gives.
const (
	endTokenExpired     = "token_expired"
	endUnauthenticated  = "unauthenticated"
	endConsumerNotFound = "consumer_not_found"
	endReplaced         = "replaced"
	endShutdown         = "shutdown"

	endClientLeft = "client left" // is not sent
)

// stream is one open event stream.
type stream struct {
	api          *API
	writer       http.ResponseWriter
	control      *http.ResponseController
	request      *http.Request
	identity     auth.Identity
	subscription *subscription // nil for HEAD

	// lastEventID is the id of the event that the client has.
	lastEventID string
	// buffered reports that what is written reaches the client only when the response ends.
	// Then the stream ends after one event, and the client connects again.
	buffered bool
	// readAt is when to read the document again though nothing wakes the stream, or zero.
	readAt time.Time
	// beatAt is when to send a heartbeat.
	beatAt time.Time
	// failing reports that the last read failed because the store is unavailable.
	failing bool
	// failures counts the other failures in a row.
	failures int
}

func (s *stream) key() consumer.Key {
	return consumer.Key{OrganizationID: s.identity.OrganizationID, ConsumerID: s.identity.ConsumerID}
}

func (s *stream) close() {
	if s.subscription != nil {
		s.api.hub.unsubscribe(s.subscription)
	}
}

// read returns the present document.
func (s *stream) read(document func(context.Context, consumer.Key, time.Time) (*document, error)) (*document, error) {
	ctx, cancel := context.WithTimeout(s.request.Context(), s.api.timeout)
	defer cancel()
	done, err := s.api.awaitStreamRead(ctx)
	if err != nil {
		return nil, err
	}
	defer done()
	return document(ctx, s.key(), s.api.now())
}

// begin sends the header and the time after which the client connects again once the stream
// ends. The time is random, so that not all clients connect at once.
func (s *stream) begin() error {
	header := s.writer.Header()
	header.Set("Content-Type", "text/event-stream")
	header.Set("Cache-Control", "private, no-cache, no-transform")
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("X-Accel-Buffering", "no") // otherwise nginx buffers
	s.writer.WriteHeader(http.StatusOK)
	return s.send(fmt.Sprintf("retry: %d\n\n", 1000+rand.IntN(4000)))
}

// run sends events until the stream ends.
func (s *stream) run(first *document) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	s.beatAt = s.api.now().Add(s.api.heartbeat)
	for goesOn := s.update(first); goesOn; {
		goesOn = s.step(timer)
	}
}

// step waits for the next thing to do and does it. It reports whether the stream goes on.
func (s *stream) step(timer *time.Timer) bool {
	woken, reason := s.wait(timer)
	if reason != "" {
		s.end(reason)
		return false
	}
	now := s.api.now()
	beats := reached(s.beatAt, now)
	if beats && !s.beat(now) {
		return false
	}
	if woken || reached(s.readAt, now) || beats && !s.api.documents.cache.isFollowing() {
		return s.refresh(now)
	}
	return true
}

// wait returns when the stream was woken, has something to do at this time, or has to end
// for a reason.
func (s *stream) wait(timer *time.Timer) (woken bool, reason string) {
	now := s.api.now()
	if reached(s.identity.ExpiresAt, now) {
		return false, endTokenExpired
	}
	timer.Reset(earliest(s.readAt, s.beatAt, s.identity.ExpiresAt).Sub(now))
	select {
	case <-s.request.Context().Done():
		return false, endClientLeft
	case <-s.api.streaming.Done():
		return false, endShutdown
	case <-s.subscription.wake:
		if s.subscription.replaced.Load() {
			return false, endReplaced
		}
		return true, ""
	case <-timer.C:
	}
	if reached(s.identity.ExpiresAt, s.api.now()) {
		return false, endTokenExpired
	}
	return false, ""
}

// beat checks the credentials and sends a heartbeat. Only a rejection ends the stream: it
// outlives a failure to check.
func (s *stream) beat(now time.Time) bool {
	if errors.Is(s.authenticate(), auth.ErrUnauthenticated) {
		s.end(endUnauthenticated)
		return false
	}
	s.beatAt = now.Add(s.api.heartbeat)
	return s.send(": heartbeat\n\n") == nil && !s.buffered
}

// refresh checks the credentials, reads the document and sends it if it has changed.
func (s *stream) refresh(now time.Time) bool {
	err := s.authenticate()
	var d *document
	if err == nil {
		d, err = s.read(s.api.documents.forStream)
	}
	switch {
	case err == nil:
		if s.failing {
			s.api.hub.available()
		}
		s.failing, s.failures = false, 0
		return s.update(d)
	case s.request.Context().Err() != nil:
		return false
	case errors.Is(err, auth.ErrUnauthenticated):
		s.end(endUnauthenticated)
		return false
	case errors.Is(err, consumer.ErrNotFound):
		s.end(endConsumerNotFound)
		return false
	}
	s.readAt = now.Add(s.retryAfter(err))
	return true
}

// retryAfter returns the time until the stream reads again after a failure.
func (s *stream) retryAfter(err error) time.Duration {
	failure := httpErrorOf(err)
	if failure == errUnavailable {
		s.failing = true
		if s.api.hub.unavailable(s.subscription, err) {
			return firstStreamRetry
		}
		return longestStreamRetry // the hub wakes it before
	}
	if s.failing { // the store works, so the streams that wait for it may go on
		s.api.hub.available()
		s.failing = false
	}
	s.api.logFailure(s.request, s.writer.Header(), failure, err)
	pause := min(firstStreamRetry<<min(s.failures, 10), longestStreamRetry)
	s.failures++
	return pause
}

// errOtherIdentity is the error of a caller whose credentials belong to another consumer
// than before, such as a session cookie after another login.
var errOtherIdentity = &auth.Error{Reason: auth.ReasonSessionEnded}

// authenticate checks the credentials again, because a key, a session or the key set may
// have ended before the token expires.
func (s *stream) authenticate() error {
	ctx, cancel := context.WithTimeout(s.request.Context(), s.api.timeout)
	defer cancel()
	caller, err := s.api.auth.AuthenticateConsumer(ctx, s.request)
	if err != nil {
		return err
	}
	if caller.OrganizationID != s.identity.OrganizationID || caller.ConsumerID != s.identity.ConsumerID {
		return errOtherIdentity
	}
	s.identity = caller.Identity
	return nil
}

// update sends the document if the client doesn't have it. It reports whether the stream
// goes on.
func (s *stream) update(d *document) bool {
	s.readAt = earliest(d.until, d.staleAt)
	active := d.activeJSON()
	id := strings.Trim(entityTag(active), `"`)
	changed := id != s.lastEventID
	s.api.hub.sent(s.subscription, d, changed)
	if !changed {
		return true
	}
	s.lastEventID = id
	s.beatAt = s.api.now().Add(s.api.heartbeat)
	return s.send("event: active\nid: "+id+"\ndata: "+string(active)+"\n\n") == nil && !s.buffered
}

// end sends the reason for which the stream ends.
func (s *stream) end(reason string) {
	event := "event: end\ndata: {\"reason\":\"" + reason + "\"}\n\n"
	switch reason {
	case endClientLeft:
		return
	case endReplaced:
		event = fmt.Sprintf("retry: %d\n", replacedRetry.Milliseconds()) + event
	}
	_ = s.send(event)
}

// send writes an event and flushes it. It returns an error when the client is gone or too
// slow.
func (s *stream) send(event string) error {
	// The server's own deadline is for a whole response, and this one has no end.
	_ = s.control.SetWriteDeadline(time.Now().Add(eventWriteTimeout))
	if _, err := s.writer.Write([]byte(event)); err != nil {
		return err
	}
	err := s.control.Flush()
	if errors.Is(err, http.ErrNotSupported) || s.writer.Header().Get("Content-Encoding") != "" {
		// A middleware that compresses may pass a flush on to the connection and keep the
		// event in its own buffer. Nothing here can see the difference.
		s.buffered = true
		return nil
	}
	return err
}

// reached reports whether it is time. The zero time never comes.
func reached(at, now time.Time) bool { return !at.IsZero() && !now.Before(at) }

// earliest returns the first of several times, of which the zero ones never come.
func earliest(times ...time.Time) time.Time {
	var first time.Time
	for _, t := range times {
		if first.IsZero() || !t.IsZero() && t.Before(first) {
			first = t
		}
	}
	return first
}
