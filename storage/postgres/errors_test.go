package postgres_test

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/rejoinhq/rejoin/consumer"
	"github.com/rejoinhq/rejoin/storage/postgres"
	"github.com/rejoinhq/rejoin/storage/postgres/postgrestest"
)

func TestBadOptionsAreNamed(t *testing.T) {
	t.Parallel()
	const url = "postgres://localhost/rejoin"
	for rule, c := range map[string]struct {
		options postgres.Options
		fields  []string
	}{
		"URL is required":                       {postgres.Options{}, []string{"URL"}},
		"URL must be a connection string":       {postgres.Options{URL: "postgres://user:sesame@host:port/"}, []string{"URL"}},
		"URL must have known parameters":        {postgres.Options{URL: url + "?sslmode=sesame"}, []string{"URL"}},
		"ReadURL must be a connection string":   {postgres.Options{URL: url, ReadURL: "sesame"}, []string{"ReadURL"}},
		"ListenURL must be a connection string": {postgres.Options{URL: url, ListenURL: "sesame"}, []string{"ListenURL"}},
		"MaxConnections must not be negative":   {postgres.Options{URL: url, MaxConnections: -1}, []string{"MaxConnections"}},
		"every bad option is named, in order":   {postgres.Options{ReadURL: "sesame", ListenURL: "sesame", MaxConnections: -1}, []string{"URL", "ReadURL", "ListenURL", "MaxConnections"}},
	} {
		t.Run(rule, func(t *testing.T) {
			_, err := postgres.Open(t.Context(), c.options)
			var invalid *consumer.ValidationError
			if !errors.As(err, &invalid) {
				t.Fatalf("Open returned the error %v, want a *consumer.ValidationError", err)
			}
			var fields []string
			for _, f := range invalid.Fields {
				fields = append(fields, f.Field)
			}
			if diff := cmp.Diff(c.fields, fields); diff != "" {
				t.Errorf("fields (-want +got):\n%s", diff)
			}
			if strings.Contains(err.Error(), "sesame") {
				t.Errorf("the error contains the value: %v", err)
			}
		})
	}
}

// TestOpenSaysWhy checks that the error names the cause, and nothing of the URL.
func TestOpenSaysWhy(t *testing.T) {
	t.Parallel()
	const user = "postgres://hidden-user:hidden-word@"
	for name, c := range map[string]struct {
		url  func(t *testing.T) string
		want string
	}{
		"nobody listens": {func(t *testing.T) string { return user + closedPort(t) + "/hidden-name?sslmode=disable" },
			"connection refused"},
		"unknown host": {func(*testing.T) string { return user + "hidden-host.invalid/hidden-name" },
			"the server's name cannot be resolved"},
		"missing socket": {func(t *testing.T) string { return user + "/hidden-name?host=" + t.TempDir() },
			"no such file or directory"},
		"unknown database": {func(t *testing.T) string { return withParameter(t, postgrestest.URL(t), "dbname", "hidden-name") },
			"the database does not exist (SQLSTATE 3D000)"},
		"unknown user": {func(t *testing.T) string { return withParameter(t, postgrestest.URL(t), "user", "hidden-user") },
			"the server does not admit this user, database, address or encryption (pg_hba.conf) (SQLSTATE 28000)"},
		"wrong password": {func(t *testing.T) string { return user + rejecting(t, "28P01") + "/hidden-name?sslmode=disable" },
			"the user or the password is wrong (SQLSTATE 28P01)"},
		"too many connections": {func(t *testing.T) string { return asRole(t, `CONNECTION LIMIT 0`) },
			"the server has too many connections (SQLSTATE 53300)"},
		"the server is starting": {func(t *testing.T) string { return user + rejecting(t, "57P03") + "/hidden-name?sslmode=disable" },
			"the server is starting or shutting down (SQLSTATE 57P03)"},
		"a setting that PgBouncer does not accept": {func(t *testing.T) string {
			return withParameter(t, postgrestest.PgBouncer(t, postgrestest.URL(t), "1.18"), "work_mem", "hidden-value")
		}, "the server or the pooler rejected the connection's protocol or settings (SQLSTATE 08P01)"},
		"no TLS": {func(t *testing.T) string {
			return withParameter(t, newCable(t, postgrestest.URL(t)).url, "sslmode", "require")
		},
			"the server does not offer TLS, which sslmode requires"},
		"untrusted certificate": {func(t *testing.T) string {
			return user + newTLSServer(t, "localhost").address + "/hidden-name?sslmode=verify-full"
		},
			"the server's certificate is not trusted"},
		"certificate for another host": {func(t *testing.T) string {
			server := newTLSServer(t, "hidden-host.example")
			return user + server.address + "/hidden-name?sslmode=verify-full&sslrootcert=" + server.certificate
		}, "the server's certificate is for another host"},
		"the server hangs up": {func(t *testing.T) string {
			return user + listen(t, func(c net.Conn) {
				_, _ = pgproto3.NewBackend(c, c).ReceiveStartupMessage()
				_ = c.Close()
			}) + "/hidden-name?sslmode=disable"
		}, "the connection was lost"},
		"not PostgreSQL": {func(t *testing.T) string {
			return user + listen(t, func(c net.Conn) {
				_, _ = io.WriteString(c, "HTTP/1.1 400 Bad Request\r\n\r\n")
				_ = c.Close()
			}) + "/hidden-name?sslmode=disable"
		}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			store, err := postgres.Open(t.Context(), postgres.Options{URL: c.url(t)})
			if !errors.Is(err, consumer.ErrUnavailable) {
				t.Fatalf("Open returned the error %v, want ErrUnavailable", err)
			}
			if !strings.HasSuffix(err.Error(), c.want) {
				t.Errorf("Open returned the error %v, want one that ends with %q", err, c.want)
			}
			if strings.Contains(err.Error(), "hidden") {
				t.Errorf("the error contains a part of the URL: %v", err)
			}
			if store != nil {
				t.Error("Open returned a store with the error")
			}
		})
	}
}

// rejecting returns the address of a server that rejects every connection with a SQLSTATE.
func rejecting(t *testing.T, code string) string {
	t.Helper()
	return listen(t, func(c net.Conn) {
		backend := pgproto3.NewBackend(c, c)
		_, _ = backend.ReceiveStartupMessage()
		backend.Send(&pgproto3.ErrorResponse{Severity: "FATAL", Code: code, Message: "hidden message"})
		_ = backend.Flush()
		_ = c.Close()
	})
}

// asRole returns the URL of a database for a new role with an attribute.
func asRole(t *testing.T, attribute string) string {
	t.Helper()
	database := postgrestest.URL(t)
	newStore(t, database)
	name := "hidden_" + strings.ToLower(rand.Text())
	raw := openRaw(t, database)
	execRaw(t, raw, `CREATE ROLE `+name+` LOGIN `+attribute+`; GRANT USAGE ON SCHEMA public TO `+name)
	t.Cleanup(func() {
		if _, err := raw.Exec(context.Background(), `DROP OWNED BY `+name+`; DROP ROLE `+name); err != nil {
			t.Error(err)
		}
	})
	return withParameter(t, database, "user", name)
}

// tlsServer accepts TLS and no PostgreSQL connection.
type tlsServer struct {
	address     string
	certificate string // the name of a file
}

func newTLSServer(t *testing.T, host string) tlsServer {
	t.Helper()
	public, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	template := x509.Certificate{
		SerialNumber: big.NewInt(1), DNSNames: []string{host}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(nil, &template, &template, public, private)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "root.crt")
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	config := &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: private}}}
	address := listen(t, func(c net.Conn) {
		request := make([]byte, 8)
		_, _ = io.ReadFull(c, request)
		_, _ = io.WriteString(c, "S")
		_ = tls.Server(c, config).Handshake()
		_ = c.Close()
	})
	_, port, _ := net.SplitHostPort(address)
	return tlsServer{net.JoinHostPort("localhost", port), file}
}

// TestMissingPermissionIsNamed uses a role that may connect and nothing else.
func TestMissingPermissionIsNamed(t *testing.T) {
	t.Parallel()
	_, err := postgres.Open(t.Context(), postgres.Options{URL: asRole(t, "")})
	const want = "the user lacks a permission (SQLSTATE 42501)"
	if !errors.Is(err, consumer.ErrUnavailable) || !strings.HasSuffix(err.Error(), want) {
		t.Errorf("Open returned the error %v, want ErrUnavailable with %q", err, want)
	}
}

func TestMissingCertificateFileIsNamed(t *testing.T) {
	t.Parallel()
	for _, parameter := range []string{"sslrootcert=/hidden/root.crt", "sslcert=/hidden/a.crt&sslkey=/hidden/a.key"} {
		_, err := postgres.Open(t.Context(), postgres.Options{URL: "postgres://hidden-user@localhost/name?sslmode=verify-full&" + parameter})
		const want = "URL names a certificate or key file that cannot be read"
		if !errors.Is(err, consumer.ErrInvalid) || !strings.HasSuffix(err.Error(), want) || strings.Contains(err.Error(), "hidden") {
			t.Errorf("Open returned the error %v, want ErrInvalid with %q", err, want)
		}
	}
}

// TestOpenOfSilentServer connects to a server that accepts connections and never responds.
func TestOpenOfSilentServer(t *testing.T) {
	t.Parallel()
	address := listen(t, func(net.Conn) {})
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	begun := time.Now()
	_, err := postgres.Open(ctx, postgres.Options{URL: "postgres://user@" + address + "/name?sslmode=disable"})
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Open returned the error %v, want context.DeadlineExceeded", err)
	}
	if waited := time.Since(begun); waited > testTimeout {
		t.Errorf("Open took %v", waited)
	}
}

// closedPort returns an address where no server listens.
func closedPort(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().String()
}

// listen returns the address of a server that calls serve with every connection.
func listen(t *testing.T, serve func(net.Conn)) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			t.Cleanup(func() { _ = conn.Close() })
			serve(conn)
		}
	}()
	return listener.Addr().String()
}

// TestServerErrors makes a trigger fail with each SQLSTATE. Its message and detail contain a
// secret.
func TestServerErrors(t *testing.T) {
	t.Parallel()
	url := postgrestest.URL(t)
	store, raw := newStore(t, url), openRaw(t, url)
	for state, want := range map[string]error{
		"08006": consumer.ErrUnavailable, // connection failure
		"22003": nil,                     // numeric value out of range
		"22P02": consumer.ErrSchema,      // invalid text representation: the column has another type
		"23505": nil,                     // unique violation
		"25006": consumer.ErrUnavailable, // read-only transaction
		"26000": consumer.ErrUnavailable, // a pooler lost a prepared statement
		"42501": consumer.ErrUnavailable, // insufficient privilege
		"42601": nil,                     // syntax error
		"42703": consumer.ErrSchema,      // undefined column
		"42P01": consumer.ErrSchema,      // undefined table
		"42P05": consumer.ErrUnavailable, // a pooler that does not track prepared statements
		"53100": consumer.ErrUnavailable, // disk full
		"53300": consumer.ErrUnavailable, // too many connections
		"55P03": consumer.ErrUnavailable, // lock not available
		"57014": consumer.ErrUnavailable, // the server's statement_timeout
		"57P01": consumer.ErrUnavailable, // shutting down
		"58030": consumer.ErrUnavailable, // I/O error
		"XX001": consumer.ErrUnavailable, // data corrupted
	} {
		t.Run(state, func(t *testing.T) {
			execRaw(t, raw, `CREATE OR REPLACE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$
				BEGIN RAISE EXCEPTION 'hidden message' USING ERRCODE = '`+state+`', DETAIL = 'hidden detail', HINT = 'hidden hint'; END $$`)
			execRaw(t, raw, `DROP TRIGGER IF EXISTS fail ON consumers`)
			execRaw(t, raw, `CREATE TRIGGER fail BEFORE INSERT ON consumers FOR EACH ROW EXECUTE FUNCTION fail()`)
			_, err := store.Write(t.Context(), aConsumer("cons_1"))
			if err == nil || want != nil && !errors.Is(err, want) {
				t.Fatalf("Write returned the error %v, want %v", err, want)
			}
			if want == nil {
				for _, sentinel := range []error{consumer.ErrUnavailable, consumer.ErrSchema, consumer.ErrConflict, consumer.ErrInvalid} {
					if errors.Is(err, sentinel) {
						t.Errorf("the error is %v, want an error that is not one of the module's", err)
					}
				}
			}
			if strings.Contains(err.Error(), "hidden") || !strings.Contains(err.Error(), state) {
				t.Errorf("the error contains a secret or lacks the SQLSTATE: %v", err)
			}
		})
	}
}

// TestVictimsAreRetried makes the server roll the first attempts back.
func TestVictimsAreRetried(t *testing.T) {
	t.Parallel()
	for _, state := range []string{"40001", "40P01"} {
		t.Run(state, func(t *testing.T) {
			url := postgrestest.URL(t)
			store, raw := newStore(t, url), openRaw(t, url)
			execRaw(t, raw, `CREATE SEQUENCE attempts`) // survives a rollback
			execRaw(t, raw, `CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$
				BEGIN IF nextval('attempts') < 4 THEN RAISE EXCEPTION 'victim' USING ERRCODE = '`+state+`'; END IF; RETURN NEW; END $$`)
			execRaw(t, raw, `CREATE TRIGGER fail BEFORE INSERT ON admissions FOR EACH ROW EXECUTE FUNCTION fail()`)
			if result, err := store.Write(t.Context(), aConsumer("cons_1")); err != nil || result.Applied != 3 {
				t.Errorf("Write returned %+v and the error %v", result, err)
			}
			wantConsumer(t, store, "cons_1")

			execRaw(t, raw, `ALTER SEQUENCE attempts RESTART MINVALUE -1000000 START -1000000`)
			ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
			defer cancel()
			if _, err := store.Write(ctx, aConsumer("cons_2")); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("Write returned the error %v, want context.DeadlineExceeded", err)
			}
		})
	}
}
