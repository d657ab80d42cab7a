package httpserver

import (
	"crypto/sha256"
	"errors"
	"math"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/rejoinhq/rejoin/auth"
)

// RateLimit bounds how often a caller may ask, in fixed windows of the clock: all
// callers' counts begin anew at the same moments. It is kept in memory, so that each
// replica counts for itself.
//
// Browsers of other origins can read Retry-After, which is exposed to them, and the
// same number in the body of 429; not the X-RateLimit headers.
//
// Only callers who have proven who they are count, so that a stranger can neither use
// up somebody's allowance nor fill the memory. Every answer to them carries
// X-RateLimit-Limit, X-RateLimit-Remaining and X-RateLimit-Reset (the end of the
// window, in seconds since 1970) of the limit that is closest to its end; who is over
// it gets 429 with Retry-After in seconds.
type RateLimit struct {
	// PerConsumer is how many requests a consumer may make in a window, over all
	// its sessions and devices. Zero: no limit.
	PerConsumer int
	// PerKey is how many requests may be made with one API key in a window: with a
	// publishable key by all the consumers together, with a secret key by all the
	// servers. Callers whom an [Authenticator] of another kind knows without these keys
	// count by their organization. Zero: no limit.
	PerKey int
	// Window is the length of a window, in whole seconds. Default: one minute.
	Window time.Duration
}

func (l RateLimit) validate() error {
	switch {
	case l.PerConsumer < 0:
		return errors.New("the limit PerConsumer is negative")
	case l.PerKey < 0:
		return errors.New("the limit PerKey is negative")
	case l.Window < 0, l.Window%time.Second != 0:
		return errors.New("the Window is not of whole seconds")
	}
	return nil
}

// limiter counts what callers ask in the present window.
type limiter struct {
	RateLimit

	mu     sync.Mutex
	window time.Time
	counts map[[sha256.Size]byte]int
}

func newLimiter(l RateLimit) *limiter {
	if l.Window == 0 {
		l.Window = time.Minute
	}
	return &limiter{RateLimit: l}
}

// quota is what is left to a caller.
type quota struct {
	limit, remaining int
	reset            time.Time
}

// rateLimited is the error of a caller who asked too often.
type rateLimited struct {
	retryAfter int    // in seconds
	message    string // what else the client is told
}

func (rateLimited) Error() string { return errTooMany.text }

func (rateLimited) Unwrap() error { return errTooMany }

// admit counts a request, shows what is left in the answer's header, and returns a
// rateLimited error when nothing was.
func (a *API) admit(w http.ResponseWriter, key, consumer string, now time.Time) error {
	left, limited := a.limiter.take(key, consumer, now)
	if !limited {
		return nil
	}
	header := w.Header()
	header.Set("X-RateLimit-Limit", strconv.Itoa(left.limit))
	header.Set("X-RateLimit-Remaining", strconv.Itoa(max(0, left.remaining)))
	header.Set("X-RateLimit-Reset", strconv.FormatInt(left.reset.Unix(), 10))
	if left.remaining < 0 {
		return rateLimited{retryAfter: int(math.Ceil(left.reset.Sub(now).Seconds()))}
	}
	return nil
}

// take counts a request against every limit that applies, and returns the one that is
// closest to its end, with less than nothing remaining when it was over already.
func (l *limiter) take(key, consumer string, now time.Time) (closest quota, limited bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	// A request that began in the window before counts in this one: going back would
	// forget what everybody has asked.
	if window := now.Truncate(l.Window); window.After(l.window) {
		// The old counts go with their map, so memory is bounded by the callers of one
		// window.
		l.window, l.counts = window, make(map[[sha256.Size]byte]int)
	}
	for _, caller := range []struct {
		kind, name string
		limit      int
	}{{"consumer", consumer, l.PerConsumer}, {"key", key, l.PerKey}} {
		if caller.limit == 0 || caller.name == "" {
			continue
		}
		id := sha256.Sum256([]byte(caller.kind + "\x00" + caller.name)) // no credential stays in memory
		l.counts[id] = min(l.counts[id]+1, caller.limit+1)
		remaining := caller.limit - l.counts[id]
		if !limited || remaining < closest.remaining {
			closest = quota{caller.limit, remaining, l.window.Add(l.Window)}
		}
		limited = true
		if remaining < 0 {
			break // what a consumer asks too often doesn't use up the key of all the others
		}
	}
	return closest, limited
}

// apiKeyReader is an [Authenticator] that knows which API key a request was made with,
// as [auth.Authenticator] does.
type apiKeyReader interface {
	APIKey(r *http.Request, kind auth.APIKeyKind) [sha256.Size]byte
}

// callerKey is what PerKey counts by. What a header says is believed only if the
// authenticator has read it.
func (a *API) callerKey(r *http.Request, kind auth.APIKeyKind, organizationID string) string {
	if a.apiKeys != nil {
		digest := a.apiKeys.APIKey(r, kind)
		return string(digest[:])
	}
	return organizationID
}

// admitConsumer counts a consumer's request.
func (a *API) admitConsumer(w http.ResponseWriter, r *http.Request, identity auth.Identity, now time.Time) error {
	if a.limiter == nil {
		return nil
	}
	key := a.callerKey(r, auth.KindPublishable, identity.OrganizationID)
	return a.admit(w, key, identity.OrganizationID+"\x00"+identity.ConsumerID, now)
}

// admitServer counts a server's request.
func (a *API) admitServer(w http.ResponseWriter, r *http.Request, organizationID string) error {
	if a.limiter == nil {
		return nil
	}
	return a.admit(w, a.callerKey(r, auth.KindSecret, organizationID), "", a.now())
}
