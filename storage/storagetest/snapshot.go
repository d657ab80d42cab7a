package storagetest

import (
	"fmt"
	"testing"

	"github.com/rejoinhq/rejoin/consumer"
)

func snapshotCases() []storeCase {
	return []storeCase{
		{"it holds the profile and all records that did not end", testEveryActiveStatus},
		{"it doesn't hold what ended", testEveryTerminalStatus},
		{"every field of a record comes back", testEveryField},
		{"whether something expired is for the reader to decide", func(t *testing.T, store consumer.Store) {
			expired := together(profiles(profile()),
				participations(participation(func(p *consumer.Participation) { p.ExpiresAt = new(at(-3600)) })),
				admissions(admission(func(a *consumer.Admission) { a.ExpiresAt = new(at(-3600)) })))
			write(t, store, expired)
			wantSnapshot(t, store, expired)
		}},
		{"the slices are nil when there is nothing", func(t *testing.T, store consumer.Store) {
			write(t, store, together(profiles(profile()),
				participations(participation(becoming(consumer.StatusLeft, at(1)))), admissions(admission(ended(at(1))))))
			if s := snapshot(t, store); s.Participations != nil || s.Admissions != nil {
				t.Errorf("the slices are %#v and %#v, want nil", s.Participations, s.Admissions)
			}
		}},
		{"records of different types may share an id", func(t *testing.T, store consumer.Store) {
			batch := profiles(profile())
			for _, kind := range consumer.DistributionTypes() {
				batch.Participations = append(batch.Participations, participation(func(p *consumer.Participation) {
					p.Type, p.Status = kind, kind.ActiveStatuses()[0]
				}))
				if kind.Admits() {
					batch.Admissions = append(batch.Admissions, admission(func(a *consumer.Admission) { a.DistributionType = kind }))
				}
			}
			wantWrite(t, store, batch, 10, 0)
			wantSnapshot(t, store, batch)
		}},
		{"it belongs to the caller", func(t *testing.T, store consumer.Store) {
			batch := together(profiles(profile()),
				participations(participation(func(p *consumer.Participation) { p.Position = new(int64(7)) })), admissions(admission()))
			write(t, store, batch)
			s := snapshot(t, store)
			*s.Consumer.Email = "changed@example.com"
			*s.Participations[0].Position = 8
			s.Participations[0].ID, s.Admissions[0].AdmissionToken = "changed", "changed"
			wantSnapshot(t, store, together(profiles(profile()),
				participations(participation(func(p *consumer.Participation) { p.Position = new(int64(7)) })), admissions(admission())))
		}},
		{"it holds 1,000 records of one consumer", func(t *testing.T, store consumer.Store) {
			batch := profiles(profile())
			for i := range 500 {
				batch.Participations = append(batch.Participations, participation(inDistribution(fmt.Sprintf("queue_%d", i))))
				batch.Admissions = append(batch.Admissions, admission(func(a *consumer.Admission) { a.DistributionID = fmt.Sprintf("release_%d", i) }))
			}
			wantWrite(t, store, batch, 1001, 0)
			wantSnapshot(t, store, batch)
		}},
	}
}

func testEveryActiveStatus(t *testing.T, store consumer.Store) {
	batch := together(profiles(profile()), admissions(admission()))
	for _, kind := range consumer.DistributionTypes() {
		for _, status := range kind.ActiveStatuses() {
			batch.Participations = append(batch.Participations, participation(func(p *consumer.Participation) {
				p.Type, p.ID, p.Status = kind, "in_"+string(status), status
			}))
		}
	}
	write(t, store, batch)
	wantSnapshot(t, store, batch)
}

func testEveryTerminalStatus(t *testing.T, store consumer.Store) {
	batch := together(profiles(profile()), admissions(admission(ended(at(1)))))
	for _, kind := range consumer.DistributionTypes() {
		for _, status := range kind.TerminalStatuses() {
			batch.Participations = append(batch.Participations, participation(func(p *consumer.Participation) {
				p.Type, p.ID, p.Status = kind, "in_"+string(status), status
			}))
		}
	}
	write(t, store, batch)
	wantSnapshot(t, store, profiles(profile()))
}

func testEveryField(t *testing.T, store consumer.Store) {
	write(t, store, everyField())
	wantSnapshot(t, store, everyField())
}

// everyField returns records in which every field is set once, in the order of an
// export.
func everyField() consumer.Batch {
	return together(profiles(profile()), participations(
		participation(func(p *consumer.Participation) {
			p.Type, p.ID, p.Status = consumer.Auction, "auction_1", consumer.StatusWon
			p.LastBidAmount, p.LastBidTime, p.BidCount = new(consumer.Amount("250.00")), new(at(4)), new(int64(3))
		}),
		participation(func(p *consumer.Participation) {
			p.Status, p.Position, p.AdmittedAt, p.AdmissionToken = consumer.StatusAdmitted, new(int64(0)), new(at(1)), new("token")
			p.ExpiresAt, p.UpdatedAt, p.DenyReason = new(at(2)), at(3), new("none yet")
		}),
		participation(func(p *consumer.Participation) {
			p.ID, p.Position, p.Ticket = "queue_2", new(int64(1<<53-1)), new(int64(1<<53-1))
		}),
		participation(func(p *consumer.Participation) {
			p.Type, p.ID, p.Status, p.SelectedVariantID = consumer.TimedRelease, "release_1", consumer.StatusEntered, new("variant_1")
		}),
	), admissions(admission(func(a *consumer.Admission) { a.ExpiresAt = new(at(9)) })))
}
