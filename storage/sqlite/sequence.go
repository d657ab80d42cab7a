package sqlite

import (
	"runtime"
	"sync/atomic"
)

// sequence is a number that all processes share which have the database open. It says, for
// the price of a load from memory, that nobody has committed anything since it was last
// looked at: it is odd while a commit may be under way, and another one after each.
//
// Whoever finds it odd, or changed, asks the database. So a writer that dies in the middle
// of a commit, which leaves it odd, costs the others time and nothing else, until somebody
// writes again. What it is when the first process opens the database doesn't matter.
type sequence struct {
	word *atomic.Uint64 // nil where processes can share none: then it is never quiet
}

// newSequence returns the sequence of a database that belongs to one Store.
func newSequence() *sequence { return &sequence{new(atomic.Uint64)} }

// quiet returns the number, and whether no commit is under way.
func (q *sequence) quiet() (number uint64, ok bool) {
	if q.word == nil {
		return 0, false
	}
	defer runtime.KeepAlive(q) // with which the memory goes
	number = q.word.Load()
	return number, number%2 == 0
}

// begin says that a commit is under way. The caller has the lock to write, so there is no
// other: one that seems to be has ended, and is about to say so, or has died.
func (q *sequence) begin() (own uint64) {
	if q.word == nil {
		return 0
	}
	defer runtime.KeepAlive(q)
	own = (q.word.Load() + 1) | 1
	q.word.Store(own)
	return own
}

// end says that a commit has come to its end, however it did. The next one may have begun
// by then, and its number stays.
func (q *sequence) end(own uint64) {
	if q.word == nil {
		return
	}
	defer runtime.KeepAlive(q)
	q.word.CompareAndSwap(own, own+1)
}
