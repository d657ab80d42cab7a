package postgres

import (
	"errors"
	"io/fs"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/rejoinhq/rejoin/consumer"
)

// Options are the arguments of [Open]. A connection string is libpq's, such as
// postgres://user@host/database?sslmode=verify-full.
type Options struct {
	// URL is the connection string of the database to write to.
	URL string

	// ReadURL is the connection string of a replica that serves Consumer, Consumers and
	// Snapshot. The replica may lag. If empty, URL serves them.
	ReadURL string

	// ListenURL is the connection string for the notifications of [Store.Changes]. It is
	// needed if URL leads through a pooler in transaction mode, and must lead to the
	// primary directly or through a pooler in session mode. If empty, URL is used.
	ListenURL string

	// MaxConnections limits the connections to each of the two servers. Calls wait while all
	// of them are in use. If zero, the limit is 8, which is enough for a server with a few
	// cores: more connections are not faster, and waiting snapshots share round trips.
	MaxConnections int
}

// PoolOptions are the options of [New]. The zero value has all defaults.
type PoolOptions struct {
	// ReadPool is a pool of connections to a replica, as [Options.ReadURL]. If nil, the other
	// pool serves everything.
	ReadPool *pgxpool.Pool
	// ListenURL is as [Options.ListenURL]. If empty, notifications come through a connection
	// with the settings of the pool.
	ListenURL string
}

// listening returns the configuration of the connections that receive notifications, or a
// [*consumer.ValidationError].
func (o PoolOptions) listening(pool *pgxpool.Pool) (*pgx.ConnConfig, error) {
	if pool == nil {
		return nil, &consumer.ValidationError{Fields: []consumer.FieldError{{Field: "pool", Message: "is required"}}}
	}
	config := pool.Config().ConnConfig
	if o.ListenURL != "" {
		if message := checkURL(o.ListenURL); message != "" {
			return nil, &consumer.ValidationError{Fields: []consumer.FieldError{{Field: "ListenURL", Message: message}}}
		}
		var err error
		if config, err = pgx.ParseConfig(o.ListenURL); err != nil {
			return nil, err
		}
	}
	configure(config)
	return config, nil
}

// nameOf returns the name of the argument or option that a pool was given as.
func (o PoolOptions) nameOf(pool *pgxpool.Pool) string {
	if pool == o.ReadPool {
		return "ReadPool"
	}
	return "pool"
}

const defaultMaxConnections = 8

func (o Options) validate() error {
	var fields []consumer.FieldError
	add := func(field, message string) {
		if message != "" {
			fields = append(fields, consumer.FieldError{Field: field, Message: message})
		}
	}
	add("URL", checkURL(o.URL))
	if o.ReadURL != "" {
		add("ReadURL", checkURL(o.ReadURL))
	}
	if o.ListenURL != "" {
		add("ListenURL", checkURL(o.ListenURL))
	}
	if o.MaxConnections < 0 {
		add("MaxConnections", "must not be negative")
	}
	if len(fields) > 0 {
		return &consumer.ValidationError{Fields: fields}
	}
	return nil
}

// checkURL returns what is wrong with a connection string, or the empty string. It does not
// return the parser's error, which quotes the connection string.
func checkURL(url string) string {
	var file *fs.PathError
	_, err := pgxpool.ParseConfig(url)
	switch {
	case errors.As(err, &file):
		return "names a certificate or key file that cannot be read"
	case err != nil, url == "":
		return "must be a connection string, such as postgres://user@host/database"
	}
	return ""
}

func (o Options) maxConnections() int {
	if o.MaxConnections == 0 {
		return defaultMaxConnections
	}
	return o.MaxConnections
}
