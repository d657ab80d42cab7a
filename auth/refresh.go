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

// unavailable is an error that matches consumer.ErrUnavailable. It does not have the text of
// that error, which mentions a store.
type unavailable struct{ error }

func (unavailable) Is(target error) bool { return target == consumer.ErrUnavailable }

func (e unavailable) Unwrap() error { return e.error }

// read reads the source once, within timeout, and uses its keys. If it fails, the last good set
// is kept. Reads do not overlap, so that no older response replaces a newer one.
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

// take makes the keys of a response the current ones.
func (s *KeySet) take(ctx context.Context, data []byte) error {
	content := sha256.Sum256(data)
	if s.current.Load() != nil && content == s.lastContent {
		return nil // no new snapshot, and no second log record about a rejected key
	}
	keys, rejected, err := parseKeySet(data)
	for _, key := range rejected {
		s.logger.WarnContext(ctx, "a key of the key set is rejected", "keys", s.source.String(),
			"position", key.position, "kid", loggableKeyID(key.keyID), "reason", key.err.Error())
	}
	if err != nil {
		return err
	}
	s.lastContent = content
	if s.current.Load() != nil && slices.EqualFunc(keys, s.lastKeys, Key.equal) {
		return nil // only other keys have changed: cached tokens stay valid
	}
	s.lastKeys = keys
	s.current.Store(newKeySnapshot(keys))
	s.logger.InfoContext(ctx, "key set read", "keys", s.source.String(), "accepted", len(keys), "rejected", len(rejected))
	return nil
}

func (s *KeySet) readError(err error) error {
	return fmt.Errorf("auth: key set: %s: %w", s.source, err)
}

// refreshPeriodically reads the set every interval until it is closed, and sooner after a read
// that failed. err is the error of the first read.
func (s *KeySet) refreshPeriodically(interval time.Duration, err error) {
	retry := min(firstRetry, interval)
	for {
		wait := interval
		if err != nil {
			wait = retry
			retry = min(times(2, retry), interval)
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

// refreshAndLog is like Refresh but also logs the error.
func (s *KeySet) refreshAndLog(ctx context.Context) error {
	err := s.Refresh(ctx)
	s.logFailure(ctx, err)
	return err
}

// logFailure logs the error of a read, if there is one and the set is not being closed.
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

// forcedRefresh is a refresh that a token has caused. Other tokens may wait for it.
type forcedRefresh struct{ done chan struct{} }

// newerThan returns the snapshot with which to check a token again that failed with the
// snapshot seen: one that replaced it since, or that a forced refresh brings within
// forcedWait, or seen itself, which is nil if the set was never read. It fails only if ctx
// ends while it waits: with an error that matches consumer.ErrUnavailable if the deadline
// passed, and with context.Canceled if the caller gave up.
func (s *KeySet) newerThan(ctx context.Context, seen *keySnapshot, keyID string) (*keySnapshot, error) {
	if s.source == nil {
		return seen, nil
	}
	if newer := s.current.Load(); newer != seen {
		return newer, nil
	}
	refresh := s.forceRefresh(ctx, keyID)
	if refresh == nil {
		return s.current.Load(), nil
	}
	timeout := time.NewTimer(forcedWait)
	defer timeout.Stop()
	select {
	case <-refresh.done:
		return s.current.Load(), nil
	case <-timeout.C:
		return s.current.Load(), nil
	case <-ctx.Done():
		err := fmt.Errorf("waiting for the key set: %w", ctx.Err())
		if errors.Is(err, context.Canceled) {
			return nil, err
		}
		return nil, unavailable{err}
	}
}

// forceRefresh returns the forced refresh to wait for: the one in progress, or a new one if
// enough time has passed since the last one, or nil. The first read and the periodic ones do
// not count. So there is at most one read per interval, whatever callers send. It does not
// end with the request that caused it.
func (s *KeySet) forceRefresh(ctx context.Context, keyID string) *forcedRefresh {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.forced != nil {
		return s.forced
	}
	if s.stopped.Err() != nil {
		return nil
	}
	now := s.now()
	// A clock that was set back must not prevent refreshes until it has caught up.
	if since := now.Sub(s.lastForced); !s.lastForced.IsZero() && since >= 0 && since < s.forcedInterval {
		return nil
	}
	s.lastForced = now

	refresh := &forcedRefresh{done: make(chan struct{})}
	s.forced = refresh
	s.logger.InfoContext(ctx, "reading the key set because no key verifies a token",
		"keys", s.source.String(), "kid", loggableKeyID(keyID))
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
