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

// fakeServer answers as the real one does, with the id that stands in the path.
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

func newLoad(address string, requests []request) load {
	return load{
		address: address, connections: 3, warmUp: time.Millisecond, duration: 20 * time.Millisecond,
		supply: &supply{requests: requests}, check: checkOwn,
	}
}

// There are never more requests under way than connections, and all of them are used.
func TestClosedLoop(t *testing.T) {
	var underWay, most atomic.Int64
	address := fakeServer(t, func(next http.HandlerFunc) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			for n := underWay.Add(1); ; {
				if before := most.Load(); n <= before || most.CompareAndSwap(before, n) {
					break
				}
			}
			next(w, r)
			underWay.Add(-1)
		}
	})
	l := newLoad(address, fakeRequests(10))
	m, err := l.run(t.Context())
	must(t, err)
	if m.requestsPerSecond <= 0 || m.p50 <= 0 || m.p99 < m.p50 {
		t.Errorf("%+v", m)
	}
	if most.Load() > 3 {
		t.Errorf("%d requests at a time on 3 connections", most.Load())
	}
	if l.supply.handed.Load() < 10 {
		t.Errorf("only %d requests", l.supply.handed.Load())
	}
}

func TestWrongAnswersEndTheRun(t *testing.T) {
	for name, test := range map[string]struct {
		around func(http.HandlerFunc) http.HandlerFunc
		check  check
		want   string
	}{
		"another consumer's document": {func(http.HandlerFunc) http.HandlerFunc {
			return func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `{"id":"cons_9999",}`) }
		}, checkOwn, "the document is not that of the consumer who asked"},
		"no document": {func(http.HandlerFunc) http.HandlerFunc {
			return func(http.ResponseWriter, *http.Request) {}
		}, checkOwn, "the document is not that of the consumer who asked"},
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

func TestRequestsForOnce(t *testing.T) {
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
	l.supply.once = true
	l.warmUp, l.duration = time.Minute, time.Minute // they run out long before
	if _, err := l.run(t.Context()); err == nil || err.Error() != "the requests ran out during the warm-up" {
		t.Errorf("error %v", err)
	}
	for path, n := range seen {
		if n != 1 {
			t.Errorf("%s was asked for %d times", path, n)
		}
	}
	if len(seen) != 50 {
		t.Errorf("%d of 50 requests were sent", len(seen))
	}
}

// A measurement whose requests run out is as long as they lasted.
func TestEarlyEnd(t *testing.T) {
	l := newLoad(fakeServer(t, nil), fakeRequests(2000))
	l.supply.once = true
	l.warmUp, l.duration = 0, time.Minute
	m, err := l.run(t.Context())
	must(t, err)
	if m.requestsPerSecond < 2*2000/60 {
		t.Errorf("%.0f requests/s", m.requestsPerSecond)
	}
}

// A server that stands still is measured too: by what ends behind the time.
func TestStandstill(t *testing.T) {
	end := time.Now().Add(30 * time.Millisecond)
	l := newLoad(fakeServer(t, func(next http.HandlerFunc) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			<-time.After(time.Until(end))
			next(w, r)
		}
	}), fakeRequests(1))
	l.warmUp, l.duration = time.Microsecond, time.Microsecond
	m, err := l.run(t.Context())
	must(t, err)
	if m.requestsPerSecond <= 0 || m.requestsPerSecond > 3/0.010 || m.p99 < 10*time.Millisecond {
		t.Errorf("%+v", m)
	}
}

// Whoever interrupts a run doesn't wait for a server that hangs.
func TestInterrupt(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	end := make(chan struct{})
	address := fakeServer(t, func(http.HandlerFunc) http.HandlerFunc {
		return func(http.ResponseWriter, *http.Request) {
			cancel()
			<-end
		}
	})
	t.Cleanup(func() { close(end) }) // before the server closes, which waits for it
	l := newLoad(address, fakeRequests(1))
	l.duration = time.Minute
	if _, err := l.run(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}

func TestIntroduce(t *testing.T) {
	requests := fakeRequests(100)
	t.Run("each request once", func(t *testing.T) {
		told := make(map[int]string)
		must(t, introduce(t.Context(), fakeServer(t, nil), requests, func(i int, a answer) { told[i] = string(a.body) }))
		for i := range requests {
			if want := requests[i].begins + "}"; told[i] != want {
				t.Errorf("of request %d it told %q, want %q", i, told[i], want)
			}
		}
	})
	t.Run("a refusal ends it", func(t *testing.T) {
		address := fakeServer(t, func(http.HandlerFunc) http.HandlerFunc { return http.NotFound })
		err := introduce(t.Context(), address, requests, func(int, answer) { t.Error("it told an answer") })
		if err == nil || err.Error() != "status 404 instead of 200" {
			t.Errorf("error %v", err)
		}
	})
}
