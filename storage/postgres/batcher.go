package postgres

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/rejoinhq/rejoin/consumer"
)

// maxBatch is the largest number of snapshots in one round trip. In a larger batch the
// first caller would wait for the last one for longer than the saved round trips take.
const maxBatch = 16

// batcher reads snapshots. A caller reads by itself while there are fewer round trips
// under way than connections. Further callers wait, and whenever a round trip ends, the
// next one reads for up to maxBatch of them in FIFO order, each with its own statement:
// sending a request and waking up for the response cost both sides as much as the
// statement itself.
type batcher struct {
	pool  *pgxpool.Pool
	limit int // of concurrent round trips

	mu       sync.Mutex
	inFlight int
	waiting  []*pendingRead // in the order of arrival
}

// pendingRead is the read of one waiting caller.
type pendingRead struct {
	ctx   context.Context
	key   consumer.Key
	batch *batch        // nil while it waits; guarded by batcher.mu
	done  chan struct{} // closed when the fields below are set
	row   resultRow
	err   error
}

// batch is one round trip for several callers.
type batch struct {
	reads     []*pendingRead
	ctx       context.Context
	cancel    context.CancelFunc
	abandoned int // reads whose callers have given up; guarded by batcher.mu
	// panicked is the value of a panic in dispatch, which runs in a goroutine of its own.
	// Each caller panics with it, as if it had read by itself.
	panicked any
}

func newBatcher(pool *pgxpool.Pool) *batcher {
	return &batcher{pool: pool, limit: int(pool.Stat().MaxConns())}
}

func (b *batcher) read(ctx context.Context, key consumer.Key) (resultRow, error) {
	b.mu.Lock()
	if b.inFlight < b.limit {
		b.inFlight++
		b.mu.Unlock()
		defer b.next()
		return queryRow(ctx, b.pool, snapshotStatement, snapshotParameters(key)...)
	}
	r := &pendingRead{ctx: ctx, key: key, done: make(chan struct{})}
	b.waiting = append(b.waiting, r)
	b.mu.Unlock()
	select {
	case <-r.done:
		return r.result()
	case <-ctx.Done():
		b.giveUp(r)
		return resultRow{}, ctx.Err()
	}
}

func (r *pendingRead) result() (resultRow, error) {
	if r.batch.panicked != nil {
		panic(r.batch.panicked)
	}
	if r.err != nil {
		return resultRow{}, r.err
	}
	return checked(r.ctx, r.row)
}

// next ends one round trip and begins another one if callers wait.
func (b *batcher) next() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.waiting) == 0 {
		b.inFlight--
		return
	}
	go b.dispatch()
}

// dispatch reads for the callers that have waited longest. It takes them when it begins
// to run, because further ones may have come since the round trip before it ended.
func (b *batcher) dispatch() {
	defer b.next()
	if batch := b.take(); batch != nil {
		defer batch.cancel()
		batch.dispatch(b.pool)
	}
}

// take returns the next batch, or nil when all callers have given up.
func (b *batcher) take() *batch {
	b.mu.Lock()
	defer b.mu.Unlock()
	n := min(len(b.waiting), maxBatch)
	if n == 0 {
		return nil
	}
	next := &batch{reads: slices.Clone(b.waiting[:n])}
	b.waiting = slices.Delete(b.waiting, 0, n)
	for _, r := range next.reads {
		r.batch = next
	}
	next.setContext()
	return next
}

// giveUp is called when the caller's context has ended.
func (b *batcher) giveUp(r *pendingRead) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if r.batch == nil {
		b.waiting = slices.DeleteFunc(b.waiting, func(other *pendingRead) bool { return other == r })
		return
	}
	if r.batch.abandoned++; r.batch.abandoned == len(r.batch.reads) {
		r.batch.cancel()
	}
}

// setContext makes the context of the batch, which ends with the last of the callers'.
func (b *batch) setContext() {
	ctx := context.WithoutCancel(b.reads[0].ctx)
	var last time.Time
	for _, r := range b.reads {
		deadline, bounded := r.ctx.Deadline()
		if !bounded {
			b.ctx, b.cancel = context.WithCancel(ctx)
			return
		}
		if deadline.After(last) {
			last = deadline
		}
	}
	b.ctx, b.cancel = context.WithDeadline(ctx, last)
}

// dispatch reads for all callers and wakes them.
func (b *batch) dispatch(pool *pgxpool.Pool) {
	defer func() {
		b.panicked = recover()
		for _, r := range b.reads {
			close(r.done)
		}
	}()
	err := withConnection(b.ctx, pool, func(conn *pgx.Conn) error { return b.send(b.ctx, conn) })
	err = explainSchema(b.ctx, pool, err)
	for _, r := range b.reads {
		r.err = err
	}
}

func (b *batch) send(ctx context.Context, conn *pgx.Conn) error {
	var statements pgx.Batch
	for _, r := range b.reads {
		statements.Queue(snapshotStatement, snapshotParameters(r.key)...)
	}
	results := conn.SendBatch(ctx, &statements)
	for _, r := range b.reads {
		rows, err := results.Query()
		if err == nil {
			err = r.row.scanOnly(rows)
		}
		if err != nil {
			return errors.Join(err, results.Close())
		}
	}
	return results.Close()
}

func snapshotParameters(key consumer.Key) []any {
	return []any{idOrEmpty(key.OrganizationID), idOrEmpty(key.ConsumerID), consumer.TerminalRank}
}
