package postgres

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgconn/ctxwatch"
	"github.com/jackc/pgx/v5/pgxpool"
)

const (
	// cancelDelay is how long a statement may go on after its context has ended before
	// the server is asked to cancel it. Most statements end by themselves within it.
	cancelDelay = 20 * time.Millisecond
	// cancelTimeout is how long the server may take to cancel a statement. Then the
	// connection is closed, so no call outlives its context for longer than that.
	cancelTimeout = time.Second
	// connectTimeout bounds the making of a connection, unless the URL has a
	// connect_timeout. The pool goes on with it when the caller has given up.
	connectTimeout = 5 * time.Second
	// connectionLifetime is the age at which a connection is replaced. The new one
	// follows changes of DNS names and load balancers.
	connectionLifetime = 30 * time.Minute
	// maxRetryPause is the longest pause before a transaction is retried.
	maxRetryPause = 20 * time.Millisecond
)

// newPool returns a pool that connects when a connection is needed, and hands its
// connections out in FIFO order.
func newPool(url string, connections int) (*pgxpool.Pool, error) {
	config, err := pgxpool.ParseConfig(url)
	if err != nil {
		return nil, err
	}
	configure(config.ConnConfig)
	config.MaxConns = int32(connections)
	config.MaxConnLifetime = connectionLifetime
	config.MaxConnLifetimeJitter = connectionLifetime / 10
	return pgxpool.NewWithConfig(context.Background(), config)
}

// configure sets what every connection of this package needs.
//
// The settings that it sends are those that PgBouncer accepts from a client and keeps in every
// mode. The statements must not depend on any other setting: a database or role may have its
// own default, and a SET would reach whatever client a pooler serves next.
func configure(config *pgx.ConnConfig) {
	config.RuntimeParams["client_encoding"] = "UTF8"
	config.RuntimeParams["standard_conforming_strings"] = "on" // the driver's simple protocol needs it
	if config.ConnectTimeout == 0 {
		config.ConnectTimeout = connectTimeout
	}
	// The driver's default closes the connection whenever a context ends, and lets the
	// server go on with the statement.
	config.BuildContextWatcherHandler = func(conn *pgconn.PgConn) ctxwatch.Handler {
		return &pgconn.CancelRequestContextWatcherHandler{
			Conn: conn, CancelRequestDelay: cancelDelay, DeadlineDelay: cancelTimeout,
		}
	}
}

// withConnection calls use with a connection of the pool. It calls use again when the server
// chose the transaction as the victim of a deadlock or of a serialization failure, to which a
// single statement is also subject if the default isolation level is SERIALIZABLE.
func withConnection(ctx context.Context, pool *pgxpool.Pool, use func(*pgx.Conn) error) error {
	for {
		err := withWorkingConnection(ctx, pool, use)
		if !isConcurrencyFailure(err) {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(rand.N(maxRetryPause)):
		}
	}
}

// withWorkingConnection calls use with another connection if the server received nothing,
// because the connection broke while it was idle.
func withWorkingConnection(ctx context.Context, pool *pgxpool.Pool, use func(*pgx.Conn) error) error {
	err := tryConnection(ctx, pool, use)
	if !retryable(ctx, err) {
		return err
	}
	for range pool.Stat().MaxConns() { // all of them may have broken at once
		if err = tryConnection(ctx, pool, use); !retryable(ctx, err) {
			return err
		}
	}
	return err
}

func retryable(ctx context.Context, err error) bool {
	return err != nil && pgconn.SafeToRetry(err) && ctx.Err() == nil
}

// tryConnection relies on Release, which closes a connection that broke or is still in
// a transaction.
func tryConnection(ctx context.Context, pool *pgxpool.Pool, use func(*pgx.Conn) error) error {
	conn, err := pool.Acquire(ctx)
	if err != nil {
		return err
	}
	defer conn.Release()
	return use(conn.Conn())
}
