package postgres

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype/zeronull"

	"github.com/rejoinhq/rejoin/consumer"
	"github.com/rejoinhq/rejoin/storage/internal/row"
)

// Every statement that reads returns the schema's version beside what it reads, so
// that a program that runs while a newer one migrates finds out within the same
// round trip. For that it returns one row also when there is nothing to read.

const profileStatement = `
SELECT ` + schemaVersion + ` AS schema_version,
	(SELECT record FROM consumers
	WHERE organization_id = $1 AND id = $2) AS profile`

const profilesStatement = `
SELECT ` + schemaVersion + ` AS schema_version,
	(SELECT string_agg(record, E'\n') FROM consumers
	WHERE organization_id = $1 AND id = ANY ($2::text[])) AS profiles`

const snapshotStatement = `
SELECT ` + schemaVersion + ` AS schema_version,
	(SELECT record FROM consumers
	WHERE organization_id = $1 AND id = $2) AS profile,
	(SELECT string_agg(record, E'\n') FROM participations
	WHERE organization_id = $1 AND consumer_id = $2 AND status_rank < $3) AS participations,
	(SELECT string_agg(record, E'\n') FROM admissions
	WHERE organization_id = $1 AND consumer_id = $2 AND status_rank < $3) AS admissions`

const exportStatement = `
SELECT ` + schemaVersion + ` AS schema_version,
	(SELECT record FROM consumers
	WHERE organization_id = $1 AND id = $2) AS profile,
	(SELECT string_agg(record, E'\n') FROM participations
	WHERE organization_id = $1 AND consumer_id = $2) AS participations,
	(SELECT string_agg(record, E'\n') FROM admissions
	WHERE organization_id = $1 AND consumer_id = $2) AS admissions`

const apiKeyStatement = `
SELECT ` + schemaVersion + ` AS schema_version,
	coalesce((SELECT organization_id FROM api_keys
	WHERE digest = $1
		AND (expires_at IS NULL OR expires_at > $2)
		AND (revoked_at IS NULL OR revoked_at > $2)), '') AS organization_id`

// Consumer implements [consumer.ProfileReader].
func (s *Store) Consumer(ctx context.Context, organizationID, consumerID string) (consumer.Consumer, error) {
	profile, err := s.profile(ctx, organizationID, consumerID)
	return profile, translate(ctx, "read consumer", err)
}

func (s *Store) profile(ctx context.Context, organizationID, consumerID string) (consumer.Consumer, error) {
	found, err := findOne(ctx, s.reading, profileStatement, organizationID, consumerID)
	if err != nil {
		return consumer.Consumer{}, err
	}
	if found.text(0) == "" {
		return consumer.Consumer{}, consumer.ErrNotFound
	}
	return row.Found{Profile: found.text(0)}.Consumer(organizationID)
}

// Consumers implements [consumer.ProfilesReader].
func (s *Store) Consumers(ctx context.Context, organizationID string, consumerIDs []string) (map[string]consumer.Consumer, error) {
	profiles, err := s.profiles(ctx, organizationID, consumerIDs)
	return profiles, translate(ctx, "read consumers", err)
}

func (s *Store) profiles(ctx context.Context, organizationID string, consumerIDs []string) (map[string]consumer.Consumer, error) {
	found, err := find(ctx, s.reading, profilesStatement, possible(organizationID), row.PossibleIDs(consumerIDs))
	if err != nil {
		return nil, err
	}
	return row.Found{Profiles: found.text(0)}.Consumers(organizationID)
}

// Snapshot implements [consumer.SnapshotReader].
func (s *Store) Snapshot(ctx context.Context, organizationID, consumerID string) (consumer.Snapshot, error) {
	snapshot, err := s.snapshot(ctx, organizationID, consumerID)
	return snapshot, translate(ctx, "read snapshot", err)
}

func (s *Store) snapshot(ctx context.Context, organizationID, consumerID string) (consumer.Snapshot, error) {
	found, err := s.snapshots.find(ctx, consumer.ConsumerKey{OrganizationID: organizationID, ConsumerID: consumerID})
	if err != nil {
		return consumer.Snapshot{}, err
	}
	if found.text(0) == "" {
		return consumer.Snapshot{}, consumer.ErrNotFound
	}
	return found.ofConsumer().Snapshot(organizationID, consumerID)
}

// Export implements [consumer.Exporter].
func (s *Store) Export(ctx context.Context, organizationID, consumerID string) (consumer.Export, error) {
	export, err := s.export(ctx, organizationID, consumerID)
	return export, translate(ctx, "export consumer", err)
}

func (s *Store) export(ctx context.Context, organizationID, consumerID string) (consumer.Export, error) {
	found, err := findOne(ctx, s.primary, exportStatement, organizationID, consumerID)
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
	found, err := find(ctx, s.primary, apiKeyStatement, digest[:], now.UnixMicro())
	if err != nil {
		return "", err
	}
	if found.text(0) == "" {
		return "", consumer.ErrNotFound
	}
	return found.text(0), nil
}

// foundRow is the row of a statement that reads: the schema's version, then texts,
// which are empty where the row has NULL or no more columns.
type foundRow struct {
	schemaVersion int64
	texts         [3]zeronull.Text
}

func (f *foundRow) scan(rows pgx.Rows) error {
	columns := [...]any{&f.schemaVersion, &f.texts[0], &f.texts[1], &f.texts[2]}
	return rows.Scan(columns[:len(rows.FieldDescriptions())]...)
}

func (f *foundRow) text(i int) string { return string(f.texts[i]) }

// ofConsumer returns what the statements find that read all of a consumer.
func (f *foundRow) ofConsumer() row.Found {
	return row.Found{Profile: f.text(0), Participations: f.text(1), Admissions: f.text(2)}
}

// findOne returns what a statement finds of one consumer.
func findOne(ctx context.Context, p *pool, statement, organizationID, consumerID string, more ...any) (foundRow, error) {
	parameters := append([]any{possible(organizationID), possible(consumerID)}, more...)
	return find(ctx, p, statement, parameters...)
}

// possible returns an id, or none when no record can have it: the server refuses
// some texts as parameters, and nothing is found under the others either.
func possible(id string) string {
	if !consumer.ValidID(id) {
		return ""
	}
	return id
}

// find returns the one row of a statement, provided that the schema is still the
// one that the statement was written for.
func find(ctx context.Context, p *pool, statement string, parameters ...any) (foundRow, error) {
	if err := p.turns.Enter(ctx); err != nil {
		return foundRow{}, err
	}
	defer p.turns.Leave()
	return findInside(ctx, p, statement, parameters...)
}

// findInside is find for who is inside the gate.
func findInside(ctx context.Context, p *pool, statement string, parameters ...any) (foundRow, error) {
	var found foundRow
	err := onConnection(ctx, p, func(conn *pgx.Conn) error {
		rows, err := conn.Query(ctx, statement, parameters...)
		if err != nil {
			return err
		}
		return found.scanOnly(rows)
	})
	if err != nil {
		return foundRow{}, explainSchema(ctx, p, err)
	}
	return checked(ctx, found)
}

// scanOnly takes the one row of a result, and closes it.
func (f *foundRow) scanOnly(rows pgx.Rows) error {
	defer rows.Close()
	if rows.Next() {
		if err := f.scan(rows); err != nil {
			return err
		}
	}
	rows.Close()
	return rows.Err()
}

// checked returns what was found, unless it must not be used.
func checked(ctx context.Context, found foundRow) (foundRow, error) {
	if err := ended(ctx); err != nil { // the answer may win the race against its cancellation
		return foundRow{}, err
	}
	return found, checkSchema(found.schemaVersion)
}
