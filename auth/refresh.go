package auth

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/rejoinhq/rejoin/consumer"
)

var (
	errClosed  = errors.New("closed")
	errNotMade = errors.New("auth: a KeySet that was not made by NewKeySet")
)

// unavailable is an error that matches consumer.ErrUnavailable, without its text, which
// speaks of a store.
type unavailable struct{ error }

func (unavailable) Is(target error) bool { return target == consumer.ErrUnavailable }

func (e unavailable) Unwrap() error { return e.error }

// read reads the source once, within timeout, and takes over what it says, or keeps the last
// good set. Reads do not overlap, so that no older answer replaces a newer one.
func (s *KeySet) read(ctx context.Context, timeout time.Duration) error {
	select {
	case s.reading <- struct{}{}:
		defer func() { <-s.reading }()
	case <-ctx.Done():
		return s.readError(ctx.Err())
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	defer context.AfterFunc(s.stopped, cancel)()
	if s.stopped.Err() != nil {
		return s.readError(errClosed)
	}

	began := s.now()
	data, err := s.source.read(ctx)
	if err == nil {
		err = s.take(ctx, data)
	}
	s.mu.Lock()
	s.failure = err
	s.mu.Unlock()
	if err != nil {
		return s.readError(err)
	}
	s.fetchedAt.Store(&began)
	return nil
}

// take makes the keys of an answer the current ones.
func (s *KeySet) take(ctx context.Context, data []byte) error {
	content := sha256.Sum256(data)
	if s.current.Load() != nil && content == s.lastContent {
		return nil // no new generation, and no second log line about an unfit key
	}
	keys, unfit, err := parseKeySet(data)
	for _, key := range unfit {
		s.logger.WarnContext(ctx, "a key of the key set is left out", "keys", s.source.String(),
			"position", key.position, "kid", loggableKeyID(key.keyID), "reason", key.err.Error())
	}
	if err != nil {
		return err
	}
	s.lastContent = content
	if s.current.Load() != nil && slices.EqualFunc(keys, s.lastKeys, Key.equal) {
		return nil // what changed concerns other keys: tokens that were verified stay so
	}
	next, err := newGeneration(keys)
	if err != nil {
		return err
	}
	s.lastKeys = keys
	s.current.Store(next)
	s.logger.InfoContext(ctx, "key set read", "keys", s.source.String(), "fit", len(keys), "left_out", len(unfit))
	return nil
}

func (s *KeySet) readError(err error) error {
	return fmt.Errorf("auth: key set: %s: %w", s.source, err)
}

// refreshPeriodically reads the set every interval until it is closed, and sooner while the
// last of these reads failed; err is the first one's.
func (s *KeySet) refreshPeriodically(interval time.Duration, err error) {
	retry := min(firstRetry, interval)
	for {
		wait := interval
		if err != nil {
			wait = retry
			retry = min(2*retry, interval)
		} else {
			retry = min(firstRetry, interval)
		}
		timer := time.NewTimer(wait)
		select {
		case <-s.stopped.Done():
			timer.Stop()
			return
		case <-timer.C:
			err = s.refreshAndLog(s.stopped)
		}
	}
}

// refreshAndLog is a refresh whose error no caller is told.
func (s *KeySet) refreshAndLog(ctx context.Context) error {
	err := s.Refresh(ctx)
	s.logFailure(ctx, err)
	return err
}

// logFailure logs the error of a read, if it is one, unless the set is being closed.
func (s *KeySet) logFailure(ctx context.Context, err error) {
	switch {
	case err == nil || s.stopped.Err() != nil:
	case s.current.Load() == nil:
		s.logger.WarnContext(ctx, "the key set could not be read, and no token can be verified until it is", "error", err.Error())
	default:
		s.logger.WarnContext(ctx, "the key set could not be read, the last good one is kept",
			"error", err.Error(), "fetched_at", s.FetchedAt())
	}
}

// forcedRefresh is a refresh that a token has caused, and that others may wait for.
type forcedRefresh struct{ done chan struct{} }

// newerThan returns the generation to try a token on once more that failed with the
// generation seen: one that came since, or that a forced refresh brings within forcedWait, or
// seen again, which is nil if the set was never read. It fails only if ctx ends while it waits.
func (s *KeySet) newerThan(ctx context.Context, seen *generation, header tokenHeader) (*generation, error) {
	if s.source == nil || header.hasKeyID && !plausibleKeyID(header.keyID) {
		return seen, nil
	}
	if newer := s.current.Load(); newer != seen {
		return newer, nil
	}
	refresh := s.forceRefresh(ctx, header)
	if refresh == nil {
		return s.current.Load(), nil
	}
	patience := time.NewTimer(forcedWait)
	defer patience.Stop()
	select {
	case <-refresh.done:
		return s.current.Load(), nil
	case <-patience.C:
		return s.current.Load(), nil
	case <-ctx.Done():
		return nil, unavailable{fmt.Errorf("waiting for the key set: %w", ctx.Err())}
	}
}

// forceRefresh returns the forced refresh to wait for: the one that is in flight, or a new
// one if enough time has passed since the last, or nil. The first read and the periodic
// ones do not count. Whatever callers send, there is one read per interval, and it belongs
// to none of them: who hangs up neither stops it nor uses it up.
func (s *KeySet) forceRefresh(ctx context.Context, header tokenHeader) *forcedRefresh {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.forced != nil {
		return s.forced
	}
	if s.stopped.Err() != nil {
		return nil
	}
	now := s.now()
	// A clock that was set back does not count: it could take long to catch up.
	if since := now.Sub(s.lastForced); !s.lastForced.IsZero() && since >= 0 && since < s.forcedInterval {
		return nil
	}
	s.lastForced = now

	refresh := &forcedRefresh{done: make(chan struct{})}
	s.forced = refresh
	s.logger.InfoContext(ctx, "the key set is read because of a token that no key verifies",
		"keys", s.source.String(), "kid", loggableKeyID(header.keyID))
	s.running.Go(func() {
		defer func() {
			s.mu.Lock()
			defer s.mu.Unlock()
			s.forced = nil
			close(refresh.done)
		}()
		_ = s.refreshAndLog(context.WithoutCancel(ctx))
	})
	return refresh
}
