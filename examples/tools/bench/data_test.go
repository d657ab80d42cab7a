package main

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/rejoinhq/rejoin/consumer"
)

// TestRecords checks that all records are valid and active.
func TestRecords(t *testing.T) {
	batch := dataset{participations: 12}.record(7)
	prepared, err := batch.Prepare()
	must(t, err)
	types := make(map[consumer.DistributionType]int)
	for _, p := range prepared.Participations {
		types[p.Type]++
		if p.ConsumerID != batch.Consumers[0].ID || !p.ActiveAt(epoch().AddDate(10, 0, 0)) {
			t.Errorf("%s of %s is not active in ten years", p.ID, p.ConsumerID)
		}
	}
	want := map[consumer.DistributionType]int{
		consumer.Queue: 3, consumer.Draw: 3, consumer.Auction: 2, consumer.TimedRelease: 2, consumer.Waitlist: 2,
	}
	if diff := cmp.Diff(want, types); diff != "" {
		t.Errorf("participations by type (-want +got):\n%s", diff)
	}
}

// TestPick checks that the consumers are different and from all parts of the database.
func TestPick(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		consumers := rapid.IntRange(1, 1_000_000).Draw(t, "consumers")
		some := rapid.IntRange(1, 500).Draw(t, "some")
		picked := pick(some, consumers)
		if len(picked) != min(some, consumers) {
			t.Fatalf("%d consumers", len(picked))
		}
		if diff := cmp.Diff(picked, pick(some, consumers)); diff != "" {
			t.Errorf("the second call returned others:\n%s", diff)
		}
		slices.Sort(picked)
		if len(slices.Compact(picked)) != min(some, consumers) {
			t.Error("a consumer is there twice")
		}
		if last := picked[len(picked)-1]; picked[0] != 0 || last >= consumers || last < consumers-1-consumers/len(picked) {
			t.Errorf("the consumers are from %d to %d", picked[0], last)
		}
	})
}
