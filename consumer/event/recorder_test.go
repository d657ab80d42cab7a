package event_test

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/rejoinhq/rejoin/consumer"
	"github.com/rejoinhq/rejoin/consumer/event"
)

func TestPrepareNamesEveryInvalidField(t *testing.T) {
	none := func(e *event.Event) {
		*e = event.Event{OrganizationID: e.OrganizationID, ID: e.ID, Type: e.Type}
	}
	for name, c := range map[string]struct {
		event event.Event
		want  []string
	}{
		"nothing at all":          {event.Event{}, []string{"id", "organizationId", "type"}},
		"a queue entry":           {of(event.QueueEntered, "e", 0, none), []string{"data.consumerId", "data.queueId", "data.experienceId", "data.sequenceId", "data.enteredAt"}},
		"an admission":            {of(event.QueueAdmitted, "e", 0, func(e *event.Event) { e.Token, e.ExpiresAt, e.EnteredAt = "", new(time.Time{}), new(time.Time{}) }), []string{"data.admissionToken", "data.expiresAt", "data.enteredAt"}},
		"a draw's win":            {of(event.DrawWon, "e", 0, func(e *event.Event) { e.Token = "a\x00b" }), []string{"data.admissionToken"}},
		"a token that isn't text": {of(event.DrawWon, "e", 0, func(e *event.Event) { e.Token = "\xff" }), []string{"data.admissionToken"}},
		"an auction's win":        {of(event.AuctionWon, "e", 0, func(e *event.Event) { e.Token = "" }), []string{"data.paymentToken"}},
		"a bid":                   {of(event.BidPlaced, "e", 0, func(e *event.Event) { e.BidID, e.BidAmount = "", "007x" }), []string{"data.bidId", "data.bidAmount"}},
		"a position":              {of(event.QueueEntered, "e", 0, func(e *event.Event) { e.Position = new(int64(-1)) }), []string{"data.position"}},
		"a reason":                {of(event.QueueDenied, "e", 0, func(e *event.Event) { e.DenyReason = new("") }), []string{"data.reason"}},
		"a settlement":            {of(event.AuctionSettled, "e", 0, none, func(e *event.Event) { e.WinnerID = new("me") }), []string{"data.auctionId", "data.settledAt", "data.winnerId"}},
		"an order":                {of(event.OrderCreated, "e", 0, none), []string{"data.consumerId", "data.orderId", "data.experienceId", "data.sequenceId", "data.createdAt"}},
		"a completed order":       {of(event.OrderCompleted, "e", 0, none), []string{"data.consumerId", "data.orderId", "data.completedAt"}},
		"a profile":               {of(event.ConsumerCreated, "e", 0, func(e *event.Event) { e.ConsumerID, e.Email, e.Phone = "me", new("nobody"), new("12") }), []string{"data.consumerId", "data.email", "data.phone"}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := c.event.Prepare()
			var invalid *consumer.ValidationError
			if !errors.As(err, &invalid) {
				t.Fatalf("Prepare returned the error %v, want a *consumer.ValidationError", err)
			}
			var got []string
			for _, f := range invalid.Fields {
				got = append(got, f.Field)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("fields (-want +got):\n%s", diff)
			}
		})
	}
}

func TestPrepareIgnoresUnknownTypes(t *testing.T) {
	if _, err := of("queue.opened", "e", 0).Prepare(); err != event.ErrIgnored {
		t.Errorf("Prepare returned the error %v, want ErrIgnored", err)
	}
}

func TestPrepareNormalizesTimes(t *testing.T) {
	zone := time.FixedZone("", 3600)
	local := at(1).Add(1999 * time.Nanosecond).In(zone)
	e := of(event.QueueAdmitted, "e", 0, func(e *event.Event) { e.At, e.EnteredAt, e.ExpiresAt = local, new(local), new(local) })
	got, err := e.Prepare()
	if err != nil {
		t.Fatal(err)
	}
	want := at(1).Add(time.Microsecond)
	for name, at := range map[string]time.Time{"At": got.At, "EnteredAt": *got.EnteredAt, "ExpiresAt": *got.ExpiresAt} {
		if at != want {
			t.Errorf("%s is %v, want %v", name, at, want)
		}
	}
	if *e.EnteredAt != local || *e.ExpiresAt != local {
		t.Error("Prepare modified the event that it was called on")
	}
}

// A fold of events that Prepare accepts has only valid records.
func TestPreparedEventsGiveValidRecords(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		events := history(12).Draw(t, "events")
		for i := range events {
			prepared, err := events[i].Prepare()
			if err != nil && err != event.ErrIgnored {
				t.Fatalf("Prepare: %v", err)
			}
			events[i] = prepared
		}
		records := event.Fold(key, events)
		for _, p := range records.Participations {
			if err := p.Validate(); err != nil {
				t.Fatalf("an invalid participation: %v", err)
			}
		}
		if records.Profile != nil {
			if err := records.Profile.Validate(); err != nil {
				t.Fatalf("an invalid profile: %v", err)
			}
		}
	})
}

func TestDistributionOfASettledAuction(t *testing.T) {
	d, ok := of(event.AuctionSettled, "e", 5, func(e *event.Event) { e.WinnerID = new("cons_1") }).Distribution()
	want := consumer.Distribution{OrganizationID: "org_1", Type: consumer.Auction, ID: "d_1", EndedAt: new(at(5)), WinnerID: new("cons_1"), UpdatedAt: at(5)}
	if diff := cmp.Diff(want, d); !ok || diff != "" {
		t.Errorf("Distribution reports %v (-want +got):\n%s", ok, diff)
	}
	if d, ok := of(event.BidPlaced, "e", 5).Distribution(); ok {
		t.Errorf("a bid gives the distribution %+v", d)
	}
}
