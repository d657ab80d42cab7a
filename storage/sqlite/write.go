package sqlite

import (
	"context"

	"github.com/rejoinhq/rejoin/consumer"
	"github.com/rejoinhq/rejoin/storage/internal/row"
)

// Write implements [consumer.Writer]. All writes to the database wait for each other and for the
// disk. Small writes of this Store that wait at the same time share one transaction, each
// with its own result. A batch is much faster than its records one after another.
func (s *Store) Write(ctx context.Context, batch consumer.Batch) (result consumer.WriteResult, err error) {
	defer translateTo(&err, ctx, "write")
	batch, err = batch.Prepare()
	if err != nil {
		return consumer.WriteResult{}, err
	}
	keys, applied := batch.ConsumerKeys(), 0
	transact := s.transactShared
	if batch.Records()+len(batch.APIKeys) > maxSharedRecords {
		transact = s.transact
	}
	err = transact(ctx, func(ctx context.Context, t transaction) error {
		merged, err := t.merged(ctx, keys)
		if err != nil {
			return err
		}
		if applied, err = t.putRecords(ctx, row.FromBatch(batch, merged), merged.Keys(keys)); err != nil {
			return err
		}
		return t.putAPIKeys(ctx, batch.APIKeys)
	})
	if err != nil {
		return consumer.WriteResult{}, err
	}
	return consumer.WriteResult{Applied: applied, Stale: batch.Records() - applied}, nil
}

// putRecords writes the rows, which are about the consumers with the given keys, and logs
// the change. It returns how many rows changed what is stored.
func (t transaction) putRecords(ctx context.Context, rows row.Rows, keys []consumer.Key) (applied int, err error) {
	for _, table := range []struct {
		put  putStatements
		rows []row.Row
	}{
		{t.consumers, rows.Consumers},
		{t.participations, rows.Participations},
		{t.admissions, rows.Admissions},
	} {
		n, err := t.put(ctx, table.put, table.rows)
		if err != nil {
			return 0, err
		}
		applied += n
	}
	if applied > 0 {
		t.logConsumers(keys...)
	}
	n, err := t.put(ctx, t.distributions, rows.Distributions)
	if err != nil || n == 0 {
		return applied, err
	}
	t.logDistributions(rows.Distributions...)
	return applied + n, nil
}

// put returns how many of the rows changed what is stored.
func (t transaction) put(ctx context.Context, put putStatements, rows []row.Row) (applied int, err error) {
	if len(rows) == 0 {
		return 0, nil
	}
	one, many := t.StmtxContext(ctx, put.one), t.StmtxContext(ctx, put.many)
	var values []any
	for n := 0; len(rows) > 0; rows = rows[n:] {
		statement := one
		if n = 1; len(rows) >= rowsPerStatement {
			n, statement = rowsPerStatement, many
		}
		values = values[:0]
		for _, r := range rows[:n] {
			values = put.columns(values, r)
		}
		result, err := statement.ExecContext(ctx, values...)
		if err != nil {
			return 0, err
		}
		changed, err := result.RowsAffected()
		if err != nil {
			return 0, err
		}
		applied += int(changed)
	}
	return applied, nil
}
