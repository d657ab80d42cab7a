package consumer

import "time"

// normalTime is the one form in which times are kept and compared.
func normalTime(t time.Time) time.Time { return t.UTC().Truncate(time.Microsecond) }

func normalTimePointer(t *time.Time) *time.Time {
	if t == nil {
		return nil
	}
	return new(normalTime(*t))
}

// latest returns the last of some moments, of which all but the first may be unset:
// the default of an UpdatedAt. It stays unset when that is no valid moment, because
// the field that holds it is named as bad, and the default must not be as well.
func latest(first time.Time, others ...*time.Time) time.Time {
	for _, t := range others {
		if t != nil && t.After(first) {
			first = *t
		}
	}
	if !validMoment(first) {
		return time.Time{}
	}
	return first
}

// notExpired decides expiry by the caller's clock: at the very moment of expiry a
// record has expired.
func notExpired(expiresAt *time.Time, now time.Time) bool {
	return expiresAt == nil || expiresAt.After(now)
}
