package main

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"mime"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/rejoinhq/rejoin/consumer"
	"github.com/rejoinhq/rejoin/journey"
)

// demoDesk answers what the testers' page asks for beside the API. It hands out the
// demonstration's keys and tokens and writes to its consumers, so it is there only with
// the demonstration data, on loopback, and it answers nobody but the server's own page:
// neither a page of another origin in the tester's browser, nor one whose host name was
// made to point here (DNS rebinding).
type demoDesk struct {
	engines *engines
	store   consumer.SnapshotReader
	tokens  *tokens
	now     func() time.Time
	logger  *slog.Logger

	crossOrigin *http.CrossOriginProtection
}

const (
	deskTimeout = 5 * time.Second
	// largestOrder is far above any order of the page, in bytes.
	largestOrder = 4 << 10
)

// newDemoDesk returns nil when there is nothing to demonstrate: no demonstration data,
// or no issuer but the operator's.
func newDemoDesk(c config, database database, t *tokens, logger *slog.Logger) *demoDesk {
	if !c.demo || t.issuer == nil {
		return nil
	}
	return &demoDesk{
		engines: &engines{store: database, now: time.Now}, store: database, tokens: t, now: time.Now, logger: logger,
		crossOrigin: http.NewCrossOriginProtection(),
	}
}

// paths are what the desk answers, by their exact paths.
func (d *demoDesk) paths() map[string]http.Handler {
	return map[string]http.Handler{
		"/demo/consumers":  d.guard(readOnly(d.serveRoster)),
		"/demo/act":        d.guard(allowing(d.serveAct, http.MethodPost)),
		"/demo/start-over": d.guard(allowing(d.serveStartOver, http.MethodPost)),
	}
}

func (d *demoDesk) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !isLoopback(hostname(r.Host)) {
			refuse(w, http.StatusForbidden, "Forbidden", "The demonstration answers on a loopback address only, such as localhost.")
			return
		}
		if d.crossOrigin.Check(r) != nil {
			refuse(w, http.StatusForbidden, "Forbidden", "The demonstration takes orders from its own page only.")
			return
		}
		ctx, cancel := context.WithTimeout(r.Context(), deskTimeout)
		defer cancel()
		next.ServeHTTP(w, r.WithContext(ctx))
	})
}

// hostname is a Host header without its port and the brackets of an IPv6 address.
func hostname(host string) string {
	if name, _, err := net.SplitHostPort(host); err == nil {
		return name
	}
	return strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
}

// roster is whom the tester can be, and what can be done to them.
type roster struct {
	OrganizationID string         `json:"organizationId"`
	PublishableKey string         `json:"publishableKey"`
	Consumers      []rosterEntry  `json:"consumers"`
	Distributions  []distribution `json:"distributions"`
	Acts           []act          `json:"acts"`
}

type rosterEntry struct {
	ID        string  `json:"id"`
	FullName  *string `json:"fullName"`
	Situation string  `json:"situation"`
	// AccessToken is a new one for every answer.
	AccessToken string `json:"accessToken"`
}

func (d *demoDesk) serveRoster(w http.ResponseWriter, r *http.Request) {
	now := d.now()
	demonstration := demo(now)[0]
	answer := roster{
		OrganizationID: demonstration.ID, PublishableKey: demonstration.PublishableKeys[0],
		Distributions: distributions(demonstration), Acts: acts(),
	}
	for _, c := range demonstration.Consumers {
		entry, err := d.introduce(r.Context(), demonstration.ID, c.ID, now)
		if errors.Is(err, consumer.ErrNotFound) {
			continue // erased
		}
		if err != nil {
			d.fail(w, err)
			return
		}
		answer.Consumers = append(answer.Consumers, entry)
	}
	writeDeskJSON(w, http.StatusOK, answer)
}

func (d *demoDesk) introduce(ctx context.Context, organizationID, consumerID string, now time.Time) (rosterEntry, error) {
	snapshot, err := d.store.Snapshot(ctx, organizationID, consumerID)
	if err != nil {
		return rosterEntry{}, err
	}
	token, err := d.tokens.issue(organizationID, consumerID, now)
	if err != nil {
		return rosterEntry{}, err
	}
	var stages []string
	for _, j := range journey.Derive(snapshot, now).Journeys() {
		stages = append(stages, where(j))
	}
	if stages == nil {
		stages = []string{"in nothing now"}
	}
	return rosterEntry{
		ID: consumerID, FullName: snapshot.Consumer.FullName,
		Situation: strings.Join(stages, ", "), AccessToken: token,
	}, nil
}

func (d *demoDesk) serveAct(w http.ResponseWriter, r *http.Request) {
	if media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || media != "application/json" {
		refuse(w, http.StatusUnsupportedMediaType, "Unsupported media type", "Send application/json.")
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, largestOrder))
	if tooLarge := (*http.MaxBytesError)(nil); errors.As(err, &tooLarge) {
		refuse(w, http.StatusRequestEntityTooLarge, "Request too large", "")
		return
	}
	var o order
	if err != nil || json.Unmarshal(body, &o, exact) != nil {
		refuse(w, http.StatusBadRequest, "Bad request", "The body must be an object with consumerId, action, type and distributionId.")
		return
	}
	d.finish(w, d.engines.play(r.Context(), o))
}

func (d *demoDesk) serveStartOver(w http.ResponseWriter, r *http.Request) {
	d.finish(w, d.engines.startOver(r.Context()))
}

func (d *demoDesk) finish(w http.ResponseWriter, err error) {
	if err != nil {
		d.fail(w, err)
		return
	}
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(http.StatusNoContent)
}

func (d *demoDesk) fail(w http.ResponseWriter, err error) {
	switch {
	case errors.Is(err, errUnknownConsumer), errors.Is(err, consumer.ErrNotFound), errors.Is(err, consumer.ErrErased):
		refuse(w, http.StatusNotFound, "Consumer not found", "")
	case errors.Is(err, errUnknownAct):
		refuse(w, http.StatusBadRequest, "Bad request", "There is no such act or distribution.")
	case errors.Is(err, errNotNow):
		refuse(w, http.StatusConflict, "Not possible now", "The state has changed meanwhile, or does not allow it.")
	default:
		d.logger.Error("the demonstration failed", "cause", err)
		w.Header().Set("Retry-After", "1")
		refuse(w, http.StatusServiceUnavailable, "Service unavailable", "")
	}
}

// refuse answers in the form of the API's own errors.
func refuse(w http.ResponseWriter, status int, text, message string) {
	writeDeskJSON(w, status, struct {
		Error   string `json:"error"`
		Message string `json:"message,omitzero"`
	}{text, message})
}

// writeDeskJSON writes what no cache may keep.
func writeDeskJSON(w http.ResponseWriter, status int, answer any) {
	body, err := json.Marshal(answer)
	if err != nil { // text that is not UTF-8, which no store keeps
		status, body = http.StatusInternalServerError, []byte(`{"error":"Internal server error"}`)
	}
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(body) // the client is gone: nobody is left to tell
}
