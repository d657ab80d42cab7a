package importer_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/rejoinhq/rejoin/consumer/recordjson"
	"github.com/rejoinhq/rejoin/examples/internal/importer"
	"github.com/rejoinhq/rejoin/storage/sqlite"
)

// TestImportOfAChangedFile: if the file is not the one that was checked, the import fails
// and does not blame an erasure.
func TestImportOfAChangedFile(t *testing.T) {
	store, err := sqlite.Open(t.Context(), sqlite.Options{Path: sqlite.Memory})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	if err := store.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	checked := []recordjson.Organization{{ID: "org_1"}}
	for name, file := range map[string]string{
		"one more organization": `{"organizations":[{"id":"org_1"},{"id":"org_2","consumers":[{"id":"c"}]}]}`,
		"a bad consumer":        `{"organizations":[{"id":"org_1","consumers":[{"id":"me"}]}]}`,
	} {
		if _, err := importer.Import(t.Context(), store, strings.NewReader(file), recordjson.Options{}, checked, nil); !errors.Is(err, importer.ErrChanged) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
