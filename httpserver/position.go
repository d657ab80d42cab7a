package httpserver

import (
	"context"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/rejoinhq/rejoin/consumer"
)

const (
	// positionInterval is the least time between two events of a stream that differ in
	// positions only.
	positionInterval = 2 * time.Second
	// positionSpread is the time over which the first such events after a pause are spread,
	// so that not all members of a queue are notified at once.
	positionSpread = 1500 * time.Millisecond
)

// watchedDistribution is a distribution that streams depend on.
type watchedDistribution struct {
	key     consumer.DistributionKey
	hash    uint64
	members map[*subscription]struct{}
	// endedAt is the end of the distribution as its members know it, or zero.
	endedAt time.Time
	// reading reports whether a goroutine reads the record, again whether the distribution
	// moved since.
	reading, again bool
}

// sent notes that a stream has sent an event, and which distributions its document depends
// on.
func (h *hub) sent(s *subscription, d *document, event bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if event {
		s.sentAt = time.Now()
	}
	if s.replaced.Load() || s.watchesExactly(d.dependencies) {
		return
	}
	h.unwatch(s)
	for i := range d.dependencies {
		w := h.watch(&d.dependencies[i])
		w.members[s] = struct{}{}
		s.watches = append(s.watches, w)
	}
}

func (s *subscription) watchesExactly(all []dependency) bool {
	return slices.EqualFunc(s.watches, all, func(w *watchedDistribution, d dependency) bool { return w.key == d.key })
}

// watch returns the distribution that a document depends on. The caller holds the lock.
func (h *hub) watch(d *dependency) *watchedDistribution {
	for _, w := range h.watched[d.hash] {
		if w.key == d.key {
			return w
		}
	}
	w := &watchedDistribution{key: d.key, hash: d.hash, endedAt: d.endedAt, members: make(map[*subscription]struct{})}
	h.watched[d.hash] = append(h.watched[d.hash], w)
	return w
}

// unwatch removes a stream from the distributions that it depends on. The caller holds the
// lock.
func (h *hub) unwatch(s *subscription) {
	for _, w := range s.watches {
		delete(w.members, s)
		if len(w.members) > 0 {
			continue
		}
		others := slices.DeleteFunc(h.watched[w.hash], func(other *watchedDistribution) bool { return other == w })
		if h.watched[w.hash] = others; len(others) == 0 {
			delete(h.watched, w.hash)
		}
	}
	s.watches = s.watches[:0]
}

// moved wakes the members of distributions that moved: at once, unless only positions
// changed. The record shows which of the two it is, and is read once for all members.
func (h *hub) moved(hashes []uint64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, hash := range hashes {
		for _, w := range h.watched[hash] {
			switch {
			case w.key.Type != consumer.Queue || !h.distributions.canRead(w.key):
				w.wakeMembers()
			case w.reading:
				w.again = true
			default:
				w.reading = true
				h.reads.Go(func() { h.readMoved(w) })
			}
		}
	}
}

// readMoved reads the record of a queue that moved and wakes its members.
func (h *hub) readMoved(w *watchedDistribution) {
	for goesOn := true; goesOn; {
		ctx, cancel := context.WithTimeout(h.closed, h.timeout)
		record, err := h.distributions.record(ctx, w.hash, w.key, h.now())
		cancel()
		h.mu.Lock()
		switch {
		case err != nil: // the members find out for themselves
			h.wakeForPosition(w)
		case !endOf(&record.Distribution).Equal(w.endedAt):
			w.endedAt = endOf(&record.Distribution)
			w.wakeMembers()
		default:
			h.wakeForPosition(w)
		}
		goesOn = w.again && h.closed.Err() == nil
		w.reading, w.again = goesOn, false
		h.mu.Unlock()
	}
}

// wakeMembers wakes all members of a distribution at once. The caller holds the lock.
func (w *watchedDistribution) wakeMembers() {
	for s := range w.members {
		s.signal()
	}
}

// wakeForPosition wakes the members of a queue within positionInterval. The caller holds
// the lock.
func (h *hub) wakeForPosition(w *watchedDistribution) {
	now := time.Now()
	for s := range w.members {
		if s.positionDue {
			continue
		}
		s.positionDue = true
		pause := max(s.sentAt.Add(positionInterval).Sub(now), rand.N(positionSpread))
		if s.positionTimer == nil {
			s.positionTimer = time.AfterFunc(pause, func() { h.positionIsDue(s) })
		} else {
			s.positionTimer.Reset(pause)
		}
	}
}

// positionIsDue wakes a stream for a change of position, unless it has sent another event
// meanwhile: then it is woken later.
func (h *hub) positionIsDue(s *subscription) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if pause := time.Until(s.sentAt.Add(positionInterval)); pause > 0 {
		s.positionTimer.Reset(pause)
		return
	}
	s.positionDue = false
	s.signal()
}
