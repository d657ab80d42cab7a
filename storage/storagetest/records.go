package storagetest

import (
	"slices"
	"time"

	"github.com/rejoinhq/rejoin/consumer"
)

// The records of the cases belong to this consumer unless a case says otherwise.
const (
	organization      = "org_1"
	otherOrganization = "org_2"
	person            = "cons_1"
	otherPerson       = "cons_2"
)

// at returns a time some seconds after the one of the records above.
func at(seconds int) time.Time {
	return time.Date(2026, time.January, 2, 3, 4, 5, 0, time.UTC).Add(time.Duration(seconds) * time.Second)
}

func profile(edits ...func(*consumer.Consumer)) consumer.Consumer {
	return edited(consumer.Consumer{
		OrganizationID: organization, ID: person,
		Email: new("ada@example.com"), Phone: new("+12025551234"), FullName: new("Ada Lovelace"),
		CreatedAt: at(0), UpdatedAt: at(0),
	}, edits)
}

func participation(edits ...func(*consumer.Participation)) consumer.Participation {
	return edited(consumer.Participation{
		OrganizationID: organization, ConsumerID: person,
		Type: consumer.Queue, ID: "queue_1", ExperienceID: "exp_1", SequenceID: "seq_1",
		Status: consumer.StatusQueued, EnteredAt: at(0), UpdatedAt: at(0),
	}, edits)
}

func admission(edits ...func(*consumer.Admission)) consumer.Admission {
	return edited(consumer.Admission{
		OrganizationID: organization, ConsumerID: person,
		DistributionType: consumer.TimedRelease, DistributionID: "release_1",
		ExperienceID: "exp_1", SequenceID: "seq_1", AdmissionToken: "token_1",
		AdmittedAt: at(0), UpdatedAt: at(0),
	}, edits)
}

// queue is the distribution of participation.
func queue(edits ...func(*consumer.Distribution)) consumer.Distribution {
	return edited(consumer.Distribution{
		OrganizationID: organization, Type: consumer.Queue, ID: "queue_1", UpdatedAt: at(0),
	}, edits)
}

// auction is the distribution of bidder.
func auction(edits ...func(*consumer.Distribution)) consumer.Distribution {
	return queue(append([]func(*consumer.Distribution){func(d *consumer.Distribution) { d.Type = consumer.Auction }}, edits...)...)
}

func edited[R any](record R, edits []func(*R)) R {
	for _, edit := range edits {
		edit(&record)
	}
	return record
}

// A few edits that many cases share.

func becoming(s consumer.Status, updatedAt time.Time) func(*consumer.Participation) {
	return func(p *consumer.Participation) { p.Status, p.UpdatedAt = s, updatedAt }
}

func inDistribution(id string) func(*consumer.Participation) {
	return func(p *consumer.Participation) { p.ID = id }
}

func serving(n int64, updatedAt time.Time) func(*consumer.Distribution) {
	return func(d *consumer.Distribution) { d.Serving, d.UpdatedAt = &n, updatedAt }
}

// over ends a distribution, won by nobody if the id is empty.
func over(endedAt time.Time, winnerID string) func(*consumer.Distribution) {
	return func(d *consumer.Distribution) {
		d.EndedAt, d.UpdatedAt = &endedAt, endedAt
		if winnerID != "" {
			d.WinnerID = &winnerID
		}
	}
}

func ended(endedAt time.Time) func(*consumer.Admission) {
	return func(a *consumer.Admission) { a.EndedAt, a.UpdatedAt = &endedAt, endedAt }
}

func profiles(all ...consumer.Consumer) consumer.Batch {
	return consumer.Batch{Consumers: all}
}

func participations(all ...consumer.Participation) consumer.Batch {
	return consumer.Batch{Participations: all}
}

func admissions(all ...consumer.Admission) consumer.Batch {
	return consumer.Batch{Admissions: all}
}

func distributions(all ...consumer.Distribution) consumer.Batch {
	return consumer.Batch{Distributions: all}
}

func keys(all ...consumer.APIKey) consumer.Batch { return consumer.Batch{APIKeys: all} }

// together joins batches into one.
func together(batches ...consumer.Batch) consumer.Batch {
	var all consumer.Batch
	for _, b := range batches {
		all.Consumers = slices.Concat(all.Consumers, b.Consumers)
		all.Participations = slices.Concat(all.Participations, b.Participations)
		all.Admissions = slices.Concat(all.Admissions, b.Admissions)
		all.Distributions = slices.Concat(all.Distributions, b.Distributions)
		all.APIKeys = slices.Concat(all.APIKeys, b.APIKeys)
	}
	return all
}
