package postgres_test

import (
	"database/sql"
	"io/fs"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5/pgxpool"
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
	applyMigrations(t, raw, 2)
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

// writtenBeforeCompletions fills a database of version 4: a participation and an admission that
// are live, each with a token, and an event from which another participation follows.
const writtenBeforeCompletions = `
INSERT INTO consumers (organization_id, id, updated_at, record) VALUES ('org_1', 'cons_1', 1767323045000000,
	'{"id":"cons_1","createdAt":"2026-01-02T03:04:05Z","updatedAt":"2026-01-02T03:04:05Z"}');
INSERT INTO participations (organization_id, consumer_id, type, id, updated_at, status_rank, expires_at, record)
VALUES ('org_1', 'cons_1', 'queue', 'queue_1', 1767323045000000, 1, 1767323945000000,
	'{"type":"queue","id":"queue_1","experienceId":"exp_1","sequenceId":"seq_1","status":"ADMITTED","enteredAt":"2026-01-02T03:04:05Z","admissionToken":"token_1","expiresAt":"2026-01-02T03:19:05Z","updatedAt":"2026-01-02T03:04:05Z"}');
INSERT INTO participations (organization_id, consumer_id, type, id, folded_updated_at, folded_status_rank, folded_record)
VALUES ('org_1', 'cons_1', 'draw', 'draw_1', 1767323045000000, 1,
	'{"type":"draw","id":"draw_1","experienceId":"exp_1","sequenceId":"seq_1","status":"WON","enteredAt":"2026-01-02T03:04:05Z","admittedAt":"2026-01-02T03:04:05Z","admissionToken":"token_2","updatedAt":"2026-01-02T03:04:05Z"}');
INSERT INTO events VALUES ('org_1', 'evt_1', 'cons_1', 'draw', 'draw_1',
	'{"id":"evt_1","type":"draw.consumer.won","at":"2026-01-02T03:04:05Z","subjectId":"draw_1","experienceId":"exp_1","sequenceId":"seq_1","token":"token_2"}');
INSERT INTO admissions VALUES ('org_1', 'cons_1', 'timed_release', 'release_1', 1767323045000000, 0, NULL,
	'{"distributionType":"timed_release","distributionId":"release_1","experienceId":"exp_1","sequenceId":"seq_1","admissionToken":"token_3","admittedAt":"2026-01-02T03:04:05Z","updatedAt":"2026-01-02T03:04:05Z"}');
`

func TestMigrateKeepsWhatWasWrittenBeforeCompletions(t *testing.T) {
	t.Parallel()
	url := postgrestest.URL(t)
	raw := openRaw(t, url)
	applyMigrations(t, raw, 4)
	execRaw(t, raw, writtenBeforeCompletions)

	store := openStore(t, url)
	wantSchemaVersion(t, store, 4)
	if err := store.Migrate(t.Context()); err != nil {
		t.Fatalf("Migrate: %v", err)
	}
	wantCompletedAfterMigration(t, store)
}

// wantCompletedAfterMigration completes what writtenBeforeCompletions holds.
func wantCompletedAfterMigration(t *testing.T, store consumer.Store) {
	t.Helper()
	key := consumer.Key{OrganizationID: "org_1", ConsumerID: "cons_1"}
	before, err := store.Snapshot(t.Context(), key)
	if err != nil || len(before.Participations) != 2 || len(before.Admissions) != 1 {
		t.Fatalf("Snapshot returned %+v and the error %v", before, err)
	}
	now := before.Consumer.UpdatedAt.Add(time.Minute)
	for token, d := range map[string]consumer.DistributionKey{
		"token_1": {Type: consumer.Queue, ID: "queue_1"}, "token_2": {Type: consumer.Draw, ID: "draw_1"}, "token_3": {Type: consumer.TimedRelease, ID: "release_1"},
	} {
		for _, want := range []consumer.CompletionResult{{CompletedAt: now}, {CompletedAt: now, Repeated: true}} {
			got, err := store.(consumer.Completer).Complete(t.Context(), consumer.Completion{
				OrganizationID: "org_1", ConsumerID: "cons_1", DistributionType: d.Type, DistributionID: d.ID, AdmissionToken: token, OrderID: "order_1", At: now,
			})
			if err != nil || got != want {
				t.Errorf("Complete returned %+v and the error %v, want %+v", got, err, want)
			}
		}
	}
	after, err := store.Snapshot(t.Context(), key)
	if err != nil || len(after.Participations)+len(after.Admissions) != 0 {
		t.Errorf("Snapshot returned %+v and the error %v", after, err)
	}
}

// applyMigrations applies the first files.
func applyMigrations(t *testing.T, raw *pgxpool.Pool, version int) {
	t.Helper()
	files, err := fs.Glob(postgres.Migrations(), "*.sql")
	if err != nil || len(files) < version {
		t.Fatalf("the files are %v, error %v", files, err)
	}
	for _, file := range files[:version] {
		statements, err := fs.ReadFile(postgres.Migrations(), file)
		if err != nil {
			t.Fatal(err)
		}
		execRaw(t, raw, string(statements))
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
