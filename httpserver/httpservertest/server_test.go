package httpservertest_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/rejoinhq/rejoin/auth/authtest"
	"github.com/rejoinhq/rejoin/consumer"
	"github.com/rejoinhq/rejoin/httpserver"
	"github.com/rejoinhq/rejoin/httpserver/httpservertest"
	"github.com/rejoinhq/rejoin/storage/storagetest"
)

func TestCheckout(t *testing.T) { testCheckout(t) }

// TestStore: without faults, the store is as good as any.
func TestStore(t *testing.T) {
	storagetest.Run(t, func(t *testing.T) (any, consumer.Store) { return httpservertest.New(t).Store, nil })
}

func TestCompleteEndsTheJourney(t *testing.T) {
	s := httpservertest.New(t)
	s.AddConsumer("cons_1")
	s.Enter("cons_1", "queue_1")
	s.Admit("cons_1", "queue_1", 0)
	s.Advance(1000 * time.Hour)
	if _, document := s.Me("cons_1"); len(document.Active.Journeys) != 1 {
		t.Errorf("an admission without an end has %d journeys", len(document.Active.Journeys))
	}
	s.Complete("cons_1", "queue_1")
	if _, document := s.Me("cons_1"); len(document.Active.Journeys) != 0 {
		t.Errorf("%d journeys after the end", len(document.Active.Journeys))
	}
}

// write writes one participation and returns the error and whether it is stored.
func write(t *testing.T, s *httpservertest.Server, id string) (err error, stored bool) {
	t.Helper()
	p := consumer.Participation{
		OrganizationID: s.OrganizationID, ConsumerID: "cons_1", Type: consumer.Queue, ID: id, ExperienceID: "exp_1", SequenceID: "seq_1",
		Status: consumer.StatusQueued, EnteredAt: s.Now(), UpdatedAt: s.Now(),
	}
	_, err = s.Store.Write(t.Context(), consumer.Batch{Participations: []consumer.Participation{p}})
	export, readErr := s.Store.Export(t.Context(), consumer.Key{OrganizationID: s.OrganizationID, ConsumerID: "cons_1"})
	if readErr != nil && !errors.Is(readErr, consumer.ErrNotFound) {
		t.Fatal(readErr)
	}
	for _, p := range export.Participations {
		stored = stored || p.ID == id
	}
	return err, stored
}

func TestFailedWrites(t *testing.T) {
	s := httpservertest.New(t)
	s.Store.FailWrites(httpservertest.NotWritten, httpservertest.WrittenButFailed)
	if err, stored := write(t, s, "queue_1"); !errors.Is(err, consumer.ErrUnavailable) || stored {
		t.Errorf("NotWritten: error %v, stored %v", err, stored)
	}
	if err, stored := write(t, s, "queue_2"); !errors.Is(err, consumer.ErrUnavailable) || !stored {
		t.Errorf("WrittenButFailed: error %v, stored %v", err, stored)
	}
	if err, stored := write(t, s, "queue_3"); err != nil || !stored {
		t.Errorf("after the faults: error %v, stored %v", err, stored)
	}
}

// TestFailedCompletions: a checkout that repeats a failed call sells once, whatever became of
// the first call.
func TestFailedCompletions(t *testing.T) {
	for name, c := range map[string]struct {
		fault    httpservertest.Fault
		journeys int // after the failure
		repeated bool
	}{
		"not written":        {httpservertest.NotWritten, 1, false},
		"written but failed": {httpservertest.WrittenButFailed, 0, true},
	} {
		t.Run(name, func(t *testing.T) {
			s := httpservertest.New(t)
			s.AddConsumer("cons_1")
			completion := consumer.Completion{
				OrganizationID: s.OrganizationID, ConsumerID: "cons_1", DistributionType: consumer.Queue, DistributionID: "queue_1",
				AdmissionToken: s.Admit("cons_1", "queue_1", time.Minute), OrderID: "order_1", At: s.Now(),
			}
			s.Store.FailWrites(c.fault)
			if result, err := s.Store.Complete(t.Context(), completion); !errors.Is(err, consumer.ErrUnavailable) || result != (consumer.CompletionResult{}) {
				t.Fatalf("Complete returned %+v and the error %v", result, err)
			}
			if _, document := s.Me("cons_1"); len(document.Active.Journeys) != c.journeys {
				t.Errorf("%d journeys after the failure, want %d", len(document.Active.Journeys), c.journeys)
			}
			at := s.Now()
			s.Advance(time.Second)
			completion.At = s.Now()
			want := consumer.CompletionResult{CompletedAt: s.Now()}
			if c.repeated {
				want = consumer.CompletionResult{CompletedAt: at, Repeated: true}
			}
			if got, err := s.Store.Complete(t.Context(), completion); err != nil || got != want {
				t.Errorf("Complete returned %+v and the error %v, want %+v", got, err, want)
			}
			completion.OrderID = "order_2"
			if _, err := s.Store.Complete(t.Context(), completion); !errors.Is(err, consumer.ErrAlreadyCompleted) {
				t.Errorf("another order: error %v", err)
			}
			if _, document := s.Me("cons_1"); len(document.Active.Journeys) != 0 {
				t.Errorf("%d journeys after the completion", len(document.Active.Journeys))
			}
		})
	}
}

func TestStoreThatIsDown(t *testing.T) {
	s := httpservertest.New(t)
	s.AddConsumer("cons_1")
	s.Store.SetDown(true)
	if _, err := s.Store.Complete(t.Context(), consumer.Completion{}); !errors.Is(err, consumer.ErrUnavailable) {
		t.Errorf("Complete returned the error %v", err)
	}
	if status, _ := s.Me("cons_1"); status != 503 {
		t.Errorf("status %d", status)
	}
	s.Store.SetDown(false)
	if status, document := s.Me("cons_1"); status != 200 || document.ID != "cons_1" {
		t.Errorf("status %d, %+v", status, document)
	}
}

// TestStreamOutlivesALostFeed: what changes while the feed is lost is told when it is found.
func TestStreamOutlivesALostFeed(t *testing.T) {
	s := httpservertest.New(t, func(o *httpserver.Options) { o.Cache = &httpserver.CacheOptions{} })
	s.AddConsumer("cons_1")
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, s.URL+"/api/v1/consumers/me/events", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("X-Publishable-Key", s.PublishableKey)
	r.Header.Set("Authorization", "Bearer "+s.Token("cons_1"))
	response, err := s.Client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	lines := bufio.NewReader(response.Body)
	next := func() string {
		t.Helper()
		for {
			line, err := lines.ReadString('\n')
			if err != nil {
				t.Fatal(err)
			}
			if data, ok := strings.CutPrefix(line, "data: "); ok && strings.Contains(data, "journeys") {
				return data
			}
		}
	}
	next()
	s.Store.LoseFeed()
	s.Enter("cons_1", "queue_1")
	if _, document := s.Me("cons_1"); len(document.Active.Journeys) != 1 {
		t.Error("the cache serves an old document while the feed is lost")
	}
	s.Store.FindFeed()
	if data := next(); !strings.Contains(data, "queue_1") {
		t.Errorf("the event is %s", data)
	}
}

func TestWebhooksOfTheTestOrganization(t *testing.T) {
	s := httpservertest.New(t)
	body := `{"id":"evt_1","type":"queue.consumer.entered","organizationId":"org_test","data":{"consumerId":"cons_1","queueId":"queue_1",` +
		`"experienceId":"exp_1","sequenceId":"seq_1","enteredAt":"2026-01-02T12:00:00Z"}}`
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL+"/api/v1/webhooks", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	authtest.SignWebhook(r.Header, []byte(body), s.WebhookSecret, s.Now())
	response, err := s.Client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if text, err := io.ReadAll(response.Body); err != nil || string(text) != `{"result":"applied"}` {
		t.Errorf("%s, error %v", text, err)
	}
	s.AddConsumer("cons_1")
	if _, document := s.Me("cons_1"); len(document.Active.Journeys) != 1 {
		t.Errorf("%d journeys", len(document.Active.Journeys))
	}
}
