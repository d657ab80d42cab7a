package consumer

import (
	"context"
	"time"
)

// Store keeps the records of all organizations. It is composed of small roles; ask
// for the smallest that serves. All methods are safe for concurrent use, take the
// caller's context to heart (a cancelled one ends the call with the context's error,
// unless all was done already), and return the errors of this package, wrapped.
//
// The package storage/storagetest holds every sentence of these comments as a test
// that runs against any Store.
type Store interface {
	Reader
	ProfilesReader
	Exporter
	Writer
	Merger
	Eraser
	Purger
	APIKeyReader
	APIKeyManager
	ChangeFeed
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

// APIKeyReader looks API keys up.
type APIKeyReader interface {
	// OrganizationByKey returns the organization that the key with this SHA-256
	// digest belongs to, or [ErrNotFound] when there is no such key or it is not
	// valid at the moment now.
	OrganizationByKey(ctx context.Context, digest [32]byte, now time.Time) (organizationID string, err error)
}

// ProfilesReader looks several consumers up at once.
type ProfilesReader interface {
	// Consumers returns the profiles that the organization has among any number of
	// ids, by id, in one round trip. An id for which [ProfileReader.Consumer] returns
	// [ErrNotFound] is not in the map. An id that stands there twice counts once. The
	// map belongs to the caller and is never nil, unless there is an error.
	Consumers(ctx context.Context, organizationID string, consumerIDs []string) (map[string]Consumer, error)
}

// Exporter hands out what a person may ask for.
type Exporter interface {
	// Export returns everything that is stored about a consumer, as of one moment:
	// what ended and what expired too. It belongs to the caller. It returns
	// [ErrNotFound] when nothing is stored, as for an id that is impossible, another
	// organization's, or erased.
	Export(ctx context.Context, organizationID, consumerID string) (Export, error)
}

// Export is everything that is stored about one consumer. Its JSON is one document,
// with the records in the format of their types.
type Export struct {
	// Consumer is nil when records arrived, but the profile did not yet.
	Consumer *Consumer `json:"consumer"`
	// Participations and Admissions are in the byte order of their type, then of
	// their id, and never nil.
	Participations []Participation `json:"participations"`
	Admissions     []Admission     `json:"admissions"`
}

// Merger makes a guest somebody.
type Merger interface {
	// Merge moves the participations and admissions of a guest, what ended too, to
	// another consumer of the organization, in one transaction: where both have a
	// record of the same distribution, the greater [Version] stays. The guest's
	// profile is dropped, the consumer's stays as it is. Then the guest is gone as if
	// erased, and late writes about it are refused with [ErrErased]. The result counts
	// the guest's participations and admissions.
	//
	// Merging a guest that is gone already, merged or erased, changes nothing and
	// succeeds, whatever has become of the consumer, so that a merge may be repeated.
	// Otherwise Merge returns [ErrNotFound] when the consumer has no profile, or when
	// nothing is stored about the guest. It returns a [*ValidationError] when the two
	// are the same or an id is impossible (see [ValidateMerge]). Beside an error
	// nothing was changed.
	Merge(ctx context.Context, organizationID, guestID, consumerID string) (WriteResult, error)
}

// Purger makes room.
type Purger interface {
	// Purge deletes at most limit participations and admissions, of all organizations,
	// in one transaction, and returns how many it deleted: records whose UpdatedAt is
	// before a moment and which either ended, or expired before that moment. Fewer than
	// limit means that none is left. Profiles stay, and so does what remains of the
	// erased.
	//
	// Once a record is purged, a late write can revive it: purge what is older than any
	// write can be late. A record that was updated later stays, also one that had
	// expired before, because an older write of it may still be on its way.
	//
	// It returns a [*ValidationError] when limit is not positive or before is no moment
	// in the years 1 to 9999, such as the zero one (see [ValidatePurge]).
	Purge(ctx context.Context, before time.Time, limit int) (deleted int, err error)
}

// APIKeyManager manages API keys. New ones are created with [Writer.Write].
type APIKeyManager interface {
	// APIKeys returns all keys of an organization, revoked and expired ones too, in the
	// order of their creation, then of their digests in byte order. No key is not an
	// error, but nil.
	APIKeys(ctx context.Context, organizationID string) ([]APIKey, error)
	// RevokeAPIKey makes a key invalid from a moment on, past or future. Of two
	// revocations the earlier moment stays, so revoking again succeeds. It returns
	// [ErrNotFound] when the organization has no such key, and a [*ValidationError] when
	// the moment is none in the years 1 to 9999, such as the zero one (see
	// [ValidateRevocation]).
	RevokeAPIKey(ctx context.Context, organizationID string, digest [32]byte, at time.Time) error
}
