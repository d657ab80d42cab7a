package main

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/rejoinhq/rejoin/consumer"
)

// newerThan is now, or the first moment that a store can tell from what is stored: two
// acts may fall into one microsecond, and a clock may have been set back.
func newerThan(stored, now time.Time) time.Time {
	if now = now.Truncate(time.Microsecond); now.After(stored) {
		return now
	}
	return stored.Add(time.Microsecond)
}

// supersede makes the demonstration in a batch win over whatever is stored of its
// consumers: its records become newer, and what else they are in ends.
func supersede(ctx context.Context, store consumer.Exporter, b *consumer.Batch, now time.Time) error {
	organization := demo(now)[0]
	for _, c := range organization.Consumers {
		stored, err := store.Export(ctx, organization.ID, c.ID)
		if errors.Is(err, consumer.ErrNotFound) {
			continue
		}
		if err != nil {
			return err
		}
		supersedeConsumer(b, organization.ID, c.ID, stored, now)
	}
	return nil
}

func supersedeConsumer(b *consumer.Batch, organizationID, consumerID string, stored consumer.Export, now time.Time) {
	for i := range b.Consumers {
		if c := &b.Consumers[i]; c.OrganizationID == organizationID && c.ID == consumerID && stored.Consumer != nil {
			c.UpdatedAt = newerThan(stored.Consumer.UpdatedAt, now)
		}
	}
	for _, p := range stored.Participations {
		p.OrganizationID, p.ConsumerID, p.UpdatedAt = organizationID, consumerID, newerThan(p.UpdatedAt, now)
		i := slices.IndexFunc(b.Participations, func(q consumer.Participation) bool {
			return q.OrganizationID == organizationID && q.ConsumerID == consumerID && q.Type == p.Type && q.ID == p.ID
		})
		switch {
		case i >= 0:
			b.Participations[i].UpdatedAt = p.UpdatedAt
		case p.Type.IsActive(p.Status):
			p.Status = consumer.StatusLeft
			b.Participations = append(b.Participations, p)
		}
	}
	for _, a := range stored.Admissions {
		a.OrganizationID, a.ConsumerID, a.UpdatedAt = organizationID, consumerID, newerThan(a.UpdatedAt, now)
		i := slices.IndexFunc(b.Admissions, func(q consumer.Admission) bool {
			return q.OrganizationID == organizationID && q.ConsumerID == consumerID && q.DistributionType == a.DistributionType && q.DistributionID == a.DistributionID
		})
		switch {
		case i >= 0:
			b.Admissions[i].UpdatedAt = a.UpdatedAt
		case a.EndedAt == nil:
			a.EndedAt = new(now)
			b.Admissions = append(b.Admissions, a)
		}
	}
}
