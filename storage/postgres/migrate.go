package postgres

import (
	"context"
	"database/sql"
	"embed"
	"fmt"
	"io/fs"
	"time"

	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"

	"github.com/rejoinhq/rejoin/consumer"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Migrate brings the schema of the database to the version of this program, each
// step in a transaction of its own. It does nothing when it is there already, and
// may be called by any number of processes at once: they take turns, as long as
// their contexts allow. It returns [consumer.ErrSchema] when a newer program has
// migrated the database, when the database holds other tables of the same names, or
// when its encoding is not UTF8.
func (s *Store) Migrate(ctx context.Context) error {
	return translate(ctx, "migrate postgres database", s.migrate(ctx))
}

func (s *Store) migrate(ctx context.Context) error {
	before, err := currentSchema(ctx, s.primary)
	if err != nil {
		return err
	}
	if before >= requiredSchema {
		return checkSchema(before)
	}
	if err := s.requireEncoding(ctx); err != nil {
		return err
	}
	if err := s.migrateUp(ctx); err != nil {
		return err
	}
	return requireSchema(ctx, s.primary) // a newer program may have been faster
}

// requireEncoding sees to it that every text can be stored, and that the order of
// bytes is the one that decides between writes.
func (s *Store) requireEncoding(ctx context.Context) error {
	var encoding string
	if err := s.primary.GetContext(ctx, &encoding, `SELECT current_setting('server_encoding')`); err != nil {
		return err
	}
	if encoding != "UTF8" {
		return fmt.Errorf("%w: the database must have the encoding UTF8", consumer.ErrSchema)
	}
	return nil
}

func (s *Store) migrateUp(ctx context.Context) error {
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return err
	}
	provider, err := goose.NewProvider(goose.DialectPostgres, s.primary.DB.DB, files,
		goose.WithSessionLocker(sessionLocker{}),
		goose.WithDisableGlobalRegistry(true),
		goose.WithLogger(goose.NopLogger()),
	)
	if err != nil {
		return err
	}
	_, err = provider.Up(ctx)
	return err
}

const (
	// lockPause keeps the attempts to get the lock of the migrations apart.
	lockPause = 50 * time.Millisecond
	// unlockPatience is how long giving it back may take. It is gone with the
	// connection in any case.
	unlockPatience = 5 * time.Second
)

// sessionLocker lets one process migrate at a time. Goose's own asks every few
// seconds, for some minutes; this one is prompt, and waits as long as the context
// allows. It asks again and again instead of waiting in the statement, because an
// index that is built concurrently would wait for that statement to end.
type sessionLocker struct{}

var _ lock.SessionLocker = sessionLocker{}

func (sessionLocker) SessionLock(ctx context.Context, conn *sql.Conn) error {
	for {
		var locked bool
		if err := conn.QueryRowContext(ctx, `SELECT pg_try_advisory_lock($1, $2)`, lockSpace, lockMigrations).Scan(&locked); err != nil {
			return err
		}
		if locked {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(lockPause):
		}
	}
}

func (sessionLocker) SessionUnlock(ctx context.Context, conn *sql.Conn) error {
	ctx, cancel := context.WithTimeout(ctx, unlockPatience)
	defer cancel()
	_, err := conn.ExecContext(ctx, `SELECT pg_advisory_unlock($1, $2)`, lockSpace, lockMigrations)
	return err
}
