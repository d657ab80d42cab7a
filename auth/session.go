package auth

import (
	"context"
	"errors"
	"fmt"
)

// SessionChecker says whether the session of a token may still be used, so that a session
// can be ended before its tokens expire: by signing out, or because a token was stolen.
type SessionChecker interface {
	// CheckSession returns nil if the session of the identity goes on. An error that
	// matches [ErrUnauthenticated] says that it has ended. Any other says that nothing is
	// known about it: the caller is not refused then, but is not let in either; one that
	// matches consumer.ErrUnavailable is answered with 503.
	//
	// It is asked for every request whose token is good, and nothing that it says is
	// remembered, so it should answer from memory or from an index. It must be safe for
	// concurrent use and heed ctx.
	CheckSession(ctx context.Context, identity Identity) error
}

// checkSession is nil if the session goes on, or if nobody asks.
func (v *Verifier) checkSession(ctx context.Context, identity Identity) error {
	if v.sessions == nil {
		return nil
	}
	err := v.sessions.CheckSession(ctx, identity)
	switch {
	case err == nil:
		return nil
	case errors.Is(err, ErrUnauthenticated):
		return refused(ReasonSessionEnded)
	}
	return fmt.Errorf("auth: check the session of a token: %w", err)
}
