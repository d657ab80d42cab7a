package probe

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
	"unicode/utf8"
)

// DefaultCheckTimeout is the timeout of a [Check] that has none.
const DefaultCheckTimeout = 2 * time.Second

// Check describes one thing that must work before the process receives traffic.
type Check struct {
	// Name is the check's name in the response, such as "store". Required and unique.
	Name string
	// Run returns nil if the thing works. It should return when its context is done. It
	// is never called concurrently with itself. Required.
	Run func(context.Context) error
	// Timeout is the time after which the check fails. Default: [DefaultCheckTimeout].
	Timeout time.Duration
}

// ReadinessOptions configure a [Readiness].
type ReadinessOptions struct {
	// Checks run concurrently. Without checks, the response depends on
	// [Readiness.Drain] alone.
	Checks []Check
	// Logger receives a record when a check begins to fail, with the cause, and when it
	// succeeds again. Default: no log.
	Logger *slog.Logger
}

// Readiness is a handler for the probe that directs traffic. It responds with
//   - 200 and {"status":"ready"} if every check succeeds,
//   - 503 and {"status":"unready"} if a check fails,
//   - 503 and {"status":"draining"} after [Readiness.Drain].
//
// The member "checks" of the response maps the name of each check to "ok" or "failed". The
// cause is only logged.
//
// Probes that arrive while the checks run wait for the same result, so that a flood of
// probes doesn't flood the store. A check that ignores its context fails until it returns.
// A Readiness is safe for concurrent use.
//
// A check of something that all replicas share, such as the issuer's key set, makes all of
// them unready at once. Check only what a replica can't work without.
type Readiness struct {
	checks   []*check
	logger   *slog.Logger
	draining atomic.Bool

	mu      sync.Mutex
	running *round // nil while no checks run
}

// check is a Check with its state.
type check struct {
	Check
	running atomic.Bool // a call of Run has not returned
	failed  bool        // the last result; only one round at a time uses it
}

// round is one run of all checks. Its results may be read once done is closed.
type round struct {
	done  chan struct{}
	ready bool
	body  body
}

// NewReadiness returns a Readiness, or an error that names every invalid option.
func NewReadiness(o ReadinessOptions) (*Readiness, error) {
	r := &Readiness{logger: o.Logger}
	if r.logger == nil {
		r.logger = slog.New(slog.DiscardHandler)
	}
	var errs []error
	names := make(map[string]bool)
	for i, c := range o.Checks {
		invalid := func(reason string) {
			errs = append(errs, fmt.Errorf("probe: ReadinessOptions.Checks[%d].%s", i, reason))
		}
		if c.Name == "" || !utf8.ValidString(c.Name) {
			invalid("Name is missing or not valid UTF-8")
		} else if names[c.Name] {
			invalid("Name is not unique")
		}
		if c.Run == nil {
			invalid("Run is missing")
		}
		if c.Timeout < 0 {
			invalid("Timeout is negative")
		}
		names[c.Name] = true
		if c.Timeout == 0 {
			c.Timeout = DefaultCheckTimeout
		}
		r.checks = append(r.checks, &check{Check: c})
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return r, nil
}

// Drain makes every later response 503, whatever the checks return. Call it before a
// process shuts down, so that it receives no more traffic while it still serves requests.
func (r *Readiness) Drain() { r.draining.Store(true) }

// ServeHTTP responds to a probe.
func (r *Readiness) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	handler(r.look).ServeHTTP(w, request)
}

func (r *Readiness) look(request *http.Request) (int, body) {
	if r.draining.Load() {
		return http.StatusServiceUnavailable, body{Status: "draining"}
	}
	round := r.join()
	select {
	case <-round.done:
	case <-request.Context().Done(): // nobody reads the response
		return http.StatusServiceUnavailable, body{Status: "unready"}
	}
	switch {
	case r.draining.Load(): // meanwhile
		return http.StatusServiceUnavailable, body{Status: "draining"}
	case round.ready:
		return http.StatusOK, round.body
	}
	return http.StatusServiceUnavailable, round.body
}

// join returns the round that is running, or starts one. A round doesn't end with the
// probe that started it, because other probes wait for it as well. The timeouts of the
// checks end it.
func (r *Readiness) join() *round {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.running == nil {
		r.running = &round{done: make(chan struct{})}
		go r.run(r.running)
	}
	return r.running
}

// run runs all checks and publishes their results.
func (r *Readiness) run(round *round) {
	results := make([]error, len(r.checks))
	var group sync.WaitGroup
	for i, c := range r.checks {
		group.Go(func() { results[i] = c.run() })
	}
	group.Wait()

	round.ready = true
	round.body = body{Status: "ready", Checks: make(map[string]string)}
	for i, c := range r.checks {
		r.log(c, results[i])
		c.failed = results[i] != nil
		round.body.Checks[c.Name] = "ok"
		if c.failed {
			round.body.Checks[c.Name] = "failed"
			round.body.Status, round.ready = "unready", false
		}
	}
	r.mu.Lock()
	r.running = nil
	r.mu.Unlock()
	close(round.done)
}

// log logs a result that differs from the check's last one. It doesn't repeat a failure,
// because anybody can send probes.
func (r *Readiness) log(c *check, err error) {
	switch {
	case err != nil && !c.failed:
		r.logger.Warn("not ready", "check", c.Name, "cause", err)
	case err == nil && c.failed:
		r.logger.Info("ready again", "check", c.Name)
	}
}

var (
	errRunning = errors.New("an earlier run has not returned")
	errTimeout = errors.New("timeout")
)

// run runs the check and waits for it until its timeout.
func (c *check) run() error {
	if !c.running.CompareAndSwap(false, true) {
		return errRunning
	}
	ctx, cancel := context.WithTimeout(context.Background(), c.Timeout)
	defer cancel()
	result := make(chan error, 1)
	go func() {
		err := c.call(ctx)
		c.running.Store(false)
		result <- err
	}()
	select {
	case err := <-result:
		return err
	case <-ctx.Done():
		return errTimeout
	}
}

// call calls Run and turns a panic into an error, because no server recovers from one in
// this goroutine. The panic's value is not logged: it could hold a secret.
func (c *check) call(ctx context.Context) (err error) {
	defer func() {
		if cause := recover(); cause != nil {
			err = fmt.Errorf("panic with a %T", cause)
		}
	}()
	return c.Run(ctx)
}
