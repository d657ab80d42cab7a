package httpserver

import (
	"context"
	"crypto/rand"
	"errors"
	"net/http"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/rejoinhq/rejoin/auth/webhook"
	"github.com/rejoinhq/rejoin/consumer"
	"github.com/rejoinhq/rejoin/consumer/event"
	"github.com/rejoinhq/rejoin/httpserver/internal/httpjson"
	"github.com/rejoinhq/rejoin/httpserver/internal/observe"
)

// maxWebhookBody is the largest body of a webhook, in bytes.
const maxWebhookBody = 256 << 10

// WebhookOptions configure [API.Webhooks].
type WebhookOptions struct {
	// Events records the events. It is required. The stores of this module implement it.
	Events event.Recorder
	// Secrets returns the secrets that sign the webhooks of an organization. Each of them is
	// valid, so that a secret can be replaced without a gap. It returns no secrets and no
	// error for an unknown organization, and an error only if it can't tell. It is required.
	//
	// Secrets is called for every request before its signature is verified, with an
	// organization that any stranger can name, so it should answer from memory. The context
	// ends with [Options.Timeout]. It must be safe for concurrent use.
	Secrets func(ctx context.Context, organizationID string) ([]string, error)
}

// validate reports invalid options.
func (o *WebhookOptions) validate(invalid func(field, message string)) {
	if o == nil {
		return
	}
	if o.Events == nil {
		invalid("Webhooks.Events", "is required")
	}
	if o.Secrets == nil {
		invalid("Webhooks.Secrets", "is required")
	}
}

// Webhooks returns a handler for POST on one path, such as "/api/v1/webhooks", that records
// the webhook events of Fanfare's API. Package auth/webhook describes the signatures and
// package consumer/event the events.
//
//   - 200 {"result":"applied"}, {"result":"duplicate"} or {"result":"ignored"}: see
//     [event.Recorder]. An applied event is durable.
//   - 400 "Validation failed" with details if a field that the event needs is missing or
//     invalid. The same event can't succeed later.
//   - 401 "Invalid signature", with the same bytes for every reason: no secret of the body's
//     organization verifies the request, or the timestamp is more than five minutes off.
//     The organization of the body is believed only if one of its own secrets verifies.
//   - 413 if the body has more than 256 KiB.
//   - 503 if the store or the secrets are unavailable. The sender tries again.
//
// The content type is not looked at. Every other path is 404. Without [Options.Webhooks],
// every path is. Mount the handler like that of [API.Handler].
func (a *API) Webhooks(path string) http.Handler {
	path = cleanPrefix(path)
	receive := a.methodsEndpoint(path, methods{http.MethodPost: a.serveWebhook}, func(http.ResponseWriter, *http.Request, context.Context) (string, error) {
		return "", nil // the signature is in the headers, but what it signs is the body
	})
	other := a.instrument("", a.withErrors(func(http.ResponseWriter, *http.Request) error { return errPathNotFound }))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if segments, ok := segmentsBelow(path, r.URL); !ok || len(segments) > 0 || a.webhooks == nil {
			other.ServeHTTP(w, r)
			return
		}
		receive.ServeHTTP(w, r)
	})
}

// webhooks verifies and records events.
type webhooks struct {
	WebhookOptions
	telemetry *telemetry
	// decoy is verified in place of the secrets of an unknown organization, so that a
	// response doesn't show by its time whether there are any.
	decoy string
}

func newWebhooks(o *WebhookOptions, t *telemetry) *webhooks {
	if o == nil {
		return nil
	}
	return &webhooks{WebhookOptions: *o, telemetry: t, decoy: rand.Text()}
}

// serveWebhook records the event of a request.
func (a *API) serveWebhook(w http.ResponseWriter, r *http.Request, ctx context.Context, _ string) error {
	body, err := readBody(r, maxWebhookBody)
	if err != nil {
		return err
	}
	organizationID, err := a.verifyWebhook(ctx, r.Header, body)
	if err != nil {
		a.webhooks.count(ctx, "", resultOf(err))
		return err
	}
	observe.SetOrganization(w, organizationID)
	e, err := event.Parse(body)
	result := event.Ignored
	if err == nil {
		result, err = a.webhooks.record(ctx, e)
	}
	if err != nil && !errors.Is(err, event.ErrIgnored) {
		a.webhooks.count(ctx, e.Type, resultOf(err))
		return invalidBody(err)
	}
	a.webhooks.count(ctx, e.Type, string(result))
	httpjson.Write(w, http.StatusOK, []byte(`{"result":"`+string(result)+`"}`))
	return nil
}

// verifyWebhook returns the organization whose secret verifies a request.
func (a *API) verifyWebhook(ctx context.Context, header http.Header, body []byte) (organizationID string, err error) {
	organizationID, ok := event.Organization(body)
	secrets := []string{a.webhooks.decoy}
	if ok {
		found, err := a.webhooks.Secrets(ctx, organizationID)
		switch {
		case err != nil:
			return "", unavailableSecrets{err}
		case len(found) > 0:
			secrets = found
		default:
			ok = false
		}
	}
	if err := webhook.Verify(header, body, secrets, a.now()); err != nil {
		return "", unauthenticated{errInvalidSignature, err}
	}
	if !ok {
		return "", unauthenticated{errInvalidSignature, webhook.ErrSignature}
	}
	return organizationID, nil
}

// unavailableSecrets is an error of WebhookOptions.Secrets.
type unavailableSecrets struct{ error }

func (u unavailableSecrets) Unwrap() []error { return []error{consumer.ErrUnavailable, u.error} }

// record records an event, traced as an operation of the store.
func (h *webhooks) record(ctx context.Context, e event.Event) (result event.Result, err error) {
	err = observedRecords{telemetry: h.telemetry}.observe(ctx, func(ctx context.Context) error {
		result, err = h.Events.RecordEvent(ctx, e)
		return err
	})
	return result, err
}

// count counts a webhook by the type of its event and by what became of it. Types that are
// not known count as one, because a sender chooses them.
func (h *webhooks) count(ctx context.Context, kind event.Type, result string) {
	if !kind.Known() {
		kind = "other"
	}
	h.telemetry.webhooks.Add(ctx, 1, metric.WithAttributes(
		attribute.String("rejoin.webhook.type", string(kind)), attribute.String("rejoin.webhook.result", result)))
}

// resultOf returns the attribute of a webhook that was not recorded.
func resultOf(err error) string {
	switch {
	case errors.Is(err, webhook.ErrSignature):
		return "unverified"
	case errors.Is(err, consumer.ErrInvalid):
		return "invalid"
	}
	return "failed"
}
