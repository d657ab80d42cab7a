package demo

import (
	"time"

	"github.com/rejoinhq/rejoin/consumer"
	"github.com/rejoinhq/rejoin/consumer/recordjson"
)

const (
	organizationID = "org_demo"
	publishableKey = "pk_test_demo000000000000000000"
	secretKey      = "sk_test_demo000000000000000000"
)

// Organization returns the organization of the demonstration with its consumers, as of a
// time. All records are relative to now, so every start of a server shows the same.
func Organization(now time.Time) recordjson.Organization {
	now = now.Truncate(time.Second)
	ago := func(d time.Duration) time.Time { return now.Add(-d) }
	tomorrow := new(now.Add(24 * time.Hour))

	consumers := []recordjson.Consumer{
		{
			ID:      "cons_demo_several",
			Profile: &consumer.Consumer{Email: new("sam@example.com"), Phone: new("+12025550101"), FullName: new("Sam Several")},
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
			ID:      "cons_demo_queue",
			Profile: &consumer.Consumer{Email: new("quinn@example.com"), FullName: new("Quinn Queue")},
			Participations: []consumer.Participation{{
				Type: consumer.Queue, ID: "queue_demo_sneaker", ExperienceID: "exp_demo_sneaker", SequenceID: "seq_demo_early",
				Status: consumer.StatusQueued, EnteredAt: ago(10 * time.Minute), Position: new(int64(42)),
			}},
		},
		{
			ID:      "cons_demo_line",
			Profile: &consumer.Consumer{Email: new("lina@example.com"), FullName: new("Lina Line")},
			Participations: []consumer.Participation{{
				Type: consumer.Queue, ID: movingQueue, ExperienceID: "exp_demo_concert", SequenceID: "seq_demo_concert",
				Status: consumer.StatusQueued, EnteredAt: ago(12 * time.Minute), Position: new(int64(movingTicket - 1)), Ticket: new(int64(movingTicket)),
			}},
		},
		{
			ID:      "cons_demo_admitted",
			Profile: &consumer.Consumer{Email: new("avery@example.com"), FullName: new("Avery Admitted")},
			Participations: []consumer.Participation{{
				Type: consumer.Draw, ID: "draw_demo_poster", ExperienceID: "exp_demo_poster", SequenceID: "seq_demo_poster",
				Status: consumer.StatusWon, EnteredAt: ago(3 * time.Hour),
				AdmittedAt: new(ago(time.Minute)), AdmissionToken: new("demo-admission-poster"), ExpiresAt: tomorrow,
			}},
		},
		{
			ID:      "cons_demo_auction",
			Profile: &consumer.Consumer{Email: new("aubrey@example.com"), FullName: new("Aubrey Auction")},
			Participations: []consumer.Participation{{
				Type: consumer.Auction, ID: "auction_demo_guitar", ExperienceID: "exp_demo_guitar", SequenceID: "seq_demo_guitar",
				Status: consumer.StatusOutbid, EnteredAt: ago(time.Hour),
				LastBidAmount: new(consumer.Amount("250.00")), LastBidTime: new(ago(15 * time.Minute)), BidCount: new(int64(3)),
			}},
		},
		{
			ID:      "cons_demo_release",
			Profile: &consumer.Consumer{Phone: new("+12025550102"), FullName: new("Remy Release")},
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
			ID:      "cons_demo_waitlist",
			Profile: &consumer.Consumer{Email: new("wren@example.com"), FullName: new("Wren Waitlist")},
			Participations: []consumer.Participation{{
				Type: consumer.Waitlist, ID: "waitlist_demo_vinyl", ExperienceID: "exp_demo_vinyl", SequenceID: "seq_demo_vinyl",
				Status: consumer.StatusNotified, EnteredAt: ago(72 * time.Hour),
			}},
		},
		{
			ID:      "cons_demo_expired",
			Profile: &consumer.Consumer{Email: new("emery@example.com"), FullName: new("Emery Expired")},
			Admissions: []consumer.Admission{{
				DistributionType: consumer.Queue, DistributionID: "queue_demo_sneaker",
				ExperienceID: "exp_demo_sneaker", SequenceID: "seq_demo_early",
				AdmissionToken: "demo-admission-expired", AdmittedAt: ago(2 * time.Hour), ExpiresAt: new(ago(time.Hour)),
			}},
		},
		{
			ID:      "cons_demo_plain",
			Profile: &consumer.Consumer{},
		},
	}
	for i := range consumers {
		c := &consumers[i]
		c.Profile.ID, c.Profile.CreatedAt, c.Profile.UpdatedAt = c.ID, ago(30*24*time.Hour), now
		for j := range c.Participations {
			c.Participations[j].UpdatedAt = now
		}
		for j := range c.Admissions {
			c.Admissions[j].UpdatedAt = now
		}
	}
	return recordjson.Organization{
		ID:              organizationID,
		PublishableKeys: []string{publishableKey},
		SecretKeys:      []string{secretKey},
		Consumers:       consumers,
	}
}
