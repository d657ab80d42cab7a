package sqlite

import (
	"context"

	"github.com/jmoiron/sqlx"

	"github.com/rejoinhq/rejoin/consumer"
	"github.com/rejoinhq/rejoin/storage/internal/row"
)

// Each of these statements decides by consumer.Version whether it changes anything,
// so that no order of writers can make the older of two writes stay.

const putConsumer = `
INSERT INTO consumers (organization_id, id, updated_at, record)
VALUES (:organization_id, :consumer_id, :updated_at, :record)
ON CONFLICT (organization_id, id) DO UPDATE
SET updated_at = excluded.updated_at, record = excluded.record
WHERE (excluded.updated_at, excluded.record) > (consumers.updated_at, consumers.record)`

const putParticipation = `
INSERT INTO participations (organization_id, consumer_id, type, id, updated_at, status_rank, expires_at, record)
VALUES (:organization_id, :consumer_id, :type, :id, :updated_at, :status_rank, :expires_at, :record)` + participationDecides

const participationDecides = `
ON CONFLICT (organization_id, consumer_id, type, id) DO UPDATE
SET updated_at = excluded.updated_at, status_rank = excluded.status_rank,
	expires_at = excluded.expires_at, record = excluded.record
WHERE (excluded.updated_at, excluded.status_rank, excluded.record)
	> (participations.updated_at, participations.status_rank, participations.record)`

const putAdmission = `
INSERT INTO admissions
	(organization_id, consumer_id, distribution_type, distribution_id, updated_at, status_rank, expires_at, record)
VALUES (:organization_id, :consumer_id, :type, :id, :updated_at, :status_rank, :expires_at, :record)` + admissionDecides

const admissionDecides = `
ON CONFLICT (organization_id, consumer_id, distribution_type, distribution_id) DO UPDATE
SET updated_at = excluded.updated_at, status_rank = excluded.status_rank,
	expires_at = excluded.expires_at, record = excluded.record
WHERE (excluded.updated_at, excluded.status_rank, excluded.record)
	> (admissions.updated_at, admissions.status_rank, admissions.record)`

// writeStatements are prepared once and held.
type writeStatements struct {
	schema           *sqlx.Stmt
	putConsumer      *sqlx.NamedStmt
	putParticipation *sqlx.NamedStmt
	putAdmission     *sqlx.NamedStmt
	putAPIKey        *sqlx.Stmt
	anyErased        *sqlx.Stmt
	logChanges       *sqlx.Stmt
	forgetChanges    *sqlx.Stmt
}

func (s *Store) prepareWriting(ctx context.Context) (*writeStatements, error) {
	if err := s.requireSchema(ctx); err != nil {
		return nil, err
	}
	var w writeStatements
	var err error
	for statement, text := range map[**sqlx.Stmt]string{
		&w.schema:        `SELECT ` + schemaVersion,
		&w.putAPIKey:     putAPIKey,
		&w.anyErased:     anyErased,
		&w.logChanges:    logChanges,
		&w.forgetChanges: forgetChanges,
	} {
		if *statement, err = s.writer.PreparexContext(ctx, text); err != nil {
			return nil, err
		}
	}
	for statement, text := range map[**sqlx.NamedStmt]string{
		&w.putConsumer:      putConsumer,
		&w.putParticipation: putParticipation,
		&w.putAdmission:     putAdmission,
	} {
		if *statement, err = s.writer.PrepareNamedContext(ctx, text); err != nil {
			return nil, err
		}
	}
	return &w, nil
}

// Write implements [consumer.Writer]. Writes of the whole database take turns, and
// each waits for the disk, so a batch is much faster than its records one by one.
func (s *Store) Write(ctx context.Context, batch consumer.Batch) (consumer.WriteResult, error) {
	result, err := s.write(ctx, batch)
	return result, translate(ctx, "write", err)
}

func (s *Store) write(ctx context.Context, batch consumer.Batch) (consumer.WriteResult, error) {
	batch, err := batch.Prepare()
	if err != nil {
		return consumer.WriteResult{}, err
	}
	keys, applied := batch.ConsumerKeys(), 0
	err = s.transact(ctx, func(ctx context.Context, t transaction) error {
		if err := t.refuseErased(ctx, keys); err != nil {
			return err
		}
		if applied, err = t.putRecords(ctx, row.FromBatch(batch)); err != nil {
			return err
		}
		if applied > 0 {
			if err := t.changed(ctx, keys...); err != nil {
				return err
			}
		}
		return t.putAPIKeys(ctx, batch.APIKeys)
	})
	if err != nil {
		return consumer.WriteResult{}, err
	}
	records := len(batch.Consumers) + len(batch.Participations) + len(batch.Admissions)
	return consumer.WriteResult{Applied: applied, Stale: records - applied}, nil
}

func (t transaction) putRecords(ctx context.Context, rows row.Rows) (applied int, err error) {
	for _, table := range []struct {
		put  *sqlx.NamedStmt
		rows []row.Row
	}{
		{t.putConsumer, rows.Consumers},
		{t.putParticipation, rows.Participations},
		{t.putAdmission, rows.Admissions},
	} {
		n, err := t.put(ctx, table.put, table.rows)
		if err != nil {
			return 0, err
		}
		applied += n
	}
	return applied, nil
}

// put returns how many of the rows changed what is stored.
func (t transaction) put(ctx context.Context, statement *sqlx.NamedStmt, rows []row.Row) (applied int, err error) {
	if len(rows) == 0 {
		return 0, nil
	}
	statement = t.NamedStmtContext(ctx, statement)
	for _, r := range rows {
		result, err := statement.ExecContext(ctx, r)
		if err != nil {
			return 0, err
		}
		n, err := result.RowsAffected()
		if err != nil {
			return 0, err
		}
		applied += int(n)
	}
	return applied, nil
}
