package journey_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/rejoinhq/rejoin/consumer"
	"github.com/rejoinhq/rejoin/journey"
)

func exported(s consumer.Snapshot) consumer.Export {
	return consumer.Export{Participations: s.Participations, Admissions: s.Admissions, Distributions: s.Distributions}
}

func TestExplain(t *testing.T) {
	shows := func(all ...string) []string { return all }
	for name, c := range map[string]struct {
		records                    consumer.Snapshot
		participations, admissions []string
	}{
		"nothing":                                {snapshot(), nil, nil},
		"an unknown type":                        {snapshot(part("raffle", "x", "ENTERED", -9)), shows("unknown"), nil},
		"an unknown status":                      {snapshot(part("queue", "q", "PAUSED", -9)), shows("unknown"), nil},
		"a status of another type":               {snapshot(part("queue", "q", "WON", -9)), shows("unknown"), nil},
		"an unknown status that expired":         {snapshot(part("queue", "q", "PAUSED", -9, expires(-1))), shows("unknown"), nil},
		"a terminal status":                      {snapshot(part("queue", "q", "LEFT", -9)), shows("ended"), nil},
		"a terminal status that expired":         {snapshot(part("queue", "q", "LEFT", -9, expires(-1))), shows("ended"), nil},
		"the end of its distribution":            {snapshot(part("queue", "q", "QUEUED", -9), dist("queue", "q", distEnds(0))), shows("ended"), nil},
		"the end, and before that expired":       {snapshot(part("queue", "q", "QUEUED", -9, expires(-5)), dist("queue", "q", distEnds(-1))), shows("ended"), nil},
		"an end that lies ahead":                 {snapshot(part("queue", "q", "QUEUED", -9), dist("queue", "q", distEnds(1))), shows("active"), nil},
		"the end of another type":                {snapshot(part("queue", "q", "QUEUED", -9), dist("draw", "q", distEnds(-1))), shows("active"), nil},
		"an end, but admitting":                  {snapshot(part("queue", "q", "ADMITTED", -9, token("t")), dist("queue", "q", distEnds(-1))), shows("active"), nil},
		"an end, but admitting until it expired": {snapshot(part("queue", "q", "ADMITTED", -9, token("t"), expires(0)), dist("queue", "q", distEnds(-1))), shows("expired"), nil},
		"an end, but won":                        {snapshot(part("auction", "a", "WINNING", -9), dist("auction", "a", distEnds(-1), won("cons_1"))), shows("active"), nil},
		"an end, won by another consumer":        {snapshot(part("auction", "a", "OUTBID", -9), dist("auction", "a", distEnds(-1), won("cons_2"))), shows("ended"), nil},
		"expired":                                {snapshot(part("queue", "q", "QUEUED", -9, expires(0))), shows("expired"), nil},
		"active":                                 {snapshot(part("queue", "q", "QUEUED", -9, expires(1))), shows("active"), nil},
		"not the leader of its type, but in the maps": {
			snapshot(part("queue", "q1", "QUEUED", -9), part("queue", "q2", "QUEUED", -8)), shows("active", "active"), nil,
		},
		"a waitlist behind another one of its sequence": {
			snapshot(part("waitlist", "w1", "WAITING", -9), part("waitlist", "w2", "NOTIFIED", -8)), shows("hidden", "active"), nil,
		},
		"a waitlist behind an admission": {
			snapshot(part("waitlist", "w", "WAITING", -9), grant("queue", "q", "t", -5)), shows("active"), shows("active"),
		},
		"a waitlist behind one that expired": {
			snapshot(part("waitlist", "w1", "WAITING", -9), part("waitlist", "w2", "WAITING", -8, expires(0))), shows("active", "expired"), nil,
		},
		"waitlists of two sequences": {
			snapshot(part("waitlist", "w1", "WAITING", -9), part("waitlist", "w2", "WAITING", -8, within("e1", "s2"))), shows("active", "active"), nil,
		},

		"an admission of an unknown type":         {snapshot(grant("raffle", "x", "t", -5)), nil, shows("unknown")},
		"an admission of a waitlist":              {snapshot(grant("waitlist", "w", "t", -5)), nil, shows("unknown")},
		"an admission without a token":            {snapshot(grant("queue", "q", "", -5)), nil, shows("unknown")},
		"an admission that was ended":             {snapshot(grant("queue", "q", "t", -5, grantEnded(-1))), nil, shows("ended")},
		"an admission that was ended and expired": {snapshot(grant("queue", "q", "t", -5, grantEnded(-1), grantExpires(-2))), nil, shows("ended")},
		"an admission whose distribution ended":   {snapshot(grant("queue", "q", "t", -5), dist("queue", "q", distEnds(-1))), nil, shows("active")},
		"an admission that expired":               {snapshot(grant("queue", "q", "t", -5, grantExpires(0))), nil, shows("expired")},
		"an admission that is live":               {snapshot(grant("queue", "q", "t", -5)), nil, shows("active")},
		"an admission that is carried": {
			snapshot(part("queue", "q", "ADMITTED", -9, token("own")), grant("queue", "q", "t", -5)), shows("active"), shows("carried"),
		},
		"an admission that is carried and expired": {
			snapshot(part("queue", "q", "ADMITTED", -9, token("own")), grant("queue", "q", "t", -5, grantExpires(-1))), shows("active"), shows("expired"),
		},
		"an admission whose participation is not admitting": {
			snapshot(part("queue", "q", "ADMITTED", -9), grant("queue", "q", "t", -5)), shows("active"), shows("active"),
		},
		"an admission in another sequence than its participation": {
			snapshot(part("queue", "q", "ADMITTED", -9, token("own")), grant("queue", "q", "t", -5, grantWithin("e1", "s2"))), shows("active"), shows("active"),
		},
		"an admission behind one of another type with the same id": {
			snapshot(grant("queue", "x", "q", -5), grant("draw", "x", "d", -4)), nil, shows("hidden", "active"),
		},
		"an admission behind one that is carried": {
			snapshot(part("draw", "x", "WON", -9, token("own")), grant("queue", "x", "q", -5), grant("draw", "x", "d", -4)), shows("active"), shows("active", "carried"),
		},
		"the slices are in the order of the export": {
			snapshot(part("waitlist", "w", "WAITING", -9), part("auction", "a", "LOST", -9), part("queue", "q", "QUEUED", -9, expires(-1)),
				grant("timed_release", "r", "t", -5), grant("draw", "d", "t", -5, grantEnded(-1))),
			shows("active", "ended", "expired"), shows("active", "ended"),
		},
	} {
		t.Run(name, func(t *testing.T) {
			participations, admissions := journey.Explain(exported(c.records), now)
			if diff := cmp.Diff(c.participations, participations, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("participations (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(c.admissions, admissions, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("admissions (-want +got):\n%s", diff)
			}
		})
	}
}

func TestExplainAgreesWithTheReference(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		records := genStoredSnapshot().Draw(t, "snapshot")
		participations, admissions := journey.Explain(exported(records), now)
		for i, p := range records.Participations {
			if want := participationShows(p, records, now); participations[i] != want {
				t.Errorf("%s is %s, want %s", partKey(p), participations[i], want)
			}
		}
		for i, a := range records.Admissions {
			if want := admissionShows(a, records, now); admissions[i] != want {
				t.Errorf("%s is %s, want %s", grantKey(a), admissions[i], want)
			}
		}
	})
}

// TestActiveRecordsAreThoseInTheDocument looks each record up in the maps and nodes.
func TestActiveRecordsAreThoseInTheDocument(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		records, moment := genStoredSnapshot().Draw(t, "snapshot"), genMoment().Draw(t, "now")
		document := derive(records, moment)
		participations, admissions := journey.Explain(exported(records), moment)
		for i, p := range records.Participations {
			if got := participations[i] == "active"; got != isIn(document, p) {
				t.Errorf("%s is %s, and in the document: %t", partKey(p), participations[i], !got)
			}
		}
		for i, a := range records.Admissions {
			shown, found := document.Admissions[a.DistributionID]
			inDocument := found && shown.DistributionType == a.DistributionType
			if got := admissions[i] == "active"; got != inDocument {
				t.Errorf("%s is %s, and in the document: %t", grantKey(a), admissions[i], inDocument)
			}
		}
	})
}

func isIn(document journey.ActiveParticipations, p consumer.Participation) (found bool) {
	switch p.Type {
	case "queue":
		_, found = document.Queues[p.ID]
	case "draw":
		_, found = document.Draws[p.ID]
	case "auction":
		_, found = document.Auctions[p.ID]
	case "timed_release":
		_, found = document.TimedReleases[p.ID]
	case "waitlist":
		node := document.Experiences[p.ExperienceID].Sequences[p.SequenceID].Waitlist
		found = node != nil && node.WaitlistID == p.ID
	}
	return found
}

func TestExplainAcceptsAnyInput(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		records := genWildSnapshot().Draw(t, "snapshot")
		before := deepCopy(records)
		participations, admissions := journey.Explain(exported(records), genMoment().Draw(t, "now"))
		if len(participations) != len(records.Participations) || len(admissions) != len(records.Admissions) {
			t.Errorf("%d and %d, want %d and %d", len(participations), len(admissions), len(records.Participations), len(records.Admissions))
		}
		checkUntouched(t, before, records)
	})
}
