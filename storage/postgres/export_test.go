package postgres

import (
	"context"
	"time"

	"github.com/jmoiron/sqlx"

	"github.com/rejoinhq/rejoin/consumer"
)

// RequiredSchema is the version that this program needs.
const RequiredSchema = requiredSchema

// The statements let tests look at their plans.
const (
	ProfileStatement   = profileStatement
	ProfilesStatement  = profilesStatement
	SnapshotStatement  = snapshotStatement
	ExportStatement    = exportStatement
	APIKeyStatement    = apiKeyStatement
	APIKeysStatement   = apiKeysStatement
	AnyErased          = anyErased
	MergeState         = mergeState
	MoveParticipations = moveParticipations
	MoveAdmissions     = moveAdmissions
	PurgeParticipation = purgeParticipations
	PurgeAdmissions    = purgeAdmissions
	AnyConflict        = anyConflict
	RevokeAPIKey       = revokeAPIKey
)

// Primary and Reading let tests look at the pools.
func (s *Store) Primary() *sqlx.DB { return s.primary.DB }
func (s *Store) Reading() *sqlx.DB { return s.reading.DB }

// ChangesWithin is Changes with less patience.
func (s *Store) ChangesWithin(ctx context.Context, listener consumer.ChangeListener, answer, replica time.Duration) error {
	return s.changesWithin(ctx, listener, feedPatience{answer: answer, replica: replica})
}

// HashesOf reads a notification.
func HashesOf(payload string) []uint64 { return hashesOf(payload) }

// BreakReads makes every snapshot panic until it is mended.
func (s *Store) BreakReads() (mend func()) {
	whole := s.snapshots.pool
	s.snapshots.pool = &pool{turns: whole.turns}
	return func() { s.snapshots.pool = whole }
}

// TakeTurn takes a place inside the gate.
func (s *Store) TakeTurn(ctx context.Context) (leave func(), err error) {
	return s.snapshots.turns.Leave, s.snapshots.turns.Enter(ctx)
}

// Waiting is how many callers wait to be taken along.
func (s *Store) Waiting() int {
	s.snapshots.mu.Lock()
	defer s.snapshots.mu.Unlock()
	return len(s.snapshots.waiting)
}
