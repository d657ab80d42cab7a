package auth

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
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
	// forcedWait is how long a token waits for the refresh that it caused or found under
	// way. It is shorter than a request may take (httpserver's default is 5 s), so that an
	// issuer who hangs doesn't turn the refusal of a forgery into a failure.
	forcedWait     = 3 * time.Second
	firstRetry     = time.Second
	staleRefreshes = 3
	minStaleness   = 15 * time.Minute
)

// KeySetOptions say where the keys come from and how often they are read again. Exactly
// one of URL, File and Keys must be set.
type KeySetOptions struct {
	// URL answers a JWK Set (RFC 7517, section 5). It must be https, unless its host is
	// this machine's loopback or AllowHTTP is set.
	URL string
	// File holds a JWK Set, and is read again in the same way as a URL. It must be a
	// regular file or a link to one.
	File string
	// Keys are the keys themselves. They never change and start no goroutine, so that such
	// a set need not be closed.
	Keys []Key

	// RefreshInterval is how often the set is read again, and so how long a key that its
	// issuer has taken out still works. A read that failed is tried again after 1 s, 2 s,
	// 4 s and so on, up to the RefreshInterval. Default: 5 minutes.
	RefreshInterval time.Duration
	// ForcedRefreshInterval is the time that must pass between two refreshes that tokens
	// cause. Default: 10 s.
	ForcedRefreshInterval time.Duration
	// StartTimeout bounds the first read, in NewKeySet. Each later one may take 5 s.
	// Default: 10 s.
	StartTimeout time.Duration
	// StartWithoutKeys lets NewKeySet return a set, without any key, when the first read
	// fails, for a program that is to start while its issuer is down. The set then heals by
	// itself, as after any other read that failed. Until it was read, [KeySet.Ready] and
	// [Verifier.Verify] fail, the latter with an error that is no refusal: nothing is known
	// about a token then. Options that are wrong fail at once in any case.
	StartWithoutKeys bool
	// MaxStaleness is how long ago the set may have been read with success before
	// [KeySet.Ready] fails, and at least RefreshInterval. Tokens are verified with the last
	// good set whatever its age. Default: three times RefreshInterval, and at least 15
	// minutes: by then not only one read has failed, but also all that followed it.
	MaxStaleness time.Duration

	// Client reads the URL. Default: a client of its own, with the settings of
	// http.DefaultTransport. In either case redirects are followed at most three times and
	// never to another origin, and an answer may have 1 MiB.
	Client *http.Client
	// AllowHTTP permits plain http to any host, for a network that is trusted.
	AllowHTTP bool
	// Logger is told of refreshes that failed, of changes of the set, and of keys that are
	// left out. Default: nothing is logged.
	Logger *slog.Logger
	// Now is the clock of ForcedRefreshInterval, MaxStaleness and FetchedAt. Default:
	// time.Now. The periodic refresh goes by the system's timers.
	Now func() time.Time
}

// KeySet is the set of public keys that sign access tokens, kept up to date. It is safe for
// concurrent use. Close it when it is no longer needed. The zero value is of no use, and
// [NewVerifier] refuses it.
//
// The set is read again every RefreshInterval, and at once when a token may be signed by a
// key that is not in it yet; see [Verifier.Verify]. What an issuer answers replaces the set
// only as a whole and only if it is one: an answer that failed, is not a JWK Set, is too
// large, has no fit key, has more than 64 keys, or has two keys with the same kid keeps
// the last good set. A single key that is not fit is left out and does no harm. Fit is an
// Ed25519 public key, of full order, for signatures (use absent or sig, key_ops absent or
// with verify, alg absent or EdDSA or Ed25519).
type KeySet struct {
	source         source                     // nil if the keys never change
	current        atomic.Pointer[generation] // nil until the source was read
	fetchedAt      atomic.Pointer[time.Time]
	forcedInterval time.Duration
	maxStaleness   time.Duration
	logger         *slog.Logger
	now            func() time.Time

	reading     chan struct{}     // holds one token: who has it may read the source
	lastContent [sha256.Size]byte // of the last good answer; guarded by reading
	lastKeys    []Key             // its fit keys; guarded by reading

	stopped context.Context // done when the set is closed
	stop    context.CancelFunc
	running sync.WaitGroup

	mu         sync.Mutex
	forced     *forcedRefresh // in flight, or nil
	lastForced time.Time      // when the last one began; zero: none yet
	failure    error          // of the last read; nil if it was good
}

// NewKeySet reads the keys for the first time and returns the set, or an error that names
// the source and what is wrong with it or with the options. There is one attempt, which
// ctx and StartTimeout bound; ctx has no meaning for the set that is returned. The error
// names of a URL its host and path only. With StartWithoutKeys an attempt that failed is
// logged and no error, unless ctx was canceled: nobody wants the set then.
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

// newKeySet checks the options, and starts and reads nothing.
func newKeySet(options KeySetOptions) (*KeySet, error) {
	sources := 0
	for _, set := range []bool{options.URL != "", options.File != "", len(options.Keys) > 0} {
		if set {
			sources++
		}
	}
	switch {
	case sources != 1:
		return nil, errors.New("exactly one of URL, File and Keys must be set")
	case options.RefreshInterval < 0:
		return nil, errors.New("RefreshInterval is negative")
	case options.ForcedRefreshInterval < 0:
		return nil, errors.New("ForcedRefreshInterval is negative")
	case options.StartTimeout < 0:
		return nil, errors.New("StartTimeout is negative")
	case options.MaxStaleness < 0:
		return nil, errors.New("MaxStaleness is negative")
	}
	interval := orDefault(options.RefreshInterval, defaultRefreshInterval)
	if options.MaxStaleness != 0 && options.MaxStaleness < interval {
		return nil, errors.New("MaxStaleness is shorter than RefreshInterval, so that the set would be stale between two reads")
	}
	s := &KeySet{
		forcedInterval: orDefault(options.ForcedRefreshInterval, defaultForcedRefreshInterval),
		maxStaleness:   orDefault(options.MaxStaleness, max(staleRefreshes*interval, minStaleness)),
		logger:         orDefault(options.Logger, slog.New(slog.DiscardHandler)),
		now:            options.Now,
		reading:        make(chan struct{}, 1),
	}
	if s.now == nil {
		s.now = time.Now
	}
	switch {
	case options.URL != "":
		source, err := newURLSource(options.URL, options.AllowHTTP, options.Client)
		if err != nil {
			return nil, err
		}
		s.source = source
	case options.File != "":
		s.source = fileSource{options.File}
	default:
		if err := s.setStatic(options.Keys); err != nil {
			return nil, err
		}
	}
	s.stopped, s.stop = context.WithCancel(context.Background())
	return s, nil
}

// setStatic checks keys that the program supplies. Here nothing is left out: a key that is
// not fit is a mistake that its author wants to hear of.
func (s *KeySet) setStatic(keys []Key) error {
	for i, key := range keys {
		if key.ID != "" && !validKeyID(key.ID) {
			return fmt.Errorf("option Keys[%d]: its ID is too long or not printable", i)
		}
		if err := checkPublicKey(key.Public); err != nil {
			return fmt.Errorf("option Keys[%d]: its public key is %w", i, err)
		}
	}
	if err := checkKeys(keys); err != nil {
		return fmt.Errorf("option Keys: %w", err)
	}
	keysNow, err := newGeneration(keys)
	if err != nil {
		return err
	}
	s.current.Store(keysNow)
	return nil
}

// Close stops the periodic refresh and any read that is under way, and waits for both. The
// keys that the set has then keep working, but are never refreshed. It always returns nil,
// and may be called again.
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

// Refresh reads the set now, within ctx, and within 5 s once a read that is under way has
// ended. When it fails, the last good set is kept. A set of Keys has nothing to refresh.
func (s *KeySet) Refresh(ctx context.Context) error {
	if s.source == nil {
		return nil
	}
	return s.read(ctx, refreshTimeout)
}

// FetchedAt is when the set was last read with success, by KeySetOptions.Now, and zero if
// it never was. For a set of Keys it is the present moment.
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

// Ready returns nil if the set follows the rotation of its issuer's keys, and otherwise, for
// a readiness check or an alarm, an error that names the source, since when, and why the last
// read failed: the set was never read (see KeySetOptions.StartWithoutKeys), or not with
// success for longer than MaxStaleness. It matches consumer.ErrUnavailable. A set of Keys is
// always ready.
//
// A stale set still verifies tokens. All replicas that share an issuer which is down become
// unready at about the same time; where unready means no traffic, an alarm may be the better
// use.
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

// unready is the error of a set in that state, with why the last read failed.
func (s *KeySet) unready(state string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	err := errors.New(state)
	if s.failure != nil {
		err = fmt.Errorf("%s: %w", state, s.failure)
	}
	return unavailable{s.readError(err)}
}

// made reports whether the set is one of NewKeySet's, and not nil or the zero value.
func (s *KeySet) made() bool { return s != nil && s.now != nil }
