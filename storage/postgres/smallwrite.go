package postgres

import (
	"context"
	"crypto/sha256"
	"fmt"
	"strings"
	"sync"

	"github.com/jackc/pgx/v5"

	"github.com/rejoinhq/rejoin/consumer"
	"github.com/rejoinhq/rejoin/storage/internal/row"
)

// maxSmallWrite is the number of records up to which a write is one round trip. With more
// records, the round trips that this saves are a small part.
const maxSmallWrite = 64

// smallTables are the tables of a small write, in the order of a write.
var smallTables = [...]struct {
	into, given, onConflict string
	parameters              int
	columns                 func([]row.Row) []any
	rows                    func(row.Rows) []row.Row
}{
	{row.IntoConsumers, givenConsumers, row.KeepGreaterConsumer, 4, profileColumns, func(r row.Rows) []row.Row { return r.Consumers }},
	{row.IntoParticipations, givenRecords, row.KeepGreaterParticipation, 8, recordColumns, func(r row.Rows) []row.Row { return r.Participations }},
	{row.IntoAdmissions, givenRecords, row.KeepGreaterAdmission, 8, recordColumns, func(r row.Rows) []row.Row { return r.Admissions }},
	{row.IntoDistributions, givenDistributions, row.KeepGreaterDistribution, 8, distributionColumns, func(r row.Rows) []row.Row { return r.Distributions }},
}

// distributionTable is the last of smallTables.
const distributionTable = len(smallTables) - 1

// smallWrites holds the statement for each set of tables.
var smallWrites sync.Map

// smallWrite returns the statement that writes to a set of tables and to the outbox, unless a
// consumer was erased or merged or the schema is another one: then it writes nothing. It
// returns whether it was allowed to write, how many rows changed what was stored, and the
// transaction if any did.
//
// The parameters are the keys ($1 and $2), the hashes of the consumers and the distributions
// ($3 and $4), and the columns of each table.
func smallWrite(tables [len(smallTables)]bool) string {
	if statement, ok := smallWrites.Load(tables); ok {
		return statement.(string)
	}
	var with strings.Builder
	fmt.Fprintf(&with, `WITH allowed AS (SELECT 1 WHERE %s = %d AND NOT EXISTS (SELECT FROM former_consumers
		WHERE (organization_id, consumer_digest) IN (SELECT * FROM unnest($1::text[], $2::bytea[]))))`, schemaVersion, requiredSchema)
	var records, all, counts []string
	parameter := 4
	for i, table := range smallTables {
		if !tables[i] {
			continue
		}
		given := table.given
		for n := table.parameters; n > 0; n-- { // from the greatest, so that $1 does not match in $10
			given = strings.ReplaceAll(given, fmt.Sprintf("$%d:", n), fmt.Sprintf("$%d:", n+parameter))
		}
		parameter += table.parameters
		fmt.Fprintf(&with, ",\nput_%d AS (%s %s\nWHERE EXISTS (SELECT FROM allowed) %s RETURNING 1)", i, table.into, given, table.onConflict)
		exists := fmt.Sprintf("EXISTS (SELECT FROM put_%d)", i)
		if i != distributionTable {
			records = append(records, exists)
		}
		all = append(all, exists)
		counts = append(counts, fmt.Sprintf("(SELECT count(*) FROM put_%d)", i))
	}
	changedRecords, changedDistributions := "false", "false"
	if len(records) > 0 {
		changedRecords = strings.Join(records, " OR ")
	}
	if tables[distributionTable] {
		changedDistributions = all[len(all)-1]
	}
	fmt.Fprintf(&with, `,
told AS (INSERT INTO rejoin_changes (xid, consumers, distributions)
	SELECT pg_current_xact_id(), CASE WHEN %s THEN $3::bigint[] ELSE '{}' END, CASE WHEN %s THEN $4::bigint[] ELSE '{}' END
	WHERE %s RETURNING xid, consumers, distributions)
SELECT EXISTS (SELECT FROM allowed), %s, coalesce(told.xid::text, ''), coalesce(told.consumers <> '{}', false), coalesce(told.distributions <> '{}', false)
FROM (SELECT) AS one LEFT JOIN told ON true`, changedRecords, changedDistributions, strings.Join(all, " OR "), strings.Join(counts, " + "))
	statement := with.String()
	smallWrites.Store(tables, statement)
	return statement
}

// writeSmall writes a batch in one round trip. If it returns false, it has written nothing, and
// the batch must be written in steps.
func (t transaction) writeSmall(ctx context.Context, locks []advisoryLock, rows row.Rows, keys []consumer.Key) (done commit, applied int, ok bool, err error) {
	digests := column(keys, consumer.Key.Digest)
	change := consumer.Change{Consumers: column(keys, consumer.Key.Hash), Distributions: column(rows.Distributions, distributionHash)}
	parameters := []any{
		column(keys, func(k consumer.Key) string { return k.OrganizationID }),
		column(digests, func(d [sha256.Size]byte) []byte { return d[:] }),
		signed(change.Consumers), signed(change.Distributions),
	}
	var tables [len(smallTables)]bool
	for i, table := range smallTables {
		if given := table.rows(rows); len(given) > 0 {
			tables[i] = true
			parameters = append(parameters, table.columns(given)...)
		}
	}
	var pipeline pgx.Batch
	pipeline.Queue(beginReadCommitted)
	for _, l := range locks {
		pipeline.Queue(`SELECT `+l.function+`($1, $2)`, lockSpace, l.number)
	}
	pipeline.Queue(smallWrite(tables), parameters...)
	pipeline.Queue(`COMMIT`)
	results := t.SendBatch(ctx, &pipeline)
	defer func() {
		if closed := results.Close(); err == nil {
			err = closed
		}
	}()
	for range 1 + len(locks) {
		if _, err := results.Exec(); err != nil {
			return commit{}, 0, false, err
		}
	}
	var recordsChanged, distributionsChanged bool
	if err := results.QueryRow().Scan(&ok, &applied, &done.xid, &recordsChanged, &distributionsChanged); err != nil {
		return commit{}, 0, false, err
	}
	if recordsChanged {
		done.change.Consumers = change.Consumers
	}
	if distributionsChanged {
		done.change.Distributions = change.Distributions
	}
	_, err = results.Exec() // COMMIT
	return done, applied, ok, err
}

func signed(hashes []uint64) []int64 {
	all := make([]int64, len(hashes)) // never NULL
	for i, hash := range hashes {
		all[i] = int64(hash)
	}
	return all
}
