package journey

import (
	"cmp"
	"time"
)

// moment is a time in the form in which stores keep it, and in which times are
// compared: smaller than a [time.Time], and without its zone.
type moment struct {
	seconds     int64
	nanoseconds int32
}

func momentOf(t time.Time) moment {
	t = kept(t)
	return moment{t.Unix(), int32(t.Nanosecond())}
}

func (m moment) compare(n moment) int {
	if m.seconds != n.seconds {
		return cmp.Compare(m.seconds, n.seconds)
	}
	return cmp.Compare(m.nanoseconds, n.nanoseconds)
}

// kept is a time as stores keep it, in UTC and truncated to microseconds, which is
// also how it is shown.
func kept(t time.Time) time.Time {
	t = t.UTC()
	if t.Nanosecond()%1000 == 0 {
		return t // as nearly always, and Truncate divides
	}
	return t.Truncate(time.Microsecond)
}

// keptPointer copies, so that nothing shares memory with the snapshot.
func keptPointer(t *time.Time) *time.Time {
	if t == nil {
		return nil
	}
	return new(kept(*t))
}
