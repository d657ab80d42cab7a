package httpserver_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rejoinhq/rejoin/httpserver"
)

// TestDeadlineContext checks that a deadlineContext behaves like a context of
// context.WithTimeout, both if its Done was called before and if not.
func TestDeadlineContext(t *testing.T) {
	const timeout = 5 * time.Second
	cancelable := func() (context.Context, context.CancelFunc) { return context.WithCancel(context.Background()) }
	shorter := func() (context.Context, context.CancelFunc) {
		return context.WithTimeout(context.Background(), time.Second)
	}
	for rule, c := range map[string]struct {
		parent func() (context.Context, context.CancelFunc)
		after  time.Duration
		end    func(cancelParent, cancel context.CancelFunc)
		want   error
	}{
		"it lasts until its deadline":           {cancelable, timeout - 1, nil, nil},
		"it ends at its deadline":               {cancelable, timeout, nil, context.DeadlineExceeded},
		"it ends when it is canceled":           {cancelable, 0, func(_, cancel context.CancelFunc) { cancel() }, context.Canceled},
		"it ends when its parent is canceled":   {cancelable, 0, func(cancelParent, _ context.CancelFunc) { cancelParent() }, context.Canceled},
		"it ends at the deadline of its parent": {shorter, time.Second, nil, context.DeadlineExceeded},
		"it lasts until its parent's deadline":  {shorter, time.Second - 1, nil, nil},
	} {
		for name, waits := range map[string]bool{rule: false, rule + ", with a call to Done before": true} {
			t.Run(name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					parent, cancelParent := c.parent()
					defer cancelParent()
					plain, cancelPlain := context.WithTimeout(parent, timeout)
					defer cancelPlain()
					ctx, cancel := httpserver.WithTimeout(parent, timeout)
					defer cancel()
					if waits {
						ctx.Done()
					}
					want, _ := plain.Deadline()
					if got, ok := ctx.Deadline(); !ok || !got.Equal(want) {
						t.Errorf("the deadline is %v, %t, want %v", got, ok, want)
					}
					time.Sleep(c.after)
					synctest.Wait()
					if c.end != nil {
						c.end(cancelParent, func() { cancel(); cancelPlain() })
					}
					synctest.Wait()
					if err := ctx.Err(); !errors.Is(err, c.want) {
						t.Errorf("the error is %v, want %v", err, c.want)
					}
					select {
					case <-ctx.Done():
						if c.want == nil {
							t.Error("it ended")
						}
					default:
						if c.want != nil {
							t.Error("it did not end")
						}
					}
				})
			})
		}
	}
}
