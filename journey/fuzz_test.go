package journey_test

import (
	stdjson "encoding/json"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rejoinhq/rejoin/consumer"
)

// FuzzDerive derives documents from any snapshot that JSON can bring. Run it with
// -fuzzminimizetime=10x: the random order of maps makes the coverage of an input
// unstable, and the minimizer would take a minute for each.
func FuzzDerive(f *testing.F) {
	for _, s := range fuzzSeeds() {
		text, err := stdjson.Marshal(s)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text, now.UnixMicro())
	}
	f.Fuzz(func(t *testing.T, data []byte, micro int64) {
		var records consumer.Snapshot
		if stdjson.Unmarshal(data, &records) != nil {
			return
		}
		moment, before := time.UnixMicro(micro), deepCopy(records)
		active := derive(records, moment)
		checkInvariants(t, records, moment)
		if diff := cmp.Diff(before, deepCopy(records)); diff != "" {
			t.Errorf("the input changed (-before +after):\n%s", diff)
		}
		slices.Reverse(records.Participations)
		slices.Reverse(records.Admissions)
		slices.Reverse(records.Distributions)
		if diff := cmp.Diff(active, derive(records, moment)); diff != "" {
			t.Errorf("document (-in order +reversed):\n%s", diff)
		}
		if _, err := stdjson.Marshal(active); err == nil {
			checkReadsBack(t, active)
		} // a zone can push a year beyond what JSON writes; no valid record has one
	})
}

func fuzzSeeds() []consumer.Snapshot {
	return []consumer.Snapshot{
		snapshot(),
		snapshot(
			part("waitlist", "w", "WAITING", -9), part("queue", "q", "ADMITTED", -9, full, position(0)),
			part("draw", "d", "WON", -9, full), part("auction", "a", "WON", -9, full, bids("250.00", 3)),
			part("timed_release", "r", "ENTERED", -9),
			grant("timed_release", "r", "t", -5, grantExpires(9)), grant("queue", "q", "u", -5),
			grant("draw", "r", "v", -5, grantWithin("e2", "s1")),
		),
		snapshot(
			part("queue", "q", "QUEUED", -9), part("queue", "q", "LEFT", -8), part("raffle", "", "ENTERED", -1),
			part("draw", "q", "WON", -9, token("t"), expires(0)), grant("draw", "q", "t", -5, grantEnded(-1)),
		),
		snapshot(
			part("queue", "q", "QUEUED", -9, ticket(5)), dist("queue", "q", serving(2)),
			part("draw", "d", "ENTERED", -9), dist("draw", "d", distEnds(-1)), part("draw", "e", "WON", -9, token("t")), dist("draw", "e", distEnds(-1)),
			part("auction", "a", "WINNING", -9), dist("auction", "a", distEnds(9), won("cons_1")),
		),
	}
}
