package tests_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/google/go-cmp/cmp"

	"github.com/rejoinhq/rejoin/consumer"
	"github.com/rejoinhq/rejoin/httpserver"
	"github.com/rejoinhq/rejoin/storage/storagetest"
)

const recordsPrefix = "/api/v1/records"

// recordsWorld is a world whose API also writes records, into a model of a store.
type recordsWorld struct {
	*world
	model   *storagetest.Model
	records http.Handler
}

func newRecordsWorld(t *testing.T, change ...func(*httpserver.Options)) *recordsWorld {
	t.Helper()
	model := &storagetest.Model{}
	w := newWorld(t, append([]func(*httpserver.Options){func(o *httpserver.Options) { o.Records = model }}, change...)...)
	return &recordsWorld{w, model, w.api.Records(recordsPrefix)}
}

// send sends a request with the secret key of the first organization, and JSON if there is
// a body. Headers are name, value, name, value; an empty value removes a header.
func (w *recordsWorld) send(method, path, body string, headers ...string) *http.Response {
	w.t.Helper()
	var reader io.Reader
	if body != "" {
		reader = strings.NewReader(body)
	}
	r := httptest.NewRequest(method, recordsPrefix+path, reader)
	r.Header.Set("Authorization", "Bearer "+secret)
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Del(headers[i])
		if headers[i+1] != "" {
			r.Header.Add(headers[i], headers[i+1])
		}
	}
	recorder := httptest.NewRecorder()
	w.records.ServeHTTP(recorder, r)
	response := recorder.Result()
	if err := checkDescribedRecords(method, path, response); err != nil {
		w.t.Error(err)
	}
	return response
}

// checkDescribedRecords compares a response with the description of the records endpoints.
func checkDescribedRecords(method, path string, response *http.Response) error {
	segments := strings.Split(path, "/")[1:]
	template := "/records"
	switch {
	case slices.Contains(segments, ""), len(segments) > 2, len(segments) == 2 && segments[1] != "merge", method == http.MethodOptions:
		return nil // described in prose only
	case len(segments) > 0:
		template = strings.Join(append([]string{template, "{id}"}, segments[1:]...), "/")
	}
	if method == http.MethodHead {
		return nil
	}
	description, err := describedRecords()
	if err != nil {
		return err
	}
	return checkResponse(description, method, template, response)
}

// want checks a response. Every response of these endpoints must forbid caching and name
// its request, and none has a CORS header.
func (w *recordsWorld) want(response *http.Response, status int, text string) {
	w.t.Helper()
	if got := body(w.t, response); response.StatusCode != status || got != text {
		w.t.Errorf("%d %s, want %d %s", response.StatusCode, got, status, text)
	}
	for name, value := range map[string]string{"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"} {
		if got := response.Header.Get(name); got != value && response.Header.Get("Allow") == "" {
			w.t.Errorf("%s is %q, want %q", name, got, value)
		}
	}
	if response.Header.Get("X-Request-Id") == "" || response.Header.Get("Access-Control-Allow-Origin") != "" {
		w.t.Errorf("header %v", response.Header)
	}
	if text != "" && response.Header.Get("Content-Type") != "application/json; charset=utf-8" {
		w.t.Errorf("Content-Type %q", response.Header.Get("Content-Type"))
	}
}

const (
	jsonProfile = `"createdAt":"2024-12-01T08:00:00Z","updatedAt":"2024-12-01T08:00:00Z"`
	jsonQueued  = `{"type":"queue","id":"queue_1","experienceId":"exp_1","sequenceId":"seq_1","status":"QUEUED",` +
		`"enteredAt":"2024-12-01T09:00:00Z","position":7,"updatedAt":"2024-12-01T09:00:00Z"}`
	jsonAdmitted = `{"type":"queue","id":"queue_1","experienceId":"exp_1","sequenceId":"seq_1","status":"ADMITTED",` +
		`"enteredAt":"2024-12-01T09:00:00Z","position":0,"admittedAt":"2024-12-01T09:10:00Z","admissionToken":"token","updatedAt":"2024-12-01T09:10:00Z"}`
)

func jsonBatch(consumers ...string) string {
	return `{"consumers":[` + strings.Join(consumers, ",") + `]}`
}

func jsonConsumer(id, profile string, participations ...string) string {
	text := `{"id":"` + id + `"`
	if profile != "" {
		text += "," + profile
	}
	return text + `,"participations":[` + strings.Join(participations, ",") + `]}`
}

func TestRecordsWrite(t *testing.T) {
	w := newRecordsWorld(t)
	batch := jsonBatch(jsonConsumer("cons_1", jsonProfile, jsonQueued))
	w.want(w.send("POST", "", batch), 200, `{"applied":2,"stale":0}`)
	w.want(w.send("POST", "", batch), 200, `{"applied":0,"stale":2}`)
	w.want(w.send("POST", "", jsonBatch(jsonConsumer("cons_1", "", jsonAdmitted))), 200, `{"applied":1,"stale":0}`)
	w.want(w.send("POST", "", `{}`), 200, `{"applied":0,"stale":0}`)
	w.want(w.send("POST", "", batch, "Content-Type", "Application/JSON; charset=utf-8"), 200, `{"applied":0,"stale":2}`)

	snapshot, err := w.model.Snapshot(t.Context(), consumer.Key{OrganizationID: org, ConsumerID: "cons_1"})
	must(t, err)
	if len(snapshot.Participations) != 1 || snapshot.Participations[0].Status != consumer.StatusAdmitted {
		t.Errorf("stored %+v", snapshot)
	}
	if _, err := w.model.Export(t.Context(), consumer.Key{OrganizationID: otherOrg, ConsumerID: "cons_1"}); err == nil {
		t.Error("something was written for another organization")
	}
}

func TestRecordsRefuse(t *testing.T) {
	w := newRecordsWorld(t)
	var many strings.Builder
	for i := range 1001 {
		fmt.Fprintf(&many, `,{"id":"cons_%d","createdAt":7}`, i)
	}
	deep := strings.Repeat("[", 17) + strings.Repeat("]", 17)
	for _, c := range []struct {
		rule    string
		body    string
		headers []string
		status  int
		want    string
	}{
		{"no content type", "{}", []string{"Content-Type", ""}, 415, `{"error":"Unsupported media type"}`},
		{"another content type", "{}", []string{"Content-Type", "text/plain"}, 415, `{"error":"Unsupported media type"}`},
		{"a content encoding", "{}", []string{"Content-Encoding", "gzip"}, 415, `{"error":"Unsupported media type"}`},
		{"more than 1 MiB", `{"x":"` + strings.Repeat("x", 1<<20) + `"}`, nil, 413, `{"error":"Payload too large"}`},
		{"more than 1,000 records, though all are invalid", `{"consumers":[` + many.String()[1:] + `]}`, nil, 413,
			`{"error":"Payload too large","message":"A write has at most 1000 records."}`},
		{"what is no JSON", "{", nil, 400, `{"error":"Bad request"`},
		{"trailing bytes", "{}x", nil, 400, `{"error":"Bad request"`},
		{"deep nesting", `{"x":` + deep + `}`, nil, 400, `{"error":"Bad request"`},
		{"unknown fields", `{"x":1}`, nil, 400, `{"error":"Validation failed","details":[{"field":"x","message":`},
		{"a record without updatedAt", jsonBatch(`{"id":"cons_1","createdAt":"2024-12-01T08:00:00Z"}`), nil, 400,
			`{"error":"Validation failed","details":[{"field":"consumers[0].updatedAt","message":"is required"}]}`},
	} {
		t.Run(c.rule, func(t *testing.T) {
			response := w.send("POST", "", c.body, c.headers...)
			got := body(t, response)
			if response.StatusCode != c.status || !strings.HasPrefix(got, c.want) {
				t.Errorf("%d %s, want %d %s", response.StatusCode, got, c.status, c.want)
			}
		})
	}
	if _, err := w.model.Export(t.Context(), consumer.Key{OrganizationID: org, ConsumerID: "cons_1"}); err == nil {
		t.Error("a refused batch was written")
	}
}

func TestRecordsNameEveryErasedConsumer(t *testing.T) {
	w := newRecordsWorld(t)
	w.want(w.send("DELETE", "/cons_1", ""), 204, "")
	w.want(w.send("DELETE", "/cons_3", ""), 204, "")
	batch := jsonBatch(jsonConsumer("cons_3", jsonProfile), jsonConsumer("cons_2", jsonProfile), jsonConsumer("cons_1", jsonProfile))
	w.want(w.send("POST", "", batch), 409, `{"error":"Consumer erased","details":[`+
		`{"field":"consumers[0].id","message":"names a consumer that was erased"},`+
		`{"field":"consumers[2].id","message":"names a consumer that was erased"}]}`)
	w.want(w.send("GET", "/cons_2", ""), 404, `{"error":"Consumer not found"}`)
}

func TestRecordsErase(t *testing.T) {
	w := newRecordsWorld(t)
	w.want(w.send("POST", "", jsonBatch(jsonConsumer("cons_1", jsonProfile))), 200, `{"applied":1,"stale":0}`)
	w.want(w.send("DELETE", "/cons_1", ""), 204, "")
	w.want(w.send("DELETE", "/cons_1", ""), 204, "")
	w.want(w.send("DELETE", "/unknown", ""), 204, "")
	w.want(w.send("DELETE", "/me", ""), 404, `{"error":"Consumer not found"}`)
	w.want(w.send("DELETE", "/a%20b", ""), 404, `{"error":"Consumer not found"}`)
	w.want(w.send("GET", "/cons_1", ""), 404, `{"error":"Consumer not found"}`)
}

func TestRecordsMerge(t *testing.T) {
	w := newRecordsWorld(t)
	w.want(w.send("POST", "", jsonBatch(jsonConsumer("cons_1", jsonProfile), jsonConsumer("guest_1", "", jsonQueued))), 200, `{"applied":2,"stale":0}`)
	for _, c := range []struct{ rule, path, body, want string }{
		{"no guestId", "/cons_1/merge", `{}`, `{"error":"Validation failed","details":[{"field":"guestId","message":"is required"}]}`},
		{"the consumer itself", "/cons_1/merge", `{"guestId":"cons_1"}`, `{"error":"Validation failed","details":[{"field":"guestId","message":"must be a consumer other than the guest"}]}`},
		{"dryRun is no boolean", "/cons_1/merge", `{"guestId":"guest_1","dryRun":1}`, `{"error":"Validation failed","details":[{"field":"dryRun","message":"must be true or false"}]}`},
		{"an unknown field", "/cons_1/merge", `{"guestId":"guest_1","x":1}`, `{"error":"Validation failed","details":[{"field":"x","message":"is not a field of the format"}]}`},
	} {
		t.Run(c.rule, func(t *testing.T) {
			if got := body(t, w.send("POST", c.path, c.body)); got != c.want {
				t.Errorf("%s, want %s", got, c.want)
			}
		})
	}
	if got := body(t, w.send("POST", "/cons_1/merge", `{"guestId":"me"}`)); !strings.Contains(got, `"field":"guestId"`) {
		t.Errorf("an impossible guest: %s", got)
	}
	w.want(w.send("POST", "/cons_2/merge", `{"guestId":"guest_1"}`), 404, `{"error":"Consumer not found"}`)
	w.want(w.send("POST", "/cons_1/merge", `{"guestId":"guest_2"}`), 404, `{"error":"Consumer not found"}`)
	w.want(w.send("POST", "/me/merge", `{"guestId":"guest_1"}`), 404, `{"error":"Consumer not found"}`)
	w.want(w.send("POST", "/cons_1/merge", `{"guestId":"guest_1","dryRun":true}`), 200, `{"applied":1,"stale":0}`)
	w.want(w.send("POST", "/cons_1/merge", `{"guestId":"guest_1","dryRun":true}`), 200, `{"applied":1,"stale":0}`)
	w.want(w.send("POST", "/cons_1/merge", `{"guestId":"guest_1"}`), 200, `{"applied":1,"stale":0}`)
	w.want(w.send("POST", "/cons_1/merge", `{"guestId":"guest_1"}`), 200, `{"applied":0,"stale":0}`)
	w.want(w.send("POST", "/cons_gone/merge", `{"guestId":"guest_1"}`), 200, `{"applied":0,"stale":0}`)
}

func TestRecordsShow(t *testing.T) {
	w := newRecordsWorld(t)
	w.want(w.send("POST", "", jsonBatch(jsonConsumer("cons_1", `"fullName":"A",`+jsonProfile, jsonQueued,
		strings.NewReplacer(`"queue"`, `"draw"`, "QUEUED", "LEFT", `"position":7,`, "").Replace(jsonQueued)))), 200, `{"applied":3,"stale":0}`)
	want := `{"consumer":{"id":"cons_1","email":null,"phone":null,"fullName":"A","createdAt":"2024-12-01T08:00:00Z","updatedAt":"2024-12-01T08:00:00Z"},` +
		`"participations":[{"shows":"ended","type":"draw","id":"queue_1","experienceId":"exp_1","sequenceId":"seq_1","status":"LEFT","enteredAt":"2024-12-01T09:00:00Z","updatedAt":"2024-12-01T09:00:00Z"},` +
		`{"shows":"active",` + jsonQueued[1:] + `],"admissions":[]}`
	w.want(w.send("GET", "/cons_1", ""), 200, want)
	head := w.send("HEAD", "/cons_1", "")
	if head.StatusCode != 200 || head.ContentLength != int64(len(want)) {
		t.Errorf("HEAD: %d, %d bytes", head.StatusCode, head.ContentLength)
	}

	w.want(w.send("POST", "", jsonBatch(jsonConsumer("cons_2", "", jsonQueued))), 200, `{"applied":1,"stale":0}`)
	w.want(w.send("GET", "/cons_2", ""), 200, `{"consumer":null,"participations":[{"shows":"active",`+jsonQueued[1:]+`],"admissions":[]}`)
}

// Methods and paths come before credentials.
func TestRecordsRoutes(t *testing.T) {
	w := newRecordsWorld(t)
	for _, c := range []struct {
		method, path string
		status       int
		allow        string
	}{
		{"GET", "", 405, "OPTIONS, POST"},
		{"OPTIONS", "", 204, "OPTIONS, POST"},
		{"POST", "/cons_1", 405, "DELETE, GET, HEAD, OPTIONS"},
		{"OPTIONS", "/cons_1", 204, "DELETE, GET, HEAD, OPTIONS"},
		{"GET", "/cons_1/merge", 405, "OPTIONS, POST"},
		{"OPTIONS", "/cons_1/merge", 204, "OPTIONS, POST"},
		{"POST", "/", 404, ""},
		{"GET", "/cons_1/", 404, ""},
		{"POST", "/cons_1/merge/", 404, ""},
		{"POST", "/cons_1/other", 404, ""},
		{"GET", "/cons_1/merge/x", 404, ""},
		{"GET", "//", 404, ""},
		{"GET", "/..", 401, ""},
	} {
		response := w.send(c.method, c.path, "", "Authorization", "")
		if got := response.Header.Get("Allow"); response.StatusCode != c.status || got != c.allow {
			t.Errorf("%s %s: %d, Allow %q, want %d, %q", c.method, c.path, response.StatusCode, got, c.status, c.allow)
		}
	}
	w.want(w.send("GET", "/cons_1/other", ""), 404, `{"error":"Not found"}`)
	w.want(w.send("PUT", "", "{}"), 405, `{"error":"Method not allowed"}`)
	if r := do(newWorld(t).api.Records(recordsPrefix), "POST", recordsPrefix); r.StatusCode != 404 {
		t.Errorf("without Options.Records: %d", r.StatusCode)
	}
}

// refusingReader fails the test when somebody reads it.
type refusingReader struct{ t *testing.T }

func (r refusingReader) Read([]byte) (int, error) {
	r.t.Error("the body was read before the key was checked")
	return 0, io.EOF
}

func TestRecordsNeedASecretKeyBeforeTheBody(t *testing.T) {
	w := newRecordsWorld(t)
	for name, authorization := range map[string]string{
		"nothing": "", "an unknown key": "Bearer sk_test_unknown_organization_00", "a publishable key": "Bearer " + publishable,
		"a token": "Bearer " + w.token(org, "cons_1"),
	} {
		for _, target := range []string{"POST ", "GET /cons_1", "DELETE /cons_1", "POST /cons_1/merge"} {
			method, path, _ := strings.Cut(target, " ")
			r := httptest.NewRequest(method, recordsPrefix+path, nil)
			if method == "POST" {
				r.Body, r.ContentLength = io.NopCloser(refusingReader{t}), 7
			}
			if authorization != "" {
				r.Header.Set("Authorization", authorization)
			}
			recorder := httptest.NewRecorder()
			w.records.ServeHTTP(recorder, r)
			response := recorder.Result()
			if got := body(t, response); response.StatusCode != 401 || !strings.HasPrefix(got, `{"error":"Secret key required"`) || response.Header.Get("WWW-Authenticate") == "" {
				t.Errorf("%s with %s: %d %s", target, name, response.StatusCode, got)
			}
		}
	}
}

// Whatever one organization's key does, another organization's consumers stay as they are.
func TestRecordsStayWithinTheOrganization(t *testing.T) {
	w := newRecordsWorld(t)
	theirs := []string{"Authorization", "Bearer " + otherSecret}
	w.want(w.send("POST", "", jsonBatch(jsonConsumer("cons_1", jsonProfile, jsonQueued), jsonConsumer("guest_1", "", jsonQueued)), theirs...), 200, `{"applied":3,"stale":0}`)
	before := body(t, w.send("GET", "/cons_1", "", theirs...))

	w.want(w.send("GET", "/cons_1", ""), 404, `{"error":"Consumer not found"}`)
	w.want(w.send("POST", "/cons_1/merge", `{"guestId":"guest_1"}`), 404, `{"error":"Consumer not found"}`)
	w.want(w.send("DELETE", "/cons_1", ""), 204, "")
	w.want(w.send("POST", "", jsonBatch(jsonConsumer("cons_2", "", jsonAdmitted))), 200, `{"applied":1,"stale":0}`)
	if diff := cmp.Diff(before, body(t, w.send("GET", "/cons_1", "", theirs...))); diff != "" {
		t.Errorf("(-before +after):\n%s", diff)
	}
}

func TestRecordsShareTheRateLimitOfLookUps(t *testing.T) {
	w := newRecordsWorld(t, func(o *httpserver.Options) { o.RateLimit = httpserver.RateLimit{PerKey: 2, Window: time.Minute} })
	w.want(w.send("POST", "", `{}`), 200, `{"applied":0,"stale":0}`)
	w.want(w.send("DELETE", "/cons_9", ""), 204, "")
	response := w.send("POST", "", `{}`)
	if response.StatusCode != 429 || response.Header.Get("Retry-After") == "" {
		t.Errorf("the third request: %d %v", response.StatusCode, response.Header)
	}
}

// The examples of the description are requests that the endpoints accept.
func TestRecordsDescription(t *testing.T) {
	description, err := describedRecords()
	must(t, err)
	must(t, description.Validate(t.Context()))
	w := newRecordsWorld(t)
	for name, example := range description.Paths.Value("/records").Post.RequestBody.Value.Content["application/json"].Examples {
		text, err := json.Marshal(example.Value.Value)
		must(t, err)
		if response := w.send("POST", "", string(text)); response.StatusCode != 200 {
			t.Errorf("%s: %s", name, body(t, response))
		}
	}
	for prefix, want := range map[string][2]string{
		"/api/v1/records": {"/api/v1", "/records/{id}"}, "/r": {"/", "/r/{id}"}, "/a b/rec ords/": {"/a%20b", "/rec%20ords/{id}"},
	} {
		text := body(t, do(w.api.RecordsOpenAPI(prefix), "GET", "/openapi-records.json"))
		served, err := openapi3.NewLoader().LoadFromData([]byte(text))
		must(t, err)
		if served.Servers[0].URL != want[0] || served.Paths.Value(want[1]) == nil {
			t.Errorf("%s: server %s, paths %v", prefix, served.Servers[0].URL, served.Paths.Keys())
		}
	}
}
