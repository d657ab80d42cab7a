package postgres

import (
	"github.com/jackc/pgx/v5"

	"github.com/rejoinhq/rejoin/consumer"
)

// Options say which database to open, and how.
type Options struct {
	// URL is the connection string of the database that is written to.
	URL string

	// ReadURL is the connection string of a replica that answers Consumer, Consumers
	// and Snapshot instead, and which may lag behind. Empty means none.
	ReadURL string

	// ListenURL is the connection string of the connections on which [Store.Changes] is
	// told of changes, when URL leads through a pooler: those must lead to the primary
	// directly, or through a session of their own. Empty means URL.
	ListenURL string

	// MaxConnections is the greatest number of connections at a time, to each of the
	// two servers; whoever finds all of them busy waits. Zero means 8, which is enough
	// for a server with a few cores: more make it no faster, and a herd is read in more
	// round trips.
	MaxConnections int
}

const defaultMaxConnections = 8

func (o Options) validate() error {
	var fields []consumer.FieldError
	if _, err := pgx.ParseConfig(o.URL); err != nil || o.URL == "" {
		fields = append(fields, consumer.FieldError{Field: "URL", Message: "must be a connection string, such as postgres://user@host/database"})
	}
	if _, err := pgx.ParseConfig(o.ReadURL); err != nil && o.ReadURL != "" {
		fields = append(fields, consumer.FieldError{Field: "ReadURL", Message: "must be a connection string, or empty"})
	}
	if _, err := pgx.ParseConfig(o.ListenURL); err != nil && o.ListenURL != "" {
		fields = append(fields, consumer.FieldError{Field: "ListenURL", Message: "must be a connection string, or empty"})
	}
	if o.MaxConnections < 0 {
		fields = append(fields, consumer.FieldError{Field: "MaxConnections", Message: "must not be negative"})
	}
	if len(fields) > 0 {
		return &consumer.ValidationError{Fields: fields}
	}
	return nil
}

func (o Options) maxConnections() int {
	if o.MaxConnections == 0 {
		return defaultMaxConnections
	}
	return o.MaxConnections
}
