package postgres

import (
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgconn/ctxwatch"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/jmoiron/sqlx"

	"github.com/rejoinhq/rejoin/storage/internal/fifo"
)

const (
	// cancelDelay is how long a statement may still end by itself when its context has
	// ended. Most do, and then nobody has to be asked to stop it.
	cancelDelay = 20 * time.Millisecond
	// cancelPatience is how long the server may take to stop a statement. After that
	// the connection is closed, so no call outlives its context for longer.
	cancelPatience = time.Second
	// connectPatience is how long making a connection may take, unless the URL has a
	// connect_timeout: database/sql makes some in the background, without a context.
	connectPatience = 5 * time.Second
	// connectionLifetime is when a connection is replaced by a new one, which finds the
	// servers that names and balancers lead to now.
	connectionLifetime = 30 * time.Minute
)

// pool is the connections to a server, with a gate in front: reads and writes have a
// connection in the order in which they came. What is rare goes past the gate, because it
// may be done by one who is inside.
type pool struct {
	*sqlx.DB
	turns fifo.Gate
}

// newPool returns a pool of connections that are made when they are needed.
func newPool(url string, connections int) (*pool, error) {
	config, err := parseURL(url)
	if err != nil {
		return nil, err
	}
	// The driver's default closes the connection whenever a context ends, and the
	// server, which isn't told, goes on with the statement.
	config.BuildContextWatcherHandler = func(conn *pgconn.PgConn) ctxwatch.Handler {
		return &pgconn.CancelRequestContextWatcherHandler{
			Conn: conn, CancelRequestDelay: cancelDelay, DeadlineDelay: cancelPatience,
		}
	}
	db := sqlx.NewDb(stdlib.OpenDB(*config), "pgx")
	db.SetMaxOpenConns(connections)
	db.SetMaxIdleConns(connections) // a connection is a process of the server, and has prepared statements
	db.SetConnMaxLifetime(connectionLifetime)
	return &pool{db, fifo.NewGate(connections)}, nil
}

func parseURL(url string) (*pgx.ConnConfig, error) {
	config, err := pgx.ParseConfig(url)
	if err == nil && config.ConnectTimeout == 0 {
		config.ConnectTimeout = connectPatience
	}
	return config, err
}
