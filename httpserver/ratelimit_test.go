package httpserver_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rejoinhq/rejoin/httpserver"
)

// limitedAt is a world with a rate limit and a clock that the test sets.
func limitedAt(t *testing.T, limit httpserver.RateLimit) (*world, *time.Time) {
	clock := now
	return newWorld(t, func(o *httpserver.Options) {
		o.RateLimit = limit
		o.Now = func() time.Time { return clock }
	}), &clock
}

// shown is what an answer says of the limit.
func shown(r *http.Response) string {
	h := r.Header
	return fmt.Sprintf("%d: %s of %s until %s, retry after %q", r.StatusCode,
		h.Get("X-RateLimit-Remaining"), h.Get("X-RateLimit-Limit"), h.Get("X-RateLimit-Reset"), h.Get("Retry-After"))
}

func TestRateLimitPerConsumer(t *testing.T) {
	w, clock := limitedAt(t, httpserver.RateLimit{PerConsumer: 2, Window: 10 * time.Second})
	*clock = now.Add(3500 * time.Millisecond) // 09:30:03.5; the window ends at 09:30:10, 1733045410
	want := []string{
		`200: 1 of 2 until 1733045410, retry after ""`,
		`200: 0 of 2 until 1733045410, retry after ""`,
		`429: 0 of 2 until 1733045410, retry after "7"`,
		`429: 0 of 2 until 1733045410, retry after "7"`,
	}
	var got []string
	for range want {
		got = append(got, shown(w.me()))
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	limited := w.me()
	check(t, limited, refusal{429, `{"error":"Rate limit exceeded","retryAfter":7}`, "", "7"})

	t.Run("strangers neither use it up nor see it", func(t *testing.T) {
		if got := shown(w.do("GET", prefix+"/me")); got != `401:  of  until , retry after ""` {
			t.Error(got)
		}
	})
	t.Run("another consumer has an allowance of its own", func(t *testing.T) {
		r := w.do("GET", prefix+"/me", "X-Publishable-Key", otherPublishable, "Authorization", "Bearer "+w.token(otherOrg, "cons_1"))
		if got := shown(r); got != `404: 1 of 2 until 1733045410, retry after ""` {
			t.Error(got)
		}
	})
	t.Run("a server that looks up is not a consumer", func(t *testing.T) {
		if got := shown(w.do("GET", prefix+"/cons_1", "Authorization", "Bearer "+secret)); got != `200:  of  until , retry after ""` {
			t.Error(got)
		}
	})
	t.Run("the next window begins anew", func(t *testing.T) {
		*clock = now.Add(10 * time.Second)
		if got := shown(w.me()); got != `200: 1 of 2 until 1733045420, retry after ""` {
			t.Error(got)
		}
	})
}

func TestRateLimitPerKey(t *testing.T) {
	w, _ := limitedAt(t, httpserver.RateLimit{PerKey: 1})
	lookup := func(key string) string {
		return shown(w.do("GET", prefix+"/cons_1", "Authorization", "Bearer "+key))
	}
	want := []string{
		`200: 0 of 1 until 1733045460, retry after ""`, `429: 0 of 1 until 1733045460, retry after "60"`,
		`404: 0 of 1 until 1733045460, retry after ""`,
		`200: 0 of 1 until 1733045460, retry after ""`, `429: 0 of 1 until 1733045460, retry after "60"`,
	}
	got := []string{lookup(secret), lookup(secret), lookup(otherSecret), shown(w.me()), shown(w.me())}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	for _, spelling := range []string{"bearer ", "BEARER ", "Bearer   "} {
		t.Run("a key counts as one, however the scheme is spelled: "+strings.TrimSpace(spelling), func(t *testing.T) {
			if r := w.do("GET", prefix+"/cons_1", "Authorization", spelling+secret); r.StatusCode != 429 {
				t.Errorf("status %d", r.StatusCode)
			}
		})
	}
	t.Run("without our keys the organization counts", func(t *testing.T) {
		w := newWorld(t, func(o *httpserver.Options) {
			o.RateLimit = httpserver.RateLimit{PerKey: 1}
			o.Auth = fakeAuth{}
		})
		for i, want := range []int{200, 429} { // invented keys make no difference
			if r := w.do("GET", prefix+"/cons_1", "Authorization", fmt.Sprint("Bearer invented", i)); r.StatusCode != want {
				t.Errorf("look-up: %d, want %d", r.StatusCode, want)
			}
		}
		if r := w.do("GET", prefix+"/me", "X-Publishable-Key", "invented"); r.StatusCode != 429 {
			t.Errorf("me: %d", r.StatusCode)
		}
	})
}

// What one consumer asks too often doesn't use up the key of all the others.
func TestRateLimitOfOneConsumerSparesTheOthers(t *testing.T) {
	w, _ := limitedAt(t, httpserver.RateLimit{PerConsumer: 2, PerKey: 4})
	for range 20 {
		w.me()
	}
	r := w.do("GET", prefix+"/me", "X-Publishable-Key", publishable, "Authorization", "Bearer "+w.token(org, "cons_2"))
	if got := shown(r); got != `404: 1 of 2 until 1733045460, retry after ""` {
		t.Error(got)
	}
}

// A request that began in the window before doesn't make everybody's counts begin anew.
func TestRateLimitWindowsDoNotRunBackwards(t *testing.T) {
	w, clock := limitedAt(t, httpserver.RateLimit{PerConsumer: 1})
	*clock = now.Add(time.Minute)
	w.me()
	*clock = now.Add(time.Minute - time.Millisecond)
	w.me()
	*clock = now.Add(time.Minute)
	if r := w.me(); r.StatusCode != 429 {
		t.Errorf("status %d", r.StatusCode)
	}
}

func TestRateLimitShowsTheClosest(t *testing.T) {
	w, _ := limitedAt(t, httpserver.RateLimit{PerKey: 3, PerConsumer: 2})
	want := []string{
		`200: 1 of 2 until 1733045460, retry after ""`,
		`200: 0 of 2 until 1733045460, retry after ""`,
		`429: 0 of 2 until 1733045460, retry after "60"`,
	}
	if diff := cmp.Diff(want, []string{shown(w.me()), shown(w.me()), shown(w.me())}); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// A body on GET is refused, announced or sent, whole or in chunks; the answer comes at
// once, though the body never does, and no second request is read from its bytes.
func TestBodyIsRefused(t *testing.T) {
	w := newWorld(t)
	server := httptest.NewServer(w)
	defer server.Close()
	credentials := "X-Publishable-Key: " + publishable + "\r\nAuthorization: Bearer " + w.token(org, "cons_1") + "\r\n"
	smuggled := "GET " + prefix + "/me HTTP/1.1\r\nHost: a\r\n" + credentials + "\r\n"
	for name, test := range map[string]struct{ head, body string }{
		"announced and never sent": {"Content-Length: 5\r\n", ""},
		"sent":                     {fmt.Sprintf("Content-Length: %d\r\n", len(smuggled)), smuggled},
		"in chunks, never sent":    {"Transfer-Encoding: chunked\r\n", ""},
		"in chunks with a length":  {"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", "0\r\n\r\n" + smuggled},
	} {
		t.Run(name, func(t *testing.T) {
			connection, err := net.Dial("tcp", server.Listener.Addr().String())
			must(t, err)
			defer connection.Close()
			must(t, connection.SetDeadline(time.Now().Add(5*time.Second))) // the answer comes long before
			_, err = io.WriteString(connection, "GET "+prefix+"/me HTTP/1.1\r\nHost: a\r\n"+credentials+test.head+"\r\n"+test.body)
			must(t, err)
			answers, err := io.ReadAll(bufio.NewReader(connection))
			must(t, err)
			if text := string(answers); !strings.HasPrefix(text, "HTTP/1.1 400 ") || strings.Count(text, "HTTP/1.1 ") != 1 ||
				!strings.Contains(text, `{"error":"Bad request","message":"A GET request has no body here."}`) {
				t.Errorf("answered:\n%s", text)
			}
		})
	}
	for name, request := range map[string]string{
		"405": "POST " + prefix + "/me", "404": "GET /nowhere", "204": "OPTIONS " + prefix + "/me",
	} {
		t.Run("nobody waits for the body of what is answered with "+name, func(t *testing.T) {
			connection, err := net.Dial("tcp", server.Listener.Addr().String())
			must(t, err)
			defer connection.Close()
			must(t, connection.SetDeadline(time.Now().Add(5*time.Second)))
			_, err = io.WriteString(connection, request+" HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n")
			must(t, err)
			answer, err := io.ReadAll(connection)
			must(t, err)
			if !strings.HasPrefix(string(answer), "HTTP/1.1 "+name+" ") {
				t.Errorf("answered:\n%s", answer)
			}
		})
	}
	t.Run("an announced body of nothing is none", func(t *testing.T) {
		if response := w.me("Content-Length", "0"); response.StatusCode != 200 {
			t.Errorf("status %d", response.StatusCode)
		}
	})
}
