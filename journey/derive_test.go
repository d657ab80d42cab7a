package journey_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/rejoinhq/rejoin/consumer"
	"github.com/rejoinhq/rejoin/journey"
)

// rule is a sentence of section 5 of the contract, or a part of one.
type rule struct {
	name    string
	records consumer.Snapshot
	want    []journey.Journey
}

func checkRules(t *testing.T, rules []rule) {
	t.Helper()
	for _, r := range rules {
		t.Run(r.name, func(t *testing.T) {
			got := derive(r.records, now).Journeys
			if diff := cmp.Diff(r.want, got, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("journeys (-want +got):\n%s", diff)
			}
		})
	}
}

func journeys(all ...journey.Journey) []journey.Journey { return all }

// TestStageOfEveryType has one record at a time.
func TestStageOfEveryType(t *testing.T) {
	checkRules(t, []rule{
		{"queue QUEUED", snapshot(part("queue", "d", "QUEUED", -9)), journeys(participating("queue", "d", "QUEUED"))},
		{"queue ADMITTED without a token yet", snapshot(part("queue", "d", "ADMITTED", -9, admitted(-5))), journeys(participating("queue", "d", "ADMITTED"))},
		{"queue ADMITTED with an empty token", snapshot(part("queue", "d", "ADMITTED", -9, token(""))), journeys(participating("queue", "d", "ADMITTED"))},
		{"queue ADMITTED", snapshot(part("queue", "d", "ADMITTED", -9, admitted(-5), token("t"))), journeys(admittedTo("queue", "d", "ADMITTED", "t", -5))},
		{"draw ENTERED", snapshot(part("draw", "d", "ENTERED", -9)), journeys(participating("draw", "d", "ENTERED"))},
		{"draw WON without a token yet", snapshot(part("draw", "d", "WON", -9, admitted(-5))), journeys(participating("draw", "d", "WON"))},
		{"draw WON", snapshot(part("draw", "d", "WON", -9, admitted(-5), token("t"))), journeys(admittedTo("draw", "d", "WON", "t", -5))},
		{"auction ACTIVE", snapshot(part("auction", "d", "ACTIVE", -9)), journeys(participating("auction", "d", "ACTIVE"))},
		{"auction OUTBID", snapshot(part("auction", "d", "OUTBID", -9)), journeys(participating("auction", "d", "OUTBID"))},
		{"auction WINNING", snapshot(part("auction", "d", "WINNING", -9)), journeys(participating("auction", "d", "WINNING"))},
		{"auction WON without a token yet", snapshot(part("auction", "d", "WON", -9, admitted(-5))), journeys(participating("auction", "d", "WON"))},
		{"auction WON", snapshot(part("auction", "d", "WON", -9, admitted(-5), token("t"))), journeys(admittedTo("auction", "d", "WON", "t", -5))},
		{"timed release ENTERED without a token", snapshot(part("timed_release", "d", "ENTERED", -9)), journeys(participating("timed_release", "d", "ENTERED"))},
		{"timed release ENTERED", snapshot(part("timed_release", "d", "ENTERED", -9, admitted(-5), token("t"))), journeys(admittedTo("timed_release", "d", "ENTERED", "t", -5))},
		{"waitlist WAITING", snapshot(part("waitlist", "d", "WAITING", -9)), journeys(waiting("d", "WAITING"))},
		{"waitlist NOTIFIED", snapshot(part("waitlist", "d", "NOTIFIED", -9)), journeys(waiting("d", "NOTIFIED"))},

		// No store accepts these, but Derive accepts any input.
		{"a token alone does not admit from a queue", snapshot(part("queue", "d", "QUEUED", -9, token("t"))), journeys(participating("queue", "d", "QUEUED"))},
		{"a token alone does not admit from a draw", snapshot(part("draw", "d", "ENTERED", -9, token("t"))), journeys(participating("draw", "d", "ENTERED"))},
		{"a token alone does not admit from an auction", snapshot(part("auction", "d", "WINNING", -9, token("t"))), journeys(participating("auction", "d", "WINNING"))},
		{"a token never admits from a waitlist", snapshot(part("waitlist", "d", "NOTIFIED", -9, token("t"))), journeys(waiting("d", "NOTIFIED"))},

		{"admission to a queue", snapshot(grant("queue", "d", "t", -5)), journeys(admittedTo("queue", "d", "ADMITTED", "t", -5))},
		{"admission to a draw", snapshot(grant("draw", "d", "t", -5)), journeys(admittedTo("draw", "d", "ADMITTED", "t", -5))},
		{"admission to an auction", snapshot(grant("auction", "d", "t", -5)), journeys(admittedTo("auction", "d", "ADMITTED", "t", -5))},
		{"admission to a timed release", snapshot(grant("timed_release", "d", "t", -5)), journeys(admittedTo("timed_release", "d", "ADMITTED", "t", -5))},
		{"a waitlist has no admission", snapshot(grant("waitlist", "d", "t", -5)), nil},
	})
}

func TestNothingThatIsNotActiveHasAJourney(t *testing.T) {
	row := func(kind consumer.DistributionType, statuses ...consumer.Status) []rule {
		var rules []rule
		for _, status := range statuses {
			rules = append(rules, rule{string(kind) + " " + string(status), snapshot(part(kind, "d", status, -9, admitted(-5), token("t"))), nil})
		}
		return rules
	}
	checkRules(t, row("queue", "COMPLETED", "DENIED", "LEFT", "EXPIRED"))
	checkRules(t, row("draw", "COMPLETED", "LOST", "DENIED", "LEFT", "EXPIRED"))
	checkRules(t, row("auction", "COMPLETED", "LOST", "DENIED", "LEFT", "EXPIRED"))
	checkRules(t, row("timed_release", "COMPLETED", "LEFT", "EXPIRED"))
	checkRules(t, row("waitlist", "CONVERTED", "LEFT"))
	// The statuses of other types, unknown ones and unknown types.
	checkRules(t, row("queue", "WON", "ENTERED", "WAITING", "ACTIVE", "", "admitted", "PAUSED"))
	checkRules(t, row("draw", "QUEUED", "ADMITTED", "WINNING"))
	checkRules(t, row("auction", "ENTERED", "ADMITTED"))
	checkRules(t, row("timed_release", "WON", "ADMITTED", "QUEUED"))
	checkRules(t, row("waitlist", "ENTERED", "QUEUED", "ADMITTED"))
	checkRules(t, row("raffle", "ENTERED", "WON", "ADMITTED"))
	checkRules(t, row("", "QUEUED", ""))
	checkRules(t, []rule{
		{"no records", snapshot(), nil},
		{"admission to an unknown type", snapshot(grant("raffle", "d", "t", -5)), nil},
		{"admission without a token", snapshot(grant("queue", "d", "", -5)), nil},
		{"admission that ended", snapshot(grant("queue", "d", "t", -5, grantEnded(-1))), nil},
		{"admission that ended when it began", snapshot(grant("queue", "d", "t", -5, grantEnded(-5))), nil},
	})
}

func TestExpiryIsDecidedAtTheMomentOfReading(t *testing.T) {
	won := part("draw", "d", "WON", -9, admitted(-5), token("t"))
	expiring := func(p consumer.Participation, expiresAt time.Time) consumer.Participation {
		p.ExpiresAt = &expiresAt
		return p
	}
	granted := func(expiresAt time.Time) consumer.Admission {
		return grant("queue", "d", "t", -5, func(a *consumer.Admission) { a.ExpiresAt = &expiresAt })
	}
	just := now.Add(time.Microsecond)
	ending := func(j journey.Journey, expiresAt time.Time) journey.Journey {
		j.Admission.ExpiresAt = &expiresAt
		return j
	}
	checkRules(t, []rule{
		{"participation a microsecond before", snapshot(expiring(won, just)), journeys(ending(admittedTo("draw", "d", "WON", "t", -5), just))},
		{"participation exactly now has expired", snapshot(expiring(won, now)), nil},
		{"participation exactly now, said in another zone", snapshot(expiring(won, now.In(time.FixedZone("west", -3600)))), nil},
		{"participation a microsecond after", snapshot(expiring(won, now.Add(-time.Microsecond))), nil},
		{"participation with the zero moment", snapshot(expiring(won, time.Time{})), nil},
		{"queued participation expires too", snapshot(part("queue", "d", "QUEUED", -9, expires(0))), nil},
		{"waitlist expires too", snapshot(part("waitlist", "d", "WAITING", -9, expires(0))), nil},
		{"waitlist before its expiry", snapshot(part("waitlist", "d", "WAITING", -9, expires(1))), journeys(waiting("d", "WAITING"))},
		{"admission a microsecond before", snapshot(granted(just)), journeys(ending(admittedTo("queue", "d", "ADMITTED", "t", -5), just))},
		{"admission exactly now has expired", snapshot(granted(now)), nil},
		{"admission a microsecond after", snapshot(granted(now.Add(-time.Microsecond))), nil},
		{"what is entered only later shows already", snapshot(part("queue", "d", "QUEUED", 9)), journeys(participating("queue", "d", "QUEUED"))},
	})
}

func TestStrongestStageOfASequenceCounts(t *testing.T) {
	checkRules(t, []rule{
		{
			"a queue before a waitlist, be the waitlist later",
			snapshot(part("waitlist", "w", "WAITING", -1), part("queue", "q", "QUEUED", -9)),
			journeys(participating("queue", "q", "QUEUED")),
		},
		{
			"a timed release before a waitlist",
			snapshot(part("waitlist", "w", "NOTIFIED", -1), part("timed_release", "r", "ENTERED", -9)),
			journeys(participating("timed_release", "r", "ENTERED")),
		},
		{
			"an admitting participation before a later one that is not",
			snapshot(part("queue", "q", "QUEUED", -1), part("draw", "d", "WON", -9, admitted(-8), token("t"))),
			journeys(admittedTo("draw", "d", "WON", "t", -8)),
		},
		{
			"an admitted queue without a token yet is one that is not",
			snapshot(part("queue", "q", "ADMITTED", -1, admitted(-1)), part("timed_release", "r", "ENTERED", -9, token("t"))),
			journeys(admittedTo("timed_release", "r", "ENTERED", "t", -9)),
		},
		{
			"an admission before a later participation",
			snapshot(part("queue", "q", "QUEUED", -1), grant("timed_release", "r", "t", -9)),
			journeys(admittedTo("timed_release", "r", "ADMITTED", "t", -9)),
		},
		{
			"an admission before a later waitlist",
			snapshot(part("waitlist", "w", "WAITING", -1), grant("queue", "q", "t", -9)),
			journeys(admittedTo("queue", "q", "ADMITTED", "t", -9)),
		},
		{
			"once the admitting participation expired, the others count",
			snapshot(part("waitlist", "w", "WAITING", -9), part("queue", "q", "ADMITTED", -9, token("t"), expires(0)), part("draw", "d", "ENTERED", -8)),
			journeys(participating("draw", "d", "ENTERED")),
		},
	})
}

func TestLatestMomentLeads(t *testing.T) {
	checkRules(t, []rule{
		{
			"among participating ones the latest enteredAt, whatever the type",
			snapshot(part("queue", "q", "QUEUED", -9), part("auction", "a", "ACTIVE", -7), part("draw", "d", "ENTERED", -8)),
			journeys(participating("auction", "a", "ACTIVE")),
		},
		{
			"admittedAt does not count without a token",
			snapshot(part("queue", "q", "ADMITTED", -9, admitted(-1)), part("draw", "d", "ENTERED", -8)),
			journeys(participating("draw", "d", "ENTERED")),
		},
		{
			"among admitting ones the latest admittedAt, not the latest enteredAt",
			snapshot(part("queue", "q", "ADMITTED", -9, admitted(-2), token("q")), part("draw", "d", "WON", -5, admitted(-4), token("d"))),
			journeys(admittedTo("queue", "q", "ADMITTED", "q", -2)),
		},
		{
			"admittedAt counts even before enteredAt",
			snapshot(part("queue", "q", "ADMITTED", -1, admitted(-8), token("q")), part("draw", "d", "WON", -9, admitted(-7), token("d"))),
			journeys(admittedTo("draw", "d", "WON", "d", -7)),
		},
		{
			"an admission that is later than an admitting participation",
			snapshot(part("queue", "q", "ADMITTED", -9, admitted(-5), token("q")), grant("auction", "a", "a", -4)),
			journeys(admittedTo("auction", "a", "ADMITTED", "a", -4)),
		},
		{
			"an admitting participation that is later than an admission",
			snapshot(part("auction", "a", "WON", -9, admitted(-3), token("a")), grant("queue", "q", "q", -4)),
			journeys(admittedTo("auction", "a", "WON", "a", -3)),
		},
		{
			"the latest of several admissions",
			snapshot(grant("queue", "q", "q", -5), grant("draw", "d", "d", -3), grant("auction", "a", "a", -4)),
			journeys(admittedTo("draw", "d", "ADMITTED", "d", -3)),
		},
		{
			"among waitlists the latest enteredAt",
			snapshot(part("waitlist", "a", "WAITING", -5), part("waitlist", "b", "NOTIFIED", -4), part("waitlist", "c", "WAITING", -6)),
			journeys(waiting("b", "NOTIFIED")),
		},
		{
			"moments are compared, not what a zone's clock shows",
			snapshot(
				part("queue", "q", "QUEUED", 0, func(p *consumer.Participation) { p.EnteredAt = at(-2).In(time.FixedZone("east", 7200)) }),
				part("draw", "d", "ENTERED", -1),
			),
			journeys(participating("draw", "d", "ENTERED")),
		},
		{
			"a microsecond decides",
			snapshot(part("queue", "q", "QUEUED", -1), part("draw", "d", "ENTERED", -1, func(p *consumer.Participation) { p.EnteredAt = at(-1).Add(time.Microsecond) })),
			journeys(participating("draw", "d", "ENTERED")),
		},
		{
			"less than a microsecond does not",
			snapshot(part("queue", "q", "QUEUED", -1), part("draw", "d", "ENTERED", -1, func(p *consumer.Participation) { p.EnteredAt = at(-1).Add(999) })),
			journeys(participating("queue", "q", "QUEUED")),
		},
	})
}

func TestEnteredAtStandsInForAMissingAdmittedAt(t *testing.T) {
	for kind, status := range map[consumer.DistributionType]consumer.Status{
		"queue": "ADMITTED", "draw": "WON", "auction": "WON", "timed_release": "ENTERED",
	} {
		checkRules(t, []rule{{
			"it leads by it and shows it: " + string(kind),
			snapshot(part(kind, "d", status, -3, token("t")), grant("queue", "earlier", "e", -4), grant("draw", "earliest", "f", -5)),
			journeys(admittedTo(kind, "d", status, "t", -3)),
		}})
	}
}

func TestTypeAndThenIDLeadAtEqualMoments(t *testing.T) {
	queue, draw := part("queue", "z", "QUEUED", -5), part("draw", "y", "ENTERED", -5)
	auction, release := part("auction", "x", "ACTIVE", -5), part("timed_release", "w", "ENTERED", -5)
	checkRules(t, []rule{
		{"queue before all others", snapshot(release, auction, draw, queue), journeys(participating("queue", "z", "QUEUED"))},
		{"draw before auction and timed release", snapshot(release, auction, draw), journeys(participating("draw", "y", "ENTERED"))},
		{"auction before timed release", snapshot(release, auction), journeys(participating("auction", "x", "ACTIVE"))},
		{
			"ids in byte order, so capitals first",
			snapshot(part("queue", "a", "QUEUED", -5), part("queue", "B", "QUEUED", -5)),
			journeys(participating("queue", "B", "QUEUED")),
		},
		{
			"ids in byte order, not by number",
			snapshot(part("queue", "q9", "QUEUED", -5), part("queue", "q10", "QUEUED", -5)),
			journeys(participating("queue", "q10", "QUEUED")),
		},
		{
			"waitlists by id",
			snapshot(part("waitlist", "w2", "WAITING", -5), part("waitlist", "w1", "WAITING", -5)),
			journeys(waiting("w1", "WAITING")),
		},
		{
			"admissions by type",
			snapshot(grant("timed_release", "a", "r", -5), grant("auction", "b", "a", -5), grant("draw", "c", "d", -5)),
			journeys(admittedTo("draw", "c", "ADMITTED", "d", -5)),
		},
		{
			"admissions by id",
			snapshot(grant("draw", "b", "b", -5), grant("draw", "a", "a", -5)),
			journeys(admittedTo("draw", "a", "ADMITTED", "a", -5)),
		},
		{
			"an admission by its type before an admitting participation",
			snapshot(part("draw", "a", "WON", -9, admitted(-5), token("d")), grant("queue", "b", "q", -5)),
			journeys(admittedTo("queue", "b", "ADMITTED", "q", -5)),
		},
		{
			"an admitting participation by its type before an admission",
			snapshot(part("queue", "b", "ADMITTED", -9, admitted(-5), token("q")), grant("draw", "a", "d", -5)),
			journeys(admittedTo("queue", "b", "ADMITTED", "q", -5)),
		},
		{
			"an admission by its id before an admitting participation of its type",
			snapshot(part("queue", "b", "ADMITTED", -9, admitted(-5), token("q")), grant("queue", "a", "a", -5)),
			journeys(admittedTo("queue", "a", "ADMITTED", "a", -5)),
		},
	})
}

// An admission that an admitting participation carries is not shown.
func TestAdmissionThatAParticipationCarriesDropsOut(t *testing.T) {
	carrier := part("queue", "q", "ADMITTED", -9, admitted(-8), token("own"))
	both := journeys(
		moved(admittedTo("queue", "q", "ADMITTED", "apart", -1), "e1", "s2"),
		admittedTo("queue", "q", "ADMITTED", "own", -8),
	)
	checkRules(t, []rule{
		{"in the same sequence, be it later", snapshot(carrier, grant("queue", "q", "apart", -1)), journeys(admittedTo("queue", "q", "ADMITTED", "own", -8))},
		{
			"and another one leads instead of it",
			snapshot(carrier, grant("queue", "q", "apart", -1), grant("queue", "other", "o", -5)),
			journeys(admittedTo("queue", "other", "ADMITTED", "o", -5)),
		},
		{
			"of every type that admits",
			snapshot(
				part("draw", "d", "WON", -9, admitted(-8), token("own")), grant("draw", "d", "apart", -1),
				part("auction", "a", "WON", -9, admitted(-7), token("own")), grant("auction", "a", "apart", -1),
				part("timed_release", "r", "ENTERED", -9, admitted(-6), token("own")), grant("timed_release", "r", "apart", -1),
			),
			journeys(admittedTo("timed_release", "r", "ENTERED", "own", -6)),
		},
		{"not in another sequence", snapshot(carrier, grant("queue", "q", "apart", -1, grantWithin("e1", "s2"))), both},
		{
			"not in the sequence of the same id of another experience",
			snapshot(carrier, grant("queue", "q", "apart", -1, grantWithin("e2", "s1"))),
			journeys(moved(admittedTo("queue", "q", "ADMITTED", "apart", -1), "e2", "s1"), admittedTo("queue", "q", "ADMITTED", "own", -8)),
		},
		{"not of another type", snapshot(carrier, grant("draw", "q", "apart", -1)), journeys(admittedTo("draw", "q", "ADMITTED", "apart", -1))},
		{"not of another distribution", snapshot(carrier, grant("queue", "Q", "apart", -1)), journeys(admittedTo("queue", "Q", "ADMITTED", "apart", -1))},
		{
			"not once the participation expired",
			snapshot(part("queue", "q", "ADMITTED", -9, admitted(-8), token("own"), expires(0)), grant("queue", "q", "apart", -1)),
			journeys(admittedTo("queue", "q", "ADMITTED", "apart", -1)),
		},
		{
			"not while the participation has no token",
			snapshot(part("queue", "q", "ADMITTED", -9, admitted(-8)), grant("queue", "q", "apart", -1)),
			journeys(admittedTo("queue", "q", "ADMITTED", "apart", -1)),
		},
		{
			"not for a waitlist of the same id",
			snapshot(part("waitlist", "q", "NOTIFIED", -9), grant("queue", "q", "apart", -1)),
			journeys(admittedTo("queue", "q", "ADMITTED", "apart", -1)),
		},
	})
}

func TestAdmissionThatLeadsSpeaksForItsOwnParticipation(t *testing.T) {
	checkRules(t, []rule{
		{
			"the status is the participation's, the token the admission's",
			snapshot(part("timed_release", "r", "ENTERED", -9), grant("timed_release", "r", "apart", -1)),
			journeys(admittedTo("timed_release", "r", "ENTERED", "apart", -1)),
		},
		{
			"moment and expiry are the admission's",
			snapshot(part("auction", "a", "WINNING", -9, admitted(-2), expires(5)), grant("auction", "a", "apart", -4, grantExpires(7))),
			journeys(until(admittedTo("auction", "a", "WINNING", "apart", -4), 7)),
		},
		{
			"a token of a status that does not admit is not shown for it",
			snapshot(part("queue", "q", "QUEUED", -9, token("own")), grant("queue", "q", "apart", -4)),
			journeys(admittedTo("queue", "q", "QUEUED", "apart", -4)),
		},
		{
			"not for one of another type",
			snapshot(part("draw", "q", "ENTERED", -9), grant("queue", "q", "apart", -1)),
			journeys(admittedTo("queue", "q", "ADMITTED", "apart", -1)),
		},
		{
			"not for one of another distribution",
			snapshot(part("queue", "q2", "QUEUED", -9), grant("queue", "q", "apart", -1)),
			journeys(admittedTo("queue", "q", "ADMITTED", "apart", -1)),
		},
		{
			"not for one in another sequence, which keeps its journey",
			snapshot(part("queue", "q", "QUEUED", -9, within("e1", "s2")), grant("queue", "q", "apart", -1)),
			journeys(admittedTo("queue", "q", "ADMITTED", "apart", -1), moved(participating("queue", "q", "QUEUED"), "e1", "s2")),
		},
		{
			"not for one that is over, which does not end the admission",
			snapshot(part("queue", "q", "LEFT", -9, token("own")), grant("queue", "q", "apart", -1)),
			journeys(admittedTo("queue", "q", "ADMITTED", "apart", -1)),
		},
		{
			"not for one that expired",
			snapshot(part("queue", "q", "QUEUED", -9, expires(0)), grant("queue", "q", "apart", -1)),
			journeys(admittedTo("queue", "q", "ADMITTED", "apart", -1)),
		},
		{
			"when it ended, the participation speaks for itself again",
			snapshot(part("timed_release", "r", "ENTERED", -9), grant("timed_release", "r", "apart", -4, grantEnded(-1))),
			journeys(participating("timed_release", "r", "ENTERED")),
		},
		{
			"when it expired, the participation speaks for itself again",
			snapshot(part("timed_release", "r", "ENTERED", -9), grant("timed_release", "r", "apart", -4, grantExpires(0))),
			journeys(participating("timed_release", "r", "ENTERED")),
		},
	})
}

func TestAdmissionOfAJourneyIsItsLeaders(t *testing.T) {
	checkRules(t, []rule{
		{
			"with the participation's expiry",
			snapshot(part("queue", "q", "ADMITTED", -9, admitted(-8), token("t"), expires(9))),
			journeys(until(admittedTo("queue", "q", "ADMITTED", "t", -8), 9)),
		},
		{
			"with the admission's expiry",
			snapshot(grant("queue", "q", "t", -8, grantExpires(9))),
			journeys(until(admittedTo("queue", "q", "ADMITTED", "t", -8), 9)),
		},
		{
			"not with that of another one",
			snapshot(part("queue", "q", "ADMITTED", -9, admitted(-8), token("q")), grant("draw", "d", "d", -9, grantExpires(9))),
			journeys(admittedTo("queue", "q", "ADMITTED", "q", -8)),
		},
	})
}

func TestOneJourneyPerExperienceAndSequence(t *testing.T) {
	checkRules(t, []rule{
		{
			"sequences of one experience",
			snapshot(part("queue", "a", "QUEUED", -5), part("queue", "b", "QUEUED", -6, within("e1", "s2"))),
			journeys(participating("queue", "a", "QUEUED"), moved(participating("queue", "b", "QUEUED"), "e1", "s2")),
		},
		{
			"sequences of the same id in two experiences",
			snapshot(part("queue", "a", "QUEUED", -5), part("queue", "b", "QUEUED", -6, within("e2", "s1"))),
			journeys(participating("queue", "a", "QUEUED"), moved(participating("queue", "b", "QUEUED"), "e2", "s1")),
		},
		{
			"ids that read alike when they stand together",
			snapshot(part("queue", "a", "QUEUED", -5, within("e1", "1s")), part("queue", "b", "QUEUED", -6, within("e11", "s"))),
			journeys(moved(participating("queue", "a", "QUEUED"), "e1", "1s"), moved(participating("queue", "b", "QUEUED"), "e11", "s")),
		},
		{
			"ids that differ by letter case",
			snapshot(part("queue", "a", "QUEUED", -5, within("E1", "s1")), part("queue", "b", "QUEUED", -6)),
			journeys(moved(participating("queue", "a", "QUEUED"), "E1", "s1"), participating("queue", "b", "QUEUED")),
		},
		{
			"empty ids are ids like others",
			snapshot(part("queue", "", "QUEUED", -5, within("", "")), grant("draw", "", "t", -9, grantWithin("", "s1"))),
			journeys(moved(admittedTo("draw", "", "ADMITTED", "t", -9), "", "s1"), moved(participating("queue", "", "QUEUED"), "", "")),
		},
		{
			"many participations of one sequence have one",
			snapshot(part("queue", "a", "QUEUED", -5), part("draw", "b", "ENTERED", -6), part("waitlist", "c", "WAITING", -7), grant("auction", "d", "t", -8)),
			journeys(admittedTo("auction", "d", "ADMITTED", "t", -8)),
		},
	})
}

func TestOrderOfJourneys(t *testing.T) {
	inSequence := func(sequenceID string, entered int) consumer.Participation {
		return part("queue", "q"+sequenceID, "QUEUED", entered, within("e1", sequenceID))
	}
	shown := func(experienceID, sequenceID, id string) journey.Journey {
		return moved(participating("queue", id, "QUEUED"), experienceID, sequenceID)
	}
	checkRules(t, []rule{
		{
			"admitted, then participating, then waitlists, be the later ones fresher",
			snapshot(
				part("waitlist", "w", "WAITING", -1, within("e1", "s1")),
				part("queue", "q", "QUEUED", -2, within("e1", "s2")),
				grant("queue", "a", "t", -3, grantWithin("e1", "s3")),
			),
			journeys(
				moved(admittedTo("queue", "a", "ADMITTED", "t", -3), "e1", "s3"),
				moved(participating("queue", "q", "QUEUED"), "e1", "s2"),
				waiting("w", "WAITING"),
			),
		},
		{
			"the freshest admitted one first, be it a participation or an admission",
			snapshot(
				part("queue", "a", "ADMITTED", -1, admitted(-5), token("a"), within("e1", "s1")),
				grant("queue", "b", "b", -4, grantWithin("e1", "s2")),
				part("draw", "c", "WON", -9, admitted(-3), token("c"), within("e1", "s3")),
			),
			journeys(
				moved(admittedTo("draw", "c", "WON", "c", -3), "e1", "s3"),
				moved(admittedTo("queue", "b", "ADMITTED", "b", -4), "e1", "s2"),
				admittedTo("queue", "a", "ADMITTED", "a", -5),
			),
		},
		{
			"the freshest participating one first",
			snapshot(inSequence("s1", -3), inSequence("s2", -1), inSequence("s3", -2)),
			journeys(shown("e1", "s2", "qs2"), shown("e1", "s3", "qs3"), shown("e1", "s1", "qs1")),
		},
		{
			"the freshest waitlist first",
			snapshot(part("waitlist", "a", "WAITING", -2), part("waitlist", "b", "WAITING", -1, within("e1", "s2"))),
			journeys(moved(waiting("b", "WAITING"), "e1", "s2"), waiting("a", "WAITING")),
		},
		{
			"the moment of the leader, not the latest of the sequence",
			snapshot(
				part("queue", "a", "ADMITTED", -9, admitted(-8), token("a")), part("draw", "late", "ENTERED", -1),
				part("queue", "b", "ADMITTED", -9, admitted(-7), token("b"), within("e1", "s2")),
			),
			journeys(moved(admittedTo("queue", "b", "ADMITTED", "b", -7), "e1", "s2"), admittedTo("queue", "a", "ADMITTED", "a", -8)),
		},
		{
			"at equal moments by experience in byte order, whatever the sequence",
			snapshot(
				part("queue", "a", "QUEUED", -5, within("e9", "s1")),
				part("queue", "b", "QUEUED", -5, within("e10", "s2")),
				part("queue", "c", "QUEUED", -5, within("E2", "s3")),
			),
			journeys(shown("E2", "s3", "c"), shown("e10", "s2", "b"), shown("e9", "s1", "a")),
		},
		{
			"then by sequence in byte order, whatever type and id",
			snapshot(
				part("queue", "a", "QUEUED", -5, within("e1", "s9")),
				part("draw", "b", "ENTERED", -5, within("e1", "s10")),
				part("queue", "c", "QUEUED", -5, within("e1", "S2")),
			),
			journeys(shown("e1", "S2", "c"), moved(participating("draw", "b", "ENTERED"), "e1", "s10"), shown("e1", "s9", "a")),
		},
	})
}

// A store returns each key once, but the result for any input must not depend on its order.
// The record that a store would have kept is used.
func TestOfOneKeyTheGreaterVersionCounts(t *testing.T) {
	updated := func(minutes int) participationEdit {
		return func(p *consumer.Participation) { p.UpdatedAt = at(minutes) }
	}
	grantUpdated := func(minutes int) admissionEdit {
		return func(a *consumer.Admission) { a.UpdatedAt = at(minutes) }
	}
	queued, left := part("queue", "q", "QUEUED", -9, updated(-9)), part("queue", "q", "LEFT", -9, updated(-8))
	checkRules(t, []rule{
		{"a late active write does not revive what ended", snapshot(left, queued), nil},
		{"and not in the other order", snapshot(queued, left), nil},
		{"a re-entry counts", snapshot(left, part("queue", "q", "QUEUED", -7, updated(-7)), queued), journeys(participating("queue", "q", "QUEUED"))},
		{
			"a newer write in another sequence moves the participation",
			snapshot(part("queue", "q", "QUEUED", -7, updated(-7), within("e2", "s2")), queued),
			journeys(moved(participating("queue", "q", "QUEUED"), "e2", "s2")),
		},
		{
			"an ended admission over an older one",
			snapshot(grant("queue", "q", "t", -5, grantUpdated(-5)), grant("queue", "q", "t", -5, grantEnded(-4), grantUpdated(-4))), nil,
		},
		{
			"types of the same id are different keys",
			snapshot(part("queue", "x", "LEFT", -1), part("draw", "x", "ENTERED", -9)),
			journeys(participating("draw", "x", "ENTERED")),
		},
	})
}
