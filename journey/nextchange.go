package journey

import (
	"time"

	"github.com/rejoinhq/rejoin/consumer"
)

// NextChange returns the first moment after now at which [Derive] may say something
// else of the same snapshot, because a record expires, or false when it never will.
func NextChange(snapshot consumer.Snapshot, now time.Time) (at time.Time, ok bool) {
	sooner := func(expiresAt *time.Time) {
		if expiresAt != nil && expiresAt.After(now) && (!ok || expiresAt.Before(at)) {
			at, ok = *expiresAt, true
		}
	}
	for i := range snapshot.Participations {
		sooner(snapshot.Participations[i].ExpiresAt)
	}
	for i := range snapshot.Admissions {
		sooner(snapshot.Admissions[i].ExpiresAt)
	}
	return at, ok
}
