package consumer

import (
	"context"
	"time"
)

// Store keeps the records of all organizations. It is composed of small roles; ask
// for the smallest that serves. All methods are safe for concurrent use, take the
// caller's context to heart (a cancelled one ends the call with the context's
// error), and return the errors of this package, wrapped.
//
// The package storage/storagetest holds every sentence of these comments as a test
// that runs against any Store.
type Store interface {
	Reader
	Writer
	Eraser
	KeyReader
}

// Reader is what answering a request needs.
type Reader interface {
	ProfileReader
	SnapshotReader
}

// ProfileReader looks a consumer up.
type ProfileReader interface {
	// Consumer returns a profile. It returns [ErrNotFound] when the organization has
	// no profile under that id, be the id impossible, another organization's, erased,
	// or known only from records that arrived before the profile. Ids differ by
	// letter case.
	Consumer(ctx context.Context, organizationID, consumerID string) (Consumer, error)
}

// SnapshotReader reads everything that an answer is derived from.
type SnapshotReader interface {
	// Snapshot returns the profile and all records that did not end, as of one
	// moment: it sees all of a write or nothing of it. Whether something expired is
	// for the reader to decide; it is in the snapshot all the same. The slices are in
	// no particular order, and nil when there is nothing.
	//
	// It returns [ErrNotFound] exactly when [ProfileReader.Consumer] does.
	Snapshot(ctx context.Context, organizationID, consumerID string) (Snapshot, error)
}

// Snapshot is one consumer with everything that did not end. It belongs to the
// caller.
type Snapshot struct {
	Consumer       Consumer
	Participations []Participation
	Admissions     []Admission
}

// Writer records what the engines behind a drop report.
type Writer interface {
	// Write writes a batch: all of it, durably, when it returns nil, and nothing
	// otherwise. Of two writes of the same record the one with the greater [Version]
	// stays, whatever the order in which they come and however often; a newer one
	// replaces the whole record, nothing is merged. Records may arrive before the
	// profile of their consumer. What ended stays as a tombstone, so that a late
	// write cannot revive it.
	//
	// It returns a [*ValidationError] that names every bad field; else [ErrErased] when
	// a consumer of the batch was erased; else [ErrConflict] when an API key belongs to
	// another organization or kind. An API key that is known already stays as it is.
	Write(ctx context.Context, batch Batch) (WriteResult, error)
}

// WriteResult says what became of the records of a [Batch], API keys not counted. A
// record that the batch holds several times is applied once at most; the others are
// stale.
type WriteResult struct {
	// Applied is the number of records that changed what is stored.
	Applied int
	// Stale is the number of records that changed nothing, because the same or a
	// newer state was stored already.
	Stale int
}

// Eraser forgets people.
type Eraser interface {
	// Erase deletes everything that is stored about a consumer, in one transaction,
	// and from then on refuses every write that concerns it with [ErrErased]. All
	// that remains is a digest from which nobody can read the id. Erasing a consumer
	// that is not known, or erased already, succeeds: late writes about it are
	// refused too. It returns a [*ValidationError] for an impossible id.
	Erase(ctx context.Context, organizationID, consumerID string) error
}

// KeyReader looks API keys up.
type KeyReader interface {
	// OrganizationByKey returns the organization that the key with this SHA-256
	// digest belongs to, or [ErrNotFound] when there is no such key or it is not
	// valid at the moment now.
	OrganizationByKey(ctx context.Context, digest [32]byte, now time.Time) (organizationID string, err error)
}
