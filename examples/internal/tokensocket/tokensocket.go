// Package tokensocket lets a command ask a server on the same machine for an access token
// of the issuer inside that server. The key of the issuer never leaves the server.
//
// Each server listens on a Unix socket in a directory that only its user can enter.
package tokensocket

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// ioTimeout bounds each conversation.
const ioTimeout = 5 * time.Second

// Info identifies a server.
type Info struct {
	// Addr is the address that it listens on, and ConfiguredAddr the one that it was told
	// to listen on.
	Addr, ConfiguredAddr string
	// Database is any text that is the same for the same database.
	Database string
}

// Request asks for a token.
type Request struct {
	OrganizationID, ConsumerID string
}

// Response has the token, or a text about what is wrong.
type Response struct {
	Token   string
	Warning string
	Problem string
}

// Dir returns the directory of the sockets of the current user.
func Dir(getenv func(string) string) string {
	if runtime := getenv("XDG_RUNTIME_DIR"); runtime != "" {
		return filepath.Join(runtime, "rejoin")
	}
	return filepath.Join(os.TempDir(), fmt.Sprintf("rejoin-%d", os.Getuid()))
}

// Server answers requests until it is closed.
type Server struct {
	listener net.Listener
	info     Info
	answer   func(Request) Response
}

// Serve listens in the directory, which it creates if necessary.
func Serve(dir string, info Info, answer func(Request) Response) (*Server, error) {
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, os.ErrExist) {
		return nil, err
	}
	if err := checkPrivate(dir); err != nil {
		return nil, err
	}
	_, port, err := net.SplitHostPort(info.Addr)
	if err != nil {
		return nil, err
	}
	path := filepath.Join(dir, fmt.Sprintf("%d-%s.sock", os.Getpid(), port))
	_ = os.Remove(path) // of a process that had the same number
	listener, err := net.Listen("unix", path)
	if err != nil {
		return nil, err
	}
	s := &Server{listener, info, answer}
	go s.accept()
	return s, nil
}

// Close stops listening and removes the socket.
func (s *Server) Close() error { return s.listener.Close() }

func (s *Server) accept() {
	for {
		connection, err := s.listener.Accept()
		if err != nil {
			return // closed
		}
		go s.converse(connection)
	}
}

// converse sends the info, reads a request, and sends the response.
func (s *Server) converse(connection net.Conn) {
	defer connection.Close()
	_ = connection.SetDeadline(time.Now().Add(ioTimeout))
	var request Request
	if json.NewEncoder(connection).Encode(s.info) == nil && json.NewDecoder(connection).Decode(&request) == nil {
		_ = json.NewEncoder(connection).Encode(s.answer(request))
	}
}

// Ask sends a request to the one server in the directory that matches.
func Ask(dir string, matches func(Info) bool, request Request) (Response, error) {
	paths, err := filepath.Glob(filepath.Join(dir, "*.sock"))
	if err != nil {
		return Response{}, err
	}
	if len(paths) > 0 {
		if err := checkPrivate(dir); err != nil {
			return Response{}, err
		}
	}
	var found *peer
	var addrs []string
	for _, path := range paths {
		p, err := dial(path)
		if err != nil {
			continue // a server that was killed left its socket behind
		}
		defer p.connection.Close()
		if matches(p.info) {
			found = p
			addrs = append(addrs, p.info.Addr)
		}
	}
	switch len(addrs) {
	case 0:
		return Response{}, errors.New("no such server of this user is running here with an issuer of its own")
	case 1:
		return found.ask(request)
	}
	return Response{}, fmt.Errorf("several servers are running: give -addr, one of %s", strings.Join(addrs, ", "))
}

// peer is a server at the other end of a connection.
type peer struct {
	connection net.Conn
	decoder    *json.Decoder
	info       Info
}

func dial(path string) (*peer, error) {
	connection, err := net.DialTimeout("unix", path, ioTimeout)
	if err != nil {
		return nil, err
	}
	_ = connection.SetDeadline(time.Now().Add(ioTimeout))
	p := &peer{connection: connection, decoder: json.NewDecoder(connection)}
	if err := p.decoder.Decode(&p.info); err != nil {
		return nil, errors.Join(err, connection.Close())
	}
	return p, nil
}

func (p *peer) ask(request Request) (response Response, err error) {
	if err := json.NewEncoder(p.connection).Encode(request); err != nil {
		return Response{}, err
	}
	err = p.decoder.Decode(&response)
	return response, err
}
