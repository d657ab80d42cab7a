package journey_test

import (
	"reflect"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/rejoinhq/rejoin/consumer"
	"github.com/rejoinhq/rejoin/journey"
)

func TestZeroActiveIsThatOfNoRecords(t *testing.T) {
	var active journey.Active
	if diff := cmp.Diff(derive(snapshot(), now), active.Decoded()); diff != "" {
		t.Errorf("document (-of no records +zero):\n%s", diff)
	}
	if got, want := string(active.AppendJSON(nil)), string(journey.Derive(snapshot(), now).AppendJSON(nil)); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if at, ok := active.NextChange(); ok {
		t.Errorf("it changes at %s", at)
	}
}

func TestJourneysAreThoseOfTheDocument(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		active := journey.Derive(genSnapshot().Draw(t, "snapshot"), now)
		if diff := cmp.Diff(active.Decoded().Journeys, active.Journeys()); diff != "" {
			t.Errorf("journeys (-document +alone):\n%s", diff)
		}
	})
}

func TestActiveLeavesItsRecordsAlone(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		records := genSnapshot().Draw(t, "snapshot")
		before := deepCopy(records)
		active := journey.Derive(records, now)
		active.AppendJSON(nil)
		active.NextChange()
		scribble(reflect.ValueOf(active.Journeys()))
		checkUntouched(t, before, records)
	})
}

// TestActiveServesManyAtOnce is for the race detector.
func TestActiveServesManyAtOnce(t *testing.T) {
	active := journey.Derive(manyParticipations(10), now)
	want := string(active.AppendJSON(nil))
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			if got := string(active.AppendJSON(nil)); got != want {
				t.Errorf("got %s, want %s", got, want)
			}
			if diff := cmp.Diff(active.Decoded().Journeys, active.Journeys()); diff != "" {
				t.Errorf("journeys (-document +alone):\n%s", diff)
			}
			active.NextChange()
		})
	}
	all.Wait()
}

func TestNextChange(t *testing.T) {
	just := now.Add(time.Microsecond)
	finer := func(p *consumer.Participation) { p.ExpiresAt = new(just.Add(999).In(time.FixedZone("east", 3600))) }
	cases := []struct {
		name    string
		records consumer.Snapshot
		want    time.Time // zero for none
	}{
		{"nothing", snapshot(), time.Time{}},
		{"nothing that expires", snapshot(part("queue", "q", "QUEUED", -9), grant("draw", "d", "t", -9)), time.Time{}},
		{"a participation that expires", snapshot(part("queue", "q", "QUEUED", -9, expires(7))), at(7)},
		{"a waitlist that expires", snapshot(part("waitlist", "w", "WAITING", -9, expires(7))), at(7)},
		{"an admission that expires", snapshot(grant("draw", "d", "t", -9, grantExpires(7))), at(7)},
		{
			"the first of several",
			snapshot(part("queue", "q", "QUEUED", -9, expires(7)), part("draw", "d", "WON", -9, token("t"), expires(5)), grant("auction", "a", "t", -9, grantExpires(6))),
			at(5),
		},
		{"not what expired already", snapshot(part("queue", "q", "QUEUED", -9, expires(0)), part("draw", "d", "ENTERED", -9, expires(3))), at(3)},
		{"not of a record that ended", snapshot(part("queue", "q", "LEFT", -9, expires(1)), grant("draw", "d", "t", -9, grantExpires(2), grantEnded(-1))), time.Time{}},
		{"not of an unknown type or status", snapshot(part("raffle", "q", "ENTERED", -9, expires(1)), part("queue", "q", "PAUSED", -9, expires(1))), time.Time{}},
		{"not an older state of the same record", snapshot(part("queue", "q", "QUEUED", -9, expires(1)), part("queue", "q", "QUEUED", -8, expires(2))), at(2)},
		{
			"not an admission that a participation carries, until that expires",
			snapshot(part("queue", "q", "ADMITTED", -9, token("own"), expires(5)), grant("queue", "q", "apart", -9, grantExpires(3))),
			at(5),
		},
		{"as it is kept, in UTC and truncated", snapshot(part("queue", "q", "QUEUED", -9, finer)), just},
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

// TestNothingChangesBeforeTheNextChange derives the same records at times before it.
func TestNothingChangesBeforeTheNextChange(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		records := genSnapshot().Draw(t, "snapshot")
		from := genMoment().Draw(t, "now")
		active := journey.Derive(records, from)
		next, ok := active.NextChange()
		if ok && !next.After(from) {
			t.Fatalf("the next change, %s, is not after %s", next, from)
		}
		want := string(active.AppendJSON(nil))
		for _, moment := range momentsAround(records) {
			if moment.Before(from) || ok && !moment.Before(next) {
				continue
			}
			if diff := cmp.Diff(want, string(journey.Derive(records, moment).AppendJSON(nil))); diff != "" {
				t.Errorf("before the next change, at %s (-then +now):\n%s", moment, diff)
			}
		}
	})
}

// momentsAround returns the times at which the document of some records may change, times
// just before these, and a late one.
func momentsAround(records consumer.Snapshot) []time.Time {
	moments := []time.Time{at(9999)}
	note := func(expiresAt *time.Time) {
		if expiresAt != nil {
			moments = append(moments, *expiresAt, expiresAt.Add(-1), expiresAt.Add(-999), expiresAt.Add(-time.Microsecond))
		}
	}
	for _, p := range records.Participations {
		note(p.ExpiresAt)
	}
	for _, a := range records.Admissions {
		note(a.ExpiresAt)
	}
	for _, d := range records.Distributions {
		note(d.EndedAt)
	}
	return moments
}
