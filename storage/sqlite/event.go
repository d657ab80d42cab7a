package sqlite

import (
	"context"
	"errors"

	"github.com/rejoinhq/rejoin/consumer"
	"github.com/rejoinhq/rejoin/consumer/event"
	"github.com/rejoinhq/rejoin/storage/internal/row"
)

const putEvent = row.IntoEvents + ` VALUES (?1, ?2, ?3, ?4, ?5, ?6)` + row.KeepFirstEvent

// eventsStatement returns all events about a consumer in one column, like a snapshot.
const eventsStatement = `
SELECT coalesce(group_concat(record, char(10)), '') FROM events
WHERE organization_id = +?1 AND consumer_id = +?2 AND record IS NOT NULL`

const putFoldedConsumer = row.IntoFoldedConsumers + ` VALUES (?1, ?2, ?3, ?4)` + row.ReplaceFoldedConsumer

const putFoldedParticipation = row.IntoFoldedParticipations + ` VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)` + row.ReplaceFoldedParticipation

const putFoldedDistribution = row.IntoFoldedDistributions + ` VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)` + row.KeepGreaterFoldedDistribution

// RecordEvent implements [event.Recorder]. All writes to the database wait for each other.
// One more event about a consumer with 1,000 events takes up to four times as long as one
// about a consumer with ten, because all events about the consumer are read.
func (s *Store) RecordEvent(ctx context.Context, e event.Event) (result event.Result, err error) {
	defer translateTo(&err, ctx, "record event")
	switch e, err = e.Prepare(); {
	case errors.Is(err, event.ErrIgnored):
		return event.Ignored, nil
	case err != nil:
		return "", err
	}
	err = s.transactShared(ctx, func(ctx context.Context, t transaction) (err error) {
		if result, err = t.recordEvent(ctx, e); err == nil && result != event.Applied {
			return errRollback
		}
		return err
	})
	if err != nil {
		return "", err
	}
	return result, nil
}

func (t transaction) recordEvent(ctx context.Context, e event.Event) (event.Result, error) {
	var keys []consumer.Key
	if e.ConsumerID != "" {
		keys = []consumer.Key{{OrganizationID: e.OrganizationID, ConsumerID: e.ConsumerID}}
	}
	merged, err := t.merged(ctx, keys)
	if errors.Is(err, consumer.ErrErased) {
		return event.Ignored, nil
	}
	if err != nil {
		return "", err
	}
	keys = merged.Keys(keys)
	consumerID := ""
	if len(keys) > 0 {
		consumerID = keys[0].ConsumerID
	}
	r, err := row.NewEvent(e, consumerID)
	if err != nil {
		return "", err
	}
	added, err := t.affectPrepared(ctx, t.events.put, r.OrganizationID, r.ID, r.ConsumerID, r.SubjectType, r.SubjectID, r.Record)
	switch {
	case err != nil:
		return "", err
	case added == 0:
		return event.Duplicate, nil
	}
	if distribution, ok := row.FoldedDistribution(e); ok {
		return event.Applied, t.putFoldedDistribution(ctx, distribution)
	}
	if r.Record == nil {
		t.logCommit()
		return event.Applied, nil
	}
	folded, err := t.fold(ctx, keys[0])
	if err != nil {
		return "", err
	}
	if err := t.putFolded(ctx, folded.Affected(e)); err != nil {
		return "", err
	}
	t.logConsumers(keys...)
	return event.Applied, nil
}

// fold returns the records that follow from all events about a consumer.
func (t transaction) fold(ctx context.Context, key consumer.Key) (row.Rows, error) {
	var column string
	if err := t.StmtxContext(ctx, t.events.ofConsumer).GetContext(ctx, &column, key.OrganizationID, key.ConsumerID); err != nil {
		return row.Rows{}, err
	}
	return row.Folded(key, column)
}

// putFolded writes records that follow from events.
func (t transaction) putFolded(ctx context.Context, rows row.Rows) error {
	for _, r := range rows.Consumers {
		if _, err := t.affectPrepared(ctx, t.events.putConsumer, profileColumns(nil, r)...); err != nil {
			return err
		}
	}
	for _, r := range rows.Participations {
		if _, err := t.affectPrepared(ctx, t.events.putParticipation, recordColumns(nil, r)...); err != nil {
			return err
		}
	}
	return nil
}

func (t transaction) putFoldedDistribution(ctx context.Context, r row.Row) error {
	changed, err := t.affectPrepared(ctx, t.events.putDistribution, distributionColumns(nil, r)...)
	switch {
	case err != nil:
		return err
	case changed == 0:
		t.logCommit()
		return nil
	}
	t.logDistributions(r)
	return nil
}
