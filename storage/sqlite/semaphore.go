package sqlite

import "context"

// semaphore admits a number of callers at a time, in the order in which they came. Without
// it, database/sql gives a free connection to any of the waiting callers, so some of many
// wait many times as long as others.
//
// A channel admits the goroutines that wait to send in the order in which they began to
// wait.
type semaphore chan struct{}

func newSemaphore(n int) semaphore { return make(semaphore, n) }

// acquire waits for a slot, which the caller must release. It returns the error of ctx if
// ctx ends first. If a slot is free, acquire does not look at ctx.
func (s semaphore) acquire(ctx context.Context) error {
	select {
	case s <- struct{}{}: // avoids ctx.Done, which may allocate
		return nil
	default:
	}
	select {
	case s <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (s semaphore) release() { <-s }
