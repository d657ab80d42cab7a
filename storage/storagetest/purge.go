package storagetest

import (
	"fmt"
	"testing"
	"time"

	"github.com/rejoinhq/rejoin/consumer"
)

func purgeCases() []storeCase {
	return []storeCase{
		{"a record that ended before the time is deleted", func(t *testing.T, store consumer.Store) {
			write(t, store, together(participations(participation(becoming(consumer.StatusLeft, at(1)))), admissions(admission(ended(at(1))))))
			wantPurge(t, store, at(2), 10, 2)
			wantNoExport(t, store, organization, person)
		}},
		{"every terminal status is an end", func(t *testing.T, store consumer.Store) {
			var all consumer.Batch
			for _, kind := range consumer.DistributionTypes() {
				for _, status := range kind.TerminalStatuses() {
					all.Participations = append(all.Participations, participation(func(p *consumer.Participation) {
						p.Type, p.ID, p.Status = kind, "in_"+string(status), status
					}))
				}
			}
			write(t, store, all)
			wantPurge(t, store, at(1), 100, len(all.Participations))
		}},
		{"a record that ended at the time or later remains", func(t *testing.T, store consumer.Store) {
			all := together(
				participations(participation(becoming(consumer.StatusLeft, at(2))),
					participation(inDistribution("queue_2"), becoming(consumer.StatusLeft, at(3)))),
				admissions(admission(ended(at(2)))))
			write(t, store, all)
			wantPurge(t, store, at(2), 10, 0)
			wantWrite(t, store, all, 0, 3)
			wantPurge(t, store, at(2).Add(time.Microsecond), 10, 2)
		}},
		{"the end of a record is its UpdatedAt", func(t *testing.T, store consumer.Store) {
			write(t, store, admissions(admission(ended(at(1)), func(a *consumer.Admission) { a.UpdatedAt = at(5) })))
			wantPurge(t, store, at(5), 10, 0)
			wantPurge(t, store, at(6), 10, 1)
		}},
		{"an active record that expired before the time is deleted", func(t *testing.T, store consumer.Store) {
			write(t, store, expiring(at(1)))
			wantPurge(t, store, at(2), 10, 2)
			wantNoExport(t, store, organization, person)
		}},
		{"a record that expired at the time or later remains", func(t *testing.T, store consumer.Store) {
			write(t, store, expiring(at(2)))
			wantPurge(t, store, at(2), 10, 0)
			wantWrite(t, store, expiring(at(2)), 0, 2)
			wantPurge(t, store, at(2).Add(time.Microsecond), 10, 2)
		}},
		{"an old record that neither ended nor expires remains", func(t *testing.T, store consumer.Store) {
			all := together(profiles(profile()), participations(participation()), admissions(admission()))
			write(t, store, all)
			wantPurge(t, store, at(1<<30), 10, 0)
			wantSnapshot(t, store, all)
		}},
		{"a record that was updated later stays, though it had expired before", func(t *testing.T, store consumer.Store) {
			late := participations(participation(func(p *consumer.Participation) { p.ExpiresAt, p.UpdatedAt = new(at(1)), at(5) }))
			late.Admissions = []consumer.Admission{admission(func(a *consumer.Admission) { a.ExpiresAt, a.UpdatedAt = new(at(1)), at(5) })}
			write(t, store, late)
			wantPurge(t, store, at(5), 10, 0)
			wantWrite(t, store, expiring(at(99)), 0, 2) // older writes that were still on their way
			wantPurge(t, store, at(6), 10, 2)
		}},
		{"a record that ended later remains, though it had expired before", func(t *testing.T, store consumer.Store) {
			write(t, store, participations(participation(becoming(consumer.StatusExpired, at(5)),
				func(p *consumer.Participation) { p.ExpiresAt = new(at(1)) })))
			wantPurge(t, store, at(5), 10, 0)
			wantPurge(t, store, at(6), 10, 1)
		}},
		{"a record that ended before the time is deleted, though it would expire later", func(t *testing.T, store consumer.Store) {
			write(t, store, together(
				participations(participation(becoming(consumer.StatusLeft, at(1)), func(p *consumer.Participation) { p.ExpiresAt = new(at(99)) })),
				admissions(admission(ended(at(1)), func(a *consumer.Admission) { a.ExpiresAt = new(at(99)) }))))
			wantPurge(t, store, at(2), 10, 2)
		}},
		{"a newer write that expires later, or never, keeps a record", func(t *testing.T, store consumer.Store) {
			write(t, store, expiring(at(2)))
			write(t, store, together(
				participations(participation(func(p *consumer.Participation) { p.UpdatedAt = at(1) })),
				admissions(admission(func(a *consumer.Admission) { a.ExpiresAt, a.UpdatedAt = new(at(99)), at(1) }))))
			wantPurge(t, store, at(50), 10, 0)
		}},
		{"a re-entry after an end keeps a record", func(t *testing.T, store consumer.Store) {
			write(t, store, participations(participation(becoming(consumer.StatusLeft, at(1)))))
			write(t, store, participations(participation(becoming(consumer.StatusQueued, at(2)))))
			wantPurge(t, store, at(50), 10, 0)
		}},
		{"a record that a merge moved is purged by the same times", func(t *testing.T, store consumer.Store) {
			write(t, store, together(profiles(profile()), movedToOther(expiring(at(1))),
				movedToOther(participations(participation(inDistribution("queue_2"), becoming(consumer.StatusLeft, at(1)))))))
			wantMerge(t, store, 3, 0)
			wantPurge(t, store, at(2), 10, 3)
			wantSnapshot(t, store, profiles(profile()))
		}},
		{"at most limit records are deleted, and fewer mean that nothing is left", testPurgeInBatches},
		{"it deletes the records of all organizations", func(t *testing.T, store consumer.Store) {
			ours := participation(becoming(consumer.StatusLeft, at(1)))
			theirs := ours
			theirs.OrganizationID = otherOrganization
			write(t, store, participations(ours, theirs))
			wantPurge(t, store, at(2), 10, 2)
			wantWrite(t, store, participations(ours, theirs), 2, 0)
		}},
		{"profiles and the digests of erased consumers remain", func(t *testing.T, store consumer.Store) {
			write(t, store, together(profiles(profile()), expiring(at(1))))
			erase(t, store, organization, otherPerson)
			wantPurge(t, store, at(50), 10, 2)
			wantSnapshot(t, store, profiles(profile()))
			wantRefused(t, store, movedToOther(participations(participation())), consumer.ErrErased)
		}},
		{"API keys stay", func(t *testing.T, store consumer.Store) {
			key := apiKey("pk_test_1")
			key.ExpiresAt, key.RevokedAt = new(at(1)), new(at(1))
			write(t, store, keys(key))
			wantPurge(t, store, at(50), 10, 0)
			wantKeys(t, store, organization, key)
		}},
		{"once a record is purged, a late write can revive it", func(t *testing.T, store consumer.Store) {
			write(t, store, together(profiles(profile()), participations(participation(becoming(consumer.StatusLeft, at(1))))))
			wantPurge(t, store, at(2), 10, 1)
			wantWrite(t, store, participations(participation()), 1, 0)
			wantSnapshot(t, store, together(profiles(profile()), participations(participation())))
		}},
		{"the time is truncated to microseconds", func(t *testing.T, store consumer.Store) {
			write(t, store, participations(participation(becoming(consumer.StatusLeft, at(1)))))
			wantPurge(t, store, at(1).Add(999*time.Nanosecond), 10, 0)
			wantPurge(t, store, at(1).Add(time.Microsecond).In(time.FixedZone("east", 3600)), 10, 1)
		}},
		{"a time before 1970 is valid", func(t *testing.T, store consumer.Store) {
			moon := time.Date(1969, 7, 20, 20, 17, 40, 0, time.UTC)
			write(t, store, participations(participation(becoming(consumer.StatusLeft, moon))))
			wantPurge(t, store, moon, 10, 0)
			wantPurge(t, store, moon.Add(time.Second), 10, 1)
		}},
		{"it succeeds when there is nothing to delete", func(t *testing.T, store consumer.Store) { wantPurge(t, store, at(0), 1, 0) }},
		{"a limit that is not positive and an invalid time are a validation error that names them", func(t *testing.T, store consumer.Store) {
			write(t, store, expiring(at(1)))
			for _, c := range []struct {
				before time.Time
				limit  int
				fields []string
			}{
				{at(9), 0, []string{"limit"}},
				{at(9), -1, []string{"limit"}},
				{time.Time{}, 1, []string{"before"}},
				{time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC), 0, []string{"before", "limit"}},
			} {
				result, err := store.Purge(t.Context(), consumer.Purge{Before: c.before, Limit: c.limit})
				wantInvalidFields(t, err, c.fields...)
				if result != (consumer.PurgeResult{}) {
					t.Errorf("Purge returned %+v with the error", result)
				}
			}
			wantWrite(t, store, expiring(at(1)), 0, 2)
		}},
	}
}

// expiring is a participation and an admission that expire.
func expiring(expiresAt time.Time) consumer.Batch {
	return together(
		participations(participation(func(p *consumer.Participation) { p.ExpiresAt = &expiresAt })),
		admissions(admission(func(a *consumer.Admission) { a.ExpiresAt = &expiresAt })))
}

func wantPurge(t *testing.T, store consumer.Lifecycle, before time.Time, limit, want int) {
	t.Helper()
	if got, err := store.Purge(t.Context(), consumer.Purge{Before: before, Limit: limit}); err != nil || got.Records != want {
		t.Errorf("Purge(%v, %d) returned %+v and the error %v, want %d records", before, limit, got, err, want)
	}
}

// testPurgeInBatches has records that ended, that expired, and that did both.
func testPurgeInBatches(t *testing.T, store consumer.Store) {
	var over consumer.Batch
	for i := range 5 {
		over = together(over, participations(
			participation(inDistribution(fmt.Sprintf("ended_%d", i)), becoming(consumer.StatusLeft, at(1))),
			participation(inDistribution(fmt.Sprintf("both_%d", i)), becoming(consumer.StatusLeft, at(1)),
				func(p *consumer.Participation) { p.ExpiresAt = new(at(1)) }),
			participation(inDistribution(fmt.Sprintf("expired_%d", i)), func(p *consumer.Participation) { p.ExpiresAt = new(at(1)) }),
		), admissions(
			admission(ended(at(1)), func(a *consumer.Admission) { a.DistributionID = fmt.Sprintf("ended_%d", i) }),
			admission(func(a *consumer.Admission) { a.DistributionID, a.ExpiresAt = fmt.Sprintf("expired_%d", i), new(at(1)) }),
		))
	}
	staying := together(profiles(profile()), participations(participation()), admissions(admission()))
	write(t, store, together(over, staying))
	for _, want := range []int{7, 7, 7, 4, 0} {
		wantPurge(t, store, at(2), 7, want)
	}
	wantSnapshot(t, store, staying)
	write(t, store, over)
	wantPurge(t, store, at(2), 25, 25)
	wantPurge(t, store, at(2), 1, 0)
}
