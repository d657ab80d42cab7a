package httpserver_test

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

	"github.com/google/go-cmp/cmp"

	"github.com/rejoinhq/rejoin/consumer"
	"github.com/rejoinhq/rejoin/httpserver"
)

// The description has nothing that the handlers don't answer: no status, no header and
// no example. (That they answer nothing that it doesn't have, every test sees to.)
func TestEverythingDescribedIsAnswered(t *testing.T) {
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
	want := []string{
		"/me 200 X-Poll-Interval",
		"/me 304 X-Poll-Interval",
		"/me/events 200",
		"/me/events 400",
		"/me/events 401",
		"/me/events 404 Vary",
		"/me/events 404 X-RateLimit-Limit",
		"/me/events 404 X-RateLimit-Remaining",
		"/me/events 404 X-RateLimit-Reset",
		"/me/events 404 example consumerNotFound",
		"/me/events 405",
		"/me/events 429",
		"/me/events 500",
		"/me/events 503",
	}
	if diff := cmp.Diff(want, missing); diff != "" {
		t.Errorf("described and not answered (-want +got):\n%s", diff)
	}
}

// recorded is an answer that a handler gave.
type recorded struct {
	header http.Header
	body   string
}

// is reports whether the answer is the example.
func (r recorded) is(media string, example any) bool {
	if !strings.HasPrefix(r.header.Get("Content-Type"), media) {
		return false
	}
	var value any
	return json.Unmarshal([]byte(r.body), &value) == nil && reflect.DeepEqual(value, plain(example))
}

// plain is a value as JSON reads it, whatever types the library made of it.
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

// provocation collects answers by path and status of the description.
type provocation struct {
	t    *testing.T
	seen map[string][]recorded
}

func (p provocation) keep(target string, response *http.Response) {
	key := describedPath(target) + " " + strconv.Itoa(response.StatusCode)
	p.seen[key] = append(p.seen[key], recorded{response.Header, body(p.t, response)})
}

// get asks for a consumer with good credentials, and what other headers are given.
func (p provocation) get(w *world, path, consumerID string, headers ...string) (etag string) {
	target := prefix + path
	if path == "/me" {
		headers = append(headers, "X-Publishable-Key", publishable, "Authorization", "Bearer "+w.token(org, consumerID))
	} else {
		target += consumerID
		headers = append(headers, "Authorization", "Bearer "+secret)
	}
	response := w.do("GET", target, headers...)
	p.keep(target, response)
	return response.Header.Get("ETag")
}

func provokeEverything(t *testing.T) map[string][]recorded {
	p := provocation{t, map[string][]recorded{}}
	for _, path := range []string{"/me", "/"} {
		p.examples(path)
		p.refusals(path)
		p.limited(path)
	}
	p.keep(prefix+"/me/events", newWorld(t).do("GET", prefix+"/me/events"))
	return p.seen
}

// examples asks for the consumers of the examples.
func (p provocation) examples(path string) {
	w := newWorld(p.t)
	for _, s := range []consumer.Snapshot{seedSnapshot(), guestSnapshot(), everyTypeSnapshot()} {
		if path == "/" && s.Consumer.Email != nil {
			s.Consumer.Phone = new("+12025551234") // the seed's two examples differ in it
		}
		w.add(s)
		p.get(w, path, s.Consumer.ID)
	}
}

// refusals asks without credentials, with bad ones, and in other wrong ways.
func (p provocation) refusals(path string) {
	w, target := newWorld(p.t), prefix+path
	if path == "/" {
		target += "cons_1"
	}
	p.keep(target, w.do("POST", target))
	p.keep(target, w.do("GET", target, "X-Publishable-Key", publishable))
	p.keep(target, w.do("GET", target, "X-Publishable-Key", publishable, "Authorization", "Bearer x"))

	answer := httptest.NewRecorder()
	w.ServeHTTP(answer, httptest.NewRequest("GET", target, strings.NewReader("a body")))
	must(p.t, checkDescribed("GET", target, answer.Result()))
	p.keep(target, answer.Result())
}

// limited asks under a limit that the last request goes beyond.
func (p provocation) limited(path string) {
	w, clock := limitedAt(p.t, httpserver.RateLimit{PerKey: 5, Window: time.Minute})
	*clock = now.Add(30 * time.Second)
	etag := p.get(w, path, "cons_1")
	p.get(w, path, "cons_1", "If-None-Match", etag)
	p.get(w, path, "cons_gone")
	w.store.err = errors.New("a bug")
	p.get(w, path, "cons_1")
	w.store.err = consumer.ErrUnavailable
	p.get(w, path, "cons_1")
	p.get(w, path, "cons_1")
}
