package storagetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/rejoinhq/rejoin/consumer"
	"github.com/rejoinhq/rejoin/consumer/event"
)

// about returns an event about the person and, unless its type says otherwise, about the
// distribution of participation.
func about(kind event.Type, id string, second int, edits ...func(*event.Event)) event.Event {
	e := event.Event{
		OrganizationID: organization, ConsumerID: person,
		ID: id, Type: kind, At: at(second), SubjectID: "queue_1", ExperienceID: "exp_1", SequenceID: "seq_1",
	}
	switch kind {
	case event.QueueAdmitted, event.DrawWon, event.AuctionWon:
		e.Token = "token_" + id
	case event.BidPlaced:
		e.BidID, e.BidAmount = "bid_"+id, "10.00"
	case event.OrderCreated:
		e.SubjectID = "order_1"
	case event.OrderCompleted:
		e.SubjectID, e.ExperienceID, e.SequenceID = "order_1", "", ""
	case event.ConsumerCreated:
		e.SubjectID, e.ExperienceID, e.SequenceID = "", "", ""
		e.FullName = new("Ada of the event")
	case event.AuctionSettled:
		e.ConsumerID, e.ExperienceID, e.SequenceID = "", "", ""
	}
	return edited(e, []func(*event.Event){func(e *event.Event) {
		for _, edit := range edits {
			edit(e)
		}
	}})
}

func of(consumerID string) func(*event.Event) {
	return func(e *event.Event) { e.ConsumerID = consumerID }
}

func aboutSubject(id string) func(*event.Event) {
	return func(e *event.Event) { e.SubjectID = id }
}

// foldedProfile is the profile that about(event.ConsumerCreated) gives.
func foldedProfile(second int) consumer.Consumer {
	return consumer.Consumer{
		OrganizationID: organization, ID: person, FullName: new("Ada of the event"), CreatedAt: at(second), UpdatedAt: at(second),
	}
}

func admittedBy(token string, enteredAt, admittedAt int) consumer.Participation {
	return participation(becoming(consumer.StatusAdmitted, at(admittedAt)), func(p *consumer.Participation) {
		p.EnteredAt, p.Position = at(enteredAt), new(int64(0))
		p.AdmittedAt, p.AdmissionToken = new(at(admittedAt)), new(token)
	})
}

// record records an event and compares the result.
func wantRecorded(t *testing.T, store consumer.Store, e event.Event, want event.Result) {
	t.Helper()
	got, err := store.(event.Recorder).RecordEvent(t.Context(), e)
	if err != nil || got != want {
		t.Fatalf("RecordEvent returned %q and the error %v, want %q", got, err, want)
	}
}

func recordAll(t *testing.T, store consumer.Store, events ...event.Event) {
	t.Helper()
	for _, e := range events {
		wantRecorded(t, store, e, event.Applied)
	}
}

func eventCases() []storeCase {
	return slices.Concat(recordedCases(), besideWrittenCases(), mergedEventCases(), purgedEventCases(), []storeCase{
		{"an invalid event is refused, and nothing is stored", func(t *testing.T, store consumer.Store) {
			bad := about(event.QueueAdmitted, "e1", 0, func(e *event.Event) { e.SequenceID, e.Token = "", "" })
			result, err := store.(event.Recorder).RecordEvent(t.Context(), bad)
			wantInvalidFields(t, err, "data.sequenceId", "data.admissionToken")
			if result != "" {
				t.Errorf("RecordEvent returned %q with the error", result)
			}
			wantNothing(t, store, person)
			wantRecorded(t, store, about(event.QueueAdmitted, "e1", 0), event.Applied)
		}},
		{"a cancelled context ends the call with its error, and nothing is stored", func(t *testing.T, store consumer.Store) {
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			if _, err := store.(event.Recorder).RecordEvent(ctx, about(event.QueueEntered, "e1", 0)); !errors.Is(err, context.Canceled) {
				t.Errorf("RecordEvent returned the error %v, want context.Canceled", err)
			}
			wantNothing(t, store, person)
		}},
		{"an event is reported for its consumer", toldOf(profiles(profile()), func(t *testing.T, store consumer.Store) {
			wantRecorded(t, store, about(event.QueueEntered, "e1", 0), event.Applied)
		}, person)},
		{"an event about a guest is reported for the consumer that it was merged into", func(t *testing.T, store consumer.Store) {
			write(t, store, together(profiles(profile()), movedToOther(profiles(profile()))))
			wantMerge(t, store, 0, 0)
			l := follow(t, store)
			wantRecorded(t, store, about(event.QueueEntered, "e1", 0, of(otherPerson)), event.Applied)
			l.want(t, person)
		}},
		{"concurrent events about one consumer are as if they came one after another", testConcurrentEvents},
		{"any permutation of events and writes, with duplicates and a merge, leads to the same records", testEventHistories},
	})
}

func recordedCases() []storeCase {
	return []storeCase{
		{"what follows from an event can be read", func(t *testing.T, store consumer.Store) {
			recordAll(t, store, about(event.ConsumerCreated, "e0", 0), about(event.QueueEntered, "e1", 1))
			entered := participation(becoming(consumer.StatusQueued, at(1)), func(p *consumer.Participation) { p.EnteredAt = at(1) })
			wantSnapshot(t, store, together(profiles(foldedProfile(0)), participations(entered)))
			wantExport(t, store, together(profiles(foldedProfile(0)), participations(entered)))
			found, err := store.Consumers(t.Context(), organization, []string{person})
			if diff := gocmp.Diff(map[string]consumer.Consumer{person: foldedProfile(0)}, found); err != nil || diff != "" {
				t.Errorf("Consumers returned the error %v (-want +got):\n%s", err, diff)
			}
		}},
		{"a later event continues what the earlier ones began", func(t *testing.T, store consumer.Store) {
			write(t, store, profiles(profile()))
			recordAll(t, store, about(event.QueueEntered, "e1", 1), about(event.QueueAdmitted, "e2", 2))
			wantSnapshot(t, store, together(profiles(profile()), participations(admittedBy("token_e2", 1, 2))))
		}},
		{"events that come late lead to the same", func(t *testing.T, store consumer.Store) {
			write(t, store, profiles(profile()))
			recordAll(t, store, about(event.QueueAdmitted, "e2", 2), about(event.QueueEntered, "e1", 1))
			wantSnapshot(t, store, together(profiles(profile()), participations(admittedBy("token_e2", 1, 2))))
		}},
		{"what an event ends is not in a snapshot", func(t *testing.T, store consumer.Store) {
			write(t, store, profiles(profile()))
			recordAll(t, store, about(event.QueueEntered, "e1", 1), about(event.QueueLeft, "e2", 2))
			wantSnapshot(t, store, profiles(profile()))
		}},
		{"every field of an event is kept", func(t *testing.T, store consumer.Store) {
			write(t, store, profiles(profile()))
			recordAll(t, store,
				about(event.QueueEntered, "e1", 1, func(e *event.Event) { e.Position = new(int64(9)) }),
				about(event.QueueAdmitted, "e2", 2, func(e *event.Event) {
					e.Token, e.EnteredAt, e.ExpiresAt = "Zażółć \"🎟\" \\ \n", new(at(-5).Add(time.Microsecond)), new(at(900))
				}),
				about(event.QueueDenied, "e3", 3, aboutSubject("queue_2"), func(e *event.Event) { e.DenyReason = new("\t<none>") }),
				about(event.BidPlaced, "e4", 4, func(e *event.Event) { e.BidAmount, e.HighestBid = "12.50", true }))
			admitted := admittedBy("Zażółć \"🎟\" \\ \n", 0, 2)
			admitted.EnteredAt, admitted.ExpiresAt = at(-5).Add(time.Microsecond), new(at(900))
			bid := participation(becoming(consumer.StatusWinning, at(4)), func(p *consumer.Participation) {
				p.Type, p.EnteredAt = consumer.Auction, at(4)
				p.LastBidAmount, p.LastBidTime, p.BidCount = new(consumer.Amount("12.50")), new(at(4)), new(int64(1))
			})
			denied := participation(becoming(consumer.StatusDenied, at(3)), inDistribution("queue_2"), func(p *consumer.Participation) {
				p.EnteredAt, p.DenyReason = at(3), new("\t<none>")
			})
			wantExport(t, store, together(profiles(profile()), participations(bid, admitted, denied)))
		}},
		{"an order completes what admits to its sequence, in whatever order its events come", func(t *testing.T, store consumer.Store) {
			write(t, store, profiles(profile()))
			recordAll(t, store,
				about(event.OrderCompleted, "e3", 3), about(event.QueueAdmitted, "e1", 1),
				about(event.QueueAdmitted, "e4", 1, aboutSubject("queue_2"), func(e *event.Event) { e.SequenceID = "seq_2" }),
				about(event.OrderCreated, "e2", 2))
			elsewhere := admittedBy("token_e4", 1, 1)
			elsewhere.ID, elsewhere.SequenceID = "queue_2", "seq_2"
			wantSnapshot(t, store, together(profiles(profile()), participations(elsewhere)))
		}},
		{"an id that the organization has is a duplicate, whatever the event says", func(t *testing.T, store consumer.Store) {
			write(t, store, together(profiles(profile()), movedToOther(profiles(profile()))))
			recordAll(t, store, about(event.QueueEntered, "e1", 0))
			wantRecorded(t, store, about(event.QueueEntered, "e1", 0), event.Duplicate)
			wantRecorded(t, store, about(event.QueueLeft, "e1", 5), event.Duplicate)
			wantRecorded(t, store, about(event.QueueEntered, "e1", 0, of(otherPerson)), event.Duplicate)
			wantRecorded(t, store, about(event.AuctionSettled, "e1", 0), event.Duplicate)
			wantSnapshot(t, store, together(profiles(profile()), participations(participation())))
			wantSnapshot(t, store, movedToOther(profiles(profile())))
		}},
		{"the id of another organization is another event", func(t *testing.T, store consumer.Store) {
			theirs := func(e *event.Event) { e.OrganizationID = otherOrganization }
			write(t, store, together(profiles(profile()), profiles(profile(func(c *consumer.Consumer) { c.OrganizationID = otherOrganization }))))
			recordAll(t, store, about(event.QueueEntered, "e1", 0), about(event.QueueEntered, "e1", 0, theirs), about(event.QueueLeft, "e2", 1, theirs))
			wantSnapshot(t, store, together(profiles(profile()), participations(participation())))
			wantSnapshot(t, store, profiles(profile(func(c *consumer.Consumer) { c.OrganizationID = otherOrganization })))
		}},
		{"an event of an unknown type is ignored, and its id is not kept", func(t *testing.T, store consumer.Store) {
			wantRecorded(t, store, about("queue.opened", "e1", 0), event.Ignored)
			wantNothing(t, store, person)
			wantRecorded(t, store, about(event.QueueEntered, "e1", 0), event.Applied)
		}},
		{"an event about an erased consumer is ignored, and its id is not kept", func(t *testing.T, store consumer.Store) {
			erase(t, store, organization, person)
			wantRecorded(t, store, about(event.QueueEntered, "e1", 0), event.Ignored)
			wantNothing(t, store, person)
			wantRecorded(t, store, about(event.QueueEntered, "e1", 0, of(otherPerson)), event.Applied)
			wantRecorded(t, store, about(event.QueueEntered, "e1", 0), event.Ignored)
		}},
		{"an erasure deletes the events", func(t *testing.T, store consumer.Store) {
			recordAll(t, store, about(event.ConsumerCreated, "e0", 0), about(event.QueueEntered, "e1", 0), about(event.OrderCreated, "e2", 0))
			erase(t, store, organization, person)
			wantNothing(t, store, person)
			wantRecorded(t, store, about(event.QueueEntered, "e1", 0, of(otherPerson)), event.Applied)
		}},
		{"an event alone counts as something stored", func(t *testing.T, store consumer.Store) {
			recordAll(t, store, about(event.OrderCreated, "e1", 0))
			wantExport(t, store, consumer.Batch{})
			wantNotFound(t, store, organization, person)
		}},
		{"a settled auction ends it for everybody but the winner", func(t *testing.T, store consumer.Store) {
			recordAll(t, store, about(event.AuctionSettled, "e1", 5, func(e *event.Event) { e.WinnerID = new(person) }))
			wantDistribution(t, store, auction(over(at(5), "")))
			bidder := participation(func(p *consumer.Participation) { p.Type, p.Status = consumer.Auction, consumer.StatusActive })
			write(t, store, together(profiles(profile()), movedToOther(profiles(profile())), participations(bidder), movedToOther(participations(bidder))))
			wantSnapshot(t, store, together(profiles(profile()), participations(bidder), distributions(auction(over(at(5), person)))))
			wantSnapshot(t, store, together(movedToOther(together(profiles(profile()), participations(bidder))), distributions(auction(over(at(5), "")))))
		}},
		{"of several settlements the greatest record stays", func(t *testing.T, store consumer.Store) {
			recordAll(t, store, about(event.AuctionSettled, "e1", 5), about(event.AuctionSettled, "e2", 9), about(event.AuctionSettled, "e3", 7))
			wantDistribution(t, store, auction(over(at(9), "")))
		}},
	}
}

// besideWrittenCases decide between a written record and the one that follows from events.
func besideWrittenCases() []storeCase {
	queued := func(second int) consumer.Participation {
		return participation(becoming(consumer.StatusQueued, at(second)), func(p *consumer.Participation) { p.EnteredAt = at(second) })
	}
	return []storeCase{
		{"the later of a written participation and a folded one counts", func(t *testing.T, store consumer.Store) {
			write(t, store, profiles(profile()))
			recordAll(t, store, about(event.QueueEntered, "e1", 5))
			wantWrite(t, store, participations(participation()), 1, 0)
			wantParticipation(t, store, queued(5))
			wantWrite(t, store, participations(participation(becoming(consumer.StatusLeft, at(9)))), 1, 0)
			wantSnapshot(t, store, profiles(profile()))
			recordAll(t, store, about(event.QueueEntered, "e2", 10))
			wantParticipation(t, store, queued(10))
		}},
		{"at equal times the written participation counts", func(t *testing.T, store consumer.Store) {
			recordAll(t, store, about(event.QueueLeft, "e1", 0))
			write(t, store, participations(participation()))
			wantParticipation(t, store, participation())
		}},
		{"when a late event makes the folded participation older, the written one counts again", func(t *testing.T, store consumer.Store) {
			// Without e1, the order of e3 completes nothing. With it, e3 sets the status at 3,
			// until e2 moves the participation to another sequence before the order.
			write(t, store, participations(participation(becoming(consumer.StatusQueued, at(2)))))
			recordAll(t, store, about(event.QueueAdmitted, "e1", 0), about(event.OrderCreated, "e4", 1), about(event.OrderCompleted, "e3", 3))
			write(t, store, profiles(profile()))
			wantSnapshot(t, store, profiles(profile()))
			recordAll(t, store, about(event.QueueAdmitted, "e2", 1, func(e *event.Event) { e.SequenceID = "seq_2" }))
			wantParticipation(t, store, participation(becoming(consumer.StatusQueued, at(2))))
		}},
		{"a write is judged against written records only", func(t *testing.T, store consumer.Store) {
			recordAll(t, store, about(event.QueueLeft, "e1", 9), about(event.ConsumerCreated, "e2", 9), about(event.AuctionSettled, "e3", 9))
			all := together(profiles(profile()), participations(participation()), distributions(auction(over(at(0), ""))))
			wantWrite(t, store, all, 3, 0)
			wantWrite(t, store, all, 0, 3)
			wantSnapshot(t, store, profiles(foldedProfile(9)))
		}},
		{"the later of a written profile and a folded one counts", func(t *testing.T, store consumer.Store) {
			recordAll(t, store, about(event.ConsumerCreated, "e1", 5))
			write(t, store, profiles(profile()))
			wantSnapshot(t, store, profiles(foldedProfile(5)))
			later := profile(func(c *consumer.Consumer) { c.UpdatedAt = at(5) })
			write(t, store, profiles(later))
			wantSnapshot(t, store, profiles(later))
		}},
		{"the later of a written distribution and a folded one counts", func(t *testing.T, store consumer.Store) {
			written := func(second int) consumer.Distribution {
				return auction(func(d *consumer.Distribution) { d.UpdatedAt = at(second) })
			}
			write(t, store, distributions(written(0)))
			recordAll(t, store, about(event.AuctionSettled, "e1", 5))
			wantDistribution(t, store, auction(over(at(5), "")))
			wantWrite(t, store, distributions(written(5)), 1, 0)
			wantDistribution(t, store, written(5))
			recordAll(t, store, about(event.AuctionSettled, "e2", 6))
			wantDistribution(t, store, auction(over(at(6), "")))
		}},
		{"an order does not complete a written participation", func(t *testing.T, store consumer.Store) {
			admitted := admittedBy("written", 0, 0)
			write(t, store, participations(admitted))
			recordAll(t, store, about(event.OrderCreated, "e1", 1), about(event.OrderCompleted, "e2", 2))
			wantParticipation(t, store, admitted)
		}},
	}
}

func mergedEventCases() []storeCase {
	guests := func(kind event.Type, id string, second int, edits ...func(*event.Event)) event.Event {
		return about(kind, id, second, append(edits, of(otherPerson))...)
	}
	both := together(profiles(profile()), movedToOther(profiles(profile())))
	return []storeCase{
		{"a merge moves the guest's events, and what follows from them together", func(t *testing.T, store consumer.Store) {
			write(t, store, both)
			recordAll(t, store, about(event.QueueEntered, "e1", 1), guests(event.QueueAdmitted, "e2", 2))
			wantMerge(t, store, 1, 0)
			wantSnapshot(t, store, together(profiles(profile()), participations(admittedBy("token_e2", 1, 2))))
			wantGone(t, store, organization, otherPerson)
			wantRecorded(t, store, guests(event.QueueAdmitted, "e2", 2), event.Duplicate)
		}},
		{"a later event about the guest is about the consumer", func(t *testing.T, store consumer.Store) {
			write(t, store, both)
			recordAll(t, store, about(event.QueueEntered, "e1", 1))
			wantMerge(t, store, 0, 0)
			recordAll(t, store, guests(event.QueueAdmitted, "e2", 2))
			wantSnapshot(t, store, together(profiles(profile()), participations(admittedBy("token_e2", 1, 2))))
			wantGone(t, store, organization, otherPerson)
		}},
		{"a guest of whom there are only events can be merged", func(t *testing.T, store consumer.Store) {
			write(t, store, profiles(profile()))
			recordAll(t, store, guests(event.OrderCreated, "e1", 0))
			wantMerge(t, store, 0, 0)
			recordAll(t, store, about(event.QueueAdmitted, "e2", 1), about(event.OrderCompleted, "e3", 2))
			wantSnapshot(t, store, profiles(profile()))
		}},
		{"a merge counts a distribution of the guest once", func(t *testing.T, store consumer.Store) {
			write(t, store, together(both, movedToOther(participations(participation()))))
			recordAll(t, store, guests(event.QueueAdmitted, "e1", 1), about(event.QueueEntered, "e2", 5))
			wantMerge(t, store, 0, 1)
			entered := participation(becoming(consumer.StatusQueued, at(5)), func(p *consumer.Participation) { p.EnteredAt = at(5) })
			wantSnapshot(t, store, together(profiles(profile()), participations(entered)))
		}},
		{"a dry run changes nothing", func(t *testing.T, store consumer.Store) {
			write(t, store, both)
			recordAll(t, store, about(event.QueueEntered, "e1", 1), guests(event.QueueAdmitted, "e2", 2))
			merge := consumer.Merge{OrganizationID: organization, GuestID: otherPerson, ConsumerID: person, DryRun: true}
			want := consumer.WriteResult{Applied: 1}
			if result, err := store.Merge(t.Context(), merge); err != nil || result != want {
				t.Errorf("Merge returned %+v and the error %v, want %+v", result, err, want)
			}
			recordAll(t, store, guests(event.QueueLeft, "e3", 3))
			wantSnapshot(t, store, movedToOther(profiles(profile())))
			wantMerge(t, store, 1, 0)
		}},
		{"the profile event of a guest has no effect after the merge", func(t *testing.T, store consumer.Store) {
			write(t, store, both)
			wantMerge(t, store, 0, 0)
			recordAll(t, store, guests(event.ConsumerCreated, "e1", 9))
			wantSnapshot(t, store, profiles(profile()))
			wantRecorded(t, store, guests(event.ConsumerCreated, "e1", 9), event.Duplicate)
			recordAll(t, store, about(event.ConsumerCreated, "e2", 1))
			wantSnapshot(t, store, profiles(foldedProfile(1)))
		}},
		{"the profile event of a guest has no effect before the merge", func(t *testing.T, store consumer.Store) {
			write(t, store, both)
			recordAll(t, store, guests(event.ConsumerCreated, "e1", 9))
			wantMerge(t, store, 0, 0)
			wantSnapshot(t, store, profiles(profile()))
			recordAll(t, store, about(event.ConsumerCreated, "e2", 1))
			wantSnapshot(t, store, profiles(foldedProfile(1)))
			wantRecorded(t, store, guests(event.ConsumerCreated, "e1", 9), event.Duplicate)
		}},
		{"events follow further merges, and end with the last consumer", func(t *testing.T, store consumer.Store) {
			write(t, store, both)
			recordAll(t, store, guests(event.QueueEntered, "e1", 0))
			wantMerge(t, store, 1, 0)
			last := profile(func(c *consumer.Consumer) { c.ID = "cons_3" })
			write(t, store, profiles(last))
			mergeAs(t, store, person, "cons_3", 1, 0)
			recordAll(t, store, guests(event.QueueLeft, "e2", 1))
			wantSnapshot(t, store, profiles(last))
			erase(t, store, organization, "cons_3")
			wantRecorded(t, store, guests(event.QueueEntered, "e3", 5), event.Ignored)
			wantRecorded(t, store, about(event.QueueEntered, "e3", 5), event.Ignored)
		}},
		{"erasing a merged guest does not delete its events", func(t *testing.T, store consumer.Store) {
			write(t, store, both)
			recordAll(t, store, guests(event.QueueEntered, "e1", 0))
			wantMerge(t, store, 1, 0)
			erase(t, store, organization, otherPerson)
			wantRecorded(t, store, guests(event.QueueLeft, "e2", 1), event.Ignored)
			wantSnapshot(t, store, together(profiles(profile()), participations(participation())))
		}},
	}
}

func purgedEventCases() []storeCase {
	return []storeCase{
		{"a purge deletes the events with the participation, so that no later event revives it", func(t *testing.T, store consumer.Store) {
			write(t, store, profiles(profile()))
			recordAll(t, store, about(event.QueueAdmitted, "e1", 0), about(event.QueueLeft, "e2", 1))
			wantPurged(t, store, at(1), 10, consumer.PurgeResult{})
			wantPurged(t, store, at(2), 10, consumer.PurgeResult{Records: 1, Events: 2})
			recordAll(t, store, about(event.QueueCompleted, "e3", 2))
			wantSnapshot(t, store, profiles(profile()))
		}},
		{"a written end takes the events with it", func(t *testing.T, store consumer.Store) {
			write(t, store, together(profiles(profile()), participations(participation(becoming(consumer.StatusLeft, at(1))))))
			recordAll(t, store, about(event.QueueAdmitted, "e1", 0))
			wantPurged(t, store, at(5), 10, consumer.PurgeResult{Records: 1, Events: 1})
			wantSnapshot(t, store, profiles(profile()))
			recordAll(t, store, about(event.QueueDenied, "e2", 2))
			wantSnapshot(t, store, profiles(profile()))
		}},
		{"a folded end takes the written participation with it", func(t *testing.T, store consumer.Store) {
			write(t, store, together(profiles(profile()), participations(participation())))
			recordAll(t, store, about(event.QueueLeft, "e1", 1))
			wantPurged(t, store, at(5), 10, consumer.PurgeResult{Records: 1, Events: 1})
			wantSnapshot(t, store, profiles(profile()))
			wantWrite(t, store, participations(participation(becoming(consumer.StatusLeft, at(0)))), 1, 0)
		}},
		{"what is active by a later event stays, whatever was written before", func(t *testing.T, store consumer.Store) {
			write(t, store, participations(participation(becoming(consumer.StatusLeft, at(0)))))
			recordAll(t, store, about(event.QueueEntered, "e1", 1))
			wantPurged(t, store, at(5), 10, consumer.PurgeResult{})
			wantParticipation(t, store, participation(becoming(consumer.StatusQueued, at(1)), func(p *consumer.Participation) { p.EnteredAt = at(1) }))
		}},
		{"what is active by a later write stays, whatever an event ended before", func(t *testing.T, store consumer.Store) {
			recordAll(t, store, about(event.QueueLeft, "e1", 0))
			write(t, store, participations(participation(becoming(consumer.StatusQueued, at(1)))))
			wantPurged(t, store, at(5), 10, consumer.PurgeResult{})
			wantParticipation(t, store, participation(becoming(consumer.StatusQueued, at(1))))
		}},
		{"a folded participation that expired is purged", func(t *testing.T, store consumer.Store) {
			write(t, store, profiles(profile()))
			recordAll(t, store, about(event.QueueAdmitted, "e1", 0, func(e *event.Event) { e.ExpiresAt = new(at(5)) }))
			wantPurged(t, store, at(5), 10, consumer.PurgeResult{})
			wantPurged(t, store, at(6), 10, consumer.PurgeResult{Records: 1, Events: 1})
			wantSnapshot(t, store, profiles(profile()))
		}},
		{"the events of orders go with the last folded participation", func(t *testing.T, store consumer.Store) {
			write(t, store, profiles(profile()))
			recordAll(t, store,
				about(event.QueueAdmitted, "e1", 0), about(event.QueueAdmitted, "e2", 0, aboutSubject("queue_2")),
				about(event.OrderCreated, "e3", 1), about(event.OrderCompleted, "e4", 2),
				about(event.QueueAdmitted, "e5", 9, aboutSubject("queue_2")), about(event.QueueLeft, "e6", 20, aboutSubject("queue_2")))
			wantPurged(t, store, at(5), 10, consumer.PurgeResult{Records: 1, Events: 1})
			wantPurged(t, store, at(50), 10, consumer.PurgeResult{Records: 1, Events: 5})
		}},
		{"the events of orders stay when a written participation goes, because they may be early", func(t *testing.T, store consumer.Store) {
			write(t, store, together(profiles(profile()), participations(participation(inDistribution("queue_9"), becoming(consumer.StatusLeft, at(0))))))
			recordAll(t, store, about(event.OrderCreated, "e1", 1), about(event.OrderCompleted, "e2", 2))
			wantPurged(t, store, at(1), 10, consumer.PurgeResult{Records: 1})
			recordAll(t, store, about(event.QueueAdmitted, "e3", 0))
			wantSnapshot(t, store, profiles(profile()))
		}},
		{"half of a purged consumer does not come back", func(t *testing.T, store consumer.Store) {
			write(t, store, profiles(profile()))
			recordAll(t, store,
				about(event.QueueAdmitted, "e1", 0), about(event.QueueAdmitted, "e2", 0, aboutSubject("queue_2")),
				about(event.QueueLeft, "e3", 1), about(event.QueueLeft, "e4", 1, aboutSubject("queue_2")))
			wantPurged(t, store, at(5), 1, consumer.PurgeResult{Records: 1, Events: 2})
			recordAll(t, store, about(event.OrderCreated, "e5", 2))
			wantSnapshot(t, store, profiles(profile()))
			wantPurged(t, store, at(5), 1, consumer.PurgeResult{Records: 1, Events: 3})
			wantSnapshot(t, store, profiles(profile()))
		}},
		{"a member that a settled auction ended is purged, then the auction with its events", func(t *testing.T, store consumer.Store) {
			write(t, store, profiles(profile()))
			recordAll(t, store, about(event.BidPlaced, "e1", 0), about(event.AuctionSettled, "e2", 5))
			wantPurged(t, store, at(5), 10, consumer.PurgeResult{})
			wantPurged(t, store, at(6), 1, consumer.PurgeResult{Records: 1, Members: 1, Events: 1})
			wantSnapshot(t, store, profiles(profile()))
			wantPurged(t, store, at(6), 1, consumer.PurgeResult{Distributions: 1, Events: 1})
			wantPurged(t, store, at(6), 1, consumer.PurgeResult{})
		}},
		{"the winner of a settled auction is not purged", func(t *testing.T, store consumer.Store) {
			write(t, store, profiles(profile()))
			recordAll(t, store, about(event.BidPlaced, "e1", 0), about(event.AuctionSettled, "e2", 5, func(e *event.Event) { e.WinnerID = new(person) }))
			wantPurged(t, store, at(6), 10, consumer.PurgeResult{})
		}},
		{"an auction that a later write reopened is not purged", func(t *testing.T, store consumer.Store) {
			recordAll(t, store, about(event.BidPlaced, "e1", 0), about(event.AuctionSettled, "e2", 5))
			write(t, store, distributions(auction(func(d *consumer.Distribution) { d.UpdatedAt = at(6) })))
			wantPurged(t, store, at(60), 10, consumer.PurgeResult{})
		}},
		{"a purge keeps profiles and their events", func(t *testing.T, store consumer.Store) {
			recordAll(t, store, about(event.ConsumerCreated, "e1", 0))
			wantPurged(t, store, at(60), 10, consumer.PurgeResult{})
			wantSnapshot(t, store, profiles(foldedProfile(0)))
		}},
	}
}

// wantNothing requires that nothing is stored about a consumer.
func wantNothing(t *testing.T, store consumer.Lifecycle, consumerID string) {
	t.Helper()
	e, err := store.Export(t.Context(), consumer.Key{OrganizationID: organization, ConsumerID: consumerID})
	if !errors.Is(err, consumer.ErrNotFound) {
		t.Errorf("Export returned %+v and the error %v, want ErrNotFound", e, err)
	}
}

// testConcurrentEvents records 50 bids of one consumer, each twice, from several goroutines.
func testConcurrentEvents(t *testing.T, store consumer.Store) {
	const bids = 50
	write(t, store, profiles(profile()))
	queue := make(chan event.Event, 2*bids)
	for n := range 2 * bids {
		queue <- about(event.BidPlaced, fmt.Sprintf("e%d", n%bids), n%bids)
	}
	close(queue)
	var results [2]atomic.Int64
	var recorders sync.WaitGroup
	for range 4 {
		recorders.Go(func() {
			for e := range queue {
				switch result, err := store.(event.Recorder).RecordEvent(t.Context(), e); {
				case err != nil:
					t.Errorf("RecordEvent: %v", err)
				case result == event.Applied:
					results[0].Add(1)
				case result == event.Duplicate:
					results[1].Add(1)
				}
			}
		})
	}
	recorders.Wait()
	if results[0].Load() != bids || results[1].Load() != bids {
		t.Errorf("%d events were applied and %d duplicates, want %d of each", results[0].Load(), results[1].Load(), bids)
	}
	s := snapshot(t, store)
	if len(s.Participations) != 1 || s.Participations[0].BidCount == nil || *s.Participations[0].BidCount != bids {
		t.Errorf("the participations are %+v, want one with %d bids", s.Participations, bids)
	}
}

// testEventHistories records and writes a random history from several goroutines, in any
// order, with duplicates and with a merge in between. The model receives the history in
// order and as the consumer's.
func testEventHistories(t *testing.T, store consumer.Store) {
	var histories atomic.Int64
	rapid.Check(t, func(rt *rapid.T) {
		organizationID := fmt.Sprintf("org_events_%d", histories.Add(1))
		model := new(Model)
		var before, after []step
		for _, one := range drawSteps(rt, organizationID) {
			if one.isFirst() || rapid.Bool().Draw(rt, "before the merge") {
				before = append(before, one)
			} else {
				after = append(after, one)
			}
			if err := one.asPersons().take(t.Context(), model); err != nil {
				rt.Fatalf("the model: %v", err)
			}
		}
		takeConcurrently(t, rt, store, before)
		if _, err := store.Merge(t.Context(), consumer.Merge{OrganizationID: organizationID, GuestID: otherPerson, ConsumerID: person}); err != nil {
			rt.Fatalf("Merge: %v", err)
		}
		takeConcurrently(t, rt, store, after)
		key := consumer.Key{OrganizationID: organizationID, ConsumerID: person}
		want, err := model.Export(t.Context(), key)
		if err != nil {
			rt.Fatalf("the model's export: %v", err)
		}
		got, err := store.Export(t.Context(), key)
		if err != nil {
			rt.Fatalf("Export: %v", err)
		}
		for _, e := range []consumer.Export{want, got} {
			slices.SortFunc(e.Distributions, compareDistributions)
		}
		if diff := gocmp.Diff(want, got); diff != "" {
			rt.Fatalf("export (-model +store):\n%s", diff)
		}
	})
}

// step is a write or an event.
type step struct {
	batch consumer.Batch
	event *event.Event
}

func (s step) take(ctx context.Context, store consumer.Store) error {
	if s.event == nil {
		_, err := store.Write(ctx, s.batch)
		return err
	}
	_, err := store.(event.Recorder).RecordEvent(ctx, *s.event)
	return err
}

// isFirst reports whether a merge requires the step.
func (s step) isFirst() bool { return s.event == nil && isFirst(s.batch) }

// asPersons returns the step with the guest's records as the consumer's. The guest's
// profile has no effect.
func (s step) asPersons() step {
	if s.event == nil {
		return step{batch: asPersons(s.batch)}
	}
	e := *s.event
	if e.WinnerID != nil {
		e.WinnerID = new(person)
	}
	if e.ConsumerID == otherPerson {
		if e.Type == event.ConsumerCreated {
			return step{}
		}
		e.ConsumerID = person
	}
	return step{event: &e}
}

// drawSteps returns a history with events. There are few choices, so that events often
// have the same time, participation and order.
func drawSteps(rt *rapid.T, organizationID string) []step {
	var steps []step
	for _, batch := range drawHistory(rt, organizationID) {
		steps = append(steps, step{batch: batch})
	}
	for n := range rapid.IntRange(1, 25).Draw(rt, "events") {
		e := about(rapid.SampledFrom([]event.Type{
			event.QueueEntered, event.QueueAdmitted, event.QueueCompleted, event.QueueLeft, event.QueueDenied,
			event.DrawEntered, event.DrawWon, event.DrawLost, event.BidPlaced, event.Outbid, event.AuctionWon, event.AuctionSettled,
			event.OrderCreated, event.OrderCompleted, event.ConsumerCreated,
		}).Draw(rt, "type"), fmt.Sprintf("e%d", n), 0)
		e.OrganizationID = organizationID
		e.At = at(0).Add(time.Duration(rapid.IntRange(0, 4).Draw(rt, "moment")) * time.Microsecond)
		if e.ConsumerID != "" {
			e.ConsumerID = rapid.SampledFrom(historyConsumers()).Draw(rt, "consumer")
		}
		if _, _, ok := e.Participation(); ok || e.Type == event.AuctionSettled {
			e.SubjectID = rapid.SampledFrom([]string{"one", "two"}).Draw(rt, "distribution")
		}
		if e.SequenceID != "" {
			e.SequenceID = rapid.SampledFrom([]string{"seq_1", "seq_2"}).Draw(rt, "sequence")
		}
		switch e.Type {
		case event.BidPlaced:
			e.BidID = rapid.SampledFrom([]string{"a", "b", "c"}).Draw(rt, "bid")
			e.BidAmount = rapid.SampledFrom([]consumer.Amount{"1", "2"}).Draw(rt, "amount")
			e.HighestBid = rapid.Bool().Draw(rt, "highest")
		case event.AuctionSettled:
			e.WinnerID = rapid.SampledFrom([]*string{nil, new(person), new(otherPerson)}).Draw(rt, "winner")
		case event.QueueAdmitted:
			e.ExpiresAt = rapid.SampledFrom([]*time.Time{nil, new(at(900))}).Draw(rt, "expires")
		}
		steps = append(steps, step{event: &e})
	}
	return steps
}

// takeConcurrently takes the steps and some duplicates in a random order from several
// goroutines.
func takeConcurrently(t *testing.T, rt *rapid.T, store consumer.Store, steps []step) {
	if len(steps) == 0 {
		return
	}
	duplicates := rapid.SliceOfN(rapid.SampledFrom(steps), 0, 10).Draw(rt, "duplicates")
	shuffled := rapid.Permutation(append(duplicates, steps...)).Draw(rt, "order")
	queue := make(chan step, len(shuffled))
	for _, s := range shuffled {
		queue <- s
	}
	close(queue)
	var takers sync.WaitGroup
	for range 4 {
		takers.Go(func() {
			for s := range queue {
				if err := s.take(t.Context(), store); err != nil {
					rt.Errorf("a step failed: %v", err)
				}
			}
		})
	}
	takers.Wait()
	if rt.Failed() {
		rt.FailNow()
	}
}
