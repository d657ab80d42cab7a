package storagetest

import (
	"testing"
	"time"

	"github.com/rejoinhq/rejoin/consumer"
)

func timeCases() []storeCase {
	cases := []storeCase{
		{"a time is returned in UTC", testZones},
		{"two writes of one microsecond are the same write", func(t *testing.T, store consumer.Store) {
			write(t, store, participations(participation(enteredAt(at(0).Add(1*time.Nanosecond)))))
			wantWrite(t, store, participations(participation(enteredAt(at(0).Add(999*time.Nanosecond)))), 0, 1)
			wantWrite(t, store, participations(participation(enteredAt(at(0)))), 0, 1)
		}},
		{"a monotonic clock reading is dropped", func(t *testing.T, store consumer.Store) {
			now := time.Now()
			wantWrite(t, store, participations(participation(enteredAt(now))), 1, 0)
			wantWrite(t, store, participations(participation(enteredAt(now.Round(0)))), 0, 1)
		}},
		{"the zero time is rejected", func(t *testing.T, store consumer.Store) {
			_, err := store.Write(t.Context(), admissions(admission(func(a *consumer.Admission) { a.ExpiresAt = new(time.Time{}) })))
			wantInvalidFields(t, err, "admissions[0].expiresAt")
		}},
		{"the year 10000 is rejected", func(t *testing.T, store consumer.Store) {
			late := time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC)
			_, err := store.Write(t.Context(), profiles(profile(func(c *consumer.Consumer) { c.UpdatedAt = late })))
			wantInvalidFields(t, err, "consumers[0].updatedAt")
		}},
	}
	for rule, times := range map[string]struct{ given, want time.Time }{
		"microseconds are kept": {
			time.Date(2026, 1, 2, 3, 4, 5, 123_456_000, time.UTC), time.Date(2026, 1, 2, 3, 4, 5, 123_456_000, time.UTC),
		},
		"a single microsecond is kept": {
			time.Date(2026, 1, 2, 3, 4, 5, 1_000, time.UTC), time.Date(2026, 1, 2, 3, 4, 5, 1_000, time.UTC),
		},
		"finer input is truncated, not rounded": {
			time.Date(2026, 1, 2, 3, 4, 5, 999_999_999, time.UTC), time.Date(2026, 1, 2, 3, 4, 5, 999_999_000, time.UTC),
		},
		"before 1970 finer input is truncated into the past": {
			time.Date(1969, 12, 31, 23, 59, 59, 999_999_999, time.UTC), time.Date(1969, 12, 31, 23, 59, 59, 999_999_000, time.UTC),
		},
		"the last microsecond of the year 9999 is kept": {
			time.Date(9999, 12, 31, 23, 59, 59, 999_999_000, time.UTC), time.Date(9999, 12, 31, 23, 59, 59, 999_999_000, time.UTC),
		},
		"the first day of the year 1 is kept": {
			time.Date(1, 1, 1, 0, 0, 0, 1_000, time.UTC), time.Date(1, 1, 1, 0, 0, 0, 1_000, time.UTC),
		},
		"the day before 1970 is kept": {
			time.Date(1969, 12, 31, 23, 59, 59, 999_999_000, time.UTC), time.Date(1969, 12, 31, 23, 59, 59, 999_999_000, time.UTC),
		},
		"the beginning of 1970 is not unset": {time.Unix(0, 0), time.Unix(0, 0).UTC()},
		"a leap day is kept": {
			time.Date(2024, 2, 29, 12, 0, 0, 0, time.UTC), time.Date(2024, 2, 29, 12, 0, 0, 0, time.UTC),
		},
	} {
		cases = append(cases, storeCase{rule, func(t *testing.T, store consumer.Store) { testTime(t, store, times.given, times.want) }})
	}
	return cases
}

func enteredAt(moment time.Time) func(*consumer.Participation) {
	return func(p *consumer.Participation) { p.EnteredAt, p.UpdatedAt = moment, moment }
}

// testTime writes a time to every field.
func testTime(t *testing.T, store consumer.Store, given, want time.Time) {
	filled := func(moment time.Time) consumer.Batch {
		return together(
			profiles(profile(func(c *consumer.Consumer) { c.CreatedAt, c.UpdatedAt = moment, moment })),
			participations(participation(enteredAt(moment), func(p *consumer.Participation) {
				p.Type, p.Status = consumer.Auction, consumer.StatusWon
				p.AdmittedAt, p.ExpiresAt, p.LastBidTime = &moment, &moment, &moment
			})),
			admissions(admission(func(a *consumer.Admission) { a.AdmittedAt, a.ExpiresAt, a.UpdatedAt = moment, &moment, moment })))
	}
	wantWrite(t, store, filled(given), 3, 0)
	wantSnapshot(t, store, filled(want))
	wantWrite(t, store, filled(want), 0, 3)
}

func testZones(t *testing.T, store consumer.Store) {
	zone := time.FixedZone("east", 5*3600+45*60)
	write(t, store, together(profiles(profile()), participations(participation(enteredAt(at(0).In(zone))))))
	wantParticipation(t, store, participation())
	wantWrite(t, store, participations(participation()), 0, 1)

	s := snapshot(t, store)
	for _, moment := range []time.Time{s.Consumer.CreatedAt, s.Consumer.UpdatedAt, s.Participations[0].EnteredAt} {
		if moment.Location() != time.UTC {
			t.Errorf("%v is in the zone %v, want UTC", moment, moment.Location())
		}
	}
}
