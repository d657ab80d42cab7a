package httpserver

import (
	"net/http"

	"github.com/rejoinhq/rejoin/auth"
	"github.com/rejoinhq/rejoin/consumer"
)

// serveMe answers with the caller's own document (the seed's section "Get Current
// Consumer").
func (a *API) serveMe(w http.ResponseWriter, r *http.Request) error {
	w.Header().Add("Vary", auth.HeaderAuthorization+", "+auth.HeaderPublishableKey)
	now := a.now()
	ctx := a.withTimeout(r)
	defer ctx.cancel()

	identity, err := a.auth.consumer(ctx, r)
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
	document, err := a.document(ctx, consumer.ConsumerKey{OrganizationID: identity.OrganizationID, ConsumerID: identity.ConsumerID}, now)
	if err != nil {
		return err
	}
	if document.pollInterval == "" {
		answer(w, r, document.body, document.etag, "Cache-Control", cachePrivate)
		return nil
	}
	answer(w, r, document.body, document.etag, "Cache-Control", cachePrivate, headerPollInterval, document.pollInterval)
	return nil
}
