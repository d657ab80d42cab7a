package httpserver

import (
	"context"
	"net/http"
	"time"

	"github.com/rejoinhq/rejoin/auth"
	"github.com/rejoinhq/rejoin/consumer"
	"github.com/rejoinhq/rejoin/httpserver/internal/observe"
)

const (
	defaultHeartbeat             = 15 * time.Second
	defaultMaxStreamsPerConsumer = 16

	headerLastEventID = "Last-Event-ID"
)

// EndStreams ends all event streams, each with an event that gives the reason, and rejects
// new ones with 503. A server that shuts down waits for its streams as for any request, so
// register this method with it:
//
//	server.RegisterOnShutdown(api.EndStreams)
func (a *API) EndStreams() { a.endStreams() }

// serveEvents sends the field active of the caller's document as server-sent events (WHATWG
// HTML, section 9.2): at once, and whenever it changes, because of a write or because a
// record expires. The API documentation has no such endpoint.
func (a *API) serveEvents(w http.ResponseWriter, r *http.Request) error {
	w.Header().Add("Vary", auth.HeaderAuthorization+", "+auth.HeaderPublishableKey+", "+headerLastEventID)
	if a.hub == nil {
		return errPathNotFound
	}
	s, err := a.openStream(w, r)
	if err != nil {
		return err
	}
	defer s.close()
	defer a.telemetry.streamOpened(r.Context())()
	// An error can have a status only before the stream begins.
	first, err := s.read(a.documents.forRequest)
	if err != nil {
		return err
	}
	if err := s.begin(); err != nil || r.Method == http.MethodHead {
		return nil // the client has left
	}
	s.run(first)
	return nil
}

func (a *API) openStream(w http.ResponseWriter, r *http.Request) (*stream, error) {
	now := a.now()
	ctx, cancel := context.WithTimeout(r.Context(), a.timeout)
	defer cancel()
	caller, err := a.auth.AuthenticateConsumer(ctx, r)
	if err != nil {
		return nil, unauthenticated{errAuthenticationRequired, err}
	}
	observe.SetOrganization(w, caller.OrganizationID)
	if err := a.admitConsumer(w, caller, now); err != nil {
		return nil, err
	}
	if !consumer.ValidID(caller.ConsumerID) {
		return nil, consumer.ErrNotFound
	}
	if a.streaming.Err() != nil {
		return nil, errUnavailable
	}
	s := &stream{
		api: a, writer: w, control: http.NewResponseController(w), request: r,
		identity: caller.Identity, lastEventID: r.Header.Get(headerLastEventID),
	}
	if r.Method != http.MethodHead {
		s.subscription = a.hub.subscribe(s.key())
	}
	return s, nil
}

// awaitStreamRead waits until the stream may read a document. The caller calls done.
func (a *API) awaitStreamRead(ctx context.Context) (done func(), err error) {
	select {
	case a.streamReads <- struct{}{}:
		return func() { <-a.streamReads }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}
