package sqlite

import (
	"context"
	"time"
)

const (
	// lockTimeout is how long a write waits for the writers of other processes, and a read
	// for a process that repairs or removes the write-ahead log. The context of a call may
	// end sooner.
	lockTimeout = 30 * time.Second
	// lockPause is the pause after an attempt that SQLite refused without polling.
	lockPause = time.Millisecond
)

// retryBusy calls try again while another connection has the lock.
func retryBusy(ctx context.Context, try func() error) error {
	err := try()
	if !isBusy(err) {
		return err
	}
	timeout := time.NewTimer(lockTimeout)
	defer timeout.Stop()
	for isBusy(err) {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-timeout.C:
			return err
		case <-time.After(lockPause):
		}
		err = try()
	}
	return err
}
