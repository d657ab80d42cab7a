package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype/zeronull"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/rejoinhq/rejoin/consumer"
	"github.com/rejoinhq/rejoin/storage/internal/row"
)

// Every statement that reads also returns the schema version, so a program that is running
// while a newer one migrates notices within the same round trip. It therefore returns a row
// even if there is nothing to read.

var profileStatement = `
SELECT ` + schemaVersion + ` AS schema_version,
	(SELECT ` + row.Counting("consumers", "record") + ` FROM consumers
	WHERE organization_id = $1 AND id = $2) AS profile`

var profilesStatement = `
SELECT ` + schemaVersion + ` AS schema_version,
	(SELECT string_agg(` + row.Counting("consumers", "record") + `, E'\n') FROM consumers
	WHERE organization_id = $1 AND id = ANY ($2::text[])) AS profiles`

var snapshotStatement = `
SELECT ` + schemaVersion + ` AS schema_version,
	(SELECT ` + row.Counting("consumers", "record") + ` FROM consumers
	WHERE organization_id = $1 AND id = $2) AS profile,
	(` + participationsOf + ` AND ` + row.Counting("p", "status_rank") + ` < $3) AS participations,
	(SELECT string_agg(record, E'\n') FROM admissions
	WHERE organization_id = $1 AND consumer_id = $2 AND status_rank < $3) AS admissions`

var exportStatement = `
SELECT ` + schemaVersion + ` AS schema_version,
	(SELECT ` + row.Counting("consumers", "record") + ` FROM consumers
	WHERE organization_id = $1 AND id = $2) AS profile,
	(` + participationsOf + `) AS participations,
	(SELECT string_agg(record, E'\n') FROM admissions
	WHERE organization_id = $1 AND consumer_id = $2) AS admissions,
	(SELECT 'yes' WHERE EXISTS (SELECT 1 FROM events
	WHERE organization_id = $1 AND consumer_id = $2)) AS events`

// participationsOf selects the participations of a consumer, each followed by its distribution
// in the form that row.Columns reads.
var participationsOf = `SELECT string_agg(` + row.Counting("p", "record") + ` || coalesce(E'\t' || coalesce(f.successor_id, '') || ` + row.Counting("d", "record") + `, ''), E'\n')
	FROM participations AS p
	LEFT JOIN distributions AS d
		ON d.organization_id = p.organization_id AND d.type = p.type AND d.id = p.id
	LEFT JOIN former_consumers AS f
		ON f.organization_id = d.organization_id AND f.consumer_digest = ` + row.Counting("d", "winner_digest") + `
	WHERE p.organization_id = $1 AND p.consumer_id = $2`

var distributionStatement = `
SELECT ` + schemaVersion + ` AS schema_version,
	(SELECT ` + row.Counting("distributions", "record") + ` FROM distributions
	WHERE organization_id = $1 AND type = $2 AND id = $3) AS distribution`

const apiKeyStatement = `
SELECT ` + schemaVersion + ` AS schema_version,
	(SELECT organization_id FROM api_keys
	WHERE digest = $1
		AND (expires_at IS NULL OR expires_at > $2)
		AND (revoked_at IS NULL OR revoked_at > $2)) AS organization_id`

// Consumer implements [consumer.Reader].
func (s *Store) Consumer(ctx context.Context, key consumer.Key) (_ consumer.Consumer, err error) {
	defer translateTo(&err, ctx, "read consumer")
	found, err := queryRow(ctx, s.reading, profileStatement, idOrEmpty(key.OrganizationID), idOrEmpty(key.ConsumerID))
	if err != nil {
		return consumer.Consumer{}, err
	}
	if found.text(0) == "" {
		return consumer.Consumer{}, consumer.ErrNotFound
	}
	return row.Columns{Profile: found.text(0)}.Consumer(key.OrganizationID)
}

// Consumers implements [consumer.BulkReader].
func (s *Store) Consumers(ctx context.Context, organizationID string, consumerIDs []string) (_ map[string]consumer.Consumer, err error) {
	defer translateTo(&err, ctx, "read consumers")
	found, err := queryRow(ctx, s.reading, profilesStatement, idOrEmpty(organizationID), row.ValidIDs(consumerIDs))
	if err != nil {
		return nil, err
	}
	return row.Columns{Profiles: found.text(0)}.Consumers(organizationID)
}

// Snapshot implements [consumer.Reader].
func (s *Store) Snapshot(ctx context.Context, key consumer.Key) (_ consumer.Snapshot, err error) {
	defer translateTo(&err, ctx, "read snapshot")
	found, err := s.snapshots.read(ctx, key)
	if err != nil {
		return consumer.Snapshot{}, err
	}
	if found.text(0) == "" {
		return consumer.Snapshot{}, consumer.ErrNotFound
	}
	return found.consumerColumns().Snapshot(key)
}

// Distribution implements [consumer.DistributionReader].
func (s *Store) Distribution(ctx context.Context, key consumer.DistributionKey) (_ consumer.Distribution, err error) {
	defer translateTo(&err, ctx, "read distribution")
	found, err := queryRow(ctx, s.reading, distributionStatement,
		idOrEmpty(key.OrganizationID), idOrEmpty(string(key.Type)), idOrEmpty(key.ID))
	if err != nil {
		return consumer.Distribution{}, err
	}
	if found.text(0) == "" {
		return consumer.Distribution{}, consumer.ErrNotFound
	}
	return row.Distribution(key.OrganizationID, found.text(0))
}

// Export implements [consumer.Lifecycle].
func (s *Store) Export(ctx context.Context, key consumer.Key) (_ consumer.Export, err error) {
	defer translateTo(&err, ctx, "export consumer")
	found, err := queryRow(ctx, s.primary, exportStatement, idOrEmpty(key.OrganizationID), idOrEmpty(key.ConsumerID))
	if err != nil {
		return consumer.Export{}, err
	}
	return found.consumerColumns().Export(key)
}

// OrganizationByAPIKey implements [consumer.APIKeyFinder].
func (s *Store) OrganizationByAPIKey(ctx context.Context, digest [32]byte, now time.Time) (_ string, err error) {
	defer translateTo(&err, ctx, "read API key")
	found, err := queryRow(ctx, s.primary, apiKeyStatement, digest[:], now.UnixMicro())
	if err != nil {
		return "", err
	}
	if found.text(0) == "" {
		return "", consumer.ErrNotFound
	}
	return found.text(0), nil
}

// resultRow is the row of a statement that reads: the schema version, then texts, which
// are empty where the row has NULL or no more columns.
type resultRow struct {
	schemaVersion int64
	texts         [4]zeronull.Text
}

func (r *resultRow) scan(rows pgx.Rows) error {
	columns := [...]any{&r.schemaVersion, &r.texts[0], &r.texts[1], &r.texts[2], &r.texts[3]}
	return rows.Scan(columns[:len(rows.FieldDescriptions())]...)
}

// scanOnly scans the only row of a result and closes the result.
func (r *resultRow) scanOnly(rows pgx.Rows) error {
	defer rows.Close()
	if rows.Next() {
		if err := r.scan(rows); err != nil {
			return err
		}
	}
	rows.Close()
	return rows.Err()
}

func (r *resultRow) text(i int) string { return string(r.texts[i]) }

// consumerColumns returns the columns of a statement that reads all about one consumer.
func (r *resultRow) consumerColumns() row.Columns {
	return row.Columns{Profile: r.text(0), Participations: r.text(1), Admissions: r.text(2), Events: r.text(3)}
}

// idOrEmpty returns id if a record can have it, and otherwise the empty string. The
// server refuses some texts as parameters, and no record is stored under the others.
func idOrEmpty(id string) string {
	if !consumer.ValidID(id) {
		return ""
	}
	return id
}

// queryRow returns the row of a statement, provided that the schema is still the one
// that the statement was written for.
func queryRow(ctx context.Context, pool *pgxpool.Pool, statement string, parameters ...any) (resultRow, error) {
	var r resultRow
	err := withConnection(ctx, pool, func(conn *pgx.Conn) error {
		rows, err := conn.Query(ctx, statement, parameters...)
		if err != nil {
			return err
		}
		return r.scanOnly(rows)
	})
	if err != nil {
		return resultRow{}, explainSchema(ctx, pool, err)
	}
	return checked(ctx, r)
}

// checked returns the row, or an error when the row must not be used.
func checked(ctx context.Context, r resultRow) (resultRow, error) {
	if err := ended(ctx); err != nil { // the response may arrive before the cancellation takes effect
		return resultRow{}, err
	}
	return r, checkSchema(r.schemaVersion)
}
