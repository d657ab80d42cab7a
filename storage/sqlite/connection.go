package sqlite

import (
	"context"
	"database/sql/driver"
	"errors"
)

// Reads use the driver below database/sql, which only lends the connection: a snapshot
// takes a third less time and half of the allocations.

// connector opens the connections of a handle.
type connector struct{ driver.Connector }

// Connect implements [driver.Connector].
func (c connector) Connect(ctx context.Context) (driver.Conn, error) {
	conn, err := c.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	full, ok := conn.(driverConn)
	if !ok {
		return nil, errors.Join(errors.New("a connection of the driver lacks a method"), conn.Close())
	}
	return &connection{driverConn: full, prepared: make(map[string]statement)}, nil
}

// driverConn has all optional methods that database/sql uses and the driver implements.
type driverConn interface {
	driver.Conn
	driver.ConnPrepareContext
	driver.ConnBeginTx
	driver.QueryerContext
	driver.ExecerContext
	driver.Pinger
	driver.SessionResetter
	driver.Validator
}

// statement is a prepared statement that reads.
type statement interface {
	driver.Stmt
	driver.StmtQueryContext
}

// connection keeps the statements that it prepared to read. database/sql lends it to one
// caller at a time.
type connection struct {
	driverConn
	prepared map[string]statement // by their text
	// parameters and row belong to the running call.
	parameters []driver.NamedValue
	row        []driver.Value
}

// Unwrap returns the driver's own connection. The driver calls it.
func (c *connection) Unwrap() driver.Conn { return c.driverConn }

// Close implements [driver.Conn].
func (c *connection) Close() error {
	var errs []error
	for _, s := range c.prepared {
		errs = append(errs, s.Close())
	}
	return errors.Join(append(errs, c.driverConn.Close())...)
}

// queryRow runs a statement and calls use with its first row, which is valid only during
// the call. It returns io.EOF if there is no row.
//
// It does not watch a context: the driver would start a goroutine for it, while a statement
// takes microseconds and waits for a lock no longer than readerBusyTimeout.
func (c *connection) queryRow(text string, parameters []any, use func(row []driver.Value)) error {
	s, err := c.prepare(text)
	if err != nil {
		return err
	}
	for i, p := range parameters {
		c.parameters = append(c.parameters, driver.NamedValue{Ordinal: i + 1, Value: p})
	}
	defer func() {
		clear(c.parameters)
		clear(c.row)
		c.parameters, c.row = c.parameters[:0], c.row[:0]
	}()
	rows, err := s.QueryContext(context.Background(), c.parameters)
	if err != nil {
		return err
	}
	for range rows.Columns() {
		c.row = append(c.row, nil)
	}
	if err := rows.Next(c.row); err != nil {
		return errors.Join(err, rows.Close())
	}
	use(c.row)
	return rows.Close()
}

func (c *connection) prepare(text string) (statement, error) {
	if s, ok := c.prepared[text]; ok {
		return s, nil
	}
	prepared, err := c.PrepareContext(context.Background(), text)
	if err != nil {
		return nil, err
	}
	s, ok := prepared.(statement)
	if !ok {
		return nil, errors.Join(errors.New("a statement of the driver lacks a method"), prepared.Close())
	}
	c.prepared[text] = s
	return s, nil
}
