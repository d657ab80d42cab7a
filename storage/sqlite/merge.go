package sqlite

import (
	"context"

	"github.com/rejoinhq/rejoin/consumer"
	"github.com/rejoinhq/rejoin/storage/internal/row"
)

const mergeState = `
SELECT
	EXISTS (SELECT 1 FROM former_consumers WHERE organization_id = ?1 AND consumer_digest = ?4) AS guest_gone,
	EXISTS (SELECT 1 FROM consumers WHERE organization_id = ?1 AND id = ?2) AS guest_profile,
	(SELECT count(*) FROM participations WHERE organization_id = ?1 AND consumer_id = ?2) +
	(SELECT count(*) FROM admissions WHERE organization_id = ?1 AND consumer_id = ?2) AS guest_records,
	EXISTS (SELECT 1 FROM events WHERE organization_id = ?1 AND consumer_id = ?2) AS guest_events,
	EXISTS (SELECT 1 FROM consumers WHERE organization_id = ?1 AND id = ?3) AS consumer_profile`

// Only the key of a record names its consumer, so a record moves unchanged, and the
// version decides whether it remains, as for any write.

const moveParticipations = row.IntoParticipations + `
SELECT organization_id, ?3, type, id, updated_at, status_rank, expires_at, record
FROM participations WHERE organization_id = ?1 AND consumer_id = ?2 AND updated_at IS NOT NULL` + row.KeepGreaterParticipation

const moveAdmissions = row.IntoAdmissions + `
SELECT organization_id, ?3, distribution_type, distribution_id, updated_at, status_rank, expires_at, record
FROM admissions WHERE organization_id = ?1 AND consumer_id = ?2` + row.KeepGreaterAdmission

// moveEvents keeps of the guest's profile events only the ids.
const moveEvents = `
UPDATE events SET consumer_id = ?3, record = CASE WHEN subject_type <> '` + row.ProfileSubject + `' THEN record END
WHERE organization_id = +?1 AND consumer_id = +?2`

// guestMembers selects the consumer's record of every distribution in which the guest has a
// participation, with the record of the consumer that counts, NULL if the consumer has none.
var guestMembers = `
SELECT g.type, g.id, ` + row.Counting("p", "record") + ` AS record
FROM participations AS g LEFT JOIN participations AS p
	ON p.organization_id = +?1 AND p.consumer_id = +?3 AND p.type = g.type AND p.id = g.id
WHERE g.organization_id = +?1 AND g.consumer_id = +?2`

// Merge implements [consumer.Lifecycle].
func (s *Store) Merge(ctx context.Context, m consumer.Merge) (result consumer.WriteResult, err error) {
	defer translateTo(&err, ctx, "merge consumers")
	if err := m.Validate(); err != nil {
		return consumer.WriteResult{}, err
	}
	err = s.transact(ctx, func(ctx context.Context, t transaction) (err error) {
		if result, err = t.merge(ctx, m); err == nil && m.DryRun {
			return errRollback
		}
		return err
	})
	if err != nil {
		return consumer.WriteResult{}, err
	}
	return result, nil
}

func (t transaction) merge(ctx context.Context, m consumer.Merge) (consumer.WriteResult, error) {
	guest := consumer.Key{OrganizationID: m.OrganizationID, ConsumerID: m.GuestID}
	digest := guest.Digest()
	var state row.MergeState
	if err := t.GetContext(ctx, &state, mergeState, m.OrganizationID, m.GuestID, m.ConsumerID, digest[:]); err != nil {
		return consumer.WriteResult{}, err
	}
	if proceed, err := state.Proceed(); !proceed {
		return consumer.WriteResult{}, err
	}
	before, err := t.guestMembers(ctx, m)
	if err != nil {
		return consumer.WriteResult{}, err
	}
	if _, err := t.affect(ctx, moveParticipations, m.OrganizationID, m.GuestID, m.ConsumerID); err != nil {
		return consumer.WriteResult{}, err
	}
	applied, err := t.affect(ctx, moveAdmissions, m.OrganizationID, m.GuestID, m.ConsumerID)
	if err != nil {
		return consumer.WriteResult{}, err
	}
	if state.GuestEvents {
		if err := t.mergeEvents(ctx, m); err != nil {
			return consumer.WriteResult{}, err
		}
	}
	after, err := t.guestMembers(ctx, m)
	if err != nil {
		return consumer.WriteResult{}, err
	}
	for member, record := range after {
		if record != before[member] {
			applied++
		}
	}
	if _, err := t.affect(ctx, moveCompletions, m.OrganizationID, m.GuestID, m.ConsumerID); err != nil {
		return consumer.WriteResult{}, err
	}
	if err := t.deleteRecords(ctx, guest); err != nil {
		return consumer.WriteResult{}, err
	}
	if _, err := t.ExecContext(ctx, moveAliases, m.OrganizationID, m.GuestID, m.ConsumerID); err != nil {
		return consumer.WriteResult{}, err
	}
	if _, err := t.ExecContext(ctx, putMerged, m.OrganizationID, digest[:], m.ConsumerID); err != nil {
		return consumer.WriteResult{}, err
	}
	result := consumer.WriteResult{Applied: applied, Stale: state.GuestRecords - applied}
	t.logConsumers(guest, consumer.Key{OrganizationID: m.OrganizationID, ConsumerID: m.ConsumerID})
	return result, nil
}

// mergeEvents moves the guest's events and updates what follows from the consumer's.
func (t transaction) mergeEvents(ctx context.Context, m consumer.Merge) error {
	if _, err := t.affect(ctx, moveEvents, m.OrganizationID, m.GuestID, m.ConsumerID); err != nil {
		return err
	}
	folded, err := t.fold(ctx, consumer.Key{OrganizationID: m.OrganizationID, ConsumerID: m.ConsumerID})
	if err != nil {
		return err
	}
	return t.putFolded(ctx, folded)
}

// guestMembers returns the consumer's records by the participations of the guest.
func (t transaction) guestMembers(ctx context.Context, m consumer.Merge) (map[row.Key]string, error) {
	var members []struct {
		row.Key
		Record *string `db:"record"`
	}
	if err := t.SelectContext(ctx, &members, guestMembers, m.OrganizationID, m.GuestID, m.ConsumerID); err != nil {
		return nil, err
	}
	records := make(map[row.Key]string, len(members))
	for _, member := range members {
		if member.Record != nil {
			records[member.Key] = *member.Record
		}
	}
	return records, nil
}
