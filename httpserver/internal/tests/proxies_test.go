package tests_test

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rejoinhq/rejoin/httpserver"
	"github.com/rejoinhq/rejoin/httpserver/probe"
)

// proxies are the proxies that the tests run, with their default settings as far as
// possible. In a configuration, %[1]s is a directory, %[2]s the address to listen on, %[3]s
// and %[4]s are the upstreams, %[5]s is the user, and %[6]s selects HTTP/2 for clients.
var proxies = map[string]struct {
	path   string
	args   func(config string) []string
	config string
	http2  string
}{
	"nginx": {"/usr/sbin/nginx", func(config string) []string { return []string{"-c", config, "-p", filepath.Dir(config)} }, `
%[5]s
daemon off;
pid %[1]s/pid;
error_log %[1]s/error.log;
events {}
http {
	access_log off;
	client_body_temp_path %[1]s/body;
	proxy_temp_path %[1]s/proxy;
	fastcgi_temp_path %[1]s/fastcgi;
	uwsgi_temp_path %[1]s/uwsgi;
	scgi_temp_path %[1]s/scgi;
	upstream replicas { server %[3]s; server %[4]s; }
	server {
		listen %[2]s %[6]s;
		location / { proxy_pass http://replicas; }
	}
}
`, "http2"},
	"HAProxy": {"/usr/sbin/haproxy", func(config string) []string { return []string{"-db", "-f", config} }, `
defaults
	mode http
	timeout connect 5s
	timeout client 30s
	timeout server 30s
frontend public
	bind %[2]s %[6]s
	default_backend replicas
backend replicas
	server a %[3]s
	server b %[4]s
`, "proto h2"},
	"HAProxy with HTTP/2 upstreams": {"/usr/sbin/haproxy", func(config string) []string { return []string{"-db", "-f", config} }, `
defaults
	mode http
	timeout connect 5s
	timeout client 30s
	timeout server 30s
frontend public
	bind %[2]s %[6]s
	default_backend replicas
backend replicas
	server a %[3]s proto h2
	server b %[4]s proto h2
`, "proto h2"},
}

// proxy starts a proxy in front of two replicas of a handler and returns its address. It
// skips the test if the program is not installed, but never in CI.
func proxy(t *testing.T, name string, handler http.Handler, http2 bool) string {
	t.Helper()
	p := proxies[name]
	if _, err := os.Stat(p.path); err != nil {
		if os.Getenv("CI") != "" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	directory, err := os.MkdirTemp("", "proxy") //nolint:usetesting // nginx's workers can't enter a test's own directory
	must(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(directory) })
	must(t, os.Chmod(directory, 0o755))
	config, address := filepath.Join(directory, "config"), freeAddress(t)
	user := ""
	if os.Geteuid() == 0 {
		user = "user root;"
	}
	mode := ""
	if http2 {
		mode = p.http2
	}
	text := fmt.Sprintf(p.config, directory, address, replica(t, handler), replica(t, handler), user, mode)
	text, _, _ = strings.Cut(text, "%!(EXTRA") // not every configuration uses every value
	must(t, os.WriteFile(config, []byte(text), 0o600))
	command := exec.Command(p.path, p.args(config)...)
	var output bytes.Buffer
	command.Stdout, command.Stderr = &output, &output
	must(t, command.Start())
	t.Cleanup(func() {
		_ = command.Process.Signal(os.Interrupt)
		_ = command.Wait()
		if t.Failed() {
			t.Logf("%s:\n%s", name, output.String())
		}
	})
	for range 500 {
		if connection, err := net.Dial("tcp", address); err == nil {
			must(t, connection.Close())
			return address
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatalf("%s does not listen:\n%s", name, output.String())
	return ""
}

// replica starts a server that speaks HTTP/1 and HTTP/2 without TLS. It returns its address.
func replica(t *testing.T, handler http.Handler) string {
	t.Helper()
	server := httptest.NewUnstartedServer(handler)
	server.Config.Protocols = new(http.Protocols)
	server.Config.Protocols.SetHTTP1(true)
	server.Config.Protocols.SetUnencryptedHTTP2(true)
	server.Start()
	t.Cleanup(server.Close)
	return server.Listener.Addr().String()
}

// proxiedClient returns a client for a proxy, which opens a connection for each request of
// HTTP/1.
func proxiedClient(t *testing.T, http2 bool) *http.Client {
	t.Helper()
	transport := &http.Transport{DisableKeepAlives: !http2, Protocols: new(http.Protocols)}
	transport.Protocols.SetHTTP1(!http2)
	transport.Protocols.SetUnencryptedHTTP2(http2)
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

func freeAddress(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	defer listener.Close()
	return listener.Addr().String()
}

// Every response to an unwanted body reaches the client, and the proxy goes on using its
// replicas.
func TestUnwantedBodiesThroughProxies(t *testing.T) {
	for name := range proxies {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			mux := http.NewServeMux()
			mux.Handle("/healthz", probe.Health())
			mux.Handle("/openapi.json", w.api.OpenAPI(prefix))
			mux.Handle("/metrics", httpserver.DiscardBody(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "metrics") })))
			mux.Handle("/", w.Handler)
			address, client := proxy(t, name, mux, false), proxiedClient(t, false)
			for size, rounds := range map[int]int{60_000: 4, 1_000_000: 2} {
				for _, test := range []struct {
					method, path string
					status       int
				}{
					{"POST", "/nowhere", 404}, {"POST", prefix + "/me", 405}, {"PUT", prefix + "/cons_1", 405},
					{"GET", prefix + "/me", 400}, {"GET", prefix + "/cons_1", 400}, {"OPTIONS", prefix + "/me", 204},
					{"POST", "/healthz", 405}, {"GET", "/healthz", 400}, {"POST", "/openapi.json", 405},
					{"POST", "/metrics", 200}, {"GET", "/metrics", 400},
				} {
					for round := range 2 * rounds {
						r, err := http.NewRequest(test.method, "http://"+address+test.path, bytes.NewReader(make([]byte, size)))
						must(t, err)
						if round%2 == 1 {
							r.ContentLength = -1 // in chunks
						}
						status, text, err := fetch(client, r)
						if status != test.status || err != nil {
							t.Errorf("%s %s with %d bytes, round %d: status %d, %v, %.100s", test.method, test.path, size, round, status, err, text)
						}
					}
				}
			}
			for range 10 {
				r, err := http.NewRequest("GET", "http://"+address+"/healthz", nil)
				must(t, err)
				if status, _, err := fetch(client, r); status != 200 || err != nil {
					t.Errorf("afterwards: status %d, %v", status, err)
				}
			}
		})
	}
}

// Proxies that translate HTTP/2 announce a body for a request that has an empty one.
func TestEmptyBodiesThroughProxies(t *testing.T) {
	for name := range proxies {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			address, client := proxy(t, name, w, true), proxiedClient(t, true)
			for _, method := range []string{"GET", "HEAD", "OPTIONS"} {
				r, err := http.NewRequest(method, "http://"+address+prefix+"/cons_1", struct{ io.Reader }{strings.NewReader("")})
				must(t, err)
				r.Header.Set("Authorization", "Bearer "+secret)
				want := http.StatusOK
				if method == "OPTIONS" {
					want = http.StatusNoContent
				}
				if status, text, err := fetch(client, r); status != want || err != nil {
					t.Errorf("%s: status %d, %v, %s", method, status, err, text)
				}
			}
		})
	}
}

// fetch sends a request and returns the status and body of the response.
func fetch(client *http.Client, r *http.Request) (status int, text []byte, err error) {
	response, err := client.Do(r)
	if err != nil {
		return 0, nil, err
	}
	defer response.Body.Close()
	text, err = io.ReadAll(response.Body)
	return response.StatusCode, text, err
}
