package auth

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/rejoinhq/rejoin/consumer"
)

const (
	defaultKeyCacheAge     = 10 * time.Second
	defaultKeyCacheEntries = 10_000
)

// APIKeyCacheOptions configure an [APIKeyCache].
type APIKeyCacheOptions struct {
	// Finder is asked for the keys that are not in the cache. Required.
	Finder consumer.APIKeyFinder
	// MaxAge is how long a result is used. It is the time within which a revocation, an
	// expiry or a new key takes effect, in each process. Default: 10 s.
	MaxAge time.Duration
	// MaxEntries is the largest number of results, of about 150 bytes each. Default: 10,000.
	MaxEntries int
}

// APIKeyCache is a [consumer.APIKeyFinder] that keeps the results of another one for a short
// time: that a key was found, and that it was not, but never that the finder failed. It has
// digests, not keys. It is safe for concurrent use.
//
// Concurrent lookups of the same key become one lookup, with the context of the first caller.
// If that caller gives up, another one takes over.
//
// An unknown key never displaces a known one, so that a flood of invented keys costs lookups
// but does not slow down callers whose keys are good.
type APIKeyCache struct {
	finder  consumer.APIKeyFinder
	maxAge  time.Duration
	results *digestCache[keyResult]

	mu    sync.Mutex
	calls map[[sha256.Size]byte]*keyCall
}

// keyResult is what the finder returned for a key. Without organization it was not found.
type keyResult struct {
	organizationID string
	at             time.Time
}

// keyCall is a lookup in progress. Its result may be read once done is closed.
type keyCall struct {
	done      chan struct{}
	result    keyResult
	err       error
	abandoned bool // its caller gave up, and nothing is known
}

// NewAPIKeyCache returns an APIKeyCache. It fails if options are invalid, with an error that
// names all of them.
func NewAPIKeyCache(options APIKeyCacheOptions) (*APIKeyCache, error) {
	var errs optionErrors
	errs.check(options.Finder != nil, "Finder", "is required")
	errs.check(options.MaxAge >= 0, "MaxAge", "must not be negative")
	errs.check(options.MaxEntries >= 0, "MaxEntries", "must not be negative")
	if err := errs.err(); err != nil {
		return nil, fmt.Errorf("auth: APIKeyCacheOptions: %w", err)
	}
	return &APIKeyCache{
		finder:  options.Finder,
		maxAge:  orDefault(options.MaxAge, defaultKeyCacheAge),
		results: newDigestCache[keyResult](orDefault(options.MaxEntries, defaultKeyCacheEntries)),
		calls:   make(map[[sha256.Size]byte]*keyCall),
	}, nil
}

// OrganizationByAPIKey implements [consumer.APIKeyFinder]. The age of a result is the
// difference between the now of two calls: this one and the one that asked the finder. A
// result from the future of now is not used.
func (c *APIKeyCache) OrganizationByAPIKey(ctx context.Context, digest [sha256.Size]byte, now time.Time) (string, error) {
	if c.finder == nil {
		return "", errors.New("auth: an APIKeyCache that was not made by NewAPIKeyCache")
	}
	for {
		if result := c.results.find(&digest); result != nil && c.fresh(*result, now) {
			return result.organization()
		}
		c.mu.Lock()
		call, joined := c.calls[digest]
		if !joined {
			call = &keyCall{done: make(chan struct{}), abandoned: true}
			c.calls[digest] = call
		}
		c.mu.Unlock()

		if !joined {
			c.do(ctx, call, digest, now)
			if call.err != nil {
				return "", unlessCanceled(ctx, call.err)
			}
			return call.result.organization()
		}
		select {
		case <-call.done:
		case <-ctx.Done():
			return "", ctx.Err()
		}
		switch {
		case call.abandoned:
		case call.err != nil:
			return "", call.err
		case c.fresh(call.result, now):
			return call.result.organization()
		}
	}
}

// do asks the finder, and hands the result to all callers that wait. If the finder panics,
// the call stays abandoned.
func (c *APIKeyCache) do(ctx context.Context, call *keyCall, digest [sha256.Size]byte, now time.Time) {
	defer func() {
		if !call.abandoned && call.err == nil {
			c.store(digest, call.result)
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		delete(c.calls, digest)
		close(call.done)
	}()
	organizationID, err := c.finder.OrganizationByAPIKey(ctx, digest, now)
	if errors.Is(err, consumer.ErrNotFound) {
		organizationID, err = "", nil
	} else if err == nil && organizationID == "" {
		err = errors.New("auth: the key finder returned no organization")
	}
	call.result = keyResult{organizationID, now}
	call.err = err
	call.abandoned = err != nil && ctx.Err() != nil
}

func (r keyResult) organization() (string, error) {
	if r.organizationID == "" {
		return "", consumer.ErrNotFound
	}
	return r.organizationID, nil
}

func (r *keyResult) unknown() bool { return r.organizationID == "" }

func (c *APIKeyCache) fresh(result keyResult, now time.Time) bool {
	age := now.Sub(result.at)
	return age >= 0 && age < c.maxAge
}

// store keeps a result. It replaces that of an unknown key, or else, if its own key is
// known, that of a known one.
func (c *APIKeyCache) store(digest [sha256.Size]byte, result keyResult) {
	stale := func(old *keyResult) bool { return !c.fresh(*old, result.at) }
	if !c.results.store(digest, result, stale, (*keyResult).unknown) && !result.unknown() {
		c.results.store(digest, result, stale, func(*keyResult) bool { return true })
	}
}
