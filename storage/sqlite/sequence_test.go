package sqlite_test

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// wantTold writes through one store, and wants a listener of another to have been told of
// it when that has caught up.
func wantTold(t *testing.T, l *listener, id string, catchUp func()) {
	t.Helper()
	catchUp()
	if !slices.Contains(l.notes(), hashOf(id)) {
		t.Errorf("%s was not told", id)
	}
}

// disturb leaves the number as a writer does that was killed in the middle of a commit, so
// that whoever looks next asks the database.
func disturb(t *testing.T, path string) {
	t.Helper()
	file, err := os.OpenFile(path+"-seq", os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if _, err := file.WriteAt([]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, 0); err != nil {
		t.Fatal(err)
	}
}

// A writer that was killed in the middle of a commit leaves the number odd.
func TestCatchUpAfterAWriterThatDied(t *testing.T) {
	path := newPath(t)
	here, there := newStore(t, path), newStore(t, path)
	l := follow(t, here)
	look := func() { catchUp(t, here) }
	look()
	disturb(t, path)
	for _, id := range []string{"cons_1", "cons_2"} { // the number begins anew
		look()
		write(t, there, id)
		wantTold(t, l, id, look)
		wantTold(t, l, id, look)
	}
}

func TestCatchUpUnderAnotherName(t *testing.T) {
	path := newPath(t)
	here := newStore(t, path)
	link := filepath.Join(t.TempDir(), "link.db")
	if err := os.Symlink(path, link); err != nil {
		t.Skip("no links here")
	}
	there := newStore(t, link)
	l := follow(t, here)
	catchUp(t, here)
	write(t, there, "cons_1")
	wantTold(t, l, "cons_1", func() { catchUp(t, here) })
}

func TestCatchUpTakesNothingWhileNobodyWrites(t *testing.T) {
	store := newStore(t, newPath(t))
	follow(t, store)
	catchUp(t, store)
	if n := testing.AllocsPerRun(100, func() { catchUp(t, store) }); n != 0 {
		t.Errorf("%v allocations: the database was asked", n)
	}
}

func TestTheSequenceIsAsPrivateAsTheDatabase(t *testing.T) {
	path := newPath(t)
	newStore(t, path)
	wantMode(t, path+"-seq", 0o600)
}
