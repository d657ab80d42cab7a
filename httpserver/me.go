package httpserver

import (
	"net/http"
	"time"

	"github.com/rejoinhq/rejoin/auth"
	"github.com/rejoinhq/rejoin/consumer"
	"github.com/rejoinhq/rejoin/journey"
)

// meDocument is the seed's ConsumerMe.
type meDocument struct {
	profile
	Active journey.Active `json:"active"`
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
	noteOrganization(w, identity.OrganizationID)
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
	active := a.derive(r, snapshot, now)
	a.poll.hint(w.Header(), active)
	_, encoding := a.telemetry.step(r.Context(), "encode")
	defer encoding.End()
	return answer(w, r, meDocument{profile: newProfile(snapshot.Consumer), Active: active})
}

func (a *API) derive(r *http.Request, snapshot consumer.Snapshot, now time.Time) journey.Active {
	_, deriving := a.telemetry.step(r.Context(), "derive")
	defer deriving.End()
	return journey.Derive(snapshot, now)
}
