package postgres_test

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rejoinhq/rejoin/consumer"
	"github.com/rejoinhq/rejoin/storage/postgres"
	"github.com/rejoinhq/rejoin/storage/postgres/postgrestest"
)

func TestBadOptionsAreNamed(t *testing.T) {
	const url = "postgres://localhost/rejoin"
	for rule, c := range map[string]struct {
		options postgres.Options
		fields  []string
	}{
		"a URL is needed":                     {postgres.Options{}, []string{"URL"}},
		"the URL must be one":                 {postgres.Options{URL: "postgres://user:sesame@host:port/"}, []string{"URL"}},
		"its parameters must be known":        {postgres.Options{URL: url + "?sslmode=sesame"}, []string{"URL"}},
		"the replica's URL must be one":       {postgres.Options{URL: url, ReadURL: "sesame"}, []string{"ReadURL"}},
		"the listener's URL must be one":      {postgres.Options{URL: url, ListenURL: "sesame"}, []string{"ListenURL"}},
		"there is no negative number":         {postgres.Options{URL: url, MaxConnections: -1}, []string{"MaxConnections"}},
		"every bad option is named, in order": {postgres.Options{ReadURL: "sesame", ListenURL: "sesame", MaxConnections: -1}, []string{"URL", "ReadURL", "ListenURL", "MaxConnections"}},
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
				t.Errorf("the error shows the value: %v", err)
			}
		})
	}
}

func TestWhatCannotBeOpenedIsUnavailable(t *testing.T) {
	for rule, url := range map[string]func(t *testing.T) string{
		"nobody listens": func(t *testing.T) string {
			return "postgres://hidden-user:hidden-word@" + closedPort(t) + "/hidden-name?sslmode=disable"
		},
		"the name is unknown": func(*testing.T) string {
			return "postgres://hidden-user:hidden-word@hidden-host.invalid/hidden-name"
		},
		"the socket doesn't exist": func(t *testing.T) string {
			return "postgres://hidden-user:hidden-word@/hidden-name?host=" + t.TempDir()
		},
		"the database doesn't exist": func(t *testing.T) string {
			return withParameter(t, postgrestest.URL(t), "dbname", "hidden-name")
		},
		"the user doesn't exist": func(t *testing.T) string {
			return withParameter(t, postgrestest.URL(t), "user", "hidden-user")
		},
		"it hangs up": func(t *testing.T) string {
			return "postgres://hidden-user:hidden-word@" + listen(t, func(c net.Conn) { _ = c.Close() }) + "/hidden-name?sslmode=disable"
		},
		"it is no PostgreSQL": func(t *testing.T) string {
			return "postgres://hidden-user:hidden-word@" + listen(t, func(c net.Conn) {
				_, _ = io.WriteString(c, "HTTP/1.1 400 Bad Request\r\n\r\n")
				_ = c.Close()
			}) + "/hidden-name?sslmode=disable"
		},
	} {
		t.Run(rule, func(t *testing.T) {
			store, err := postgres.Open(t.Context(), postgres.Options{URL: url(t)})
			if !errors.Is(err, consumer.ErrUnavailable) {
				t.Fatalf("Open returned the error %v, want ErrUnavailable", err)
			}
			if strings.Contains(err.Error(), "hidden") {
				t.Errorf("the error shows a part of the URL: %v", err)
			}
			if store != nil {
				t.Error("Open returned a store beside the error")
			}
		})
	}
}

// TestSilentServerDoesNotHoldACallBack opens a server that accepts and never
// answers.
func TestSilentServerDoesNotHoldACallBack(t *testing.T) {
	address := listen(t, func(net.Conn) {})
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	begun := time.Now()
	_, err := postgres.Open(ctx, postgres.Options{URL: "postgres://user@" + address + "/name?sslmode=disable"})
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Open returned the error %v, want context.DeadlineExceeded", err)
	}
	if waited := time.Since(begun); waited > 5*time.Second {
		t.Errorf("Open took %v", waited)
	}
}

// closedPort returns an address at which nobody listens.
func closedPort(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().String()
}

// listen returns the address of a server that treats every connection so.
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

// TestServerErrors makes the server fail a statement with each SQLSTATE, by a
// trigger whose message and detail hold a secret.
func TestServerErrors(t *testing.T) {
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
		"42P05": consumer.ErrUnavailable, // a pooler mixed prepared statements up
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
			execRaw(t, raw, `CREATE OR REPLACE TRIGGER fail BEFORE INSERT ON consumers FOR EACH ROW EXECUTE FUNCTION fail()`)
			_, err := store.Write(t.Context(), aConsumer("cons_1"))
			if err == nil || want != nil && !errors.Is(err, want) {
				t.Fatalf("Write returned the error %v, want %v", err, want)
			}
			if want == nil {
				for _, sentinel := range []error{consumer.ErrUnavailable, consumer.ErrSchema, consumer.ErrConflict, consumer.ErrInvalid} {
					if errors.Is(err, sentinel) {
						t.Errorf("the error is %v, want none of the module's", err)
					}
				}
			}
			if strings.Contains(err.Error(), "hidden") || !strings.Contains(err.Error(), state) {
				t.Errorf("the error shows too much or too little: %v", err)
			}
		})
	}
}

// TestVictimsAreTriedAgain lets the server undo the first attempts.
func TestVictimsAreTriedAgain(t *testing.T) {
	for _, state := range []string{"40001", "40P01"} {
		t.Run(state, func(t *testing.T) {
			url := postgrestest.URL(t)
			store, raw := newStore(t, url), openRaw(t, url)
			execRaw(t, raw, `CREATE SEQUENCE attempts`) // outlives what is undone
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
