package postgres

import (
	"cmp"
	"context"
	"errors"
	"sync/atomic"

	"github.com/jackc/pgx/v5"

	"github.com/rejoinhq/rejoin/consumer"
)

// Store is a [consumer.Store] in a PostgreSQL database. Its methods are safe for
// concurrent use, also by several Stores on one database.
//
// All methods but [Store.Migrate] and [Store.SchemaVersion] return
// [consumer.ErrSchema] until the database has the schema of this program.
type Store struct {
	primary *pool
	reading *pool // a replica, or the same pool as primary
	closed  atomic.Bool

	snapshots *together       // from reading
	listening *pgx.ConnConfig // of the connections that are told of changes
	lifetime  context.Context // ends when the store is closed
	end       context.CancelFunc
}

var _ consumer.Store = (*Store)(nil)

// Open connects to a database, which must exist, and to its replica if there is one.
// It doesn't make the schema: that is [Store.Migrate].
//
// It returns a [*consumer.ValidationError] for bad options,
// [consumer.ErrUnavailable] for a server that doesn't answer or doesn't let us in,
// and [consumer.ErrSchema] for a database that a newer program migrated. No error
// shows the URL. The caller closes the Store. The context bounds the opening only.
func Open(ctx context.Context, options Options) (*Store, error) {
	const opening = "open postgres database"
	if err := options.validate(); err != nil {
		return nil, translate(ctx, opening, err)
	}
	s, err := connect(options)
	if err != nil {
		return nil, translate(ctx, opening, err)
	}
	if err := s.refuseNewer(ctx); err != nil {
		return nil, errors.Join(translate(ctx, opening, err), s.Close())
	}
	return s, nil
}

func connect(options Options) (*Store, error) {
	primary, err := newPool(options.URL, options.maxConnections())
	if err != nil {
		return nil, err
	}
	s := &Store{primary: primary, reading: primary}
	s.snapshots = &together{pool: primary}
	s.lifetime, s.end = context.WithCancel(context.Background())
	if s.listening, err = parseURL(cmp.Or(options.ListenURL, options.URL)); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	if options.ReadURL == "" {
		return s, nil
	}
	replica, err := newPool(options.ReadURL, options.maxConnections())
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	s.reading = replica
	s.snapshots = &together{pool: replica}
	return s, nil
}

// Close waits for what is running and closes all connections. Closing again does
// nothing. Afterwards every method returns [consumer.ErrUnavailable].
func (s *Store) Close() error {
	if s.closed.Swap(true) {
		return nil
	}
	s.end()
	var failed []error
	for _, db := range s.servers() {
		failed = append(failed, db.Close())
	}
	return translate(context.Background(), "close postgres database", errors.Join(failed...))
}

// Ping returns nil when the database, and its replica if there is one, answer and
// have the schema of this program.
func (s *Store) Ping(ctx context.Context) error {
	return translate(ctx, "ping postgres database", s.ping(ctx))
}

func (s *Store) ping(ctx context.Context) error {
	for _, db := range s.servers() {
		if err := requireSchema(ctx, db); err != nil {
			return err
		}
	}
	return nil
}

// servers returns each pool once.
func (s *Store) servers() []*pool {
	if s.reading == s.primary {
		return []*pool{s.primary}
	}
	return []*pool{s.primary, s.reading}
}
