package auth

import (
	"container/list"
	"context"
	"crypto/sha256"
	"errors"
	"sync"
	"time"

	"github.com/rejoinhq/rejoin/consumer"
)

const (
	defaultKeyCacheAge     = 10 * time.Second
	defaultKeyCacheEntries = 10_000
)

// APIKeyCacheOptions are the bounds of a [APIKeyCache].
type APIKeyCacheOptions struct {
	// Finder is asked for what the cache does not know. Required.
	Finder APIKeyFinder
	// MaxAge is how long an answer is used, and so the bound within which a revocation,
	// an expiry or a new key takes effect, in each process. Default: 10 s.
	MaxAge time.Duration
	// MaxEntries is how many answers are kept, about 200 bytes each. Default: 10,000.
	MaxEntries int
}

// APIKeyCache is a [APIKeyFinder] that remembers the answers of another for a short time: that a
// key was found, and that it was not, but never that the finder failed. It holds digests,
// not keys. It is safe for concurrent use.
//
// Callers that ask for the same key at the same time cause one look-up, with the context of
// the first of them; if that one gives up, another takes over.
//
// When the cache is full, the answer that was not used for the longest time makes room. An
// unknown key never displaces a known one, so that a flood of invented keys costs look-ups
// but does not slow down the callers whose keys are good.
type APIKeyCache struct {
	finder     APIKeyFinder
	maxAge     time.Duration
	maxEntries int

	mu      sync.Mutex
	entries map[[sha256.Size]byte]*list.Element // of *keyAnswer, in known or unknown
	known   *list.List                          // the most recently used first
	unknown *list.List
	flights map[[sha256.Size]byte]*keyFlight
}

// keyAnswer is what the finder said at a moment. No organization: not found.
type keyAnswer struct {
	digest         [sha256.Size]byte
	organizationID string
	at             time.Time
}

// keyFlight is a look-up that is under way. The answer may be read once done is closed.
type keyFlight struct {
	done      chan struct{}
	answer    keyAnswer
	err       error
	abandoned bool // its caller gave up: nothing was learned
}

// NewAPIKeyCache returns an APIKeyCache, or an error that names the option that is missing or
// negative.
func NewAPIKeyCache(options APIKeyCacheOptions) (*APIKeyCache, error) {
	switch {
	case options.Finder == nil:
		return nil, errors.New("auth: APIKeyCacheOptions.Finder is missing")
	case options.MaxAge < 0:
		return nil, errors.New("auth: APIKeyCacheOptions.MaxAge is negative")
	case options.MaxEntries < 0:
		return nil, errors.New("auth: APIKeyCacheOptions.MaxEntries is negative")
	}
	return &APIKeyCache{
		finder:     options.Finder,
		maxAge:     orDefault(options.MaxAge, defaultKeyCacheAge),
		maxEntries: orDefault(options.MaxEntries, defaultKeyCacheEntries),
		entries:    make(map[[sha256.Size]byte]*list.Element),
		known:      list.New(),
		unknown:    list.New(),
		flights:    make(map[[sha256.Size]byte]*keyFlight),
	}, nil
}

// OrganizationByKey implements [APIKeyFinder]. The age of an answer is measured by the now of
// the callers, from the one for whom the finder was asked. An answer from their future is
// not used.
func (c *APIKeyCache) OrganizationByKey(ctx context.Context, digest [sha256.Size]byte, now time.Time) (string, error) {
	if c.finder == nil {
		return "", errors.New("auth: an APIKeyCache that was not made by NewAPIKeyCache")
	}
	for {
		c.mu.Lock()
		if answer, ok := c.cached(digest, now); ok {
			c.mu.Unlock()
			return answer.result()
		}
		flight, joined := c.flights[digest]
		if !joined {
			flight = &keyFlight{done: make(chan struct{}), abandoned: true}
			c.flights[digest] = flight
		}
		c.mu.Unlock()

		if !joined {
			c.look(ctx, flight, digest, now)
			if flight.err != nil {
				return "", flight.err
			}
			return flight.answer.result()
		}
		select {
		case <-flight.done:
		case <-ctx.Done():
			return "", ctx.Err()
		}
		switch {
		case flight.abandoned:
		case flight.err != nil:
			return "", flight.err
		case c.fresh(flight.answer, now):
			return flight.answer.result()
		}
	}
}

// look asks the finder, and hands what it says to whoever waits. A finder that panics
// leaves the flight abandoned.
func (c *APIKeyCache) look(ctx context.Context, flight *keyFlight, digest [sha256.Size]byte, now time.Time) {
	defer func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		if !flight.abandoned && flight.err == nil {
			c.store(flight.answer)
		}
		delete(c.flights, digest)
		close(flight.done)
	}()
	organizationID, err := c.finder.OrganizationByKey(ctx, digest, now)
	if errors.Is(err, consumer.ErrNotFound) {
		organizationID, err = "", nil
	} else if err == nil && organizationID == "" {
		err = errors.New("auth: the key finder returned no organization")
	}
	flight.answer = keyAnswer{digest, organizationID, now}
	flight.err = err
	flight.abandoned = err != nil && ctx.Err() != nil
}

func (a keyAnswer) result() (string, error) {
	if a.organizationID == "" {
		return "", consumer.ErrNotFound
	}
	return a.organizationID, nil
}

func (c *APIKeyCache) fresh(answer keyAnswer, now time.Time) bool {
	age := now.Sub(answer.at)
	return age >= 0 && age < c.maxAge
}

// cached is called with mu held.
func (c *APIKeyCache) cached(digest [sha256.Size]byte, now time.Time) (keyAnswer, bool) {
	element, ok := c.entries[digest]
	if !ok {
		return keyAnswer{}, false
	}
	answer := *element.Value.(*keyAnswer)
	if !c.fresh(answer, now) {
		return keyAnswer{}, false
	}
	c.listOf(answer).MoveToFront(element)
	return answer, true
}

// store is called with mu held.
func (c *APIKeyCache) store(answer keyAnswer) {
	if old, ok := c.entries[answer.digest]; ok {
		c.remove(old)
	}
	if len(c.entries) >= c.maxEntries {
		oldest := c.unknown.Back()
		if oldest == nil && answer.organizationID == "" {
			return
		}
		if oldest == nil {
			oldest = c.known.Back()
		}
		c.remove(oldest)
	}
	c.entries[answer.digest] = c.listOf(answer).PushFront(&answer)
}

func (c *APIKeyCache) remove(element *list.Element) {
	answer := element.Value.(*keyAnswer)
	c.listOf(*answer).Remove(element)
	delete(c.entries, answer.digest)
}

func (c *APIKeyCache) listOf(answer keyAnswer) *list.List {
	if answer.organizationID == "" {
		return c.unknown
	}
	return c.known
}
