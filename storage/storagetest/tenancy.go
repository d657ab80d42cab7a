package storagetest

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/rejoinhq/rejoin/consumer"
)

// probe calls one method of a Store for the first organization.
type probe struct {
	method string
	call   func(ctx context.Context, store consumer.Store) (any, error)
}

// probes call every method, with ids that only the other organization knows too. What
// comes later sees what came before.
func probes() []probe {
	foreignGuest := "cons_theirs"
	return []probe{
		{"Consumer", func(ctx context.Context, s consumer.Store) (any, error) { return s.Consumer(ctx, organization, person) }},
		{"Consumer", func(ctx context.Context, s consumer.Store) (any, error) {
			return s.Consumer(ctx, organization, foreignGuest)
		}},
		{"Consumers", func(ctx context.Context, s consumer.Store) (any, error) {
			return s.Consumers(ctx, organization, []string{person, otherPerson, foreignGuest})
		}},
		{"Snapshot", func(ctx context.Context, s consumer.Store) (any, error) {
			return s.Snapshot(ctx, organization, foreignGuest)
		}},
		{"Export", func(ctx context.Context, s consumer.Store) (any, error) {
			return s.Export(ctx, organization, foreignGuest)
		}},
		{"OrganizationByKey", func(ctx context.Context, s consumer.Store) (any, error) {
			return s.OrganizationByKey(ctx, apiKey("sk_test_ours").Digest, at(0))
		}},
		{"APIKeys", func(ctx context.Context, s consumer.Store) (any, error) { return s.APIKeys(ctx, organization) }},
		{"RevokeAPIKey", func(ctx context.Context, s consumer.Store) (any, error) {
			return nil, s.RevokeAPIKey(ctx, organization, apiKey("pk_test_theirs").Digest, at(0))
		}},
		{"Write", func(ctx context.Context, s consumer.Store) (any, error) {
			return s.Write(ctx, together(profiles(profile()), participations(participation()), admissions(admission()), keys(apiKey("sk_test_ours"))))
		}},
		{"Merge", func(ctx context.Context, s consumer.Store) (any, error) {
			return s.Merge(ctx, organization, foreignGuest, person)
		}},
		{"Snapshot", func(ctx context.Context, s consumer.Store) (any, error) { return s.Snapshot(ctx, organization, person) }},
		{"Export", func(ctx context.Context, s consumer.Store) (any, error) { return s.Export(ctx, organization, person) }},
		{"APIKeys", func(ctx context.Context, s consumer.Store) (any, error) { return s.APIKeys(ctx, organization) }},
		// Whoever follows changes runs the Store, and is told hashes of all organizations.
		{"Changes", func(ctx context.Context, s consumer.Store) (any, error) {
			ctx, cancel := context.WithCancel(ctx)
			cancel()
			return nil, s.Changes(ctx, &listener{})
		}},
		// Purging is for who runs the Store, and concerns all organizations. What the
		// other one has is too young for it here.
		{"Purge", func(ctx context.Context, s consumer.Store) (any, error) { return s.Purge(ctx, at(-9), 100) }},
		{"Erase", func(ctx context.Context, s consumer.Store) (any, error) {
			return nil, s.Erase(ctx, organization, foreignGuest)
		}},
		{"Write", func(ctx context.Context, s consumer.Store) (any, error) {
			return s.Write(ctx, profiles(profile(func(c *consumer.Consumer) { c.ID = foreignGuest })))
		}},
	}
}

// testTenancy asks a Store in which another organization has everything, and one in
// which it has nothing: nothing of the other can be seen, counted or told.
func testTenancy(t *testing.T, crowded, alone consumer.Store) {
	theirs := together(
		profiles(profile(), profile(func(c *consumer.Consumer) { c.ID = "cons_theirs" })),
		participations(participation()), admissions(admission()), keys(apiKey("pk_test_theirs")))
	for i := range theirs.Consumers {
		theirs.Consumers[i].OrganizationID = otherOrganization
	}
	theirs.Participations[0].OrganizationID = otherOrganization
	theirs.Admissions[0].OrganizationID = otherOrganization
	theirs.APIKeys[0].OrganizationID = otherOrganization
	write(t, crowded, theirs)
	erase(t, crowded, otherOrganization, otherPerson)

	probed := map[string]bool{}
	for i, p := range probes() {
		probed[p.method] = true
		if diff := gocmp.Diff(ask(t, p, alone), ask(t, p, crowded)); diff != "" {
			t.Errorf("probe %d: %s tells of the other organization (-without it +with it):\n%s", i, p.method, diff)
		}
	}
	var missing []string
	for store, i := reflect.TypeFor[consumer.Store](), 0; i < store.NumMethod(); i++ {
		if name := store.Method(i).Name; !probed[name] {
			missing = append(missing, name)
		}
	}
	if slices.Sort(missing); len(missing) > 0 {
		t.Errorf("no probe calls %v", missing)
	}
}

// answer is all that a caller can tell of what a method returned.
type answer struct {
	Value any
	Error string
}

func ask(t *testing.T, p probe, store consumer.Store) answer {
	t.Helper()
	value, err := p.call(t.Context(), store)
	return answer{value, fmt.Sprint(err)}
}
