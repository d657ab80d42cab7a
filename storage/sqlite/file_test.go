package sqlite_test

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rejoinhq/rejoin/consumer"
	"github.com/rejoinhq/rejoin/storage/sqlite"
)

func TestNewFileIsPrivate(t *testing.T) {
	path := newPath(t)
	store := newStore(t, path)
	if _, err := store.Write(t.Context(), aConsumer("cons_1")); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{path, path + "-wal", path + "-shm"} {
		wantMode(t, name, 0o600)
	}
}

func TestExistingFileKeepsItsMode(t *testing.T) {
	path := newPath(t)
	if err := os.WriteFile(path, nil, 0o640); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, 0o640); err != nil { // whatever the umask
		t.Fatal(err)
	}
	newStore(t, path)
	wantMode(t, path, 0o640)
}

func wantMode(t *testing.T, path string, want fs.FileMode) {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if got := info.Mode().Perm(); got != want {
		t.Errorf("%s has the mode %v, want %v", filepath.Base(path), got, want)
	}
}

func TestPathMayHoldAnyCharacter(t *testing.T) {
	for _, name := range []string{
		"plain.db", "two words.db", "100%.db", "%41.db", "what?.db", "what?mode=memory", "a#b.db", "a&b=c;d.db", "+.db",
		`quo"te'.db`, `back\slash.db`, "naïve-日本-👩.db", "file:x.db", "-.db", ".hidden", "a:b.db", "new\nline.db",
	} {
		t.Run(name, func(t *testing.T) {
			directory := t.TempDir()
			store := newStore(t, filepath.Join(directory, name))
			if _, err := store.Write(t.Context(), aConsumer("cons_1")); err != nil {
				t.Fatal(err)
			}
			wantConsumer(t, store, "cons_1")
			if err := store.Close(); err != nil {
				t.Fatal(err)
			}
			wantFiles(t, directory, name)
		})
	}
}

func wantFiles(t *testing.T, directory string, names ...string) {
	t.Helper()
	entries, err := os.ReadDir(directory)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range entries {
		got = append(got, e.Name())
	}
	if diff := cmp.Diff(names, got); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
}

func TestRelativePathIsThatOfTheOpening(t *testing.T) {
	directory := t.TempDir()
	t.Chdir(directory)
	store := newStore(t, filepath.Join(".", "rejoin.db"))
	t.Chdir(t.TempDir())
	if _, err := store.Write(t.Context(), aConsumer("cons_1")); err != nil { // opens connections
		t.Fatal(err)
	}
	wantConsumer(t, store, "cons_1")
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	wantFiles(t, directory, "rejoin.db")
}

func TestMemoryIsNoFile(t *testing.T) {
	directory := t.TempDir()
	t.Chdir(directory)
	newStore(t, sqlite.Memory)
	wantFiles(t, directory)
}

// TestOtherFilesAreLeftAlone opens a database between files that an earlier version, or
// another database, could have put there.
func TestOtherFilesAreLeftAlone(t *testing.T) {
	directory, target := t.TempDir(), filepath.Join(t.TempDir(), "target")
	writeFile(t, target, "not a part of the database")
	if err := os.Symlink(target, filepath.Join(directory, "shop-seq")); err != nil {
		t.Skip("no symbolic links")
	}
	writeFile(t, filepath.Join(directory, "shop-lock"), "not a part of the database")
	store := newStore(t, filepath.Join(directory, "shop"))
	if _, err := store.Write(t.Context(), aConsumer("cons_1")); err != nil {
		t.Fatal(err)
	}
	wantFiles(t, directory, "shop", "shop-lock", "shop-seq", "shop-shm", "shop-wal")
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	wantFiles(t, directory, "shop", "shop-lock", "shop-seq")
	for _, path := range []string{target, filepath.Join(directory, "shop-lock")} {
		if content, err := os.ReadFile(path); err != nil || string(content) != "not a part of the database" {
			t.Errorf("%s contains %q, error %v", path, content, err)
		}
	}
}

func TestFileThatIsNoDatabaseStaysAlone(t *testing.T) {
	directory := t.TempDir()
	path := filepath.Join(directory, "notes.txt")
	writeFile(t, path, strings.Repeat("this is not a database\n", 1000))
	if _, err := sqlite.Open(t.Context(), sqlite.Options{Path: path}); err == nil {
		t.Error("Open returned no error")
	}
	wantFiles(t, directory, "notes.txt")
}

// TestFilesOfTheDatabaseHaveItsOwner opens another user's database as the superuser.
func TestFilesOfTheDatabaseHaveItsOwner(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only the superuser may give files away")
	}
	const user, group = 65534, 12345
	path := newPath(t)
	if err := newStore(t, path).Close(); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.Chown(path, user, group), os.Chmod(path, 0o640)); err != nil {
		t.Fatal(err)
	}
	store := openStore(t, path)
	if _, err := store.Write(t.Context(), aConsumer("cons_1")); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{path, path + "-wal", path + "-shm"} {
		wantMode(t, name, 0o640)
		wantOwner(t, name, user, group)
	}
}

// TestLogShrinksAfterALongRead makes SQLite keep a large log while somebody reads, and
// wants it to be short again after later writes.
func TestLogShrinksAfterALongRead(t *testing.T) {
	const limit = 16 << 20
	path := newPath(t)
	store, raw := newStore(t, path), openRaw(t, path)
	reading, err := raw.Connx(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer reading.Close()
	read := func(statement string) {
		t.Helper()
		if _, err := reading.ExecContext(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	read(`BEGIN DEFERRED`)
	read(`SELECT count(*) FROM consumers`)
	size := func() int64 {
		info, err := os.Stat(path + "-wal")
		if err != nil {
			t.Fatal(err)
		}
		return info.Size()
	}
	batch := aConsumer("cons_1")
	for n := 0; size() <= limit; n++ {
		batch.Consumers[0].FullName = new(strings.Repeat(string(rune('a'+n)), 4<<20)) // other pages each time
		batch.Consumers[0].UpdatedAt = batch.Consumers[0].CreatedAt.Add(time.Duration(n) * time.Second)
		if _, err := store.Write(t.Context(), batch); err != nil {
			t.Fatal(err)
		}
	}
	read(`COMMIT`)
	for n := range 3 {
		if _, err := store.Write(t.Context(), aConsumer(fmt.Sprintf("cons_later_%d", n))); err != nil {
			t.Fatal(err)
		}
	}
	if got := size(); got > limit {
		t.Errorf("the log has %d bytes, want at most %d", got, limit)
	}
}

func TestBadOptionsAreNamed(t *testing.T) {
	for rule, c := range map[string]struct {
		options sqlite.Options
		fields  []string
	}{
		"a path is needed":               {sqlite.Options{}, []string{"Path"}},
		"no path contains NUL":           {sqlite.Options{Path: "a\x00b"}, []string{"Path"}},
		"there is no negative number":    {sqlite.Options{Path: sqlite.Memory, Readers: -1}, []string{"Readers"}},
		"a poll interval has a maximum":  {sqlite.Options{Path: sqlite.Memory, PollInterval: time.Second}, []string{"PollInterval"}},
		"every bad option is named once": {sqlite.Options{Path: "\x00\x00", Readers: -1, PollInterval: time.Hour}, []string{"Path", "Readers", "PollInterval"}},
	} {
		t.Run(rule, func(t *testing.T) {
			_, err := sqlite.Open(t.Context(), c.options)
			var invalid *consumer.ValidationError
			if !errors.As(err, &invalid) {
				t.Fatalf("Open returned the error %v, want a *consumer.ValidationError", err)
			}
			var fields []string
			for _, f := range invalid.Fields {
				fields = append(fields, f.Field)
			}
			if diff := cmp.Diff(c.fields, fields); diff != "" {
				t.Errorf("fields (-want +got):\n%s", diff)
			}
		})
	}
}

func TestWhatCannotBeOpenedIsUnavailable(t *testing.T) {
	for rule, prepare := range map[string]func(t *testing.T, directory string) (path string){
		"a directory that doesn't exist": func(_ *testing.T, directory string) string {
			return filepath.Join(directory, "missing", "rejoin.db")
		},
		"a directory": func(_ *testing.T, directory string) string { return directory },
		"a file where the directory should be": func(t *testing.T, directory string) string {
			writeFile(t, filepath.Join(directory, "file"), "")
			return filepath.Join(directory, "file", "rejoin.db")
		},
		"a file that is no database": func(t *testing.T, directory string) string {
			path := filepath.Join(directory, "notes.txt")
			writeFile(t, path, strings.Repeat("this is no database\n", 1000))
			return path
		},
		"a directory that may not be written": func(t *testing.T, directory string) string {
			if os.Geteuid() == 0 {
				t.Skip("the superuser may write everywhere")
			}
			if err := os.Chmod(directory, 0o500); err != nil {
				t.Fatal(err)
			}
			return filepath.Join(directory, "rejoin.db")
		},
	} {
		t.Run(rule, func(t *testing.T) {
			path := prepare(t, t.TempDir())
			store, err := sqlite.Open(t.Context(), sqlite.Options{Path: path})
			if !errors.Is(err, consumer.ErrUnavailable) {
				t.Errorf("Open returned the error %v, want ErrUnavailable", err)
			}
			if err != nil && !strings.Contains(err.Error(), strconv.Quote(path)) {
				t.Errorf("the error doesn't name the path: %v", err)
			}
			if store != nil {
				t.Error("Open returned both a store and an error")
			}
		})
	}
}

func writeFile(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestPersonWhoIsGoneIsNotInTheFile reads the bytes of the closed database.
func TestPersonWhoIsGoneIsNotInTheFile(t *testing.T) {
	for name, goes := range map[string]func(*testing.T, *sqlite.Store) error{
		"erased": func(t *testing.T, store *sqlite.Store) error {
			return store.Erase(t.Context(), consumer.Key{OrganizationID: "org_1", ConsumerID: "cons_going"})
		},
		"merged": func(t *testing.T, store *sqlite.Store) error {
			_, err := store.Merge(t.Context(), consumer.Merge{OrganizationID: "org_1", GuestID: "cons_going", ConsumerID: "cons_staying"})
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			path := newPath(t)
			store := newStore(t, path)
			going := aConsumer("cons_going")
			going.Consumers[0].Email = new("going@example.com")
			going.Participations[0].ExpiresAt = &going.Participations[0].EnteredAt // in the index of what expires
			for _, batch := range []consumer.Batch{going, aConsumer("cons_staying")} {
				if _, err := store.Write(t.Context(), batch); err != nil {
					t.Fatal(err)
				}
			}
			if err := goes(t, store); err != nil {
				t.Fatal(err)
			}
			if err := store.Close(); err != nil {
				t.Fatal(err)
			}
			content, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			for _, text := range []string{"going@example.com", "cons_going"} {
				if bytes.Contains(content, []byte(text)) {
					t.Errorf("%q is still in the file", text)
				}
			}
			if !bytes.Contains(content, []byte("cons_staying")) {
				t.Error("the other consumer is not in the file")
			}
		})
	}
}
