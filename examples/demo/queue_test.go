package demo

import (
	"context"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/google/go-cmp/cmp"

	"github.com/rejoinhq/rejoin/consumer"
	"github.com/rejoinhq/rejoin/journey"
	"github.com/rejoinhq/rejoin/storage/storagetest"
)

// TestQueueMovesByItself: at each tick the position falls, then it stays at 0 for a while,
// and then the queue starts over.
func TestQueueMovesByItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := new(storagetest.Model)
		now := time.Now()
		batch, err := Batch(t.Context(), store, now)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := store.Write(t.Context(), batch); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		ticks := make(chan time.Time)
		ended := make(chan bool)
		go func() {
			MoveQueue(ctx, store, ticks, slog.New(slog.DiscardHandler))
			close(ended)
		}()
		position := func() int64 {
			synctest.Wait()
			snapshot, err := store.Snapshot(t.Context(), consumer.Key{OrganizationID: organizationID, ConsumerID: "cons_demo_line"})
			if err != nil {
				t.Fatal(err)
			}
			var active journey.ActiveParticipations
			if err := json.Unmarshal(journey.Derive(snapshot, now).AppendJSON(nil), &active); err != nil {
				t.Fatal(err)
			}
			return *active.Queues[movingQueue].Position
		}
		positions := []int64{position()}
		for i := range 26 {
			ticks <- now.Add(time.Duration(i/2) * time.Second) // two in one moment
			positions = append(positions, position())
		}
		want := []int64{119}
		for n := int64(119); n > 0; n -= calledAtOnce {
			want = append(want, n)
		}
		for len(want) < 25 {
			want = append(want, 0)
		}
		want = append(want, 119, 112)
		if diff := cmp.Diff(want, positions); diff != "" {
			t.Errorf("positions (-want +got):\n%s", diff)
		}
		cancel()
		<-ended
	})
}
