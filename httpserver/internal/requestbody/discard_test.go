package requestbody_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rejoinhq/rejoin/httpserver/internal/requestbody"
)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// ignores responds without looking at the body. The response says what length the handler
// saw.
func ignores(w http.ResponseWriter, r *http.Request) {
	text := fmt.Sprintf("length %d\n", r.ContentLength)
	w.Header().Set("Content-Length", fmt.Sprint(len(text)))
	w.Header().Set("X-Remote-Addr", r.RemoteAddr)
	_, _ = io.WriteString(w, text)
}

// unsized is ignores without a Content-Length.
func unsized(w http.ResponseWriter, r *http.Request) {
	_, _ = fmt.Fprintf(w, "length %d\n", r.ContentLength)
}

// reads reads the whole body.
func reads(w http.ResponseWriter, r *http.Request) {
	text, err := io.ReadAll(r.Body)
	_, _ = fmt.Fprintf(w, "length %d, read %d, error %v\n", r.ContentLength, len(text), err)
}

// connection is a client's end of a connection to a server with one handler.
type connection struct {
	t *testing.T
	net.Conn
	reader *bufio.Reader
}

// dial connects to a new server over TCP.
func dial(t *testing.T, handler http.HandlerFunc) *connection {
	t.Helper()
	server := httptest.NewServer(requestbody.Discard(handler))
	t.Cleanup(server.Close)
	c, err := net.Dial("tcp", server.Listener.Addr().String())
	must(t, err)
	t.Cleanup(func() { _ = c.Close() })
	must(t, c.SetDeadline(time.Now().Add(time.Minute)))
	return &connection{t, c, bufio.NewReader(c)}
}

// inMemory runs a test in a bubble, where time costs nothing, with a connection to a new
// server.
func inMemory(t *testing.T, handler http.HandlerFunc, test func(*connection)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		client, server := net.Pipe()
		listener := &oneConnection{server, make(chan struct{})}
		s := &http.Server{Handler: requestbody.Discard(handler)}
		go func() { _ = s.Serve(listener) }()
		test(&connection{t, client, bufio.NewReader(client)})
		_ = client.Close()
		_ = s.Close()
	})
}

// oneConnection is a listener that accepts one connection.
type oneConnection struct {
	net.Conn
	closed chan struct{}
}

func (l *oneConnection) Accept() (net.Conn, error) {
	if c := l.Conn; c != nil {
		l.Conn = nil
		return c, nil
	}
	<-l.closed
	return nil, net.ErrClosed
}

func (l *oneConnection) Addr() net.Addr { return &net.TCPAddr{} }

func (l *oneConnection) Close() error {
	close(l.closed)
	return nil
}

func (c *connection) send(text string) {
	c.t.Helper()
	_, err := io.WriteString(c, text)
	must(c.t, err)
}

// response reads a response to a request by the given method and returns it with its body.
func (c *connection) response(method string) (*http.Response, string) {
	c.t.Helper()
	response, err := http.ReadResponse(c.reader, &http.Request{Method: method})
	must(c.t, err)
	text, err := io.ReadAll(response.Body)
	must(c.t, err)
	return response, string(text)
}

// ends reports whether the server closes the connection in an orderly way, with nothing
// more to read.
func (c *connection) ends() error {
	rest, err := io.ReadAll(c.reader)
	if err == nil && len(rest) > 0 {
		err = fmt.Errorf("the server sent %q", rest)
	}
	return err
}

// A handler that ignores the body sees whether there is one. The response doesn't wait for
// it, and the connection ends afterwards unless the framing is beyond doubt.
func TestHandlerThatIgnoresTheBody(t *testing.T) {
	const chunked, length5 = "Transfer-Encoding: chunked\r\n", "Content-Length: 5\r\n"
	for name, test := range map[string]struct {
		request string // up to the header's end
		body    string // what is sent of the body at once
		want    string
		closes  bool
	}{
		"no body":                       {"GET / HTTP/1.1\r\n", "", "length 0\n", false},
		"Content-Length: 0":             {"GET / HTTP/1.1\r\nContent-Length: 0\r\n", "", "length 0\n", false},
		"nothing in chunks":             {"GET / HTTP/1.1\r\n" + chunked, "0\r\n\r\n", "length 0\n", true},
		"nothing in chunks, by HEAD":    {"HEAD / HTTP/1.1\r\n" + chunked, "0\r\n\r\n", "", true},
		"nothing in chunks, by OPTIONS": {"OPTIONS / HTTP/1.1\r\n" + chunked, "0\r\n\r\n", "length 0\n", true},
		"both lengths":                  {"GET / HTTP/1.1\r\n" + chunked + length5, "0\r\n\r\n", "length 0\n", true},
		"both lengths, by POST":         {"POST / HTTP/1.1\r\n" + chunked + length5, "0\r\n\r\n", "length -1\n", true},
		"a chunk":                       {"GET / HTTP/1.1\r\n" + chunked, "1\r\nx\r\n0\r\n\r\n", "length -1\n", true},
		"part of a chunk":               {"GET / HTTP/1.1\r\n" + chunked, "5\r\nx", "length -1\n", true},
		"no chunk":                      {"GET / HTTP/1.1\r\n" + chunked, "", "length -1\n", true},
		"no chunk, by POST":             {"POST / HTTP/1.1\r\n" + chunked, "", "length -1\n", true},
		"a malformed chunk":             {"GET / HTTP/1.1\r\n" + chunked, "x\r\n", "length -1\n", true},
		"a body":                        {"GET / HTTP/1.1\r\n" + length5, "12345", "length 5\n", true},
		"half a body":                   {"GET / HTTP/1.1\r\n" + length5, "12", "length 5\n", true},
		"an absent body":                {"POST / HTTP/1.1\r\n" + length5, "", "length 5\n", true},
		"HTTP/1.0":                      {"GET / HTTP/1.0\r\nConnection: keep-alive\r\n", "", "length 0\n", true},
		"HTTP/1.0 with both lengths":    {"GET / HTTP/1.0\r\nConnection: keep-alive\r\n" + chunked + "Content-Length: 0\r\n", "0\r\n\r\n", "length 0\n", true},
	} {
		for kind, handler := range map[string]http.HandlerFunc{"sized": ignores, "unsized": unsized} {
			t.Run(name+"/"+kind, func(t *testing.T) {
				inMemory(t, handler, func(c *connection) {
					began := time.Now()
					method, _, _ := strings.Cut(test.request, " ")
					go c.send(test.request + "Host: a\r\n\r\n" + test.body)
					response, text := c.response(method)
					if text != test.want || response.Close != test.closes {
						t.Errorf("response %q, closes the connection: %t", text, response.Close)
					}
					// A chunked body may be empty until its first byte has arrived.
					undecided := test.body == "" && method == "GET" && strings.Contains(test.request, "chunked")
					if took := time.Since(began); took > 0 && !undecided || took > time.Second {
						t.Errorf("the response took %v", took)
					}
					if !test.closes {
						go c.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
						if _, text := c.response("GET"); text != "length 0\n" {
							t.Errorf("second response %q", text)
						}
						return
					}
					if err := c.ends(); err != nil {
						t.Error(err)
					}
					if took := time.Since(began); took > 3*time.Second {
						t.Errorf("the connection ended after %v", took)
					}
				})
			})
		}
	}
}

// The rest of a body may arrive after the response.
func TestBodyThatFollowsTheResponse(t *testing.T) {
	for name, test := range map[string]struct{ request, first, rest string }{
		"with a length":               {"POST / HTTP/1.1\r\nContent-Length: 5\r\n", "", "12345"},
		"with a length, by GET":       {"GET / HTTP/1.1\r\nContent-Length: 5\r\n", "12", "345"},
		"in chunks":                   {"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n", "", "5\r\n12345\r\n0\r\n\r\n"},
		"in chunks, by GET":           {"GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n", "5\r\n1", "2345\r\n0\r\n\r\n"},
		"in chunks, by GET, later":    {"GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n", "", "5\r\n12345\r\n0\r\n\r\n"},
		"without an end, in one byte": {"GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n", "", "1\r\n1\r\n0\r\n\r\n"},
	} {
		t.Run(name, func(t *testing.T) {
			inMemory(t, ignores, func(c *connection) {
				go c.send(test.request + "Host: a\r\n\r\n" + test.first)
				method, _, _ := strings.Cut(test.request, " ")
				c.response(method)
				time.Sleep(time.Second)
				c.send(test.rest) // net.Pipe returns once the server has read it
				began := time.Now()
				if err := c.ends(); err != nil || time.Since(began) > 0 {
					t.Errorf("the connection ended after %v: %v", time.Since(began), err)
				}
			})
		})
	}
}

// A client that sends a large body before it reads receives the response whole, and not a
// reset of the connection.
func TestLargeBodyThatNobodyReads(t *testing.T) {
	for name, handler := range map[string]http.HandlerFunc{"sized": ignores, "unsized": unsized} {
		for _, size := range []int{60_000, 1_000_000, 1 << 20} {
			for _, closing := range []string{"", "Connection: close\r\n"} {
				c := dial(t, handler)
				c.send(fmt.Sprintf("POST / HTTP/1.1\r\nHost: a\r\n%sContent-Length: %d\r\n\r\n", closing, size))
				c.send(strings.Repeat("x", size))
				if _, text := c.response("POST"); text != fmt.Sprintf("length %d\n", size) {
					t.Errorf("%s, %d bytes: response %q", name, size, text)
				}
				if err := c.ends(); err != nil {
					t.Errorf("%s, %d bytes: %v", name, size, err)
				}

				c = dial(t, handler)
				c.send(fmt.Sprintf("PUT / HTTP/1.1\r\nHost: a\r\n%sTransfer-Encoding: chunked\r\n\r\n%x\r\n", closing, size))
				c.send(strings.Repeat("x", size) + "\r\n0\r\n\r\n")
				if _, text := c.response("PUT"); text != "length -1\n" {
					t.Errorf("%s, %d bytes in chunks: response %q", name, size, text)
				}
				if err := c.ends(); err != nil {
					t.Errorf("%s, %d bytes in chunks: %v", name, size, err)
				}
			}
		}
	}
}

// A body without an end is not read forever: neither a large one nor a slow one.
func TestBoundsOfDiscarding(t *testing.T) {
	t.Run("size", func(t *testing.T) {
		inMemory(t, ignores, func(c *connection) {
			go c.send("POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 100000000\r\n\r\n")
			c.response("POST")
			accepted := 0
			for chunk := make([]byte, 1024); ; {
				n, err := c.Write(chunk)
				accepted += n
				if err != nil {
					break
				}
			}
			if accepted < 1<<20 || accepted > 1<<20+64<<10 { // net/http reads a little ahead
				t.Errorf("the server read %d bytes", accepted)
			}
		})
	})
	t.Run("time", func(t *testing.T) {
		inMemory(t, ignores, func(c *connection) {
			began := time.Now()
			go c.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000000\r\n\r\n")
			c.response("POST")
			for {
				if _, err := c.Write([]byte("x")); err != nil {
					break
				}
				time.Sleep(100 * time.Millisecond)
			}
			if took := time.Since(began); took < 2*time.Second || took > 3*time.Second {
				t.Errorf("the connection ended after %v", took)
			}
		})
	})
}

// A handler that reads the body gets all of it. The connection is kept if the body had a
// length and nothing else.
func TestHandlerThatReadsTheBody(t *testing.T) {
	const none = "error <nil>\n"
	for name, test := range map[string]struct {
		request, body, want string
		closes              bool
	}{
		"a body":                     {"POST / HTTP/1.1\r\nContent-Length: 5\r\n", "12345", "length 5, read 5, " + none, false},
		"a body, by GET":             {"GET / HTTP/1.1\r\nContent-Length: 5\r\n", "12345", "length 5, read 5, " + none, false},
		"chunks":                     {"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n", "2\r\n12\r\n3\r\n345\r\n0\r\n\r\n", "length -1, read 5, " + none, true},
		"chunks, by GET":             {"GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n", "2\r\n12\r\n3\r\n345\r\n0\r\n\r\n", "length -1, read 5, " + none, true},
		"nothing in chunks":          {"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n", "length -1, read 0, " + none, true},
		"nothing in chunks, by GET":  {"GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n", "length 0, read 0, " + none, true},
		"a malformed chunk, by GET":  {"GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n", "x\r\n", "length -1, read 0, error invalid byte in chunk length\n", true},
		"one byte in chunks, by GET": {"GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n", "1\r\n1\r\n0\r\n\r\n", "length -1, read 1, " + none, true},
	} {
		t.Run(name, func(t *testing.T) {
			inMemory(t, reads, func(c *connection) {
				method, _, _ := strings.Cut(test.request, " ")
				go c.send(test.request + "Host: a\r\n\r\n" + test.body)
				response, text := c.response(method)
				if text != test.want || response.Close != test.closes {
					t.Errorf("response %q, closes the connection: %t", text, response.Close)
				}
			})
		})
	}
	t.Run("part of a body", func(t *testing.T) {
		inMemory(t, func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.CopyN(io.Discard, r.Body, 2)
			ignores(w, r)
		}, func(c *connection) {
			go c.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n12345")
			if response, _ := c.response("POST"); !response.Close {
				t.Error("the connection is kept")
			}
			if err := c.ends(); err != nil {
				t.Error(err)
			}
		})
	})
}

// A client that asks before it sends a body is not told to go on.
func TestExpectContinue(t *testing.T) {
	inMemory(t, ignores, func(c *connection) {
		go c.send("POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n")
		if response, _ := c.response("POST"); response.StatusCode != 200 {
			t.Errorf("status %d", response.StatusCode)
		}
	})
}

// Responses without a length arrive whole although the request's body doesn't.
func TestResponseWithoutALength(t *testing.T) {
	const request = " / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n"
	large := strings.Repeat("x", 70<<10)
	write := func(text string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, text) }
	}
	for name, test := range map[string]struct {
		method  string
		handler http.HandlerFunc
		status  int
		body    string
		length  int64 // the Content-Length of the response
		waits   bool  // for the request's body, until the timeout
	}{
		"nothing":            {"POST", func(http.ResponseWriter, *http.Request) {}, 200, "", 0, false},
		"a status alone":     {"POST", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(404) }, 404, "", 0, false},
		"no content":         {"POST", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(204) }, 204, "", 0, false},
		"not modified":       {"POST", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(304) }, 304, "", 0, false},
		"HEAD":               {"HEAD", write("text"), 200, "", 4, false},
		"HEAD of nothing":    {"HEAD", func(http.ResponseWriter, *http.Request) {}, 200, "", -1, false},
		"a text":             {"POST", write("text"), 200, "text", 4, false},
		"an error":           {"POST", http.NotFound, 404, "404 page not found\n", 19, false},
		"the largest, whole": {"POST", write(large[:64<<10]), 200, large[:64<<10], 64 << 10, false},
		"one byte more":      {"POST", write(large[:64<<10+1]), 200, large[:64<<10+1], -1, true},
		"a larger one":       {"POST", write(large), 200, large, -1, true},
		"two writes": {"POST", func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, "one ")
			w.WriteHeader(404) // too late
			_, _ = io.WriteString(w, "two")
		}, 200, "one two", 7, false},
		"two large writes": {"POST", func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, large[:50<<10])
			_, _ = io.WriteString(w, large[50<<10:])
		}, 200, large, -1, true},
		"flushed": {"POST", func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, "one ")
			_ = http.NewResponseController(w).Flush()
			_, _ = io.WriteString(w, "two")
		}, 200, "one two", -1, true},
		"informational responses first": {"POST", func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusEarlyHints)
			_, _ = io.WriteString(w, "text")
		}, 103, "", 0, false},
	} {
		t.Run(name, func(t *testing.T) {
			inMemory(t, test.handler, func(c *connection) {
				began := time.Now()
				go c.send(test.method + request)
				response, text := c.response(test.method)
				if response.StatusCode != test.status || text != test.body || test.status < 204 && response.ContentLength != test.length {
					t.Errorf("status %d, length %d, %d bytes", response.StatusCode, response.ContentLength, len(text))
				}
				if waited := time.Since(began) > 0; waited != test.waits {
					t.Errorf("the response took %v", time.Since(began))
				}
			})
		})
	}
}

// What a handler flushes is sent while the handler still runs.
func TestFlush(t *testing.T) {
	proceed := make(chan struct{})
	c := dial(t, func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "one ")
		_ = http.NewResponseController(w).Flush()
		<-proceed
		_, _ = io.WriteString(w, "two")
	})
	c.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx")
	response, err := http.ReadResponse(c.reader, nil)
	must(t, err)
	first := make([]byte, 4)
	_, err = io.ReadFull(response.Body, first)
	must(t, err)
	close(proceed)
	rest, err := io.ReadAll(response.Body)
	must(t, err)
	if string(first)+string(rest) != "one two" {
		t.Errorf("response %q %q", first, rest)
	}
}

// Behind a ResponseWriter that hides the connection, the body is left to net/http. The
// response doesn't wait for it either.
func TestHiddenConnection(t *testing.T) {
	type hiding struct{ http.ResponseWriter }
	next := requestbody.Discard(http.HandlerFunc(ignores))
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { next.ServeHTTP(hiding{w}, r) }))
	defer server.Close()
	for _, head := range []string{"Content-Length: 5", "Transfer-Encoding: chunked"} {
		tcp, err := net.Dial("tcp", server.Listener.Addr().String())
		must(t, err)
		c := &connection{t, tcp, bufio.NewReader(tcp)}
		c.send("GET / HTTP/1.1\r\nHost: a\r\n" + head + "\r\n\r\n")
		if response, _ := c.response("GET"); response.StatusCode != 200 || !response.Close {
			t.Errorf("%s: status %d", head, response.StatusCode)
		}
		must(t, c.Close())
	}
}

// unflushable is a ResponseWriter that has deadlines and can't be flushed.
type unflushable struct{ http.ResponseWriter }

func (w unflushable) SetReadDeadline(deadline time.Time) error {
	return http.NewResponseController(w.ResponseWriter).SetReadDeadline(deadline)
}

// A response that can't be flushed doesn't wait for the body either.
func TestResponseThatCannotBeFlushed(t *testing.T) {
	next := requestbody.Discard(http.HandlerFunc(ignores))
	inMemory(t, func(w http.ResponseWriter, r *http.Request) {
		next.ServeHTTP(unflushable{w}, r)
	}, func(c *connection) {
		began := time.Now()
		go c.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n")
		if _, text := c.response("POST"); text != "length 5\n" || time.Since(began) > 0 {
			t.Errorf("response %q after %v", text, time.Since(began))
		}
	})
}

// On HTTP/2 an empty body is recognized, a real body is too, and no response closes the
// connection, which other requests use as well.
func TestHTTP2(t *testing.T) {
	server := httptest.NewUnstartedServer(requestbody.Discard(http.HandlerFunc(ignores)))
	server.EnableHTTP2 = true
	server.StartTLS()
	defer server.Close()
	connections := make(map[string]bool)
	for name, test := range map[string]struct {
		method string
		body   io.Reader
		want   string
	}{
		"no body":             {"GET", nil, "length 0\n"},
		"an empty frame":      {"GET", struct{ io.Reader }{strings.NewReader("")}, "length 0\n"},
		"a body":              {"GET", struct{ io.Reader }{strings.NewReader("x")}, "length -1\n"},
		"a body with length":  {"GET", strings.NewReader("x"), "length 1\n"},
		"a large body":        {"POST", bytes.NewReader(make([]byte, 1<<20)), "length 1048576\n"},
		"a large body by GET": {"GET", struct{ io.Reader }{bytes.NewReader(make([]byte, 1<<20))}, "length -1\n"},
	} {
		t.Run(name, func(t *testing.T) {
			r, err := http.NewRequest(test.method, server.URL, test.body)
			must(t, err)
			response, err := server.Client().Do(r)
			must(t, err)
			text, err := io.ReadAll(response.Body)
			must(t, err)
			must(t, response.Body.Close())
			connections[response.Header.Get("X-Remote-Addr")] = true
			if response.ProtoMajor != 2 || string(text) != test.want || response.Header.Get("Connection") != "" {
				t.Errorf("%s: %q, Connection %q", response.Proto, text, response.Header.Get("Connection"))
			}
		})
	}
	if len(connections) != 1 {
		t.Errorf("the requests took %d connections", len(connections))
	}
}

// inMemoryHTTP2 runs a test in a bubble, with a client of HTTP/2 for a new server.
func inMemoryHTTP2(t *testing.T, handler http.HandlerFunc, test func(*testing.T, *http.Client)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		protocols := new(http.Protocols)
		protocols.SetUnencryptedHTTP2(true)
		client, server := net.Pipe()
		s := &http.Server{Handler: requestbody.Discard(handler), Protocols: protocols}
		go func() { _ = s.Serve(&oneConnection{server, make(chan struct{})}) }()
		transport := &http.Transport{Protocols: protocols, DialContext: func(context.Context, string, string) (net.Conn, error) { return client, nil }}
		test(t, &http.Client{Transport: transport})
		transport.CloseIdleConnections()
		_ = client.Close()
		_ = s.Close()
	})
}

// On HTTP/2 a response ends soon although the body doesn't arrive. While the body arrives
// it is read, within the same bounds as on HTTP/1.
func TestHTTP2BodyThatArrivesSlowly(t *testing.T) {
	for name, test := range map[string]struct {
		method string
		pause  time.Duration // between two bytes of an endless body
		want   string
		took   time.Duration
	}{
		"not at all":         {"POST", time.Hour, "length -1\n", 250 * time.Millisecond},
		"not at all, by GET": {"GET", time.Hour, "length -1\n", 1250 * time.Millisecond},
		"with long pauses":   {"POST", 300 * time.Millisecond, "length -1\n", 250 * time.Millisecond},
		"with short pauses":  {"POST", 100 * time.Millisecond, "length -1\n", 2 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			inMemoryHTTP2(t, ignores, func(t *testing.T, client *http.Client) {
				ctx, cancel := context.WithCancel(t.Context())
				body, sender := io.Pipe()
				go func() {
					for {
						select {
						case <-time.After(test.pause):
							_, _ = sender.Write([]byte("x"))
						case <-ctx.Done():
							return
						}
					}
				}()
				began := time.Now()
				r, err := http.NewRequest(test.method, "http://a/", body)
				must(t, err)
				response, err := client.Do(r)
				must(t, err)
				text, err := io.ReadAll(response.Body)
				must(t, err)
				if took := time.Since(began); string(text) != test.want || took != test.took {
					t.Errorf("response %q after %v, want %v", text, took, test.took)
				}
				_ = body.Close()
				cancel()
			})
		})
	}
}

// On HTTP/2 at most one mebibyte is read, too.
func TestHTTP2BodyThatIsTooLarge(t *testing.T) {
	inMemoryHTTP2(t, ignores, func(t *testing.T, client *http.Client) {
		endless := &counting{}
		r, err := http.NewRequest("POST", "http://a/", endless)
		must(t, err)
		response, err := client.Do(r)
		must(t, err)
		text, err := io.ReadAll(response.Body)
		must(t, err)
		// The client sends as much as the server's window allows, another mebibyte.
		if string(text) != "length -1\n" || endless.n.Load() < 1<<20 || endless.n.Load() > 5<<19 {
			t.Errorf("response %q after %d bytes", text, endless.n.Load())
		}
	})
}

// counting is an endless body that counts what was read of it.
type counting struct{ n atomic.Int64 }

func (c *counting) Read(p []byte) (int, error) {
	c.n.Add(int64(len(p)))
	return len(p), nil
}
