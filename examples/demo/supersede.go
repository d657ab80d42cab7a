package demo

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/rejoinhq/rejoin/auth"
	"github.com/rejoinhq/rejoin/consumer"
)

// Batch returns the write that sets a store to the demonstration as of now. It wins over
// whatever testers did before: its records are newer than what is stored about the
// consumers, and whatever else they take part in ends.
func Batch(ctx context.Context, store consumer.Lifecycle, now time.Time) (consumer.Batch, error) {
	organization := Organization(now)
	batch := organization.Batch()
	for key, kind := range map[string]consumer.APIKeyKind{publishableKey: consumer.PublishableKey, secretKey: consumer.SecretKey} {
		batch.APIKeys = append(batch.APIKeys, consumer.APIKey{
			OrganizationID: organizationID, Kind: kind, Digest: auth.APIKeyDigest(key), CreatedAt: now,
		})
	}
	for _, c := range organization.Consumers {
		stored, err := store.Export(ctx, consumer.Key{OrganizationID: organizationID, ConsumerID: c.ID})
		if errors.Is(err, consumer.ErrNotFound) {
			continue
		}
		if err != nil {
			return consumer.Batch{}, err
		}
		supersede(&batch, c.ID, stored, now)
	}
	return batch, nil
}

// supersede makes the records in the batch newer than what is stored about a consumer.
func supersede(b *consumer.Batch, consumerID string, stored consumer.Export, now time.Time) {
	for i := range b.Consumers {
		if c := &b.Consumers[i]; c.ID == consumerID && stored.Consumer != nil {
			c.UpdatedAt = newerThan(stored.Consumer.UpdatedAt, now)
		}
	}
	for _, p := range stored.Participations {
		p.OrganizationID, p.ConsumerID, p.UpdatedAt = organizationID, consumerID, newerThan(p.UpdatedAt, now)
		i := slices.IndexFunc(b.Participations, func(q consumer.Participation) bool {
			return q.ConsumerID == consumerID && q.Type == p.Type && q.ID == p.ID
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
			return q.ConsumerID == consumerID && q.DistributionType == a.DistributionType && q.DistributionID == a.DistributionID
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

// newerThan returns now, or the first time that a store can tell from what is stored: two
// actions may fall into one microsecond, and a clock may have been set back.
func newerThan(stored, now time.Time) time.Time {
	if now = now.Truncate(time.Microsecond); now.After(stored) {
		return now
	}
	return stored.Add(time.Microsecond)
}
