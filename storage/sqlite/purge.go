package sqlite

import (
	"bytes"
	"context"

	"github.com/jmoiron/sqlx"

	"github.com/rejoinhq/rejoin/consumer"
	"github.com/rejoinhq/rejoin/storage/internal/row"
)

// What can be purged is looked up by an index first and then deleted by key: DELETE has no
// LIMIT in SQLite, and once the file has statistics (ANALYZE), SQLite looks up a list of
// keys in one statement by the consumer only, at the cost of all its records.

const overParticipations = `
SELECT organization_id, consumer_id, type, id
FROM participations WHERE over_at < ?1 ORDER BY over_at LIMIT ?2`

// endedMembers selects the participations that the end of their distribution ended,
// together with the digest of the winner and the consumer that the winner was merged into,
// whose participation it did not end. An active participation has a token only if it is
// admitting. Without statistics, SQLite would otherwise search all participations of the
// organization.
var endedMembers = `
SELECT p.organization_id, p.consumer_id, p.type, p.id, ` + row.Counting("d", "winner_digest") + ` AS winner_digest,
	(SELECT successor_id FROM former_consumers AS f
	WHERE f.organization_id = d.organization_id AND f.consumer_digest = ` + row.Counting("d", "winner_digest") + `) AS winner_id
FROM distributions AS d CROSS JOIN participations AS p INDEXED BY participations_distribution
	ON p.organization_id = d.organization_id AND p.type = d.type AND p.id = d.id
WHERE d.counting_ended_at < ?1 AND ` + row.Counting("p", "updated_at") + ` < ?1 AND ` + row.Counting("p", "status_rank") + ` < ?3
	AND (` + row.Counting("p", "record") + `) ->> 'admissionToken' IS NULL
LIMIT ?2`

const deleteParticipation = `
DELETE FROM participations
WHERE organization_id = ?1 AND consumer_id = ?2 AND type = ?3 AND id = ?4`

const overAdmissions = `
SELECT organization_id, consumer_id, distribution_type AS type, distribution_id AS id
FROM admissions WHERE over_at < ?1 ORDER BY over_at LIMIT ?2`

const deleteAdmission = `
DELETE FROM admissions
WHERE organization_id = ?1 AND consumer_id = ?2 AND distribution_type = ?3 AND distribution_id = ?4`

// overDistributions selects distributions without a participation: what they ended would be
// active again without them.
var overDistributions = `
SELECT organization_id, '' AS consumer_id, type, id
FROM distributions AS d WHERE counting_ended_at < ?1 AND ` + row.Counting("d", "updated_at") + ` < ?1 AND NOT EXISTS (
	SELECT 1 FROM participations AS p
	WHERE p.organization_id = d.organization_id AND p.type = d.type AND p.id = d.id)
LIMIT ?2`

const deleteDistribution = `DELETE FROM distributions WHERE organization_id = ?1 AND type = ?3 AND id = ?4`

// deleteEvents deletes the events about a participation, or about an auction itself.
const deleteEvents = `
DELETE FROM events
WHERE organization_id = ?1 AND consumer_id = ?2 AND subject_type = ?3 AND subject_id = ?4`

// deleteOrders deletes the events about the orders of a consumer if the participation that
// is purged is the last one that follows from events. A consumer without any keeps them,
// because they may have overtaken the events about participations.
const deleteOrders = `
DELETE FROM events
WHERE organization_id = ?1 AND consumer_id = ?2 AND subject_type = '` + row.OrderSubject + `' AND (?3, ?4) = (
	SELECT min(type), min(id) FROM participations
	WHERE organization_id = ?1 AND consumer_id = ?2 AND folded_updated_at IS NOT NULL
	HAVING count(*) = 1)`

// Purge implements [consumer.Lifecycle]. Other writes wait for it, so a limit of a few
// thousand keeps them short. The file does not shrink: SQLite reuses the space.
func (s *Store) Purge(ctx context.Context, p consumer.Purge) (result consumer.PurgeResult, err error) {
	defer translateTo(&err, ctx, "purge")
	if err := p.Validate(); err != nil {
		return consumer.PurgeResult{}, err
	}
	err = s.transact(ctx, func(ctx context.Context, t transaction) (err error) {
		result, err = t.purge(ctx, p)
		if err != nil || result == (consumer.PurgeResult{}) {
			return err
		}
		t.logCommit()
		return nil
	})
	if err != nil {
		return consumer.PurgeResult{}, err
	}
	return result, nil
}

func (t transaction) purge(ctx context.Context, p consumer.Purge) (result consumer.PurgeResult, err error) {
	for _, step := range []struct {
		find      func(ctx context.Context, before int64, limit int) ([]row.Key, error)
		carrier   string   // of the completions, empty if there are none
		deletions []string // of events, then of the record
		counts    []*int
	}{
		{t.selectKeys(overParticipations), row.ParticipationCarrier, []string{deleteOrders, deleteEvents, deleteParticipation}, []*int{&result.Records}},
		{t.selectKeys(overAdmissions), row.AdmissionCarrier, []string{deleteAdmission}, []*int{&result.Records}},
		{t.selectEndedMembers, row.ParticipationCarrier, []string{deleteOrders, deleteEvents, deleteParticipation}, []*int{&result.Records, &result.Members}},
		{t.selectKeys(overDistributions), "", []string{deleteEvents, deleteDistribution}, []*int{&result.Distributions}}, // after their participations
	} {
		keys, err := step.find(ctx, p.Before.UnixMicro(), p.Limit-result.Records-result.Distributions)
		if err != nil {
			return consumer.PurgeResult{}, err
		}
		if step.carrier != "" {
			if _, err := t.deleteKeys(ctx, []string{deleteCompletions(step.carrier)}, keys); err != nil {
				return consumer.PurgeResult{}, err
			}
		}
		deleted, err := t.deleteKeys(ctx, step.deletions, keys)
		if err != nil {
			return consumer.PurgeResult{}, err
		}
		for _, count := range step.counts {
			*count += len(keys)
		}
		result.Events += deleted - len(keys)
	}
	return result, nil
}

func (t transaction) selectKeys(statement string) func(ctx context.Context, before int64, limit int) ([]row.Key, error) {
	return func(ctx context.Context, before int64, limit int) (keys []row.Key, err error) {
		err = t.SelectContext(ctx, &keys, statement, before, limit)
		return keys, err
	}
}

// endedMember is a row of endedMembers.
type endedMember struct {
	row.Key
	WinnerDigest []byte  `db:"winner_digest"`
	WinnerID     *string `db:"winner_id"`
}

func (m endedMember) isWinner() bool {
	digest := consumer.Key{OrganizationID: m.OrganizationID, ConsumerID: m.ConsumerID}.Digest()
	return bytes.Equal(digest[:], m.WinnerDigest) || m.WinnerID != nil && *m.WinnerID == m.ConsumerID
}

// selectEndedMembers leaves out winners, because SQLite cannot compute their digests. If it
// found any, it selects that many more.
func (t transaction) selectEndedMembers(ctx context.Context, before int64, limit int) ([]row.Key, error) {
	for winners := 0; ; {
		var members []endedMember
		if err := t.SelectContext(ctx, &members, endedMembers, before, limit+winners, consumer.TerminalRank); err != nil {
			return nil, err
		}
		var keys []row.Key
		for _, m := range members {
			if !m.isWinner() && len(keys) < limit {
				keys = append(keys, m.Key)
			}
		}
		if len(keys) == limit || len(members) < limit+winners {
			return keys, nil
		}
		winners = len(members) - len(keys)
	}
}

// deleteKeys executes the deletions for each key in turn. It returns how many rows they
// deleted.
func (t transaction) deleteKeys(ctx context.Context, deletions []string, keys []row.Key) (deleted int, err error) {
	if len(keys) == 0 {
		return 0, nil
	}
	statements := make([]*sqlx.Stmt, len(deletions))
	for i, deletion := range deletions {
		if statements[i], err = t.PreparexContext(ctx, deletion); err != nil {
			return 0, err
		}
		defer statements[i].Close()
	}
	for _, key := range keys {
		for _, statement := range statements {
			result, err := statement.ExecContext(ctx, key.OrganizationID, key.ConsumerID, key.Type, key.ID)
			if err != nil {
				return 0, err
			}
			n, err := result.RowsAffected()
			if err != nil {
				return 0, err
			}
			deleted += int(n)
		}
	}
	return deleted, nil
}
