package postgres

import (
	"context"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/rejoinhq/rejoin/consumer"
)

// RequiredSchema is the version that this program needs.
const RequiredSchema = requiredSchema

// The statements are exported for tests of their plans.
var (
	ProfileStatement   = profileStatement
	ProfilesStatement  = profilesStatement
	SnapshotStatement  = snapshotStatement
	ExportStatement    = exportStatement
	APIKeyStatement    = apiKeyStatement
	APIKeysStatement   = apiKeysStatement
	FormerConsumers    = formerConsumers
	DistributionRecord = distributionStatement
	MoveAliases        = moveAliases
	PurgeMembers       = purgeMembers
	PurgeDistributions = purgeDistributions
	MergeState         = mergeState
	MoveParticipations = moveParticipations
	MoveAdmissions     = moveAdmissions
	PurgeParticipation = purgeParticipations
	PurgeAdmissions    = purgeAdmissions
	AnyConflict        = anyConflict
	EventsStatement    = eventsStatement
	GuestMembers       = guestMembers
	PutCompletion      = putCompletion
	CompletionOf       = completionOf
	MoveCompletions    = moveCompletions
	MoveEvents         = moveEvents
	RevokeAPIKey       = revokeAPIKey
)

// Primary and Reading return the pools.
func (s *Store) Primary() *pgxpool.Pool { return s.primary }
func (s *Store) Reading() *pgxpool.Pool { return s.reading }

// ChangesWithin is Changes with shorter timeouts.
func (s *Store) ChangesWithin(ctx context.Context, listener consumer.ChangeListener, probe, response, replica time.Duration) error {
	return s.changes(ctx, listener, feedTimeouts{probe: probe, response: response, replica: replica})
}

// ChangeOf reads the payload of a notification.
func ChangeOf(payload string) (change consumer.Change) {
	appendChange(&change, payload)
	return change
}

// BreakReads makes every snapshot panic until repair is called.
func (s *Store) BreakReads() (repair func()) {
	pool := s.snapshots.pool
	s.snapshots.pool = nil
	return func() { s.snapshots.pool = pool }
}

// OccupyReads makes every further read wait until release is called.
func (s *Store) OccupyReads() (release func()) {
	b := s.snapshots
	b.mu.Lock()
	defer b.mu.Unlock()
	n := b.limit - b.inFlight
	b.inFlight = b.limit
	return func() {
		for range n {
			b.next()
		}
	}
}

// Waiting returns the number of callers whose reads wait for a round trip.
func (s *Store) Waiting() int {
	s.snapshots.mu.Lock()
	defer s.snapshots.mu.Unlock()
	return len(s.snapshots.waiting)
}

// MigrationFiles returns the migrations in their order.
func MigrationFiles(t testing.TB) (files []string) {
	t.Helper()
	for version := range int64(requiredSchema) {
		file, err := migrationFile(version + 1)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, file)
	}
	return files
}

// LoseNotifications makes all further notifications fail, as if the process ended after each
// commit.
func (s *Store) LoseNotifications(t testing.TB) {
	t.Helper()
	pool, err := pgxpool.NewWithConfig(t.Context(), s.primary.Config())
	if err != nil {
		t.Fatal(err)
	}
	pool.Close()
	s.notifier.wait()
	s.notifier.pool = pool
}

// Notified returns when the Store has notified of all of its commits.
func (s *Store) Notified() { s.notifier.wait() }

// AgeOutbox makes the Store believe that its last cleaning of the outbox, and what it knows of the
// outbox, are older.
func (s *Store) AgeOutbox(by time.Duration) {
	s.notifier.wait()
	s.notifier.cleaned = s.notifier.cleaned.Add(-by)
	for i := range s.notifier.snapshots {
		s.notifier.snapshots[i].taken = s.notifier.snapshots[i].taken.Add(-by)
	}
}
