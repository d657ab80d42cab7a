package httpserver

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

// DefaultCheckTimeout is how long a [Check] may take when it doesn't say.
const DefaultCheckTimeout = 2 * time.Second

// Check is one thing that has to work before traffic may come.
type Check struct {
	// Name stands in the answer, such as "store". Required, and unlike all others.
	Name string
	// Run returns nil when the thing works. It should end with its context. It is never
	// called twice at the same time. Required.
	Run func(context.Context) error
	// Timeout is after what time the check has failed. Default: [DefaultCheckTimeout].
	Timeout time.Duration
}

// ReadinessOptions configure a [Readiness].
type ReadinessOptions struct {
	// Checks are made at the same time. Without any, the answer depends on
	// [Readiness.Drain] alone.
	Checks []Check
	// Logger is told when a check begins to fail, with the cause, and when it works
	// again. Default: no log.
	Logger *slog.Logger
}

// Readiness answers the probe that directs traffic: 200 and {"status":"ready"} when
// every check works, 503 and {"status":"unready"} when one doesn't, and 503 and
// {"status":"draining"} after [Readiness.Drain]. The member "checks" says of each by its
// name whether it is "ok" or "failed"; why stays in the log.
//
// Probes that come while the checks are made wait for that result and cause no checks of
// their own, so that a flood of probes is none for the store. A check that doesn't end
// with its context has failed until it ends. It is safe for concurrent use.
//
// What all replicas share, such as the issuer of the keys, makes them all unready at
// once when it fails. Check only what a replica cannot serve without.
type Readiness struct {
	checks   []*check
	logger   *slog.Logger
	draining atomic.Bool

	mu      sync.Mutex
	running *round // nil while the checks are not made
}

// check is a Check with its state.
type check struct {
	Check
	busy   atomic.Bool // a call of Run has not returned
	failed bool        // the last time; touched by one round at a time
}

// round is one time that all checks are made. Its results may be read once done is closed.
type round struct {
	done  chan struct{}
	ready bool
	body  probeBody
}

// NewReadiness returns a Readiness, or an error that names the option that is wrong.
func NewReadiness(o ReadinessOptions) (*Readiness, error) {
	r := &Readiness{logger: o.Logger}
	if r.logger == nil {
		r.logger = slog.New(slog.DiscardHandler)
	}
	names := make(map[string]bool)
	for i, c := range o.Checks {
		wrong := ""
		switch {
		case c.Name == "" || !utf8.ValidString(c.Name):
			wrong = "Name is missing or not UTF-8"
		case names[c.Name]:
			wrong = "Name is another check's too"
		case c.Run == nil:
			wrong = "Run is missing"
		case c.Timeout < 0:
			wrong = "Timeout is negative"
		}
		if wrong != "" {
			return nil, fmt.Errorf("httpserver: ReadinessOptions.Checks[%d].%s", i, wrong)
		}
		names[c.Name] = true
		if c.Timeout == 0 {
			c.Timeout = DefaultCheckTimeout
		}
		r.checks = append(r.checks, &check{Check: c})
	}
	return r, nil
}

// Drain makes the answer 503 from now on, whatever the checks say: for a process that is
// about to end, so that no more traffic is sent its way while it still answers.
func (r *Readiness) Drain() { r.draining.Store(true) }

// ServeHTTP answers a probe.
func (r *Readiness) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	probe(r.look).ServeHTTP(w, request)
}

func (r *Readiness) look(request *http.Request) (int, probeBody) {
	if r.draining.Load() {
		return http.StatusServiceUnavailable, probeBody{Status: "draining"}
	}
	round := r.join()
	select {
	case <-round.done:
	case <-request.Context().Done(): // nobody reads the answer
		return http.StatusServiceUnavailable, probeBody{Status: "unready"}
	}
	switch {
	case r.draining.Load(): // meanwhile
		return http.StatusServiceUnavailable, probeBody{Status: "draining"}
	case round.ready:
		return http.StatusOK, round.body
	}
	return http.StatusServiceUnavailable, round.body
}

// join returns the round that is under way, or begins one. It doesn't end with the probe
// that began it, because others wait for it as well, but with the checks' own timeouts.
func (r *Readiness) join() *round {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.running == nil {
		r.running = &round{done: make(chan struct{})}
		go r.check(r.running)
	}
	return r.running
}

// check makes all the checks of a round.
func (r *Readiness) check(all *round) {
	results := make([]error, len(r.checks))
	var group sync.WaitGroup
	for i, c := range r.checks {
		group.Go(func() { results[i] = c.run() })
	}
	group.Wait()

	all.ready = true
	all.body = probeBody{Status: "ready", Checks: make(map[string]string)}
	for i, c := range r.checks {
		r.log(c, results[i])
		c.failed = results[i] != nil
		all.body.Checks[c.Name] = "ok"
		if c.failed {
			all.body.Checks[c.Name] = "failed"
			all.body.Status, all.ready = "unready", false
		}
	}
	r.mu.Lock()
	r.running = nil
	r.mu.Unlock()
	close(all.done)
}

// log tells of what changed. What goes on failing is not told again and again: anybody
// can probe.
func (r *Readiness) log(c *check, err error) {
	switch {
	case err != nil && !c.failed:
		r.logger.Warn("not ready", "check", c.Name, "cause", err)
	case err == nil && c.failed:
		r.logger.Info("ready again", "check", c.Name)
	}
}

var (
	errBusy    = errors.New("an earlier run has not ended")
	errTimeout = errors.New("it took too long")
)

// run makes one check, and waits for it no longer than it may take.
func (c *check) run() error {
	if !c.busy.CompareAndSwap(false, true) {
		return errBusy
	}
	ctx, cancel := context.WithTimeout(context.Background(), c.Timeout)
	defer cancel()
	result := make(chan error, 1)
	go func() {
		err := c.call(ctx)
		c.busy.Store(false)
		result <- err
	}()
	select {
	case err := <-result:
		return err
	case <-ctx.Done():
		return errTimeout
	}
}

// call keeps a panic, in a goroutine that no server watches, from ending the process. Its
// value may hold anything, so that it is not logged.
func (c *check) call(ctx context.Context) (err error) {
	defer func() {
		if cause := recover(); cause != nil {
			err = fmt.Errorf("panic with a %T", cause)
		}
	}()
	return c.Run(ctx)
}
