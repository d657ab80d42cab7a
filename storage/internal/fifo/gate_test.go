package fifo_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/rejoinhq/rejoin/storage/internal/fifo"
)

// Whoever comes, leaves or gives up, and in whatever order: never more are inside than may
// be, nobody waits while there is room, and those who wait are let in as they came.
func TestGateLetsInAsTheyCame(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		places := rapid.IntRange(1, 4).Draw(rt, "places")
		steps := rapid.SliceOfN(rapid.SampledFrom([]string{"come", "come", "leave", "give up"}), 1, 60).Draw(rt, "steps")
		choices := rapid.SliceOfN(rapid.IntRange(0, 1000), len(steps), len(steps)).Draw(rt, "who")
		var failure string
		synctest.Test(t, func(t *testing.T) { failure = walk(places, steps, choices) })
		if failure != "" {
			rt.Fatal(failure)
		}
	})
}

// caller is one who came.
type caller struct {
	id     int
	giveUp context.CancelFunc
}

// walk takes the steps and compares who is inside with who should be after each. It
// returns what differs.
func walk(places int, steps []string, choices []int) string {
	gate := fifo.NewGate(places)
	var mu sync.Mutex // who enters and who gives up run one after the other, but not by its doing
	entered, gaveUp := []int{}, []int{}
	wantEntered, wantGaveUp := []int{}, []int{}
	inside := 0
	var waiting []caller
	admit := func() {
		for inside < places && len(waiting) > 0 {
			wantEntered, waiting, inside = append(wantEntered, waiting[0].id), waiting[1:], inside+1
		}
	}
	var all []context.CancelFunc
	defer func() {
		for _, giveUp := range all {
			giveUp()
		}
		synctest.Wait()
	}()
	for i, step := range steps {
		switch {
		case step == "come":
			ctx, giveUp := context.WithCancel(context.Background())
			all = append(all, giveUp)
			waiting = append(waiting, caller{i, giveUp})
			go func() {
				err := gate.Enter(ctx)
				mu.Lock()
				defer mu.Unlock()
				switch {
				case err == nil:
					entered = append(entered, i)
				case errors.Is(err, context.Canceled):
					gaveUp = append(gaveUp, i)
				}
			}()
		case step == "leave" && inside > 0:
			gate.Leave()
			inside--
		case step == "give up" && len(waiting) > 0:
			n := choices[i] % len(waiting)
			waiting[n].giveUp()
			wantGaveUp = append(wantGaveUp, waiting[n].id)
			waiting = append(waiting[:n:n], waiting[n+1:]...)
		}
		admit()
		synctest.Wait()
		if diff := cmp.Diff(wantEntered, entered) + cmp.Diff(wantGaveUp, gaveUp); diff != "" {
			return step + ": (-want +got):\n" + diff
		}
	}
	return ""
}

// An ended context keeps nobody out while there is room: whoever does something inside
// looks at it anyway.
func TestGateWithRoomAsksNoContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	gate := fifo.NewGate(1)
	if err := gate.Enter(ctx); err != nil {
		t.Errorf("with room: %v", err)
	}
	if err := gate.Enter(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("without: %v", err)
	}
}

// Who waits for something else as well doesn't go in when that has come, and leaves no
// place taken.
func TestGateForWhoMayNotNeedIt(t *testing.T) {
	never, over := make(chan struct{}), make(chan struct{})
	close(over)
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	gate := fifo.NewGate(1)
	if inside, err := gate.EnterUnless(t.Context(), never); !inside || err != nil {
		t.Errorf("with room: %t, %v", inside, err)
	}
	if gate.TryEnter() {
		t.Error("a second one was let in")
	}
	if inside, err := gate.EnterUnless(t.Context(), over); inside || err != nil {
		t.Errorf("without need: %t, %v", inside, err)
	}
	if inside, err := gate.EnterUnless(ended, never); inside || !errors.Is(err, context.Canceled) {
		t.Errorf("after giving up: %t, %v", inside, err)
	}
	gate.Leave()
	if !gate.TryEnter() {
		t.Error("a place is taken by nobody")
	}
}
