package postgres

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"strings"
	"syscall"

	"github.com/jackc/puddle/v2"
)

// reason describes an error in words that contain no value, no name and no address.
func reason(err error) string {
	if code := sqlState(err); code != "" {
		if meaning := meanings[code]; meaning != "" {
			return meaning + " (SQLSTATE " + code + ")"
		}
		return "SQLSTATE " + code
	}
	if r := tlsReason(err); r != "" {
		return r
	}
	return networkReason(err)
}

// meanings holds the SQLSTATEs that an operator can do something about.
var meanings = map[string]string{
	"08P01": "the server or the pooler rejected the connection's protocol or settings",
	"25006": "the server is read-only",
	"26000": "a prepared statement is missing: the pooler does not track prepared statements",
	"28000": "the server does not admit this user, database, address or encryption (pg_hba.conf)",
	"28P01": "the user or the password is wrong",
	"3D000": "the database does not exist",
	"42501": "the user lacks a permission",
	"42P05": "a prepared statement exists twice: the pooler does not track prepared statements",
	"53100": "the server's disk is full",
	"53200": "the server is out of memory",
	"53300": "the server has too many connections",
	"53400": "a limit of the server's configuration is exceeded",
	"54000": "the server's notification queue is full, or another limit of the server is exceeded",
	"55P03": "the server's lock_timeout expired",
	"57014": "the server's statement_timeout expired, or somebody canceled the statement",
	"57P01": "the server is shutting down, or somebody ended the connection",
	"57P03": "the server is starting or shutting down",
}

// tlsReason returns the empty string if the error is not about encryption.
func tlsReason(err error) string {
	var authority x509.UnknownAuthorityError
	var hostname x509.HostnameError
	var invalid x509.CertificateInvalidError
	var certificate *tls.CertificateVerificationError
	var alert tls.AlertError
	var header tls.RecordHeaderError
	switch {
	case errors.As(err, &authority):
		return "the server's certificate is not trusted"
	case errors.As(err, &hostname):
		return "the server's certificate is for another host"
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return "the server's certificate has expired or is not valid yet"
	case errors.As(err, &invalid), errors.As(err, &certificate):
		return "the server's certificate is not valid"
	case errors.As(err, &alert):
		return "the server ended the TLS handshake: it requires another TLS version or a client certificate"
	case errors.As(err, &header):
		return "the server does not use TLS"
	case isTLSRefused(err):
		return "the server does not offer TLS, which sslmode requires"
	}
	return ""
}

// isTLSRefused compares text, because the driver has no type for this error. A test with a
// server without TLS notices when the text changes.
func isTLSRefused(err error) bool {
	return strings.Contains(err.Error(), "server refused TLS connection")
}

func networkReason(err error) string {
	var number syscall.Errno
	var timeout net.Error
	var name *net.DNSError
	switch {
	case errors.Is(err, puddle.ErrClosedPool):
		return "the store was closed"
	case errors.As(err, &name):
		return "the server's name cannot be resolved"
	case errors.As(err, &timeout) && timeout.Timeout(), errors.Is(err, context.DeadlineExceeded):
		return "the server took too long"
	case errors.As(err, &number):
		return number.Error()
	case isConnectionLost(err):
		return "the connection was lost"
	}
	return "no connection"
}
