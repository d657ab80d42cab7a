package httpserver_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rejoinhq/rejoin/httpserver"
)

// A deadline behaves like one of context.WithDeadline, whether anybody waits or asks.
func TestDeadline(t *testing.T) {
	const timeout = 5 * time.Second
	type parent func() (context.Context, context.CancelFunc)
	free := func() (context.Context, context.CancelFunc) { return context.WithCancel(context.Background()) }
	sooner := func() (context.Context, context.CancelFunc) {
		return context.WithTimeout(context.Background(), time.Second)
	}
	for rule, test := range map[string]struct {
		parent parent
		after  time.Duration
		end    func(leave, cancel context.CancelFunc)
		want   error
	}{
		"it goes on until then":          {free, timeout - 1, nil, nil},
		"it ends then":                   {free, timeout, nil, context.DeadlineExceeded},
		"it ends when it is cancelled":   {free, 0, func(_, cancel context.CancelFunc) { cancel() }, context.Canceled},
		"it ends with its parent":        {free, 0, func(leave, _ context.CancelFunc) { leave() }, context.Canceled},
		"it ends at its parent's sooner": {sooner, time.Second, nil, context.DeadlineExceeded},
	} {
		for _, waits := range []bool{true, false} {
			name := rule + ", asked"
			if waits {
				name = rule + ", waited for"
			}
			t.Run(name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					outer, leave := test.parent()
					defer leave()
					ctx, cancel := httpserver.NewDeadline(outer, timeout)
					defer cancel()
					if waits {
						ctx.Done()
					}
					want, _ := outer.Deadline()
					if want.IsZero() {
						want = time.Now().Add(timeout)
					}
					if at, ok := ctx.Deadline(); !ok || !at.Equal(want) {
						t.Errorf("the deadline is %v, %t, want %v", at, ok, want)
					}
					time.Sleep(test.after)
					if test.end != nil {
						test.end(leave, cancel)
					}
					synctest.Wait()
					if err := ctx.Err(); !errors.Is(err, test.want) {
						t.Errorf("the error is %v, want %v", err, test.want)
					}
					select {
					case <-ctx.Done():
						if test.want == nil {
							t.Error("it has ended")
						}
					default:
						if test.want != nil {
							t.Error("it goes on")
						}
					}
				})
			})
		}
	}
}
