package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/google/go-cmp/cmp"

	"github.com/rejoinhq/rejoin/auth/authtest"
	"github.com/rejoinhq/rejoin/consumer"
	"github.com/rejoinhq/rejoin/consumer/event"
	"github.com/rejoinhq/rejoin/storage/storagetest"
)

const testWebhookSecret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

// sendEvent posts an event to a server and returns the status, or an error if there was no
// response.
func sendEvent(ctx context.Context, base, secret, text string) (status int, answer string, err error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, base+webhooksPath, strings.NewReader(text))
	if err != nil {
		return 0, "", err
	}
	authtest.SignWebhook(r.Header, []byte(text), secret, time.Now())
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0, "", err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	return response.StatusCode, string(body), err
}

func bidEvent(n int) string {
	return fmt.Sprintf(`{"id":"evt_%d","type":"auction.bid.placed","organizationId":"org_1","data":{"consumerId":"cons_1","auctionId":"auction_1",`+
		`"experienceId":"exp_1","sequenceId":"seq_1","bidId":"bid_%d","bidAmount":"%d.00","isHighestBid":true,"bidTime":"2024-12-01T10:%02d:%02dZ"}}`,
		n, n, n+1, n/60%60, n%60)
}

// TestWebhooksNeedASecret: without -webhook-secret there is no such path, and with one only
// its organization is heard.
func TestWebhooksNeedASecret(t *testing.T) {
	s := boot(t, "-database", "sqlite::memory:")
	if status, text, err := sendEvent(t.Context(), s.base, testWebhookSecret, bidEvent(1)); err != nil || status != 404 || text != `{"error":"Not found"}` {
		t.Errorf("without a secret: %d %s, error %v", status, text, err)
	}
	s = boot(t, "-database", "sqlite::memory:", "-webhook-secret", "org_2=other,org_1="+testWebhookSecret, "-webhook-secret", "org_1=next")
	for i, secret := range []string{testWebhookSecret, "next"} {
		if status, text, err := sendEvent(t.Context(), s.base, secret, bidEvent(i)); err != nil || status != 200 || text != `{"result":"applied"}` {
			t.Errorf("secret %d: %d %s, error %v", i, status, text, err)
		}
	}
	if status, text, err := sendEvent(t.Context(), s.base, "other", bidEvent(9)); err != nil || status != 401 || text != `{"error":"Invalid signature"}` {
		t.Errorf("another organization's secret: %d %s, error %v", status, text, err)
	}
	environment := program{getenv: func(name string) string {
		return map[string]string{"WEBHOOK_SECRETS": "org_1=a, org_1=b"}[name]
	}}
	s = bootProgram(t, environment, "-database", "sqlite::memory:")
	if status, _, err := sendEvent(t.Context(), s.base, "b", bidEvent(1)); err != nil || status != 200 {
		t.Errorf("from the environment: %d, error %v", status, err)
	}
}

func TestBadWebhookSecrets(t *testing.T) {
	for _, value := range []string{"", "secret-text", "org_1=", "=secret-text", "a b=secret-text", "org_1=x,secret-text"} {
		status, stdout, stderr := execute(t, "-addr", "127.0.0.1:0", "-webhook-secret", value)
		if status != 2 || !strings.Contains(stderr, "-webhook-secret") || strings.Contains(stdout+stderr, "secret-text") {
			t.Errorf("%q: status %d: %s%s", value, status, stdout, stderr)
		}
	}
}

// startKillable starts the program as a process of its own, which a test may kill.
func startKillable(t *testing.T, args ...string) (base string, kill func()) {
	t.Helper()
	executable, err := os.Executable()
	must(t, err)
	c := exec.CommandContext(t.Context(), executable, append([]string{"-addr", "127.0.0.1:0", "-access-log", "off"}, args...)...)
	c.Env = append(os.Environ(), asProgram+"=1")
	c.Stderr = &bytes.Buffer{}
	output, err := c.StdoutPipe()
	must(t, err)
	must(t, c.Start())
	lines := bufio.NewReader(output)
	line, err := lines.ReadString('\n')
	if err != nil {
		t.Fatalf("the server did not start: %s", c.Stderr)
	}
	go func() { _, _ = io.Copy(io.Discard, lines) }()
	var once sync.Once
	kill = func() {
		once.Do(func() {
			_ = c.Process.Kill()
			_ = c.Wait()
		})
	}
	t.Cleanup(kill)
	return strings.TrimPrefix(strings.TrimSpace(line), "listening on "), kill
}

// TestWebhooksSurviveSIGKILL kills the server among a stream of events, ten times. A sender
// that got no 200 tries again, as the owner does. No acknowledged event is lost, and none
// counts twice.
func TestWebhooksSurviveSIGKILL(t *testing.T) {
	const events, kills = 200, 10
	onEachDatabase(t, func(t *testing.T, url string) {
		start := func() (string, func()) {
			return startKillable(t, "-database", url, "-webhook-secret", "org_1="+testWebhookSecret)
		}
		base, kill := start()
		killed, acknowledged := 0, 0
		for n := range events {
			text := bidEvent(n)
			if n%(events/kills) == events/kills-1 {
				// The server dies at any moment of this request.
				time.AfterFunc(rand.N(3*time.Millisecond), kill)
				killed++
			}
			for {
				status, answer, err := sendEvent(t.Context(), base, testWebhookSecret, text)
				if err == nil && status == 200 {
					acknowledged++
					break
				}
				if err == nil && status != 503 {
					t.Fatalf("event %d: %d %s", n, status, answer)
				}
				kill()
				base, kill = start()
			}
		}
		kill()
		database, err := openDatabase(t.Context(), url)
		must(t, err)
		defer database.Close()
		export, err := database.Export(t.Context(), consumer.Key{OrganizationID: "org_1", ConsumerID: "cons_1"})
		must(t, err)
		if len(export.Participations) != 1 || *export.Participations[0].BidCount != events || string(*export.Participations[0].LastBidAmount) != strconv.Itoa(events)+".00" {
			t.Errorf("after %d acknowledged events and %d kills: %+v", acknowledged, killed, export.Participations)
		}
	})
}

// oneRecord returns a write of a profile and a participation.
func oneRecord(consumerID string) string {
	return `{"consumers":[{"id":"` + consumerID + `","createdAt":"2024-12-01T08:00:00Z","updatedAt":"2024-12-01T08:00:00Z","participations":[` +
		`{"type":"queue","id":"queue_1","experienceId":"exp_1","sequenceId":"seq_1","status":"QUEUED","enteredAt":"2024-12-01T09:00:00Z","updatedAt":"2024-12-01T09:00:00Z"}]}]}`
}

// TestRecordsSurviveSIGKILL kills the server between a request and its response, twenty
// times: an acknowledged write is there, any other is there as a whole or not at all.
func TestRecordsSurviveSIGKILL(t *testing.T) {
	const rounds = 20
	fixture := filepath.Join(t.TempDir(), "keys.json")
	must(t, os.WriteFile(fixture, []byte(`{"organizations":[{"id":"org_1","secretKeys":["sk_test_00000000000000000001"]}]}`), 0o600))
	onEachDatabase(t, func(t *testing.T, url string) {
		acknowledged := make(map[string]bool)
		for round := range rounds {
			base, kill := startKillable(t, "-database", url, "-fixture", fixture)
			id := fmt.Sprintf("cons_%d", round)
			text := oneRecord(id)
			if round > 0 { // the first one is not disturbed
				time.AfterFunc(rand.N(4*time.Millisecond), kill)
			}
			r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, base+recordsPrefix, strings.NewReader(text))
			must(t, err)
			r.Header.Set("Authorization", "Bearer sk_test_00000000000000000001")
			r.Header.Set("Content-Type", "application/json")
			if response, err := http.DefaultClient.Do(r); err == nil {
				if response.StatusCode != 200 {
					t.Fatalf("round %d: %d", round, response.StatusCode)
				}
				acknowledged[id] = true
				must(t, response.Body.Close())
			}
			kill()
		}
		database, err := openDatabase(t.Context(), url)
		must(t, err)
		defer database.Close()
		if !acknowledged["cons_0"] {
			t.Error("the undisturbed write was not acknowledged")
		}
		for round := range rounds {
			key := consumer.Key{OrganizationID: "org_1", ConsumerID: fmt.Sprintf("cons_%d", round)}
			export, err := database.Export(t.Context(), key)
			whole := err == nil && export.Consumer != nil && len(export.Participations) == 1
			nothing := err != nil
			if !whole && (acknowledged[key.ConsumerID] || !nothing) {
				t.Errorf("round %d, acknowledged %v: %+v, error %v", round, acknowledged[key.ConsumerID], export, err)
			}
		}
	})
}

// TestBatchFromFiveConnectionsIsAppliedOnce sends the same batch five times at once through
// two servers on one database.
func TestBatchFromFiveConnectionsIsAppliedOnce(t *testing.T) {
	fixture := filepath.Join(t.TempDir(), "keys.json")
	must(t, os.WriteFile(fixture, []byte(`{"organizations":[{"id":"org_1","secretKeys":["sk_test_00000000000000000001"]}]}`), 0o600))
	onEachDatabase(t, func(t *testing.T, url string) {
		servers := []*running{boot(t, "-database", url, "-fixture", fixture), boot(t, "-database", url, "-fixture", fixture)}
		text := oneRecord("cons_1")
		answers := make([]string, 5)
		var senders sync.WaitGroup
		for i := range answers {
			senders.Go(func() {
				r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, servers[i%2].base+recordsPrefix, strings.NewReader(text))
				if err != nil {
					t.Error(err)
					return
				}
				r.Header.Set("Authorization", "Bearer sk_test_00000000000000000001")
				r.Header.Set("Content-Type", "application/json")
				response, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(r)
				if err != nil {
					t.Error(err)
					return
				}
				defer response.Body.Close()
				body, err := io.ReadAll(response.Body)
				if err != nil {
					t.Error(err)
				}
				answers[i] = string(body)
			})
		}
		senders.Wait()
		counts := make(map[string]int)
		for _, answer := range answers {
			counts[answer]++
		}
		if diff := cmp.Diff(map[string]int{`{"applied":2,"stale":0}`: 1, `{"applied":0,"stale":2}`: 4}, counts); diff != "" {
			t.Errorf("responses (-want +got):\n%s", diff)
		}
	})
}

// historyOf returns a random history of events of a consumer, as they are delivered.
func historyOf(random *rand.Rand, consumerID string) []string {
	var events []string
	for n := range 5 + random.IntN(15) {
		at := time.Date(2024, 12, 1, 9, 0, random.IntN(30), 0, time.UTC).Format(time.RFC3339)
		data := map[string]any{"consumerId": consumerID, "experienceId": "exp_1", "sequenceId": "seq_" + strconv.Itoa(random.IntN(2))}
		kind := []string{
			"queue.consumer.entered", "queue.consumer.admitted", "queue.consumer.left", "auction.bid.placed", "auction.bid.outbid",
			"auction.consumer.won", "order.created", "order.completed", "draw.consumer.entered", "draw.consumer.won", "consumer.created",
		}[random.IntN(11)]
		switch words := strings.Split(kind, "."); words[0] {
		case "queue", "draw", "auction":
			data[words[0]+"Id"] = words[0] + "_" + strconv.Itoa(random.IntN(2))
		case "order":
			data["orderId"] = "order_" + strconv.Itoa(random.IntN(2))
		}
		moment := map[string]string{
			"queue.consumer.entered": "enteredAt", "queue.consumer.admitted": "admittedAt", "queue.consumer.left": "leftAt",
			"auction.bid.placed": "bidTime", "auction.bid.outbid": "outbidAt", "auction.consumer.won": "wonAt", "order.created": "createdAt",
			"order.completed": "completedAt", "draw.consumer.entered": "enteredAt", "draw.consumer.won": "wonAt", "consumer.created": "createdAt",
		}[kind]
		data[moment] = at
		switch kind {
		case "queue.consumer.admitted", "draw.consumer.won":
			data["admissionToken"] = "token_" + strconv.Itoa(n)
		case "auction.consumer.won":
			data["paymentToken"] = "token_" + strconv.Itoa(n)
		case "auction.bid.placed":
			data["bidId"], data["bidAmount"], data["isHighestBid"] = "bid_"+strconv.Itoa(random.IntN(4)), strconv.Itoa(n)+".50", random.IntN(2) == 0
		}
		text, err := json.Marshal(map[string]any{"id": consumerID + "_" + strconv.Itoa(n), "type": kind, "organizationId": "org_1", "data": data}, json.Deterministic(true))
		if err != nil {
			panic(err)
		}
		events = append(events, string(text))
	}
	return events
}

// TestHistoriesThroughTwoServers sends random histories of 40 consumers, shuffled and with
// duplicates, through two servers at once. The documents equal the fold of the whole set.
func TestHistoriesThroughTwoServers(t *testing.T) {
	const consumers, permutations = 40, 2
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 1))
	var history []string
	model := new(storagetest.Model)
	for n := range consumers {
		for _, text := range historyOf(random, fmt.Sprintf("cons_%d", n)) {
			history = append(history, text)
			e, err := event.Parse([]byte(text))
			must(t, err)
			_, err = model.RecordEvent(t.Context(), e)
			must(t, err)
		}
	}
	onEachDatabase(t, func(t *testing.T, _ string) {
		for permutation := range permutations {
			name := strings.TrimPrefix(t.Name(), "TestHistoriesThroughTwoServers/")
			url := databases[name](t)
			arguments := []string{"-database", url, "-webhook-secret", "org_1=" + testWebhookSecret, "-access-log", "off"}
			servers := []*running{boot(t, arguments...), boot(t, arguments...)}
			deliveries := append(append([]string{}, history...), history[:len(history)/4]...)
			random.Shuffle(len(deliveries), func(i, j int) { deliveries[i], deliveries[j] = deliveries[j], deliveries[i] })
			queue := make(chan string, len(deliveries))
			for _, text := range deliveries {
				queue <- text
			}
			close(queue)
			var senders sync.WaitGroup
			for i := range 4 {
				senders.Go(func() {
					for text := range queue {
						if status, answer, err := sendEvent(t.Context(), servers[i%2].base, testWebhookSecret, text); err != nil || status != 200 {
							t.Errorf("%d %s, error %v", status, answer, err)
						}
					}
				})
			}
			senders.Wait()
			database, err := openDatabase(t.Context(), url)
			must(t, err)
			for n := range consumers {
				key := consumer.Key{OrganizationID: "org_1", ConsumerID: fmt.Sprintf("cons_%d", n)}
				want, err := model.Export(t.Context(), key)
				must(t, err)
				got, err := database.Export(t.Context(), key)
				must(t, err)
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("permutation %d, consumer %d (-fold +stored):\n%s", permutation, n, diff)
				}
			}
			must(t, database.Close())
		}
	})
}
