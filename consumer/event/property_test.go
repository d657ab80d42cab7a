package event_test

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"testing"

	diff "github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/rejoinhq/rejoin/consumer"
	"github.com/rejoinhq/rejoin/consumer/event"
)

// history generates events whose ids differ, close together in time so that moments are
// often equal.
func history(max int) *rapid.Generator[[]event.Event] {
	types := []event.Type{
		event.QueueEntered, event.QueueAdmitted, event.QueueCompleted, event.QueueLeft, event.QueueDenied,
		event.DrawEntered, event.DrawWon, event.DrawLost,
		event.BidPlaced, event.BidPlaced, event.Outbid, event.AuctionWon, event.AuctionSettled,
		event.OrderCreated, event.OrderCompleted, event.ConsumerCreated, "draw.completed",
	}
	return rapid.Custom(func(t *rapid.T) []event.Event {
		ids := rapid.SliceOfNDistinct(rapid.IntRange(0, 99), 0, max, rapid.ID[int]).Draw(t, "ids")
		events := make([]event.Event, len(ids))
		for i, id := range ids {
			e := of(rapid.SampledFrom(types).Draw(t, "type"), fmt.Sprintf("e%02d", id), rapid.IntRange(0, 6).Draw(t, "second"))
			e.SubjectID = rapid.SampledFrom([]string{"d_1", "d_2"}).Draw(t, "subject")
			if e.Type != event.OrderCompleted && e.Type != event.ConsumerCreated {
				e.SequenceID = rapid.SampledFrom([]string{"seq_1", "seq_2"}).Draw(t, "sequence")
			}
			switch e.Type {
			case event.QueueEntered:
				e.Position = rapid.Ptr(rapid.Int64Range(0, 9), true).Draw(t, "position")
			case event.QueueAdmitted, event.DrawWon, event.AuctionWon:
				if rapid.Bool().Draw(t, "expires") {
					e.ExpiresAt = new(at(900))
				}
				if e.Type == event.QueueAdmitted && rapid.Bool().Draw(t, "entered") {
					e.EnteredAt = new(at(-1))
				}
			case event.QueueDenied:
				e.DenyReason = rapid.Ptr(rapid.SampledFrom([]string{"A", "B"}), true).Draw(t, "reason")
			case event.BidPlaced:
				e.BidID = rapid.SampledFrom([]string{"b_1", "b_2", "b_3"}).Draw(t, "bid")
				e.BidAmount = rapid.SampledFrom([]consumer.Amount{"1", "2.50"}).Draw(t, "amount")
				e.HighestBid = rapid.Bool().Draw(t, "highest")
			case event.ConsumerCreated:
				e.FullName = rapid.Ptr(rapid.SampledFrom([]string{"A", "B"}), true).Draw(t, "name")
			}
			events[i] = e
		}
		return events
	})
}

func TestAnyOrderWithAnyDuplicatesGivesTheSameRecords(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		events := history(20).Draw(t, "events")
		want := event.Fold(key, events)
		shuffled := rapid.Permutation(append(slices.Clone(events), events...)).Draw(t, "shuffled")
		if d := diff.Diff(want, event.Fold(key, shuffled)); d != "" {
			t.Fatalf("(-in order +shuffled with duplicates):\n%s", d)
		}
	})
}

// The receiver folds after each event, so what a subset gives must not leave a trace.
func TestSubsetsThatGrowEndWhereTheWholeSetEnds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		events := history(12).Draw(t, "events")
		var have []event.Event
		var got event.Records
		for _, e := range rapid.Permutation(events).Draw(t, "order") {
			have = append(have, e)
			got = event.Fold(key, have)
			for _, p := range got.Participations {
				if err := p.Validate(); err != nil {
					t.Fatalf("%d events give an invalid record: %v", len(have), err)
				}
			}
		}
		if d := diff.Diff(event.Fold(key, events), got); d != "" {
			t.Fatalf("(-whole +one by one):\n%s", d)
		}
	})
}

func TestFoldLeavesItsInputAlone(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		events := history(12).Draw(t, "events")
		before := make([]event.Event, len(events))
		for i, e := range events {
			before[i] = e
			if e.ExpiresAt != nil {
				before[i].ExpiresAt = new(*e.ExpiresAt)
			}
			if e.Position != nil {
				before[i].Position = new(*e.Position)
			}
		}
		event.Fold(key, events)
		if d := diff.Diff(before, events); d != "" {
			t.Fatalf("(-before +after):\n%s", d)
		}
	})
}

func TestDifferentEventsWithOneIDGiveTheSameInAnyOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		events := history(8).Draw(t, "events")
		for i := range events {
			events[i].ID = "e"
		}
		shuffled := rapid.Permutation(events).Draw(t, "shuffled")
		if d := diff.Diff(event.Fold(key, events), event.Fold(key, shuffled)); d != "" {
			t.Fatalf("(-one order +another):\n%s", d)
		}
	})
}

func TestANaiveFoldAgrees(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		events := history(25).Draw(t, "events")
		if d := diff.Diff(naiveFold(events), event.Fold(key, events)); d != "" {
			t.Fatalf("(-naive +fold):\n%s", d)
		}
	})
}

// naiveFold is a second implementation, from the contract's text: one participation at a
// time, and everything about it searched for anew at each step.
func naiveFold(events []event.Event) event.Records {
	events = slices.Clone(events)
	row := func(e event.Event) string { // sorts like "the status that they set"
		switch e.Type {
		case event.QueueEntered, event.DrawEntered:
			return "a0"
		case event.BidPlaced:
			if e.HighestBid {
				return "a2"
			}
			return "a0"
		case event.QueueAdmitted:
			return "a1"
		case event.Outbid:
			return "a1"
		case event.DrawWon:
			return "a1"
		case event.AuctionWon:
			return "a3"
		case event.QueueCompleted, event.OrderCompleted:
			return "t0"
		case event.QueueDenied, event.DrawLost:
			return "t1"
		case event.QueueLeft:
			return "t2"
		}
		return ""
	}
	slices.SortFunc(events, func(a, b event.Event) int {
		return cmp.Or(a.At.Compare(b.At), strings.Compare(row(a), row(b)), strings.Compare(a.ID, b.ID))
	})
	sequenceOf := func(orderID string) (experienceID, sequenceID string) {
		var latest *event.Event
		for i, e := range events {
			if e.Type == event.OrderCreated && e.SubjectID == orderID &&
				(latest == nil || e.At.After(latest.At) || e.At.Equal(latest.At) && e.ID > latest.ID) {
				latest = &events[i]
			}
		}
		if latest == nil {
			return "", ""
		}
		return latest.ExperienceID, latest.SequenceID
	}

	var records event.Records
	for _, kind := range []consumer.DistributionType{"auction", "draw", "queue"} {
		for _, id := range []string{"d_1", "d_2"} {
			var p *consumer.Participation
			begin := func(e event.Event) {
				p = &consumer.Participation{OrganizationID: "org_1", ConsumerID: "cons_1", Type: kind, ID: id, EnteredAt: e.At}
			}
			for i, e := range events {
				if e.Type == event.OrderCompleted {
					experienceID, sequenceID := sequenceOf(e.SubjectID)
					if p != nil && (p.Status == "ADMITTED" || p.Status == "WON") && p.AdmissionToken != nil &&
						p.ExperienceID == experienceID && p.SequenceID == sequenceID {
						p.Status, p.UpdatedAt = "COMPLETED", e.At
					}
					continue
				}
				if !strings.HasPrefix(string(e.Type), string(kind)+".") || e.SubjectID != id || row(e) == "" {
					continue
				}
				if p == nil || strings.HasSuffix(string(e.Type), ".entered") {
					begin(e)
				}
				p.ExperienceID, p.SequenceID, p.UpdatedAt = e.ExperienceID, e.SequenceID, e.At
				switch e.Type {
				case event.QueueEntered:
					p.Status, p.Position = "QUEUED", e.Position
				case event.DrawEntered:
					p.Status = "ENTERED"
				case event.QueueAdmitted:
					p.Status, p.Position, p.AdmittedAt, p.AdmissionToken, p.ExpiresAt = "ADMITTED", new(int64(0)), new(e.At), new(e.Token), e.ExpiresAt
					if e.EnteredAt != nil {
						p.EnteredAt = *e.EnteredAt
					}
				case event.DrawWon, event.AuctionWon:
					p.Status, p.AdmittedAt, p.AdmissionToken, p.ExpiresAt = "WON", new(e.At), new(e.Token), e.ExpiresAt
				case event.QueueCompleted:
					p.Status = "COMPLETED"
				case event.QueueLeft:
					p.Status = "LEFT"
				case event.QueueDenied:
					p.Status, p.DenyReason = "DENIED", e.DenyReason
				case event.DrawLost:
					p.Status = "LOST"
				case event.BidPlaced, event.Outbid:
					p.Status = "OUTBID"
					if e.Type == event.BidPlaced {
						p.Status = "ACTIVE"
						if e.HighestBid {
							p.Status = "WINNING"
						}
					}
					p.AdmittedAt, p.AdmissionToken, p.ExpiresAt = nil, nil, nil
				}
				// The bids so far, counted anew each time.
				distinct, last := map[string]event.Event{}, event.Event{}
				for _, bid := range events[:i+1] {
					if bid.Type == event.BidPlaced && bid.SubjectID == id && kind == "auction" {
						distinct[bid.BidID] = bid
					}
				}
				for _, bid := range distinct {
					if last.ID == "" || bid.At.After(last.At) || bid.At.Equal(last.At) && bid.BidID > last.BidID {
						last = bid
					}
				}
				if last.ID != "" {
					p.BidCount, p.LastBidAmount, p.LastBidTime = new(int64(len(distinct))), new(last.BidAmount), new(last.At)
				}
			}
			if p != nil {
				records.Participations = append(records.Participations, *p)
			}
		}
	}
	for _, e := range events {
		if e.Type == event.ConsumerCreated {
			records.Profile = &consumer.Consumer{
				OrganizationID: "org_1", ID: "cons_1", FullName: e.FullName, CreatedAt: e.At, UpdatedAt: e.At,
			}
		}
	}
	return records
}
