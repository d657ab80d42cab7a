package storagetest

import (
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/rejoinhq/rejoin/consumer"
)

// In these cases the other person is a guest that is merged into the person.

func mergeCases() []storeCase {
	return []storeCase{
		{"the guest's participations and admissions move to the consumer", func(t *testing.T, store consumer.Store) {
			records := together(participations(participation(), participation(inDistribution("queue_2"))), admissions(admission()))
			write(t, store, together(profiles(profile()), movedToOther(together(profiles(profile()), records))))
			wantMerge(t, store, 3, 0)
			wantSnapshot(t, store, together(profiles(profile()), records))
		}},
		{"every field of a record moves", testEveryFieldMoves},
		{"what ended moves too, so that a late write cannot revive it", func(t *testing.T, store consumer.Store) {
			write(t, store, together(profiles(profile()), movedToOther(together(
				participations(participation(becoming(consumer.StatusLeft, at(1)))), admissions(admission(ended(at(1))))))))
			wantMerge(t, store, 2, 0)
			wantWrite(t, store, together(participations(participation()), admissions(admission())), 0, 2)
			wantSnapshot(t, store, profiles(profile()))
		}},
		{"what expired moves too", func(t *testing.T, store consumer.Store) {
			expired := admissions(admission(func(a *consumer.Admission) { a.ExpiresAt = new(at(-9)) }))
			write(t, store, together(profiles(profile()), movedToOther(expired)))
			wantMerge(t, store, 1, 0)
			wantSnapshot(t, store, together(profiles(profile()), expired))
		}},
		{"of the same distribution a newer record of the guest stays", guestStays(true,
			participation(becoming(consumer.StatusQueued, at(1))), participation(becoming(consumer.StatusAdmitted, at(0))))},
		{"of the same distribution an older record of the guest is stale", guestStays(false,
			participation(becoming(consumer.StatusAdmitted, at(0))), participation(becoming(consumer.StatusQueued, at(1))))},
		{"an older record of the guest cannot revive what ended", guestStays(false,
			participation(becoming(consumer.StatusAdmitted, at(0))), participation(becoming(consumer.StatusLeft, at(1))))},
		{"at equal moments a record of the guest with the greater status stays", guestStays(true,
			participation(becoming(consumer.StatusLeft, at(0))), participation(becoming(consumer.StatusAdmitted, at(0))))},
		{"at equal statuses a record of the guest with the greater canonical JSON stays", guestStays(true,
			participation(func(p *consumer.Participation) { p.SequenceID = "a" }),
			participation(func(p *consumer.Participation) { p.SequenceID = "Z" }))},
		{"the same record of both is stale", guestStays(false, participation(), participation())},
		{"a record of the guest replaces the whole record, nothing is merged", guestStays(true,
			participation(becoming(consumer.StatusQueued, at(1))),
			participation(func(p *consumer.Participation) { p.Position, p.ExpiresAt = new(int64(1)), new(at(9)) }))},
		{"admissions are decided in the same way", func(t *testing.T, store consumer.Store) {
			granted := admission(func(a *consumer.Admission) { a.DistributionID, a.UpdatedAt = "release_2", at(5) })
			lost := admission(func(a *consumer.Admission) { a.DistributionID, a.AdmissionToken = "release_2", "older" })
			write(t, store, together(profiles(profile()), admissions(admission(ended(at(1))), lost),
				movedToOther(admissions(admission(), granted))))
			wantMerge(t, store, 1, 1)
			wantSnapshot(t, store, together(profiles(profile()), admissions(granted)))
		}},
		{"records of different types that share an id are different records", func(t *testing.T, store consumer.Store) {
			draw := participation(func(p *consumer.Participation) { p.Type, p.Status = consumer.Draw, consumer.StatusEntered })
			write(t, store, together(profiles(profile()), participations(participation()), movedToOther(participations(draw))))
			wantMerge(t, store, 1, 0)
			wantSnapshot(t, store, together(profiles(profile()), participations(participation(), draw)))
		}},
		{"the guest's profile is dropped, the consumer's stays as it is", func(t *testing.T, store consumer.Store) {
			newer := profile(func(c *consumer.Consumer) { c.Email, c.FullName, c.UpdatedAt = new("guest@example.com"), nil, at(9) })
			write(t, store, together(profiles(profile()), movedToOther(profiles(newer))))
			wantMerge(t, store, 0, 0)
			wantSnapshot(t, store, profiles(profile()))
			wantGone(t, store, organization, otherPerson)
		}},
		{"the guest is gone", func(t *testing.T, store consumer.Store) {
			records := together(participations(participation()), admissions(admission()))
			write(t, store, together(profiles(profile()), movedToOther(together(profiles(profile()), records))))
			wantMerge(t, store, 2, 0)
			wantGone(t, store, organization, otherPerson)
			wantSnapshot(t, store, together(profiles(profile()), records))
		}},
		{"a guest known only from records can be merged", func(t *testing.T, store consumer.Store) {
			write(t, store, together(profiles(profile()), movedToOther(admissions(admission()))))
			wantMerge(t, store, 1, 0)
			wantSnapshot(t, store, together(profiles(profile()), admissions(admission())))
			wantGone(t, store, organization, otherPerson)
		}},
		{"the result counts the guest's participations and admissions, not its profile", func(t *testing.T, store consumer.Store) {
			both := together(participations(participation()), admissions(admission()))
			write(t, store, together(profiles(profile()), both, participations(participation(inDistribution("queue_own"))),
				movedToOther(together(profiles(profile()), both, participations(
					participation(inDistribution("queue_2")), participation(inDistribution("queue_3")), participation(inDistribution("queue_4")))))))
			wantMerge(t, store, 3, 2)
		}},
		{"1,000 records move at once", func(t *testing.T, store consumer.Store) {
			var records consumer.Batch
			for i := range 500 {
				records.Participations = append(records.Participations, participation(inDistribution(fmt.Sprintf("queue_%d", i))))
				records.Admissions = append(records.Admissions, admission(func(a *consumer.Admission) { a.DistributionID = fmt.Sprintf("release_%d", i) }))
			}
			write(t, store, together(profiles(profile()), movedToOther(records)))
			wantMerge(t, store, 1000, 0)
			wantSnapshot(t, store, together(profiles(profile()), records))
		}},
		{"other consumers stay as they are", func(t *testing.T, store consumer.Store) {
			third := together(profiles(profile()), participations(participation()), admissions(admission()))
			third.Consumers[0].ID, third.Participations[0].ConsumerID, third.Admissions[0].ConsumerID = "cons_3", "cons_3", "cons_3"
			write(t, store, together(third, profiles(profile()), movedToOther(participations(participation()))))
			wantMerge(t, store, 1, 0)
			wantSnapshot(t, store, third)
			wantWrite(t, store, third, 0, 3)
		}},
		{"merging again changes nothing and succeeds", func(t *testing.T, store consumer.Store) {
			merged := together(profiles(profile()), participations(participation()))
			write(t, store, together(profiles(profile()), movedToOther(participations(participation()))))
			wantMerge(t, store, 1, 0)
			wantMerge(t, store, 0, 0)
			wantSnapshot(t, store, merged)
		}},
		{"merging a guest that was erased changes nothing and succeeds", func(t *testing.T, store consumer.Store) {
			write(t, store, together(profiles(profile()), movedToOther(participations(participation()))))
			erase(t, store, organization, otherPerson)
			wantMerge(t, store, 0, 0)
			wantSnapshot(t, store, profiles(profile()))
		}},
		{"merging a guest that is gone succeeds, whatever has become of the consumer", func(t *testing.T, store consumer.Store) {
			write(t, store, together(profiles(profile()), movedToOther(participations(participation()))))
			wantMerge(t, store, 1, 0)
			erase(t, store, organization, person)
			wantMerge(t, store, 0, 0)
			wantGone(t, store, organization, person)
		}},
		{"a consumer to whom a guest was merged can be merged on", func(t *testing.T, store consumer.Store) {
			write(t, store, together(profiles(profile()), movedToOther(together(profiles(profile()), participations(participation())))))
			mergeAs(t, store, person, otherPerson, 0, 0) // the person had nothing
			write(t, store, profiles(profile(func(c *consumer.Consumer) { c.ID = "cons_3" })))
			mergeAs(t, store, otherPerson, "cons_3", 1, 0)
			moved := together(profiles(profile()), participations(participation()))
			moved.Consumers[0].ID, moved.Participations[0].ConsumerID = "cons_3", "cons_3"
			wantSnapshot(t, store, moved)
		}},
		{"ids that differ by letter case are a guest and a consumer", func(t *testing.T, store consumer.Store) {
			write(t, store, together(profiles(profile()),
				participations(participation(func(p *consumer.Participation) { p.ConsumerID = "CONS_1" }))))
			mergeAs(t, store, "CONS_1", person, 1, 0)
			wantSnapshot(t, store, together(profiles(profile()), participations(participation())))
		}},
		{"a consumer without a profile is not found, and nothing is changed", testMergeIntoNobody},
		{"a guest about whom nothing is stored is not found, and may still come", func(t *testing.T, store consumer.Store) {
			write(t, store, profiles(profile()))
			wantMergeError(t, store, otherPerson, person, consumer.ErrNotFound)
			wantWrite(t, store, movedToOther(profiles(profile())), 1, 0)
			wantMerge(t, store, 0, 0)
		}},
		{"two that are the same are a validation error, and nothing is changed", func(t *testing.T, store consumer.Store) {
			all := together(profiles(profile()), participations(participation()))
			write(t, store, all)
			_, err := store.Merge(t.Context(), consumer.Merge{OrganizationID: organization, GuestID: person, ConsumerID: person})
			wantInvalidFields(t, err, "consumerId")
			wantSnapshot(t, store, all)
			wantWrite(t, store, all, 0, 2)
		}},
		{"an impossible id is a validation error that names it", func(t *testing.T, store consumer.Store) {
			for _, c := range []struct {
				organizationID, guestID, consumerID string
				fields                              []string
			}{
				{"", otherPerson, person, []string{"organizationId"}},
				{organization, "me", person, []string{"guestId"}},
				{organization, otherPerson, "a/b", []string{"consumerId"}},
				{"\x00", "\x00", "\xff", []string{"organizationId", "guestId", "consumerId"}},
			} {
				_, err := store.Merge(t.Context(), consumer.Merge{OrganizationID: c.organizationID, GuestID: c.guestID, ConsumerID: c.consumerID})
				wantInvalidFields(t, err, c.fields...)
			}
		}},
		{"merging after any writes in any order is as if the guest's were the consumer's", testMergedHistories},
	}
}

// wantMerge merges the other person into the person.
func wantMerge(t *testing.T, store consumer.Lifecycle, applied, stale int) {
	t.Helper()
	mergeAs(t, store, otherPerson, person, applied, stale)
}

func mergeAs(t *testing.T, store consumer.Lifecycle, guestID, consumerID string, applied, stale int) {
	t.Helper()
	got, err := store.Merge(t.Context(), consumer.Merge{OrganizationID: organization, GuestID: guestID, ConsumerID: consumerID})
	if want := (consumer.WriteResult{Applied: applied, Stale: stale}); err != nil || got != want {
		t.Fatalf("Merge returned %+v and the error %v, want %+v", got, err, want)
	}
}

func wantMergeError(t *testing.T, store consumer.Lifecycle, guestID, consumerID string, want error) {
	t.Helper()
	result, err := store.Merge(t.Context(), consumer.Merge{OrganizationID: organization, GuestID: guestID, ConsumerID: consumerID})
	if !errors.Is(err, want) || result != (consumer.WriteResult{}) {
		t.Errorf("Merge returned %+v and the error %v, want %v alone", result, err, want)
	}
}

// wantGone requires that nothing is stored about a consumer.
func wantGone(t *testing.T, store consumer.Store, organizationID, consumerID string) {
	t.Helper()
	wantNotFound(t, store, organizationID, consumerID)
	wantNoExport(t, store, organizationID, consumerID)
}

// guestStays merges a guest into a person; both have a participation in the same
// distribution.
func guestStays(stays bool, guests, persons consumer.Participation) func(*testing.T, consumer.Store) {
	return func(t *testing.T, store consumer.Store) {
		write(t, store, together(profiles(profile()), participations(persons), movedToOther(participations(guests))))
		winner := persons
		if stays {
			winner = guests
			wantMerge(t, store, 1, 0)
		} else {
			wantMerge(t, store, 0, 1)
		}
		wantSnapshot(t, store, withoutEnded(together(profiles(profile()), participations(winner))))
		wantWrite(t, store, participations(guests, persons), 0, 2)
	}
}

func testEveryFieldMoves(t *testing.T, store consumer.Store) {
	batch := everyField()
	guests := movedToOther(batch)
	guests.Consumers = nil
	write(t, store, together(profiles(batch.Consumers...), guests))
	wantMerge(t, store, len(guests.Participations)+len(guests.Admissions), 0)
	wantSnapshot(t, store, batch)
}

func testMergeIntoNobody(t *testing.T, store consumer.Store) {
	guest := movedToOther(together(profiles(profile()), participations(participation()), admissions(admission())))
	write(t, store, guest)
	wantMergeError(t, store, otherPerson, person, consumer.ErrNotFound) // unknown
	write(t, store, participations(participation(becoming(consumer.StatusAdmitted, at(1)))))
	wantMergeError(t, store, otherPerson, person, consumer.ErrNotFound) // known from records only
	erase(t, store, organization, person)
	wantMergeError(t, store, otherPerson, person, consumer.ErrNotFound) // erased
	wantSnapshot(t, store, guest)
	wantWrite(t, store, guest, 0, 3)
}

// testMergedHistories writes a part of a random history of a guest and a consumer, merges
// the two, and writes the rest. The model receives the whole history as the consumer's.
func testMergedHistories(t *testing.T, store consumer.Store) {
	var histories atomic.Int64
	rapid.Check(t, func(rt *rapid.T) {
		organizationID := fmt.Sprintf("org_merge_%d", histories.Add(1))
		var before, after []consumer.Batch
		model := new(Model)
		for _, one := range drawHistory(rt, organizationID) {
			if rapid.Bool().Draw(rt, "before the merge") || isFirst(one) {
				before = append(before, one)
			} else {
				after = append(after, one)
			}
			if _, err := model.Write(t.Context(), asPersons(one)); err != nil {
				rt.Fatalf("the model refused %+v: %v", one, err)
			}
		}
		writeConcurrently(t, rt, store, drawBatches(rt, before))
		if _, err := store.Merge(t.Context(), consumer.Merge{OrganizationID: organizationID, GuestID: otherPerson, ConsumerID: person}); err != nil {
			rt.Fatalf("Merge: %v", err)
		}
		if len(after) > 0 {
			writeConcurrently(t, rt, store, drawBatches(rt, after))
		}
		want, err := model.Export(t.Context(), consumer.Key{OrganizationID: organizationID, ConsumerID: person})
		if err != nil {
			rt.Fatalf("the model's export: %v", err)
		}
		got, err := store.Export(t.Context(), consumer.Key{OrganizationID: organizationID, ConsumerID: person})
		if err != nil {
			rt.Fatalf("Export: %v", err)
		}
		for _, e := range []consumer.Export{want, got} {
			slices.SortFunc(e.Distributions, compareDistributions)
		}
		if diff := gocmp.Diff(want, got); diff != "" {
			rt.Fatalf("export (-model +store):\n%s", diff)
		}
	})
}

// isGuests reports whether the one record of a batch is the guest's.
func isGuests(one consumer.Batch) bool {
	keys := one.ConsumerKeys()
	return len(keys) > 0 && keys[0].ConsumerID == otherPerson
}

// isFirst reports whether the one record of a batch is the profile that a merge requires.
func isFirst(one consumer.Batch) bool {
	return len(one.Consumers) > 0 && one.Consumers[0].UpdatedAt.Equal(at(0)) && *one.Consumers[0].FullName == *profile().FullName
}

// asPersons returns a batch as one about the person, without a profile of the guest.
func asPersons(one consumer.Batch) consumer.Batch {
	moved := consumer.Batch{}
	for _, d := range one.Distributions {
		if d.WinnerID != nil {
			d.WinnerID = new(person)
		}
		moved.Distributions = append(moved.Distributions, d)
	}
	if !isGuests(one) {
		one.Distributions = moved.Distributions
		return one
	}
	for _, p := range one.Participations {
		p.ConsumerID = person
		moved.Participations = append(moved.Participations, p)
	}
	for _, a := range one.Admissions {
		a.ConsumerID = person
		moved.Admissions = append(moved.Admissions, a)
	}
	return moved
}
