package sqlite_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jmoiron/sqlx"

	"github.com/rejoinhq/rejoin/consumer"
	"github.com/rejoinhq/rejoin/storage/sqlite"
)

// TestErrorsSayWhatToCheck causes errors of SQLite that an operator can do something about.
func TestErrorsSayWhatToCheck(t *testing.T) {
	for rule, c := range map[string]struct {
		cause func(t *testing.T) error
		text  string
	}{
		"a file that is not a database": {func(t *testing.T) error {
			path := newPath(t)
			writeFile(t, path, strings.Repeat("this is not a database\n", 1000))
			_, err := sqlite.Open(t.Context(), sqlite.Options{Path: path})
			return err
		}, "not a SQLite database"},
		"a full disk": {func(t *testing.T) error {
			store := newStore(t, newPath(t))
			if _, err := store.Writer().ExecContext(t.Context(), `PRAGMA max_page_count = 1`); err != nil {
				t.Fatal(err)
			}
			batch := aConsumer("cons_1")
			batch.Consumers[0].FullName = new(strings.Repeat("secret-token", 10_000))
			_, err := store.Write(t.Context(), batch)
			return err
		}, "no space is left on the disk"},
		"a file that may not be written": {func(t *testing.T) error {
			_, err := newStore(t, newPath(t)).Readers().ExecContext(t.Context(), `DELETE FROM consumers`)
			return sqlite.Translate(t.Context(), "write", err)
		}, "cannot be written"},
		"a file that cannot be opened": {func(t *testing.T) error {
			return sqlite.Translate(t.Context(), "open", rawError(t, "file:"+filepath.Join(t.TempDir(), "missing", "x.db")))
		}, "cannot be opened"},
		"a lock of another process": {func(t *testing.T) error {
			path := newPath(t)
			newStore(t, path)
			defer holdLock(t, path).Rollback()
			return sqlite.Translate(t.Context(), "write", rawError(t, "file:"+path+"?_txlock=immediate"))
		}, "another process keeps the database locked"},
		"a damaged file": {func(t *testing.T) error {
			path := newPath(t)
			store := newStore(t, path)
			if _, err := store.Write(t.Context(), aConsumer("cons_1")); err != nil {
				t.Fatal(err)
			}
			if err := store.Close(); err != nil {
				t.Fatal(err)
			}
			content, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			clear(content[4096:])
			writeFile(t, path, string(content))
			opened, err := sqlite.Open(t.Context(), sqlite.Options{Path: path})
			if err == nil {
				defer opened.Close()
				err = opened.Ping(t.Context())
			}
			return err
		}, "damaged"},
	} {
		t.Run(rule, func(t *testing.T) {
			err := c.cause(t)
			if !errors.Is(err, consumer.ErrUnavailable) || !strings.Contains(err.Error(), c.text) {
				t.Errorf("the error is %v, want ErrUnavailable that says %q", err, c.text)
			}
			if err != nil && strings.Contains(err.Error(), "secret") {
				t.Errorf("the error quotes a record: %v", err)
			}
		})
	}
}

// rawError returns the error of a transaction that is begun by other means than a Store.
func rawError(t *testing.T, uri string) error {
	t.Helper()
	db, err := sqlx.Open("sqlite", uri)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	_, err = db.BeginTxx(t.Context(), nil)
	if err == nil {
		t.Fatal("the transaction began")
	}
	return err
}
