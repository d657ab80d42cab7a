package consumer

import "time"

// NormalizeTime returns t in the form in which times are stored, compared and shown: in
// UTC, truncated to microseconds.
func NormalizeTime(t time.Time) time.Time {
	t = t.UTC()
	if t.Nanosecond()%1000 == 0 {
		return t // the usual case; Truncate divides 128-bit numbers
	}
	return t.Truncate(time.Microsecond)
}

func normalizeTimePointer(t *time.Time) *time.Time {
	if t == nil {
		return nil
	}
	return new(NormalizeTime(*t))
}

// notExpired reports whether a record with this ExpiresAt has not expired at now. At the
// time of its expiry a record has expired.
func notExpired(expiresAt *time.Time, now time.Time) bool {
	return expiresAt == nil || expiresAt.After(now)
}
