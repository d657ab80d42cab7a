package httpserver

import (
	"context"
	"net/http"

	"github.com/rejoinhq/rejoin/auth"
	"github.com/rejoinhq/rejoin/consumer"
	"github.com/rejoinhq/rejoin/httpserver/internal/observe"
	"github.com/rejoinhq/rejoin/journey"
)

// profileSize is the capacity that most profiles fit into.
const profileSize = 256

// serveConsumer responds to the look-up by a server, by the section "Get Consumer by ID" of
// the API documentation. The response is the same for a consumer of another organization,
// for an impossible id, and for a consumer that doesn't exist.
func (a *API) serveConsumer(w http.ResponseWriter, r *http.Request) error {
	w.Header().Add("Vary", auth.HeaderAuthorization)
	ctx, cancel := context.WithTimeout(r.Context(), a.timeout)
	defer cancel()

	caller, err := a.auth.AuthenticateServer(ctx, r)
	if err != nil {
		return unauthenticated{errSecretKeyRequired, err}
	}
	observe.SetOrganization(w, caller.OrganizationID)
	if err := a.admitServer(w, caller); err != nil {
		return err
	}
	id := r.PathValue(pathID)
	if !consumer.ValidID(id) {
		return consumer.ErrNotFound
	}
	found, err := a.profiles.Consumer(ctx, consumer.Key{OrganizationID: caller.OrganizationID, ConsumerID: id})
	if err != nil {
		return err
	}
	_, encoding := a.telemetry.Step(ctx, "encode")
	defer encoding.End()
	body := journey.AppendConsumer(make([]byte, 0, profileSize), found)
	respond(w, r, body, entityTag(body), "Cache-Control", cachePrivate)
	return nil
}
