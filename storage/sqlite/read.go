package sqlite

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"strings"
	"time"

	"github.com/jmoiron/sqlx"

	"github.com/rejoinhq/rejoin/consumer"
	"github.com/rejoinhq/rejoin/storage/internal/row"
)

// Every statement that reads returns the schema's version beside what it reads, so
// that a program that runs while a newer one migrates finds out within the same
// round trip.

const profileStatement = `
SELECT ` + schemaVersion + ` AS schema_version, record AS profile
FROM consumers
WHERE organization_id = ?1 AND id = ?2`

// snapshotStatement returns one row, whatever the number of records. The plus signs
// hide the parameters from the planner: once the file has statistics (ANALYZE), it
// would otherwise plan the held statement anew at every run, to suit the value.
const snapshotStatement = `
SELECT ` + schemaVersion + ` AS schema_version, record AS profile,
	(SELECT group_concat(record, char(10)) FROM participations
	WHERE organization_id = +?1 AND consumer_id = +?2 AND status_rank < +?3) AS participations,
	(SELECT group_concat(record, char(10)) FROM admissions
	WHERE organization_id = +?1 AND consumer_id = +?2 AND status_rank < +?3) AS admissions
FROM consumers
WHERE organization_id = +?1 AND id = +?2`

// profilesStatement takes the ids as a JSON array, so that it is one statement for
// any number of them, and a look-up by primary key for each.
const profilesStatement = `
SELECT ` + schemaVersion + ` AS schema_version,
	(SELECT group_concat(record, char(10)) FROM consumers
	WHERE organization_id = +?1 AND id IN (SELECT value FROM json_each(?2))) AS profiles`

// exportStatement returns one row also when nothing is stored.
const exportStatement = `
SELECT ` + schemaVersion + ` AS schema_version,
	(SELECT record FROM consumers
	WHERE organization_id = +?1 AND id = +?2) AS profile,
	(SELECT group_concat(record, char(10)) FROM participations
	WHERE organization_id = +?1 AND consumer_id = +?2) AS participations,
	(SELECT group_concat(record, char(10)) FROM admissions
	WHERE organization_id = +?1 AND consumer_id = +?2) AS admissions`

const apiKeyStatement = `
SELECT ` + schemaVersion + ` AS schema_version, organization_id
FROM api_keys
WHERE digest = +?1
	AND (expires_at IS NULL OR expires_at > +?2)
	AND (revoked_at IS NULL OR revoked_at > +?2)`

// readStatements are prepared once and held.
type readStatements struct {
	profile, profiles, snapshot, export, apiKey, apiKeys *sqlx.Stmt
}

func (s *Store) prepareReading(ctx context.Context) (*readStatements, error) {
	if err := s.requireSchema(ctx); err != nil {
		return nil, err
	}
	var r readStatements
	var err error
	for statement, text := range map[**sqlx.Stmt]string{
		&r.profile:  profileStatement,
		&r.profiles: profilesStatement,
		&r.snapshot: snapshotStatement,
		&r.export:   exportStatement,
		&r.apiKey:   apiKeyStatement,
		&r.apiKeys:  apiKeysStatement,
	} {
		if *statement, err = s.readers.PreparexContext(ctx, text); err != nil {
			return nil, err
		}
	}
	return &r, nil
}

// Consumer implements [consumer.ProfileReader].
func (s *Store) Consumer(ctx context.Context, organizationID, consumerID string) (consumer.Consumer, error) {
	profile, err := s.profile(ctx, organizationID, consumerID)
	return profile, translate(ctx, "read consumer", err)
}

func (s *Store) profile(ctx context.Context, organizationID, consumerID string) (consumer.Consumer, error) {
	statements, err := s.reading.get(ctx, s.prepareReading)
	if err != nil {
		return consumer.Consumer{}, err
	}
	found, err := s.find(ctx, statements.profile, organizationID, consumerID)
	if err != nil {
		return consumer.Consumer{}, err
	}
	return found.Consumer(organizationID)
}

// Consumers implements [consumer.ProfilesReader].
func (s *Store) Consumers(ctx context.Context, organizationID string, consumerIDs []string) (map[string]consumer.Consumer, error) {
	profiles, err := s.profiles(ctx, organizationID, consumerIDs)
	return profiles, translate(ctx, "read consumers", err)
}

func (s *Store) profiles(ctx context.Context, organizationID string, consumerIDs []string) (map[string]consumer.Consumer, error) {
	statements, err := s.reading.get(ctx, s.prepareReading)
	if err != nil {
		return nil, err
	}
	found, err := s.find(ctx, statements.profiles, organizationID, jsonArray(row.PossibleIDs(consumerIDs)))
	if err != nil {
		return nil, err
	}
	return found.Consumers(organizationID)
}

// Snapshot implements [consumer.SnapshotReader].
func (s *Store) Snapshot(ctx context.Context, organizationID, consumerID string) (consumer.Snapshot, error) {
	snapshot, err := s.snapshot(ctx, organizationID, consumerID)
	return snapshot, translate(ctx, "read snapshot", err)
}

func (s *Store) snapshot(ctx context.Context, organizationID, consumerID string) (consumer.Snapshot, error) {
	statements, err := s.reading.get(ctx, s.prepareReading)
	if err != nil {
		return consumer.Snapshot{}, err
	}
	found, err := s.find(ctx, statements.snapshot, organizationID, consumerID, consumer.TerminalRank)
	if err != nil {
		return consumer.Snapshot{}, err
	}
	return found.Snapshot(organizationID, consumerID)
}

// Export implements [consumer.Exporter].
func (s *Store) Export(ctx context.Context, organizationID, consumerID string) (consumer.Export, error) {
	export, err := s.export(ctx, organizationID, consumerID)
	return export, translate(ctx, "export consumer", err)
}

func (s *Store) export(ctx context.Context, organizationID, consumerID string) (consumer.Export, error) {
	statements, err := s.reading.get(ctx, s.prepareReading)
	if err != nil {
		return consumer.Export{}, err
	}
	found, err := s.find(ctx, statements.export, organizationID, consumerID)
	if err != nil {
		return consumer.Export{}, err
	}
	return found.Export(organizationID, consumerID)
}

// OrganizationByKey implements [consumer.APIKeyReader].
func (s *Store) OrganizationByKey(ctx context.Context, digest [32]byte, now time.Time) (string, error) {
	organizationID, err := s.organizationByKey(ctx, digest, now)
	return organizationID, translate(ctx, "read API key", err)
}

func (s *Store) organizationByKey(ctx context.Context, digest [32]byte, now time.Time) (string, error) {
	statements, err := s.reading.get(ctx, s.prepareReading)
	if err != nil {
		return "", err
	}
	found, err := s.find(ctx, statements.apiKey, digest[:], now.UnixMicro())
	return found.OrganizationID, err
}

// foundRow has the columns of all statements that read; each fills its own.
type foundRow struct {
	SchemaVersion  int64  `db:"schema_version"`
	OrganizationID string `db:"organization_id"`
	row.Found
}

// find returns the one row of a statement, provided that the schema is still the
// one that the statement was written for.
func (s *Store) find(ctx context.Context, statement *sqlx.Stmt, parameters ...any) (foundRow, error) {
	var found foundRow
	err := statement.GetContext(ctx, &found, parameters...)
	if errors.Is(err, sql.ErrNoRows) {
		return foundRow{}, cmp.Or(s.requireSchema(ctx), consumer.ErrNotFound)
	}
	if err != nil {
		return foundRow{}, err
	}
	return found, checkSchema(found.SchemaVersion)
}

// jsonArray writes texts that need no escaping as a parameter for json_each.
func jsonArray(texts []string) string {
	if len(texts) == 0 {
		return "[]"
	}
	return `["` + strings.Join(texts, `","`) + `"]`
}
