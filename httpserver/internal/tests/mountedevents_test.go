package tests_test

import (
	"bufio"
	"context"
	"errors"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rejoinhq/rejoin/consumer"
)

// pipes is a listener whose connections stay within a bubble.
type pipes struct {
	connections chan net.Conn
	closed      chan struct{}
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case connection := <-p.connections:
		return connection, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error   { close(p.closed); return nil }
func (p *pipes) Addr() net.Addr { return &net.TCPAddr{} }

func (p *pipes) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	client, server := net.Pipe()
	select {
	case p.connections <- server:
		return client, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// follower does what a browser does with a stream: it reads, and comes again when the
// stream has ended, with the id of the last event.
type follower struct {
	t      *testing.T
	client *http.Client
	header http.Header

	requests  int
	positions []string
	ends      []string
}

// follow asks until ctx ends.
func (f *follower) follow(ctx context.Context) {
	for ctx.Err() == nil {
		f.requests++
		f.once(ctx)
		select {
		case <-ctx.Done():
		case <-time.After(time.Second):
		}
	}
}

func (f *follower) once(ctx context.Context) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://shop.example"+foreignPrefix+"/me/events", nil)
	if err != nil {
		f.t.Error(err)
		return
	}
	r.Header = f.header
	response, err := f.client.Do(r)
	if err != nil {
		if !errors.Is(err, context.Canceled) {
			f.t.Error(err)
		}
		return
	}
	defer response.Body.Close()
	if response.StatusCode != 200 || response.Header.Get("Strict-Transport-Security") == "" {
		f.t.Errorf("status %d, header %v", response.StatusCode, response.Header)
	}
	var name string
	for lines := bufio.NewScanner(response.Body); lines.Scan(); {
		switch field, value, _ := strings.Cut(lines.Text(), ": "); field {
		case "event":
			name = value
		case "id":
			f.header.Set("Last-Event-ID", value)
		case "data":
			f.hear(name, value)
		}
	}
}

func (f *follower) hear(name, data string) {
	if name == "end" {
		f.ends = append(f.ends, data)
		return
	}
	_, position, _ := strings.Cut(data, `"position":`)
	position, _, _ = strings.Cut(position, ",")
	f.positions = append(f.positions, position)
}

// Whatever a service's own middleware leaves of the response writer, a client that comes
// again is told every state that lasts, once each, though the service's http.Server bounds
// how long an answer may take. What differs is how many requests that costs.
func TestStreamMountedAbroad(t *testing.T) {
	for rule, test := range map[string]struct {
		// atOnce says that a change is told before any time passes, and inOne that a
		// stream outlives the server's timeouts, so that one request is enough.
		atOnce, inOne bool
	}{
		"a writer with Unwrap":     {atOnce: true, inOne: true},
		"a writer with only Flush": {atOnce: true},
		"a writer with neither":    {},
	} {
		t.Run(rule, func(t *testing.T) {
			inBubble(t, func(t *testing.T, s *streaming) {
				listener := &pipes{make(chan net.Conn), make(chan struct{})}
				server := &http.Server{
					Handler:     abroad(s.api, foreignWriters[rule], func(int) {}),
					ReadTimeout: 10 * time.Second, WriteTimeout: 30 * time.Second,
				}
				go func() { _ = server.Serve(listener) }()
				defer server.Close()
				transport := &http.Transport{DialContext: listener.dial}
				defer transport.CloseIdleConnections()
				f := &follower{t: t, client: &http.Client{Transport: transport}, header: http.Header{
					"X-Publishable-Key": {publishable}, "Authorization": {"Bearer " + s.token(org, "cons_1")},
				}}
				ctx, leave := context.WithCancel(t.Context())
				defer leave()
				go f.follow(ctx)
				synctest.Wait()

				want := []string{"7"}
				for _, position := range []int64{6, 5, 4, 3, 2, 1} {
					s.moveTo(position)
					s.feed.Changed(consumer.Change{Consumers: []uint64{me.Hash()}})
					want = append(want, strconv.FormatInt(position, 10))
					synctest.Wait()
					if test.atOnce && !slices.Equal(f.positions, want) {
						t.Errorf("position %d is not told at once", position)
					}
					time.Sleep(17300 * time.Millisecond) // so that changes come in all phases of a stream
				}
				synctest.Wait()
				if diff := cmp.Diff(want, f.positions); diff != "" {
					t.Errorf("positions (-want +got):\n%s", diff)
				}
				if (f.requests == 1) != test.inOne {
					t.Errorf("%d requests", f.requests)
				}
				s.api.EndStreams()
				synctest.Wait()
				if diff := cmp.Diff([]string{`{"reason":"shutdown"}`}, f.ends); diff != "" {
					t.Errorf("ends (-want +got):\n%s", diff)
				}
			})
		})
	}
}
