package row_test

import (
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/rejoinhq/rejoin/consumer"
	"github.com/rejoinhq/rejoin/consumer/event"
	"github.com/rejoinhq/rejoin/storage/internal/row"
)

var eventConsumer = consumer.Key{OrganizationID: "org_1", ConsumerID: "cons_1"}

// anyInstant draws a time other than the zero time, which [event.Event.Prepare] refuses.
func anyInstant() *rapid.Generator[time.Time] {
	return anyMoment().Filter(func(t time.Time) bool { return !t.IsZero() })
}

// drawEvent draws an event with any text in any field.
func drawEvent(t *rapid.T) event.Event {
	text := rapid.OneOf(rapid.String(), rapid.StringMatching(`[A-Za-z0-9._:~-]*`))
	return event.Event{
		ID: text.Draw(t, "id"), At: anyInstant().Draw(t, "at"),
		Type: rapid.SampledFrom([]event.Type{
			event.QueueEntered, event.QueueAdmitted, event.QueueDenied, event.DrawWon, event.BidPlaced, event.Outbid,
			event.OrderCreated, event.OrderCompleted, event.ConsumerCreated, "unknown",
		}).Draw(t, "type"),
		SubjectID: text.Draw(t, "subject"), ExperienceID: text.Draw(t, "experience"), SequenceID: text.Draw(t, "sequence"),
		EnteredAt: rapid.Ptr(anyInstant(), true).Draw(t, "entered"), Position: rapid.Ptr(rapid.Int64Range(0, 1<<53), true).Draw(t, "position"),
		Token: text.Draw(t, "token"), ExpiresAt: rapid.Ptr(anyInstant(), true).Draw(t, "expires"),
		DenyReason: rapid.Ptr(text, true).Draw(t, "reason"), BidID: text.Draw(t, "bid"),
		BidAmount: consumer.Amount(text.Draw(t, "amount")), HighestBid: rapid.Bool().Draw(t, "highest"),
		Email: rapid.Ptr(text, true).Draw(t, "email"), Phone: rapid.Ptr(text, true).Draw(t, "phone"), FullName: rapid.Ptr(text, true).Draw(t, "name"),
	}
}

// TestStoredEventsFoldAsGiven compares a fold of stored events with one of the events
// themselves.
func TestStoredEventsFoldAsGiven(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		events := rapid.SliceOfN(rapid.Custom(drawEvent), 0, 6).Draw(rt, "events")
		var lines []string
		for _, e := range events {
			r, err := row.NewEvent(e, "")
			if err != nil {
				rt.Fatal(err)
			}
			if e.Type == event.ConsumerCreated {
				r, err = row.NewEvent(e, e.ConsumerID)
			}
			if err != nil || strings.Contains(*r.Record, row.Separator) {
				rt.Fatalf("the record is %q, error %v", *r.Record, err)
			}
			lines = append(lines, *r.Record)
		}
		wantFold(rt, event.Fold(eventConsumer, events), strings.Join(lines, row.Separator))
	})
}

func wantFold(t *rapid.T, want event.Records, column string) {
	rows, err := row.Folded(eventConsumer, column)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, r := range append(rows.Consumers, rows.Participations...) {
		got = append(got, r.Record)
	}
	var wanted []string
	if want.Profile != nil {
		wanted = append(wanted, string(want.Profile.Version().Canonical))
	}
	for _, p := range want.Participations {
		wanted = append(wanted, string(p.Version().Canonical))
	}
	if diff := cmp.Diff(wanted, got); diff != "" {
		t.Fatalf("records (-want +got):\n%s", diff)
	}
}

// TestEventsAreReadWithFewAllocations fails when a field is added to the form of stored
// events but not to its parser, because the generic decoder then does it all.
func TestEventsAreReadWithFewAllocations(t *testing.T) {
	const events = 1000
	text, err := json.Marshal(bid(0))
	if err != nil {
		t.Fatal(err)
	}
	column := strings.Repeat(string(text)+row.Separator, events-1) + string(text)
	allocations := testing.AllocsPerRun(10, func() {
		if _, err := row.Folded(eventConsumer, column); err != nil {
			t.Fatal(err)
		}
	})
	// With the race detector it is one for each event. The generic decoder needs many.
	if allocations > 2*events {
		t.Errorf("%v allocations for %d events", allocations, events)
	}
}

func TestDamagedEventsAreNotQuoted(t *testing.T) {
	_, err := row.Folded(eventConsumer, `{"id":"e","token":secret`)
	if err == nil || strings.Contains(err.Error(), "secret") {
		t.Errorf("the error is %v", err)
	}
}

func bid(n int) event.Event {
	return event.Event{
		ID: "evt_" + strings.Repeat("x", 20), Type: event.BidPlaced, At: time.Unix(1767323045+int64(n), 0).UTC(),
		SubjectID: "auction_1", ExperienceID: "exp_1", SequenceID: "seq_1", BidID: "bid_1", BidAmount: "250.00", HighestBid: true,
		EnteredAt: new(time.Unix(1, 0).UTC()), Position: new(int64(3)), Token: "token", ExpiresAt: new(time.Unix(2, 0).UTC()),
		DenyReason: new("reason"), Email: new("a@example.com"), Phone: new("+12025551234"), FullName: new("Ada"),
	}
}

func FuzzEvents(f *testing.F) {
	text, err := json.Marshal(bid(0))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(string(text), "")
	f.Add(string(text), string(text))
	f.Fuzz(func(t *testing.T, first, second string) {
		column := first
		if second != "" {
			column += row.Separator + second
		}
		got, err := row.Folded(eventConsumer, column)
		var events []event.Event
		var genericErr error
		for line := range strings.SplitSeq(column, row.Separator) {
			if column == "" {
				break
			}
			var e event.Event
			if genericErr = json.Unmarshal([]byte(line), &e); genericErr != nil {
				break
			}
			events = append(events, e)
		}
		if (err == nil) != (genericErr == nil) {
			t.Fatalf("the error is %v, the generic decoder's %v", err, genericErr)
		}
		if err != nil {
			return
		}
		want := event.Fold(eventConsumer, events)
		if len(want.Participations) != len(got.Participations) {
			t.Fatalf("%d participations, want %d", len(got.Participations), len(want.Participations))
		}
		for i, p := range want.Participations {
			if string(p.Version().Canonical) != got.Participations[i].Record {
				t.Fatalf("participation %d is %s, want %s", i, got.Participations[i].Record, p.Version().Canonical)
			}
		}
	})
}
