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

// connection asks over one kept-alive HTTP/1.1 connection. It does as little as it can,
// because it takes its time from the same cores as the server.
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

// answer is what came back. Its bytes are good until the next request.
type answer struct {
	status int
	header []byte // the lines behind the first one
	body   []byte
}

// maxAnswer is more than any document has.
const maxAnswer = 16 << 20

// ask sends a request as it is, and reads the whole answer.
func (c *connection) ask(message []byte) (answer, error) {
	if _, err := c.Write(message); err != nil {
		return answer{}, err
	}
	for length := 0; ; {
		n, readErr := c.Read(c.buffer[length:])
		length += n
		a, complete, err := parseAnswer(c.buffer[:length])
		switch {
		case err != nil:
			return answer{}, err
		case complete:
			return a, nil
		case readErr != nil:
			return answer{}, readErr
		case length > maxAnswer:
			return answer{}, errors.New("the answer does not end")
		case length == len(c.buffer):
			c.buffer = append(c.buffer, make([]byte, len(c.buffer))...)
		}
	}
}

// parseAnswer takes an answer apart (RFC 9112), as far as it is there. It understands what
// the two sides write: a body is as long as Content-Length says, and 204 and 304 have none.
func parseAnswer(data []byte) (a answer, complete bool, err error) {
	end := bytes.Index(data, []byte("\r\n\r\n"))
	if end < 0 {
		return answer{}, false, nil
	}
	line, header, _ := bytes.Cut(data[:end+2], []byte("\r\n"))
	if a.status, err = parseStatus(line); err != nil {
		return answer{}, false, err
	}
	a.header = header
	a.body = data[end+4:]
	length := 0
	if a.status != 204 && a.status != 304 {
		text := a.headerValue("Content-Length")
		if length, err = strconv.Atoi(string(text)); err != nil || length < 0 {
			return answer{}, false, fmt.Errorf("the answer (status %d) has no Content-Length that is a number", a.status)
		}
	}
	if len(a.body) > length {
		return answer{}, false, errors.New("more came than one answer")
	}
	return a, len(a.body) == length, nil
}

func parseStatus(line []byte) (int, error) {
	rest, ok := bytes.CutPrefix(line, []byte("HTTP/1.1 "))
	if !ok || len(rest) < 3 {
		return 0, errors.New("the answer is not HTTP/1.1")
	}
	status, err := strconv.Atoi(string(rest[:3]))
	if err != nil || status < 200 || len(rest) > 3 && rest[3] != ' ' {
		return 0, errors.New("the answer has no final status")
	}
	return status, nil
}

// headerValue is the first value of a header, or nil. Names have no letter case.
func (a answer) headerValue(name string) []byte {
	for rest := a.header; len(rest) > 0; {
		var line []byte
		line, rest, _ = bytes.Cut(rest, []byte("\r\n"))
		if len(line) > len(name) && line[len(name)] == ':' && strings.EqualFold(string(line[:len(name)]), name) {
			return bytes.TrimSpace(line[len(name)+1:])
		}
	}
	return nil
}
