package tests_test

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rejoinhq/rejoin/consumer"
	"github.com/rejoinhq/rejoin/httpserver"
)

// Every status, header and example of the description occurs in a response. That every
// response is described is checked by every other test.
func TestEverythingDescribedOccurs(t *testing.T) {
	seen := provokeEverything(t)
	document, err := described()
	must(t, err)

	var missing []string
	for path, item := range document.Paths.Map() {
		for status, response := range item.Get.Responses.Map() {
			answer := path + " " + status
			answers := seen[answer]
			if len(answers) == 0 {
				missing = append(missing, answer)
				continue
			}
			for name := range response.Value.Headers {
				if !slices.ContainsFunc(answers, func(a recorded) bool { return a.header.Get(name) != "" }) {
					missing = append(missing, answer+" "+name)
				}
			}
			for media, content := range response.Value.Content {
				for name, example := range content.Examples {
					if !slices.ContainsFunc(answers, func(a recorded) bool { return a.is(media, example.Value.Value) }) {
						missing = append(missing, answer+" example "+name)
					}
				}
			}
		}
	}
	slices.Sort(missing)
	if len(missing) > 0 {
		t.Errorf("described, but in no response: %q", missing)
	}
}

// recorded is a response of a handler.
type recorded struct {
	header http.Header
	body   string
}

// is reports whether the response is the example.
func (r recorded) is(media string, example any) bool {
	if !strings.HasPrefix(r.header.Get("Content-Type"), media) {
		return false
	}
	if media == eventStream {
		events, err := decodeStream(strings.NewReader(r.body), nil, nil, nil)
		return err == nil && reflect.DeepEqual(events, plain(example))
	}
	var value any
	return json.Unmarshal([]byte(r.body), &value) == nil && reflect.DeepEqual(value, plain(example))
}

// plain returns a value as JSON decodes it, whatever types the library uses.
func plain(value any) any {
	text, err := json.Marshal(value)
	if err != nil {
		return err
	}
	var read any
	if err := json.Unmarshal(text, &read); err != nil {
		return err
	}
	return read
}

// provocation collects responses by path and status of the description.
type provocation struct {
	t    *testing.T
	seen map[string][]recorded
}

func provokeEverything(t *testing.T) map[string][]recorded {
	p := provocation{t, map[string][]recorded{}}
	for _, path := range []string{"/me", "/me/events", "/"} {
		p.examples(path)
		p.refusals(path)
		p.limited(path)
	}
	p.ask(newWorld(t, withoutStreams), "GET", "/me/events", "")
	p.wholeStream()
	return p.seen
}

// ask sends a request. The response can't be flushed, so a stream ends after one event.
func (p provocation) ask(w *world, method, path, text string, headers ...string) (etag string) {
	p.t.Helper()
	r := httptest.NewRequest(method, prefix+path, strings.NewReader(text))
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	recorder := httptest.NewRecorder()
	w.ServeHTTP(struct{ http.ResponseWriter }{recorder}, r)
	p.keep(prefix+path, recorder.Result())
	return recorder.Header().Get("ETag")
}

func (p provocation) keep(target string, response *http.Response) {
	p.t.Helper()
	must(p.t, checkDescribed("GET", target, response))
	key := describedPath(target) + " " + strconv.Itoa(response.StatusCode)
	p.seen[key] = append(p.seen[key], recorded{response.Header, body(p.t, response)})
}

// get requests a consumer with valid credentials and further headers.
func (p provocation) get(w *world, path, consumerID string, headers ...string) (etag string) {
	p.t.Helper()
	if path == "/" {
		return p.ask(w, "GET", path+consumerID, "", append(headers, "Authorization", "Bearer "+secret)...)
	}
	return p.ask(w, "GET", path, "", append(headers,
		"X-Publishable-Key", publishable, "Authorization", "Bearer "+w.token(org, consumerID))...)
}

func withStreams(o *httpserver.Options) { o.Changes = &fakeFeed{} }

// withoutStreams hides the store from newWorld, which would give it a feed and a cache where
// the environment asks for one.
func withoutStreams(o *httpserver.Options) { o.Store = struct{ consumer.Reader }{o.Store} }

// examples requests the consumers of the examples.
func (p provocation) examples(path string) {
	w := newWorld(p.t, withStreams)
	for _, s := range []consumer.Snapshot{documentedSnapshot(), guestSnapshot(), everyTypeSnapshot()} {
		if path == "/" && s.Consumer.Email != nil {
			s.Consumer.Phone = new("+12025551234") // the two examples of the API documentation differ in it
		}
		w.add(s)
		p.get(w, path, s.Consumer.ID)
	}
}

// refusals sends requests without credentials, with invalid ones, and with other errors.
func (p provocation) refusals(path string) {
	w := newWorld(p.t, withStreams)
	if path == "/" {
		path = "/cons_1"
	}
	p.ask(w, "POST", path, "")
	p.ask(w, "GET", path, "a body")
	p.ask(w, "GET", path, "", "X-Publishable-Key", publishable)
	p.ask(w, "GET", path, "", "X-Publishable-Key", publishable, "Authorization", "Bearer x")
}

// limited sends requests under a limit, which the last one exceeds.
func (p provocation) limited(path string) {
	w := newWorld(p.t, withStreams, withPollIntervals(httpserver.PollIntervals{}), func(o *httpserver.Options) {
		o.RateLimit = httpserver.RateLimit{PerKey: 5, Window: time.Minute}
	})
	w.now = func() time.Time { return now.Add(30 * time.Second) } // in the middle of the window
	etag := p.get(w, path, "cons_1")
	p.get(w, path, "cons_1", "If-None-Match", etag)
	p.get(w, path, "cons_gone")
	w.store.err = errors.New("a bug")
	p.get(w, path, "cons_1")
	w.store.err = consumer.ErrUnavailable
	p.get(w, path, "cons_1")
	p.get(w, path, "cons_1")
}

// wholeStream follows a guest until the token expires.
func (p provocation) wholeStream() {
	inBubble(p.t, func(t *testing.T, s *streaming) {
		s.meanwhile(func() { s.add(guestSnapshot()) })
		c := s.streamThrough(func(w http.ResponseWriter) http.ResponseWriter { return w },
			"X-Publishable-Key", publishable, "Authorization", "Bearer "+s.token(org, "cons_guest"))
		<-c.ended
		p.keep(prefix+"/me/events", c.Result())
	})
}
