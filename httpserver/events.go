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
	"github.com/rejoinhq/rejoin/journey"
)

const (
	defaultHeartbeat             = 15 * time.Second
	defaultMaxStreamsPerConsumer = 16

	// streamReads is how many streams may ask the store at a time. When all are to look
	// again, the requests of others still get their turn.
	streamReads = 16
	// streamRetry is how long a stream waits before it asks a store again that failed.
	streamRetry = time.Second
	// writePatience is how long a client may take to accept an event.
	writePatience = 10 * time.Second

	headerLastEventID = "Last-Event-ID"
	tooManyStreams    = "The consumer has as many event streams open as it may."
)

// Why the server ends a stream, as the last event says.
const (
	endTokenExpired     = "token_expired"
	endUnauthenticated  = "unauthenticated"
	endConsumerNotFound = "consumer_not_found"
	endShutdown         = "shutdown"

	endClientLeft = "client left" // which nobody is told
)

// EndStreams ends all event streams, each with an event that says so, and refuses new
// ones with 503. A server that shuts down waits for streams like for any request, so
// give it this method:
//
//	server.RegisterOnShutdown(api.EndStreams)
func (a *API) EndStreams() { a.endStreams() }

// serveEvents answers with what the caller is in as server-sent events (WHATWG HTML,
// section 9.2): at once, and again whenever it changes, by a write or because something
// expires. It is an addition to the seed.
func (a *API) serveEvents(w http.ResponseWriter, r *http.Request) error {
	w.Header().Add("Vary", auth.HeaderAuthorization+", "+auth.HeaderPublishableKey+", "+headerLastEventID)
	if a.hub == nil {
		return errNoRoute
	}
	s, err := a.openStream(w, r)
	if err != nil {
		return err
	}
	defer s.close()
	defer a.telemetry.streamOpened(r.Context())()
	// What can be answered with a status is answered before the stream begins.
	state, err := s.read()
	if err != nil {
		return err
	}
	if err := s.begin(); err != nil || r.Method == http.MethodHead {
		return nil // the client has left
	}
	s.run(state)
	return nil
}

// stream is one client that is told.
type stream struct {
	api          *API
	writer       http.ResponseWriter
	control      *http.ResponseController
	request      *http.Request
	identity     auth.Identity
	subscription *subscription

	// told is the id of the event that the client has.
	told string
	// buffers reports that the writer keeps back what is written until the request ends, so
	// the client is told once, and comes again.
	buffers bool
}

// state is what there is to tell at a moment.
type state struct {
	id     string
	active []byte
	// until is when to look again though nothing is written, because something expires,
	// zero for never.
	until time.Time
}

func (a *API) openStream(w http.ResponseWriter, r *http.Request) (*stream, error) {
	now := a.now()
	ctx := a.withTimeout(r)
	defer ctx.cancel()
	identity, err := a.auth.consumer(ctx, r)
	if err != nil {
		return nil, unauthenticated{errAuthenticationRequired, err}
	}
	noteOrganization(w, identity.OrganizationID)
	if err := a.admitConsumer(w, r, identity, now); err != nil {
		return nil, err
	}
	if !consumer.ValidID(identity.ConsumerID) {
		return nil, consumer.ErrNotFound
	}
	if a.streaming.Err() != nil {
		return nil, errUnavailable
	}
	s := &stream{
		api: a, writer: w, control: http.NewResponseController(w), request: r,
		identity: identity, told: r.Header.Get(headerLastEventID),
	}
	if r.Method == http.MethodHead {
		return s, nil // there is nothing to be told
	}
	s.subscription = a.hub.subscribe(consumer.ConsumerKey{OrganizationID: identity.OrganizationID, ConsumerID: identity.ConsumerID})
	if s.subscription == nil {
		// By then the streams of clients that have left are found out.
		return nil, rateLimited{retryAfter: int(max(time.Second, a.heartbeat) / time.Second), message: tooManyStreams}
	}
	return s, nil
}

func (s *stream) close() {
	if s.subscription != nil {
		s.api.hub.unsubscribe(s.subscription)
	}
}

// read asks the store and derives what is to be told.
func (s *stream) read() (state, error) {
	ctx, cancel := context.WithTimeout(s.request.Context(), s.api.timeout)
	defer cancel()
	select {
	case s.api.streamReads <- struct{}{}:
		defer func() { <-s.api.streamReads }()
	case <-ctx.Done():
		return state{}, ctx.Err()
	}
	snapshot, err := s.api.store.Snapshot(ctx, s.identity.OrganizationID, s.identity.ConsumerID)
	if err != nil {
		return state{}, err
	}
	view := journey.Derive(snapshot, s.api.now())
	active := view.AppendJSON(nil)
	until, _ := view.NextChange()
	return state{id: strings.Trim(entityTag(active), `"`), active: active, until: until}, nil
}

// begin sends the header, and says when to come back once the stream ends: not all at the
// same time.
func (s *stream) begin() error {
	header := s.writer.Header()
	header.Set("Content-Type", "text/event-stream")
	header.Set("Cache-Control", "private, no-cache, no-transform")
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("X-Accel-Buffering", "no") // nginx would hold events back
	s.writer.WriteHeader(http.StatusOK)
	return s.send(fmt.Sprintf("retry: %d\n\n", 1000+rand.IntN(4000)))
}

// run tells until the stream ends.
func (s *stream) run(known state) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	beat := s.api.now().Add(s.api.heartbeat)
	for {
		if known.id != s.told {
			if s.tell(known) != nil || s.buffers {
				return
			}
			known.active = nil // an idle stream holds no document
			beat = s.api.now().Add(s.api.heartbeat)
		}
		woken, reason := s.wait(timer, earliest(known.until, beat, s.identity.ExpiresAt))
		if reason != "" {
			s.end(reason)
			return
		}
		now := s.api.now()
		beats := !now.Before(beat)
		if beats {
			if s.refused() {
				s.end(endUnauthenticated)
				return
			}
			if s.send(": heartbeat\n\n") != nil || s.buffers {
				return
			}
			beat = now.Add(s.api.heartbeat)
		}
		if !woken && !reached(known.until, now) && !(beats && !s.api.hub.isFollowing()) {
			continue
		}
		switch fresh, err := s.look(); {
		case err == nil:
			known = fresh
		case s.request.Context().Err() != nil:
			return
		case errors.Is(err, auth.ErrUnauthenticated):
			s.end(endUnauthenticated)
			return
		case errors.Is(err, consumer.ErrNotFound):
			s.end(endConsumerNotFound)
			return
		default:
			s.api.log(s.request, s.writer.Header(), public(err), err)
			known.until = now.Add(streamRetry)
		}
	}
}

// wait returns at a moment, or before, when the stream was woken or has to end for a
// reason.
func (s *stream) wait(timer *time.Timer, moment time.Time) (woken bool, reason string) {
	now := s.api.now()
	if reached(s.identity.ExpiresAt, now) {
		return false, endTokenExpired
	}
	timer.Reset(moment.Sub(now))
	select {
	case <-s.request.Context().Done():
		return false, endClientLeft
	case <-s.api.streaming.Done():
		return false, endShutdown
	case <-s.subscription.wake:
		return true, ""
	case <-timer.C:
	}
	if reached(s.identity.ExpiresAt, s.api.now()) {
		return false, endTokenExpired
	}
	return false, ""
}

// look makes sure that the caller may still be told, and reads anew.
func (s *stream) look() (state, error) {
	if err := s.authenticate(); err != nil {
		return state{}, err
	}
	return s.read()
}

// refused reports whether the caller may not be told any more. A failure to find out is
// no refusal.
func (s *stream) refused() bool { return errors.Is(s.authenticate(), auth.ErrUnauthenticated) }

// authenticate asks for the credentials again, because a key, a session or the key set may
// have come to an end before the token does.
func (s *stream) authenticate() error {
	ctx := s.api.withTimeout(s.request)
	defer ctx.cancel()
	_, err := s.api.auth.consumer(ctx, s.request)
	return err
}

func (s *stream) tell(what state) error {
	s.told = what.id
	return s.send("event: active\nid: " + what.id + "\ndata: " + string(what.active) + "\n\n")
}

// end says why the stream ends. A client that has left isn't told.
func (s *stream) end(reason string) {
	if reason != endClientLeft {
		_ = s.send("event: end\ndata: {\"reason\":\"" + reason + "\"}\n\n")
	}
}

// send writes an event and makes it leave at once. It returns an error when the client is
// gone or too slow.
func (s *stream) send(event string) error {
	// The server's deadline is for a whole answer, and this one has no end.
	_ = s.control.SetWriteDeadline(time.Now().Add(writePatience))
	if _, err := s.writer.Write([]byte(event)); err != nil {
		return err
	}
	err := s.control.Flush()
	if errors.Is(err, http.ErrNotSupported) {
		s.buffers = true
		return nil
	}
	return err
}

func reached(moment, now time.Time) bool { return !moment.IsZero() && !now.Before(moment) }

// earliest is the first of some moments, of which the zero ones never come.
func earliest(moments ...time.Time) time.Time {
	var first time.Time
	for _, m := range moments {
		if first.IsZero() || !m.IsZero() && m.Before(first) {
			first = m
		}
	}
	return first
}
