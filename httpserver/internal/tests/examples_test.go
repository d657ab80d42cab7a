package tests_test

import (
	"time"

	"github.com/rejoinhq/rejoin/consumer"
)

// add makes a snapshot known to the first organization.
func (w *world) add(s consumer.Snapshot) {
	w.store.snapshots[consumer.Key{OrganizationID: org, ConsumerID: s.Consumer.ID}] = s
}

// at returns a time on the day of the documentation's example.
func at(hour, minute int) time.Time { return time.Date(2024, 12, 1, hour, minute, 0, 0, time.UTC) }

// documentedSnapshot returns the records of the documentation's example.
func documentedSnapshot() consumer.Snapshot {
	created := time.Date(2024, 11, 15, 10, 0, 0, 0, time.UTC)
	return consumer.Snapshot{
		Consumer: consumer.Consumer{
			OrganizationID: org, ID: "cons_01HXYZ123456789", Email: new("customer@example.com"), FullName: new("John Doe"),
			CreatedAt: created, UpdatedAt: created,
		},
		Participations: []consumer.Participation{{
			OrganizationID: org, ConsumerID: "cons_01HXYZ123456789",
			Type: consumer.Queue, ID: "queue_01HXYZ123456789",
			ExperienceID: "exp_01HXYZ123456789", SequenceID: "seq_01HXYZ123456789",
			Status: consumer.StatusAdmitted, Position: new(int64(0)),
			EnteredAt: at(9, 5), AdmittedAt: new(at(9, 15)), AdmissionToken: new("eyJhbGciOiJFZERTQSIsInR5cCI6IkpXVCJ9..."),
			UpdatedAt: at(9, 15),
		}},
	}
}

// guestSnapshot is a consumer of whom nothing is known.
func guestSnapshot() consumer.Snapshot {
	return consumer.Snapshot{Consumer: consumer.Consumer{OrganizationID: org, ID: "cons_guest", CreatedAt: at(9, 0), UpdatedAt: at(9, 0)}}
}

// everyTypeSnapshot is a consumer with a part in a distribution of every type, each in
// a sequence of its own.
func everyTypeSnapshot() consumer.Snapshot {
	const id, token = "cons_everywhere", "eyJhbGciOiJFZERTQSIsInR5cCI6IkpXVCJ9..."
	entry := func(kind consumer.DistributionType, status consumer.Status, enteredAt time.Time) consumer.Participation {
		return consumer.Participation{
			OrganizationID: org, ConsumerID: id, Type: kind, ID: string(kind) + "_1",
			ExperienceID: "exp_drop", SequenceID: "seq_" + string(kind),
			Status: status, EnteredAt: enteredAt, UpdatedAt: enteredAt,
		}
	}
	queue := entry(consumer.Queue, consumer.StatusQueued, at(9, 0))
	queue.Position, queue.ExpiresAt = new(int64(41)), new(at(12, 0))
	draw := entry(consumer.Draw, consumer.StatusWon, at(9, 1))
	draw.AdmittedAt, draw.AdmissionToken, draw.ExpiresAt = new(at(9, 20)), new(token), new(at(9, 50))
	auction := entry(consumer.Auction, consumer.StatusOutbid, at(9, 2))
	auction.LastBidAmount, auction.LastBidTime, auction.BidCount = new(consumer.Amount("250.00")), new(at(9, 25).Add(time.Second/2)), new(int64(3))
	release := entry(consumer.TimedRelease, consumer.StatusEntered, at(9, 3))
	release.SelectedVariantID = new("variant_blue")
	return consumer.Snapshot{
		Consumer:       consumer.Consumer{OrganizationID: org, ID: id, Phone: new("+12025551234"), CreatedAt: at(8, 0), UpdatedAt: at(8, 0)},
		Participations: []consumer.Participation{queue, draw, auction, release, entry(consumer.Waitlist, consumer.StatusWaiting, at(9, 4))},
		Admissions: []consumer.Admission{{
			OrganizationID: org, ConsumerID: id, DistributionType: release.Type, DistributionID: release.ID,
			ExperienceID: release.ExperienceID, SequenceID: release.SequenceID,
			AdmissionToken: token, AdmittedAt: at(9, 10), UpdatedAt: at(9, 10),
		}},
	}
}
