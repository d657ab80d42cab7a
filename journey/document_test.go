package journey_test

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"

	"github.com/rejoinhq/rejoin/consumer"
	"github.com/rejoinhq/rejoin/journey"
)

// TestGoldenDocument derives the example of Fanfare's Consumer Identity API documentation.
func TestGoldenDocument(t *testing.T) {
	want, err := os.ReadFile("testdata/golden_active.json")
	if err != nil {
		t.Fatal(err)
	}
	entered := time.Date(2024, 12, 1, 9, 5, 0, 0, time.UTC)
	active := derive(consumer.Snapshot{
		Participations: []consumer.Participation{{
			OrganizationID: "org_01HXYZ123456789", ConsumerID: "cons_01HXYZ123456789",
			Type: "queue", ID: "queue_01HXYZ123456789",
			ExperienceID: "exp_01HXYZ123456789", SequenceID: "seq_01HXYZ123456789",
			Status: "ADMITTED", Position: new(int64(0)),
			EnteredAt: entered, AdmittedAt: new(entered.Add(10 * time.Minute)),
			AdmissionToken: new("eyJhbGciOiJFZERTQSIsInR5cCI6IkpXVCJ9..."),
		}},
	}, now)
	got := jsontext.Value(documentJSON(t, active))
	if err := got.Indent(jsontext.WithIndent("  ")); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)+"\n"); diff != "" {
		t.Errorf("document (-documentation +got):\n%s", diff)
	}
}

func TestDocumentOfNothing(t *testing.T) {
	const want = `{"experiences":{},"queues":{},"draws":{},"auctions":{},"timedReleases":{},"admissions":{},"journeys":[]}`
	for name, records := range map[string]consumer.Snapshot{
		"no records":             {},
		"only what is over":      snapshot(part("queue", "q", "LEFT", -9), grant("draw", "d", "t", -9, grantEnded(-1))),
		"only what expired":      snapshot(part("queue", "q", "QUEUED", -9, expires(0)), grant("draw", "d", "t", -9, grantExpires(-1))),
		"only what is not known": snapshot(part("raffle", "q", "ENTERED", -9), part("queue", "q", "PAUSED", -9), grant("raffle", "d", "t", -9)),
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(want, documentJSON(t, derive(records, now))); diff != "" {
				t.Errorf("document (-want +got):\n%s", diff)
			}
		})
	}
}

// shape is the JSON of one part of the document.
type shape struct {
	name    string
	records consumer.Snapshot
	pick    func(journey.ActiveParticipations) any
	want    string
}

func checkShapes(t *testing.T, shapes []shape) {
	t.Helper()
	for _, s := range shapes {
		t.Run(s.name, func(t *testing.T) {
			if diff := cmp.Diff(s.want, documentJSON(t, s.pick(derive(s.records, now)))); diff != "" {
				t.Errorf("JSON (-want +got):\n%s", diff)
			}
		})
	}
}

func queues(a journey.ActiveParticipations) any        { return a.Queues }
func draws(a journey.ActiveParticipations) any         { return a.Draws }
func auctions(a journey.ActiveParticipations) any      { return a.Auctions }
func timedReleases(a journey.ActiveParticipations) any { return a.TimedReleases }
func admissions(a journey.ActiveParticipations) any    { return a.Admissions }
func experiences(a journey.ActiveParticipations) any   { return a.Experiences }
func allJourneys(a journey.ActiveParticipations) any   { return a.Journeys }

func full(p *consumer.Participation) {
	p.AdmittedAt, p.AdmissionToken, p.ExpiresAt = new(at(-5)), new("t"), new(at(30))
}

func bids(amount consumer.Amount, count int64) participationEdit {
	return func(p *consumer.Participation) {
		p.LastBidAmount, p.LastBidTime, p.BidCount = &amount, new(at(-6)), &count
	}
}

func position(n int64) participationEdit {
	return func(p *consumer.Participation) { p.Position = &n }
}

func TestDocumentStates(t *testing.T) {
	variant := func(p *consumer.Participation) { p.SelectedVariantID = new("v") }
	checkShapes(t, []shape{
		{
			"queue without values", snapshot(part("queue", "q", "QUEUED", -9)), queues,
			`{"q":{"queueId":"q","status":"QUEUED","position":null,"enteredAt":"2024-12-01T11:51:00Z"}}`,
		},
		{
			"queue with all values", snapshot(part("queue", "q", "ADMITTED", -9, full, position(7))), queues,
			`{"q":{"queueId":"q","status":"ADMITTED","position":7,"enteredAt":"2024-12-01T11:51:00Z",` +
				`"admittedAt":"2024-12-01T11:55:00Z","admissionToken":"t","expiresAt":"2024-12-01T12:30:00Z"}}`,
		},
		{
			"position 0 is a position", snapshot(part("queue", "q", "QUEUED", -9, position(0))), queues,
			`{"q":{"queueId":"q","status":"QUEUED","position":0,"enteredAt":"2024-12-01T11:51:00Z"}}`,
		},
		{
			"draw without values", snapshot(part("draw", "d", "ENTERED", -9)), draws,
			`{"d":{"drawId":"d","status":"ENTERED","enteredAt":"2024-12-01T11:51:00Z"}}`,
		},
		{
			"draw with all values", snapshot(part("draw", "d", "WON", -9, full)), draws,
			`{"d":{"drawId":"d","status":"WON","enteredAt":"2024-12-01T11:51:00Z","wonAt":"2024-12-01T11:55:00Z",` +
				`"admissionToken":"t","expiresAt":"2024-12-01T12:30:00Z"}}`,
		},
		{
			"auction without values: the last bid is null and the count 0", snapshot(part("auction", "a", "ACTIVE", -9)), auctions,
			`{"a":{"auctionId":"a","status":"ACTIVE","enteredAt":"2024-12-01T11:51:00Z","lastBidAmount":null,"lastBidTime":null,"bidCount":0}}`,
		},
		{
			"auction with all values", snapshot(part("auction", "a", "WON", -9, full, bids("250.00", 3))), auctions,
			`{"a":{"auctionId":"a","status":"WON","enteredAt":"2024-12-01T11:51:00Z","lastBidAmount":250.00,` +
				`"lastBidTime":"2024-12-01T11:54:00Z","bidCount":3,"wonAt":"2024-12-01T11:55:00Z","paymentToken":"t","expiresAt":"2024-12-01T12:30:00Z"}}`,
		},
		{
			"timed release without values", snapshot(part("timed_release", "r", "ENTERED", -9)), timedReleases,
			`{"r":{"timedReleaseId":"r","status":"ENTERED","enteredAt":"2024-12-01T11:51:00Z"}}`,
		},
		{
			"timed release with all values", snapshot(part("timed_release", "r", "ENTERED", -9, full, variant)), timedReleases,
			`{"r":{"timedReleaseId":"r","status":"ENTERED","enteredAt":"2024-12-01T11:51:00Z","selectedVariantId":"v",` +
				`"admittedAt":"2024-12-01T11:55:00Z","admissionToken":"t","expiresAt":"2024-12-01T12:30:00Z"}}`,
		},
		{
			"admission without values", snapshot(grant("timed_release", "r", "t", -5)), admissions,
			`{"r":{"distributionType":"timed_release","distributionId":"r","experienceId":"e1","sequenceId":"s1",` +
				`"admissionToken":"t","admittedAt":"2024-12-01T11:55:00Z"}}`,
		},
		{
			"admission with all values", snapshot(grant("queue", "q", "t", -5, grantExpires(30))), admissions,
			`{"q":{"distributionType":"queue","distributionId":"q","experienceId":"e1","sequenceId":"s1",` +
				`"admissionToken":"t","admittedAt":"2024-12-01T11:55:00Z","expiresAt":"2024-12-01T12:30:00Z"}}`,
		},
	})
}

func TestDocumentNodes(t *testing.T) {
	node := func(text string) string { return `{"e1":{"sequences":{"s1":` + text + `}}}` }
	variant := func(p *consumer.Participation) { p.SelectedVariantID = new("v") }
	checkShapes(t, []shape{
		{
			"a queue is without position", snapshot(part("queue", "q", "ADMITTED", -9, full, position(0))), experiences,
			node(`{"queue":{"queueId":"q","sequenceId":"s1","status":"ADMITTED","enteredAt":"2024-12-01T11:51:00Z",` +
				`"admittedAt":"2024-12-01T11:55:00Z","admissionToken":"t","expiresAt":"2024-12-01T12:30:00Z"}}`),
		},
		{
			"draw", snapshot(part("draw", "d", "WON", -9, full)), experiences,
			node(`{"draw":{"drawId":"d","sequenceId":"s1","status":"WON","enteredAt":"2024-12-01T11:51:00Z",` +
				`"wonAt":"2024-12-01T11:55:00Z","admissionToken":"t","expiresAt":"2024-12-01T12:30:00Z"}}`),
		},
		{
			"auction", snapshot(part("auction", "a", "WON", -9, full, bids("0.10", 1))), experiences,
			node(`{"auction":{"auctionId":"a","sequenceId":"s1","status":"WON","enteredAt":"2024-12-01T11:51:00Z",` +
				`"lastBidAmount":0.10,"lastBidTime":"2024-12-01T11:54:00Z","bidCount":1,"wonAt":"2024-12-01T11:55:00Z",` +
				`"paymentToken":"t","expiresAt":"2024-12-01T12:30:00Z"}}`),
		},
		{
			"timed release", snapshot(part("timed_release", "r", "ENTERED", -9, full, variant)), experiences,
			node(`{"timedRelease":{"timedReleaseId":"r","sequenceId":"s1","status":"ENTERED","enteredAt":"2024-12-01T11:51:00Z",` +
				`"selectedVariantId":"v","admittedAt":"2024-12-01T11:55:00Z","admissionToken":"t","expiresAt":"2024-12-01T12:30:00Z"}}`),
		},
		{
			"a waitlist has four fields, whatever its record has", snapshot(part("waitlist", "w", "NOTIFIED", -9, full)), experiences,
			node(`{"waitlist":{"waitlistId":"w","sequenceId":"s1","status":"NOTIFIED","enteredAt":"2024-12-01T11:51:00Z"}}`),
		},
		{
			"the types of one sequence in their order",
			snapshot(
				part("timed_release", "r", "ENTERED", -9), part("auction", "a", "ACTIVE", -9), part("draw", "d", "ENTERED", -9),
				part("queue", "q", "QUEUED", -9), part("waitlist", "w", "WAITING", -9),
			), experiences,
			node(`{"waitlist":{"waitlistId":"w","sequenceId":"s1","status":"WAITING","enteredAt":"2024-12-01T11:51:00Z"},` +
				`"queue":{"queueId":"q","sequenceId":"s1","status":"QUEUED","enteredAt":"2024-12-01T11:51:00Z"},` +
				`"draw":{"drawId":"d","sequenceId":"s1","status":"ENTERED","enteredAt":"2024-12-01T11:51:00Z"},` +
				`"auction":{"auctionId":"a","sequenceId":"s1","status":"ACTIVE","enteredAt":"2024-12-01T11:51:00Z",` +
				`"lastBidAmount":null,"lastBidTime":null,"bidCount":0},` +
				`"timedRelease":{"timedReleaseId":"r","sequenceId":"s1","status":"ENTERED","enteredAt":"2024-12-01T11:51:00Z"}}`),
		},
		{
			"map keys in byte order",
			snapshot(
				part("waitlist", "a", "WAITING", -9, within("e2", "s9")), part("waitlist", "b", "WAITING", -9, within("e2", "s10")),
				part("waitlist", "c", "WAITING", -9, within("E3", "s1")),
			), experiences,
			`{"E3":{"sequences":{"s1":{"waitlist":{"waitlistId":"c","sequenceId":"s1","status":"WAITING","enteredAt":"2024-12-01T11:51:00Z"}}}},` +
				`"e2":{"sequences":{"s10":{"waitlist":{"waitlistId":"b","sequenceId":"s10","status":"WAITING","enteredAt":"2024-12-01T11:51:00Z"}},` +
				`"s9":{"waitlist":{"waitlistId":"a","sequenceId":"s9","status":"WAITING","enteredAt":"2024-12-01T11:51:00Z"}}}}}`,
		},
		{"a sequence that has only an admission has no node", snapshot(grant("queue", "q", "t", -5)), experiences, `{}`},
	})
}

func TestDocumentJourneys(t *testing.T) {
	checkShapes(t, []shape{
		{
			"participating", snapshot(part("auction", "a", "OUTBID", -9)), allJourneys,
			`[{"experienceId":"e1","sequenceId":"s1","journeyStage":"routed","sequenceStage":"participating",` +
				`"participation":{"type":"auction","id":"a","status":"OUTBID"}}]`,
		},
		{
			"on a waitlist", snapshot(part("waitlist", "w", "WAITING", -9)), allJourneys,
			`[{"experienceId":"e1","sequenceId":"s1","journeyStage":"routed","sequenceStage":"waitlist_entered",` +
				`"participation":{"type":"waitlist","id":"w","status":"WAITING"}}]`,
		},
		{
			"admitted", snapshot(part("timed_release", "r", "ENTERED", -9, full)), allJourneys,
			`[{"experienceId":"e1","sequenceId":"s1","journeyStage":"admitted","sequenceStage":"admitted",` +
				`"participation":{"type":"timed_release","id":"r","status":"ENTERED","admissionToken":"t"},` +
				`"admission":{"distributionType":"timed_release","distributionId":"r","experienceId":"e1","sequenceId":"s1",` +
				`"admissionToken":"t","admittedAt":"2024-12-01T11:55:00Z","expiresAt":"2024-12-01T12:30:00Z"}}]`,
		},
		{
			"admitted without admittedAt shows enteredAt in the journey only", snapshot(part("draw", "d", "WON", -9, token("t"))),
			func(a journey.ActiveParticipations) any { return []any{a.Draws, a.Journeys} },
			`[{"d":{"drawId":"d","status":"WON","enteredAt":"2024-12-01T11:51:00Z","admissionToken":"t"}},` +
				`[{"experienceId":"e1","sequenceId":"s1","journeyStage":"admitted","sequenceStage":"admitted",` +
				`"participation":{"type":"draw","id":"d","status":"WON","admissionToken":"t"},` +
				`"admission":{"distributionType":"draw","distributionId":"d","experienceId":"e1","sequenceId":"s1",` +
				`"admissionToken":"t","admittedAt":"2024-12-01T11:51:00Z"}}]]`,
		},
	})
}

func TestDocumentKeepsTheDigitsOfAmounts(t *testing.T) {
	for _, amount := range []consumer.Amount{"0", "0.1", "0.10", "1.00000000", "250.00", "999999999999.99999999", "100000000000", "900719925474.09931"} {
		got := documentJSON(t, derive(snapshot(part("auction", "a", "ACTIVE", -9, bids(amount, 1))), now).Auctions)
		if want := `"lastBidAmount":` + string(amount) + `,`; !strings.Contains(got, want) {
			t.Errorf("got %s, want %s in it", got, want)
		}
	}
}

func TestDocumentShowsNoBadAmount(t *testing.T) {
	for _, amount := range []consumer.Amount{"", "007", "1e5", "-1", "NaN", "1}", `"1"`, "1234567890123"} {
		got := documentJSON(t, derive(snapshot(part("auction", "a", "ACTIVE", -9, bids(amount, 1))), now).Auctions)
		if !strings.Contains(got, `"lastBidAmount":null,`) {
			t.Errorf("amount %q: got %s, want null", amount, got)
		}
	}
}

func TestDocumentTimes(t *testing.T) {
	noon := time.Date(2024, 12, 1, 12, 0, 0, 0, time.UTC)
	cases := []struct {
		name string
		in   time.Time
		want string
	}{
		{"no fraction when it is zero", noon, "2024-12-01T12:00:00Z"},
		{"no zeros at the end of a fraction", noon.Add(500 * time.Millisecond), "2024-12-01T12:00:00.5Z"},
		{"microseconds", noon.Add(123456 * time.Microsecond), "2024-12-01T12:00:00.123456Z"},
		{"finer is truncated", noon.Add(123456789), "2024-12-01T12:00:00.123456Z"},
		{"finer is never rounded up", noon.Add(999_999_999), "2024-12-01T12:00:00.999999Z"},
		{"finer than the last digit is no fraction", noon.Add(999), "2024-12-01T12:00:00Z"},
		{"truncated backwards before 1970", time.Date(1969, 12, 31, 23, 59, 59, 999_999_999, time.UTC), "1969-12-31T23:59:59.999999Z"},
		{"in UTC", noon.In(time.FixedZone("east", 5*3600+1800)), "2024-12-01T12:00:00Z"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			p := part("auction", "a", "WON", -9, token("p"), func(p *consumer.Participation) {
				p.EnteredAt, p.AdmittedAt, p.LastBidTime = c.in, &c.in, &c.in
			})
			a := grant("draw", "d", "a", -9, func(a *consumer.Admission) { a.AdmittedAt = c.in })
			text := documentJSON(t, derive(snapshot(p, a), now))
			for _, field := range []string{"enteredAt", "lastBidTime", "wonAt", "admittedAt"} {
				if shown := `"` + field + `":"`; strings.Count(text, shown) != strings.Count(text, shown+c.want+`"`) {
					t.Errorf("not every %s is %s: %s", field, c.want, text)
				}
			}
		})
	}
	t.Run("expiresAt as well", func(t *testing.T) {
		expiresAt := time.Date(2024, 12, 1, 15, 0, 0, 500_000_999, time.FixedZone("east", 3600))
		p := part("queue", "q", "QUEUED", -9, func(p *consumer.Participation) { p.ExpiresAt = &expiresAt })
		a := grant("draw", "d", "a", -9, func(a *consumer.Admission) { a.ExpiresAt = &expiresAt })
		text := documentJSON(t, derive(snapshot(p, a), now))
		if got := strings.Count(text, `"expiresAt":"2024-12-01T14:00:00.5Z"`); got != 4 {
			t.Errorf("got %d of the four times: %s", got, text)
		}
	})
}

func TestMapsListAllAndTheNodeIsTheLeaderAmongThem(t *testing.T) {
	cases := []struct {
		name     string
		records  consumer.Snapshot
		node     string
		inQueues []string
	}{
		{"the latest enteredAt", snapshot(part("queue", "a", "QUEUED", -9), part("queue", "b", "QUEUED", -7), part("queue", "c", "QUEUED", -8)), "b", []string{"a", "b", "c"}},
		{"the id at equal moments", snapshot(part("queue", "b", "QUEUED", -9), part("queue", "a", "QUEUED", -9)), "a", []string{"a", "b"}},
		{"an admitting one before a later one", snapshot(part("queue", "a", "QUEUED", -1), part("queue", "b", "ADMITTED", -9, token("t"))), "b", []string{"a", "b"}},
		{"the latest admittedAt of admitting ones", snapshot(part("queue", "a", "ADMITTED", -1, admitted(-8), token("t")), part("queue", "b", "ADMITTED", -9, admitted(-7), token("u"))), "b", []string{"a", "b"}},
		{"one that leads no journey", snapshot(part("queue", "a", "QUEUED", -9), part("queue", "b", "QUEUED", -8), part("draw", "d", "WON", -9, token("t"))), "b", []string{"a", "b"}},
		{"an admission for one of them changes nothing", snapshot(part("queue", "a", "QUEUED", -9), part("queue", "b", "QUEUED", -8), grant("queue", "a", "t", -1)), "b", []string{"a", "b"}},
		{"participations that ended or expired are left out", snapshot(part("queue", "a", "QUEUED", -9), part("queue", "b", "LEFT", -8), part("queue", "c", "QUEUED", -7, expires(0))), "a", []string{"a"}},
		{"another sequence has its own node", snapshot(part("queue", "a", "QUEUED", -9), part("queue", "b", "QUEUED", -8, within("e1", "s2"))), "a", []string{"a", "b"}},
		{"the same sequence id elsewhere too", snapshot(part("queue", "a", "QUEUED", -9), part("queue", "b", "QUEUED", -8, within("e2", "s1"))), "a", []string{"a", "b"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			active := derive(c.records, now)
			if got := active.Experiences["e1"].Sequences["s1"].Queue; got == nil || got.QueueID != c.node {
				t.Errorf("node: got %+v, want %s", got, c.node)
			}
			if len(active.Queues) != len(c.inQueues) {
				t.Errorf("got %d queues, want %d", len(active.Queues), len(c.inQueues))
			}
			for _, id := range c.inQueues {
				if got := active.Queues[id].QueueID; got != id {
					t.Errorf("queues[%s] is %q", id, got)
				}
			}
		})
	}
}

func TestNodeOfEveryTypeIsTheLeaderAmongItsOwn(t *testing.T) {
	active := derive(snapshot(
		part("waitlist", "w1", "WAITING", -9), part("waitlist", "w2", "NOTIFIED", -8),
		part("draw", "d1", "ENTERED", -9), part("draw", "d2", "ENTERED", -8),
		part("auction", "a1", "WINNING", -9), part("auction", "a2", "OUTBID", -8),
		part("timed_release", "r1", "ENTERED", -9, token("t")), part("timed_release", "r2", "ENTERED", -8),
	), now)
	node := active.Experiences["e1"].Sequences["s1"]
	got := []string{node.Waitlist.WaitlistID, node.Draw.DrawID, node.Auction.AuctionID, node.TimedRelease.TimedReleaseID}
	if diff := cmp.Diff([]string{"w2", "d2", "a2", "r1"}, got); diff != "" {
		t.Errorf("nodes (-want +got):\n%s", diff)
	}
	if node.Queue != nil {
		t.Errorf("there is a queue: %+v", node.Queue)
	}
	if len(active.Draws) != 2 || len(active.Auctions) != 2 || len(active.TimedReleases) != 2 {
		t.Error("the maps must list all")
	}
}

func TestAdmissionsAreThoseThatNoParticipationCarries(t *testing.T) {
	carrier := part("queue", "q", "ADMITTED", -9, admitted(-8), token("own"))
	inSecond := func(a journey.Admission) journey.Admission {
		a.SequenceID = "s2"
		return a
	}
	type byID = map[string]journey.Admission
	cases := []struct {
		name    string
		records consumer.Snapshot
		want    byID
	}{
		{"an admitted queue keeps its token in its own state", snapshot(carrier), byID{}},
		{"one that was granted directly", snapshot(grant("queue", "q", "t", -5)), byID{"q": shownAdmission("queue", "q", "t", -5)}},
		{
			"one that does not lead its journey",
			snapshot(grant("queue", "q", "t", -5), part("draw", "d", "WON", -1, token("d"))),
			byID{"q": shownAdmission("queue", "q", "t", -5)},
		},
		{
			"one of a timed release that issues it apart",
			snapshot(part("timed_release", "r", "ENTERED", -9), grant("timed_release", "r", "t", -5)),
			byID{"r": shownAdmission("timed_release", "r", "t", -5)},
		},
		{"not one that a participation carries, be it later", snapshot(carrier, grant("queue", "q", "t", -1)), byID{}},
		{
			"one whose participation is in another sequence",
			snapshot(carrier, grant("queue", "q", "t", -1, grantWithin("e1", "s2"))),
			byID{"q": inSecond(shownAdmission("queue", "q", "t", -1))},
		},
		{"not one that ended", snapshot(grant("queue", "q", "t", -5, grantEnded(-1))), byID{}},
		{"not one that expired", snapshot(grant("queue", "q", "t", -5, grantExpires(0))), byID{}},
		{
			"of two types of one id the later one",
			snapshot(grant("queue", "x", "q", -5), grant("draw", "x", "d", -4)),
			byID{"x": shownAdmission("draw", "x", "d", -4)},
		},
		{
			"of two types of one id at equal moments by type",
			snapshot(grant("timed_release", "x", "r", -5), grant("auction", "x", "a", -5)),
			byID{"x": shownAdmission("auction", "x", "a", -5)},
		},
		{
			"of two types of one id in two sequences, where a sequence that sorts first has the earlier one",
			snapshot(grant("queue", "x", "q", -5), grant("draw", "x", "d", -4, grantWithin("e1", "s2"))),
			byID{"x": inSecond(shownAdmission("draw", "x", "d", -4))},
		},
		{
			"of two types of one id in two sequences, where a sequence that sorts first has the later one",
			snapshot(grant("queue", "x", "q", -4), grant("draw", "x", "d", -5, grantWithin("e1", "s2"))),
			byID{"x": shownAdmission("queue", "x", "q", -4)},
		},
		{
			"of two types of one id, one is carried and leaves the place to the other",
			snapshot(carrier, grant("queue", "q", "q", -1), grant("draw", "q", "d", -7)),
			byID{"q": shownAdmission("draw", "q", "d", -7)},
		},
		{
			"of two types of one id, one ended and leaves the place to the other",
			snapshot(grant("queue", "x", "q", -1, grantEnded(-1)), grant("draw", "x", "d", -7)),
			byID{"x": shownAdmission("draw", "x", "d", -7)},
		},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, derive(c.records, now).Admissions); diff != "" {
				t.Errorf("admissions (-want +got):\n%s", diff)
			}
		})
	}
}

// An admission that is hidden in the map can still lead a journey.
func TestAdmissionThatACollisionHidesKeepsItsJourney(t *testing.T) {
	checkRules(t, []rule{{
		"one id, two types, two sequences",
		snapshot(grant("queue", "x", "q", -5), grant("draw", "x", "d", -4, grantWithin("e1", "s2"))),
		journeys(moved(admittedTo("draw", "x", "ADMITTED", "d", -4), "e1", "s2"), admittedTo("queue", "x", "ADMITTED", "q", -5)),
	}})
}

func TestAmountReadsBackAsItWasWritten(t *testing.T) {
	var a journey.Amount
	if err := a.UnmarshalJSON([]byte("250.00")); err != nil || a != "250.00" {
		t.Errorf("got %q and the error %v, want 250.00", a, err)
	}
	for _, bad := range []string{"-1", "1e5", `"1"`, "007", ""} {
		if err := a.UnmarshalJSON([]byte(bad)); err == nil || strings.Contains(err.Error(), bad) && bad != "" {
			t.Errorf("%q: got the error %v, want one that doesn't repeat it", bad, err)
		}
	}
}
