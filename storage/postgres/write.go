package postgres

import (
	"context"
	"math"
	"slices"

	"github.com/rejoinhq/rejoin/consumer"
	"github.com/rejoinhq/rejoin/storage/internal/row"
)

// Each of these statements takes any number of rows, a column of them as one parameter. The
// rows are sorted by their keys, and the statement locks them in this order.

const (
	putConsumers      = row.IntoConsumers + givenConsumers + row.KeepGreaterConsumer
	putParticipations = row.IntoParticipations + givenRecords + row.KeepGreaterParticipation
	putAdmissions     = row.IntoAdmissions + givenRecords + row.KeepGreaterAdmission
)

const givenConsumers = `
SELECT * FROM unnest($1::text[], $2::text[], $3::bigint[], $4::text[]) AS given`

const givenRecords = `
SELECT organization_id, consumer_id, type, id, updated_at, status_rank, nullif(expires_at, ` + noTimeLiteral + `), record
FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::bigint[], $6::integer[], $7::bigint[], $8::text[])
	AS given (organization_id, consumer_id, type, id, updated_at, status_rank, expires_at, record)`

const putDistributions = row.IntoDistributions + givenDistributions + row.KeepGreaterDistribution

const givenDistributions = `
SELECT organization_id, type, id, updated_at, rank, nullif(ended_at, ` + noTimeLiteral + `), nullif(winner_digest, ''), record
FROM unnest($1::text[], $2::text[], $3::text[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bytea[], $8::text[])
	AS given (organization_id, type, id, updated_at, rank, ended_at, winner_digest, record)`

// noTime stands for NULL in an array parameter, because with array_nulls off the server reads
// NULL in the text of an array as a string. No time is that long ago.
const (
	noTime        = math.MinInt64
	noTimeLiteral = `'-9223372036854775808'::bigint`
)

// rowsPerStatement limits the memory that one statement takes on either side.
const rowsPerStatement = 5000

// Write implements [consumer.Writer]. A small batch is one transaction in one round trip, unless it
// is about a consumer that was erased or merged. A larger one takes about five, whatever its
// size. Either waits for the server's disk once, so a batch is much faster than its records one
// by one.
func (s *Store) Write(ctx context.Context, batch consumer.Batch) (_ consumer.WriteResult, err error) {
	defer translateTo(&err, ctx, "write")
	batch, err = batch.Prepare()
	if err != nil {
		return consumer.WriteResult{}, err
	}
	keys, locks, applied := batch.ConsumerKeys(), writerLocks(batch.ConsumerKeys()), 0
	written := false
	if records := batch.Records(); len(batch.APIKeys) == 0 && records > 0 && records <= maxSmallWrite {
		err = s.committing(ctx, func(t transaction) (done commit, err error) {
			done, applied, written, err = t.writeSmall(ctx, locks, row.FromBatch(batch, nil), keys)
			return done, err
		})
	}
	if err == nil && !written {
		err = s.transact(ctx, locks, func(ctx context.Context, t transaction) (err error) {
			applied, err = t.write(ctx, batch, keys)
			return err
		})
	}
	if err != nil {
		return consumer.WriteResult{}, err
	}
	return consumer.WriteResult{Applied: applied, Stale: batch.Records() - applied}, nil
}

// write writes a batch about the consumers with the given keys. It returns how many records
// changed what is stored.
func (t transaction) write(ctx context.Context, batch consumer.Batch, keys []consumer.Key) (applied int, err error) {
	merged, err := t.merged(ctx, keys)
	if err != nil {
		return 0, err
	}
	if applied, err = t.putRecords(ctx, row.FromBatch(batch, merged), merged.Keys(keys)); err != nil {
		return 0, err
	}
	return applied, t.putAPIKeys(ctx, batch.APIKeys)
}

// putRecords writes the rows, which are about the consumers with the given keys. It returns
// how many rows changed what is stored.
func (t transaction) putRecords(ctx context.Context, rows row.Rows, keys []consumer.Key) (applied int, err error) {
	for _, table := range []struct {
		put     string
		columns func([]row.Row) []any
		rows    []row.Row
	}{
		{putConsumers, profileColumns, rows.Consumers},
		{putParticipations, recordColumns, rows.Participations},
		{putAdmissions, recordColumns, rows.Admissions},
	} {
		n, err := t.put(ctx, table.put, table.columns, table.rows)
		if err != nil {
			return 0, err
		}
		applied += n
	}
	if applied > 0 {
		t.changed(keys...)
	}
	n, err := t.put(ctx, putDistributions, distributionColumns, rows.Distributions)
	if err != nil {
		return 0, err
	}
	if n > 0 {
		t.changedDistributions(rows.Distributions)
	}
	return applied + n, nil
}

// put returns how many of the rows changed what is stored.
func (t transaction) put(ctx context.Context, statement string, columns func([]row.Row) []any, rows []row.Row) (applied int, err error) {
	for chunk := range slices.Chunk(rows, rowsPerStatement) {
		n, err := t.affect(ctx, statement, columns(chunk)...)
		if err != nil {
			return 0, err
		}
		applied += n
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
		column(rows, func(r row.Row) int64 { return timeOrNone(r.ExpiresAt) }),
		column(rows, func(r row.Row) string { return r.Record }),
	}
}

func distributionColumns(rows []row.Row) []any {
	return []any{
		column(rows, func(r row.Row) string { return r.OrganizationID }),
		column(rows, func(r row.Row) string { return r.Type }),
		column(rows, func(r row.Row) string { return r.ID }),
		column(rows, func(r row.Row) int64 { return r.UpdatedAt }),
		column(rows, func(r row.Row) int64 { return r.StatusRank }),
		column(rows, func(r row.Row) int64 { return timeOrNone(r.EndedAt) }),
		column(rows, func(r row.Row) []byte { return append([]byte{}, r.WinnerDigest...) }), // never NULL
		column(rows, func(r row.Row) string { return r.Record }),
	}
}

func distributionHash(r row.Row) uint64 {
	return consumer.DistributionKey{OrganizationID: r.OrganizationID, Type: consumer.DistributionType(r.Type), ID: r.ID}.Hash()
}

func timeOrNone(micros *int64) int64 {
	if micros == nil {
		return noTime
	}
	return *micros
}

// column returns one value of each row.
func column[R, V any](rows []R, value func(R) V) []V {
	values := make([]V, len(rows))
	for i, r := range rows {
		values[i] = value(r)
	}
	return values
}
