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

// source is where a key set is read from, again and again.
type source interface {
	// read returns the whole set, within ctx and at most maxKeySetSize. Its errors do not
	// name the source, and have nothing of what it answered.
	read(ctx context.Context) ([]byte, error)
	// close lets go of what read keeps between two calls.
	close()
	// String names the source in errors and logs, without what may be secret in it.
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
		// To open a pipe without a writer would block for ever.
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
	owned  *http.Transport // nil if the client is the caller's
}

// newURLSource checks the URL, and copies the client to add our rule for redirects.
func newURLSource(rawURL string, allowHTTP bool, client *http.Client) (*urlSource, error) {
	u, err := url.Parse(rawURL)
	if err != nil || u.Host == "" {
		return nil, errors.New("URL is not an absolute URL") // url.Parse quotes it all
	}
	switch {
	case u.Scheme == "https":
	case u.Scheme != "http":
		return nil, errors.New("URL must begin with https://")
	case !allowHTTP && !isLoopback(u.Hostname()):
		return nil, errors.New("URL must begin with https://, because who can change the answer on its way can sign tokens; " +
			"a program may allow http on a network that it trusts (KeySetOptions.AllowHTTP)")
	}
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
	return s, nil
}

func (s *urlSource) String() string {
	return s.url.Scheme + "://" + s.url.Host + s.url.EscapedPath()
}

func (s *urlSource) close() {
	if s.owned != nil {
		s.owned.CloseIdleConnections()
	}
}

// checkRedirect keeps to the origin that the operator trusts. An open redirect there must
// not hand the set of keys to somebody else, nor https fall back to http.
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
		return nil, fmt.Errorf("the answer has status %d", response.StatusCode)
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

// bareError takes the URL and the path off an error: the source is named once, by us, and
// a URL may have a password or a key in it. Of what net/http found wrong with an answer it
// says only that much, because those errors quote the answer.
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
		return errors.New("its certificate is not valid for it")
	case errors.As(err, &record), errors.As(err, &alert):
		return errors.New("no TLS connection")
	}
	return errors.New("the answer is not HTTP, or cut off")
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
