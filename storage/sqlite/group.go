package sqlite

import (
	"context"
	"errors"
	"slices"
	"sync"
)

const (
	// maxShared is the maximum number of writes in one transaction. It bounds how long the
	// writers of other processes wait.
	maxShared = 64
	// maxSharedRecords is the size of the largest batch that shares a transaction. A larger
	// one would delay the others, and can be cancelled while it runs.
	maxSharedRecords = 64
)

// writeGroup lets small writes that wait at the same time share one transaction, and with it
// one sync of the file. One of the callers, the leader, executes all of them.
type writeGroup struct {
	leader semaphore // for one caller at a time

	mu      sync.Mutex
	waiting []*sharedWrite
}

// sharedWrite is a write that waits for a leader, which may be its own caller.
type sharedWrite struct {
	ctx  context.Context
	do   func(context.Context, transaction) error
	err  error
	done chan struct{} // closed once err is the result
}

func (w *sharedWrite) isDone() bool {
	select {
	case <-w.done:
		return true
	default:
		return false
	}
}

func (g *writeGroup) join(w *sharedWrite) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.waiting = append(g.waiting, w)
}

// leave reports whether the write was still waiting.
func (g *writeGroup) leave(w *sharedWrite) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	i := slices.Index(g.waiting, w)
	if i < 0 {
		return false
	}
	g.waiting = slices.Delete(g.waiting, i, i+1)
	return true
}

// next returns the write that has waited longest, or nil if none waits.
func (g *writeGroup) next() *sharedWrite {
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.waiting) == 0 {
		return nil
	}
	first := g.waiting[0]
	g.waiting = slices.Delete(g.waiting, 0, 1)
	return first
}

// transactShared is like transact for a do that takes little time. Those that wait at the
// same time share a transaction. If do fails, only what it did is undone. If the commit
// fails, all of them fail. Once do has begun, the end of ctx does not stop it.
func (s *Store) transactShared(ctx context.Context, do func(context.Context, transaction) error) error {
	w := &sharedWrite{ctx: ctx, do: do, done: make(chan struct{})}
	s.group.join(w)
	for {
		select {
		case <-w.done:
			return w.err
		case s.group.leader <- struct{}{}:
			if err := s.lead(w); err != nil {
				return err
			}
		case <-ctx.Done():
			if s.group.leave(w) {
				return ctx.Err()
			}
			<-w.done
			return w.err
		}
	}
}

// lead executes the writes that wait in one transaction. It returns an error if the
// transaction can't begin. Then w, the caller's own write, no longer waits. The caller has
// acquired the group's leader, which lead releases.
func (s *Store) lead(w *sharedWrite) error {
	defer s.group.leader.release()
	if w.isDone() { // by the leader before
		return nil
	}
	t, end, err := s.beginShared(w.ctx)
	if err != nil {
		s.group.leave(w)
		return err
	}
	defer end()
	s.beginWriting()
	shared := sharedTransaction{transaction: t, ctx: context.WithoutCancel(w.ctx)}
	defer func() { // also if a write panics
		t.Rollback() // does nothing after a commit
		s.endWriting()
		shared.respond()
	}()
	shared.run(&s.group)
	return nil
}

// beginShared begins a transaction, which the caller must end. The context applies only to
// its beginning.
func (s *Store) beginShared(ctx context.Context) (t transaction, end func(), err error) {
	statements, err := s.prepareWrites(ctx)
	if err != nil {
		return transaction{}, nil, err
	}
	beginning, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, cancel)
	tx, err := s.begin(beginning)
	switch begun := stop(); {
	case err == nil && begun:
		return transaction{tx, *statements, new(loggedChanges)}, cancel, nil
	case err == nil:
		err = errors.Join(ctx.Err(), tx.Rollback())
	case ctx.Err() != nil:
		err = ctx.Err()
	}
	cancel()
	return transaction{}, nil, err
}

// sharedTransaction executes writes one after another.
type sharedTransaction struct {
	transaction
	ctx    context.Context
	writes []*sharedWrite // that were executed
	err    error          // that no write survives
}

// run executes writes until none waits, and commits them.
func (t *sharedTransaction) run(group *writeGroup) {
	t.err = errUnfinished
	if err := t.requireSchema(t.ctx); err != nil {
		t.err = err
	}
	for len(t.writes) < maxShared {
		w := group.next()
		if w == nil {
			break
		}
		t.writes = append(t.writes, w)
		if t.err != errUnfinished {
			return // the others may find another state
		}
		if w.err = w.ctx.Err(); w.err != nil {
			continue
		}
		if err := t.execute(w); err != nil {
			t.err = err
			return
		}
	}
	t.err = t.commit(t.ctx)
}

// errUnfinished is the result of the writes if one of them panics.
var errUnfinished = errors.New("a write that shared the transaction failed")

const (
	beginWrite = `SAVEPOINT write`
	undoWrite  = `ROLLBACK TO write`
	endWrite   = `RELEASE write`
)

// execute sets the write's result. It returns an error if the whole transaction failed.
func (t *sharedTransaction) execute(w *sharedWrite) error {
	if _, err := t.ExecContext(t.ctx, beginWrite); err != nil {
		return err
	}
	logged := *t.changes
	if w.err = w.do(t.ctx, t.transaction); w.err != nil {
		*t.changes = logged
		if _, err := t.ExecContext(t.ctx, undoWrite); err != nil { // SQLite has undone everything
			return errors.Join(w.err, err)
		}
	}
	_, err := t.ExecContext(t.ctx, endWrite)
	return err
}

// respond gives each write its result. If the transaction failed, that is the result of all:
// what one of them found, such as a duplicate, may follow from what another one did.
func (t *sharedTransaction) respond() {
	for _, w := range t.writes {
		if t.err != nil {
			w.err = t.err
		} else if w.err == errRollback {
			w.err = nil
		}
		close(w.done)
	}
}
