package postgres

import (
	"context"
	"slices"

	"github.com/rejoinhq/rejoin/consumer"
	"github.com/rejoinhq/rejoin/storage/internal/row"
)

// Each of these statements takes any number of rows, a column of them as one
// parameter, and decides by consumer.Version for each row whether it changes
// anything, so that no order of writers can make the older of two writes stay. The
// rows come in the order of their keys, in which the statement locks them.

const putConsumers = `
INSERT INTO consumers (organization_id, id, updated_at, record)
SELECT * FROM unnest($1::text[], $2::text[], $3::bigint[], $4::text[])
ON CONFLICT (organization_id, id) DO UPDATE
SET updated_at = excluded.updated_at, record = excluded.record
WHERE (excluded.updated_at, excluded.record) > (consumers.updated_at, consumers.record)`

const putParticipations = `
INSERT INTO participations (organization_id, consumer_id, type, id, updated_at, status_rank, expires_at, record)
SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::bigint[], $6::integer[], $7::bigint[], $8::text[])` +
	participationDecides

const participationDecides = `
ON CONFLICT (organization_id, consumer_id, type, id) DO UPDATE
SET updated_at = excluded.updated_at, status_rank = excluded.status_rank,
	expires_at = excluded.expires_at, record = excluded.record
WHERE (excluded.updated_at, excluded.status_rank, excluded.record)
	> (participations.updated_at, participations.status_rank, participations.record)`

const putAdmissions = `
INSERT INTO admissions
	(organization_id, consumer_id, distribution_type, distribution_id, updated_at, status_rank, expires_at, record)
SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::bigint[], $6::integer[], $7::bigint[], $8::text[])` +
	admissionDecides

const admissionDecides = `
ON CONFLICT (organization_id, consumer_id, distribution_type, distribution_id) DO UPDATE
SET updated_at = excluded.updated_at, status_rank = excluded.status_rank,
	expires_at = excluded.expires_at, record = excluded.record
WHERE (excluded.updated_at, excluded.status_rank, excluded.record)
	> (admissions.updated_at, admissions.status_rank, admissions.record)`

// rowsPerStatement bounds the memory that one statement takes on either side.
const rowsPerStatement = 5000

// Write implements [consumer.Writer]. It is one transaction of about five round
// trips, whatever the size of the batch, and waits for the server's disk once, so a
// batch is much faster than its records one by one.
func (s *Store) Write(ctx context.Context, batch consumer.Batch) (consumer.WriteResult, error) {
	result, err := s.write(ctx, batch)
	return result, translate(ctx, "write", err)
}

func (s *Store) write(ctx context.Context, batch consumer.Batch) (consumer.WriteResult, error) {
	batch, err := batch.Prepare()
	if err != nil {
		return consumer.WriteResult{}, err
	}
	keys, rows, applied := batch.ConsumerKeys(), row.FromBatch(batch), 0
	err = s.transact(ctx, sharedWithWriters(keys), func(ctx context.Context, t transaction) (err error) {
		if err := t.refuseErased(ctx, keys); err != nil {
			return err
		}
		if applied, err = t.putRecords(ctx, rows); err != nil {
			return err
		}
		if applied > 0 {
			t.changed(keys...)
		}
		return t.putAPIKeys(ctx, batch.APIKeys)
	})
	if err != nil {
		return consumer.WriteResult{}, err
	}
	records := len(batch.Consumers) + len(batch.Participations) + len(batch.Admissions)
	return consumer.WriteResult{Applied: applied, Stale: records - applied}, nil
}

// putRecords returns how many of the rows changed what is stored.
func (t transaction) putRecords(ctx context.Context, rows row.Rows) (applied int, err error) {
	for _, table := range []struct {
		put     string
		columns func([]row.Row) []any
		rows    []row.Row
	}{
		{putConsumers, profileColumns, rows.Consumers},
		{putParticipations, recordColumns, rows.Participations},
		{putAdmissions, recordColumns, rows.Admissions},
	} {
		for chunk := range slices.Chunk(table.rows, rowsPerStatement) {
			n, err := t.affect(ctx, table.put, table.columns(chunk)...)
			if err != nil {
				return 0, err
			}
			applied += n
		}
	}
	return applied, nil
}

func profileColumns(rows []row.Row) []any {
	return []any{
		column(rows, func(r row.Row) string { return r.OrganizationID }),
		column(rows, func(r row.Row) string { return r.ConsumerID }),
		column(rows, func(r row.Row) int64 { return r.UpdatedAt }),
		column(rows, func(r row.Row) string { return r.Record }),
	}
}

func recordColumns(rows []row.Row) []any {
	return []any{
		column(rows, func(r row.Row) string { return r.OrganizationID }),
		column(rows, func(r row.Row) string { return r.ConsumerID }),
		column(rows, func(r row.Row) string { return r.Type }),
		column(rows, func(r row.Row) string { return r.ID }),
		column(rows, func(r row.Row) int64 { return r.UpdatedAt }),
		column(rows, func(r row.Row) int32 { return int32(r.StatusRank) }),
		column(rows, func(r row.Row) *int64 { return r.ExpiresAt }),
		column(rows, func(r row.Row) string { return r.Record }),
	}
}

// column returns one value of each row.
func column[R, V any](rows []R, value func(R) V) []V {
	values := make([]V, len(rows))
	for i, r := range rows {
		values[i] = value(r)
	}
	return values
}
