package httpserver

import (
	"crypto/sha256"
	"math"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/rejoinhq/rejoin/auth"
)

const (
	headerRateLimit     = "X-RateLimit-Limit"
	headerRateRemaining = "X-RateLimit-Remaining"
	headerRateReset     = "X-RateLimit-Reset"
)

// longestRateWindow bounds RateLimit.Window. Counts are in memory, so a longer window would
// be cut short by a restart.
const longestRateWindow = 24 * time.Hour

// RateLimit bounds the number of requests that a caller may make in a window. Windows are
// fixed: they begin at the same times for all callers. Counts are kept in memory, so each
// replica counts for itself.
//
// Only authenticated callers are counted, so that strangers can neither use up another
// caller's allowance nor fill the memory. Each response to a counted caller has the headers
// X-RateLimit-Limit, X-RateLimit-Remaining and X-RateLimit-Reset, which is the end of the
// window in seconds since 1970, of the limit that has the fewest requests left. A caller
// that exceeds a limit gets 429 with Retry-After in seconds. Scripts of the allowed
// [Options.CORSOrigins] can read these headers.
type RateLimit struct {
	// PerConsumer is the number of requests that a consumer may make in a window, over all
	// sessions and devices. Zero: no limit.
	PerConsumer int
	// PerKey is the number of requests that may be made with one API key in a window: with
	// a publishable key by all consumers together, with a secret key by all servers
	// together. Requests that an [Authenticator] authenticated without an API key count by
	// their organization. Zero: no limit.
	PerKey int
	// Window is the length of a window, in whole seconds and at most 24 hours. Default: one
	// minute.
	Window time.Duration
}

func (l RateLimit) isSet() bool { return l.PerConsumer > 0 || l.PerKey > 0 }

func (l RateLimit) validate(invalid func(field, message string)) {
	if l.PerConsumer < 0 {
		invalid("RateLimit.PerConsumer", "must not be negative")
	}
	if l.PerKey < 0 {
		invalid("RateLimit.PerKey", "must not be negative")
	}
	if l.Window < 0 || l.Window > longestRateWindow || l.Window%time.Second != 0 {
		invalid("RateLimit.Window", "must be in whole seconds, not negative, and at most 24 hours")
	}
}

// limiter counts the requests of each caller in the current window.
type limiter struct {
	RateLimit

	mu     sync.Mutex
	window time.Time // the beginning of the current window
	counts map[[sha256.Size]byte]int
}

func newLimiter(l RateLimit) *limiter {
	if l.Window == 0 {
		l.Window = time.Minute
	}
	return &limiter{RateLimit: l, counts: make(map[[sha256.Size]byte]int)}
}

// quota is the state of a caller's limit.
type quota struct {
	limit     int
	remaining int // -1 if the limit is exceeded
	reset     time.Time
}

// admit counts a request and sets the headers that show what is left. It returns an error
// if a limit is exceeded.
func (a *API) admit(w http.ResponseWriter, key, consumer string, now time.Time) error {
	q, limited := a.limiter.take(key, consumer, now)
	if !limited {
		return nil
	}
	header := w.Header()
	header.Set(headerRateLimit, strconv.Itoa(q.limit))
	header.Set(headerRateRemaining, strconv.Itoa(max(0, q.remaining)))
	header.Set(headerRateReset, strconv.FormatInt(q.reset.Unix(), 10))
	if q.remaining < 0 {
		return detailedError{httpError: errRateLimited, retryAfter: int(math.Ceil(q.reset.Sub(now).Seconds()))}
	}
	return nil
}

// take counts a request against every limit that applies. It returns the quota with the
// fewest requests left, and false if no limit applies.
func (l *limiter) take(key, consumer string, now time.Time) (closest quota, limited bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.advance(now)
	for _, caller := range []struct {
		kind, name string
		limit      int
	}{{"consumer", consumer, l.PerConsumer}, {"key", key, l.PerKey}} {
		if caller.limit == 0 || caller.name == "" {
			continue
		}
		id := sha256.Sum256([]byte(caller.kind + "\x00" + caller.name)) // of fixed size, and no credential
		remaining := -1
		if l.counts[id] < caller.limit {
			l.counts[id]++
			remaining = caller.limit - l.counts[id]
		}
		if !limited || remaining < closest.remaining {
			closest = quota{caller.limit, remaining, l.window.Add(l.Window)}
		}
		limited = true
		if remaining < 0 {
			break // so that one consumer doesn't use up the key of the others
		}
	}
	return closest, limited
}

// advance begins a new window if now is not in the current one. The old counts are dropped,
// so that memory is bounded by the callers of one window. A request that began in the
// previous window counts in the current one. If now is earlier than that, the clock was set
// back.
func (l *limiter) advance(now time.Time) {
	window := now.Truncate(l.Window)
	if window.After(l.window) || l.window.Sub(window) > l.Window {
		l.window, l.counts = window, make(map[[sha256.Size]byte]int)
	}
}

// callerKey returns the key of the PerKey limit: the digest of the API key that
// authenticated the request, or the organization if there was no such key.
func callerKey(apiKey [sha256.Size]byte, organizationID string) string {
	if apiKey == ([sha256.Size]byte{}) {
		return organizationID
	}
	return string(apiKey[:])
}

// admitConsumer counts the request of a consumer.
func (a *API) admitConsumer(w http.ResponseWriter, caller auth.ConsumerCaller, now time.Time) error {
	if a.limiter == nil {
		return nil
	}
	return a.admit(w, callerKey(caller.APIKey, caller.OrganizationID), caller.OrganizationID+"\x00"+caller.ConsumerID, now)
}

// admitServer counts the request of a server.
func (a *API) admitServer(w http.ResponseWriter, caller auth.ServerCaller) error {
	if a.limiter == nil {
		return nil
	}
	return a.admit(w, callerKey(caller.APIKey, caller.OrganizationID), "", a.now())
}
