package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// fakeServer starts a server that responds like the real one, with the ID in the path.
func fakeServer(t *testing.T, around func(next http.HandlerFunc) http.HandlerFunc) string {
	t.Helper()
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, `{"id":"%s",}`, strings.TrimPrefix(r.URL.Path, "/"))
	})
	if around != nil {
		handler = around(handler)
	}
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return server.Listener.Addr().String()
}

func fakeRequests(n int) []request {
	all := make([]request, n)
	for i := range all {
		id := consumerID(i)
		all[i] = request{fmt.Appendf(nil, "GET /%s HTTP/1.1\r\nHost: x\r\n\r\n", id), `{"id":"` + id + `",`}
	}
	return all
}

// newLoad returns a load of 3 connections that sends each request once. It ends when the
// requests are used up, however fast the machine is.
func newLoad(address string, requests []request) load {
	return load{
		address: address, connections: 3, duration: time.Hour,
		supply: &supply{requests: requests, once: true}, check: checkOwn,
	}
}

// inFlight counts the requests that a server handles at the same time.
type inFlight struct{ now, most atomic.Int64 }

func (f *inFlight) begin() (n int64) {
	n = f.now.Add(1)
	for most := f.most.Load(); n > most && !f.most.CompareAndSwap(most, n); most = f.most.Load() {
	}
	return n
}

func (f *inFlight) end() { f.now.Add(-1) }

// TestClosedLoop checks that all connections are used, and that there are never more requests
// in flight than connections. The first requests wait until each connection has sent one.
func TestClosedLoop(t *testing.T) {
	var requests inFlight
	all := make(chan struct{})
	l := newLoad(fakeServer(t, func(next http.HandlerFunc) http.HandlerFunc {
		var once sync.Once
		return func(w http.ResponseWriter, r *http.Request) {
			if requests.begin() == 3 {
				once.Do(func() { close(all) })
			}
			select {
			case <-all:
			case <-r.Context().Done():
			}
			requests.end() // before the response, after which the next request may arrive
			next(w, r)
		}
	}), fakeRequests(10))
	m, err := l.run(t.Context())
	must(t, err)
	if m.requestsPerSecond <= 0 || m.p50 <= 0 || m.p99 < m.p50 {
		t.Errorf("%+v", m)
	}
	if most := requests.most.Load(); most > 3 {
		t.Errorf("%d requests at a time on 3 connections", most)
	}
	if used := l.supply.used.Load(); used < 10 {
		t.Errorf("only %d requests", used)
	}
}

func TestWrongResponsesEndTheRun(t *testing.T) {
	for name, test := range map[string]struct {
		around func(http.HandlerFunc) http.HandlerFunc
		check  check
		want   string
	}{
		"another consumer's document": {func(http.HandlerFunc) http.HandlerFunc {
			return func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `{"id":"cons_9999",}`) }
		}, checkOwn, "the document is not that of the consumer in the request"},
		"no document": {func(http.HandlerFunc) http.HandlerFunc {
			return func(http.ResponseWriter, *http.Request) {}
		}, checkOwn, "the document is not that of the consumer in the request"},
		"another status": {func(http.HandlerFunc) http.HandlerFunc {
			return func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) }
		}, checkOwn, "status 503 instead of 200"},
		"a document that was not modified": {nil, checkEmpty, "status 200 instead of 304"},
		"a body of another length":         {nil, checkLength(7), "status 200 with 23 bytes instead of 200 with 7"},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLoad(fakeServer(t, test.around), fakeRequests(1))
			l.check = test.check
			if _, err := l.run(t.Context()); err == nil || err.Error() != test.want {
				t.Errorf("error %v, want %s", err, test.want)
			}
		})
	}
}

func TestRequestsAreUsedOnce(t *testing.T) {
	var mu sync.Mutex
	seen := make(map[string]int)
	address := fakeServer(t, func(next http.HandlerFunc) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			mu.Lock()
			seen[r.URL.Path]++
			mu.Unlock()
			next(w, r)
		}
	})
	l := newLoad(address, fakeRequests(50))
	l.warmUp = time.Hour
	if _, err := l.run(t.Context()); err == nil || err.Error() != "the requests ran out during the warm-up" {
		t.Errorf("error %v", err)
	}
	for path, n := range seen {
		if n != 1 {
			t.Errorf("%s was requested %d times", path, n)
		}
	}
	if len(seen) != 50 {
		t.Errorf("%d of 50 requests were sent", len(seen))
	}
}

// TestRequestsBeginAgain sends more requests than there are. The last request that the server
// waits for ends the measurement.
func TestRequestsBeginAgain(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	var n atomic.Int64
	l := newLoad(fakeServer(t, func(next http.HandlerFunc) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			if n.Add(1) == 100 {
				cancel()
			}
			next(w, r)
		}
	}), fakeRequests(10))
	l.supply.once = false
	if _, err := l.run(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}

// TestEarlyEnd checks that a measurement lasts only as long as its requests. Over the planned
// hour there would be less than one request in 18 seconds.
func TestEarlyEnd(t *testing.T) {
	l := newLoad(fakeServer(t, nil), fakeRequests(200))
	m, err := l.run(t.Context())
	must(t, err)
	if m.requestsPerSecond < 2*200/time.Hour.Seconds() {
		t.Errorf("%.3f requests/s", m.requestsPerSecond)
	}
}

// TestWaitUntil checks the case that the goroutine runs again only after both events.
func TestWaitUntil(t *testing.T) {
	done := make(chan struct{})
	close(done)
	for range 100 { // select chooses at random
		if !waitUntil(time.Now(), done) {
			t.Fatal("it did not report that the time has come")
		}
		if waitUntil(time.Now().Add(time.Hour), done) {
			t.Fatal("it reported that the time has come an hour before")
		}
	}
}

// TestStall checks that a measurement in which no request ends counts the requests that end
// later. Each request takes at least 20 ms.
func TestStall(t *testing.T) {
	l := newLoad(fakeServer(t, func(next http.HandlerFunc) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			time.Sleep(20 * time.Millisecond)
			next(w, r)
		}
	}), fakeRequests(1))
	l.supply.once = false
	l.warmUp, l.duration = time.Microsecond, time.Microsecond
	m, err := l.run(t.Context())
	must(t, err)
	if m.requestsPerSecond <= 0 || m.requestsPerSecond > 3/0.020 || m.p99 < 20*time.Millisecond {
		t.Errorf("%+v", m)
	}
}

// TestInterrupt checks that an interrupted run does not wait for a server that hangs.
func TestInterrupt(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	end := make(chan struct{})
	address := fakeServer(t, func(http.HandlerFunc) http.HandlerFunc {
		return func(http.ResponseWriter, *http.Request) {
			cancel()
			<-end
		}
	})
	t.Cleanup(func() { close(end) }) // runs before the server is closed, which waits for the handler
	l := newLoad(address, fakeRequests(1))
	l.supply.once = false
	if _, err := l.run(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}

func TestPrime(t *testing.T) {
	requests := fakeRequests(100)
	t.Run("each request once", func(t *testing.T) {
		got := make(map[int]string)
		must(t, prime(t.Context(), fakeServer(t, nil), requests, func(i int, r response) { got[i] = string(r.body) }))
		for i := range requests {
			if want := requests[i].prefix + "}"; got[i] != want {
				t.Errorf("response %d is %q, want %q", i, got[i], want)
			}
		}
	})
	t.Run("an error status", func(t *testing.T) {
		address := fakeServer(t, func(http.HandlerFunc) http.HandlerFunc { return http.NotFound })
		err := prime(t.Context(), address, requests, func(int, response) { t.Error("it passed on a response") })
		if err == nil || err.Error() != "status 404 instead of 200" {
			t.Errorf("error %v", err)
		}
	})
}
