package httpserver

import (
	"net/http"
	"time"

	"github.com/rejoinhq/rejoin/auth"
	"github.com/rejoinhq/rejoin/consumer"
)

// profile is the seed's Consumer: the five fields that both endpoints show, null
// where one is unset.
type profile struct {
	ID        string    `json:"id"`
	Email     *string   `json:"email"`
	Phone     *string   `json:"phone"`
	FullName  *string   `json:"fullName"`
	CreatedAt time.Time `json:"createdAt"`
}

func newProfile(c consumer.Consumer) profile {
	c = c.Normalized() // also what a store of somebody else's returns
	return profile{c.ID, c.Email, c.Phone, c.FullName, c.CreatedAt}
}

// serveConsumer answers a server's look-up (the seed's section "Get Consumer by
// ID"). A consumer of another organization and an id that cannot exist are answered
// like one that does not exist.
func (a *API) serveConsumer(w http.ResponseWriter, r *http.Request) error {
	w.Header().Add("Vary", auth.HeaderAuthorization)
	r, cancel := a.withTimeout(r)
	defer cancel()

	organizationID, err := a.auth.AuthenticateServer(r)
	if err != nil {
		return unauthenticated{errSecretKeyRequired, err}
	}
	noteOrganization(w, organizationID)
	if err := a.admitServer(w, r, organizationID); err != nil {
		return err
	}
	id := r.PathValue(pathID)
	if !consumer.ValidID(id) {
		return consumer.ErrNotFound
	}
	found, err := a.store.Consumer(r.Context(), organizationID, id)
	if err != nil {
		return err
	}
	_, encoding := a.telemetry.step(r.Context(), "encode")
	defer encoding.End()
	return answer(w, r, newProfile(found))
}
