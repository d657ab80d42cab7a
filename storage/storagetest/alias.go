package storagetest

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/rejoinhq/rejoin/consumer"
)

// aliasCases write about a guest that was merged. As in the cases of a merge, the other
// person is the guest.
func aliasCases() []storeCase {
	merged := func(t *testing.T, store consumer.Store) {
		t.Helper()
		write(t, store, together(profiles(profile()), movedToOther(profiles(profile()))))
		wantMerge(t, store, 0, 0)
	}
	third := func(b consumer.Batch) consumer.Batch {
		b = movedToOther(b)
		for i := range b.Consumers {
			b.Consumers[i].ID = "cons_3"
		}
		for i := range b.Participations {
			b.Participations[i].ConsumerID = "cons_3"
		}
		return b
	}
	return []storeCase{
		{"a late record about a merged guest is the consumer's", func(t *testing.T, store consumer.Store) {
			merged(t, store)
			late := together(participations(participation()), admissions(admission()))
			wantWrite(t, store, movedToOther(late), 2, 0)
			wantSnapshot(t, store, together(profiles(profile()), late))
			wantWrite(t, store, late, 0, 2)
			wantGone(t, store, organization, otherPerson)
		}},
		{"a late record is decided like any other", func(t *testing.T, store consumer.Store) {
			merged(t, store)
			left := participations(participation(becoming(consumer.StatusLeft, at(5))))
			write(t, store, left)
			wantWrite(t, store, movedToOther(participations(participation())), 0, 1)
			again := participations(participation(becoming(consumer.StatusQueued, at(9))))
			wantWrite(t, store, movedToOther(again), 1, 0)
			wantSnapshot(t, store, together(profiles(profile()), again))
		}},
		{"records of both in one batch are of one consumer", func(t *testing.T, store consumer.Store) {
			merged(t, store)
			newer := participations(participation(becoming(consumer.StatusAdmitted, at(1))))
			wantWrite(t, store, together(participations(participation()), movedToOther(newer)), 1, 1)
			wantSnapshot(t, store, together(profiles(profile()), newer))
		}},
		{"a late profile of a merged guest is stale, however new", func(t *testing.T, store consumer.Store) {
			merged(t, store)
			wantWrite(t, store, movedToOther(profiles(profile(func(c *consumer.Consumer) { c.UpdatedAt = at(1 << 20) }))), 0, 1)
			wantSnapshot(t, store, profiles(profile()))
			wantGone(t, store, organization, otherPerson)
		}},
		{"an alias follows further merges", func(t *testing.T, store consumer.Store) {
			merged(t, store)
			write(t, store, third(profiles(profile())))
			mergeAs(t, store, person, "cons_3", 0, 0)
			wantWrite(t, store, movedToOther(participations(participation())), 1, 0)
			wantWrite(t, store, participations(participation(inDistribution("queue_2"))), 1, 0)
			wantSnapshot(t, store, third(together(profiles(profile()), participations(participation(), participation(inDistribution("queue_2"))))))
			wantGone(t, store, organization, person)
			wantGone(t, store, organization, otherPerson)
		}},
		{"an alias ends in an erasure when its consumer is erased", func(t *testing.T, store consumer.Store) {
			merged(t, store)
			erase(t, store, organization, person)
			wantErased(t, store, movedToOther(participations(participation())), otherPerson)
			wantErased(t, store, participations(participation()), person)
			wantMerge(t, store, 0, 0)
		}},
		{"an alias that followed a merge ends with the last consumer", func(t *testing.T, store consumer.Store) {
			merged(t, store)
			write(t, store, third(profiles(profile())))
			mergeAs(t, store, person, "cons_3", 0, 0)
			erase(t, store, organization, "cons_3")
			wantErased(t, store, movedToOther(profiles(profile())), otherPerson)
			wantErased(t, store, participations(participation()), person)
		}},
		{"erasing a merged guest ends the alias, and leaves the consumer alone", func(t *testing.T, store consumer.Store) {
			merged(t, store)
			write(t, store, movedToOther(participations(participation())))
			erase(t, store, organization, otherPerson)
			wantErased(t, store, movedToOther(participations(participation(inDistribution("queue_2")))), otherPerson)
			wantSnapshot(t, store, together(profiles(profile()), participations(participation())))
		}},
		{"a merged guest has no profile, so nobody is merged into it", func(t *testing.T, store consumer.Store) {
			merged(t, store)
			write(t, store, third(participations(participation())))
			wantMergeError(t, store, "cons_3", otherPerson, consumer.ErrNotFound)
		}},
		{"an alias is one organization's", func(t *testing.T, store consumer.Store) {
			merged(t, store)
			theirs := together(profiles(profile()), participations(participation()))
			theirs.Consumers[0].OrganizationID, theirs.Consumers[0].ID = otherOrganization, otherPerson
			theirs.Participations[0].OrganizationID, theirs.Participations[0].ConsumerID = otherOrganization, otherPerson
			wantWrite(t, store, theirs, 2, 0)
			wantSnapshot(t, store, theirs)
			wantSnapshot(t, store, profiles(profile()))
		}},
		{"an alias differs by letter case", func(t *testing.T, store consumer.Store) {
			merged(t, store)
			upper := participations(participation(func(p *consumer.Participation) { p.ConsumerID = "CONS_2" }))
			wantWrite(t, store, upper, 1, 0)
			wantSnapshot(t, store, profiles(profile()))
		}},
		{"bulk writing follows aliases", func(t *testing.T, store consumer.Store) {
			write(t, store, bulk(0, 2))
			mergeAs(t, store, "cons_1", "cons_0", 2, 0) // the canonical JSON of both records is greater
			wantBulk(t, store, bulk(0, 400), 398*3, 2*3)
		}},
		{"a winner who is merged later won", func(t *testing.T, store consumer.Store) {
			write(t, store, together(profiles(profile()), movedToOther(bidding("auction_1")), distributions(bidden(over(at(1), otherPerson)))))
			wantMerge(t, store, 1, 0)
			wantWinner(t, store, person, true)
		}},
		{"a winner who was merged before won", func(t *testing.T, store consumer.Store) {
			merged(t, store)
			write(t, store, together(movedToOther(bidding("auction_1")), distributions(bidden(over(at(1), otherPerson)))))
			wantWinner(t, store, person, true)
		}},
		{"a winner who was merged on won", func(t *testing.T, store consumer.Store) {
			merged(t, store)
			write(t, store, together(movedToOther(bidding("auction_1")), distributions(bidden(over(at(1), otherPerson))), third(profiles(profile()))))
			mergeAs(t, store, person, "cons_3", 1, 0)
			wantWinner(t, store, "cons_3", true)
		}},
		{"a late record is told as the consumer's", func(t *testing.T, store consumer.Store) {
			merged(t, store)
			l := follow(t, store)
			write(t, store, movedToOther(participations(participation())))
			l.want(t, person)
		}},

		{"an error names all consumers that were erased, and nobody else", func(t *testing.T, store consumer.Store) {
			write(t, store, movedToOther(profiles(profile())))
			erase(t, store, organization, "cons_4")
			erase(t, store, organization, person)
			erase(t, store, otherOrganization, otherPerson)
			batch := together(movedToOther(together(profiles(profile()), participations(participation()))),
				participations(participation(), participation(inDistribution("queue_2")), participation(func(p *consumer.Participation) { p.ConsumerID = "cons_4" })),
				admissions(admission(), admission(func(a *consumer.Admission) { a.OrganizationID, a.ConsumerID = otherOrganization, otherPerson })))
			wantErased(t, store, batch, person, "cons_4", otherOrganization+" "+otherPerson)
		}},
		{"the error does not name them in its text", func(t *testing.T, store consumer.Store) {
			erase(t, store, organization, person)
			_, err := store.Write(t.Context(), profiles(profile()))
			if text := fmt.Sprint(err); strings.Contains(text, person) || strings.Contains(text, organization) {
				t.Errorf("the error is %q", text)
			}
		}},

		{"a dry run says what a merge would do, and does nothing", func(t *testing.T, store consumer.Store) {
			guests := together(participations(participation(becoming(consumer.StatusAdmitted, at(1))), participation(inDistribution("queue_2"))), admissions(admission()))
			persons := together(profiles(profile()), participations(participation()), admissions(admission()))
			write(t, store, together(persons, movedToOther(together(profiles(profile()), guests))))
			for range 2 {
				got, err := store.Merge(t.Context(), consumer.Merge{OrganizationID: organization, GuestID: otherPerson, ConsumerID: person, DryRun: true})
				if want := (consumer.WriteResult{Applied: 2, Stale: 1}); err != nil || got != want {
					t.Fatalf("Merge returned %+v and the error %v, want %+v", got, err, want)
				}
				wantSnapshot(t, store, persons)
				wantSnapshot(t, store, movedToOther(together(profiles(profile()), guests)))
			}
			wantWrite(t, store, movedToOther(together(profiles(profile()), guests)), 0, 4)
			wantMerge(t, store, 2, 1)
		}},
		{"a dry run fails as the merge would", func(t *testing.T, store consumer.Store) {
			dry := func(guestID, consumerID string) error {
				result, err := store.Merge(t.Context(), consumer.Merge{OrganizationID: organization, GuestID: guestID, ConsumerID: consumerID, DryRun: true})
				if result != (consumer.WriteResult{}) {
					t.Errorf("Merge returned %+v", result)
				}
				return err
			}
			wantInvalidFields(t, dry(person, person), "consumerId")
			write(t, store, movedToOther(participations(participation())))
			if err := dry(otherPerson, person); !errors.Is(err, consumer.ErrNotFound) {
				t.Errorf("into nobody: %v", err)
			}
			write(t, store, profiles(profile()))
			if err := dry("cons_3", person); !errors.Is(err, consumer.ErrNotFound) {
				t.Errorf("of nobody: %v", err)
			}
			wantMerge(t, store, 1, 0)
			if err := dry(otherPerson, person); err != nil {
				t.Errorf("of a guest that is gone: %v", err)
			}
		}},
	}
}

// wantErased writes a batch of which some consumers were erased: ids of the first
// organization, or an organization and an id.
func wantErased(t *testing.T, store consumer.Writer, batch consumer.Batch, ids ...string) {
	t.Helper()
	wantRefused(t, store, batch, consumer.ErrErased)
	_, err := store.Write(t.Context(), batch)
	var erased *consumer.ErasedError
	if !errors.As(err, &erased) {
		t.Fatalf("Write returned the error %v, want a *consumer.ErasedError", err)
	}
	var got []string
	for _, key := range erased.Consumers {
		id := key.ConsumerID
		if key.OrganizationID != organization {
			id = key.OrganizationID + " " + id
		}
		got = append(got, id)
	}
	if diff := gocmp.Diff(ids, got); diff != "" {
		t.Errorf("erased consumers (-want +got):\n%s", diff)
	}
}
