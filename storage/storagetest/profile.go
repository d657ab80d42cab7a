package storagetest

import (
	"strings"
	"testing"

	"github.com/rejoinhq/rejoin/consumer"
)

func profileCases() []storeCase {
	return []storeCase{
		{"a profile comes back as it was written", func(t *testing.T, store consumer.Store) {
			write(t, store, profiles(profile()))
			wantSnapshot(t, store, profiles(profile()))
		}},
		{"unset fields stay unset", func(t *testing.T, store consumer.Store) {
			bare := profile(func(c *consumer.Consumer) { c.Email, c.Phone, c.FullName = nil, nil, nil })
			write(t, store, profiles(bare))
			wantSnapshot(t, store, profiles(bare))
		}},
		{"emails and phones need not be unique", func(t *testing.T, store consumer.Store) {
			twin := profile(func(c *consumer.Consumer) { c.ID = otherPerson })
			wantWrite(t, store, profiles(profile(), twin), 2, 0)
			wantSnapshot(t, store, profiles(profile()))
			wantSnapshot(t, store, profiles(twin))
		}},
		{"an unknown id is not found", func(t *testing.T, store consumer.Store) {
			wantNotFound(t, store, organization, person)
		}},
		{"an impossible id is not found", testImpossibleIDs},
		{"another organization's consumer is not found", func(t *testing.T, store consumer.Store) {
			write(t, store, profiles(profile()))
			wantNotFound(t, store, otherOrganization, person)
		}},
		{"an erased consumer is not found", func(t *testing.T, store consumer.Store) {
			write(t, store, profiles(profile()))
			erase(t, store, organization, person)
			wantNotFound(t, store, organization, person)
		}},
		{"a consumer known only from records that arrived before the profile is not found", func(t *testing.T, store consumer.Store) {
			write(t, store, together(participations(participation()), admissions(admission())))
			wantNotFound(t, store, organization, person)
		}},
		{"ids differ by letter case", func(t *testing.T, store consumer.Store) {
			write(t, store, profiles(profile()))
			wantNotFound(t, store, organization, strings.ToUpper(person))
			wantNotFound(t, store, strings.ToUpper(organization), person)
		}},
	}
}

func testImpossibleIDs(t *testing.T, store consumer.Store) {
	write(t, store, profiles(profile()))
	for _, id := range []string{
		"", " ", ".", "..", "me", "a b", "a/b", "ä", "\x00", person + "\x00", person + " ", person + "\x00x",
		"\xff", "%", "_", "cons__", strings.Repeat("a", 129), strings.Repeat("a", 1<<20),
	} {
		wantNotFound(t, store, organization, id)
		wantNotFound(t, store, id, person)
	}
}
