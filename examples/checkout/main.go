// Checkout is a checkout that sells to admitted consumers only, and sells once for each
// admission, however many replicas it has. See checkout.
//
//	go run ./examples/checkout
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"time"

	"github.com/rejoinhq/rejoin/auth"
	"github.com/rejoinhq/rejoin/auth/authtest"
	"github.com/rejoinhq/rejoin/consumer"
	"github.com/rejoinhq/rejoin/httpserver"
	"github.com/rejoinhq/rejoin/storage/sqlite"
)

// checkout sells the products of one sequence.
//
// The token is verified offline first, so that a stranger costs no query. It must name its
// distribution. Then the store decides. A page that shows whether an admission is still live
// uses LiveIn of the admission. A service that keeps its orders in Postgres, too, uses CompleteTx, so that the
// order and the completion are committed together.
type checkout struct {
	sequenceID string
	auth       httpserver.Authenticator
	admissions *auth.AdmissionVerifier
	store      consumer.Completer
	now        func() time.Time
}

// ServeHTTP sells for an admission. The client sends the credentials of GET /me, and the order
// that it shows, so that it can repeat a request without a response.
func (c *checkout) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, 16<<10)
	result, err := c.sell(r, r.PostFormValue("admissionToken"), r.PostFormValue("orderId"))
	if err != nil {
		status := statusOf(err)
		http.Error(w, http.StatusText(status), status)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]any{"completedAt": result.CompletedAt, "repeated": result.Repeated})
}

func (c *checkout) sell(r *http.Request, token, orderID string) (consumer.CompletionResult, error) {
	caller, err := c.auth.AuthenticateConsumer(r.Context(), r)
	if err != nil {
		return consumer.CompletionResult{}, err
	}
	admission, err := c.admissions.VerifyFor(r.Context(), token, auth.Expected{
		OrganizationID: caller.Identity.OrganizationID, ConsumerID: caller.Identity.ConsumerID, SequenceID: c.sequenceID,
	})
	if errors.Is(err, auth.ErrUnauthenticated) {
		return consumer.CompletionResult{}, fmt.Errorf("%w: %w", consumer.ErrNotAdmitted, err)
	}
	if err != nil {
		return consumer.CompletionResult{}, err
	}
	return c.store.Complete(r.Context(), consumer.Completion{
		OrganizationID: admission.OrganizationID, ConsumerID: admission.ConsumerID,
		DistributionType: admission.DistributionType, DistributionID: admission.DistributionID,
		AdmissionToken: token, OrderID: orderID, At: c.now(),
	})
}

// statusOf returns the status of an error. A client repeats the same order after 503, because
// the admission may have been completed.
func statusOf(err error) int {
	invalid := new(consumer.ValidationError)
	switch {
	case errors.Is(err, consumer.ErrAlreadyCompleted):
		return http.StatusConflict
	case errors.Is(err, consumer.ErrNotAdmitted), errors.Is(err, consumer.ErrErased):
		return http.StatusForbidden
	case errors.Is(err, auth.ErrUnauthenticated):
		return http.StatusUnauthorized
	case errors.As(err, &invalid):
		return http.StatusBadRequest
	}
	return http.StatusServiceUnavailable
}

const publishableKey = "pk_test_checkout0000000000000"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, "127.0.0.1:8084", os.Stdout); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, addr string, stdout io.Writer) error {
	store, err := sqlite.Open(ctx, sqlite.Options{Path: sqlite.Memory}) // or a file, or postgres.Open
	if err != nil {
		return err
	}
	defer store.Close()

	// A service uses the key set of the issuer of its consumers' tokens:
	//	auth.NewKeySet(ctx, auth.KeySetOptions{URL: "https://issuer.example.com/jwks.json"})
	issuer, err := authtest.NewIssuer(authtest.IssuerOptions{})
	if err != nil {
		return err
	}
	keySet, err := issuer.KeySet()
	if err != nil {
		return err
	}
	defer keySet.Close()
	token, err := issuer.Token(authtest.Claims{OrganizationID: "org_1", ConsumerID: "cons_1"})
	if err != nil {
		return err
	}
	admission, err := prepare(ctx, store, issuer, time.Now())
	if err != nil {
		return err
	}
	handler, err := newCheckout(keySet, store, store, "seq_1", time.Now)
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.Handle("POST /checkout", handler)
	listener, err := net.Listen("tcp", addr)
	if err != nil {
		return err
	}
	fmt.Fprintln(stdout, "# The first order buys, also when it is sent again. The second one comes too late.")
	for _, order := range []string{"order_1", "order_2"} {
		fmt.Fprintf(stdout, "curl http://%s/checkout -H 'X-Publishable-Key: %s' -H 'Authorization: Bearer %s' -d orderId=%s -d admissionToken=%s\n",
			listener.Addr(), publishableKey, token, order, admission)
	}
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	stopped := make(chan error, 1)
	context.AfterFunc(ctx, func() { stopped <- server.Shutdown(context.Background()) })
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return <-stopped
}

// newCheckout returns the checkout of a sequence. One key set verifies both tokens, and neither
// passes for the other.
func newCheckout(keySet *auth.KeySet, apiKeys consumer.APIKeyFinder, store consumer.Completer, sequenceID string, now func() time.Time) (*checkout, error) {
	tokens, err := auth.NewVerifier(auth.VerifierOptions{Keys: keySet, Now: now})
	if err != nil {
		return nil, err
	}
	authenticator, err := auth.New(auth.Options{Tokens: tokens, APIKeys: apiKeys, Now: now})
	if err != nil {
		return nil, err
	}
	admissions, err := auth.NewAdmissionVerifier(auth.AdmissionVerifierOptions{Keys: keySet, Now: now})
	if err != nil {
		return nil, err
	}
	return &checkout{sequenceID, authenticator, admissions, store, now}, nil
}

// prepare migrates the database, writes a consumer who was admitted, and returns the admission
// token.
func prepare(ctx context.Context, store *sqlite.Store, issuer *authtest.Issuer, now time.Time) (token string, err error) {
	if err := store.Migrate(ctx); err != nil {
		return "", err
	}
	token, err = issuer.AdmissionToken(authtest.AdmissionClaims{
		OrganizationID: "org_1", ConsumerID: "cons_1", SequenceID: "seq_1", DistributionType: consumer.Queue, DistributionID: "queue_1",
	})
	if err != nil {
		return "", err
	}
	_, err = store.Write(ctx, consumer.Batch{
		APIKeys:   []consumer.APIKey{{OrganizationID: "org_1", Kind: consumer.PublishableKey, Digest: auth.APIKeyDigest(publishableKey), CreatedAt: now}},
		Consumers: []consumer.Consumer{{OrganizationID: "org_1", ID: "cons_1", CreatedAt: now, UpdatedAt: now}},
		Participations: []consumer.Participation{{
			OrganizationID: "org_1", ConsumerID: "cons_1", Type: consumer.Queue, ID: "queue_1", ExperienceID: "exp_1", SequenceID: "seq_1",
			Status: consumer.StatusAdmitted, Position: new(int64(0)), EnteredAt: now, AdmittedAt: &now, AdmissionToken: &token, UpdatedAt: now,
		}},
	})
	return token, err
}
