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

// Consumer implements [consumer.ProfileReader].
func (s *Store) Consumer(ctx context.Context, organizationID, consumerID string) (consumer.Consumer, error) {
	profile, err := s.profile(ctx, organizationID, consumerID)
	return profile, translate(ctx, "read consumer", err)
}

func (s *Store) profile(ctx context.Context, organizationID, consumerID string) (consumer.Consumer, error) {
	found, err := s.find(ctx, profileStatement, organizationID, consumerID)
	if err != nil {
		return consumer.Consumer{}, err
	}
	return row.Found{Profile: found.texts[0]}.Consumer(organizationID)
}

// Consumers implements [consumer.ProfilesReader].
func (s *Store) Consumers(ctx context.Context, organizationID string, consumerIDs []string) (map[string]consumer.Consumer, error) {
	profiles, err := s.profiles(ctx, organizationID, consumerIDs)
	return profiles, translate(ctx, "read consumers", err)
}

func (s *Store) profiles(ctx context.Context, organizationID string, consumerIDs []string) (map[string]consumer.Consumer, error) {
	found, err := s.find(ctx, profilesStatement, organizationID, jsonArray(row.PossibleIDs(consumerIDs)))
	if err != nil {
		return nil, err
	}
	return row.Found{Profiles: found.texts[0]}.Consumers(organizationID)
}

// Snapshot implements [consumer.SnapshotReader].
func (s *Store) Snapshot(ctx context.Context, organizationID, consumerID string) (consumer.Snapshot, error) {
	snapshot, err := s.snapshot(ctx, organizationID, consumerID)
	return snapshot, translate(ctx, "read snapshot", err)
}

func (s *Store) snapshot(ctx context.Context, organizationID, consumerID string) (consumer.Snapshot, error) {
	found, err := s.find(ctx, snapshotStatement, organizationID, consumerID, int64(consumer.TerminalRank))
	if err != nil {
		return consumer.Snapshot{}, err
	}
	return found.ofConsumer().Snapshot(organizationID, consumerID)
}

// Export implements [consumer.Exporter].
func (s *Store) Export(ctx context.Context, organizationID, consumerID string) (consumer.Export, error) {
	export, err := s.export(ctx, organizationID, consumerID)
	return export, translate(ctx, "export consumer", err)
}

func (s *Store) export(ctx context.Context, organizationID, consumerID string) (consumer.Export, error) {
	found, err := s.find(ctx, exportStatement, organizationID, consumerID)
	if err != nil {
		return consumer.Export{}, err
	}
	return found.ofConsumer().Export(organizationID, consumerID)
}

// OrganizationByKey implements [consumer.APIKeyReader].
func (s *Store) OrganizationByKey(ctx context.Context, digest [32]byte, now time.Time) (string, error) {
	organizationID, err := s.organizationByKey(ctx, digest, now)
	return organizationID, translate(ctx, "read API key", err)
}

func (s *Store) organizationByKey(ctx context.Context, digest [32]byte, now time.Time) (string, error) {
	found, err := s.find(ctx, apiKeyStatement, digest[:], now.UnixMicro())
	return found.texts[0], err
}

// foundRow is the row of a statement that reads: the schema's version, then texts,
// which are empty where the row has NULL or no more columns.
type foundRow struct {
	schemaVersion int64
	texts         [3]string
}

func newFoundRow(columns []driver.Value) (found foundRow) {
	found.schemaVersion, _ = columns[0].(int64)
	for i, column := range columns[1:] {
		found.texts[i], _ = column.(string)
	}
	return found
}

// ofConsumer returns what the statements find that read all of a consumer.
func (f foundRow) ofConsumer() row.Found {
	return row.Found{Profile: f.texts[0], Participations: f.texts[1], Admissions: f.texts[2]}
}

// find returns the one row of a statement, provided that the schema is still the
// one that the statement was written for.
func (s *Store) find(ctx context.Context, text string, parameters ...any) (foundRow, error) {
	var found foundRow
	err := s.read(ctx, func(c *connection) (err error) {
		found, err = c.find(text, parameters)
		return err
	})
	if errors.Is(err, io.EOF) {
		return foundRow{}, cmp.Or(s.requireSchema(ctx), consumer.ErrNotFound)
	}
	if err != nil {
		return foundRow{}, s.explainSchema(ctx, err)
	}
	return found, checkSchema(found.schemaVersion)
}

// read does something with a connection that reads, once one is free for who came first,
// and again while SQLite asks it to wait.
func (s *Store) read(ctx context.Context, do func(*connection) error) error {
	if err := s.turns.Enter(ctx); err != nil {
		return err
	}
	defer s.turns.Leave()
	return retryBusy(ctx, func() error {
		conn, err := s.readers.Conn(ctx)
		if err != nil {
			return err
		}
		defer conn.Close()
		return conn.Raw(func(c any) error { return do(c.(*connection)) })
	})
}

// jsonArray writes texts that need no escaping as a parameter for json_each.
func jsonArray(texts []string) string {
	if len(texts) == 0 {
		return "[]"
	}
	return `["` + strings.Join(texts, `","`) + `"]`
}
