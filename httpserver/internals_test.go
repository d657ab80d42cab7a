package httpserver_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rejoinhq/rejoin/auth"
	"github.com/rejoinhq/rejoin/consumer"
	"github.com/rejoinhq/rejoin/httpserver"
)

// The tests of what importers see are in internal/tests, which says why.

// emptyStore knows every consumer, without participations.
type emptyStore struct{}

func (emptyStore) Snapshot(_ context.Context, key consumer.Key) (consumer.Snapshot, error) {
	return consumer.Snapshot{Consumer: consumer.Consumer{
		OrganizationID: key.OrganizationID, ID: key.ConsumerID, CreatedAt: time.Date(2024, 12, 1, 9, 30, 0, 0, time.UTC),
	}}, nil
}

func (s emptyStore) Consumer(ctx context.Context, key consumer.Key) (consumer.Consumer, error) {
	snapshot, err := s.Snapshot(ctx, key)
	return snapshot.Consumer, err
}

// fakeAuth takes everyone for the same caller.
type fakeAuth struct{}

func (fakeAuth) AuthenticateConsumer(context.Context, *http.Request) (auth.ConsumerCaller, error) {
	return auth.ConsumerCaller{Identity: auth.Identity{OrganizationID: "org_a", ConsumerID: "cons_1"}}, nil
}

func (fakeAuth) AuthenticateServer(context.Context, *http.Request) (auth.ServerCaller, error) {
	return auth.ServerCaller{OrganizationID: "org_a"}, nil
}

// A panic after a response has begun adds nothing to it. The connection is closed instead,
// so that the client notices.
func TestPanicInARunningResponse(t *testing.T) {
	var log bytes.Buffer
	api, err := httpserver.New(httpserver.Options{
		Store: emptyStore{}, Auth: fakeAuth{}, Logger: slog.New(slog.NewTextHandler(&log, nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	defer api.Close()
	server := httptest.NewServer(api.WithErrors(func(w http.ResponseWriter, _ *http.Request) error {
		_, _ = io.WriteString(w, "data: 1\n\n")
		_ = http.NewResponseController(w).Flush()
		panic("a bug")
	}))
	defer server.Close()
	response, err := server.Client().Get(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if string(text) != "data: 1\n\n" || !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("received %q, error %v", text, err)
	}
	server.Close() // waits for the handler, which writes the log
	if !strings.Contains(log.String(), "level=ERROR") || !strings.Contains(log.String(), "panic with a string") {
		t.Errorf("log:\n%s", &log)
	}
}

// The description lists the reasons that the last event of a stream can give.
func TestDescriptionListsTheEndReasons(t *testing.T) {
	text, err := os.ReadFile("openapi.json")
	if err != nil {
		t.Fatal(err)
	}
	var description struct {
		Components struct {
			Schemas struct {
				StreamEndReason struct{ Enum []string }
			}
		}
	}
	if err := json.Unmarshal(text, &description); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(httpserver.EndReasons, description.Components.Schemas.StreamEndReason.Enum); diff != "" {
		t.Errorf("(-Go +description):\n%s", diff)
	}
}
