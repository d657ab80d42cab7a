// Package fifo lets callers on in the order in which they came.
package fifo

import "context"

// Gate lets a number of callers be inside at a time. The others wait, and who came first
// is let in first.
//
// The stores have one in front of each pool of connections that reads: database/sql gives
// a connection to any of those who wait for one, so that of many who ask at once some wait
// many times as long as the others.
//
// It is safe for concurrent use.
type Gate struct {
	// inside holds one for each who is. Go lets those who wait to send go on in the order
	// in which they began to wait, and nobody passes them while there are any.
	inside chan struct{}
}

// NewGate returns a gate for n callers at a time.
func NewGate(n int) Gate { return Gate{make(chan struct{}, n)} }

// Enter returns nil once there is room, and who is inside has to leave; or the error of a
// context that ended before.
func (g Gate) Enter(ctx context.Context) error {
	if g.TryEnter() { // without asking ctx for its channel, which may have to be made
		return nil
	}
	select {
	case g.inside <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// TryEnter reports whether there was room, in which case who is inside has to leave.
func (g Gate) TryEnter() bool {
	select {
	case g.inside <- struct{}{}:
		return true
	default:
		return false
	}
}

// EnterUnless is Enter for who need not go in any more once done is closed. It reports
// whether who called is inside.
func (g Gate) EnterUnless(ctx context.Context, done <-chan struct{}) (inside bool, err error) {
	select {
	case g.inside <- struct{}{}:
		return true, nil
	case <-done:
		return false, nil
	case <-ctx.Done():
		return false, ctx.Err()
	}
}

// Leave makes room for the next.
func (g Gate) Leave() { <-g.inside }
