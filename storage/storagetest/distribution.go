package storagetest

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/rejoinhq/rejoin/consumer"
)

func distributionCases() []storeCase {
	member := func() consumer.Batch { return together(profiles(profile()), participations(participation())) }
	return slices.Concat([]storeCase{
		{"a distribution comes back as it was written", func(t *testing.T, store consumer.Store) {
			full := queue(serving(1200, at(3)), func(d *consumer.Distribution) { d.EndedAt = new(at(9).Add(time.Microsecond)) })
			wantWrite(t, store, distributions(full), 1, 0)
			wantDistribution(t, store, full)
			bare := queue(func(d *consumer.Distribution) { d.ID = "queue_2" })
			wantWrite(t, store, distributions(bare), 1, 0)
			wantDistribution(t, store, bare)
		}},
		{"serving 0 is not unset", func(t *testing.T, store consumer.Store) {
			write(t, store, distributions(queue(serving(0, at(0)))))
			wantDistribution(t, store, queue(serving(0, at(0))))
		}},
		{"the greatest serving comes back", func(t *testing.T, store consumer.Store) {
			write(t, store, distributions(queue(serving(1<<53-1, at(0)))))
			wantDistribution(t, store, queue(serving(1<<53-1, at(0))))
		}},
		{"finer times are truncated to microseconds", func(t *testing.T, store consumer.Store) {
			write(t, store, distributions(queue(func(d *consumer.Distribution) {
				d.UpdatedAt, d.EndedAt = at(0).Add(1999).In(time.FixedZone("east", 3600)), new(at(1).Add(2999))
			})))
			wantDistribution(t, store, queue(func(d *consumer.Distribution) {
				d.UpdatedAt, d.EndedAt = at(0).Add(time.Microsecond), new(at(1).Add(2*time.Microsecond))
			}))
		}},
		{"a distribution that nobody wrote is not found", func(t *testing.T, store consumer.Store) {
			write(t, store, together(member(), distributions(queue())))
			for _, key := range []consumer.DistributionKey{
				{OrganizationID: organization, Type: consumer.Queue, ID: "queue_2"},
				{OrganizationID: organization, Type: consumer.Draw, ID: "queue_1"},
				{OrganizationID: organization, Type: consumer.Queue, ID: "QUEUE_1"},
				{OrganizationID: otherOrganization, Type: consumer.Queue, ID: "queue_1"},
				{OrganizationID: organization, Type: "raffle", ID: "queue_1"},
				{OrganizationID: organization, Type: "\x00", ID: "queue_1"},
				{OrganizationID: "\xff", Type: consumer.Queue, ID: "\x00"},
				{OrganizationID: organization, Type: consumer.Queue, ID: strings.Repeat("a", 1<<20)},
				{},
			} {
				d, err := store.Distribution(t.Context(), key)
				if !errors.Is(err, consumer.ErrNotFound) || d != (consumer.Distribution{}) {
					t.Errorf("Distribution(%.40v) returned %+v and the error %v, want ErrNotFound", key, d, err)
				}
			}
		}},
		{"the same id is another distribution in another organization", func(t *testing.T, store consumer.Store) {
			theirs := queue(serving(9, at(9)), func(d *consumer.Distribution) { d.OrganizationID = otherOrganization })
			wantWrite(t, store, distributions(queue(serving(1, at(1))), theirs), 2, 0)
			wantDistribution(t, store, queue(serving(1, at(1))))
			wantDistribution(t, store, theirs)
		}},

		{"it counts as a record", func(t *testing.T, store consumer.Store) {
			all := together(member(), distributions(queue()))
			wantWrite(t, store, all, 3, 0)
			wantWrite(t, store, all, 0, 3)
			wantWrite(t, store, distributions(queue(serving(1, at(1))), queue(), auction()), 2, 1)
		}},
		{"a distribution that a batch holds several times counts once, and its greatest version wins", func(t *testing.T, store consumer.Store) {
			older, newer := queue(serving(1, at(0))), queue(serving(2, at(1)))
			wantWrite(t, store, distributions(older, newer, older, newer), 1, 3)
			wantDistribution(t, store, newer)
		}},
		{"a newer write replaces the whole record, nothing is merged", func(t *testing.T, store consumer.Store) {
			write(t, store, distributions(queue(serving(1200, at(0)), over(at(0), ""))))
			wantWrite(t, store, distributions(queue(func(d *consumer.Distribution) { d.UpdatedAt = at(1) })), 1, 0)
			wantDistribution(t, store, queue(func(d *consumer.Distribution) { d.UpdatedAt = at(1) }))
		}},
		{"an older write never replaces a newer one", distributionStays(queue(serving(1, at(1))), queue(serving(2, at(0)), over(at(0), "")))},
		{"a microsecond decides", distributionStays(queue(serving(1, at(0).Add(time.Microsecond))), queue(serving(2, at(0))))},
		{"at equal times the one with endedAt remains, whatever was served", distributionStays(
			queue(over(at(0), "")), queue(serving(1<<53-1, at(0))))},
		{"at equal times the greater serving stays", distributionStays(queue(serving(2, at(0))), queue(serving(1, at(0))))},
		{"servings compare as numbers, not as text", distributionStays(queue(serving(10, at(0))), queue(serving(9, at(0))))},
		{"large servings compare as numbers", distributionStays(queue(serving(1<<53-1, at(0))), queue(serving(1<<53-2, at(0))))},
		{"serving 0 is greater than none", distributionStays(queue(serving(0, at(0))), queue())},
		{"of two that ended the greater serving stays", distributionStays(
			queue(serving(10, at(0)), over(at(0), "")),
			queue(serving(9, at(0)), func(d *consumer.Distribution) { d.EndedAt = new(at(5)) }))},
		{"at equal servings the greater canonical JSON stays", distributionStays(
			queue(over(at(0), "")),
			queue(func(d *consumer.Distribution) { d.EndedAt = new(at(-1)) }))},
		{"a winner is greater than none", distributionStays(auction(over(at(0), person)), auction(over(at(0), "")))},
		{"of two winners the one with the greater digest stays", func(t *testing.T, store consumer.Store) {
			// e586… is the digest of cons_1, and 91f4… that of cons_2.
			bids := bidding("auction_1")
			write(t, store, together(profiles(profile()), bids, movedToOther(together(profiles(profile()), bids))))
			wantWrite(t, store, distributions(bidden(over(at(0), otherPerson))), 1, 0)
			wantWinner(t, store, otherPerson, true)
			wantWrite(t, store, distributions(bidden(over(at(0), person))), 1, 0)
			wantWrite(t, store, distributions(bidden(over(at(0), otherPerson))), 0, 1)
			wantWinner(t, store, otherPerson, false)
			wantWinner(t, store, person, true)
		}},
		{"every bad field is named, and nothing is written", func(t *testing.T, store consumer.Store) {
			_, err := store.Write(t.Context(), together(member(), distributions(
				queue(),
				auction(serving(1, at(0)), func(d *consumer.Distribution) { d.WinnerID = new(person) }),
				queue(func(d *consumer.Distribution) { d.Type, d.UpdatedAt = consumer.Waitlist, time.Time{} }),
			)))
			wantInvalidFields(t, err, "distributions[1].serving", "distributions[1].winnerId", "distributions[2].updatedAt", "distributions[2].type")
			wantNotFound(t, store, organization, person)
			wantNoDistribution(t, store, queue())
		}},
		{"nothing is written when a consumer of the batch was erased", func(t *testing.T, store consumer.Store) {
			erase(t, store, organization, person)
			wantRefused(t, store, together(member(), distributions(queue())), consumer.ErrErased)
			wantNoDistribution(t, store, queue())
		}},
		{"the batch is left alone and not kept", func(t *testing.T, store consumer.Store) {
			batch := distributions(queue(serving(7, at(0)), over(at(5), "")))
			write(t, store, batch)
			*batch.Distributions[0].Serving, *batch.Distributions[0].EndedAt = 8, at(99)
			wantDistribution(t, store, queue(serving(7, at(0)), over(at(5), "")))
		}},
		{"what is returned belongs to the caller", func(t *testing.T, store consumer.Store) {
			write(t, store, together(member(), distributions(queue(serving(7, at(0))))))
			d, err := store.Distribution(t.Context(), queue().Key())
			if err != nil {
				t.Fatalf("Distribution: %v", err)
			}
			*d.Serving = 8
			*snapshot(t, store).Distributions[0].Serving = 9
			wantDistribution(t, store, queue(serving(7, at(0))))
		}},
		{"bulk writing counts distributions", func(t *testing.T, store consumer.Store) {
			wantBulk(t, store, together(bulk(0, 400), distributions(queue(), auction())), 1202, 0)
			wantBulk(t, store, together(bulk(0, 400), distributions(queue(), auction())), 0, 1202)
		}},

		{"a snapshot holds the distributions of the participations in it", func(t *testing.T, store consumer.Store) {
			write(t, store, together(member(), participations(
				participation(inDistribution("queue_2")),
				participation(inDistribution("queue_3")), // without a record
				participation(inDistribution("queue_left"), becoming(consumer.StatusLeft, at(1)))),
				admissions(admission(func(a *consumer.Admission) { a.DistributionType, a.DistributionID = consumer.Draw, "draw_1" }))))
			others := func(id string, kind consumer.DistributionType, organizationID string) consumer.Distribution {
				return queue(func(d *consumer.Distribution) { d.Type, d.ID, d.OrganizationID = kind, id, organizationID })
			}
			one, two := queue(serving(1, at(1))), queue(serving(2, at(2)), func(d *consumer.Distribution) { d.ID = "queue_2" })
			write(t, store, distributions(one, two,
				others("queue_left", consumer.Queue, organization), others("queue_1", consumer.Draw, organization), others("draw_1", consumer.Draw, organization),
				others("queue_3", consumer.Queue, otherOrganization), others("QUEUE_3", consumer.Queue, organization)))
			if diff := gocmp.Diff([]consumer.Distribution{one, two}, ordered(snapshot(t, store)).Distributions); diff != "" {
				t.Errorf("distributions (-want +got):\n%s", diff)
			}
		}},
		{"a snapshot shows a distribution that was written before its members", func(t *testing.T, store consumer.Store) {
			write(t, store, distributions(queue(serving(5, at(5)))))
			write(t, store, member())
			wantSnapshot(t, store, together(member(), distributions(queue(serving(5, at(5))))))
		}},
		{"the slice of a snapshot is nil when there is none", func(t *testing.T, store consumer.Store) {
			write(t, store, together(member(), distributions(auction())))
			if s := snapshot(t, store); s.Distributions != nil {
				t.Errorf("the slice is %#v, want nil", s.Distributions)
			}
		}},
		{"a snapshot holds many distributions", func(t *testing.T, store consumer.Store) {
			all := profiles(profile())
			for n := range 200 {
				id := fmt.Sprintf("queue_%03d", n)
				all.Participations = append(all.Participations, participation(inDistribution(id)))
				all.Distributions = append(all.Distributions, queue(serving(int64(n), at(n)), func(d *consumer.Distribution) { d.ID = id }))
			}
			wantWrite(t, store, all, 401, 0)
			wantSnapshot(t, store, all)
		}},
		{"an export holds the distributions of all its participations", func(t *testing.T, store consumer.Store) {
			write(t, store, together(member(), participations(participation(inDistribution("queue_2"), becoming(consumer.StatusLeft, at(1))))))
			one, two := queue(over(at(1), "")), queue(serving(2, at(2)), func(d *consumer.Distribution) { d.ID = "queue_2" })
			write(t, store, distributions(one, two, auction()))
			got := export(t, store).Distributions
			slices.SortFunc(got, compareDistributions)
			if diff := gocmp.Diff([]consumer.Distribution{one, two}, got); diff != "" {
				t.Errorf("distributions (-want +got):\n%s", diff)
			}
		}},
		{"distributions alone are not stored about a consumer", func(t *testing.T, store consumer.Store) {
			write(t, store, distributions(bidden(over(at(1), person))))
			wantNoExport(t, store, organization, person)
		}},
		{"a snapshot and its distributions are consistent", testSnapshotAndDistribution},

		{"only the winner sees who won", func(t *testing.T, store consumer.Store) {
			bids := bidding("auction_1")
			write(t, store, together(profiles(profile()), bids, movedToOther(together(profiles(profile()), bids)),
				distributions(bidden(over(at(1), person)))))
			wantWinner(t, store, person, true)
			wantWinner(t, store, otherPerson, false)
			wantDistribution(t, store, bidden(over(at(1), "")))
		}},
		{"a winner who is another organization's consumer with the same id is not this one's", func(t *testing.T, store consumer.Store) {
			theirs := bidden(over(at(1), person), func(d *consumer.Distribution) { d.OrganizationID = otherOrganization })
			write(t, store, together(profiles(profile()), bidding("auction_1"), distributions(theirs, bidden(over(at(1), otherPerson)))))
			wantWinner(t, store, person, false)
		}},
		{"a winner differs by letter case", func(t *testing.T, store consumer.Store) {
			write(t, store, together(profiles(profile()), bidding("auction_1"), distributions(bidden(over(at(1), "CONS_1")))))
			wantWinner(t, store, person, false)
		}},
		{"a winner may be unknown, or erased", func(t *testing.T, store consumer.Store) {
			bids := bidding("auction_1")
			write(t, store, together(movedToOther(together(profiles(profile()), bids)), distributions(bidden(over(at(1), person)))))
			wantWinner(t, store, otherPerson, false)
			erase(t, store, organization, person)
			wantWinner(t, store, otherPerson, false)
			wantWrite(t, store, distributions(bidden(over(at(1), person))), 0, 1)
			wantWrite(t, store, distributions(bidden(over(at(2), person))), 1, 0)
			wantDistribution(t, store, bidden(over(at(2), "")))
		}},

		{"a change is reported for the distribution, and not for its members", testDistributionIsReported},
		{"an erasure does not change it", func(t *testing.T, store consumer.Store) {
			write(t, store, together(member(), distributions(queue())))
			erase(t, store, organization, person)
			wantDistribution(t, store, queue())
		}},
		{"a merge does not change it", func(t *testing.T, store consumer.Store) {
			write(t, store, together(profiles(profile()), movedToOther(participations(participation())), distributions(queue(serving(1, at(0))))))
			wantMerge(t, store, 1, 0)
			wantSnapshot(t, store, together(member(), distributions(queue(serving(1, at(0))))))
		}},
	}, purgedDistributionCases())
}

// wantDistribution compares the record of a distribution.
func wantDistribution(t *testing.T, store consumer.Store, want consumer.Distribution) {
	t.Helper()
	got, err := store.Distribution(t.Context(), want.Key())
	if err != nil {
		t.Fatalf("Distribution: %v", err)
	}
	if diff := gocmp.Diff(want, got); diff != "" {
		t.Errorf("distribution (-want +got):\n%s", diff)
	}
}

func wantNoDistribution(t *testing.T, store consumer.Store, d consumer.Distribution) {
	t.Helper()
	if got, err := store.Distribution(t.Context(), d.Key()); !errors.Is(err, consumer.ErrNotFound) {
		t.Errorf("Distribution returned %+v and the error %v, want ErrNotFound", got, err)
	}
}

// distributionStays writes in both orders, with two ids. It writes again to see what is
// stored: both writes must be stale.
func distributionStays(winner, loser consumer.Distribution) func(*testing.T, consumer.Store) {
	return func(t *testing.T, store consumer.Store) {
		wantWrite(t, store, distributions(loser), 1, 0)
		wantWrite(t, store, distributions(winner), 1, 0)
		wantWrite(t, store, distributions(loser), 0, 1)
		wantWrite(t, store, distributions(winner), 0, 1)
		winner.ID, loser.ID = "queue_2", "queue_2"
		wantWrite(t, store, distributions(winner), 1, 0)
		wantWrite(t, store, distributions(loser), 0, 1)
		winner.WinnerID = nil
		wantDistribution(t, store, winner)
	}
}

// bidding is a bid of the person in an auction.
func bidding(id string) consumer.Batch {
	return participations(participation(inDistribution(id), func(p *consumer.Participation) {
		p.Type, p.Status = consumer.Auction, consumer.StatusWinning
	}))
}

// bidden is the auction of bidding.
func bidden(edits ...func(*consumer.Distribution)) consumer.Distribution {
	d := auction(edits...)
	d.ID = "auction_1"
	return d
}

// wantWinner checks whether a consumer with one participation sees itself as the winner.
func wantWinner(t *testing.T, store consumer.Store, consumerID string, won bool) {
	t.Helper()
	key := consumer.Key{OrganizationID: organization, ConsumerID: consumerID}
	s, err := store.Snapshot(t.Context(), key)
	if err != nil || len(s.Distributions) != 1 {
		t.Fatalf("Snapshot returned %+v and the error %v, want one distribution", s, err)
	}
	e, err := store.Export(t.Context(), key)
	if err != nil || len(e.Distributions) != 1 {
		t.Fatalf("Export returned %+v and the error %v, want one distribution", e, err)
	}
	for method, d := range map[string]consumer.Distribution{"Snapshot": s.Distributions[0], "Export": e.Distributions[0]} {
		switch {
		case won && (d.WinnerID == nil || *d.WinnerID != consumerID):
			t.Errorf("%s does not name %s as the winner: %+v", method, consumerID, d)
		case !won && d.WinnerID != nil:
			t.Errorf("%s of %s names the winner %s", method, consumerID, *d.WinnerID)
		}
	}
}

// testSnapshotAndDistribution writes the same number as position and as serving while others
// read.
func testSnapshotAndDistribution(t *testing.T, store consumer.Store) {
	numbered := func(n int) consumer.Batch {
		return together(profiles(profile()), distributions(queue(serving(int64(n), at(n)))),
			participations(participation(becoming(consumer.StatusQueued, at(n)), func(p *consumer.Participation) { p.Position = new(int64(n)) })))
	}
	write(t, store, numbered(0))
	finished := make(chan struct{})
	var readers sync.WaitGroup
	for range 4 {
		readers.Go(func() {
			for {
				s, err := store.Snapshot(t.Context(), consumer.Key{OrganizationID: organization, ConsumerID: person})
				if err != nil {
					t.Errorf("Snapshot: %v", err)
					return
				}
				if position, serving := *s.Participations[0].Position, *s.Distributions[0].Serving; position != serving {
					t.Errorf("one snapshot holds the position %d and the serving %d", position, serving)
					return
				}
				select {
				case <-finished:
					return
				default:
				}
			}
		})
	}
	for n := range 100 {
		if _, err := store.Write(t.Context(), numbered(n+1)); err != nil {
			t.Errorf("Write: %v", err)
			break
		}
	}
	close(finished)
	readers.Wait()
}

// testDistributionIsReported makes another change afterwards, so that all notifications of
// the first one have arrived.
func testDistributionIsReported(t *testing.T, store consumer.Store) {
	write(t, store, together(profiles(profile()), participations(participation())))
	l := follow(t, store)
	write(t, store, distributions(queue(serving(1, at(1)))))
	l.until(t, "the distribution is reported", func() bool { return slices.Contains(l.distributions, queue().Key().Hash()) })
	write(t, store, movedToOther(profiles(profile())))
	l.want(t, otherPerson)
	member := consumer.Key{OrganizationID: organization, ConsumerID: person}.Hash()
	l.mu.Lock()
	defer l.mu.Unlock()
	if slices.Contains(l.told, member) {
		t.Error("the member was reported")
	}
}

// purgedDistributionCases purge members of distributions that ended, and distributions.
func purgedDistributionCases() []storeCase {
	return []storeCase{
		{"a member that its distribution ended is purged as of that end", func(t *testing.T, store consumer.Store) {
			write(t, store, together(profiles(profile()), participations(participation()), distributions(queue(over(at(5), "")))))
			wantPurged(t, store, at(5), 10, consumer.PurgeResult{})
			wantPurged(t, store, at(5).Add(time.Microsecond), 10, consumer.PurgeResult{Records: 1, Members: 1, Distributions: 1})
			wantSnapshot(t, store, profiles(profile()))
			wantNoDistribution(t, store, queue())
		}},
		{"a member that was updated later stays", func(t *testing.T, store consumer.Store) {
			write(t, store, together(participations(participation(becoming(consumer.StatusQueued, at(9)))), distributions(queue(over(at(5), "")))))
			wantPurged(t, store, at(9), 10, consumer.PurgeResult{})
			wantPurged(t, store, at(10), 10, consumer.PurgeResult{Records: 1, Members: 1, Distributions: 1})
		}},
		{"a member whose distribution goes on stays", func(t *testing.T, store consumer.Store) {
			write(t, store, together(participations(participation(), participation(inDistribution("queue_2"))), distributions(
				queue(serving(1, at(0))),
				queue(func(d *consumer.Distribution) { d.ID, d.EndedAt = "queue_2", new(at(99)) }))))
			wantPurged(t, store, at(50), 10, consumer.PurgeResult{})
			wantPurged(t, store, at(100), 10, consumer.PurgeResult{Records: 1, Members: 1, Distributions: 1})
			wantDistribution(t, store, queue(serving(1, at(0))))
		}},
		{"a distribution that ended and was opened again ends nothing", func(t *testing.T, store consumer.Store) {
			write(t, store, together(participations(participation()), distributions(queue(over(at(5), "")))))
			write(t, store, distributions(queue(serving(7, at(6)))))
			wantPurged(t, store, at(50), 10, consumer.PurgeResult{})
		}},
		{"a member that is admitting stays, and so does its distribution", func(t *testing.T, store consumer.Store) {
			admitted := participation(becoming(consumer.StatusAdmitted, at(0)), func(p *consumer.Participation) { p.AdmissionToken = new("token") })
			all := together(profiles(profile()), participations(admitted), distributions(queue(over(at(5), ""))))
			write(t, store, all)
			wantPurged(t, store, at(50), 10, consumer.PurgeResult{})
			wantSnapshot(t, store, all)
		}},
		{"a member without a token yet is purged, whatever its status", func(t *testing.T, store consumer.Store) {
			write(t, store, together(participations(participation(becoming(consumer.StatusAdmitted, at(0)))), distributions(queue(over(at(5), "")))))
			wantPurged(t, store, at(50), 10, consumer.PurgeResult{Records: 1, Members: 1, Distributions: 1})
		}},
		{"an admitting member that expired is purged as of its expiry", func(t *testing.T, store consumer.Store) {
			admitted := participation(becoming(consumer.StatusAdmitted, at(0)), func(p *consumer.Participation) {
				p.AdmissionToken, p.ExpiresAt = new("token"), new(at(20))
			})
			write(t, store, together(participations(admitted), distributions(queue(over(at(5), "")))))
			wantPurged(t, store, at(20), 10, consumer.PurgeResult{})
			wantPurged(t, store, at(21), 10, consumer.PurgeResult{Records: 1, Distributions: 1})
		}},
		{"the winner stays, and the others are purged", func(t *testing.T, store consumer.Store) {
			bids := bidding("auction_1")
			write(t, store, together(profiles(profile()), bids, movedToOther(together(profiles(profile()), bids)),
				distributions(bidden(over(at(5), person)))))
			wantPurged(t, store, at(50), 10, consumer.PurgeResult{Records: 1, Members: 1})
			wantWinner(t, store, person, true)
			wantSnapshot(t, store, movedToOther(profiles(profile())))
		}},
		{"a winner who won as a guest stays", func(t *testing.T, store consumer.Store) {
			write(t, store, together(profiles(profile()), movedToOther(bidding("auction_1")), distributions(bidden(over(at(5), otherPerson)))))
			wantMerge(t, store, 1, 0)
			wantPurged(t, store, at(50), 10, consumer.PurgeResult{})
			wantWinner(t, store, person, true)
		}},
		{"an admission stays, though its distribution ended", func(t *testing.T, store consumer.Store) {
			granted := admissions(admission(func(a *consumer.Admission) { a.DistributionType, a.DistributionID = consumer.Queue, "queue_1" }))
			write(t, store, together(profiles(profile()), granted, distributions(queue(over(at(5), "")))))
			wantPurged(t, store, at(50), 10, consumer.PurgeResult{Distributions: 1})
			wantSnapshot(t, store, together(profiles(profile()), granted))
		}},
		{"a distribution goes after its last member only", func(t *testing.T, store consumer.Store) {
			write(t, store, together(
				participations(participation(), participation(func(p *consumer.Participation) { p.ConsumerID = otherPerson }),
					participation(func(p *consumer.Participation) { p.ConsumerID, p.UpdatedAt = "cons_3", at(50) })),
				distributions(queue(over(at(5), "")))))
			wantPurged(t, store, at(50), 10, consumer.PurgeResult{Records: 2, Members: 2})
			wantDistribution(t, store, queue(over(at(5), "")))
			wantPurged(t, store, at(51), 10, consumer.PurgeResult{Records: 1, Members: 1, Distributions: 1})
		}},
		{"a member that ended by itself holds its distribution until it is purged", func(t *testing.T, store consumer.Store) {
			write(t, store, together(participations(participation(becoming(consumer.StatusLeft, at(20)))), distributions(queue(over(at(5), "")))))
			wantPurged(t, store, at(20), 10, consumer.PurgeResult{})
			wantPurged(t, store, at(21), 10, consumer.PurgeResult{Records: 1, Distributions: 1})
		}},
		{"a distribution that was updated later stays", func(t *testing.T, store consumer.Store) {
			write(t, store, distributions(queue(func(d *consumer.Distribution) { d.EndedAt, d.UpdatedAt = new(at(1)), at(9) })))
			wantPurged(t, store, at(9), 10, consumer.PurgeResult{})
			wantPurged(t, store, at(10), 10, consumer.PurgeResult{Distributions: 1})
		}},
		{"a distribution without an end stays", func(t *testing.T, store consumer.Store) {
			write(t, store, distributions(queue(serving(1, at(0)))))
			wantPurged(t, store, at(50), 10, consumer.PurgeResult{})
		}},
		{"the limit counts distributions too, and fewer mean that nothing is left", func(t *testing.T, store consumer.Store) {
			var all consumer.Batch
			for n := range 5 {
				id := fmt.Sprintf("queue_%d", n)
				all.Participations = append(all.Participations, participation(inDistribution(id)))
				all.Distributions = append(all.Distributions, queue(over(at(1), ""), func(d *consumer.Distribution) { d.ID = id }))
			}
			write(t, store, all)
			total := consumer.PurgeResult{}
			for _, want := range []int{4, 4, 2, 0} {
				got, err := store.Purge(t.Context(), consumer.Purge{Before: at(50), Limit: 4})
				if err != nil || got.Records+got.Distributions != want {
					t.Fatalf("Purge returned %+v and the error %v, want %d in all", got, err, want)
				}
				total.Records, total.Distributions = total.Records+got.Records, total.Distributions+got.Distributions
			}
			if want := (consumer.PurgeResult{Records: 5, Distributions: 5}); total != want {
				t.Errorf("%+v were purged, want %+v", total, want)
			}
		}},
		{"purging in batches revives nobody", testPurgingMembers},
	}
}

func wantPurged(t *testing.T, store consumer.Lifecycle, before time.Time, limit int, want consumer.PurgeResult) {
	t.Helper()
	if got, err := store.Purge(t.Context(), consumer.Purge{Before: before, Limit: limit}); err != nil || got != want {
		t.Errorf("Purge(%v, %d) returned %+v and the error %v, want %+v", before, limit, got, err, want)
	}
}

// testPurgingMembers purges the members of a distribution in batches. The record that ends
// them must remain as long as one of them does.
func testPurgingMembers(t *testing.T, store consumer.Store) {
	const members = 30
	var all consumer.Batch
	for n := range members {
		id := fmt.Sprintf("cons_%d", n)
		all.Consumers = append(all.Consumers, profile(func(c *consumer.Consumer) { c.ID = id }))
		all.Participations = append(all.Participations, participation(func(p *consumer.Participation) { p.ConsumerID = id }))
	}
	write(t, store, together(all, distributions(queue(over(at(5), "")))))
	remaining := members
	for remaining > 0 {
		result, err := store.Purge(t.Context(), consumer.Purge{Before: at(50), Limit: 7})
		if err != nil || result.Records == 0 {
			t.Fatalf("Purge returned %+v and the error %v", result, err)
		}
		remaining -= result.Records
		for _, c := range all.Consumers {
			s, err := store.Snapshot(t.Context(), consumer.Key{OrganizationID: organization, ConsumerID: c.ID})
			if err != nil {
				t.Fatalf("Snapshot: %v", err)
			}
			if len(s.Participations) != len(s.Distributions) {
				t.Fatalf("%s is in a queue that has lost its end: %+v", c.ID, s)
			}
		}
	}
}
