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
		{"a failed call has no effect", func(t *testing.T, store consumer.Store) {
			before := together(profiles(profile()), keys(apiKey("pk_test_1")), movedToOther(together(
				profiles(profile()), participations(participation(becoming(consumer.StatusLeft, at(1)))))))
			write(t, store, before)
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			wantContextError(t, store, ctx, context.Canceled)
			wantWrite(t, store, participations(participation()), 1, 0)
			wantWrite(t, store, before, 0, 3)
			wantKeys(t, store, organization, apiKey("pk_test_1"))
		}},
		{"a store keeps working after cancelled calls", func(t *testing.T, store consumer.Store) {
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
		{"a deadline in the future has no effect", func(t *testing.T, store consumer.Store) {
			ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
			defer cancel()
			if _, err := store.Write(ctx, profiles(profile())); err != nil {
				t.Errorf("Write: %v", err)
			}
			if _, err := store.Snapshot(ctx, consumer.Key{OrganizationID: organization, ConsumerID: person}); err != nil {
				t.Errorf("Snapshot: %v", err)
			}
		}},
	}
}

func wantContextError(t *testing.T, store consumer.Store, ctx context.Context, want error) {
	t.Helper()
	_, consumerErr := store.Consumer(ctx, consumer.Key{OrganizationID: organization, ConsumerID: person})
	_, snapshotErr := store.Snapshot(ctx, consumer.Key{OrganizationID: organization, ConsumerID: person})
	_, consumersErr := store.Consumers(ctx, organization, []string{person})
	_, exportErr := store.Export(ctx, consumer.Key{OrganizationID: organization, ConsumerID: person})
	_, writeErr := store.Write(ctx, participations(participation()))
	_, mergeErr := store.Merge(ctx, consumer.Merge{OrganizationID: organization, GuestID: otherPerson, ConsumerID: person})
	_, purgeErr := store.Purge(ctx, consumer.Purge{Before: at(1 << 20), Limit: 10})
	_, keyErr := store.OrganizationByAPIKey(ctx, apiKey("pk_test_1").Digest, at(0))
	_, keysErr := store.APIKeys(ctx, organization)
	for method, err := range map[string]error{
		"Consumer": consumerErr, "Consumers": consumersErr, "Snapshot": snapshotErr, "Export": exportErr,
		"Write": writeErr, "Merge": mergeErr, "Purge": purgeErr, "Erase": store.Erase(ctx, consumer.Key{OrganizationID: organization, ConsumerID: otherPerson}),
		"OrganizationByAPIKey": keyErr, "APIKeys": keysErr, "Changes": store.Changes(ctx, &listener{}),
		"RevokeAPIKey": store.RevokeAPIKey(ctx, organization, apiKey("pk_test_1").Digest, at(0)),
	} {
		if !errors.Is(err, want) {
			t.Errorf("%s returned the error %v, want %v", method, err, want)
		}
	}
}

// testCancelledWrites cancels a write at an arbitrary time.
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
		if _, readErr := store.Consumer(t.Context(), consumer.Key{OrganizationID: organization, ConsumerID: id}); err == nil && readErr != nil {
			t.Fatalf("a write that succeeded is not there: %v", readErr)
		}
		result := write(t, store, batch)
		if result.Applied != 0 && result.Stale != 0 {
			t.Fatalf("a cancelled write was half done: %+v", result)
		}
	}
}
