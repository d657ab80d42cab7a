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

// supply provides all connections with requests.
type supply struct {
	requests []request
	once     bool // use each request once; otherwise begin again after the last one
	used     atomic.Int64
}

func (s *supply) next() (*request, bool) {
	i := int(s.used.Add(1) - 1)
	if i >= len(s.requests) && s.once {
		return nil, false
	}
	return &s.requests[i%len(s.requests)], true
}

// load is a closed loop: each connection sends its next request when it has received the
// response to the previous one. There are never more requests in flight than connections.
//
// While the server is slow, a closed loop sends fewer requests. The percentiles are those of
// the requests that were sent. Clients that arrive independently of each other would see
// higher ones (coordinated omission).
type load struct {
	address     string
	connections int
	warmUp      time.Duration
	duration    time.Duration
	supply      *supply
	check       check
	process     *process // the server, whose processor time is measured
}

// check returns an error if a response is wrong.
type check func(*request, response) error

// measurement is the result of a load.
type measurement struct {
	requestsPerSecond float64
	p50, p99          time.Duration
	// serverCPU and ownCPU are the processor time of the server and of the load generator
	// for each request. They are 0 if the system does not report it.
	serverCPU, ownCPU time.Duration
	// written has the records per second of each writer during the measurement, and writeP99
	// the 99th percentile of the duration of its writes.
	written  []float64
	writeP99 []time.Duration
}

// responseTimeout is how long after its planned end a measurement waits for responses.
const responseTimeout = time.Minute

// run runs the load. A wrong or missing response is an error.
func (l load) run(ctx context.Context) (measurement, error) {
	connections, err := l.dialAll(ctx)
	defer closeAll(connections)
	if err != nil {
		return measurement{}, err
	}
	start := time.Now().Add(l.warmUp)
	end := start.Add(l.duration)
	ctx, cancel := context.WithDeadline(ctx, end.Add(responseTimeout))
	defer cancel()
	stop := context.AfterFunc(ctx, func() { closeAll(connections) }) // unblocks pending reads
	defer stop()

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
			return measurement{}, cause(ctx, err)
		}
		return measurement{}, errors.New("the requests ran out during the warm-up")
	}
	server, own := cpuTime(l.process.pid()), cpuTime(0)
	waitUntil(end, all)
	elapsed := min(time.Since(start), l.duration)
	server, own = cpuTime(l.process.pid())-server, cpuTime(0)-own
	<-all
	if err := firstError(tallies); err != nil {
		return measurement{}, cause(ctx, err)
	}
	return summarize(tallies, span{elapsed, server, own}, time.Since(start))
}

// tally holds the counts of one connection.
type tally struct {
	times    histogram // of the requests that began during the measurement or lasted longer than all of it
	finished int       // requests that ended during the measurement
	err      error
}

// drive sends the requests of one connection, at least one. It waits for a request that is in
// flight at the end and counts its time, because otherwise the slowest requests would be
// missing.
func (l load) drive(c *connection, t *tally, start, end time.Time) error {
	for sent := time.Now(); ; {
		r, more := l.supply.next()
		if !more {
			return nil
		}
		got, err := c.send(r.message)
		if err == nil {
			err = l.check(r, got)
		}
		if err != nil {
			return err
		}
		now := time.Now()
		if !sent.Before(start) || now.After(end) {
			t.times.record(now.Sub(sent))
		}
		if now.After(start) && !now.After(end) {
			t.finished++
		}
		if sent = now; !sent.Before(end) {
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
		_ = c.Close() // there is nothing left to send
	}
}

// waitUntil waits until a time or until done is closed. It reports whether the time has come. On
// a busy machine it may return when both have happened.
func waitUntil(end time.Time, done <-chan struct{}) bool {
	timer := time.NewTimer(time.Until(end))
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-done:
		return !time.Now().Before(end)
	}
}

// cause returns the reason why run closed the connections, or err if run did not close them.
func cause(ctx context.Context, err error) error {
	switch ended := ctx.Err(); {
	case !isClosed(err) || ended == nil:
		return err
	case errors.Is(ended, context.DeadlineExceeded):
		return fmt.Errorf("no response within %s", responseTimeout)
	default:
		return ended
	}
}

// isClosed reports whether a connection failed because run closed it.
func isClosed(err error) bool { return errors.Is(err, net.ErrClosed) }

// firstError returns the first error, but prefers one that is not the consequence of a closed
// connection.
func firstError(tallies []tally) error {
	var first error
	for i := range tallies {
		if err := tallies[i].err; err != nil && (first == nil || !isClosed(err) && isClosed(first)) {
			first = err
		}
	}
	return first
}

// span holds the time that a measurement took.
type span struct{ elapsed, serverCPU, ownCPU time.Duration }

// summarize computes the figures from the counts of all connections. If no request ended during
// the measurement because the machine or the server stalled, it counts the requests that ended
// later, over the time until the last one. The processor time is then unknown.
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

// checkOwn requires the document of the consumer that sent the request.
func checkOwn(r *request, got response) error {
	if got.status != 200 {
		return fmt.Errorf("status %d instead of 200", got.status)
	}
	if len(got.body) < len(r.prefix) || string(got.body[:len(r.prefix)]) != r.prefix {
		return errors.New("the document is not that of the consumer in the request")
	}
	return nil
}

// checkEmpty requires 304.
func checkEmpty(_ *request, got response) error {
	if got.status != 304 {
		return fmt.Errorf("status %d instead of 304", got.status)
	}
	return nil
}

// checkLength requires a body of a certain length.
func checkLength(length int) check {
	return func(_ *request, got response) error {
		if got.status != 200 || len(got.body) != length {
			return fmt.Errorf("status %d with %d bytes instead of 200 with %d", got.status, len(got.body), length)
		}
		return nil
	}
}

// prime sends each request once, over a few connections, so that the server has seen all of
// them. It calls a function with each response. The function must not keep the bytes.
func prime(ctx context.Context, address string, requests []request, received func(i int, r response)) error {
	const connections = 8
	priming, cancel := context.WithCancel(ctx)
	defer cancel()
	var next atomic.Int64
	var mu sync.Mutex
	failed := make([]error, connections)
	var group sync.WaitGroup
	for worker := range connections {
		group.Go(func() {
			failed[worker] = primeOver(priming, address, requests, &next, func(i int, r response) {
				mu.Lock()
				defer mu.Unlock()
				received(i, r)
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
	return ctx.Err() // a worker fails with one of the errors above only if ctx is done
}

// primeOver sends requests over one connection until next is past the last one.
func primeOver(ctx context.Context, address string, requests []request, next *atomic.Int64, received func(int, response)) error {
	c, err := dial(ctx, address)
	if err != nil {
		return err
	}
	defer c.Close()
	stop := context.AfterFunc(ctx, func() { _ = c.Close() })
	defer stop()
	for {
		i := int(next.Add(1) - 1)
		if i >= len(requests) {
			return nil
		}
		if err := c.SetDeadline(time.Now().Add(responseTimeout)); err != nil {
			return err
		}
		r, err := c.send(requests[i].message)
		if err != nil {
			return err
		}
		if err := checkOwn(&requests[i], r); err != nil {
			return err
		}
		received(i, r)
	}
}
