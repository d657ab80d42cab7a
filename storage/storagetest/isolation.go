package storagetest

import (
	"testing"

	"github.com/rejoinhq/rejoin/consumer"
)

// isolationCases write the same ids for two organizations.
func isolationCases() []storeCase {
	ours := func() consumer.Batch {
		return together(profiles(profile()), participations(participation()), admissions(admission()))
	}
	theirs := func() consumer.Batch {
		b := together(
			profiles(namedProfile("Somebody Else")),
			participations(participation(becoming(consumer.StatusAdmitted, at(9)))),
			admissions(admission(func(a *consumer.Admission) { a.AdmissionToken, a.UpdatedAt = "theirs", at(9) })))
		b.Consumers[0].OrganizationID = otherOrganization
		b.Participations[0].OrganizationID = otherOrganization
		b.Admissions[0].OrganizationID = otherOrganization
		return b
	}
	return []storeCase{
		{"the same id is another consumer in another organization", func(t *testing.T, store consumer.Store) {
			wantWrite(t, store, together(ours(), theirs()), 6, 0)
			wantSnapshot(t, store, ours())
			wantSnapshot(t, store, theirs())
		}},
		{"records of one organization don't show in another", func(t *testing.T, store consumer.Store) {
			write(t, store, together(profiles(profile()), participations(theirs().Participations...), admissions(theirs().Admissions...)))
			wantSnapshot(t, store, profiles(profile()))
		}},
		{"records of one consumer don't show for another", func(t *testing.T, store consumer.Store) {
			others := movedToOther(ours())
			write(t, store, together(profiles(profile()), others))
			wantSnapshot(t, store, profiles(profile()))
			wantSnapshot(t, store, others)
		}},
		{"a newer write in one organization makes none stale in another", func(t *testing.T, store consumer.Store) {
			write(t, store, theirs())
			wantWrite(t, store, ours(), 3, 0)
			wantSnapshot(t, store, theirs())
		}},
		{"erasing in one organization leaves the other alone", func(t *testing.T, store consumer.Store) {
			write(t, store, together(ours(), theirs()))
			erase(t, store, otherOrganization, person)
			wantNotFound(t, store, otherOrganization, person)
			wantSnapshot(t, store, ours())
			wantWrite(t, store, ours(), 0, 3)
		}},
		{"a consumer of another organization is not among several", func(t *testing.T, store consumer.Store) {
			write(t, store, theirs())
			wantConsumers(t, store, []string{person})
			write(t, store, ours())
			wantConsumers(t, store, []string{person}, ours().Consumers...)
		}},
		{"an export holds nothing of another organization", func(t *testing.T, store consumer.Store) {
			write(t, store, theirs())
			wantNoExport(t, store, organization, person)
			write(t, store, ours())
			wantExport(t, store, ours())
		}},
		{"merging in one organization leaves the other alone", func(t *testing.T, store consumer.Store) {
			write(t, store, together(ours(), movedToOther(ours()), theirs(), movedToOther(theirs())))
			wantMerge(t, store, 0, 2)
			wantSnapshot(t, store, theirs())
			wantSnapshot(t, store, movedToOther(theirs()))
			wantWrite(t, store, movedToOther(theirs()), 0, 3)
		}},
		{"a guest of another organization is not found", func(t *testing.T, store consumer.Store) {
			write(t, store, together(ours(), movedToOther(theirs())))
			wantMergeError(t, store, otherPerson, person, consumer.ErrNotFound)
			wantSnapshot(t, store, movedToOther(theirs()))
		}},
		{"a guest that another organization erased is not gone", func(t *testing.T, store consumer.Store) {
			erase(t, store, otherOrganization, otherPerson)
			write(t, store, together(profiles(profile()), movedToOther(participations(participation()))))
			wantMerge(t, store, 1, 0)
		}},
		{"no guest is merged into a consumer of another organization", func(t *testing.T, store consumer.Store) {
			write(t, store, together(theirs(), movedToOther(ours())))
			wantMergeError(t, store, otherPerson, person, consumer.ErrNotFound)
			wantSnapshot(t, store, theirs())
			wantSnapshot(t, store, movedToOther(ours()))
		}},
		{"API keys of one organization don't show in another", func(t *testing.T, store consumer.Store) {
			other := apiKey("pk_test_2")
			other.OrganizationID = otherOrganization
			write(t, store, keys(apiKey("pk_test_1"), other))
			wantKeys(t, store, organization, apiKey("pk_test_1"))
			wantKeys(t, store, otherOrganization, other)
		}},
		{"ids that join to the same text are different consumers", func(t *testing.T, store consumer.Store) {
			erase(t, store, "a", "bc")
			wantWrite(t, store, profiles(profile(func(c *consumer.Consumer) { c.OrganizationID, c.ID = "ab", "c" })), 1, 0)
			wantNotFound(t, store, "a", "bc")
		}},
		{"an erased consumer refuses a batch of several organizations", func(t *testing.T, store consumer.Store) {
			erase(t, store, otherOrganization, person)
			wantRefused(t, store, together(ours(), theirs()), consumer.ErrErased)
			wantNotFound(t, store, organization, person)
		}},
	}
}
