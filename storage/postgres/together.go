package postgres

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/rejoinhq/rejoin/consumer"
)

// maxTogether is how many snapshots are read in one round trip at most. With more the
// first would wait for the last for longer than the trips take that are saved.
const maxTogether = 16

// together reads snapshots. As long as a connection is free, each has one. When a herd
// asks and all are taken, the next that becomes free reads those who have waited longest in
// one round trip, each by its own statement: to ask and to be woken by the answer takes both
// sides as long as the statement itself.
type together struct {
	*pool

	mu      sync.Mutex
	waiting []*waiting // as they came
}

// waiting is a caller who waits for a snapshot.
type waiting struct {
	ctx   context.Context
	key   consumer.ConsumerKey
	trip  *trip         // nil until somebody took it along; under the mutex of together
	done  chan struct{} // closed when the fields below are set
	found foundRow
	err   error
}

// trip is one round trip for several callers.
type trip struct {
	callers []*waiting
	cancel  context.CancelFunc
	gone    int // callers who gave up; under the mutex of together
	// panicked is what the trip panicked with, in a goroutine that nobody watches. It is the
	// callers' panic, as if each had read by itself.
	panicked any
}

func (t *together) find(ctx context.Context, key consumer.ConsumerKey) (foundRow, error) {
	if t.turns.TryEnter() {
		defer t.turns.Leave()
		return findInside(ctx, t.pool, snapshotStatement, snapshotParameters(key)...)
	}
	w := &waiting{ctx: ctx, key: key, done: make(chan struct{})}
	t.mu.Lock()
	t.waiting = append(t.waiting, w)
	t.mu.Unlock()
	for {
		inside, err := t.turns.EnterUnless(ctx, w.done)
		switch {
		case err != nil:
			t.giveUp(w)
			return foundRow{}, err
		case !inside:
			return w.result()
		}
		// The turn is for those who have waited longest, whoever it came to.
		if t.depart(w) {
			return t.await(w)
		}
	}
}

// await returns what the trip brings on which the caller was taken along.
func (t *together) await(w *waiting) (foundRow, error) {
	select {
	case <-w.done:
		return w.result()
	case <-w.ctx.Done():
		t.giveUp(w)
		return foundRow{}, w.ctx.Err()
	}
}

func (w *waiting) result() (foundRow, error) {
	if w.trip.panicked != nil {
		panic(w.trip.panicked)
	}
	if w.err != nil {
		return foundRow{}, w.err
	}
	return checked(w.ctx, w.found)
}

// depart takes those along who have waited longest, inside the gate, where the caller is
// already. It reports whether somebody has taken the caller along by now.
func (t *together) depart(w *waiting) (taken bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	n := min(len(t.waiting), maxTogether)
	if n == 0 {
		t.turns.Leave()
		return w.trip != nil
	}
	next := &trip{callers: slices.Clone(t.waiting[:n])}
	t.waiting = slices.Delete(t.waiting, 0, n)
	for _, caller := range next.callers {
		caller.trip = next
	}
	ctx := next.begin()
	go func() {
		defer t.turns.Leave()
		defer next.cancel()
		next.make(ctx, t.pool)
	}()
	return w.trip != nil
}

// giveUp is for a caller whose context has ended.
func (t *together) giveUp(w *waiting) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if w.trip == nil {
		t.waiting = slices.DeleteFunc(t.waiting, func(other *waiting) bool { return other == w })
		return
	}
	if w.trip.gone++; w.trip.gone == len(w.trip.callers) {
		w.trip.cancel()
	}
}

// begin makes the context of the trip: it ends with the last of the callers'.
func (t *trip) begin() context.Context {
	ctx := context.WithoutCancel(t.callers[0].ctx)
	var last time.Time
	for _, caller := range t.callers {
		deadline, bounded := caller.ctx.Deadline()
		if !bounded {
			ctx, t.cancel = context.WithCancel(ctx)
			return ctx
		}
		if deadline.After(last) {
			last = deadline
		}
	}
	ctx, t.cancel = context.WithDeadline(ctx, last)
	return ctx
}

// make reads for all, and tells them.
func (t *trip) make(ctx context.Context, p *pool) {
	defer func() {
		t.panicked = recover()
		for _, caller := range t.callers {
			close(caller.done)
		}
	}()
	err := onConnection(ctx, p, func(conn *pgx.Conn) error {
		var batch pgx.Batch
		for _, caller := range t.callers {
			batch.Queue(snapshotStatement, snapshotParameters(caller.key)...)
		}
		results := conn.SendBatch(ctx, &batch)
		for _, caller := range t.callers {
			rows, err := results.Query()
			if err == nil {
				err = caller.found.scanOnly(rows)
			}
			if err != nil {
				return errors.Join(err, results.Close())
			}
		}
		return results.Close()
	})
	err = explainSchema(ctx, p, err)
	for _, caller := range t.callers {
		caller.err = err
	}
}

func snapshotParameters(key consumer.ConsumerKey) []any {
	return []any{possible(key.OrganizationID), possible(key.ConsumerID), consumer.TerminalRank}
}
