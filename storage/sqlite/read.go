package sqlite

import (
	"cmp"
	"context"
	"database/sql/driver"
	"errors"
	"io"
	"strings"
	"time"

	"github.com/rejoinhq/rejoin/consumer"
	"github.com/rejoinhq/rejoin/storage/internal/row"
)

// Every statement that reads also returns the schema version, so that a program that is
// running while a newer one migrates notices it without a further statement.

var profileStatement = `
SELECT ` + schemaVersion + ` AS schema_version, ` + row.Counting("consumers", "record") + ` AS profile
FROM consumers
WHERE organization_id = ?1 AND id = ?2`

// memberRecord is a column: the record of the participation p with that of its distribution
// d, which may not exist (see [row.DistributionSeparator]).
var memberRecord = row.Counting("p", "record") + ` || CASE
	WHEN d.id IS NULL THEN ''
	WHEN ` + row.Counting("d", "winner_digest") + ` IS NULL THEN char(9) || ` + row.Counting("d", "record") + `
	ELSE char(9) || coalesce((SELECT successor_id FROM former_consumers
		WHERE organization_id = d.organization_id AND consumer_digest = ` + row.Counting("d", "winner_digest") + `), '') || ` + row.Counting("d", "record") + `
	END`

// snapshotStatement returns one row, whatever the number of records. The plus signs hide
// the parameters from the planner: once the file has statistics (ANALYZE), SQLite would
// otherwise plan the prepared statement again at every run to suit the value.
var snapshotStatement = `
SELECT ` + schemaVersion + ` AS schema_version, ` + row.Counting("consumers", "record") + ` AS profile,
	(SELECT group_concat(` + memberRecord + `, char(10))
	FROM participations AS p LEFT JOIN distributions AS d
		ON d.organization_id = +?1 AND d.type = p.type AND d.id = p.id
	WHERE p.organization_id = +?1 AND p.consumer_id = +?2 AND ` + row.Counting("p", "status_rank") + ` < +?3) AS participations,
	(SELECT group_concat(record, char(10)) FROM admissions
	WHERE organization_id = +?1 AND consumer_id = +?2 AND status_rank < +?3) AS admissions
FROM consumers
WHERE organization_id = +?1 AND id = +?2`

// profilesStatement takes the ids as a JSON array, so that it is one statement for any
// number of them and looks each of them up by the primary key.
var profilesStatement = `
SELECT ` + schemaVersion + ` AS schema_version,
	(SELECT group_concat(` + row.Counting("consumers", "record") + `, char(10)) FROM consumers
	WHERE organization_id = +?1 AND id IN (SELECT value FROM json_each(?2))) AS profiles`

// exportStatement returns one row even if nothing is stored.
var exportStatement = `
SELECT ` + schemaVersion + ` AS schema_version,
	(SELECT ` + row.Counting("consumers", "record") + ` FROM consumers
	WHERE organization_id = +?1 AND id = +?2) AS profile,
	(SELECT group_concat(` + memberRecord + `, char(10))
	FROM participations AS p LEFT JOIN distributions AS d
		ON d.organization_id = +?1 AND d.type = p.type AND d.id = p.id
	WHERE p.organization_id = +?1 AND p.consumer_id = +?2) AS participations,
	(SELECT group_concat(record, char(10)) FROM admissions
	WHERE organization_id = +?1 AND consumer_id = +?2) AS admissions,
	CASE WHEN EXISTS (SELECT 1 FROM events
	WHERE organization_id = +?1 AND consumer_id = +?2) THEN 'yes' END AS events`

var distributionStatement = `
SELECT ` + schemaVersion + ` AS schema_version, ` + row.Counting("distributions", "record") + `
FROM distributions
WHERE organization_id = ?1 AND type = ?2 AND id = ?3`

const apiKeyStatement = `
SELECT ` + schemaVersion + ` AS schema_version, organization_id
FROM api_keys
WHERE digest = +?1
	AND (expires_at IS NULL OR expires_at > +?2)
	AND (revoked_at IS NULL OR revoked_at > +?2)`

// Consumer implements [consumer.Reader].
func (s *Store) Consumer(ctx context.Context, key consumer.Key) (profile consumer.Consumer, err error) {
	defer translateTo(&err, ctx, "read consumer")
	r, err := s.queryRow(ctx, profileStatement, key.OrganizationID, key.ConsumerID)
	if err != nil {
		return consumer.Consumer{}, err
	}
	return row.Columns{Profile: r.texts[0]}.Consumer(key.OrganizationID)
}

// Consumers implements [consumer.BulkReader].
func (s *Store) Consumers(ctx context.Context, organizationID string, consumerIDs []string) (profiles map[string]consumer.Consumer, err error) {
	defer translateTo(&err, ctx, "read consumers")
	r, err := s.queryRow(ctx, profilesStatement, organizationID, jsonArray(row.ValidIDs(consumerIDs)))
	if err != nil {
		return nil, err
	}
	return row.Columns{Profiles: r.texts[0]}.Consumers(organizationID)
}

// Snapshot implements [consumer.Reader].
func (s *Store) Snapshot(ctx context.Context, key consumer.Key) (snapshot consumer.Snapshot, err error) {
	defer translateTo(&err, ctx, "read snapshot")
	r, err := s.queryRow(ctx, snapshotStatement, key.OrganizationID, key.ConsumerID, int64(consumer.TerminalRank))
	if err != nil {
		return consumer.Snapshot{}, err
	}
	return r.consumerColumns().Snapshot(key)
}

// Export implements [consumer.Lifecycle].
func (s *Store) Export(ctx context.Context, key consumer.Key) (export consumer.Export, err error) {
	defer translateTo(&err, ctx, "export consumer")
	r, err := s.queryRow(ctx, exportStatement, key.OrganizationID, key.ConsumerID)
	if err != nil {
		return consumer.Export{}, err
	}
	return r.consumerColumns().Export(key)
}

// Distribution implements [consumer.DistributionReader].
func (s *Store) Distribution(ctx context.Context, key consumer.DistributionKey) (d consumer.Distribution, err error) {
	defer translateTo(&err, ctx, "read distribution")
	r, err := s.queryRow(ctx, distributionStatement, key.OrganizationID, string(key.Type), key.ID)
	if err != nil {
		return consumer.Distribution{}, err
	}
	return row.Distribution(key.OrganizationID, r.texts[0])
}

// OrganizationByAPIKey implements [consumer.APIKeyFinder].
func (s *Store) OrganizationByAPIKey(ctx context.Context, digest [32]byte, now time.Time) (organizationID string, err error) {
	defer translateTo(&err, ctx, "read API key")
	r, err := s.queryRow(ctx, apiKeyStatement, digest[:], now.UnixMicro())
	return r.texts[0], err
}

// resultRow is the row of a statement that reads: the schema version, then texts, which
// are empty where the row has NULL or no more columns.
type resultRow struct {
	schemaVersion int64
	texts         [4]string
}

func newResultRow(columns []driver.Value) (r resultRow) {
	r.schemaVersion, _ = columns[0].(int64)
	for i, column := range columns[1:] {
		r.texts[i], _ = column.(string)
	}
	return r
}

// consumerColumns returns the columns of a statement that reads all about one consumer.
func (r resultRow) consumerColumns() row.Columns {
	return row.Columns{Profile: r.texts[0], Participations: r.texts[1], Admissions: r.texts[2], Events: r.texts[3]}
}

// queryRow returns the row of a statement, provided that the schema is still the one that
// the statement was written for. It returns consumer.ErrNotFound if there is no row.
func (s *Store) queryRow(ctx context.Context, statement string, parameters ...any) (resultRow, error) {
	var r resultRow
	err := s.withReader(ctx, func(c *connection) error {
		return c.queryRow(statement, parameters, func(columns []driver.Value) { r = newResultRow(columns) })
	})
	if errors.Is(err, io.EOF) {
		return resultRow{}, cmp.Or(s.requireSchema(ctx), consumer.ErrNotFound)
	}
	if err != nil {
		return resultRow{}, s.explainSchema(ctx, err)
	}
	return r, checkSchema(r.schemaVersion)
}

// withReader calls do with a connection that reads, and again while SQLite reports BUSY.
// Callers get a connection in the order in which they came.
func (s *Store) withReader(ctx context.Context, do func(*connection) error) error {
	if err := s.slots.acquire(ctx); err != nil {
		return err
	}
	defer s.slots.release()
	return retryBusy(ctx, func() error {
		conn, err := s.readers.Conn(ctx)
		if err != nil {
			return err
		}
		defer conn.Close()
		return conn.Raw(func(c any) error { return do(c.(*connection)) })
	})
}

// jsonArray returns texts that need no escaping as a parameter for json_each.
func jsonArray(texts []string) string {
	if len(texts) == 0 {
		return "[]"
	}
	return `["` + strings.Join(texts, `","`) + `"]`
}
