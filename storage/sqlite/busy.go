package sqlite

import (
	"context"
	"time"
)

const (
	// lockPatience is how long a write waits for the writers of other processes, and a
	// read for whoever repairs or removes the log. A caller with less patience has a context.
	lockPatience = 30 * time.Second
	// lockPause keeps those attempts apart that SQLite refuses without polling.
	lockPause = time.Millisecond
)

// retryBusy tries again while another connection has the lock.
func retryBusy(ctx context.Context, try func() error) error {
	err := try()
	if !isBusy(err) {
		return err
	}
	patience := time.NewTimer(lockPatience)
	defer patience.Stop()
	for isBusy(err) {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-patience.C:
			return err
		case <-time.After(lockPause):
		}
		err = try()
	}
	return err
}
