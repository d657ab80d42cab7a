package sqlite

import (
	"context"
	"embed"
	"io/fs"

	"github.com/jmoiron/sqlx"
)

// Each file records its version in the version table, so the schema is also recognized if
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
// any number of processes may call it at once.
//
// The table rejoin_schema_version records the steps. Other programs may use goose with its
// default table in the same database.
//
// Migrate returns [consumer.ErrSchema] if a newer program has migrated the database, or if
// the file has other tables with the same names.
func (s *Store) Migrate(ctx context.Context) error {
	return translate(ctx, "migrate sqlite database", s.migrate(ctx))
}

func (s *Store) migrate(ctx context.Context) error {
	for {
		var recorded int64
		err := retryBusy(ctx, func() (err error) {
			recorded, err = recordedSchema(ctx, s.writer)
			return err
		})
		if err != nil {
			return err
		}
		if recorded >= requiredSchema {
			return checkSchema(recorded)
		}
		if err := s.migrateStep(ctx); err != nil {
			return err
		}
	}
}

// migrateStep applies the next migration. It reads the version again once it has the lock,
// because another process may have been faster.
func (s *Store) migrateStep(ctx context.Context) error {
	tx, err := s.begin(ctx)
	if err != nil {
		return err
	}
	defer tx.Rollback() // does nothing after a commit
	recorded, err := recordedSchema(ctx, tx)
	if err != nil || recorded >= requiredSchema {
		return err
	}
	adopted := false
	if recorded == 0 {
		if adopted, err = adoptLegacy(ctx, tx); err != nil {
			return err
		}
	}
	if !adopted {
		if err := applyMigration(ctx, tx, recorded+1); err != nil {
			return err
		}
	}
	return tx.Commit()
}

func applyMigration(ctx context.Context, tx *sqlx.Tx, version int64) error {
	files, err := migrations.ReadDir("migrations")
	if err != nil {
		return err
	}
	statements, err := migrations.ReadFile("migrations/" + files[version-1].Name())
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, string(statements))
	return err
}
