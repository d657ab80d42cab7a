package httpserver

import (
	"net/http"

	"github.com/rejoinhq/rejoin/auth"
	"github.com/rejoinhq/rejoin/consumer"
	"github.com/rejoinhq/rejoin/journey"
)

// meDocument is the seed's ConsumerMe.
func meDocument(c consumer.Consumer, active journey.View) []byte {
	dst := appendProfile(make([]byte, 0, profileSize), c)
	dst = active.AppendJSON(append(dst, `,"active":`...))
	return append(dst, '}')
}

// serveMe answers with the caller's own document (the seed's section "Get Current
// Consumer").
func (a *API) serveMe(w http.ResponseWriter, r *http.Request) error {
	w.Header().Add("Vary", auth.HeaderAuthorization+", "+auth.HeaderPublishableKey)
	now := a.now()
	r, cancel := a.withTimeout(r)
	defer cancel()

	identity, err := a.auth.AuthenticateConsumer(r)
	if err != nil {
		return unauthenticated{errAuthenticationRequired, err}
	}
	if err := a.admitConsumer(w, r, identity, now); err != nil {
		return err
	}
	if !consumer.ValidID(identity.ConsumerID) {
		return consumer.ErrNotFound
	}
	snapshot, err := a.store.Snapshot(r.Context(), identity.OrganizationID, identity.ConsumerID)
	if err != nil {
		return err
	}
	answer(w, r, meDocument(snapshot.Consumer, journey.Derive(snapshot, now)))
	return nil
}
