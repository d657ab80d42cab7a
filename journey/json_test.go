package journey_test

import (
	stdjson "encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/rejoinhq/rejoin/consumer"
	"github.com/rejoinhq/rejoin/journey"
)

// checkBytes compares the bytes of AppendJSON with those that the JSON package makes of the
// decoded document. If the package rejects a time, the bytes must be valid JSON.
func checkBytes(t rapid.TB, records consumer.Snapshot, now time.Time) {
	t.Helper()
	active := journey.Derive(records, now)
	got := active.AppendJSON(nil)
	want, err := json.Marshal(active.Decoded(), json.Deterministic(true),
		jsontext.AllowInvalidUTF8(true), jsontext.AllowDuplicateNames(true))
	switch {
	case err != nil && !strings.Contains(err.Error(), "year outside of range"):
		t.Fatal(err)
	case err != nil && !stdjson.Valid(got):
		t.Errorf("no JSON: %s", got)
	case err == nil && string(want) != string(got):
		t.Errorf("bytes (-marshalled +appended):\n%s", cmp.Diff(string(want), string(got)))
	}
}

func TestBytesAreThoseOfTheDocumentOfMaps(t *testing.T) {
	for name, records := range map[string]*rapid.Generator[consumer.Snapshot]{
		"of any records": genSnapshot(), "with any texts": genTexts(), "that nothing brings": genWildSnapshot(),
	} {
		t.Run(name, func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				checkBytes(t, records.Draw(t, "snapshot"), genMoment().Draw(t, "now"))
			})
		})
	}
}

func FuzzAppendJSON(f *testing.F) {
	f.Add("d", "e", "s", "t", "250.00", now.Unix(), int64(0), int64(3))
	f.Add("\xff", "\"\\", "\u2028</é", "\x00\t", "007", int64(-62135596800), int64(999), int64(-1))
	f.Add("", "\xc3\x28", "\U0001f3ab", "\x7f", "", int64(253402300800), int64(123456789), int64(0))
	f.Fuzz(func(t *testing.T, id, experienceID, sequenceID, text, amount string, seconds, nanoseconds, count int64) {
		moment := time.Unix(seconds, nanoseconds)
		all := func(p *consumer.Participation) {
			p.ExperienceID, p.SequenceID, p.EnteredAt = experienceID, sequenceID, moment
			p.AdmittedAt, p.LastBidTime, p.ExpiresAt = &moment, &moment, &moment
			p.AdmissionToken, p.SelectedVariantID = &text, &text
			p.LastBidAmount, p.Position, p.BidCount = new(consumer.Amount(amount)), &count, &count
		}
		granted := func(a *consumer.Admission) { a.SequenceID, a.AdmittedAt, a.ExpiresAt = sequenceID, moment, &moment }
		records := snapshot(
			part("waitlist", id, "WAITING", 0, all), part("queue", id, "ADMITTED", 0, all), part("draw", id, "WON", 0, all),
			part("auction", id, "WON", 0, all), part("timed_release", id, "ENTERED", 0, all),
			part("queue", text, "QUEUED", 0), grant("draw", text, id, 0, granted), grant("auction", text, text, 0),
		)
		checkBytes(t, records, moment.Add(-time.Hour))
		checkBytes(t, records, now)
	})
}

// Invalid values must not spoil the rest of the document.
func TestBytesOfWhatJSONCannotExpress(t *testing.T) {
	never := time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC)
	cases := []struct {
		name    string
		records consumer.Snapshot
		want    string
	}{
		{"a token that is not UTF-8", snapshot(part("queue", "q", "ADMITTED", -9, token("a\xffb"))), `"admissionToken":"a` + "\ufffd" + `b"`},
		{"an id that is not UTF-8", snapshot(part("queue", "\xff", "QUEUED", -9)), `"queues":{"` + "\ufffd" + `":{"queueId":"` + "\ufffd" + `",`},
		{
			"a time that must be there", snapshot(part("queue", "q", "QUEUED", -9, func(p *consumer.Participation) { p.EnteredAt = never })),
			`"position":null,"enteredAt":null}`,
		},
		{
			"a time that may be missing",
			snapshot(part("queue", "q", "QUEUED", -9, func(p *consumer.Participation) { p.AdmittedAt, p.ExpiresAt = &never, &never })),
			`"enteredAt":"2024-12-01T11:51:00Z"}`,
		},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if got := string(journey.Derive(c.records, now).AppendJSON(nil)); !strings.Contains(got, c.want) || !stdjson.Valid([]byte(got)) {
				t.Errorf("got %s, want %s in it", got, c.want)
			}
		})
	}
}

func TestBytesAreAppended(t *testing.T) {
	active := journey.Derive(snapshot(part("queue", "q", "QUEUED", -9)), now)
	room := make([]byte, 0, 4096)
	got := active.AppendJSON(append(room, `{"active":`...))
	if want := `{"active":` + string(active.AppendJSON(nil)); string(got) != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if &got[0] != &room[:1][0] {
		t.Error("it did not use the room that there was")
	}
}

func TestActiveMarshalsAsItsBytes(t *testing.T) {
	active := journey.Derive(snapshot(part("queue", "q", "QUEUED", -9)), now)
	want := `{"active":` + string(active.AppendJSON(nil)) + `}`
	document := struct {
		Active journey.Active `json:"active"`
	}{active}
	if got := documentJSON(t, document); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestDeriveAndAppendAllocateLittle(t *testing.T) {
	for _, n := range benchmarkSizes {
		t.Run(fmt.Sprintf("participations=%d", n), func(t *testing.T) {
			records := manyParticipations(n)
			if got := testing.AllocsPerRun(100, func() { journey.Derive(records, now) }); got > 2 {
				t.Errorf("Derive allocates %v times, want 2 at most", got)
			}
			// The race detector makes a fourth allocation.
			if got := testing.AllocsPerRun(100, func() { journey.Derive(records, now).AppendJSON(nil) }); got > 4 {
				t.Errorf("Derive and AppendJSON allocate %v times, want 4 at most", got)
			}
			if got := journey.Derive(records, now).AppendJSON(nil); cap(got) > len(got)*4/3 {
				t.Errorf("%d bytes take %d", len(got), cap(got))
			}
		})
	}
}
