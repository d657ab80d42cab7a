package tests_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/rejoinhq/rejoin/auth/authtest"
	"github.com/rejoinhq/rejoin/consumer"
	consumerevent "github.com/rejoinhq/rejoin/consumer/event"
	"github.com/rejoinhq/rejoin/httpserver"
	"github.com/rejoinhq/rejoin/storage/storagetest"
)

const (
	webhooksPath      = "/api/v1/webhooks"
	webhookSecret     = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
	nextWebhookSecret = "whsec_b3RoZXIgc2VjcmV0IG9mIDMyIGJ5dGVzLi4u"
	otherOrgSecret    = "the secret of another organization"
)

// webhookWorld is a world whose API records webhooks into a model of a store.
type webhookWorld struct {
	*world
	model    *storagetest.Model
	webhooks http.Handler
}

func newWebhookWorld(t *testing.T, change ...func(*httpserver.Options)) *webhookWorld {
	t.Helper()
	model := &storagetest.Model{}
	secrets := map[string][]string{org: {webhookSecret, nextWebhookSecret}, otherOrg: {otherOrgSecret}}
	w := newWorld(t, append([]func(*httpserver.Options){func(o *httpserver.Options) {
		o.Webhooks = &httpserver.WebhookOptions{Events: model, Secrets: func(_ context.Context, organizationID string) ([]string, error) {
			return secrets[organizationID], nil
		}}
	}}, change...)...)
	return &webhookWorld{w, model, w.api.Webhooks(webhooksPath)}
}

// post sends a body with headers.
func (w *webhookWorld) post(text string, header http.Header) *http.Response {
	w.t.Helper()
	r := httptest.NewRequest("POST", webhooksPath, strings.NewReader(text))
	r.Header = header
	recorder := httptest.NewRecorder()
	w.webhooks.ServeHTTP(recorder, r)
	return recorder.Result()
}

// signed returns the headers that sign a body.
func (w *webhookWorld) signed(text, secret string) http.Header {
	header := http.Header{}
	authtest.SignWebhook(header, []byte(text), secret, w.now())
	return header
}

// deliver sends a signed body.
func (w *webhookWorld) deliver(text string) *http.Response {
	w.t.Helper()
	return w.post(text, w.signed(text, webhookSecret))
}

func wantResponse(t *testing.T, response *http.Response, status int, text string) {
	t.Helper()
	if got := body(t, response); response.StatusCode != status || got != text {
		t.Errorf("%d %s, want %d %s", response.StatusCode, got, status, text)
	}
	for name, value := range map[string]string{"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", "Www-Authenticate": "", "Access-Control-Allow-Origin": ""} {
		if got := response.Header.Get(name); got != value && response.Header.Get("Allow") == "" {
			t.Errorf("%s is %q, want %q", name, got, value)
		}
	}
	if response.Header.Get("X-Request-Id") == "" {
		t.Error("no X-Request-Id")
	}
}

// delivered returns an event about cons_1 as it is delivered.
func delivered(id, kind, organizationID, data string) string {
	return `{"id":"` + id + `","type":"` + kind + `","timestamp":"2020-01-01T00:00:00Z","organizationId":"` + organizationID + `","data":{"consumerId":"cons_1",` + data + `}}`
}

const enteredData = `"queueId":"queue_1","experienceId":"exp_1","sequenceId":"seq_1","enteredAt":"2024-12-01T09:05:00Z"`

func entered(id string) string { return delivered(id, "queue.consumer.entered", org, enteredData) }

const invalidSignature = `{"error":"Invalid signature"}`

func TestWebhookResults(t *testing.T) {
	w := newWebhookWorld(t)
	wantResponse(t, w.deliver(entered("evt_1")), 200, `{"result":"applied"}`)
	wantResponse(t, w.deliver(entered("evt_1")), 200, `{"result":"duplicate"}`)
	wantResponse(t, w.deliver(delivered("evt_2", "queue.opened", org, `"queueId":7`)), 200, `{"result":"ignored"}`)
	must(t, w.model.Erase(t.Context(), consumer.Key{OrganizationID: org, ConsumerID: "cons_1"}))
	wantResponse(t, w.deliver(entered("evt_1")), 200, `{"result":"ignored"}`)
}

func TestWebhookNamesBadFields(t *testing.T) {
	w := newWebhookWorld(t)
	wantResponse(t, w.deliver(delivered("evt_1", "queue.consumer.admitted", org, `"queueId":"a b","sequenceId":"seq_1","admittedAt":"2024-12-01"`)), 400,
		`{"error":"Validation failed","details":[`+
			`{"field":"data.queueId","message":"must be an id: 1 to 128 characters of A-Z a-z 0-9 . _ : ~ -, and neither . nor .."},`+
			`{"field":"data.admittedAt","message":"must be a time in RFC 3339 form in the years 1 to 9999"},`+
			`{"field":"data.experienceId","message":"is missing"},`+
			`{"field":"data.admissionToken","message":"is missing"}]}`)
	if _, err := w.model.Export(t.Context(), consumer.Key{OrganizationID: org, ConsumerID: "cons_1"}); !errors.Is(err, consumer.ErrNotFound) {
		t.Errorf("Export returned the error %v, want ErrNotFound", err)
	}
}

func TestWebhookSecretsOfAnOrganizationAreAllValid(t *testing.T) {
	w := newWebhookWorld(t)
	text := entered("evt_1")
	wantResponse(t, w.post(text, w.signed(text, nextWebhookSecret)), 200, `{"result":"applied"}`)
	standard := http.Header{}
	must(t, authtest.SignStandardWebhook(standard, "msg_1", []byte(text), nextWebhookSecret, w.now()))
	wantResponse(t, w.post(text, standard), 200, `{"result":"duplicate"}`)
}

// Every reason for a refusal gets the same bytes.
func TestWebhookRefusals(t *testing.T) {
	text := entered("evt_1")
	unknown := delivered("evt_1", "queue.consumer.entered", "org_unknown", enteredData)
	theirs := delivered("evt_1", "queue.consumer.entered", otherOrg, enteredData)
	twice := strings.Replace(text, `"data":`, `"organizationId":"`+org+`","data":`, 1)
	w := newWebhookWorld(t)
	late := http.Header{}
	authtest.SignWebhook(late, []byte(text), webhookSecret, w.now().Add(-5*time.Minute-time.Second))
	early := http.Header{}
	authtest.SignWebhook(early, []byte(text), webhookSecret, w.now().Add(5*time.Minute+time.Second))
	upper := w.signed(text, webhookSecret)
	upper.Set("X-Fanfare-Signature", "sha256="+strings.ToUpper(strings.TrimPrefix(upper.Get("X-Fanfare-Signature"), "sha256=")))
	repeated := w.signed(text, webhookSecret)
	repeated.Add("X-Fanfare-Signature", repeated.Get("X-Fanfare-Signature"))
	fooled := w.signed(text, otherOrgSecret)
	must(t, authtest.SignStandardWebhook(fooled, "msg_1", []byte(text), webhookSecret, w.now()))
	for name, c := range map[string]struct {
		text   string
		header http.Header
	}{
		"no signature":                              {text, http.Header{}},
		"another secret":                            {text, w.signed(text, "guess")},
		"the secret of another organization":        {text, w.signed(text, otherOrgSecret)},
		"our secret for another organization":       {theirs, w.signed(theirs, webhookSecret)},
		"an unknown organization":                   {unknown, w.signed(unknown, webhookSecret)},
		"a body that was changed by one byte":       {strings.Replace(text, "cons_1", "cons_2", 1), w.signed(text, webhookSecret)},
		"a timestamp that is too old":               {text, late},
		"a timestamp in the future":                 {text, early},
		"upper-case hex":                            {text, upper},
		"a repeated signature":                      {text, repeated},
		"both kinds of signature, the first is bad": {text, fooled},
		"no JSON":           {"hello", w.signed("hello", webhookSecret)},
		"no body":           {"", w.signed("", webhookSecret)},
		"two organizations": {twice, w.signed(twice, webhookSecret)},
		"an array":          {"[" + text + "]", w.signed("["+text+"]", webhookSecret)},
	} {
		t.Run(name, func(t *testing.T) {
			wantResponse(t, w.post(c.text, c.header), 401, invalidSignature)
		})
	}
	if log := w.log.String(); strings.Contains(log, "whsec") || strings.Contains(log, "cons_") {
		t.Errorf("the log is %s", log)
	}
	wantResponse(t, w.deliver(text), 200, `{"result":"applied"}`)
}

func TestWebhookSize(t *testing.T) {
	w := newWebhookWorld(t)
	fill := func(size int) string {
		text := entered("evt_1")
		return text[:len(text)-1] + strings.Repeat(" ", size-len(text)) + "}"
	}
	wantResponse(t, w.deliver(fill(256<<10)), 200, `{"result":"applied"}`)
	wantResponse(t, w.post(fill(256<<10+1), http.Header{}), 413, `{"error":"Payload too large"}`)
	wantResponse(t, w.deliver(fill(300<<10)), 413, `{"error":"Payload too large"}`)
}

func TestWebhookContentTypeIsNotLookedAt(t *testing.T) {
	w := newWebhookWorld(t)
	for i, contentType := range []string{"", "text/plain", "application/json; charset=latin1", ";"} {
		text := entered("evt_" + strconv.Itoa(i))
		header := w.signed(text, webhookSecret)
		header.Set("Content-Type", contentType)
		wantResponse(t, w.post(text, header), 200, `{"result":"applied"}`)
	}
}

func TestWebhookMethodsAndPaths(t *testing.T) {
	w := newWebhookWorld(t)
	ask := func(handler http.Handler, method, path string) *http.Response {
		recorder := httptest.NewRecorder()
		handler.ServeHTTP(recorder, httptest.NewRequest(method, path, nil))
		return recorder.Result()
	}
	for _, method := range []string{"GET", "HEAD", "PUT", "PATCH", "DELETE"} {
		response := ask(w.webhooks, method, webhooksPath)
		want := `{"error":"Method not allowed"}`
		if got := body(t, response); response.StatusCode != 405 || method != "HEAD" && got != want || response.Header.Get("Allow") != "OPTIONS, POST" {
			t.Errorf("%s: %d %s, Allow %q", method, response.StatusCode, got, response.Header.Get("Allow"))
		}
	}
	if response := ask(w.webhooks, "OPTIONS", webhooksPath); response.StatusCode != 204 || response.Header.Get("Allow") != "OPTIONS, POST" {
		t.Errorf("OPTIONS: %d, Allow %q", response.StatusCode, response.Header.Get("Allow"))
	}
	for _, path := range []string{webhooksPath + "/", webhooksPath + "/x", webhooksPath + "x", "//api/v1/webhooks"} {
		wantResponse(t, ask(w.webhooks, "POST", path), 404, `{"error":"Not found"}`)
	}
	wantResponse(t, ask(newWorld(t).api.Webhooks(webhooksPath), "POST", webhooksPath), 404, `{"error":"Not found"}`)
}

// failingRecorder is a recorder whose store is down.
type failingRecorder struct{ err error }

func (f failingRecorder) RecordEvent(context.Context, consumerevent.Event) (consumerevent.Result, error) {
	return "", f.err
}

func TestWebhookIsTriedAgainWhenSomethingIsDown(t *testing.T) {
	const unavailable = `{"error":"Service unavailable"}`
	w := newWebhookWorld(t, func(o *httpserver.Options) {
		o.Webhooks.Events = failingRecorder{fmt.Errorf("record event: %w", consumer.ErrUnavailable)}
	})
	response := w.deliver(entered("evt_1"))
	if response.Header.Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
	wantResponse(t, response, 503, unavailable)
	wantResponse(t, w.deliver(delivered("evt_1", "queue.opened", org, `"queueId":7`)), 200, `{"result":"ignored"}`)
	w = newWebhookWorld(t, func(o *httpserver.Options) {
		o.Webhooks.Secrets = func(context.Context, string) ([]string, error) { return nil, errors.New("vault sealed") }
	})
	wantResponse(t, w.deliver(entered("evt_1")), 503, unavailable)
	if log := w.log.String(); strings.Contains(log, "cons_1") || strings.Contains(log, "queue_1") {
		t.Errorf("the log is %s", log)
	}
}

func TestInvalidWebhookOptions(t *testing.T) {
	w := newWorld(t)
	_, err := httpserver.New(httpserver.Options{Store: w.store, Auth: &impostor{}, Webhooks: &httpserver.WebhookOptions{}})
	var invalid *consumer.ValidationError
	if !errors.As(err, &invalid) {
		t.Fatalf("New returned the error %v, want a *consumer.ValidationError", err)
	}
	var fields []string
	for _, f := range invalid.Fields {
		fields = append(fields, f.Field)
	}
	if diff := cmp.Diff([]string{"Webhooks.Events", "Webhooks.Secrets"}, fields); diff != "" {
		t.Errorf("fields (-want +got):\n%s", diff)
	}
}

func TestWebhooksAreCountedByTypeAndResult(t *testing.T) {
	reader := sdkmetric.NewManualReader()
	w := newWebhookWorld(t, func(o *httpserver.Options) {
		o.MeterProvider = sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader))
	})
	w.deliver(entered("evt_1"))
	w.deliver(entered("evt_1"))
	w.deliver(delivered("evt_2", "chosen by a stranger", org, `"a":1`))
	w.deliver(delivered("evt_3", "queue.consumer.left", org, `"a":1`))
	w.post(entered("evt_4"), http.Header{})
	var collected metricdata.ResourceMetrics
	must(t, reader.Collect(t.Context(), &collected))
	got := map[string]int64{}
	for _, scope := range collected.ScopeMetrics {
		for _, m := range scope.Metrics {
			if m.Name != "rejoin.webhooks" {
				continue
			}
			for _, point := range m.Data.(metricdata.Sum[int64]).DataPoints {
				kind, _ := point.Attributes.Value("rejoin.webhook.type")
				result, _ := point.Attributes.Value("rejoin.webhook.result")
				got[kind.AsString()+" "+result.AsString()] = point.Value
			}
		}
	}
	want := map[string]int64{
		"queue.consumer.entered applied": 1, "queue.consumer.entered duplicate": 1, "other ignored": 1,
		"other invalid": 1, "other unverified": 1,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("counts (-want +got):\n%s", diff)
	}
}

// TestWebhookForgeriesCostTheStoreNothing sends forgeries to a store that would fail.
func TestWebhookForgeriesCostTheStoreNothing(t *testing.T) {
	w := newWebhookWorld(t, func(o *httpserver.Options) { o.Webhooks.Events = failingRecorder{consumer.ErrUnavailable} })
	for i := range 1000 {
		text := entered("evt_" + strconv.Itoa(i))
		if response := w.post(text, w.signed(text, "guess "+strconv.Itoa(i))); response.StatusCode != 401 {
			t.Fatalf("%d", response.StatusCode)
		}
	}
}

// documentedEvents returns the events of the documentation, one of each type, each with an
// id of its own.
func documentedEvents(t testing.TB) []string {
	t.Helper()
	text, err := os.ReadFile("../../../consumer/event/testdata/events.json")
	if err != nil {
		t.Fatal(err)
	}
	var all []jsontext.Value
	if err := json.Unmarshal(text, &all); err != nil {
		t.Fatal(err)
	}
	events := make([]string, len(all))
	for i, e := range all {
		events[i] = string(e)
	}
	return events
}

// signWithNode signs bodies with the crypto module of Node.
func signWithNode(t *testing.T, secret string, at time.Time, bodies []string) []http.Header {
	t.Helper()
	node, err := exec.LookPath("node")
	if err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	input, err := json.Marshal(bodies)
	must(t, err)
	command := exec.CommandContext(t.Context(), node, "-e", `
		const [secret, timestamp] = process.argv.slice(1)
		const bodies = JSON.parse(require("node:fs").readFileSync(0, "utf8"))
		console.log(JSON.stringify(bodies.map((body) =>
			require("node:crypto").createHmac("sha256", secret).update(timestamp + "." + body).digest("hex"))))`,
		secret, strconv.FormatInt(at.Unix(), 10))
	command.Stdin = bytes.NewReader(input)
	output, err := command.Output()
	must(t, err)
	var signatures []string
	must(t, json.Unmarshal(output, &signatures))
	headers := make([]http.Header, len(signatures))
	for i, s := range signatures {
		headers[i] = http.Header{"X-Fanfare-Timestamp": {strconv.FormatInt(at.Unix(), 10)}, "X-Fanfare-Signature": {"sha256=" + s}}
	}
	return headers
}

// TestDocumentedWebhooksInAnyOrder sends the events of the documentation in order, in
// reverse, and shuffled with every event twice.
func TestDocumentedWebhooksInAnyOrder(t *testing.T) {
	events := documentedEvents(t)
	organizationID, ok := consumerevent.Organization([]byte(events[0]))
	if !ok || len(events) < 15 {
		t.Fatalf("%d events of the organization %q", len(events), organizationID)
	}
	order := make([]int, len(events))
	for i := range order {
		order[i] = i
	}
	reversed := slices.Clone(order)
	slices.Reverse(reversed)
	shuffled := slices.Concat(order, order)
	rand.New(rand.NewPCG(1, 2)).Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
	var documents []string
	for _, order := range [][]int{order, reversed, shuffled} {
		model := new(storagetest.Model)
		w := newWebhookWorld(t, func(o *httpserver.Options) {
			o.Webhooks.Events = model
			o.Webhooks.Secrets = func(context.Context, string) ([]string, error) { return []string{webhookSecret}, nil }
		})
		headers := signWithNode(t, webhookSecret, w.now(), events)
		for _, i := range order {
			if response := w.post(events[i], headers[i]); response.StatusCode != 200 {
				t.Fatalf("%s: %d %s", events[i], response.StatusCode, body(t, response))
			}
		}
		documents = append(documents, exported(t, model, organizationID, events))
	}
	if documents[0] != documents[1] || documents[0] != documents[2] {
		t.Errorf("in order: %s\nin reverse: %s\nshuffled: %s", documents[0], documents[1], documents[2])
	}
	if strings.Count(documents[0], `"type"`) < 3 {
		t.Errorf("the documents are %s", documents[0])
	}
}

// exported returns what is stored about all consumers of the events.
func exported(t *testing.T, store consumer.Lifecycle, organizationID string, events []string) string {
	t.Helper()
	ids := map[string]bool{}
	for _, text := range events {
		if e, err := consumerevent.Parse([]byte(text)); err == nil && e.ConsumerID != "" {
			ids[e.ConsumerID] = true
		}
	}
	var all []consumer.Export
	for id := range ids {
		export, err := store.Export(t.Context(), consumer.Key{OrganizationID: organizationID, ConsumerID: id})
		must(t, err)
		all = append(all, export)
	}
	slices.SortFunc(all, func(a, b consumer.Export) int { return strings.Compare(fmt.Sprint(a), fmt.Sprint(b)) })
	text, err := json.Marshal(all)
	must(t, err)
	return string(text)
}

func FuzzWebhooks(f *testing.F) {
	for _, text := range documentedEvents(f) {
		f.Add(text, "1700000000", "sha256=00", true)
	}
	f.Add("", "", "", false)
	f.Fuzz(func(t *testing.T, text, timestamp, signature string, sign bool) {
		w := newWebhookWorld(t)
		header := http.Header{"X-Fanfare-Timestamp": {timestamp}, "X-Fanfare-Signature": {signature}}
		if sign {
			header = w.signed(text, webhookSecret)
		}
		response := w.post(text, header)
		got, err := io.ReadAll(response.Body)
		if err != nil {
			t.Fatal(err)
		}
		switch response.StatusCode {
		case 200, 400, 413:
			if organizationID, ok := consumerevent.Organization([]byte(text)); response.StatusCode != 413 && (!sign || !ok || organizationID != org) {
				t.Fatalf("%d %s without a signature", response.StatusCode, got)
			}
		case 401:
			if string(got) != invalidSignature {
				t.Fatalf("401 %s", got)
			}
		default:
			t.Fatalf("%d %s", response.StatusCode, got)
		}
	})
}
