package auth

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

const (
	maxKeySetSize = 1 << 20
	maxRedirects  = 3
)

// source is the place from which a key set is read.
type source interface {
	// read returns the whole set, of at most maxKeySetSize bytes. It honors ctx. Its errors
	// contain neither the name of the source nor a part of the response.
	read(ctx context.Context) ([]byte, error)
	// close releases what read keeps between two calls.
	close()
	// String returns the name of the source for errors and logs, without secrets.
	String() string
}

type fileSource struct{ path string }

func (s fileSource) String() string { return "file " + filepath.Clean(s.path) }

func (s fileSource) close() {}

func (s fileSource) read(context.Context) ([]byte, error) {
	info, err := os.Stat(s.path)
	if err != nil {
		return nil, bareError(err)
	}
	if !info.Mode().IsRegular() {
		// Opening a pipe that nobody writes to would block for ever.
		return nil, errors.New("not a regular file")
	}
	file, err := os.Open(s.path)
	if err != nil {
		return nil, bareError(err)
	}
	defer file.Close()
	return readLimited(file)
}

type urlSource struct {
	url    *url.URL
	client *http.Client
	owned  *http.Transport // nil with KeySetOptions.Client
}

// parseURL parses KeySetOptions.URL. The error completes a sentence that begins with the name
// of the option, and does not contain the URL, which may have secrets.
func parseURL(rawURL string, allowHTTP bool) (*url.URL, error) {
	u, err := url.Parse(rawURL)
	switch {
	case err != nil || u.Host == "":
		return nil, errors.New("is not an absolute URL")
	case u.Scheme == "https":
	case u.Scheme != "http":
		return nil, errors.New("must begin with https://")
	case !allowHTTP && !isLoopback(u.Hostname()):
		return nil, errors.New("must begin with https://, because an attacker who can change the response can sign tokens; " +
			"a program may allow http on a network that it trusts (KeySetOptions.AllowHTTP)")
	}
	return u, nil
}

// newURLSource copies the client to add the rule for redirects.
func newURLSource(u *url.URL, client *http.Client) *urlSource {
	s := &urlSource{url: u}
	if client == nil {
		if transport, ok := http.DefaultTransport.(*http.Transport); ok {
			s.owned = transport.Clone()
		} else {
			s.owned = &http.Transport{Proxy: http.ProxyFromEnvironment}
		}
		client = &http.Client{Transport: s.owned}
	}
	copied := *client
	copied.CheckRedirect = s.checkRedirect
	s.client = &copied
	return s
}

func (s *urlSource) String() string {
	return s.url.Scheme + "://" + s.url.Host + s.url.EscapedPath()
}

func (s *urlSource) close() {
	if s.owned != nil {
		s.owned.CloseIdleConnections()
	}
}

// checkRedirect refuses redirects to another origin than that of the URL, which the operator
// trusts. An open redirect there must not replace the keys, nor lead from https to http.
func (s *urlSource) checkRedirect(r *http.Request, via []*http.Request) error {
	if len(via) > maxRedirects {
		return errTooManyRedirects
	}
	if r.URL.Scheme != s.url.Scheme || !strings.EqualFold(r.URL.Hostname(), s.url.Hostname()) || port(r.URL) != port(s.url) {
		return errOtherOrigin
	}
	return nil
}

func (s *urlSource) read(ctx context.Context) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url.String(), nil)
	if err != nil {
		return nil, bareError(err)
	}
	request.Header.Set("Accept", "application/jwk-set+json, application/json")
	response, err := s.client.Do(request)
	if err != nil {
		return nil, bareError(err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("the response has status %d", response.StatusCode)
	}
	return readLimited(response.Body)
}

func readLimited(r io.Reader) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(r, maxKeySetSize+1))
	switch {
	case err != nil:
		return nil, bareError(err)
	case len(data) > maxKeySetSize:
		return nil, fmt.Errorf("longer than %d bytes", maxKeySetSize)
	}
	return data, nil
}

// The reasons for which a redirect is not followed.
var (
	errTooManyRedirects = errors.New("too many redirects")
	errOtherOrigin      = errors.New("redirected to another origin")
)

// bareError removes the URL and the path from an error. The caller adds the name of the
// source, and a URL may contain a password or a key. The details of what net/http found wrong
// with a response are dropped, because those errors quote it.
func bareError(err error) error {
	if inPath := (*os.PathError)(nil); errors.As(err, &inPath) {
		return inPath.Err
	}
	for _, known := range []error{
		context.Canceled, context.DeadlineExceeded, errTooManyRedirects, errOtherOrigin, io.EOF, io.ErrUnexpectedEOF,
	} {
		if errors.Is(err, known) {
			return known
		}
	}
	var (
		network     *net.OpError
		system      syscall.Errno
		certificate *tls.CertificateVerificationError
		record      tls.RecordHeaderError
		alert       tls.AlertError
	)
	switch {
	case errors.As(err, &network):
		return network
	case errors.As(err, &system):
		return system
	case errors.As(err, &certificate):
		return errors.New("the certificate is not valid")
	case errors.As(err, &record), errors.As(err, &alert):
		return errors.New("no TLS connection")
	}
	return errors.New("the response is not HTTP, or is cut off")
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return strings.EqualFold(host, "localhost") || ip != nil && ip.IsLoopback()
}

func port(u *url.URL) string {
	switch {
	case u.Port() != "":
		return u.Port()
	case u.Scheme == "https":
		return "443"
	}
	return "80"
}
