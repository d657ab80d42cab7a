package storagetest

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/rejoinhq/rejoin/consumer"
)

func contextCases() []storeCase {
	return []storeCase{
		{"a cancelled context ends every call with its error", func(t *testing.T, store consumer.Store) {
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			wantContextError(t, store, ctx, context.Canceled)
		}},
		{"a deadline that has passed ends every call with its error", func(t *testing.T, store consumer.Store) {
			ctx, cancel := context.WithDeadline(t.Context(), time.Now().Add(-time.Second))
			defer cancel()
			wantContextError(t, store, ctx, context.DeadlineExceeded)
		}},
		{"a call that came to nothing did nothing", func(t *testing.T, store consumer.Store) {
			write(t, store, profiles(profile(func(c *consumer.Consumer) { c.ID = otherPerson })))
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			wantContextError(t, store, ctx, context.Canceled)
			wantWrite(t, store, participations(participation()), 1, 0)
			wantWrite(t, store, profiles(profile(func(c *consumer.Consumer) { c.ID = otherPerson })), 0, 1)
		}},
		{"a store serves on after cancelled calls", func(t *testing.T, store consumer.Store) {
			write(t, store, profiles(profile()))
			cancelled, cancel := context.WithCancel(t.Context())
			cancel()
			for range 20 {
				wantContextError(t, store, cancelled, context.Canceled)
				wantSnapshot(t, store, profiles(profile()))
			}
			wantWrite(t, store, participations(participation()), 1, 0)
		}},
		{"a cancelled write is all or nothing, and the same write again completes it", testCancelledWrites},
		{"a context with a deadline ahead changes nothing", func(t *testing.T, store consumer.Store) {
			ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
			defer cancel()
			if _, err := store.Write(ctx, profiles(profile())); err != nil {
				t.Errorf("Write: %v", err)
			}
			if _, err := store.Snapshot(ctx, organization, person); err != nil {
				t.Errorf("Snapshot: %v", err)
			}
		}},
	}
}

func wantContextError(t *testing.T, store consumer.Store, ctx context.Context, want error) {
	t.Helper()
	_, consumerErr := store.Consumer(ctx, organization, person)
	_, snapshotErr := store.Snapshot(ctx, organization, person)
	_, writeErr := store.Write(ctx, participations(participation()))
	_, keyErr := store.OrganizationByKey(ctx, apiKey("pk_test_1").Digest, at(0))
	for method, err := range map[string]error{
		"Consumer": consumerErr, "Snapshot": snapshotErr, "Write": writeErr, "OrganizationByKey": keyErr,
		"Erase": store.Erase(ctx, organization, otherPerson),
	} {
		if !errors.Is(err, want) {
			t.Errorf("%s returned the error %v, want %v", method, err, want)
		}
	}
}

// testCancelledWrites cancels at whatever moment of the write it happens to be.
func testCancelledWrites(t *testing.T, store consumer.Store) {
	for round := range 20 {
		id := fmt.Sprintf("cons_%d", round)
		batch := profiles(profile(func(c *consumer.Consumer) { c.ID = id }))
		for i := range 50 {
			batch.Participations = append(batch.Participations, participation(inDistribution(fmt.Sprintf("queue_%d", i)),
				func(p *consumer.Participation) { p.ConsumerID = id }))
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancelled := make(chan struct{})
		go func() { cancel(); close(cancelled) }()
		_, err := store.Write(ctx, batch)
		<-cancelled
		if err != nil && !errors.Is(err, context.Canceled) {
			t.Fatalf("Write: %v", err)
		}
		if _, readErr := store.Consumer(t.Context(), organization, id); err == nil && readErr != nil {
			t.Fatalf("a write that succeeded is not there: %v", readErr)
		}
		result := write(t, store, batch)
		if result.Applied != 0 && result.Stale != 0 {
			t.Fatalf("a cancelled write was half done: %+v", result)
		}
	}
}
