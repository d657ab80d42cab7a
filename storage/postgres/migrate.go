package postgres

import (
	"context"
	"embed"
	"fmt"
	"io/fs"

	"github.com/jackc/pgx/v5"

	"github.com/rejoinhq/rejoin/consumer"
)

// Each file records its version in the version table, so the schema is also recognized when
// another tool has run the files.
//
//go:embed migrations/*.sql
var migrations embed.FS

// Migrations returns the SQL files that [Store.Migrate] runs, in the order of their names.
// They are for programs that migrate all their tables with one tool, such as goose, whose
// annotations they have. Run each file in a transaction of its own. Each file records its
// version in the table rejoin_schema_version, so a Store recognizes the schema and refuses a
// newer one, whichever tool ran the files.
func Migrations() fs.FS {
	files, _ := fs.Sub(migrations, "migrations") // fails only if the name is not a valid path
	return files
}

// Migrate brings the schema of the database to the version that this program needs. Each
// step is a transaction of its own. Migrate does nothing if the schema has that version, and
// any number of processes may call it at once: they take turns, for as long as their contexts
// allow. Their lock ends with the transaction, so Migrate also works through a pooler in
// transaction mode.
//
// The table rejoin_schema_version records the steps. Other programs may use goose with its
// default table in the same database.
//
// Migrate returns [consumer.ErrSchema] if a newer program has migrated the database, if the
// database has other tables with the same names, or if its encoding is not UTF8.
func (s *Store) Migrate(ctx context.Context) (err error) {
	defer translateTo(&err, ctx, "migrate postgres database")
	for {
		done, err := s.isMigrated(ctx)
		if err != nil || done {
			return err
		}
		if err := s.requireEncoding(ctx); err != nil {
			return err
		}
		if err := s.migrateStep(ctx); err != nil {
			return err
		}
	}
}

// isMigrated reports whether the database has the required version in the version table.
func (s *Store) isMigrated(ctx context.Context) (bool, error) {
	recorded, err := recordedSchema(ctx, s.primary)
	if err != nil || recorded < requiredSchema {
		return false, err
	}
	return true, checkSchema(recorded)
}

// requireEncoding makes sure that every text can be stored, and that it compares in the
// byte order that decides between writes.
func (s *Store) requireEncoding(ctx context.Context) error {
	var encoding string
	if err := s.primary.QueryRow(ctx, `SELECT current_setting('server_encoding')`).Scan(&encoding); err != nil {
		return err
	}
	if encoding != "UTF8" {
		return fmt.Errorf("%w: the database must have the encoding UTF8", consumer.ErrSchema)
	}
	return nil
}

// migrateStep applies the next migration. It asks for the version again, because another
// process may have been faster while this one waited for the lock.
func (s *Store) migrateStep(ctx context.Context) error {
	return withConnection(ctx, s.primary, func(conn *pgx.Conn) error {
		step := func(ctx context.Context, t transaction) error {
			recorded, err := recordedSchema(ctx, t)
			if err != nil || recorded >= requiredSchema {
				return err
			}
			if recorded == 0 {
				if adopted, err := t.adoptLegacy(ctx); err != nil || adopted {
					return err
				}
			}
			return t.apply(ctx, recorded+1)
		}
		_, err := newTransaction(conn).attempt(ctx, func(t transaction) (commit, error) {
			return t.run(ctx, []advisoryLock{migrationLock()}, step)
		})
		return err
	})
}

// apply runs the migration to a version.
func (t transaction) apply(ctx context.Context, version int64) error {
	file, err := migrationFile(version)
	if err != nil {
		return err
	}
	_, err = t.Exec(ctx, file)
	return err
}

func migrationFile(version int64) (string, error) {
	entries, err := migrations.ReadDir("migrations")
	if err != nil {
		return "", err
	}
	file, err := migrations.ReadFile("migrations/" + entries[version-1].Name())
	return string(file), err
}
