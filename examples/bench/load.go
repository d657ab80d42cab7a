package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// supply hands requests out, to all connections together.
type supply struct {
	requests []request
	once     bool // each request once, otherwise round and round
	handed   atomic.Int64
}

func (s *supply) next() (*request, bool) {
	i := int(s.handed.Add(1) - 1)
	if i >= len(s.requests) && s.once {
		return nil, false
	}
	return &s.requests[i%len(s.requests)], true
}

// load is a closed loop: each connection sends its next request when it has the answer to
// the one before, so there are never more under way than connections.
//
// It follows that while the server is slow, fewer requests are sent that would have met it:
// the percentiles are those of the requests that were made, with so many clients that wait
// for each other, and not those of clients who come at moments of their own (known as
// coordinated omission).
type load struct {
	address     string
	connections int
	warmUp      time.Duration
	duration    time.Duration
	supply      *supply
	check       check
	process     *process // whose processor time is counted
}

// check judges an answer.
type check func(*request, answer) error

// measurement is what a load found.
type measurement struct {
	requestsPerSecond float64
	p50, p99          time.Duration
	// serverCPU and ownCPU are the processor time of the serving process and of the load
	// generator for each request, 0 where the system does not tell.
	serverCPU, ownCPU time.Duration
	// written is how many records a second each of the writers wrote meanwhile.
	written []float64
}

// patience is how much longer than planned a measurement may take before it is given up.
const patience = 15 * time.Second

// run drives the load. Any answer that is not right, or that does not come, is an error.
func (l load) run(ctx context.Context) (measurement, error) {
	connections, err := l.dialAll(ctx)
	defer closeAll(connections)
	if err != nil {
		return measurement{}, err
	}
	start := time.Now().Add(l.warmUp)
	end := start.Add(l.duration)
	ctx, cancel := context.WithDeadline(ctx, end.Add(patience))
	defer cancel()
	release := context.AfterFunc(ctx, func() { closeAll(connections) }) // ends what they wait for
	defer release()

	tallies := make([]tally, len(connections))
	var group sync.WaitGroup
	for i, c := range connections {
		group.Go(func() {
			if tallies[i].err = l.drive(c, &tallies[i], start, end); tallies[i].err != nil {
				cancel()
			}
		})
	}
	all := make(chan struct{})
	go func() { group.Wait(); close(all) }()
	if !waitUntil(start, all) {
		if err := firstError(tallies); err != nil {
			return measurement{}, becauseOf(ctx, err)
		}
		return measurement{}, errors.New("the requests ran out during the warm-up")
	}
	server, own := cpuTime(l.process.pid()), cpuTime(0)
	waitUntil(end, all)
	elapsed := min(time.Since(start), l.duration)
	server, own = cpuTime(l.process.pid())-server, cpuTime(0)-own
	<-all
	if err := firstError(tallies); err != nil {
		return measurement{}, becauseOf(ctx, err)
	}
	return summarize(tallies, span{elapsed, server, own}, time.Since(start))
}

// tally is what one connection counts.
type tally struct {
	times    histogram // of the requests that began in time, or were under way all the time
	finished int       // requests that ended in time
	err      error
}

// drive is one connection's loop, of one request at least. A request that is under way at the end is waited for, and
// its time counts: to leave it out would leave out the slowest.
func (l load) drive(c *connection, t *tally, start, end time.Time) error {
	for began := time.Now(); ; {
		r, more := l.supply.next()
		if !more {
			return nil
		}
		a, err := c.ask(r.message)
		if err == nil {
			err = l.check(r, a)
		}
		if err != nil {
			return err
		}
		now := time.Now()
		if !began.Before(start) || now.After(end) {
			t.times.record(now.Sub(began))
		}
		if now.After(start) && !now.After(end) {
			t.finished++
		}
		if began = now; !began.Before(end) {
			return nil
		}
	}
}

func (l load) dialAll(ctx context.Context) ([]*connection, error) {
	var all []*connection
	for range l.connections {
		c, err := dial(ctx, l.address)
		if err != nil {
			return all, err
		}
		all = append(all, c)
	}
	return all, nil
}

func closeAll(connections []*connection) {
	for _, c := range connections {
		_ = c.Close() // what was to be said was said
	}
}

// waitUntil waits for a moment, and reports whether it came before all were done.
func waitUntil(moment time.Time, all <-chan struct{}) bool {
	timer := time.NewTimer(time.Until(moment))
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-all:
		return false
	}
}

// becauseOf says why the connections were closed, if they were.
func becauseOf(ctx context.Context, err error) error {
	switch cause := ctx.Err(); {
	case !isClosed(err) || cause == nil:
		return err
	case errors.Is(cause, context.DeadlineExceeded):
		return fmt.Errorf("an answer did not come within %s", patience)
	default:
		return cause
	}
}

// isClosed reports whether a connection failed because we closed it.
func isClosed(err error) bool { return errors.Is(err, net.ErrClosed) }

// firstError prefers an error of its own to those of connections that were closed
// because of it.
func firstError(tallies []tally) error {
	var first error
	for i := range tallies {
		if err := tallies[i].err; err != nil && (first == nil || !isClosed(err) && isClosed(first)) {
			first = err
		}
	}
	return first
}

// span is what a measurement took.
type span struct{ elapsed, serverCPU, ownCPU time.Duration }

// summarize divides. Where no request ended in time, because the machine or the server
// stood still, those that did later count, over the longer time until all had ended; how
// much processor time that took is not known.
func summarize(tallies []tally, took span, untilLast time.Duration) (measurement, error) {
	var times histogram
	finished := 0
	for i := range tallies {
		times.add(&tallies[i].times)
		finished += tallies[i].finished
	}
	if finished == 0 {
		finished, took = int(times.total), span{elapsed: untilLast}
	}
	if finished == 0 {
		return measurement{}, errors.New("there were no requests left to measure")
	}
	return measurement{
		requestsPerSecond: float64(finished) / took.elapsed.Seconds(),
		p50:               times.quantile(0.50),
		p99:               times.quantile(0.99),
		serverCPU:         took.serverCPU / time.Duration(finished),
		ownCPU:            took.ownCPU / time.Duration(finished),
	}, nil
}

// checkOwn wants the consumer's own document.
func checkOwn(r *request, a answer) error {
	if a.status != 200 {
		return fmt.Errorf("status %d instead of 200", a.status)
	}
	if len(a.body) < len(r.begins) || string(a.body[:len(r.begins)]) != r.begins {
		return errors.New("the document is not that of the consumer who asked")
	}
	return nil
}

// checkEmpty wants 304 and nothing more.
func checkEmpty(_ *request, a answer) error {
	if a.status != 304 {
		return fmt.Errorf("status %d instead of 304", a.status)
	}
	return nil
}

// checkLength wants any body of a length.
func checkLength(length int) check {
	return func(_ *request, a answer) error {
		if a.status != 200 || len(a.body) != length {
			return fmt.Errorf("status %d with %d bytes instead of 200 with %d", a.status, len(a.body), length)
		}
		return nil
	}
}

// introduce sends each request once, a few at a time, so that the server has seen them,
// and hands each answer to a function, which must not keep its bytes.
func introduce(ctx context.Context, address string, requests []request, told func(i int, a answer)) error {
	const atATime = 8
	introducing, cancel := context.WithCancel(ctx)
	defer cancel()
	var next atomic.Int64
	var mu sync.Mutex
	failed := make([]error, atATime)
	var group sync.WaitGroup
	for worker := range atATime {
		group.Go(func() {
			failed[worker] = eachOnce(introducing, address, requests, &next, func(i int, a answer) {
				mu.Lock()
				defer mu.Unlock()
				told(i, a)
			})
			if failed[worker] != nil {
				cancel()
			}
		})
	}
	group.Wait()
	for _, err := range failed {
		if err != nil && !isClosed(err) && !errors.Is(err, context.Canceled) {
			return err
		}
	}
	return ctx.Err() // nobody failed unless all were stopped
}

func eachOnce(ctx context.Context, address string, requests []request, next *atomic.Int64, told func(int, answer)) error {
	c, err := dial(ctx, address)
	if err != nil {
		return err
	}
	defer c.Close()
	release := context.AfterFunc(ctx, func() { _ = c.Close() })
	defer release()
	for {
		i := int(next.Add(1) - 1)
		if i >= len(requests) {
			return nil
		}
		if err := c.SetDeadline(time.Now().Add(patience)); err != nil {
			return err
		}
		a, err := c.ask(requests[i].message)
		if err != nil {
			return err
		}
		if err := checkOwn(&requests[i], a); err != nil {
			return err
		}
		told(i, a)
	}
}
