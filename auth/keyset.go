package auth

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

const (
	defaultRefreshInterval       = 5 * time.Minute
	defaultForcedRefreshInterval = 10 * time.Second
	defaultStartTimeout          = 10 * time.Second
	refreshTimeout               = 5 * time.Second
	// forcedWait is how long a token waits for the refresh that it caused or joined. It is
	// shorter than the timeout of a request (5 s by default in httpserver), so that a forgery
	// is refused also while the issuer does not respond.
	forcedWait     = 3 * time.Second
	firstRetry     = time.Second
	staleRefreshes = 3
	minStaleness   = 15 * time.Minute
)

// KeySetOptions configure a [KeySet]. Exactly one of URL, File and Keys must be set.
type KeySetOptions struct {
	// URL is the address of a JWK Set (RFC 7517, section 5). Its scheme must be https, unless
	// its host is a loopback address or AllowHTTP is set.
	URL string
	// File is the path of a JWK Set, which must be a regular file or a link to one. It is
	// read as often as a URL.
	File string
	// Keys are the keys themselves. Such a set never changes, starts no goroutine and need
	// not be closed.
	Keys []Key

	// RefreshInterval is the time between two reads of the set. For up to that time a key
	// that the issuer has removed still works. A read that failed is repeated after 1 s, 2 s,
	// 4 s and so on, up to RefreshInterval. Default: 5 minutes.
	RefreshInterval time.Duration
	// ForcedRefreshInterval is the shortest time between two reads that tokens cause.
	// Default: 10 s.
	ForcedRefreshInterval time.Duration
	// StartTimeout is the timeout of the first read, in NewKeySet. That of later reads is 5 s.
	// Default: 10 s.
	StartTimeout time.Duration
	// StartWithoutKeys makes NewKeySet return a set without keys if the first read fails, for
	// a program that has to start while its issuer is down. The read is then repeated like
	// any other that failed. Until one succeeds, [KeySet.Ready] fails, and so does
	// [Verifier.Verify], with an error that is not a refusal. Invalid options are an error in
	// any case.
	StartWithoutKeys bool
	// MaxStaleness is the longest time since the last successful read after which
	// [KeySet.Ready] still succeeds. It must not be shorter than RefreshInterval. Tokens are
	// verified with the last good set whatever its age. Default: three times RefreshInterval,
	// and at least 15 minutes.
	MaxStaleness time.Duration

	// Client sends the requests for URL. Default: a client with the settings of
	// http.DefaultTransport. In either case at most three redirects are followed, none of
	// them to another origin, and a response may have at most 1 MiB.
	Client *http.Client
	// AllowHTTP allows http URLs with any host, for a network that is trusted.
	AllowHTTP bool
	// Logger receives a record for every read that failed, every change of the set and every
	// key that is rejected. Default: no log.
	Logger *slog.Logger
	// Now is the clock of ForcedRefreshInterval, MaxStaleness and FetchedAt. The periodic
	// reads use the timers of the system. Default: time.Now.
	Now func() time.Time
}

// KeySet is a set of public keys that sign access tokens. It follows the key rotation of its
// issuer. It is safe for concurrent use, and must be closed when it is no longer needed. The
// zero value is invalid, and [NewVerifier] refuses it.
//
// The set is read every RefreshInterval, and at once if a token may be signed by a key that
// is not in it yet; see [Verifier.Verify]. A read that fails keeps the last good set. So does
// a response that is not a JWK Set, is too large, has more than 64 keys, has no key that may
// verify tokens, or has two different keys with the same kid. The same key twice is one key.
//
// A key may verify tokens if it is an Ed25519 public key of full order, its use is absent or
// "sig", its key_ops are absent or have "verify", and its alg is absent, "EdDSA" or
// "Ed25519". A member that is null is absent. Any other key is rejected, and the rest of the
// set is used.
type KeySet struct {
	source         source                      // nil if the keys never change
	current        atomic.Pointer[keySnapshot] // nil until the source was read
	fetchedAt      atomic.Pointer[time.Time]
	forcedInterval time.Duration
	maxStaleness   time.Duration
	logger         *slog.Logger
	now            func() time.Time

	reading     chan struct{}     // a lock that a context can interrupt, held during a read
	lastContent [sha256.Size]byte // of the last good response; guarded by reading
	lastKeys    []Key             // of the last good response; guarded by reading

	stopped context.Context // done when the set is closed
	stop    context.CancelFunc
	running sync.WaitGroup

	mu         sync.Mutex
	forced     *forcedRefresh // in progress, or nil
	lastForced time.Time      // the start of the last one, or zero
	failure    error          // of the last read, or nil
}

// NewKeySet returns a KeySet after the first read. It fails if the options are invalid or the
// read fails, with an error that names every invalid option, or the source: of a URL the
// scheme, host and path. ctx and StartTimeout limit the time of the read. ctx is not used
// afterwards. With StartWithoutKeys a read that failed is logged and not an error, unless ctx
// was canceled.
func NewKeySet(ctx context.Context, options KeySetOptions) (*KeySet, error) {
	s, err := newKeySet(options)
	if err != nil {
		return nil, fmt.Errorf("auth: key set: %w", err)
	}
	if s.source == nil {
		return s, nil
	}
	err = s.read(ctx, orDefault(options.StartTimeout, defaultStartTimeout))
	if err != nil && (!options.StartWithoutKeys || errors.Is(ctx.Err(), context.Canceled)) {
		_ = s.Close()
		return nil, err
	}
	s.logFailure(ctx, err)
	interval := orDefault(options.RefreshInterval, defaultRefreshInterval)
	s.running.Go(func() { s.refreshPeriodically(interval, err) })
	return s, nil
}

// newKeySet returns a set that was not read yet.
func newKeySet(options KeySetOptions) (*KeySet, error) {
	if err := options.validate(); err != nil {
		return nil, err
	}
	interval := orDefault(options.RefreshInterval, defaultRefreshInterval)
	s := &KeySet{
		forcedInterval: orDefault(options.ForcedRefreshInterval, defaultForcedRefreshInterval),
		maxStaleness:   orDefault(options.MaxStaleness, max(times(staleRefreshes, interval), minStaleness)),
		logger:         orDefault(options.Logger, slog.New(slog.DiscardHandler)),
		now:            options.Now,
		reading:        make(chan struct{}, 1),
	}
	if s.now == nil {
		s.now = time.Now
	}
	switch {
	case options.URL != "":
		u, err := parseURL(options.URL, options.AllowHTTP)
		if err != nil {
			return nil, err
		}
		s.source = newURLSource(u, options.Client)
	case options.File != "":
		s.source = fileSource{options.File}
	default:
		keys, err := distinctKeys(options.Keys)
		if err != nil {
			return nil, err
		}
		s.current.Store(newKeySnapshot(keys))
	}
	s.stopped, s.stop = context.WithCancel(context.Background())
	return s, nil
}

// validate returns an error that names all invalid options.
func (o *KeySetOptions) validate() error {
	var errs optionErrors
	sources := 0
	for _, set := range []bool{o.URL != "", o.File != "", len(o.Keys) > 0} {
		if set {
			sources++
		}
	}
	errs.check(sources == 1, "URL", "or File or Keys must be set, and exactly one of them")
	if o.URL != "" {
		_, err := parseURL(o.URL, o.AllowHTTP)
		errs.check(err == nil, "URL", fmt.Sprint(err))
	}
	for i, key := range o.Keys {
		option := fmt.Sprintf("Keys[%d]", i)
		errs.check(key.ID == "" || validKeyID(key.ID), option, "has an ID that is too long or not printable")
		err := checkPublicKey(key.Public)
		errs.check(err == nil, option, fmt.Sprint("has a public key that is ", err))
	}
	if len(o.Keys) > 0 {
		_, err := distinctKeys(o.Keys)
		errs.check(err == nil, "Keys", fmt.Sprint("have ", err))
	}
	errs.check(o.RefreshInterval >= 0, "RefreshInterval", "must not be negative")
	errs.check(o.ForcedRefreshInterval >= 0, "ForcedRefreshInterval", "must not be negative")
	errs.check(o.StartTimeout >= 0, "StartTimeout", "must not be negative")
	errs.check(o.MaxStaleness >= 0, "MaxStaleness", "must not be negative")
	errs.check(o.MaxStaleness <= 0 || o.MaxStaleness >= orDefault(o.RefreshInterval, defaultRefreshInterval),
		"MaxStaleness", "must not be shorter than RefreshInterval, or the set would be stale between two reads")
	return errs.err()
}

// times returns n times d, or the longest duration if that overflows.
func times(n int, d time.Duration) time.Duration {
	if d > math.MaxInt64/time.Duration(n) {
		return math.MaxInt64
	}
	return time.Duration(n) * d
}

// Close stops the periodic reads and a read in progress, and waits for them to end. The keys
// of the set keep working, and are no longer refreshed. Close always returns nil, and may be
// called again.
func (s *KeySet) Close() error {
	if s.source == nil {
		return nil
	}
	s.mu.Lock() // so that no forced refresh begins between the stop and the wait
	s.stop()
	s.mu.Unlock()
	s.running.Wait()
	s.source.close()
	return nil
}

// Refresh reads the set now, after a read in progress has ended. It honors ctx, and its
// timeout is 5 s. If it fails, the last good set is kept. Refresh does nothing for a set of
// Keys.
func (s *KeySet) Refresh(ctx context.Context) error {
	if s.source == nil {
		return nil
	}
	return s.read(ctx, refreshTimeout)
}

// FetchedAt returns the time of the last successful read by KeySetOptions.Now, or zero if
// there was none. For a set of Keys it returns the present time.
func (s *KeySet) FetchedAt() time.Time {
	switch fetchedAt := s.fetchedAt.Load(); {
	case s.now == nil: // the zero value, which has no keys
		return time.Time{}
	case s.source == nil:
		return s.now()
	case fetchedAt == nil:
		return time.Time{}
	default:
		return *fetchedAt
	}
}

// Ready returns nil if the set follows the key rotation of its issuer. It fails if the set was
// never read (see KeySetOptions.StartWithoutKeys), or not successfully for longer than
// MaxStaleness. The error names the source, the time of the last successful read and the
// failure of the last read, and matches consumer.ErrUnavailable. A set of Keys is always ready.
//
// A stale set still verifies tokens. While an issuer is down, all replicas that use it become
// unready at about the same time. If unready replicas get no traffic, use Ready for an alarm
// instead of a readiness check.
func (s *KeySet) Ready() error {
	switch {
	case !s.made():
		return errNotMade
	case s.source == nil:
		return nil
	}
	switch fetchedAt := s.fetchedAt.Load(); {
	case fetchedAt == nil:
		return s.unready("never read")
	case s.now().Sub(*fetchedAt) > s.maxStaleness:
		return s.unready(fmt.Sprintf("not read for longer than %v, since %s", s.maxStaleness, fetchedAt.UTC().Format(time.RFC3339)))
	}
	return nil
}

// unready returns the error of a set in that state, with the failure of the last read.
func (s *KeySet) unready(state string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	err := errors.New(state)
	if s.failure != nil {
		err = fmt.Errorf("%s: %w", state, s.failure)
	}
	return unavailable{s.readError(err)}
}

// made reports whether the set was made by NewKeySet.
func (s *KeySet) made() bool { return s != nil && s.now != nil }
