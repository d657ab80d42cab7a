package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/jmoiron/sqlx"
	driver "modernc.org/sqlite"

	"github.com/rejoinhq/rejoin/consumer"
	"github.com/rejoinhq/rejoin/consumer/event"
)

// Store is a [consumer.Store] in a SQLite database. Its methods are safe for concurrent
// use, also by several Stores and processes with the same file, provided that they run on
// one machine: SQLite's locks do not work on network file systems. Writes wait for each
// other, for up to half a minute or until their contexts end. Reads of a file do not wait
// for writes; a database in memory does one thing at a time.
//
// All methods except [Store.Migrate] and [Store.SchemaVersion] return [consumer.ErrSchema]
// until the database has the schema of this program.
type Store struct {
	writer  *sqlx.DB  // one connection
	readers *sqlx.DB  // the same handle as writer for a database in memory
	slots   semaphore // one for each connection of readers
	anchor  *sqlx.DB  // keeps a database in memory alive, nil for a file
	logging *sqlx.DB  // one connection for the log of changes, nil in memory
	closed  atomic.Bool

	writes writePreparer
	group  writeGroup
	feed   *feed
	log    changeLog // guarded by feed.mu
	// pollInterval is never 0.
	pollInterval time.Duration
}

var (
	_ consumer.Store           = (*Store)(nil)
	_ consumer.ExactChangeFeed = (*Store)(nil)
	_ event.Recorder           = (*Store)(nil)
	_ consumer.Completer       = (*Store)(nil)
)

// Open opens a database. It creates a missing file but not the schema, which
// [Store.Migrate] creates. The caller must close the Store. The context applies only to
// opening it.
//
// Open returns a [*consumer.ValidationError] for invalid options, [consumer.ErrUnavailable]
// if the file cannot be opened or is not a database, and [consumer.ErrSchema] if a newer
// program migrated the database.
func Open(ctx context.Context, options Options) (*Store, error) {
	operation := fmt.Sprintf("open sqlite database %q", options.Path)
	if err := options.validate(); err != nil {
		return nil, translate(ctx, operation, err)
	}
	s, err := connect(options)
	if err != nil {
		return nil, translate(ctx, operation, err)
	}
	if err := s.refuseNewer(ctx); err != nil {
		return nil, errors.Join(translate(ctx, operation, err), s.Close())
	}
	return s, nil
}

// connect creates the handles. It does not access the database.
func connect(options Options) (*Store, error) {
	s := &Store{writes: writePreparer{slot: newSemaphore(1)}, group: writeGroup{leader: newSemaphore(1)}, feed: newFeed(), pollInterval: options.pollInterval()}
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
	s.slots = newSemaphore(options.readers())
	if s.readers, err = handle(readerURI(path), options.readers()); err != nil {
		return err
	}
	s.logging, err = handle(readerURI(path), 1)
	s.log = changeLog{db: s.logging, file: true}
	return err
}

// connectMemory uses one connection for everything: in memory, SQLite has no write-ahead
// log, so readers would block the writer. Nothing uses the anchor, so database/sql has no
// reason to discard it, and with it the database.
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
	s.readers, s.slots = s.writer, newSemaphore(1)
	s.log = changeLog{db: s.writer}
	return err
}

// memory reports whether the database is in memory.
func (s *Store) memory() bool { return s.anchor != nil }

func handle(uri string, connections int) (*sqlx.DB, error) {
	c, err := driver.NewConnector(uri)
	if err != nil {
		return nil, err
	}
	db := sqlx.NewDb(sql.OpenDB(connector{c}), "sqlite")
	db.SetMaxOpenConns(connections)
	db.SetMaxIdleConns(connections) // a connection has prepared statements and a page cache
	return db, nil
}

// Close waits for running calls and closes the database. Afterwards every method returns
// [consumer.ErrUnavailable], and further calls of Close do nothing.
func (s *Store) Close() error {
	if s.closed.Swap(true) {
		return nil
	}
	s.feed.mu.Lock()
	errs := []error{s.log.close()}
	s.feed.mu.Unlock()
	for _, db := range []*sqlx.DB{s.readers, s.logging, s.writer, s.anchor} { // the writer last, because it removes the write-ahead log
		if db != nil {
			errs = append(errs, db.Close())
		}
	}
	return translate(context.Background(), "close sqlite database", errors.Join(errs...))
}

// Ping returns nil if the database can be read and has the schema of this program.
func (s *Store) Ping(ctx context.Context) error {
	return translate(ctx, "ping sqlite database", s.requireSchema(ctx))
}
