package consumer

import (
	"context"
	"time"
)

// ChangeFeed notifies of changed records, so that a cache or an event stream can refresh
// what it derived from them.
type ChangeFeed interface {
	// Changes notifies the listener of all changes until ctx ends, and then returns the
	// error of ctx. It calls Following first.
	//
	// After Following, it calls Changed after every write, merge and erasure that changed
	// what [Reader.Snapshot] returns for a consumer, whichever process made it, once the
	// change can be read: a Snapshot that begins after the call shows it. It may also name
	// consumers that did not change. A purge is not a change.
	//
	// When a method of this Store makes a change, Changed is called before that method
	// returns, so that the next response of the process shows the change. This does not hold
	// for a Store that reads from a replica, or in a transaction of the caller.
	//
	// If Changes cannot tell what changed, it calls Following again. If it cannot follow
	// the database, it calls Lost, tries again, and calls Following when it succeeds. It
	// returns [ErrSchema] if the database does not have the schema of the program, and
	// [ErrUnavailable] if the Store was closed.
	Changes(ctx context.Context, listener ChangeListener) error
}

// ExactChangeFeed is a [ChangeFeed] whose listeners can be brought up to date on demand.
// storage/sqlite implements it. Find it with a type assertion.
type ExactChangeFeed interface {
	ChangeFeed
	// CatchUp returns nil once the listeners have been notified of every change that this
	// Store made before the call, and of every change that other processes had committed by
	// then. A Store may have a maximum delay, such as Options.PollInterval of
	// storage/sqlite: changes that other processes committed within that delay before the
	// call may be missing. CatchUp returns an error if it cannot guarantee this. It is cheap
	// enough for every request.
	CatchUp(ctx context.Context) error
}

// Change lists what changed. All listeners share it, so a listener must not modify it.
type Change struct {
	// Consumers holds the [Key.Hash] of each consumer whose records changed.
	Consumers []uint64
	// Distributions holds the [DistributionKey.Hash] of each distribution whose record
	// changed. The consumers in it are not listed.
	Distributions []uint64
}

// ChangeListener receives the notifications of a [ChangeFeed]. The feed makes one call at a
// time. A call should return soon, because other listeners and writers wait for it. It may
// read from the Store, but must not write to it.
type ChangeListener interface {
	// Following means that no change is missed from now on: Changed will be called for
	// every change that a Snapshot which begins after this call does not show. It says
	// nothing about earlier changes, so everything that was derived before must be
	// derived again.
	Following()
	// Changed reports a change.
	Changed(change Change)
	// Confirmed means that the listener has been notified of everything that was committed
	// before a time of this process's clock. It is called repeatedly, at least every half
	// second, except between Lost and Following. A replica that lags delays it by its lag.
	Confirmed(before time.Time)
	// Lost means that changes may be missed until Following is called.
	Lost()
}
