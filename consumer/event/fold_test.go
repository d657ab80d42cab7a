package event_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/rejoinhq/rejoin/consumer"
	"github.com/rejoinhq/rejoin/consumer/event"
)

var key = consumer.Key{OrganizationID: "org_1", ConsumerID: "cons_1"}

// at returns a moment, in seconds after the beginning of the tests' time.
func at(second int) time.Time {
	return time.Date(2024, 12, 1, 9, 0, 0, 0, time.UTC).Add(time.Duration(second) * time.Second)
}

// of returns an event about the participation "d_1" in the sequence "seq_1".
func of(kind event.Type, id string, second int, change ...func(*event.Event)) event.Event {
	e := event.Event{
		OrganizationID: key.OrganizationID, ConsumerID: key.ConsumerID,
		ID: id, Type: kind, At: at(second), SubjectID: "d_1", ExperienceID: "exp_1", SequenceID: "seq_1",
	}
	switch kind {
	case event.QueueAdmitted, event.DrawWon, event.AuctionWon:
		e.Token = "token_" + id
	case event.BidPlaced:
		e.BidID, e.BidAmount = "bid_"+id, "10.00"
	case event.OrderCompleted:
		e.ExperienceID, e.SequenceID = "", ""
	case event.ConsumerCreated:
		e.SubjectID, e.ExperienceID, e.SequenceID = "", "", ""
	}
	for _, apply := range change {
		apply(&e)
	}
	return e
}

// want returns the participation "d_1" with what a test changes.
func want(kind consumer.DistributionType, status consumer.Status, entered, updated int, change ...func(*consumer.Participation)) consumer.Participation {
	p := consumer.Participation{
		OrganizationID: key.OrganizationID, ConsumerID: key.ConsumerID,
		Type: kind, ID: "d_1", ExperienceID: "exp_1", SequenceID: "seq_1",
		Status: status, EnteredAt: at(entered), UpdatedAt: at(updated),
	}
	for _, apply := range change {
		apply(&p)
	}
	return p
}

func position(n int64) func(*consumer.Participation) {
	return func(p *consumer.Participation) { p.Position = new(n) }
}

func admitted(second int, token string) func(*consumer.Participation) {
	return func(p *consumer.Participation) { p.AdmittedAt, p.AdmissionToken = new(at(second)), new(token) }
}

func expires(second int) func(*consumer.Participation) {
	return func(p *consumer.Participation) { p.ExpiresAt = new(at(second)) }
}

func bids(count int64, amount consumer.Amount, second int) func(*consumer.Participation) {
	return func(p *consumer.Participation) {
		p.BidCount, p.LastBidAmount, p.LastBidTime = new(count), new(amount), new(at(second))
	}
}

func TestFold(t *testing.T) {
	expiring := func(e *event.Event) { e.ExpiresAt = new(at(900)) }
	elsewhere := func(e *event.Event) { e.ExperienceID, e.SequenceID = "exp_2", "seq_2" }
	order := func(e *event.Event) { e.SubjectID = "order_1" }
	for _, c := range []struct {
		rule   string
		events []event.Event
		want   []consumer.Participation
	}{
		{"no events give nothing", nil, nil},

		{
			"entering a queue begins it as QUEUED, with the position when given",
			[]event.Event{of(event.QueueEntered, "e1", 10, func(e *event.Event) { e.Position = new(int64(42)) })},
			[]consumer.Participation{want(consumer.Queue, "QUEUED", 10, 10, position(42))},
		},
		{
			"entering a queue without a position leaves the position unset",
			[]event.Event{of(event.QueueEntered, "e1", 10)},
			[]consumer.Participation{want(consumer.Queue, "QUEUED", 10, 10)},
		},
		{
			"an admission sets ADMITTED, its token and position 0, and keeps the time of entry",
			[]event.Event{of(event.QueueEntered, "e1", 10, func(e *event.Event) { e.Position = new(int64(42)) }), of(event.QueueAdmitted, "e2", 20)},
			[]consumer.Participation{want(consumer.Queue, "ADMITTED", 10, 20, position(0), admitted(20, "token_e2"))},
		},
		{
			"an admission sets expiresAt when given",
			[]event.Event{of(event.QueueEntered, "e1", 10), of(event.QueueAdmitted, "e2", 20, expiring)},
			[]consumer.Participation{want(consumer.Queue, "ADMITTED", 10, 20, position(0), admitted(20, "token_e2"), expires(900))},
		},
		{
			"a later admission without expiresAt removes the earlier one's",
			[]event.Event{of(event.QueueAdmitted, "e1", 20, expiring), of(event.QueueAdmitted, "e2", 30)},
			[]consumer.Participation{want(consumer.Queue, "ADMITTED", 20, 30, position(0), admitted(30, "token_e2"))},
		},
		{
			"an admission sets enteredAt when given",
			[]event.Event{of(event.QueueEntered, "e1", 10), of(event.QueueAdmitted, "e2", 20, func(e *event.Event) { e.EnteredAt = new(at(5)) })},
			[]consumer.Participation{want(consumer.Queue, "ADMITTED", 5, 20, position(0), admitted(20, "token_e2"))},
		},
		{
			"an admission that comes first begins the participation at its own moment",
			[]event.Event{of(event.QueueAdmitted, "e1", 20)},
			[]consumer.Participation{want(consumer.Queue, "ADMITTED", 20, 20, position(0), admitted(20, "token_e1"))},
		},
		{
			"an admission that comes first begins the participation at enteredAt when given",
			[]event.Event{of(event.QueueAdmitted, "e1", 20, func(e *event.Event) { e.EnteredAt = new(at(5)) })},
			[]consumer.Participation{want(consumer.Queue, "ADMITTED", 5, 20, position(0), admitted(20, "token_e1"))},
		},
		{
			"COMPLETED keeps token, admittedAt and expiresAt",
			[]event.Event{of(event.QueueAdmitted, "e1", 20, expiring), of(event.QueueCompleted, "e2", 30)},
			[]consumer.Participation{want(consumer.Queue, "COMPLETED", 20, 30, position(0), admitted(20, "token_e1"), expires(900))},
		},
		{
			"LEFT keeps the recorded position",
			[]event.Event{of(event.QueueEntered, "e1", 10, func(e *event.Event) { e.Position = new(int64(42)) }), of(event.QueueLeft, "e2", 30)},
			[]consumer.Participation{want(consumer.Queue, "LEFT", 10, 30, position(42))},
		},
		{
			"DENIED has the reason",
			[]event.Event{of(event.QueueEntered, "e1", 10), of(event.QueueDenied, "e2", 30, func(e *event.Event) { e.DenyReason = new("ORDER_LIMIT") })},
			[]consumer.Participation{want(consumer.Queue, "DENIED", 10, 30, func(p *consumer.Participation) { p.DenyReason = new("ORDER_LIMIT") })},
		},
		{
			"an end that comes first begins the participation at its own moment",
			[]event.Event{of(event.QueueLeft, "e1", 30)},
			[]consumer.Participation{want(consumer.Queue, "LEFT", 30, 30)},
		},
		{
			"entering again begins from nothing",
			[]event.Event{of(event.QueueAdmitted, "e1", 20, expiring), of(event.QueueDenied, "e2", 30, func(e *event.Event) { e.DenyReason = new("X") }), of(event.QueueEntered, "e3", 40)},
			[]consumer.Participation{want(consumer.Queue, "QUEUED", 40, 40)},
		},
		{
			"entering again within the second of leaving stays LEFT",
			[]event.Event{of(event.QueueEntered, "e1", 10), of(event.QueueLeft, "e2", 20), of(event.QueueEntered, "e3", 20)},
			[]consumer.Participation{want(consumer.Queue, "LEFT", 20, 20)},
		},
		{
			"at equal moments a later status of the row takes effect later",
			[]event.Event{of(event.QueueAdmitted, "e1", 20), of(event.QueueEntered, "e2", 20)},
			[]consumer.Participation{want(consumer.Queue, "ADMITTED", 20, 20, position(0), admitted(20, "token_e1"))},
		},
		{
			"at equal moments and statuses the greater id takes effect later",
			[]event.Event{of(event.QueueAdmitted, "e2", 20), of(event.QueueAdmitted, "e1", 20)},
			[]consumer.Participation{want(consumer.Queue, "ADMITTED", 20, 20, position(0), admitted(20, "token_e2"))},
		},
		{
			"experience and sequence are the last event's",
			[]event.Event{of(event.QueueEntered, "e1", 10), of(event.QueueLeft, "e2", 20, elsewhere)},
			[]consumer.Participation{want(consumer.Queue, "LEFT", 10, 20, func(p *consumer.Participation) { p.ExperienceID, p.SequenceID = "exp_2", "seq_2" })},
		},

		{
			"entering a draw begins it as ENTERED",
			[]event.Event{of(event.DrawEntered, "e1", 10)},
			[]consumer.Participation{want(consumer.Draw, "ENTERED", 10, 10)},
		},
		{
			"winning a draw sets WON with the token",
			[]event.Event{of(event.DrawEntered, "e1", 10), of(event.DrawWon, "e2", 20, expiring)},
			[]consumer.Participation{want(consumer.Draw, "WON", 10, 20, admitted(20, "token_e2"), expires(900))},
		},
		{
			"losing a draw sets LOST",
			[]event.Event{of(event.DrawEntered, "e1", 10), of(event.DrawLost, "e2", 20)},
			[]consumer.Participation{want(consumer.Draw, "LOST", 10, 20)},
		},
		{
			"entering a draw again begins from nothing",
			[]event.Event{of(event.DrawWon, "e1", 10, expiring), of(event.DrawEntered, "e2", 20)},
			[]consumer.Participation{want(consumer.Draw, "ENTERED", 20, 20)},
		},

		{
			"a bid sets ACTIVE",
			[]event.Event{of(event.BidPlaced, "e1", 10)},
			[]consumer.Participation{want(consumer.Auction, "ACTIVE", 10, 10, bids(1, "10.00", 10))},
		},
		{
			"the highest bid sets WINNING",
			[]event.Event{of(event.BidPlaced, "e1", 10, func(e *event.Event) { e.HighestBid = true })},
			[]consumer.Participation{want(consumer.Auction, "WINNING", 10, 10, bids(1, "10.00", 10))},
		},
		{
			"a bid that does not come first keeps the time of entry",
			[]event.Event{of(event.BidPlaced, "e1", 10), of(event.BidPlaced, "e2", 20, func(e *event.Event) { e.BidAmount = "25" })},
			[]consumer.Participation{want(consumer.Auction, "ACTIVE", 10, 20, bids(2, "25", 20))},
		},
		{
			"OUTBID keeps the bids",
			[]event.Event{of(event.BidPlaced, "e1", 10), of(event.Outbid, "e2", 20)},
			[]consumer.Participation{want(consumer.Auction, "OUTBID", 10, 20, bids(1, "10.00", 10))},
		},
		{
			"winning an auction sets WON with the payment token",
			[]event.Event{of(event.BidPlaced, "e1", 10), of(event.AuctionWon, "e2", 20, expiring)},
			[]consumer.Participation{want(consumer.Auction, "WON", 10, 20, bids(1, "10.00", 10), admitted(20, "token_e2"), expires(900))},
		},
		{
			"a bid after a win drops the token, admittedAt and expiresAt",
			[]event.Event{of(event.AuctionWon, "e1", 10, expiring), of(event.BidPlaced, "e2", 20)},
			[]consumer.Participation{want(consumer.Auction, "ACTIVE", 10, 20, bids(1, "10.00", 20))},
		},
		{
			"OUTBID after a win drops the token, admittedAt and expiresAt",
			[]event.Event{of(event.AuctionWon, "e1", 10, expiring), of(event.Outbid, "e2", 20)},
			[]consumer.Participation{want(consumer.Auction, "OUTBID", 10, 20)},
		},
		{
			"of bids at one time the greater bidId is the latest",
			[]event.Event{
				of(event.BidPlaced, "e1", 10, func(e *event.Event) { e.BidID, e.BidAmount = "bid_b", "2" }),
				of(event.BidPlaced, "e2", 10, func(e *event.Event) { e.BidID, e.BidAmount = "bid_a", "1" }),
			},
			[]consumer.Participation{want(consumer.Auction, "ACTIVE", 10, 10, bids(2, "2", 10))},
		},
		{
			"of one bidId twice the later event counts, once",
			[]event.Event{
				of(event.BidPlaced, "e1", 10, func(e *event.Event) { e.BidID, e.BidAmount = "bid_a", "1" }),
				of(event.BidPlaced, "e2", 20, func(e *event.Event) { e.BidID, e.BidAmount = "bid_a", "2" }),
			},
			[]consumer.Participation{want(consumer.Auction, "ACTIVE", 10, 20, bids(1, "2", 20))},
		},
		{
			"of one bidId twice at one time the event with the later status counts",
			[]event.Event{
				of(event.BidPlaced, "e1", 10, func(e *event.Event) { e.BidID, e.BidAmount, e.HighestBid = "bid_a", "3", true }),
				of(event.BidPlaced, "e2", 10, func(e *event.Event) { e.BidID, e.BidAmount = "bid_a", "2" }),
			},
			[]consumer.Participation{want(consumer.Auction, "WINNING", 10, 10, bids(1, "3", 10))},
		},

		{
			"a completed order completes what admits to its sequence",
			[]event.Event{of(event.QueueAdmitted, "e1", 10, expiring), of(event.OrderCreated, "e2", 20, order), of(event.OrderCompleted, "e3", 30, order)},
			[]consumer.Participation{want(consumer.Queue, "COMPLETED", 10, 30, position(0), admitted(10, "token_e1"), expires(900))},
		},
		{
			"an order's completion may precede its creation",
			[]event.Event{of(event.QueueAdmitted, "e1", 10), of(event.OrderCompleted, "e2", 20, order), of(event.OrderCreated, "e3", 30, order)},
			[]consumer.Participation{want(consumer.Queue, "COMPLETED", 10, 20, position(0), admitted(10, "token_e1"))},
		},
		{
			"of several creations of an order the latest ties it to a sequence",
			[]event.Event{
				of(event.QueueAdmitted, "e1", 10), of(event.OrderCompleted, "e2", 20, order),
				of(event.OrderCreated, "e3", 40, order, elsewhere), of(event.OrderCreated, "e4", 30, order),
			},
			[]consumer.Participation{want(consumer.Queue, "ADMITTED", 10, 10, position(0), admitted(10, "token_e1"))},
		},
		{
			"of several creations of an order at one moment the greater id ties it to a sequence",
			[]event.Event{
				of(event.QueueAdmitted, "e1", 10), of(event.OrderCompleted, "e2", 20, order),
				of(event.OrderCreated, "e3", 30, order, elsewhere), of(event.OrderCreated, "e4", 30, order),
			},
			[]consumer.Participation{want(consumer.Queue, "COMPLETED", 10, 20, position(0), admitted(10, "token_e1"))},
		},
		{
			"a completed order leaves other sequences alone",
			[]event.Event{of(event.QueueAdmitted, "e1", 10, elsewhere), of(event.OrderCreated, "e2", 20, order), of(event.OrderCompleted, "e3", 30, order)},
			[]consumer.Participation{want(consumer.Queue, "ADMITTED", 10, 10, position(0), admitted(10, "token_e1"),
				func(p *consumer.Participation) { p.ExperienceID, p.SequenceID = "exp_2", "seq_2" })},
		},
		{
			"a completed order judges the sequence at that point of the fold",
			[]event.Event{
				of(event.QueueAdmitted, "e1", 10, elsewhere), of(event.OrderCreated, "e2", 20, order),
				of(event.OrderCompleted, "e3", 30, order), of(event.QueueAdmitted, "e4", 40),
			},
			[]consumer.Participation{want(consumer.Queue, "ADMITTED", 10, 40, position(0), admitted(40, "token_e4"))},
		},
		{
			"a completed order leaves alone what does not admit",
			[]event.Event{of(event.QueueEntered, "e1", 10), of(event.OrderCreated, "e2", 20, order), of(event.OrderCompleted, "e3", 30, order)},
			[]consumer.Participation{want(consumer.Queue, "QUEUED", 10, 10)},
		},
		{
			"a completed order leaves alone what ended already",
			[]event.Event{of(event.QueueAdmitted, "e1", 10), of(event.QueueLeft, "e2", 20), of(event.OrderCreated, "e3", 20, order), of(event.OrderCompleted, "e4", 30, order)},
			[]consumer.Participation{want(consumer.Queue, "LEFT", 10, 20, position(0), admitted(10, "token_e1"))},
		},
		{
			"a completed order at the moment of the admission completes it",
			[]event.Event{of(event.QueueAdmitted, "e2", 10), of(event.OrderCreated, "e3", 10, order), of(event.OrderCompleted, "e1", 10, order)},
			[]consumer.Participation{want(consumer.Queue, "COMPLETED", 10, 10, position(0), admitted(10, "token_e2"))},
		},
		{
			"a completed order without its creation has no effect",
			[]event.Event{of(event.QueueAdmitted, "e1", 10), of(event.OrderCompleted, "e2", 20, order)},
			[]consumer.Participation{want(consumer.Queue, "ADMITTED", 10, 10, position(0), admitted(10, "token_e1"))},
		},
		{
			"a completed order begins nothing",
			[]event.Event{of(event.OrderCreated, "e1", 10, order), of(event.OrderCompleted, "e2", 20, order)},
			nil,
		},
		{
			"one event twice counts once",
			[]event.Event{of(event.BidPlaced, "e1", 10), of(event.BidPlaced, "e1", 10)},
			[]consumer.Participation{want(consumer.Auction, "ACTIVE", 10, 10, bids(1, "10.00", 10))},
		},
		{
			"the end of an auction concerns no participation",
			[]event.Event{of(event.AuctionSettled, "e1", 10)},
			nil,
		},
		{
			"an unknown type has no effect",
			[]event.Event{of("draw.completed", "e1", 10)},
			nil,
		},
		{
			"participations are in the byte order of type and id",
			[]event.Event{of(event.QueueEntered, "e1", 10), of(event.DrawEntered, "e2", 10)},
			[]consumer.Participation{want(consumer.Draw, "ENTERED", 10, 10), want(consumer.Queue, "QUEUED", 10, 10)},
		},
		{
			"events of a guest count as the consumer's",
			[]event.Event{of(event.QueueEntered, "e1", 10, func(e *event.Event) { e.ConsumerID = "guest_1" })},
			[]consumer.Participation{want(consumer.Queue, "QUEUED", 10, 10)},
		},
	} {
		t.Run(c.rule, func(t *testing.T) {
			for i := range max(1, len(c.events)) { // every rotation
				rotated := append(append([]event.Event{}, c.events[i:]...), c.events[:i]...)
				if diff := cmp.Diff(c.want, event.Fold(key, rotated).Participations); diff != "" {
					t.Fatalf("events rotated by %d (-want +got):\n%s", i, diff)
				}
			}
			for _, p := range c.want {
				if err := p.Validate(); err != nil {
					t.Errorf("the rule gives a record that no store accepts: %v", err)
				}
			}
		})
	}
}

func TestFoldProfile(t *testing.T) {
	named := func(name string) func(*event.Event) { return func(e *event.Event) { e.FullName = new(name) } }
	for _, c := range []struct {
		rule   string
		events []event.Event
		want   string
	}{
		{"a profile is as of its creation", []event.Event{of(event.ConsumerCreated, "e1", 10, named("A"))}, "A 10"},
		{"of several at one moment the later id counts", []event.Event{of(event.ConsumerCreated, "e2", 10, named("B")), of(event.ConsumerCreated, "e1", 10, named("A"))}, "B 10"},
		{"the later moment counts", []event.Event{of(event.ConsumerCreated, "e1", 20, named("A")), of(event.ConsumerCreated, "e2", 10, named("B"))}, "A 20"},
	} {
		t.Run(c.rule, func(t *testing.T) {
			got := event.Fold(key, c.events).Profile
			if got == nil {
				t.Fatal("there is no profile")
			}
			text := fmt.Sprintf("%s %d", *got.FullName, int(got.UpdatedAt.Sub(at(0)).Seconds()))
			if text != c.want || got.ID != key.ConsumerID || got.OrganizationID != key.OrganizationID || !got.CreatedAt.Equal(got.UpdatedAt) {
				t.Errorf("got %s of %s, want %s", text, got.ID, c.want)
			}
		})
	}
	if got := event.Fold(key, []event.Event{of(event.QueueEntered, "e1", 10)}).Profile; got != nil {
		t.Errorf("a profile came from an event that gives none: %v", got)
	}
}
