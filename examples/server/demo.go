package main

import (
	"time"

	"github.com/rejoinhq/rejoin/consumer"
)

// demo returns the demonstration organization as of a moment. Its keys are well known,
// so a server that has it listens on loopback only. Every start writes it again with
// that start's moments, so what the terminal says is true again.
func demo(now time.Time) []fixtureOrganization {
	now = now.Truncate(time.Second)
	ago := func(d time.Duration) time.Time { return now.Add(-d) }
	tomorrow := new(now.Add(24 * time.Hour))

	consumers := []fixtureConsumer{
		{
			Consumer: consumer.Consumer{ID: "cons_demo_several", Email: new("sam@example.com"), Phone: new("+12025550101"), FullName: new("Sam Several")},
			Participations: []consumer.Participation{
				{
					Type: consumer.Queue, ID: "queue_demo_sneaker", ExperienceID: "exp_demo_sneaker", SequenceID: "seq_demo_early",
					Status: consumer.StatusAdmitted, EnteredAt: ago(20 * time.Minute), Position: new(int64(0)),
					AdmittedAt: new(ago(5 * time.Minute)), AdmissionToken: new("demo-admission-sneaker"), ExpiresAt: tomorrow,
				},
				{
					Type: consumer.Draw, ID: "draw_demo_poster", ExperienceID: "exp_demo_poster", SequenceID: "seq_demo_poster",
					Status: consumer.StatusEntered, EnteredAt: ago(2 * time.Hour),
				},
				{
					Type: consumer.Waitlist, ID: "waitlist_demo_vinyl", ExperienceID: "exp_demo_vinyl", SequenceID: "seq_demo_vinyl",
					Status: consumer.StatusWaiting, EnteredAt: ago(48 * time.Hour),
				},
			},
		},
		{
			Consumer: consumer.Consumer{ID: "cons_demo_queue", Email: new("quinn@example.com"), FullName: new("Quinn Queue")},
			Participations: []consumer.Participation{{
				Type: consumer.Queue, ID: "queue_demo_sneaker", ExperienceID: "exp_demo_sneaker", SequenceID: "seq_demo_early",
				Status: consumer.StatusQueued, EnteredAt: ago(10 * time.Minute), Position: new(int64(42)),
			}},
		},
		{
			Consumer: consumer.Consumer{ID: "cons_demo_admitted", Email: new("avery@example.com"), FullName: new("Avery Admitted")},
			Participations: []consumer.Participation{{
				Type: consumer.Draw, ID: "draw_demo_poster", ExperienceID: "exp_demo_poster", SequenceID: "seq_demo_poster",
				Status: consumer.StatusWon, EnteredAt: ago(3 * time.Hour),
				AdmittedAt: new(ago(time.Minute)), AdmissionToken: new("demo-admission-poster"), ExpiresAt: tomorrow,
			}},
		},
		{
			Consumer: consumer.Consumer{ID: "cons_demo_auction", Email: new("aubrey@example.com"), FullName: new("Aubrey Auction")},
			Participations: []consumer.Participation{{
				Type: consumer.Auction, ID: "auction_demo_guitar", ExperienceID: "exp_demo_guitar", SequenceID: "seq_demo_guitar",
				Status: consumer.StatusOutbid, EnteredAt: ago(time.Hour),
				LastBidAmount: new(consumer.Amount("250.00")), LastBidTime: new(ago(15 * time.Minute)), BidCount: new(int64(3)),
			}},
		},
		{
			Consumer: consumer.Consumer{ID: "cons_demo_release", Phone: new("+12025550102"), FullName: new("Remy Release")},
			Participations: []consumer.Participation{{
				Type: consumer.TimedRelease, ID: "release_demo_jacket", ExperienceID: "exp_demo_jacket", SequenceID: "seq_demo_jacket",
				Status: consumer.StatusEntered, EnteredAt: ago(8 * time.Minute), SelectedVariantID: new("variant_demo_medium"),
			}},
			Admissions: []consumer.Admission{{
				DistributionType: consumer.TimedRelease, DistributionID: "release_demo_jacket",
				ExperienceID: "exp_demo_jacket", SequenceID: "seq_demo_jacket",
				AdmissionToken: "demo-admission-jacket", AdmittedAt: ago(7 * time.Minute), ExpiresAt: tomorrow,
			}},
		},
		{
			Consumer: consumer.Consumer{ID: "cons_demo_waitlist", Email: new("wren@example.com"), FullName: new("Wren Waitlist")},
			Participations: []consumer.Participation{{
				Type: consumer.Waitlist, ID: "waitlist_demo_vinyl", ExperienceID: "exp_demo_vinyl", SequenceID: "seq_demo_vinyl",
				Status: consumer.StatusNotified, EnteredAt: ago(72 * time.Hour),
			}},
		},
		{
			Consumer: consumer.Consumer{ID: "cons_demo_expired", Email: new("emery@example.com"), FullName: new("Emery Expired")},
			Admissions: []consumer.Admission{{
				DistributionType: consumer.Queue, DistributionID: "queue_demo_sneaker",
				ExperienceID: "exp_demo_sneaker", SequenceID: "seq_demo_early",
				AdmissionToken: "demo-admission-expired", AdmittedAt: ago(2 * time.Hour), ExpiresAt: new(ago(time.Hour)),
			}},
		},
		{
			Consumer: consumer.Consumer{ID: "cons_demo_plain"},
		},
	}
	for i := range consumers {
		c := &consumers[i]
		c.CreatedAt, c.UpdatedAt = ago(30*24*time.Hour), now
		for j := range c.Participations {
			c.Participations[j].UpdatedAt = now
		}
		for j := range c.Admissions {
			c.Admissions[j].UpdatedAt = now
		}
	}
	return []fixtureOrganization{{
		ID:              "org_demo",
		PublishableKeys: []string{"pk_test_demo000000000000000000"},
		SecretKeys:      []string{"sk_test_demo000000000000000000"},
		Consumers:       consumers,
	}}
}
