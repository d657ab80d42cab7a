package demo

import (
	"context"
	"errors"
	"io"
	"mime"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/rejoinhq/rejoin/consumer"
	"github.com/rejoinhq/rejoin/journey"
)

// backend serves what the testers' page needs besides the API: the consumers with their
// tokens, and commands to the engines. It hands out keys and tokens and writes to the
// store, so it serves only requests of its own page on a loopback address: neither pages
// of another origin in the tester's browser, nor pages whose host name was made to point
// here (DNS rebinding).
type backend struct {
	engines *engines
	options Options

	crossOrigin *http.CrossOriginProtection
}

const (
	backendTimeout = 5 * time.Second
	// maxCommandBytes is far above any command of the page.
	maxCommandBytes = 4 << 10
)

func newBackend(options Options) *backend {
	if options.Now == nil {
		options.Now = time.Now
	}
	return &backend{
		engines: &engines{store: options.Store, now: options.Now}, options: options,
		crossOrigin: http.NewCrossOriginProtection(),
	}
}

// handlers returns the handler of each exact path.
func (b *backend) handlers() map[string]http.Handler {
	return map[string]http.Handler{
		"/demo/consumers":  b.guard(readOnly(b.serveRoster)),
		"/demo/act":        b.guard(allowing(b.serveCommand, http.MethodPost)),
		"/demo/start-over": b.guard(allowing(b.serveStartOver, http.MethodPost)),
	}
}

func (b *backend) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !isLoopback(hostname(r.Host)) {
			refuse(w, http.StatusForbidden, "Forbidden", "The demonstration is served on a loopback address only, such as localhost.")
			return
		}
		if b.crossOrigin.Check(r) != nil {
			refuse(w, http.StatusForbidden, "Forbidden", "The demonstration takes commands from its own page only.")
			return
		}
		ctx, cancel := context.WithTimeout(r.Context(), backendTimeout)
		defer cancel()
		next.ServeHTTP(w, r.WithContext(ctx))
	})
}

// hostname returns a Host header without its port and the brackets of an IPv6 address.
func hostname(host string) string {
	if name, _, err := net.SplitHostPort(host); err == nil {
		return name
	}
	return strings.TrimSuffix(strings.TrimPrefix(host, "["), "]")
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// roster lists the consumers that a tester can be, and what the engines can do to them.
type roster struct {
	OrganizationID string         `json:"organizationId"`
	PublishableKey string         `json:"publishableKey"`
	Consumers      []rosterEntry  `json:"consumers"`
	Distributions  []distribution `json:"distributions"`
	Acts           []action       `json:"acts"`
}

type rosterEntry struct {
	ID        string  `json:"id"`
	FullName  *string `json:"fullName"`
	Situation string  `json:"situation"`
	// AccessToken is a new one in each response.
	AccessToken string `json:"accessToken"`
}

func (b *backend) serveRoster(w http.ResponseWriter, r *http.Request) {
	now := b.options.Now()
	response := roster{
		OrganizationID: organizationID, PublishableKey: publishableKey, Distributions: distributions(), Acts: actions(),
	}
	for _, c := range Organization(now).Consumers {
		entry, err := b.rosterEntry(r.Context(), c.ID, now)
		if errors.Is(err, consumer.ErrNotFound) {
			continue // erased
		}
		if err != nil {
			b.fail(w, err)
			return
		}
		response.Consumers = append(response.Consumers, entry)
	}
	writeJSON(w, http.StatusOK, response)
}

func (b *backend) rosterEntry(ctx context.Context, consumerID string, now time.Time) (rosterEntry, error) {
	snapshot, err := b.options.Store.Snapshot(ctx, consumer.Key{OrganizationID: organizationID, ConsumerID: consumerID})
	if err != nil {
		return rosterEntry{}, err
	}
	token, err := b.options.Token(organizationID, consumerID, now)
	if err != nil {
		return rosterEntry{}, err
	}
	var stages []string
	for _, j := range journey.Derive(snapshot, now).Journeys() {
		stages = append(stages, stage(j))
	}
	if stages == nil {
		stages = []string{"in nothing now"}
	}
	return rosterEntry{
		ID: consumerID, FullName: snapshot.Consumer.FullName,
		Situation: strings.Join(stages, ", "), AccessToken: token,
	}, nil
}

func (b *backend) serveCommand(w http.ResponseWriter, r *http.Request) {
	if media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || media != "application/json" {
		refuse(w, http.StatusUnsupportedMediaType, "Unsupported media type", "Send application/json.")
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxCommandBytes))
	if tooLarge := (*http.MaxBytesError)(nil); errors.As(err, &tooLarge) {
		refuse(w, http.StatusRequestEntityTooLarge, "Payload too large", "")
		return
	}
	var c command
	if err != nil || json.Unmarshal(body, &c, json.RejectUnknownMembers(true)) != nil {
		refuse(w, http.StatusBadRequest, "Bad request", "The body must be an object with consumerId, action, type and distributionId.")
		return
	}
	b.finish(w, b.engines.run(r.Context(), c))
}

func (b *backend) serveStartOver(w http.ResponseWriter, r *http.Request) {
	b.finish(w, b.engines.startOver(r.Context()))
}

func (b *backend) finish(w http.ResponseWriter, err error) {
	if err != nil {
		b.fail(w, err)
		return
	}
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(http.StatusNoContent)
}

func (b *backend) fail(w http.ResponseWriter, err error) {
	switch {
	case errors.Is(err, errUnknownConsumer), errors.Is(err, consumer.ErrNotFound), errors.Is(err, consumer.ErrErased):
		refuse(w, http.StatusNotFound, "Consumer not found", "")
	case errors.Is(err, errUnknownAction):
		refuse(w, http.StatusBadRequest, "Bad request", "There is no such action or distribution.")
	case errors.Is(err, errNotNow):
		refuse(w, http.StatusConflict, "Not possible now", "The state has changed meanwhile, or does not allow it.")
	case errors.Is(err, context.Canceled): // the client left
	default:
		b.options.Logger.Error("the demonstration failed", "cause", err)
		w.Header().Set("Retry-After", "1")
		refuse(w, http.StatusServiceUnavailable, "Service unavailable", "")
	}
}

// refuse writes an error in the form of the API's errors.
func refuse(w http.ResponseWriter, status int, text, message string) {
	writeJSON(w, status, struct {
		Error   string `json:"error"`
		Message string `json:"message,omitzero"`
	}{text, message})
}

// writeJSON writes a response that no cache may keep.
func writeJSON(w http.ResponseWriter, status int, response any) {
	body, err := json.Marshal(response)
	if err != nil { // text that is not UTF-8, which no store keeps
		status, body = http.StatusInternalServerError, []byte(`{"error":"Internal server error"}`)
	}
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(body) // an error means that the client left
}
