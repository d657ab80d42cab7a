package postgres_test

import (
	"database/sql"
	"io/fs"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/pressly/goose/v3"

	"github.com/rejoinhq/rejoin/consumer"
	"github.com/rejoinhq/rejoin/storage/postgres"
	"github.com/rejoinhq/rejoin/storage/postgres/postgrestest"
)

// writtenBefore fills a database of version 2: a profile, a participation that ended, one
// whose auction ended, a settled auction, and one that is not.
const writtenBefore = `
INSERT INTO consumers VALUES ('org_1', 'cons_1', 1767323045000000,
	'{"id":"cons_1","email":"ada@example.com","createdAt":"2026-01-02T03:04:05Z","updatedAt":"2026-01-02T03:04:05Z"}');
INSERT INTO participations VALUES ('org_1', 'cons_1', 'queue', 'queue_1', 1767323045000000, 101, NULL,
	'{"type":"queue","id":"queue_1","experienceId":"exp_1","sequenceId":"seq_1","status":"LEFT","enteredAt":"2026-01-02T03:04:05Z","updatedAt":"2026-01-02T03:04:05Z"}');
INSERT INTO participations VALUES ('org_1', 'cons_1', 'auction', 'auction_1', 1767323045000000, 0, NULL,
	'{"type":"auction","id":"auction_1","experienceId":"exp_1","sequenceId":"seq_1","status":"ACTIVE","enteredAt":"2026-01-02T03:04:05Z","updatedAt":"2026-01-02T03:04:05Z"}');
INSERT INTO distributions VALUES ('org_1', 'auction', 'auction_1', 1767323045000000, 4503599627370496, 1767323045000000, NULL,
	'{"type":"auction","id":"auction_1","endedAt":"2026-01-02T03:04:05Z","updatedAt":"2026-01-02T03:04:05Z"}');
INSERT INTO distributions VALUES ('org_1', 'queue', 'queue_2', 1767323045000000, 7, NULL, NULL,
	'{"type":"queue","id":"queue_2","serving":7,"updatedAt":"2026-01-02T03:04:05Z"}');
`

func TestMigrateKeepsWhatWasWrittenBeforeEvents(t *testing.T) {
	t.Parallel()
	url := postgrestest.URL(t)
	raw := openRaw(t, url)
	files, err := fs.Glob(postgres.Migrations(), "0000[12]_*.sql")
	if err != nil || len(files) != 2 {
		t.Fatalf("the files are %v, error %v", files, err)
	}
	for _, file := range files {
		statements, err := fs.ReadFile(postgres.Migrations(), file)
		if err != nil {
			t.Fatal(err)
		}
		execRaw(t, raw, string(statements))
	}
	execRaw(t, raw, writtenBefore)

	store := openStore(t, url)
	wantSchemaVersion(t, store, 2)
	if err := store.Migrate(t.Context()); err != nil {
		t.Fatalf("Migrate: %v", err)
	}
	key := consumer.Key{OrganizationID: "org_1", ConsumerID: "cons_1"}
	export, err := store.Export(t.Context(), key)
	if err != nil || export.Consumer == nil || len(export.Participations) != 2 || len(export.Distributions) != 1 {
		t.Fatalf("Export returned %+v and the error %v", export, err)
	}
	queue, err := store.Distribution(t.Context(), consumer.DistributionKey{OrganizationID: "org_1", Type: consumer.Queue, ID: "queue_2"})
	if err != nil || *queue.Serving != 7 {
		t.Errorf("Distribution returned %+v and the error %v", queue, err)
	}
	purged, err := store.Purge(t.Context(), consumer.Purge{Before: export.Consumer.UpdatedAt.Add(1_000_000), Limit: 10})
	if diff := cmp.Diff(consumer.PurgeResult{Records: 2, Members: 1, Distributions: 1}, purged); err != nil || diff != "" {
		t.Errorf("Purge returned the error %v (-want +got):\n%s", err, diff)
	}
}

func TestGooseRunsTheMigrations(t *testing.T) {
	t.Parallel()
	url := postgrestest.URL(t)
	db, err := sql.Open("pgx", url)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	provider, err := goose.NewProvider(goose.DialectPostgres, db, postgres.Migrations(),
		goose.WithDisableGlobalRegistry(true), goose.WithLogger(goose.NopLogger()))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := provider.Up(t.Context()); err != nil {
		t.Fatal(err)
	}
	store := openStore(t, url)
	wantSchemaVersion(t, store, postgres.RequiredSchema)
	if _, err := store.Write(t.Context(), aConsumer("cons_1")); err != nil {
		t.Fatalf("Write: %v", err)
	}
	wantConsumer(t, store, "cons_1")
}
