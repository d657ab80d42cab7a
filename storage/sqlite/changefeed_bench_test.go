package sqlite_test

import (
	"context"
	"path/filepath"
	"testing"

	"github.com/rejoinhq/rejoin/storage/sqlite"
)

// BenchmarkCatchUp is what a look at the log costs when nobody has written.
func BenchmarkCatchUp(b *testing.B) {
	store, err := sqlite.Open(b.Context(), sqlite.Options{Path: filepath.Join(b.TempDir(), "rejoin.db")})
	if err != nil {
		b.Fatal(err)
	}
	defer store.Close()
	if err := store.Migrate(b.Context()); err != nil {
		b.Fatal(err)
	}
	ctx, cancel := context.WithCancel(b.Context())
	defer cancel()
	listener := newListener()
	go func() { _ = store.Changes(ctx, listener) }()
	<-listener.news
	b.ReportAllocs()
	for b.Loop() {
		if err := store.CatchUp(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
}
