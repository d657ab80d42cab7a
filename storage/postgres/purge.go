package postgres

import (
	"context"

	"github.com/rejoinhq/rejoin/consumer"
	"github.com/rejoinhq/rejoin/storage/internal/row"
)

// A purge statement locks the rows before it deletes them, because a concurrent write may
// change them. Then the statement waits, checks the rows again, and keeps those that are no
// longer over. A locked row stays in its place, so the statement deletes it by its ctid.

var purgeParticipations = `
WITH gone AS (DELETE FROM participations WHERE ctid = ANY (ARRAY(
	SELECT ctid FROM participations WHERE over_at < $1 ORDER BY over_at LIMIT $2 FOR UPDATE))` + returningMembers

var purgeAdmissions = `
WITH gone AS (DELETE FROM admissions WHERE ctid = ANY (ARRAY(
	SELECT ctid FROM admissions WHERE over_at < $1 ORDER BY over_at LIMIT $2 FOR UPDATE))
	RETURNING organization_id, consumer_id, distribution_type AS type, distribution_id AS id
), completions_gone AS (` + deleteCompletions(row.AdmissionCarrier) + `)
SELECT (SELECT count(*) FROM gone), 0::bigint`

// purgeMembers deletes the participations that the end of their distribution ended, which
// leaves out the winner's. An active participation has a token only if it is admitting. The
// inner limit makes the server begin with the distributions that ended.
var purgeMembers = `
WITH gone AS (DELETE FROM participations WHERE ctid = ANY (ARRAY(
	SELECT member.ctid FROM distributions AS d CROSS JOIN LATERAL (
		SELECT p.ctid FROM participations AS p
		WHERE p.organization_id = d.organization_id AND p.type = d.type AND p.id = d.id
			AND ` + row.Counting("p", "updated_at") + ` < $1 AND ` + row.Counting("p", "status_rank") + ` < $3
			AND (` + row.Counting("p", "record") + `)::json ->> 'admissionToken' IS NULL
			AND (` + row.Counting("d", "winner_digest") + ` IS NULL OR ` + row.Counting("d", "winner_digest") + ` <> sha256(
				convert_to(p.organization_id, 'UTF8') || decode('00', 'hex') || convert_to(p.consumer_id, 'UTF8'))
				AND NOT EXISTS (
					SELECT 1 FROM former_consumers AS f
					WHERE f.organization_id = d.organization_id AND f.consumer_digest = ` + row.Counting("d", "winner_digest") + ` AND f.successor_id = p.consumer_id))
		LIMIT $2 FOR UPDATE) AS member
	WHERE d.counting_ended_at < $1
	LIMIT $2))` + returningMembers

// purgeDistributions deletes distributions without a participation. With a participation in
// it, the distribution must remain, because without it the participation would be active.
var purgeDistributions = `
WITH gone AS (DELETE FROM distributions WHERE ctid = ANY (ARRAY(
	SELECT ctid FROM distributions AS d WHERE counting_ended_at < $1 AND ` + row.Counting("d", "updated_at") + ` < $1 AND NOT EXISTS (
		SELECT 1 FROM participations AS p WHERE (p.organization_id, p.type, p.id) = (d.organization_id, d.type, d.id))
	LIMIT $2 FOR UPDATE))
	RETURNING organization_id, '' AS consumer_id, type, id
), events_gone AS (` + deleteEvents + `)
SELECT (SELECT count(*) FROM gone), (SELECT count(*) FROM events_gone)`

// returningMembers continues a statement that deletes participations: it deletes their
// completions and events, and the events about orders of those consumers who have no other participation
// that follows from events. A consumer without any keeps them, because they may have
// overtaken the events about participations. All parts of the statement see the tables as
// they were before it. It selects how many participations and events were deleted.
var returningMembers = `
	RETURNING organization_id, consumer_id, type, id, folded_updated_at
), completions_gone AS (` + deleteCompletions(row.ParticipationCarrier) + `), events_gone AS (` + deleteEvents + `), orders_gone AS (
	DELETE FROM events WHERE ctid = ANY (ARRAY(
		SELECT e.ctid FROM (
			SELECT DISTINCT organization_id, consumer_id FROM gone AS g WHERE folded_updated_at IS NOT NULL AND NOT EXISTS (
				SELECT 1 FROM participations AS p
				WHERE p.organization_id = g.organization_id AND p.consumer_id = g.consumer_id AND p.folded_updated_at IS NOT NULL
					AND (p.type, p.id) NOT IN (
						SELECT o.type, o.id FROM gone AS o
						WHERE o.organization_id = p.organization_id AND o.consumer_id = p.consumer_id))
		) AS c CROSS JOIN LATERAL (
			SELECT ctid FROM events
			WHERE organization_id = c.organization_id AND consumer_id = c.consumer_id AND subject_type = '` + row.OrderSubject + `'
			OFFSET 0) AS e))
	RETURNING 1
)
SELECT (SELECT count(*) FROM gone), (SELECT count(*) FROM events_gone) + (SELECT count(*) FROM orders_gone)`

// deleteEvents deletes the events about the records in gone. The offset makes the server
// look them up by their keys, however many it expects.
const deleteEvents = `
	DELETE FROM events WHERE ctid = ANY (ARRAY(
		SELECT e.ctid FROM gone CROSS JOIN LATERAL (
			SELECT ctid FROM events
			WHERE organization_id = gone.organization_id AND consumer_id = gone.consumer_id
				AND subject_type = gone.type AND subject_id = gone.id
			OFFSET 0) AS e))
	RETURNING 1`

// deleteCompletions returns a statement that deletes the completions of the records in gone.
func deleteCompletions(carrier string) string {
	return `
	DELETE FROM completions WHERE ctid = ANY (ARRAY(
		SELECT c.ctid FROM gone CROSS JOIN LATERAL (
			SELECT ctid FROM completions
			WHERE organization_id = gone.organization_id AND consumer_id = gone.consumer_id
				AND type = gone.type AND id = gone.id AND carrier = '` + carrier + `'
			OFFSET 0) AS c))
	RETURNING 1`
}

// Purge implements [consumer.Lifecycle]. Purges take turns. Reads don't wait for a purge,
// writes wait only for the rows that both concern, and [Store.RecordEvent] and
// [Store.Complete] wait until the purge ends, so a limit of a few thousand keeps that short. The
// server uses the space again when it has vacuumed the tables.
func (s *Store) Purge(ctx context.Context, p consumer.Purge) (result consumer.PurgeResult, err error) {
	defer translateTo(&err, ctx, "purge")
	if err := p.Validate(); err != nil {
		return consumer.PurgeResult{}, err
	}
	err = s.transact(ctx, []advisoryLock{purgeLock(), excludeRecords()}, func(ctx context.Context, t transaction) (err error) {
		if err := t.requireSchema(ctx); err != nil {
			return err
		}
		result, err = t.purge(ctx, p)
		return err
	})
	if err != nil {
		return consumer.PurgeResult{}, err
	}
	return result, nil
}

// purge repeats each statement until it finds nothing: some of the rows that it chose may
// have been written meanwhile, in which case others remain in their place.
func (t transaction) purge(ctx context.Context, p consumer.Purge) (result consumer.PurgeResult, err error) {
	before := p.Before.UnixMicro()
	for _, step := range []struct {
		statement  string
		parameters []any
		counts     []*int
	}{
		{purgeParticipations, nil, []*int{&result.Records}},
		{purgeAdmissions, nil, []*int{&result.Records}},
		{purgeMembers, []any{consumer.TerminalRank}, []*int{&result.Records, &result.Members}},
		{purgeDistributions, nil, []*int{&result.Distributions}}, // after their participations
	} {
		for {
			remaining := p.Limit - result.Records - result.Distributions
			if remaining == 0 {
				break
			}
			var records, events int
			parameters := append([]any{before, remaining}, step.parameters...)
			if err := t.QueryRow(ctx, step.statement, parameters...).Scan(&records, &events); err != nil {
				return consumer.PurgeResult{}, err
			}
			if records == 0 {
				break
			}
			for _, count := range step.counts {
				*count += records
			}
			result.Events += events
		}
	}
	return result, nil
}
