package storagetest

import (
	"fmt"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/rejoinhq/rejoin/consumer"
)

func lookupCases() []storeCase {
	return []storeCase{
		{"several consumers come back by their ids", func(t *testing.T, store consumer.Store) {
			bare := profile(func(c *consumer.Consumer) { c.ID, c.Email, c.Phone, c.FullName = otherPerson, nil, nil, nil })
			write(t, store, profiles(profile(), bare, profile(func(c *consumer.Consumer) { c.ID = "cons_3" })))
			wantConsumers(t, store, []string{person, otherPerson}, profile(), bare)
		}},
		{"an id without a profile is not in the map", func(t *testing.T, store consumer.Store) {
			write(t, store, together(profiles(profile()), movedToOther(participations(participation()))))
			wantConsumers(t, store, []string{"cons_unknown", person, otherPerson}, profile())
		}},
		{"an impossible id is not in the map", func(t *testing.T, store consumer.Store) {
			write(t, store, profiles(profile()))
			wantConsumers(t, store, []string{
				"", " ", "me", ".", "a/b", `"`, `\`, `","cons_1`, "ä", "\x00", person + "\x00", "\xff", "%", "{}", "cons_1,cons_2",
				strings.Repeat("a", 1<<20), person,
			}, profile())
		}},
		{"an erased consumer is not in the map", func(t *testing.T, store consumer.Store) {
			write(t, store, profiles(profile(), profile(func(c *consumer.Consumer) { c.ID = otherPerson })))
			erase(t, store, organization, otherPerson)
			wantConsumers(t, store, []string{person, otherPerson}, profile())
		}},
		{"another organization's consumer is not in the map", func(t *testing.T, store consumer.Store) {
			write(t, store, profiles(profile(), profile(func(c *consumer.Consumer) { c.OrganizationID, c.ID = otherOrganization, otherPerson })))
			wantConsumers(t, store, []string{person, otherPerson}, profile())
		}},
		{"ids differ by letter case", func(t *testing.T, store consumer.Store) {
			upper := profile(func(c *consumer.Consumer) { c.ID = "CONS_1" })
			write(t, store, profiles(profile(), upper))
			wantConsumers(t, store, []string{"CONS_1", "Cons_1"}, upper)
		}},
		{"ids that look like numbers are texts", func(t *testing.T, store consumer.Store) {
			seven := profile(func(c *consumer.Consumer) { c.ID = "7" })
			write(t, store, profiles(seven, profile(func(c *consumer.Consumer) { c.ID = "07" })))
			wantConsumers(t, store, []string{"7", "7.0", "1e3", "null", "true"}, seven)
		}},
		{"an id that stands there twice counts once", func(t *testing.T, store consumer.Store) {
			write(t, store, profiles(profile()))
			wantConsumers(t, store, []string{person, person, person}, profile())
		}},
		{"the map is never nil", func(t *testing.T, store consumer.Store) {
			wantConsumers(t, store, nil)
			wantConsumers(t, store, []string{})
			wantConsumers(t, store, []string{""})
			wantConsumers(t, store, []string{person})
		}},
		{"an unknown or impossible organization has none", func(t *testing.T, store consumer.Store) {
			write(t, store, profiles(profile()))
			for _, id := range []string{otherOrganization, "", "\x00", "\xff", "ORG_1"} {
				if got, err := store.Consumers(t.Context(), id, []string{person}); err != nil || got == nil || len(got) != 0 {
					t.Errorf("Consumers of %q returned %v and the error %v, want an empty map", id, got, err)
				}
			}
		}},
		{"there may be more ids than a statement has parameters", testManyIDs},
		{"text of every kind comes back", func(t *testing.T, store consumer.Store) {
			odd := namedProfile("a\nb\r\"\\\u2028é👩 {}")
			write(t, store, profiles(odd, profile(func(c *consumer.Consumer) { c.ID = otherPerson })))
			wantConsumers(t, store, []string{person, otherPerson}, odd, profile(func(c *consumer.Consumer) { c.ID = otherPerson }))
		}},
		{"the map belongs to the caller", func(t *testing.T, store consumer.Store) {
			write(t, store, profiles(profile()))
			got, err := store.Consumers(t.Context(), organization, []string{person})
			if err != nil {
				t.Fatalf("Consumers: %v", err)
			}
			*got[person].Email = "changed@example.com"
			delete(got, person)
			wantConsumers(t, store, []string{person}, profile())
		}},
	}
}

func wantConsumers(t *testing.T, store consumer.BulkReader, ids []string, want ...consumer.Consumer) {
	t.Helper()
	got, err := store.Consumers(t.Context(), organization, ids)
	if err != nil {
		t.Fatalf("Consumers: %v", err)
	}
	wanted := make(map[string]consumer.Consumer)
	for _, c := range want {
		wanted[c.ID] = c
	}
	if diff := gocmp.Diff(wanted, got); diff != "" {
		t.Errorf("consumers (-want +got):\n%s", diff)
	}
}

func testManyIDs(t *testing.T, store consumer.Store) {
	var some []consumer.Consumer
	for n := range 100 {
		some = append(some, profile(func(c *consumer.Consumer) { c.ID = fmt.Sprintf("cons_%d", n*700) }))
	}
	write(t, store, profiles(some...))
	var ids []string
	for n := range 70_000 {
		ids = append(ids, fmt.Sprintf("cons_%d", n))
	}
	wantConsumers(t, store, ids, some...)
}
