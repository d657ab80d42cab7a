package storagetest

import (
	"context"
	"errors"
	"fmt"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/rejoinhq/rejoin/consumer"
)

// bulkCases run consumer.WriteBulk against a store. Package consumer tests its own rules.
func bulkCases() []storeCase {
	return []storeCase{
		{"everything in a large batch is written", func(t *testing.T, store consumer.Store) {
			all := bulk(0, 800)
			wantBulk(t, store, all, 2400, 0)
			for _, n := range []int{0, 333, 334, 799} {
				wantSnapshot(t, store, bulk(n, n+1))
			}
		}},
		{"the same batch again is stale", func(t *testing.T, store consumer.Store) {
			wantBulk(t, store, bulk(0, 400), 1200, 0)
			wantBulk(t, store, bulk(0, 400), 0, 1200)
			wantBulk(t, store, bulk(0, 500), 300, 1200)
		}},
		{"a repeated record counts once", func(t *testing.T, store consumer.Store) {
			wantBulk(t, store, together(bulk(0, 400), bulk(0, 400)), 1200, 1200)
		}},
		{"erased consumers are left out, and no others", func(t *testing.T, store consumer.Store) {
			for _, n := range []int{0, 100, 101, 699} {
				erase(t, store, organization, fmt.Sprintf("cons_%d", n))
			}
			wantBulk(t, store, bulk(0, 700), 2100-12, 0, "cons_0", "cons_100", "cons_101", "cons_699")
			wantNotFound(t, store, organization, "cons_100")
			wantSnapshot(t, store, bulk(99, 100))
			wantSnapshot(t, store, bulk(102, 103))
		}},
		{"a consumer with an invalid record is left out", func(t *testing.T, store consumer.Store) {
			all := bulk(0, 400)
			all.Participations[50].Status, all.Admissions[50].SequenceID = consumer.StatusWaiting, ""
			result := wantBulk(t, store, all, 1200-3, 0, "cons_50")
			wantInvalidFields(t, result.Refused[0].Err, "participations[50].status", "admissions[50].sequenceId")
			wantGone(t, store, organization, "cons_50")
		}},
		{"API keys are written, and not counted", func(t *testing.T, store consumer.Store) {
			erase(t, store, organization, "cons_0")
			wantBulk(t, store, together(bulk(0, 1), keys(apiKey("pk_test_1"))), 0, 0, "cons_0")
			wantOrganization(t, store, apiKey("pk_test_1").Digest, organization)
		}},
		{"an API key that is taken ends it before anything is written", func(t *testing.T, store consumer.Store) {
			taken := apiKey("pk_test_1")
			taken.OrganizationID = otherOrganization
			write(t, store, keys(taken))
			result, err := consumer.WriteBulk(t.Context(), store, together(bulk(0, 400), keys(apiKey("pk_test_1"))))
			if !errors.Is(err, consumer.ErrConflict) || result.Applied != 0 || result.Refused != nil {
				t.Errorf("WriteBulk returned %+v and the error %v, want ErrConflict", result, err)
			}
			wantNotFound(t, store, organization, "cons_0")
		}},
		{"a cancelled context ends it with its error", func(t *testing.T, store consumer.Store) {
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			result, err := consumer.WriteBulk(ctx, store, bulk(0, 400))
			if !errors.Is(err, context.Canceled) || result.Applied != 0 {
				t.Errorf("WriteBulk returned %+v and the error %v, want context.Canceled", result, err)
			}
			wantBulk(t, store, bulk(0, 400), 1200, 0)
		}},
	}
}

// bulk returns the consumers of a range, each with two records.
func bulk(from, to int) consumer.Batch {
	var all consumer.Batch
	for n := from; n < to; n++ {
		id := fmt.Sprintf("cons_%d", n)
		all.Consumers = append(all.Consumers, profile(func(c *consumer.Consumer) { c.ID = id }))
		all.Participations = append(all.Participations, participation(func(p *consumer.Participation) { p.ConsumerID, p.Position = id, new(int64(n)) }))
		all.Admissions = append(all.Admissions, admission(func(a *consumer.Admission) { a.ConsumerID, a.AdmissionToken = id, id }))
	}
	return all
}

func wantBulk(t *testing.T, store consumer.Writer, batch consumer.Batch, applied, stale int, refused ...string) consumer.BulkResult {
	t.Helper()
	result, err := consumer.WriteBulk(t.Context(), store, batch)
	if err != nil {
		t.Fatalf("WriteBulk: %v", err)
	}
	if want := (consumer.WriteResult{Applied: applied, Stale: stale}); result.WriteResult != want {
		t.Errorf("WriteBulk returned %+v, want %+v", result.WriteResult, want)
	}
	var ids []string
	for _, r := range result.Refused {
		ids = append(ids, r.ConsumerID)
	}
	if diff := gocmp.Diff(refused, ids); diff != "" {
		t.Errorf("refused consumers (-want +got):\n%s", diff)
	}
	return result
}
