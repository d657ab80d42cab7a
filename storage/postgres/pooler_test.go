package postgres_test

import (
	"io"
	"net"
	"net/url"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"
)

// pooler handles the messages from the server to a client. It may modify a message, and
// reports whether the client receives it.
type pooler func(message pgproto3.BackendMessage, process uint32) bool

// poolsSessions acts like PgBouncer in session mode, which hides the server's process id.
func poolsSessions(message pgproto3.BackendMessage, _ uint32) bool {
	if key, ok := message.(*pgproto3.BackendKeyData); ok {
		key.ProcessID = 1
	}
	return true
}

// poolsTransactions acts like PgBouncer in transaction mode with a single client: the client
// receives only its own notifications.
func poolsTransactions(message pgproto3.BackendMessage, process uint32) bool {
	notification, ok := message.(*pgproto3.NotificationResponse)
	return !ok || notification.PID == process
}

// newPooler returns the URL of a database through a pooler.
func newPooler(t *testing.T, database string, pools pooler) string {
	t.Helper()
	config, err := pgx.ParseConfig(database)
	if err != nil {
		t.Fatal(err)
	}
	network, address := pgconn.NetworkAddress(config.Host, config.Port)
	near := listen(t, func(client net.Conn) {
		server, err := net.Dial(network, address)
		if err != nil {
			_ = client.Close()
			return
		}
		go func() {
			defer server.Close()
			_, _ = io.Copy(server, client)
		}()
		go func() {
			defer client.Close()
			pools.pass(client, server)
		}()
	})
	u := url.URL{Scheme: "postgres", User: url.UserPassword(config.User, config.Password), Host: near, Path: "/" + config.Database, RawQuery: "sslmode=disable"}
	return u.String()
}

// pass forwards messages until a connection is closed.
func (pools pooler) pass(client io.Writer, server io.Reader) {
	messages, process := pgproto3.NewFrontend(server, io.Discard), uint32(0)
	for {
		message, err := messages.Receive()
		if err != nil {
			return
		}
		if key, ok := message.(*pgproto3.BackendKeyData); ok {
			process = key.ProcessID
		}
		if !pools(message, process) {
			continue
		}
		encoded, err := message.Encode(nil)
		if err != nil {
			return
		}
		if _, err := client.Write(encoded); err != nil {
			return
		}
	}
}
