package postgres_test

import (
	"context"
	"errors"
	"net"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/rejoinhq/rejoin/consumer"
	"github.com/rejoinhq/rejoin/storage/postgres"
	"github.com/rejoinhq/rejoin/storage/postgres/postgrestest"
)

// cable is a TCP proxy to a server.
type cable struct {
	moving sync.RWMutex // locked for writing to stop all data
	url    string

	plugged sync.Mutex
	clients []net.Conn

	// The proxy drops what connections that were made before these times send to the server
	// or receive from it.
	deaf, mute atomic.Pointer[time.Time]
	made       atomic.Int64 // the number of connections
}

// cut resets all connections.
func (c *cable) cut(t *testing.T) {
	t.Helper()
	c.plugged.Lock()
	defer c.plugged.Unlock()
	for _, client := range c.clients {
		if err := client.(*net.TCPConn).SetLinger(0); err != nil {
			t.Fatal(err)
		}
		if err := client.Close(); err != nil {
			t.Fatal(err)
		}
	}
	c.clients = nil
}

// newCable starts a proxy to the server of a database.
func newCable(t *testing.T, database string) *cable {
	t.Helper()
	config, err := pgx.ParseConfig(database)
	if err != nil {
		t.Fatal(err)
	}
	network, address := pgconn.NetworkAddress(config.Host, config.Port)
	c := &cable{}
	near := listen(t, func(client net.Conn) {
		c.plugged.Lock()
		c.clients = append(c.clients, client)
		c.plugged.Unlock()
		c.made.Add(1)
		server, err := net.Dial(network, address)
		if err != nil {
			_ = client.Close()
			return
		}
		go c.move(server, client, &c.deaf)
		go c.move(client, server, &c.mute)
	})
	u := url.URL{Scheme: "postgres", User: url.UserPassword(config.User, config.Password), Host: near, Path: "/" + config.Database, RawQuery: "sslmode=disable"}
	c.url = u.String()
	return c
}

func (c *cable) move(to, from net.Conn, cut *atomic.Pointer[time.Time]) {
	defer to.Close()
	defer from.Close()
	made, buffer := time.Now(), make([]byte, 4096)
	for {
		n, err := from.Read(buffer)
		if err != nil {
			return
		}
		if moment := cut.Load(); moment != nil && made.Before(*moment) {
			continue
		}
		c.moving.RLock()
		_, err = to.Write(buffer[:n])
		c.moving.RUnlock()
		if err != nil {
			return
		}
	}
}

// loseUpward drops what the current connections send to the server from now on.
func (c *cable) loseUpward() { c.deaf.Store(new(time.Now())) }

// lose drops what the current connections send and receive from now on.
func (c *cable) lose() {
	c.loseUpward()
	c.mute.Store(c.deaf.Load())
}

// TestSilentServerDoesNotBlockCalls makes more calls than there are connections to a server that
// stopped responding.
func TestSilentServerDoesNotBlockCalls(t *testing.T) {
	t.Parallel()
	cable := newCable(t, postgrestest.URL(t))
	store, err := postgres.Open(t.Context(), postgres.Options{URL: cable.url, MaxConnections: 4})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	if err := store.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := store.Write(t.Context(), aConsumer("cons_1")); err != nil {
		t.Fatal(err)
	}

	cable.moving.Lock()
	const patience = 200 * time.Millisecond
	begun := time.Now()
	var all sync.WaitGroup
	for w := range 12 {
		all.Go(func() {
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			var err error
			if w%2 == 0 {
				_, err = store.Snapshot(ctx, consumer.Key{OrganizationID: "org_1", ConsumerID: "cons_1"})
			} else {
				_, err = store.Write(ctx, aConsumer("cons_2"))
			}
			if !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("a call returned the error %v, want context.DeadlineExceeded", err)
			}
			if took := time.Since(begun); took > testTimeout {
				t.Errorf("a call with a deadline of %v took %v", patience, took)
			}
		})
	}
	all.Wait()
	cable.moving.Unlock()

	wantConsumer(t, store, "cons_1")
	if _, err := store.Write(t.Context(), aConsumer("cons_2")); err != nil {
		t.Errorf("Write: %v", err)
	}
	wantIdle(t, store)
}

// TestBrokenIdleConnectionsAreReplaced breaks all connections of the pool. A read notices it
// before the server has received anything, and uses a new connection.
func TestBrokenIdleConnectionsAreReplaced(t *testing.T) {
	t.Parallel()
	const connections = 6
	database := postgrestest.URL(t)
	cable := newCable(t, database)
	if _, err := newStore(t, database).Write(t.Context(), aConsumer("cons_1")); err != nil {
		t.Fatal(err)
	}
	store, err := postgres.Open(t.Context(), postgres.Options{URL: cable.url, MaxConnections: connections})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	for range 2 { // the pool pings a connection that was idle for a second
		var held []*pgxpool.Conn
		for range connections {
			conn, err := store.Primary().Acquire(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			held = append(held, conn)
		}
		for _, conn := range held {
			conn.Release()
		}
	}
	if n := store.Primary().Stat().IdleConns(); n != connections {
		t.Fatalf("%d idle connections, want %d", n, connections)
	}
	cable.cut(t)
	wantConsumer(t, store, "cons_1")
}
