package sqlite

import (
	"context"
	"embed"
	"io/fs"

	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/database"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Migrate brings the schema of the database to the version of this program, each
// step in a transaction of its own. It does nothing when it is there already, and
// may be called by any number of processes at once. It returns
// [consumer.ErrSchema] when a newer program has migrated the database, or when the
// file holds other tables of the same names.
func (s *Store) Migrate(ctx context.Context) error {
	return translate(ctx, "migrate sqlite database", s.migrate(ctx))
}

func (s *Store) migrate(ctx context.Context) error {
	for {
		before, err := currentSchema(ctx, s.writer)
		if err != nil {
			return err
		}
		if before >= requiredSchema {
			return checkSchema(before)
		}
		failed := retryBusy(ctx, func() error { return s.migrateUp(ctx) })
		after, err := currentSchema(ctx, s.writer)
		if err != nil {
			return err
		}
		if failed != nil && after <= before {
			return failed
		}
		// It worked, or another process was faster at a step, in which case ours was
		// undone by the step's transaction: see what remains to be done.
	}
}

func (s *Store) migrateUp(ctx context.Context) error {
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return err
	}
	versions, err := newVersionTable()
	if err != nil {
		return err
	}
	provider, err := goose.NewProvider(goose.DialectCustom, s.writer.DB, files,
		goose.WithStore(versions),
		goose.WithDisableGlobalRegistry(true),
		goose.WithLogger(goose.NopLogger()),
	)
	if err != nil {
		return err
	}
	_, err = provider.Up(ctx)
	return err
}

// versionTable is goose's table of versions with one difference: a version cannot
// be entered twice. Goose has no lock for SQLite, so two processes may begin the
// same step; the second then fails as a whole, whatever the step does.
type versionTable struct{ database.Store }

func newVersionTable() (versionTable, error) {
	store, err := database.NewStore(database.DialectSQLite3, goose.DefaultTablename)
	return versionTable{store}, err
}

// CreateVersionTable finds the table there already when another process was faster.
func (versionTable) CreateVersionTable(ctx context.Context, db database.DBTxConn) error {
	_, err := db.ExecContext(ctx, `CREATE TABLE IF NOT EXISTS goose_db_version (
		id INTEGER PRIMARY KEY AUTOINCREMENT,
		version_id INTEGER NOT NULL UNIQUE,
		is_applied INTEGER NOT NULL,
		tstamp TIMESTAMP DEFAULT (datetime('now'))
	)`)
	return err
}

// Insert lets only version 0, which goose enters with the table, be there already.
func (t versionTable) Insert(ctx context.Context, db database.DBTxConn, request database.InsertRequest) error {
	if request.Version > 0 {
		return t.Store.Insert(ctx, db, request)
	}
	_, err := db.ExecContext(ctx,
		`INSERT INTO goose_db_version (version_id, is_applied) VALUES (0, 1) ON CONFLICT DO NOTHING`)
	return err
}
