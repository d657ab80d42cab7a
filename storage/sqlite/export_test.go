package sqlite

import "github.com/jmoiron/sqlx"

// SnapshotStatement lets tests look at its plan.
const SnapshotStatement = snapshotStatement

// RequiredSchema is the version that this program needs.
const RequiredSchema = requiredSchema

// Writer and Readers let tests look at the settings of the connections.
func (s *Store) Writer() *sqlx.DB  { return s.writer }
func (s *Store) Readers() *sqlx.DB { return s.readers }
