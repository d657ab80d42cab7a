package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rejoinhq/rejoin/auth"
	"github.com/rejoinhq/rejoin/httpserver/httpservertest"
)

const (
	ada   = "cons_ada"
	queue = "queue_sneaker"
)

// shop is a checkout with the whole API beside it.
type shop struct {
	*httpservertest.Server
	handler http.Handler
}

// newShop admits Ada for ten minutes and returns her admission token.
func newShop(t *testing.T) (s *shop, admission string) {
	t.Helper()
	s = &shop{Server: httpservertest.New(t)}
	s.handler = s.replica(t)
	s.AddConsumer(ada)
	s.Enter(ada, queue)
	return s, s.Admit(ada, queue, 10*time.Minute)
}

// replica returns another checkout on the same store.
func (s *shop) replica(t *testing.T) http.Handler {
	t.Helper()
	keys, err := auth.NewStaticAPIKeys([]auth.StaticAPIKey{{OrganizationID: s.OrganizationID, Key: s.PublishableKey}})
	if err != nil {
		t.Fatal(err)
	}
	handler, err := newCheckout(s.Keys(), keys, s.Store, "seq_"+queue, s.Now)
	if err != nil {
		t.Fatal(err)
	}
	return handler
}

// buy returns the status of the response to an order.
func (s *shop) buy(handler http.Handler, consumerID, admission, order string) int {
	form := url.Values{"admissionToken": {admission}, "orderId": {order}}
	r := httptest.NewRequest(http.MethodPost, "/checkout", strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("X-Publishable-Key", s.PublishableKey)
	if consumerID != "" {
		r.Header.Set("Authorization", "Bearer "+s.Token(consumerID))
	}
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, r)
	return w.Code
}

func TestCheckoutSellsOnceForAnAdmission(t *testing.T) {
	s, admission := newShop(t)
	for _, step := range []struct {
		order string
		want  int
	}{{"order_1", 200}, {"order_1", 200}, {"order_2", 409}, {"order_1", 200}} {
		if got := s.buy(s.handler, ada, admission, step.order); got != step.want {
			t.Errorf("%s: status %d, want %d", step.order, got, step.want)
		}
	}
	if _, document := s.Me(ada); len(document.Active.Journeys) != 0 {
		t.Error("the document still offers the admission")
	}
	if again := s.Admit(ada, queue, 10*time.Minute); s.buy(s.handler, ada, again, "order_2") != 200 {
		t.Error("a new admission does not buy")
	}
}

func TestReplicasSellOnceAtTheSameMoment(t *testing.T) {
	s, admission := newShop(t)
	const replicas = 8
	statuses := make([]int, replicas)
	var all sync.WaitGroup
	for n := range replicas {
		handler := s.replica(t)
		all.Go(func() { statuses[n] = s.buy(handler, ada, admission, fmt.Sprintf("order_%d", n)) })
	}
	all.Wait()
	slices.Sort(statuses)
	if want := append([]int{200}, slices.Repeat([]int{409}, replicas-1)...); !slices.Equal(statuses, want) {
		t.Errorf("statuses %v, want %v: the others are told", statuses, want)
	}
}

func TestOrderIsRepeatedAfterAFailure(t *testing.T) {
	for name, fault := range map[string]httpservertest.Fault{"nothing was written": httpservertest.NotWritten, "it was written": httpservertest.WrittenButFailed} {
		t.Run(name, func(t *testing.T) {
			s, admission := newShop(t)
			s.Store.FailWrites(fault)
			if got := s.buy(s.handler, ada, admission, "order_1"); got != 503 {
				t.Errorf("status %d, want 503", got)
			}
			if got := s.buy(s.handler, ada, admission, "order_1"); got != 200 {
				t.Errorf("repeated: status %d, want 200", got)
			}
			if got := s.buy(s.handler, ada, admission, "order_2"); got != 409 {
				t.Errorf("another order: status %d, want 409", got)
			}
		})
	}
}

func TestCheckoutRefuses(t *testing.T) {
	s, admission := newShop(t)
	s.AddConsumer("cons_eve")
	elsewhere := s.Admit(ada, "queue_other", 10*time.Minute)
	for name, test := range map[string]struct {
		consumerID, admission, order string
		want                         int
	}{
		"a stranger":                     {"", admission, "order_1", 401},
		"somebody else's admission":      {"cons_eve", admission, "order_1", 403},
		"an admission of another queue":  {ada, elsewhere, "order_1", 403},
		"an access token":                {ada, s.Token(ada), "order_1", 403},
		"no admission":                   {ada, "", "order_1", 403},
		"an order without an identifier": {ada, admission, "", 400},
	} {
		t.Run(name, func(t *testing.T) {
			if got := s.buy(s.handler, test.consumerID, test.admission, test.order); got != test.want {
				t.Errorf("status %d, want %d", got, test.want)
			}
		})
	}
	s.Advance(11 * time.Minute)
	if got := s.buy(s.handler, ada, admission, "order_1"); got != 403 {
		t.Errorf("an expired admission: status %d, want 403", got)
	}
}

// The printed lines sell to the first order and not to the second.
func TestRun(t *testing.T) {
	stdout, write := io.Pipe()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- run(ctx, "127.0.0.1:0", write) }()
	lines := bufio.NewScanner(stdout)
	line := regexp.MustCompile(`^curl (\S+) -H 'X-Publishable-Key: (\S+)' -H 'Authorization: (Bearer \S+)' -d (\S+) -d (\S+)$`)
	var printed []string // all of it, because run prints before it serves
	for len(printed) < 3 && lines.Scan() {
		printed = append(printed, lines.Text())
	}
	for n, want := range []int{200, 409} {
		found := line.FindStringSubmatch(printed[n+1])
		if found == nil {
			t.Fatal("another line was printed")
		}
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, found[1], strings.NewReader(found[4]+"&"+found[5]))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("X-Publishable-Key", found[2])
		r.Header.Set("Authorization", found[3])
		response, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
		if response.StatusCode != want {
			t.Errorf("status %d, want %d", response.StatusCode, want)
		}
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
