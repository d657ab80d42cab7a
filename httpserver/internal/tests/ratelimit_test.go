package tests_test

import (
	"fmt"
	"math"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rejoinhq/rejoin/httpserver"
)

// limitedAt returns a world with a rate limit, and its clock.
func limitedAt(t *testing.T, limit httpserver.RateLimit) (*world, *time.Time) {
	clock := now
	return newWorld(t, func(o *httpserver.Options) {
		o.RateLimit = limit
		o.Now = func() time.Time { return clock }
	}), &clock
}

// shown describes the headers of a response that a rate limit sets.
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

	t.Run("an unauthenticated request has no limit", func(t *testing.T) {
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
	t.Run("a look-up by a server doesn't count", func(t *testing.T) {
		if got := shown(w.do("GET", prefix+"/cons_1", "Authorization", "Bearer "+secret)); got != `200:  of  until , retry after ""` {
			t.Error(got)
		}
	})
	t.Run("the next window begins with no requests", func(t *testing.T) {
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
		t.Run("the spelling of the scheme makes no difference: "+strings.TrimSpace(spelling), func(t *testing.T) {
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

// A consumer that exceeds its limit doesn't use up the limit of its publishable key.
func TestConsumerOverItsLimitSparesTheKey(t *testing.T) {
	w, _ := limitedAt(t, httpserver.RateLimit{PerConsumer: 2, PerKey: 4})
	for range 20 {
		w.me()
	}
	r := w.do("GET", prefix+"/me", "X-Publishable-Key", publishable, "Authorization", "Bearer "+w.token(org, "cons_2"))
	if got := shown(r); got != `404: 1 of 2 until 1733045460, retry after ""` {
		t.Error(got)
	}
}

// A request that began in the previous window doesn't reset the counts.
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

// A clock that was set back by more than a window begins a new one. Otherwise callers who
// have exceeded their limit would wait until the clock is there again.
func TestRateLimitAfterTheClockWasSetBack(t *testing.T) {
	w, clock := limitedAt(t, httpserver.RateLimit{PerConsumer: 1})
	*clock = now.Add(24 * time.Hour)
	for _, test := range []struct {
		at   time.Time
		want int
	}{{*clock, 200}, {*clock, 429}, {clock.Add(-time.Minute), 429}, {clock.Add(-2 * time.Minute), 200}, {clock.Add(-2 * time.Minute), 429}} {
		*clock = test.at
		if r := w.me(); r.StatusCode != test.want {
			t.Errorf("%v: status %d, want %d", test.at, r.StatusCode, test.want)
		}
	}
}

// The largest possible limit and window don't overflow.
func TestLargestRateLimit(t *testing.T) {
	w, _ := limitedAt(t, httpserver.RateLimit{PerConsumer: math.MaxInt, PerKey: math.MaxInt, Window: 24 * time.Hour})
	for i := range 3 {
		want := fmt.Sprintf(`200: %d of %d until 1733097600, retry after ""`, math.MaxInt-1-i, math.MaxInt)
		if got := shown(w.me()); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	w, _ = limitedAt(t, httpserver.RateLimit{PerConsumer: 1, Window: 24 * time.Hour})
	w.me()
	if got := shown(w.me()); got != `429: 0 of 1 until 1733097600, retry after "52200"` {
		t.Error(got)
	}
}

// A clock that shows the zero time works too.
func TestRateLimitAtTheZeroTime(t *testing.T) {
	api, err := httpserver.New(httpserver.Options{
		Store: emptyStore{}, Auth: fakeAuth{}, RateLimit: httpserver.RateLimit{PerConsumer: 1}, Now: func() time.Time { return time.Time{} },
	})
	must(t, err)
	for _, want := range []int{200, 429} {
		if r := do(api.Me(), "GET", "/me"); r.StatusCode != want {
			t.Errorf("status %d, want %d", r.StatusCode, want)
		}
	}
}
