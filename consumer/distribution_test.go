package consumer_test

import (
	stdjson "encoding/json"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/rejoinhq/rejoin/consumer"
)

func validDistribution(kind consumer.DistributionType, edits ...func(*consumer.Distribution)) consumer.Distribution {
	d := consumer.Distribution{OrganizationID: "org_1", Type: kind, ID: "dist_1", UpdatedAt: noon}
	for _, edit := range edits {
		edit(&d)
	}
	return d
}

func serving(n int64) func(*consumer.Distribution) {
	return func(d *consumer.Distribution) { d.Serving = &n }
}

func endedAt(t time.Time) func(*consumer.Distribution) {
	return func(d *consumer.Distribution) { d.EndedAt = &t }
}

func winner(id string) func(*consumer.Distribution) {
	return func(d *consumer.Distribution) { d.WinnerID = &id }
}

func TestDistributionValidate(t *testing.T) {
	of := func(kind consumer.DistributionType, name string, want []string, edits ...func(*consumer.Distribution)) refusal {
		return refusal{name, validDistribution(kind, edits...), want}
	}
	cases := []refusal{
		of("queue", "no field but the required ones", nil),
		of("queue", "serving of a queue", nil, serving(1200)),
		of("queue", "serving 0", nil, serving(0)),
		of("queue", "the greatest serving", nil, serving(1<<53-1)),
		of("queue", "a serving that is too great", []string{"serving"}, serving(1<<53)),
		of("queue", "a negative serving", []string{"serving"}, serving(-1)),
		of("draw", "serving of a draw", []string{"serving"}, serving(1)),
		of("auction", "serving of an auction", []string{"serving"}, serving(1)),
		of("timed_release", "serving of a timed release", []string{"serving"}, serving(1)),
		of("waitlist", "a waitlist", []string{"type"}),
		of("raffle", "an unknown type", []string{"type"}),
		of("", "no type", []string{"type"}),
		of("queue", "an end of a queue", nil, endedAt(noon)),
		of("draw", "an end of a draw", nil, endedAt(noon)),
		of("timed_release", "an end of a timed release", nil, endedAt(noon)),
		of("auction", "an end without a winner", nil, endedAt(noon)),
		of("auction", "an end with a winner", nil, endedAt(noon), winner("cons_1")),
		of("auction", "a winner without an end", []string{"winnerId"}, winner("cons_1")),
		of("queue", "a winner of a queue", []string{"winnerId"}, endedAt(noon), winner("cons_1")),
		of("draw", "a winner of a draw", []string{"winnerId"}, endedAt(noon), winner("cons_1")),
		of("timed_release", "a winner of a timed release", []string{"winnerId"}, endedAt(noon), winner("cons_1")),
		of("auction", "an empty winner", []string{"winnerId"}, endedAt(noon), winner("")),
		of("auction", "a winner with an invalid id", []string{"winnerId"}, endedAt(noon), winner("a/b")),
		of("auction", "a winner called me", []string{"winnerId"}, endedAt(noon), winner("me")),
		of("queue", "no id", []string{"id"}, func(d *consumer.Distribution) { d.ID = "" }),
		of("queue", "an invalid id", []string{"id"}, func(d *consumer.Distribution) { d.ID = ".." }),
		of("queue", "no organization", []string{"organizationId"}, func(d *consumer.Distribution) { d.OrganizationID = "" }),
		of("queue", "every bad field is named", []string{"endedAt", "id", "organizationId", "serving", "updatedAt", "winnerId"},
			func(d *consumer.Distribution) { *d = consumer.Distribution{Type: "draw"} }, serving(-1), endedAt(year10000), winner("")),
		of("raffle", "with an unknown type the other bad fields are named too", []string{"id", "serving", "type", "updatedAt", "winnerId"},
			func(d *consumer.Distribution) { d.ID, d.UpdatedAt = "", time.Time{} }, serving(-1), winner("")),
	}
	for name, moment := range badMoments() {
		cases = append(cases,
			of("draw", "endedAt "+name, []string{"endedAt"}, endedAt(moment)),
			of("draw", "updatedAt "+name, []string{"updatedAt"}, func(d *consumer.Distribution) { d.UpdatedAt = moment }))
	}
	for name, moment := range goodMoments() {
		cases = append(cases, of("draw", name, nil, endedAt(moment), func(d *consumer.Distribution) { d.UpdatedAt = moment }))
	}
	checkRefusals(t, cases)
}

func TestTicketValidate(t *testing.T) {
	of := func(name string, ticket int64, want ...string) refusal {
		return refusal{name, validParticipation("queue", func(p *consumer.Participation) { p.Ticket = &ticket }), want}
	}
	checkRefusals(t, []refusal{
		of("the first ticket", 1),
		of("the last ticket", 1<<53-1),
		of("ticket 0", 0, "ticket"),
		of("a negative ticket", -1, "ticket"),
		of("a ticket that is too great", 1<<53, "ticket"),
	})
}

func TestCanonicalJSONOfADistribution(t *testing.T) {
	cases := []struct {
		name   string
		record consumer.Distribution
		want   string
	}{
		{
			"without the fields that are unset", validDistribution("queue"),
			`{"type":"queue","id":"dist_1","updatedAt":"2024-12-01T12:00:00Z"}`,
		},
		{
			"a queue", validDistribution("queue", serving(0), endedAt(noon.Add(500*time.Millisecond))),
			`{"type":"queue","id":"dist_1","serving":0,"endedAt":"2024-12-01T12:00:00.5Z","updatedAt":"2024-12-01T12:00:00Z"}`,
		},
		{
			"an auction has the digest of its winner", validDistribution("auction", endedAt(noon), winner("cons_1")),
			`{"type":"auction","id":"dist_1","endedAt":"2024-12-01T12:00:00Z",` +
				`"winnerId":"e586dfc2a5decd4826df2aa6682dfb429a3ae3c3aab096eba1e4ab7e02b1dfb5","updatedAt":"2024-12-01T12:00:00Z"}`,
		},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, string(c.record.Normalized().Version().Canonical)); diff != "" {
				t.Errorf("canonical JSON (-want +got):\n%s", diff)
			}
		})
	}
}

// TestCanonicalJSONOfADistributionReadsBack also compares the JSON of the struct, which has
// the winner's id.
func TestCanonicalJSONOfADistributionReadsBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		record := genDistribution().Draw(t, "record")
		record.OrganizationID, record.WinnerID = "", nil
		want, err := stdjson.Marshal(record)
		if err != nil {
			t.Fatal(err)
		}
		got := record.Version().Canonical
		if diff := cmp.Diff(string(want), string(got)); diff != "" {
			t.Errorf("canonical JSON (-of the struct +got):\n%s", diff)
		}
		var back consumer.Distribution
		if err := stdjson.Unmarshal(got, &back); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(record, back); diff != "" {
			t.Errorf("read back (-written +read):\n%s", diff)
		}
	})
}

// genDistribution draws valid records in the form of a store.
func genDistribution() *rapid.Generator[consumer.Distribution] {
	return rapid.Custom(func(t *rapid.T) consumer.Distribution {
		d := consumer.Distribution{
			OrganizationID: "org_1",
			Type:           rapid.SampledFrom(allTypes()[:4]).Draw(t, "type"),
			ID:             genID().Draw(t, "id"),
			EndedAt:        optional(t, "endedAt", genMoment()),
			UpdatedAt:      genMoment().Draw(t, "updatedAt"),
		}
		if d.Type == "queue" {
			d.Serving = optional(t, "serving", genCount())
		}
		if d.Type == "auction" && d.EndedAt != nil {
			d.WinnerID = optional(t, "winnerId", genID())
		}
		return d
	})
}

// TestVersionOfADistribution lists records in ascending order.
func TestVersionOfADistribution(t *testing.T) {
	later := func(d *consumer.Distribution) { d.UpdatedAt = noon.Add(time.Microsecond) }
	earlier := func(d *consumer.Distribution) { d.UpdatedAt = noon.Add(-time.Microsecond) }
	for name, ascending := range map[string][]consumer.Distribution{
		"a queue": {
			validDistribution("queue", earlier, endedAt(noon), serving(9)),
			validDistribution("queue"),
			validDistribution("queue", serving(0)),
			validDistribution("queue", serving(9)),
			validDistribution("queue", serving(10)), // as a number, not as text
			validDistribution("queue", serving(1<<53-1)),
			validDistribution("queue", endedAt(noon)),
			validDistribution("queue", endedAt(noon.Add(time.Second)), serving(0)),
			validDistribution("queue", endedAt(noon), serving(9)),
			validDistribution("queue", endedAt(noon.Add(time.Second)), serving(9)),
			validDistribution("queue", endedAt(noon), serving(1<<53-1)),
			validDistribution("queue", later),
		},
		"an auction": {
			validDistribution("auction"),
			validDistribution("auction", endedAt(noon)),                   // updatedAt, in the place of winnerId
			validDistribution("auction", endedAt(noon), winner("cons_2")), // 91…
			validDistribution("auction", endedAt(noon), winner("cons_1")), // e5…
			validDistribution("auction", endedAt(noon.Add(time.Second)), winner("cons_2")),
		},
	} {
		t.Run(name, func(t *testing.T) {
			for i := range ascending {
				for j := range ascending {
					want := 0
					if i != j {
						want = 1
						if i < j {
							want = -1
						}
					}
					if got := ascending[i].Normalized().Version().Compare(ascending[j].Normalized().Version()); got != want {
						t.Errorf("%d to %d: got %d, want %d", i, j, got, want)
					}
				}
			}
		})
	}
}

func TestNormalizedDistribution(t *testing.T) {
	for _, c := range normalCases {
		in := validDistribution("draw", endedAt(c.in), func(d *consumer.Distribution) { d.UpdatedAt = c.in })
		d := in.Normalized()
		checkNormalTimes(t, c.want, []time.Time{*d.EndedAt, d.UpdatedAt})
		if *in.EndedAt != c.in {
			t.Errorf("%s: the receiver changed", c.name)
		}
	}
}

// TestHashOfADistributionIsPinned: processes of two versions share a change feed.
func TestHashOfADistributionIsPinned(t *testing.T) {
	key := validDistribution("queue").Key()
	if got := key.Hash(); got != 0xac939be9110570c7 {
		t.Errorf("the hash is %#x", got)
	}
	seen := map[uint64]consumer.DistributionKey{}
	for _, k := range []consumer.DistributionKey{
		key, {OrganizationID: "org_1", Type: "draw", ID: "dist_1"}, {OrganizationID: "org_2", Type: "queue", ID: "dist_1"},
		{OrganizationID: "org_1", Type: "queue", ID: "dist_2"}, {OrganizationID: "org_1queue", ID: "dist_1"},
	} {
		if other, found := seen[k.Hash()]; found {
			t.Errorf("%v and %v have the same hash", k, other)
		}
		seen[k.Hash()] = k
	}
}
