package auth

import (
	"context"
	"errors"
	"fmt"
)

// SessionChecker decides whether the session of a token is still valid. With it a session can
// end before its tokens expire, by signing out or because a token was stolen.
type SessionChecker interface {
	// CheckSession returns nil if the session of the identity is valid. An error that
	// matches [ErrUnauthenticated] means that it has ended. Any other error means that the
	// checker could not decide: the request fails, with status 503 if the error matches
	// consumer.ErrUnavailable.
	//
	// CheckSession is called for every request with a valid token, and its results are not
	// cached, so it should use memory or an index. It honors ctx and must be safe for
	// concurrent use.
	CheckSession(ctx context.Context, identity Identity) error
}

// checkSession returns nil if the session is valid, or if there is no SessionChecker.
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
