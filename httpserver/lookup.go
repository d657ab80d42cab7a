package httpserver

import (
	"net/http"
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/rejoinhq/rejoin/auth"
	"github.com/rejoinhq/rejoin/consumer"
)

// consumerDocument is the seed's Consumer.
func consumerDocument(c consumer.Consumer) []byte {
	return append(appendProfile(append(make([]byte, 0, profileSize), '{'), c), '}')
}

// profileSize is room for most profiles.
const profileSize = 256

// appendProfile appends the five fields that both endpoints show, null where one is
// unset. It never fails: a byte that is not UTF-8 becomes U+FFFD, and a time that RFC
// 3339 cannot say is null, as in the rest of the document. No valid profile has either.
func appendProfile(dst []byte, c consumer.Consumer) []byte {
	c = c.Normalized() // also what a store of somebody else's returns
	dst = appendText(append(dst, `"id":`...), &c.ID)
	dst = appendText(append(dst, `,"email":`...), c.Email)
	dst = appendText(append(dst, `,"phone":`...), c.Phone)
	dst = appendText(append(dst, `,"fullName":`...), c.FullName)
	return appendTime(append(dst, `,"createdAt":`...), c.CreatedAt)
}

func appendText(dst []byte, text *string) []byte {
	if text == nil {
		return append(dst, "null"...)
	}
	dst, _ = jsontext.AppendQuote(dst, *text) // the error says only that it replaced bytes
	return dst
}

func appendTime(dst []byte, t time.Time) []byte {
	shown, err := t.AppendText(append(dst, '"'))
	if err != nil {
		return append(dst, "null"...)
	}
	return append(shown, '"')
}

// serveConsumer answers a server's look-up (the seed's section "Get Consumer by
// ID"). A consumer of another organization and an id that cannot exist are answered
// like one that does not exist.
func (a *API) serveConsumer(w http.ResponseWriter, r *http.Request) error {
	w.Header().Add("Vary", auth.HeaderAuthorization)
	ctx := a.withTimeout(r)
	defer ctx.cancel()

	organizationID, err := a.auth.organization(ctx, r)
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
	found, err := a.store.Consumer(ctx, organizationID, id)
	if err != nil {
		return err
	}
	_, encoding := a.telemetry.step(ctx, "encode")
	defer encoding.End()
	body := consumerDocument(found)
	answer(w, r, body, entityTag(body), "Cache-Control", cachePrivate)
	return nil
}
