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

// probes call every method, also with ids that exist only in the other organization. Later
// probes see the effects of earlier ones.
func probes() []probe {
	foreignGuest := "cons_theirs"
	return []probe{
		{"Consumer", func(ctx context.Context, s consumer.Store) (any, error) {
			return s.Consumer(ctx, consumer.Key{OrganizationID: organization, ConsumerID: person})
		}},
		{"Consumer", func(ctx context.Context, s consumer.Store) (any, error) {
			return s.Consumer(ctx, consumer.Key{OrganizationID: organization, ConsumerID: foreignGuest})
		}},
		{"Consumers", func(ctx context.Context, s consumer.Store) (any, error) {
			return s.Consumers(ctx, organization, []string{person, otherPerson, foreignGuest})
		}},
		{"Snapshot", func(ctx context.Context, s consumer.Store) (any, error) {
			return s.Snapshot(ctx, consumer.Key{OrganizationID: organization, ConsumerID: foreignGuest})
		}},
		{"Export", func(ctx context.Context, s consumer.Store) (any, error) {
			return s.Export(ctx, consumer.Key{OrganizationID: organization, ConsumerID: foreignGuest})
		}},
		{"Distribution", func(ctx context.Context, s consumer.Store) (any, error) {
			return s.Distribution(ctx, queue().Key())
		}},
		{"OrganizationByAPIKey", func(ctx context.Context, s consumer.Store) (any, error) {
			return s.OrganizationByAPIKey(ctx, apiKey("sk_test_ours").Digest, at(0))
		}},
		{"APIKeys", func(ctx context.Context, s consumer.Store) (any, error) { return s.APIKeys(ctx, organization) }},
		{"RevokeAPIKey", func(ctx context.Context, s consumer.Store) (any, error) {
			return nil, s.RevokeAPIKey(ctx, organization, apiKey("pk_test_theirs").Digest, at(0))
		}},
		{"Write", func(ctx context.Context, s consumer.Store) (any, error) {
			return s.Write(ctx, together(profiles(profile()), participations(participation()), admissions(admission()), keys(apiKey("sk_test_ours"))))
		}},
		{"Merge", func(ctx context.Context, s consumer.Store) (any, error) {
			return s.Merge(ctx, consumer.Merge{OrganizationID: organization, GuestID: foreignGuest, ConsumerID: person})
		}},
		{"Snapshot", func(ctx context.Context, s consumer.Store) (any, error) {
			return s.Snapshot(ctx, consumer.Key{OrganizationID: organization, ConsumerID: person})
		}},
		{"Export", func(ctx context.Context, s consumer.Store) (any, error) {
			return s.Export(ctx, consumer.Key{OrganizationID: organization, ConsumerID: person})
		}},
		{"APIKeys", func(ctx context.Context, s consumer.Store) (any, error) { return s.APIKeys(ctx, organization) }},
		// A change feed is for the operator of the Store: it reports all organizations.
		{"Changes", func(ctx context.Context, s consumer.Store) (any, error) {
			ctx, cancel := context.WithCancel(ctx)
			cancel()
			return nil, s.Changes(ctx, &listener{})
		}},
		// A purge is for the operator of the Store: it concerns all organizations. Here the
		// records of the other one are too recent.
		{"Purge", func(ctx context.Context, s consumer.Store) (any, error) {
			return s.Purge(ctx, consumer.Purge{Before: at(-9), Limit: 100})
		}},
		{"Erase", func(ctx context.Context, s consumer.Store) (any, error) {
			return nil, s.Erase(ctx, consumer.Key{OrganizationID: organization, ConsumerID: foreignGuest})
		}},
		{"Write", func(ctx context.Context, s consumer.Store) (any, error) {
			return s.Write(ctx, profiles(profile(func(c *consumer.Consumer) { c.ID = foreignGuest })))
		}},
	}
}

// testTenancy calls every method of a Store in which another organization has records, and
// of one in which it has none. The results must be equal.
func testTenancy(t *testing.T, crowded, alone consumer.Store) {
	theirs := together(
		profiles(profile(), profile(func(c *consumer.Consumer) { c.ID = "cons_theirs" })),
		participations(participation()), admissions(admission()), distributions(queue(over(at(0), ""))), keys(apiKey("pk_test_theirs")))
	for i := range theirs.Consumers {
		theirs.Consumers[i].OrganizationID = otherOrganization
	}
	theirs.Participations[0].OrganizationID = otherOrganization
	theirs.Admissions[0].OrganizationID = otherOrganization
	theirs.Distributions[0].OrganizationID = otherOrganization
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

// outcome is everything that a caller can observe of a call.
type outcome struct {
	Value any
	Error string
}

func ask(t *testing.T, p probe, store consumer.Store) outcome {
	t.Helper()
	value, err := p.call(t.Context(), store)
	return outcome{value, fmt.Sprint(err)}
}
