package postgres

import (
	"cmp"
	"context"
	"errors"
	"sync/atomic"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/rejoinhq/rejoin/consumer"
	"github.com/rejoinhq/rejoin/consumer/event"
)

// Store is a [consumer.Store] in a PostgreSQL database. Its methods are safe for
// concurrent use, also by several Stores on one database.
//
// All methods but [Store.Migrate] and [Store.SchemaVersion] return
// [consumer.ErrSchema] until the database has the schema of this program.
type Store struct {
	primary *pgxpool.Pool
	reading *pgxpool.Pool // of a replica, or the same as primary
	closed  atomic.Bool
	// borrowed reports whether the pools are the caller's.
	borrowed bool

	snapshots *batcher        // reads from reading
	listening *pgx.ConnConfig // of the connections that receive notifications
	feeds     feeds
	notifier  notifier
	lifetime  context.Context // ends when the store is closed
	end       context.CancelFunc
}

var (
	_ consumer.Store     = (*Store)(nil)
	_ event.Recorder     = (*Store)(nil)
	_ consumer.Completer = (*Store)(nil)
)

// Open connects to a database, which must exist, and to its replica if there is one.
// It doesn't create the schema: that is [Store.Migrate].
//
// It returns a [*consumer.ValidationError] for invalid options,
// [consumer.ErrUnavailable] for a server that doesn't respond or refuses the connection,
// and [consumer.ErrSchema] for a database that a newer program migrated. No error
// contains the URL. The caller must close the Store. The context bounds Open only.
func Open(ctx context.Context, options Options) (*Store, error) {
	const opening = "open postgres database"
	if err := options.validate(); err != nil {
		return nil, translate(ctx, opening, err)
	}
	s, err := newStore(options)
	if err != nil {
		return nil, translate(ctx, opening, err)
	}
	if err := s.refuseNewer(ctx); err != nil {
		return nil, errors.Join(translate(ctx, opening, err), s.Close())
	}
	return s, nil
}

func newStore(options Options) (*Store, error) {
	listening, err := pgx.ParseConfig(cmp.Or(options.ListenURL, options.URL))
	if err != nil {
		return nil, err
	}
	configure(listening)
	primary, err := newPool(options.URL, options.maxConnections())
	if err != nil {
		return nil, err
	}
	reading := primary
	if options.ReadURL != "" {
		if reading, err = newPool(options.ReadURL, options.maxConnections()); err != nil {
			primary.Close()
			return nil, err
		}
	}
	return openStore(primary, reading, listening), nil
}

func openStore(primary, reading *pgxpool.Pool, listening *pgx.ConnConfig) *Store {
	s := &Store{primary: primary, reading: reading, listening: listening, snapshots: newBatcher(reading)}
	s.feeds.followed = make(map[*feed]struct{})
	s.notifier.pool = primary
	s.lifetime, s.end = context.WithCancel(context.Background())
	return s
}

// New returns a Store on pools of the caller, who may use them for anything else too. Like
// [Open], it doesn't create the schema, and returns the same errors.
//
// The Store uses the settings of the pools: their sizes, their search_path, and how they end a
// statement whose context ends (by default, pgx closes the connection). New returns a
// [*consumer.ValidationError] that names the pool if its connections don't have
// client_encoding UTF8 and standard_conforming_strings on, which are the server's usual
// defaults. A hook of the pool must not leave a session in a transaction or in another role.
//
// [Store.Changes] opens a connection of its own, with the settings of the pool's connections but
// without its hooks, or with ListenURL. Close ends the feeds and leaves the pools open.
func New(ctx context.Context, pool *pgxpool.Pool, options PoolOptions) (*Store, error) {
	const opening = "use postgres pool"
	listening, err := options.listening(pool)
	if err != nil {
		return nil, translate(ctx, opening, err)
	}
	s := openStore(pool, cmp.Or(options.ReadPool, pool), listening)
	s.borrowed = true
	if err := s.checkSettings(ctx, options); err != nil {
		return nil, errors.Join(translate(ctx, opening, err), s.Close())
	}
	if err := s.refuseNewer(ctx); err != nil {
		return nil, errors.Join(translate(ctx, opening, err), s.Close())
	}
	return s, nil
}

// checkSettings checks the settings of the caller's pools, which the server reports when it
// accepts a connection.
func (s *Store) checkSettings(ctx context.Context, options PoolOptions) error {
	var fields []consumer.FieldError
	for _, pool := range s.pools() {
		err := withConnection(ctx, pool, func(conn *pgx.Conn) error {
			for name, value := range map[string]string{"client_encoding": "UTF8", "standard_conforming_strings": "on"} {
				if conn.PgConn().ParameterStatus(name) != value {
					fields = append(fields, consumer.FieldError{Field: options.nameOf(pool), Message: "must have connections with " + name + " " + value})
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	if len(fields) > 0 {
		return &consumer.ValidationError{Fields: fields}
	}
	return nil
}

// Close waits for the running calls and closes all connections. Afterwards every method
// returns [consumer.ErrUnavailable]. Closing again does nothing. If the pools are the caller's
// (see [New]), Close only ends the feeds.
func (s *Store) Close() error {
	if s.closed.Swap(true) {
		return nil
	}
	s.end()
	s.notifier.wait()
	if s.borrowed {
		return nil
	}
	for _, pool := range s.pools() {
		pool.Close()
	}
	return nil
}

// Ping returns nil if the database, and its replica if there is one, respond and have the
// schema of this program. It returns [consumer.ErrUnavailable] while the notification queue of
// the server is full, because no feed is followed then.
func (s *Store) Ping(ctx context.Context) (err error) {
	defer translateTo(&err, ctx, "ping postgres database")
	for _, pool := range s.pools() {
		if err := requireSchema(ctx, pool); err != nil {
			return err
		}
	}
	return s.requireRoomInQueue(ctx)
}

// pools returns each pool once.
func (s *Store) pools() []*pgxpool.Pool {
	if s.reading == s.primary {
		return []*pgxpool.Pool{s.primary}
	}
	return []*pgxpool.Pool{s.primary, s.reading}
}
