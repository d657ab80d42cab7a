package postgres

import (
	"context"
	"database/sql/driver"
	"errors"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/jmoiron/sqlx"
)

// onConnection reads below database/sql, which hands out the connection and nothing
// else: a read then costs the program half as much. The driver prepares the statement
// once per connection, and takes results as the server has them.
//
// The caller is inside the gate. As database/sql does, it tries another connection when the server got nothing of
// the first, which happens once for each that broke while it was idle.
func onConnection(ctx context.Context, p *pool, read func(*pgx.Conn) error) error {
	err := attemptOnConnection(ctx, p.DB, read)
	if !errors.Is(err, driver.ErrBadConn) {
		return err
	}
	for range p.Stats().MaxOpenConnections {
		if err = attemptOnConnection(ctx, p.DB, read); !errors.Is(err, driver.ErrBadConn) {
			return err
		}
	}
	return err
}

func attemptOnConnection(ctx context.Context, db *sqlx.DB, read func(*pgx.Conn) error) error {
	conn, err := db.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	return conn.Raw(func(c any) error {
		err := read(c.(*stdlib.Conn).Conn())
		if pgconn.SafeToRetry(err) && ctx.Err() == nil {
			return driver.ErrBadConn // which also keeps it out of the pool
		}
		return err
	})
}
