package journey_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/rejoinhq/rejoin/consumer"
	"github.com/rejoinhq/rejoin/journey"
)

func TestPositionFollowsFromTicketAndServing(t *testing.T) {
	unknown := int64(-1)
	cases := []struct {
		name    string
		records consumer.Snapshot
		want    int64
	}{
		{"the next to be called", snapshot(part("queue", "q", "QUEUED", -9, ticket(1201)), dist("queue", "q", serving(1200))), 0},
		{"further back", snapshot(part("queue", "q", "QUEUED", -9, ticket(1208)), dist("queue", "q", serving(1200))), 7},
		{"nobody was called yet", snapshot(part("queue", "q", "QUEUED", -9, ticket(5)), dist("queue", "q", serving(0))), 4},
		{"the first ticket", snapshot(part("queue", "q", "QUEUED", -9, ticket(1)), dist("queue", "q", serving(0))), 0},
		{"a ticket that was called is never before the first place", snapshot(part("queue", "q", "QUEUED", -9, ticket(3)), dist("queue", "q", serving(1200))), 0},
		{"the last ticket that was called", snapshot(part("queue", "q", "QUEUED", -9, ticket(1200)), dist("queue", "q", serving(1200))), 0},
		{"it replaces the recorded position", snapshot(part("queue", "q", "QUEUED", -9, ticket(8), position(99)), dist("queue", "q", serving(2))), 5},
		{"the greatest numbers", snapshot(part("queue", "q", "QUEUED", -9, ticket(1<<53-1)), dist("queue", "q", serving(0))), 1<<53 - 2},
		{"without a ticket the recorded position is shown", snapshot(part("queue", "q", "QUEUED", -9, position(99)), dist("queue", "q", serving(2))), 99},
		{"without a serving the recorded position is shown", snapshot(part("queue", "q", "QUEUED", -9, ticket(8), position(99)), dist("queue", "q")), 99},
		{"without a distribution the recorded position is shown", snapshot(part("queue", "q", "QUEUED", -9, ticket(8), position(99))), 99},
		{"a ticket alone gives no position", snapshot(part("queue", "q", "QUEUED", -9, ticket(8))), unknown},
		{"once admitted the recorded position is shown", snapshot(part("queue", "q", "ADMITTED", -9, ticket(8), position(0)), dist("queue", "q", serving(2))), 0},
		{"once admitted a ticket gives no position", snapshot(part("queue", "q", "ADMITTED", -9, ticket(8)), dist("queue", "q", serving(2))), unknown},
		{"another queue's serving does not matter", snapshot(part("queue", "q", "QUEUED", -9, ticket(8)), dist("queue", "r", serving(2)), dist("queue", "Q", serving(3))), unknown},
		{"the newest serving decides", snapshot(part("queue", "q", "QUEUED", -9, ticket(8)),
			dist("queue", "q", serving(2)), dist("queue", "q", serving(5), func(d *consumer.Distribution) { d.UpdatedAt = at(-1) }), dist("queue", "q", serving(7))), 2},
		{"the end of the queue lies ahead", snapshot(part("queue", "q", "QUEUED", -9, ticket(8)), dist("queue", "q", serving(2), distEnds(1))), 5},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			got := derive(c.records, now).Queues["q"].Position
			switch {
			case c.want == unknown && got != nil:
				t.Errorf("the position is %d, want none", *got)
			case c.want != unknown && (got == nil || *got != c.want):
				t.Errorf("the position is %v, want %d", got, c.want)
			}
			checkBytes(t, c.records, now)
		})
	}
}

func TestDistributionThatEnded(t *testing.T) {
	checkRules(t, []rule{
		{"a queue that ended has no journey", snapshot(part("queue", "q", "QUEUED", -9), dist("queue", "q", distEnds(-1))), nil},
		{"it ends at that very moment", snapshot(part("queue", "q", "QUEUED", -9), dist("queue", "q", distEnds(0))), nil},
		{"an end that lies ahead ends nothing", snapshot(part("queue", "q", "QUEUED", -9), dist("queue", "q", distEnds(1))), journeys(participating("queue", "q", "QUEUED"))},
		{"an end is kept in microseconds", snapshot(part("queue", "q", "QUEUED", -9),
			dist("queue", "q", func(d *consumer.Distribution) { d.EndedAt = new(now.Add(999)) })), nil},
		{"a draw", snapshot(part("draw", "d", "ENTERED", -9), dist("draw", "d", distEnds(-1))), nil},
		{"a draw that was won, without a token yet", snapshot(part("draw", "d", "WON", -9), dist("draw", "d", distEnds(-1))), nil},
		{"an auction", snapshot(part("auction", "a", "WINNING", -9), dist("auction", "a", distEnds(-1))), nil},
		{"a timed release", snapshot(part("timed_release", "r", "ENTERED", -9), dist("timed_release", "r", distEnds(-1))), nil},
		{
			"an admitting participation stays", snapshot(part("queue", "q", "ADMITTED", -9, admitted(-5), token("t")), dist("queue", "q", distEnds(-1))),
			journeys(admittedTo("queue", "q", "ADMITTED", "t", -5)),
		},
		{
			"an entry in a timed release with a token stays", snapshot(part("timed_release", "r", "ENTERED", -9, token("t")), dist("timed_release", "r", distEnds(-1))),
			journeys(admittedTo("timed_release", "r", "ENTERED", "t", -9)),
		},
		{"a token alone does not hold", snapshot(part("draw", "d", "ENTERED", -9, token("t")), dist("draw", "d", distEnds(-1))), nil},
		{"an admitting participation expires", snapshot(part("queue", "q", "ADMITTED", -9, token("t"), expires(0)), dist("queue", "q", distEnds(-1))), nil},
		{
			"the winner stays", snapshot(part("auction", "a", "WINNING", -9), dist("auction", "a", distEnds(-1), won("cons_1"))),
			journeys(participating("auction", "a", "WINNING")),
		},
		{"another consumer than the winner does not", snapshot(part("auction", "a", "OUTBID", -9), dist("auction", "a", distEnds(-1), won("cons_2"))), nil},
		{"a winner differs by letter case", snapshot(part("auction", "a", "OUTBID", -9), dist("auction", "a", distEnds(-1), won("CONS_1"))), nil},
		{
			"an admission stays live", snapshot(grant("queue", "q", "t", -5), dist("queue", "q", distEnds(-1))),
			journeys(admittedTo("queue", "q", "ADMITTED", "t", -5)),
		},
		{
			"an admission no longer has a participation of its own", snapshot(part("queue", "q", "QUEUED", -9), grant("queue", "q", "t", -5), dist("queue", "q", distEnds(-1))),
			journeys(admittedTo("queue", "q", "ADMITTED", "t", -5)),
		},
		{
			"another distribution with the same id goes on", snapshot(part("queue", "x", "QUEUED", -9), part("draw", "x", "ENTERED", -8), dist("queue", "x", distEnds(-1))),
			journeys(participating("draw", "x", "ENTERED")),
		},
		{
			"the next one leads the sequence", snapshot(part("queue", "q", "QUEUED", -1), part("waitlist", "w", "WAITING", -9), dist("queue", "q", distEnds(-1))),
			journeys(waiting("w", "WAITING")),
		},
		{
			"one that was opened again", snapshot(part("queue", "q", "QUEUED", -9),
				dist("queue", "q", distEnds(-5)), dist("queue", "q", serving(1), func(d *consumer.Distribution) { d.UpdatedAt = at(-4) })),
			journeys(participating("queue", "q", "QUEUED")),
		},
		{"a distribution of another type with the same id ends nothing", snapshot(part("queue", "q", "QUEUED", -9), dist("waitlist", "q", distEnds(-1))),
			journeys(participating("queue", "q", "QUEUED"))},
	})
}

func TestNextChangeOfADistribution(t *testing.T) {
	cases := []struct {
		name    string
		records consumer.Snapshot
		want    time.Time // zero for none
	}{
		{"an end that lies ahead", snapshot(part("queue", "q", "QUEUED", -9), dist("queue", "q", distEnds(7))), at(7)},
		{"the earlier of expiry and end", snapshot(part("queue", "q", "QUEUED", -9, expires(5)), dist("queue", "q", distEnds(7))), at(5)},
		{"the end before the expiry", snapshot(part("queue", "q", "QUEUED", -9, expires(9)), dist("queue", "q", distEnds(7))), at(7)},
		{"not of one who is admitting", snapshot(part("queue", "q", "ADMITTED", -9, token("t")), dist("queue", "q", distEnds(7))), time.Time{}},
		{"but their own expiry", snapshot(part("queue", "q", "ADMITTED", -9, token("t"), expires(9)), dist("queue", "q", distEnds(7))), at(9)},
		{"not of the winner", snapshot(part("auction", "a", "WINNING", -9), dist("auction", "a", distEnds(7), won("cons_1"))), time.Time{}},
		{"not of an admission", snapshot(grant("queue", "q", "t", -5), dist("queue", "q", distEnds(7))), time.Time{}},
		{"not of a distribution that nobody is in", snapshot(part("queue", "q", "QUEUED", -9), dist("queue", "r", distEnds(7))), time.Time{}},
		{"truncated to microseconds, in UTC", snapshot(part("queue", "q", "QUEUED", -9), dist("queue", "q", func(d *consumer.Distribution) {
			d.EndedAt = new(at(7).Add(999).In(time.FixedZone("east", 3600)))
		})), at(7)},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			got, ok := journey.Derive(c.records, now).NextChange()
			if got != c.want || ok == c.want.IsZero() {
				t.Errorf("got %v, %t, want %v", got, ok, c.want)
			}
		})
	}
}

func TestLastChange(t *testing.T) {
	cases := []struct {
		name    string
		records consumer.Snapshot
		want    time.Time // zero for none
	}{
		{"nothing", snapshot(), time.Time{}},
		{"nothing that expired", snapshot(part("queue", "q", "QUEUED", -9, expires(1)), dist("queue", "q", distEnds(2))), time.Time{}},
		{"a participation that expired", snapshot(part("queue", "q", "QUEUED", -9, expires(-1))), at(-1)},
		{"an admission that expired", snapshot(grant("queue", "q", "t", -9, grantExpires(-1))), at(-1)},
		{"at the very moment", snapshot(part("queue", "q", "QUEUED", -9, expires(0))), at(0)},
		{"the last of several", snapshot(part("queue", "q", "QUEUED", -9, expires(-5)), part("draw", "d", "ENTERED", -9, expires(-3)), grant("queue", "q", "t", -9, grantExpires(-4))), at(-3)},
		{"a distribution that ended", snapshot(part("queue", "q", "QUEUED", -9), dist("queue", "q", distEnds(-2))), at(-2)},
		{"not one that ended after the expiry", snapshot(part("queue", "q", "QUEUED", -9, expires(-5)), dist("queue", "q", distEnds(-2))), at(-5)},
		{"as it is kept, in UTC and truncated", snapshot(part("queue", "q", "QUEUED", -9, func(p *consumer.Participation) {
			p.ExpiresAt = new(at(-1).Add(999).In(time.FixedZone("east", 3600)))
		})), at(-1)},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			got, ok := journey.Derive(c.records, now).LastChange()
			if got != c.want || ok == c.want.IsZero() {
				t.Errorf("got %v, %t, want %v", got, ok, c.want)
			}
		})
	}
}

// TestNothingChangedSinceTheLastChange derives the same records at times since then.
func TestNothingChangedSinceTheLastChange(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		records := genSnapshot().Draw(t, "snapshot")
		to := genMoment().Draw(t, "now")
		active := journey.Derive(records, to)
		last, ok := active.LastChange()
		if ok && last.After(to) {
			t.Fatalf("the last change, %s, is after %s", last, to)
		}
		want := string(active.AppendJSON(nil))
		for _, moment := range momentsAround(records) {
			if moment.After(to) || ok && moment.Before(last) {
				continue
			}
			if diff := cmp.Diff(want, string(journey.Derive(records, moment).AppendJSON(nil))); diff != "" {
				t.Errorf("since the last change, at %s (-now +then):\n%s", moment, diff)
			}
		}
	})
}

// BenchmarkDeriveDistributions has a record for every distribution.
func BenchmarkDeriveDistributions(b *testing.B) {
	for _, n := range benchmarkSizes {
		b.Run(fmt.Sprintf("participations=%d", n), func(b *testing.B) {
			records := manyParticipations(n)
			for i, p := range records.Participations {
				records.Distributions = append(records.Distributions, dist(p.Type, p.ID, serving(int64(i)), distEnds(99)))
			}
			b.ReportAllocs()
			for b.Loop() {
				journey.Derive(records, now)
			}
		})
	}
}
