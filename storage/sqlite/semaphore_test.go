package sqlite

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// TestSemaphoreAdmitsInTheOrderOfArrival makes callers arrive, release and give up in any
// order. Never more than the limit are admitted, nobody waits while a slot is free, and
// waiting callers are admitted in the order of their arrival.
func TestSemaphoreAdmitsInTheOrderOfArrival(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		slots := rapid.IntRange(1, 4).Draw(rt, "slots")
		steps := rapid.SliceOfN(rapid.SampledFrom([]string{"arrive", "arrive", "release", "give up"}), 1, 60).Draw(rt, "steps")
		choices := rapid.SliceOfN(rapid.IntRange(0, 1000), len(steps), len(steps)).Draw(rt, "choices")
		var failure string
		synctest.Test(t, func(t *testing.T) { failure = takeSteps(slots, steps, choices) })
		if failure != "" {
			rt.Fatal(failure)
		}
	})
}

type waitingCaller struct {
	id     int
	giveUp context.CancelFunc
}

// takeSteps takes the steps, compares the callers that were admitted after each with those
// that should be, and returns the difference.
func takeSteps(slots int, steps []string, choices []int) string {
	s := newSemaphore(slots)
	var mu sync.Mutex
	admitted, gaveUp := []int{}, []int{}
	wantAdmitted, wantGaveUp := []int{}, []int{}
	inUse := 0
	var waiting []waitingCaller
	admit := func() {
		for inUse < slots && len(waiting) > 0 {
			wantAdmitted, waiting, inUse = append(wantAdmitted, waiting[0].id), waiting[1:], inUse+1
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
		case step == "arrive":
			ctx, giveUp := context.WithCancel(context.Background())
			all = append(all, giveUp)
			waiting = append(waiting, waitingCaller{i, giveUp})
			go func() {
				err := s.acquire(ctx)
				mu.Lock()
				defer mu.Unlock()
				switch {
				case err == nil:
					admitted = append(admitted, i)
				case errors.Is(err, context.Canceled):
					gaveUp = append(gaveUp, i)
				}
			}()
		case step == "release" && inUse > 0:
			s.release()
			inUse--
		case step == "give up" && len(waiting) > 0:
			n := choices[i] % len(waiting)
			waiting[n].giveUp()
			wantGaveUp = append(wantGaveUp, waiting[n].id)
			waiting = append(waiting[:n:n], waiting[n+1:]...)
		}
		admit()
		synctest.Wait()
		if diff := cmp.Diff(wantAdmitted, admitted) + cmp.Diff(wantGaveUp, gaveUp); diff != "" {
			return step + ": (-want +got):\n" + diff
		}
	}
	return ""
}

func TestSemaphoreWithAFreeSlotIgnoresTheContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	s := newSemaphore(1)
	if err := s.acquire(ctx); err != nil {
		t.Errorf("with a free slot: %v", err)
	}
	if err := s.acquire(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("without a free slot: %v", err)
	}
}
