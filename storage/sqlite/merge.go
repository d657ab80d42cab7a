package sqlite

import (
	"context"

	"github.com/rejoinhq/rejoin/consumer"
	"github.com/rejoinhq/rejoin/storage/internal/row"
)

const mergeState = `
SELECT
	EXISTS (SELECT 1 FROM erasures WHERE organization_id = ?1 AND consumer_digest = ?4) AS guest_gone,
	EXISTS (SELECT 1 FROM consumers WHERE organization_id = ?1 AND id = ?2) AS guest_profile,
	(SELECT count(*) FROM participations WHERE organization_id = ?1 AND consumer_id = ?2) +
	(SELECT count(*) FROM admissions WHERE organization_id = ?1 AND consumer_id = ?2) AS guest_records,
	EXISTS (SELECT 1 FROM consumers WHERE organization_id = ?1 AND id = ?3) AS consumer_profile`

// A record names its consumer in the key only, so it moves as it is, and whether it
// stays is decided as for any write.

const moveParticipations = `
INSERT INTO participations (organization_id, consumer_id, type, id, updated_at, status_rank, expires_at, record)
SELECT organization_id, ?3, type, id, updated_at, status_rank, expires_at, record
FROM participations WHERE organization_id = ?1 AND consumer_id = ?2` + participationDecides

const moveAdmissions = `
INSERT INTO admissions
	(organization_id, consumer_id, distribution_type, distribution_id, updated_at, status_rank, expires_at, record)
SELECT organization_id, ?3, distribution_type, distribution_id, updated_at, status_rank, expires_at, record
FROM admissions WHERE organization_id = ?1 AND consumer_id = ?2` + admissionDecides

// Merge implements [consumer.Merger].
func (s *Store) Merge(ctx context.Context, organizationID, guestID, consumerID string) (consumer.WriteResult, error) {
	result, err := s.merge(ctx, organizationID, guestID, consumerID)
	return result, translate(ctx, "merge consumers", err)
}

func (s *Store) merge(ctx context.Context, organizationID, guestID, consumerID string) (consumer.WriteResult, error) {
	if err := consumer.ValidateMerge(organizationID, guestID, consumerID); err != nil {
		return consumer.WriteResult{}, err
	}
	var result consumer.WriteResult
	err := s.transact(ctx, func(ctx context.Context, t transaction) (err error) {
		result, err = t.merge(ctx, consumer.ConsumerKey{OrganizationID: organizationID, ConsumerID: guestID}, consumerID)
		return err
	})
	if err != nil {
		return consumer.WriteResult{}, err
	}
	return result, nil
}

func (t transaction) merge(ctx context.Context, guest consumer.ConsumerKey, consumerID string) (consumer.WriteResult, error) {
	var state row.MergeState
	digest := guest.Digest()
	if err := t.GetContext(ctx, &state, mergeState, guest.OrganizationID, guest.ConsumerID, consumerID, digest[:]); err != nil {
		return consumer.WriteResult{}, err
	}
	if proceed, err := state.Proceed(); !proceed {
		return consumer.WriteResult{}, err
	}
	applied := 0
	for _, move := range []string{moveParticipations, moveAdmissions} {
		n, err := t.affect(ctx, move, guest.OrganizationID, guest.ConsumerID, consumerID)
		if err != nil {
			return consumer.WriteResult{}, err
		}
		applied += n
	}
	result := consumer.WriteResult{Applied: applied, Stale: state.GuestRecords - applied}
	if err := t.changed(ctx, consumer.ConsumerKey{OrganizationID: guest.OrganizationID, ConsumerID: consumerID}); err != nil {
		return consumer.WriteResult{}, err
	}
	return result, t.erase(ctx, guest)
}
