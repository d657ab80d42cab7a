package tests_test

import (
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/rejoinhq/rejoin/consumer"
)

// The example of the API documentation is reproduced exactly, apart from indentation.
func TestGoldenDocument(t *testing.T) {
	w := newWorld(t)
	w.add(documentedSnapshot())
	response := w.do("GET", prefix+"/me", "X-Publishable-Key", publishable, "Authorization", "Bearer "+w.token(org, "cons_01HXYZ123456789"))
	got := jsontext.Value(body(t, response))
	must(t, got.Indent(jsontext.WithIndent("  ")))
	want, err := os.ReadFile("../../../examples/server/testdata/me.json")
	must(t, err)
	if diff := cmp.Diff(strings.TrimSpace(string(want)), string(got)); diff != "" {
		t.Errorf("document (-want +got):\n%s", diff)
	}
}

func TestResponseOfEachEndpoint(t *testing.T) {
	w := newWorld(t)
	me := w.me()
	lookup := w.do("GET", prefix+"/cons_1", "Authorization", "Bearer "+secret)

	t.Run("me", func(t *testing.T) {
		want := `{"id":"cons_1","email":"marker@example.com","phone":null,"fullName":"Tom & <Jerry>","createdAt":"2024-12-01T08:30:00Z",` +
			`"active":{"experiences":{"exp_1":{"sequences":{"seq_1":{"queue":{"queueId":"queue_1","sequenceId":"seq_1","status":"QUEUED","enteredAt":"2024-12-01T09:29:00Z"}}}}},` +
			`"queues":{"queue_1":{"queueId":"queue_1","status":"QUEUED","position":7,"enteredAt":"2024-12-01T09:29:00Z"}},` +
			`"draws":{},"auctions":{},"timedReleases":{},"admissions":{},` +
			`"journeys":[{"experienceId":"exp_1","sequenceId":"seq_1","journeyStage":"routed","sequenceStage":"participating","participation":{"type":"queue","id":"queue_1","status":"QUEUED"}}]}}`
		if diff := cmp.Diff(want, body(t, me)); diff != "" {
			t.Errorf("body (-want +got):\n%s", diff)
		}
		checkPrivate(t, me, "Authorization, X-Publishable-Key")
	})
	t.Run("look-up", func(t *testing.T) {
		want := `{"id":"cons_1","email":"marker@example.com","phone":null,"fullName":"Tom & <Jerry>","createdAt":"2024-12-01T08:30:00Z"}`
		if diff := cmp.Diff(want, body(t, lookup)); diff != "" {
			t.Errorf("body (-want +got):\n%s", diff)
		}
		checkPrivate(t, lookup, "Authorization")
	})
}

// A profile has any texts, and both endpoints show them alike. The description doesn't
// speak of what no store accepts, so these answers are not held against it.
func TestProfileIsWrittenAsJSONWritesIt(t *testing.T) {
	w := newWorld(t)
	credentials := []string{"X-Publishable-Key", publishable, "Authorization", "Bearer " + w.token(org, "cons_1")}
	key := consumer.Key{OrganizationID: org, ConsumerID: "cons_1"}
	texts := rapid.Ptr(rapid.OneOf(rapid.String(), rapid.SampledFrom([]string{"", `"\`, "<&>", "\u2028\x00\t\x7f"})), true)
	rapid.Check(t, func(t *rapid.T) {
		c := consumer.Consumer{
			OrganizationID: org, ID: "cons_1", Email: texts.Draw(t, "email"), Phone: texts.Draw(t, "phone"),
			FullName: texts.Draw(t, "fullName"), CreatedAt: now.Add(time.Duration(rapid.Int64().Draw(t, "createdAt"))),
		}
		w.store.snapshots[key] = consumer.Snapshot{Consumer: c}
		want, err := json.Marshal(profile{c.ID, c.Email, c.Phone, c.FullName, c.CreatedAt.Truncate(time.Microsecond)})
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), body(w.t, do(w.Handler, "GET", prefix+"/cons_1", "Authorization", "Bearer "+secret))); diff != "" {
			t.Errorf("look-up (-want +got):\n%s", diff)
		}
		const active = `"active":{"experiences":{},"queues":{},"draws":{},"auctions":{},"timedReleases":{},"admissions":{},"journeys":[]}`
		if diff := cmp.Diff(strings.TrimSuffix(string(want), "}")+","+active+"}", body(w.t, do(w.Handler, "GET", prefix+"/me", credentials...))); diff != "" {
			t.Errorf("me (-want +got):\n%s", diff)
		}
	})
}

// An invalid profile is shown as far as JSON can represent it.
func TestInvalidProfile(t *testing.T) {
	w := newWorld(t)
	key := consumer.Key{OrganizationID: org, ConsumerID: "cons_1"}
	w.store.snapshots[key] = consumer.Snapshot{Consumer: consumer.Consumer{
		ID: "cons_1", FullName: new("a\xffb"), CreatedAt: time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC),
	}}
	response := do(w.Handler, "GET", prefix+"/cons_1", "Authorization", "Bearer "+secret)
	want := `{"id":"cons_1","email":null,"phone":null,"fullName":"a` + "\ufffd" + `b","createdAt":null}`
	if diff := cmp.Diff(want, body(t, response)); diff != "" || response.StatusCode != http.StatusOK {
		t.Errorf("status %d, body (-want +got):\n%s", response.StatusCode, diff)
	}
}

func checkPrivate(t *testing.T, r *http.Response, vary string) {
	t.Helper()
	if r.StatusCode != 200 {
		t.Errorf("status %d", r.StatusCode)
	}
	h := withoutRequestID(r.Header)
	if etag := h.Get("ETag"); len(etag) < 3 || etag[0] != '"' || etag[len(etag)-1] != '"' {
		t.Errorf("ETag %s is not a strong one", etag)
	}
	h.Del("ETag")
	h.Del("Content-Length")
	want := http.Header{
		"Cache-Control":          {"private, no-cache"},
		"Content-Type":           {"application/json; charset=utf-8"},
		"Vary":                   {vary},
		"X-Content-Type-Options": {"nosniff"},
	}
	if diff := cmp.Diff(want, h); diff != "" {
		t.Errorf("headers (-want +got):\n%s", diff)
	}
}

func TestConditionalRequests(t *testing.T) {
	w := newWorld(t)
	etag := w.me().Header.Get("ETag")
	for name, test := range map[string]struct {
		lines  []string
		status int
	}{
		"the tag itself":                    {[]string{etag}, 304},
		"the tag marked weak":               {[]string{"W/" + etag}, 304},
		"one of a list":                     {[]string{`"x", ` + etag + `, "y"`}, 304},
		"a list without spaces":             {[]string{`"x",` + etag}, 304},
		"after a tag with a comma":          {[]string{`"x,y", ` + etag}, 304},
		"on a second line":                  {[]string{`"x"`, etag}, 304},
		"any":                               {[]string{"*"}, 304},
		"another tag":                       {[]string{`"x"`}, 200},
		"the tag without quotes":            {[]string{strings.Trim(etag, `"`)}, 200},
		"an empty field":                    {[]string{""}, 200},
		"a lonely quote":                    {[]string{`"`}, 200},
		"a part of the tag":                 {[]string{etag[:5] + `"`}, 200},
		"nothing after a malformed tag":     {[]string{"x " + etag}, 200},
		"a malformed line and then the tag": {[]string{"x", etag}, 304},
		"commas only":                       {[]string{",,,"}, 200},
	} {
		t.Run(name, func(t *testing.T) {
			var headers []string
			for _, line := range test.lines {
				headers = append(headers, "If-None-Match", line)
			}
			response := w.me(headers...)
			if response.StatusCode != test.status {
				t.Fatalf("status %d, want %d", response.StatusCode, test.status)
			}
			if response.Header.Get("ETag") != etag {
				t.Error("the tag changed without a change of the document")
			}
			if test.status == 304 {
				want := http.Header{
					"Cache-Control": {"private, no-cache"}, "Etag": {etag},
					"Vary": {"Authorization, X-Publishable-Key"}, "X-Content-Type-Options": {"nosniff"},
				}
				if diff := cmp.Diff(want, withoutRequestID(response.Header)); diff != "" || body(t, response) != "" {
					t.Errorf("304 (-want +got):\n%s", diff)
				}
			}
		})
	}
	t.Run("the tag changes with the document", func(t *testing.T) {
		key := consumer.Key{OrganizationID: org, ConsumerID: "cons_1"}
		changed := w.store.snapshots[key]
		changed.Participations = nil
		w.store.snapshots[key] = changed
		if response := w.me("If-None-Match", etag); response.StatusCode != 200 || response.Header.Get("ETag") == etag {
			t.Errorf("status %d, the same tag: %t", response.StatusCode, response.Header.Get("ETag") == etag)
		}
	})
	t.Run("of the look-up", func(t *testing.T) {
		etag := w.do("GET", prefix+"/cons_1", "Authorization", "Bearer "+secret).Header.Get("ETag")
		response := w.do("HEAD", prefix+"/cons_1", "Authorization", "Bearer "+secret, "If-None-Match", etag)
		if response.StatusCode != 304 {
			t.Errorf("status %d", response.StatusCode)
		}
	})
}

func TestRequestID(t *testing.T) {
	w := newWorld(t)
	longest := strings.Repeat("a", 64)
	for name, test := range map[string]struct {
		given []string
		kept  bool
	}{
		"a well-formed one is kept":         {[]string{"Abc-1_2.3"}, true},
		"64 characters are kept":            {[]string{longest}, true},
		"65 characters are not":             {[]string{longest + "a"}, false},
		"none gets a new one":               {nil, false},
		"an empty one gets a new one":       {[]string{""}, false},
		"another character gets a new one":  {[]string{"a b"}, false},
		"a letter beyond ASCII gets a new":  {[]string{"é"}, false},
		"sent twice, neither is to believe": {[]string{"a", "b"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			var headers []string
			for _, id := range test.given {
				headers = append(headers, "X-Request-Id", id)
			}
			for _, response := range []*http.Response{w.me(headers...), w.do("GET", "/nowhere", headers...), w.do("OPTIONS", prefix+"/me", headers...)} {
				id := response.Header.Values("X-Request-Id")
				if len(id) != 1 || len(id[0]) < 1 || len(id[0]) > 64 {
					t.Fatalf("ids %q", id)
				}
				if kept := len(test.given) > 0 && id[0] == test.given[0]; kept != test.kept {
					t.Errorf("given %q, response %q", test.given, id[0])
				}
			}
		})
	}
	first, second := w.me(), w.me()
	if first.Header.Get("X-Request-Id") == second.Header.Get("X-Request-Id") {
		t.Error("two requests have the same new id")
	}
}
