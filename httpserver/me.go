package httpserver

import (
	"net/http"

	"github.com/rejoinhq/rejoin/auth"
	"github.com/rejoinhq/rejoin/consumer"
	"github.com/rejoinhq/rejoin/httpserver/internal/observe"
)

// serveMe responds with the caller's own document, by the section "Get Current Consumer" of
// the API documentation.
func (a *API) serveMe(w http.ResponseWriter, r *http.Request) error {
	w.Header().Add("Vary", auth.HeaderAuthorization+", "+auth.HeaderPublishableKey)
	now := a.now()
	ctx, cancel := withTimeout(r.Context(), a.timeout)
	defer cancel()

	caller, err := a.auth.AuthenticateConsumer(ctx, r)
	if err != nil {
		return unauthenticated{errAuthenticationRequired, err}
	}
	observe.SetOrganization(w, caller.OrganizationID)
	if err := a.admitConsumer(w, caller, now); err != nil {
		return err
	}
	if !consumer.ValidID(caller.ConsumerID) {
		return consumer.ErrNotFound
	}
	document, err := a.documents.forRequest(ctx, consumer.Key{OrganizationID: caller.OrganizationID, ConsumerID: caller.ConsumerID}, now)
	if err != nil {
		return err
	}
	if document.pollInterval == "" {
		respond(w, r, document.body, document.etag, "Cache-Control", cachePrivate)
		return nil
	}
	respond(w, r, document.body, document.etag, "Cache-Control", cachePrivate, headerPollInterval, document.pollInterval)
	return nil
}
