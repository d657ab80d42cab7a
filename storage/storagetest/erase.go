package storagetest

import (
	"testing"

	"github.com/rejoinhq/rejoin/consumer"
)

func erase(t *testing.T, store consumer.Lifecycle, organizationID, consumerID string) {
	t.Helper()
	if err := store.Erase(t.Context(), consumer.Key{OrganizationID: organizationID, ConsumerID: consumerID}); err != nil {
		t.Fatalf("Erase: %v", err)
	}
}

func eraseCases() []storeCase {
	everything := func() consumer.Batch {
		return together(profiles(profile()), participations(participation()), admissions(admission()))
	}
	return []storeCase{
		{"everything that is stored about the consumer is gone", func(t *testing.T, store consumer.Store) {
			write(t, store, everything())
			erase(t, store, organization, person)
			wantNotFound(t, store, organization, person)
		}},
		{"every write that concerns an erased consumer is refused", func(t *testing.T, store consumer.Store) {
			write(t, store, everything())
			erase(t, store, organization, person)
			for _, late := range []consumer.Batch{
				everything(), profiles(profile()), participations(participation()), admissions(admission()),
				participations(participation(becoming(consumer.StatusLeft, at(9)))),
				profiles(profile(func(c *consumer.Consumer) { c.UpdatedAt = at(1 << 20) })),
			} {
				wantRefused(t, store, late, consumer.ErrErased)
			}
			wantNotFound(t, store, organization, person)
		}},
		{"erasing a consumer that is not known succeeds, and late writes are refused", func(t *testing.T, store consumer.Store) {
			erase(t, store, organization, person)
			wantRefused(t, store, profiles(profile()), consumer.ErrErased)
		}},
		{"erasing a consumer that is known only from records refuses their late profile", func(t *testing.T, store consumer.Store) {
			write(t, store, participations(participation()))
			erase(t, store, organization, person)
			wantRefused(t, store, profiles(profile()), consumer.ErrErased)
		}},
		{"erasing again succeeds", func(t *testing.T, store consumer.Store) {
			write(t, store, everything())
			erase(t, store, organization, person)
			erase(t, store, organization, person)
			wantNotFound(t, store, organization, person)
		}},
		{"other consumers stay", func(t *testing.T, store consumer.Store) {
			others := movedToOther(everything())
			write(t, store, together(everything(), others))
			erase(t, store, organization, person)
			wantSnapshot(t, store, others)
			wantWrite(t, store, others, 0, 3)
		}},
		{"an id that differs by letter case is another consumer", func(t *testing.T, store consumer.Store) {
			erase(t, store, organization, "CONS_1")
			wantWrite(t, store, everything(), 3, 0)
		}},
		{"the organization's API keys stay", func(t *testing.T, store consumer.Store) {
			key := apiKey("pk_test_1")
			write(t, store, together(everything(), keys(key)))
			erase(t, store, organization, person)
			wantOrganization(t, store, key.Digest, organization)
		}},
		{"an API key in a batch without records is not concerned", func(t *testing.T, store consumer.Store) {
			erase(t, store, organization, person)
			wantWrite(t, store, keys(apiKey("pk_test_1")), 0, 0)
		}},
		{"an impossible id is a validation error that names it", func(t *testing.T, store consumer.Store) {
			wantInvalidFields(t, store.Erase(t.Context(), consumer.Key{OrganizationID: organization, ConsumerID: "a/b"}), "consumerId")
			wantInvalidFields(t, store.Erase(t.Context(), consumer.Key{OrganizationID: organization, ConsumerID: "me"}), "consumerId")
			wantInvalidFields(t, store.Erase(t.Context(), consumer.Key{OrganizationID: "", ConsumerID: person}), "organizationId")
			wantInvalidFields(t, store.Erase(t.Context(), consumer.Key{OrganizationID: "\x00", ConsumerID: ""}), "organizationId", "consumerId")
		}},
	}
}
