package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
)

// connection sends requests over one HTTP/1.1 connection that is kept alive. It does as little
// as possible, because it uses the same cores as the server.
type connection struct {
	net.Conn
	buffer []byte
}

func dial(ctx context.Context, address string) (*connection, error) {
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	return &connection{Conn: conn, buffer: make([]byte, 8<<10)}, nil
}

// response is a response of the server. Its bytes are valid until the next request.
type response struct {
	status int
	header []byte // the lines after the status line
	body   []byte
}

// maxResponse is longer than any document.
const maxResponse = 16 << 20

// send writes a request as it is and reads the whole response.
func (c *connection) send(message []byte) (response, error) {
	if _, err := c.Write(message); err != nil {
		return response{}, err
	}
	for length := 0; ; {
		n, readErr := c.Read(c.buffer[length:])
		length += n
		r, complete, err := parseResponse(c.buffer[:length])
		switch {
		case err != nil:
			return response{}, err
		case complete:
			return r, nil
		case readErr != nil:
			return response{}, readErr
		case length > maxResponse:
			return response{}, errors.New("the response is too long")
		case length == len(c.buffer):
			c.buffer = append(c.buffer, make([]byte, len(c.buffer))...)
		}
	}
}

// parseResponse parses the part of a response that has been received (RFC 9112). It supports
// only what the two sides write: a body whose length is in Content-Length, and 204 and 304
// without a body.
func parseResponse(data []byte) (r response, complete bool, err error) {
	end := bytes.Index(data, []byte("\r\n\r\n"))
	if end < 0 {
		return response{}, false, nil
	}
	line, header, _ := bytes.Cut(data[:end+2], []byte("\r\n"))
	if r.status, err = parseStatus(line); err != nil {
		return response{}, false, err
	}
	r.header = header
	r.body = data[end+4:]
	length := 0
	if r.status != 204 && r.status != 304 {
		text := r.headerValue("Content-Length")
		if length, err = strconv.Atoi(string(text)); err != nil || length < 0 {
			return response{}, false, fmt.Errorf("the response (status %d) has no valid Content-Length", r.status)
		}
	}
	if len(r.body) > length {
		return response{}, false, errors.New("the server sent more than one response")
	}
	return r, len(r.body) == length, nil
}

func parseStatus(line []byte) (int, error) {
	rest, ok := bytes.CutPrefix(line, []byte("HTTP/1.1 "))
	if !ok || len(rest) < 3 {
		return 0, errors.New("the response is not HTTP/1.1")
	}
	status, err := strconv.Atoi(string(rest[:3]))
	if err != nil || status < 200 || len(rest) > 3 && rest[3] != ' ' {
		return 0, errors.New("the response has no final status")
	}
	return status, nil
}

// headerValue returns the first value of a header, or nil. Names are compared without letter
// case.
func (r response) headerValue(name string) []byte {
	for rest := r.header; len(rest) > 0; {
		var line []byte
		line, rest, _ = bytes.Cut(rest, []byte("\r\n"))
		if len(line) > len(name) && line[len(name)] == ':' && strings.EqualFold(string(line[:len(name)]), name) {
			return bytes.TrimSpace(line[len(name)+1:])
		}
	}
	return nil
}
