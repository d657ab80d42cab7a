package storagetest_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/rejoinhq/rejoin/consumer"
	"github.com/rejoinhq/rejoin/consumer/event"
	"github.com/rejoinhq/rejoin/storage/storagetest"
)

// TestModel shows that an implementation can pass every case.
func TestModel(t *testing.T) {
	storagetest.Run(t, func(*testing.T) (any, consumer.Store) { return new(storagetest.Model), nil })
}

// TestRolesAlone shows that a type with one role can be tested.
func TestRolesAlone(t *testing.T) {
	for name, role := range map[string]func(*storagetest.Model) any{
		"Reader":       func(m *storagetest.Model) any { return struct{ consumer.Reader }{m} },
		"BulkReader":   func(m *storagetest.Model) any { return struct{ consumer.BulkReader }{m} },
		"Writer":       func(m *storagetest.Model) any { return struct{ consumer.Writer }{m} },
		"Lifecycle":    func(m *storagetest.Model) any { return struct{ consumer.Lifecycle }{m} },
		"APIKeyFinder": func(m *storagetest.Model) any { return struct{ consumer.APIKeyFinder }{m} },
		"APIKeyStore":  func(m *storagetest.Model) any { return struct{ consumer.APIKeyStore }{m} },
		"ChangeFeed":   func(m *storagetest.Model) any { return struct{ consumer.ChangeFeed }{m} },
		"Completer":    func(m *storagetest.Model) any { return struct{ consumer.Completer }{m} },
		"Recorder":     func(m *storagetest.Model) any { return struct{ event.Recorder }{m} },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			storagetest.Run(t, func(*testing.T) (any, consumer.Store) {
				m := new(storagetest.Model)
				return role(m), m
			})
		})
	}
}

// printer prints what a change feed reports.
type printer struct{}

func (printer) Following()                     { fmt.Println("following") }
func (printer) Changed(change consumer.Change) { fmt.Println("changed:", len(change.Consumers)) }
func (printer) Confirmed(time.Time)            {}
func (printer) Lost()                          {}

// The model tests what is built on a Store. CatchUp makes its change feed deterministic.
func ExampleModel() {
	ctx, cancel := context.WithCancel(context.Background())
	var store storagetest.Model
	following := make(chan struct{})
	ended := make(chan error)
	go func() { ended <- store.Changes(ctx, listener{printer{}, following}) }()
	<-following

	created := time.Date(2024, 12, 1, 9, 0, 0, 0, time.UTC)
	result, err := store.Write(ctx, consumer.Batch{Consumers: []consumer.Consumer{{
		OrganizationID: "org_1", ID: "cons_1", CreatedAt: created, UpdatedAt: created,
	}}})
	fmt.Println("applied:", result.Applied, err)
	fmt.Println(store.CatchUp(ctx))
	cancel()
	fmt.Println(<-ended)
	// Unordered output:
	// following
	// applied: 1 <nil>
	// changed: 1
	// <nil>
	// context canceled
}

// listener closes a channel when nothing is missed any more.
type listener struct {
	printer
	following chan struct{}
}

func (l listener) Following() {
	l.printer.Following()
	close(l.following)
}

// BenchmarkModel shows that every benchmark can be run.
func BenchmarkModel(b *testing.B) {
	storagetest.Benchmark(b, func(*testing.B) (consumer.Store, func()) { return new(storagetest.Model), func() {} })
}
