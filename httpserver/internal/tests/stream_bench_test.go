package tests_test

import (
	"bufio"
	"fmt"
	"net"
	"net/http"
	"runtime"
	"runtime/metrics"
	"strings"
	"testing"
	"time"

	"github.com/rejoinhq/rejoin/auth"
	"github.com/rejoinhq/rejoin/auth/authtest"
	"github.com/rejoinhq/rejoin/consumer"
	"github.com/rejoinhq/rejoin/httpserver"
)

// BenchmarkIdleStream opens event streams over loopback, lets each send heartbeats, and
// reports the memory of the server for each.
func BenchmarkIdleStream(b *testing.B) {
	const streams = 2000
	issuer, err := authtest.NewIssuer(authtest.IssuerOptions{})
	orFail(b, err)
	keySet, err := issuer.KeySet()
	orFail(b, err)
	defer keySet.Close()
	verifier, err := auth.NewVerifier(auth.VerifierOptions{Keys: keySet})
	orFail(b, err)
	keys, err := auth.NewStaticAPIKeys([]auth.StaticAPIKey{{OrganizationID: org, Key: publishable}})
	orFail(b, err)
	authenticator, err := auth.New(auth.Options{Tokens: verifier, APIKeys: keys})
	orFail(b, err)
	options := asTheServer()
	store := &busyStore{fakeStore: &fakeStore{snapshots: make(map[consumer.Key]consumer.Snapshot)}}
	options.Store, options.Auth, options.Heartbeat = store, authenticator, time.Second
	api, err := httpserver.New(options)
	orFail(b, err)
	defer api.Close()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	orFail(b, err)
	server := &http.Server{Handler: api.Handler(prefix), ReadHeaderTimeout: 5 * time.Second}
	go func() { _ = server.Serve(listener) }()
	defer server.Close()

	tokens := make([]string, streams)
	for n := range tokens {
		id := fmt.Sprintf("cons_%d", n)
		store.snapshots[consumer.Key{OrganizationID: org, ConsumerID: id}] = member(id, int64(n))
		tokens[n], err = issuer.Token(authtest.Claims{OrganizationID: org, ConsumerID: id})
		orFail(b, err)
	}
	connections := make([]net.Conn, streams)
	defer func() {
		for _, c := range connections {
			c.Close()
		}
	}()
	before := memory()
	for n := range connections {
		connections[n], err = net.Dial("tcp", listener.Addr().String())
		orFail(b, err)
		fmt.Fprintf(connections[n], "GET %s/me/events HTTP/1.1\r\nHost: a\r\nX-Publishable-Key: %s\r\nAuthorization: Bearer %s\r\n\r\n", prefix, publishable, tokens[n])
	}
	for _, c := range connections { // each has sent two heartbeats
		reader := bufio.NewReaderSize(c, 64)
		for beats := 0; beats < 2; {
			line, err := reader.ReadString('\n')
			orFail(b, err)
			if strings.HasPrefix(line, ": ") {
				beats++
			}
		}
	}
	after := memory()
	for b.Loop() {
		runtime.Gosched()
	}
	for name := range after {
		b.ReportMetric((after[name]-before[name])/streams, name+"-B/stream")
	}
}

// memory returns what the process holds, in bytes, after garbage collections.
func memory() map[string]float64 {
	for range 3 {
		runtime.GC()
	}
	samples := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}, {Name: "/memory/classes/heap/stacks:bytes"}}
	metrics.Read(samples)
	return map[string]float64{"heap": float64(samples[0].Value.Uint64()), "stack": float64(samples[1].Value.Uint64())}
}
