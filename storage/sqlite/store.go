package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"sync/atomic"

	"github.com/jmoiron/sqlx"
	driver "modernc.org/sqlite"

	"github.com/rejoinhq/rejoin/consumer"
	"github.com/rejoinhq/rejoin/storage/internal/fifo"
)

// Store is a [consumer.Store] in a SQLite database. Its methods are safe for
// concurrent use, also by several Stores and processes on one file (of one machine:
// SQLite's locks do not work over network file systems). Writes wait for each
// other, for half a minute unless the context ends sooner. Reads of a file do not
// wait for writes; a database in memory does one thing at a time.
//
// All methods but [Store.Migrate] and [Store.SchemaVersion] return
// [consumer.ErrSchema] until the database has the schema of this program.
type Store struct {
	writer  *sqlx.DB  // one connection
	readers *sqlx.DB  // the same handle as writer for a database in memory
	turns   fifo.Gate // in front of readers
	anchor  *sqlx.DB  // keeps a database in memory alive, nil for a file
	logging *sqlx.DB  // one connection for the log of changes, nil in memory
	closed  atomic.Bool

	writing lazy[writeStatements]
	feed    *feed
	log     changeLog
	// sequence says whether there can be anything new in the log.
	sequence *sequence
}

var _ consumer.Store = (*Store)(nil)

// Open opens a database, and creates its file when there is none, but not its
// schema: that is [Store.Migrate].
//
// It returns a [*consumer.ValidationError] for bad options,
// [consumer.ErrUnavailable] for what cannot be opened or is no database, and
// [consumer.ErrSchema] for a database that a newer program migrated. The caller
// closes the Store. The context bounds the opening only.
func Open(ctx context.Context, options Options) (*Store, error) {
	opening := fmt.Sprintf("open sqlite database %q", options.Path)
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

// connect sets the handles up; only what comes after touches the database.
func connect(options Options) (*Store, error) {
	s := &Store{writing: newLazy[writeStatements](), feed: newFeed()}
	var err error
	if options.Path == Memory {
		err = s.connectMemory()
	} else {
		err = s.connectFile(options)
	}
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

func (s *Store) connectFile(options Options) error {
	path, err := filepath.Abs(options.Path)
	if err != nil {
		return err
	}
	if err := createPrivate(path); err != nil {
		return err
	}
	if s.writer, err = handle(writerURI(path), 1); err != nil {
		return err
	}
	s.turns = fifo.NewGate(options.readers())
	if s.readers, err = handle(readerURI(path), options.readers()); err != nil {
		return err
	}
	s.logging, err = handle(readerURI(path), 1)
	s.log = changeLog{db: s.logging, holds: true}
	if err != nil {
		return err
	}
	s.sequence, err = openSequence(path)
	return err
}

// connectMemory shares one connection among all, because in memory SQLite has no
// write-ahead log and readers would stand in the writer's way. The anchor is never
// used, so that nothing makes database/sql discard it, and the database with it.
func (s *Store) connectMemory() error {
	uri := memoryURI()
	var err error
	if s.anchor, err = handle(uri, 1); err != nil {
		return err
	}
	if err := s.anchor.Ping(); err != nil {
		return err
	}
	s.writer, err = handle(uri, 1)
	s.readers, s.turns = s.writer, fifo.NewGate(1)
	s.log = changeLog{db: s.writer}
	s.sequence = newSequence()
	return err
}

func handle(uri string, connections int) (*sqlx.DB, error) {
	ofDriver, err := driver.NewConnector(uri)
	if err != nil {
		return nil, err
	}
	db := sqlx.NewDb(sql.OpenDB(connector{ofDriver}), "sqlite")
	db.SetMaxOpenConns(connections)
	db.SetMaxIdleConns(connections) // a connection is worth keeping: it has prepared statements and a cache
	return db, nil
}

// Close waits for what is running and closes the database. Closing again does
// nothing. Afterwards every method returns [consumer.ErrUnavailable].
func (s *Store) Close() error {
	if s.closed.Swap(true) {
		return nil
	}
	s.feed.mu.Lock()
	failed := []error{s.log.close()}
	s.feed.mu.Unlock()
	for _, db := range []*sqlx.DB{s.readers, s.logging, s.writer, s.anchor} { // the writer last cleans the log up
		if db != nil {
			failed = append(failed, db.Close())
		}
	}
	return translate(context.Background(), "close sqlite database", errors.Join(failed...))
}

// Ping returns nil when the database answers and has the schema of this program.
func (s *Store) Ping(ctx context.Context) error {
	return translate(ctx, "ping sqlite database", s.requireSchema(ctx))
}
