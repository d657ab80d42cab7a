package consumer

import (
	"context"
	"time"
)

// Store keeps the records of all organizations. It consists of small roles: let a
// function take the smallest role that it needs, and let a type implement the roles that
// it can.
//
// All methods are safe for concurrent use and honor ctx: when ctx ends before the work is
// done, a method returns an error that wraps the error of ctx. All other errors are those
// of this package, wrapped.
//
// Store never gets new methods and neither do its roles, so an implementation keeps
// compiling. A new ability is a new interface, which a caller finds with a type assertion
// or takes as an option, as [ExactChangeFeed] and [Completer]. A new parameter is a field of a struct
// whose zero value means what the method did before.
//
// The package storage/storagetest tests every sentence of these comments against any
// implementation of a role.
type Store interface {
	Reader
	BulkReader
	DistributionReader
	Writer
	Lifecycle
	APIKeyStore
	ChangeFeed
}

// Reader reads what a response is made of.
type Reader interface {
	// Consumer returns a profile. It returns [ErrNotFound] if the organization has no
	// profile with that id: the id is invalid, unknown, erased, another organization's,
	// or known only from records that arrived before the profile. Ids are
	// case-sensitive.
	Consumer(ctx context.Context, key Key) (Consumer, error)
	// Snapshot returns the profile and all records that did not end, as of one point in
	// time: it sees all of a write or nothing of it. It includes expired records, because
	// the caller's clock decides about expiry. The slices are in no particular order, and
	// nil if they are empty.
	//
	// Snapshot returns [ErrNotFound] in the same cases as Consumer.
	Snapshot(ctx context.Context, key Key) (Snapshot, error)
}

// Snapshot is one consumer with everything that did not end. It belongs to the caller.
type Snapshot struct {
	Consumer       Consumer
	Participations []Participation
	Admissions     []Admission
	// Distributions holds the records of the distributions that the participations are in.
	Distributions []Distribution
}

// DistributionReader reads the record of one distribution, so that a cache can update
// what it derived from a [Snapshot] when only the distribution changed.
type DistributionReader interface {
	// Distribution returns the record of a distribution, without WinnerID. It returns
	// [ErrNotFound] if there is none.
	Distribution(ctx context.Context, key DistributionKey) (Distribution, error)
}

// BulkReader reads several profiles at once.
type BulkReader interface {
	// Consumers returns the organization's profiles for any number of consumer ids, by id,
	// in one round trip. The map lacks every id for which [Reader.Consumer] returns
	// [ErrNotFound]. Duplicate ids are allowed. The map belongs to the caller, and is nil
	// only if there is an error.
	Consumers(ctx context.Context, organizationID string, consumerIDs []string) (map[string]Consumer, error)
}

// Writer writes what the engines behind a drop report.
type Writer interface {
	// Write writes the whole batch durably and returns nil, or writes nothing and returns
	// an error. Of two writes of the same record, the one with the greater [Version]
	// remains, whatever their order and however often they are repeated. A newer write
	// replaces the whole record; nothing is merged. Records may arrive before the profile
	// of their consumer. An ended record remains as a tombstone, so that a late write
	// cannot revive it.
	//
	// A record about a guest that was merged is written for the consumer that it was merged
	// into. A profile of such a guest is stale.
	//
	// Write returns a [*ValidationError] that names every bad field, or else an
	// [*ErasedError] if consumers of the batch were erased, or else [ErrConflict] if an API
	// key belongs to another organization or has another kind. It does not change an API
	// key that exists.
	Write(ctx context.Context, batch Batch) (WriteResult, error)
}

// WriteResult counts the records of a [Batch], without API keys. If a batch holds a record
// several times, at most one of them is applied, and the others are stale.
type WriteResult struct {
	// Applied is the number of records that changed what is stored.
	Applied int
	// Stale is the number of records that changed nothing, because the same or a
	// newer state was stored already.
	Stale int
}

// Lifecycle exports, erases, merges and purges what is stored. Package consumer/event says
// what its methods do in a store that also records events.
type Lifecycle interface {
	// Export returns everything that is stored about a consumer as of one point in time,
	// including ended and expired records. It belongs to the caller. Export returns
	// [ErrNotFound] if nothing is stored: the id is invalid, unknown, erased, or another
	// organization's.
	Export(ctx context.Context, key Key) (Export, error)

	// Erase deletes everything that is stored about a consumer in one transaction. From
	// then on, every write about the consumer, or about a guest that was merged into it,
	// fails with [ErrErased]. Only [Key.Digest] remains, from which nobody can recover the
	// id. Erasing an unknown or erased consumer succeeds, and later writes about it fail
	// too. Erasing a merged guest only ends the alias: it changes nothing about the consumer
	// that it was merged into. Erase returns a [*ValidationError] for an invalid id.
	Erase(ctx context.Context, key Key) error

	// Merge moves the participations and admissions of a guest, including ended ones, to
	// another consumer of the organization in one transaction. Where both have a record
	// of the same distribution, the one with the greater [Version] remains. The guest's
	// profile is deleted; the consumer's is not changed. Afterwards the guest is not found,
	// and it is an alias of the consumer: later records about the guest are written for the
	// consumer, and an auction that the guest won is won by the consumer. When the consumer
	// is merged into another one in turn, the alias follows. The result counts the guest's
	// participations and admissions. With DryRun, Merge returns what it would and changes
	// nothing.
	//
	// Merging a guest that was merged or erased before changes nothing and succeeds,
	// whatever happened to the consumer, so a merge can be repeated. Otherwise Merge
	// returns [ErrNotFound] if the consumer has no profile or nothing is stored about the
	// guest. It returns a [*ValidationError] if [Merge.Validate] does. If Merge returns an
	// error, nothing changed.
	Merge(ctx context.Context, merge Merge) (WriteResult, error)

	// Purge deletes at most Limit participations, admissions and distributions of all
	// organizations in one transaction: participations and admissions whose UpdatedAt is
	// before Before and which either ended, or expired before Before. A participation that
	// is not active because of the EndedAt of its distribution ended at that time, so it is
	// deleted if that time is before Before too. A distribution is deleted if its EndedAt
	// and UpdatedAt are before Before and no participation in it remains. A result of fewer
	// than Limit records means that nothing is left to delete. Profiles, aliases and the
	// digests of erased consumers are never purged.
	//
	// After a record is purged, a late write can revive it: purge only what is older than
	// any write can be late. A record that was updated at Before or later remains even if
	// it expired, because an older write of it may still arrive.
	//
	// Purge returns a [*ValidationError] if [Purge.Validate] does.
	Purge(ctx context.Context, purge Purge) (PurgeResult, error)
}

// Export is everything that is stored about one consumer. Its JSON is one document
// with the records in the format of their types.
type Export struct {
	// Consumer is nil if records arrived but the profile did not.
	Consumer *Consumer `json:"consumer"`
	// Participations and Admissions are in the byte order of their type, then of
	// their id. They are never nil.
	Participations []Participation `json:"participations"`
	Admissions     []Admission     `json:"admissions"`
	// Distributions holds the records of the distributions that the participations are in,
	// in no particular order. They are not personal data and not part of the JSON.
	Distributions []Distribution `json:"-"`
}

// Merge names the consumers of a [Lifecycle] merge.
type Merge struct {
	OrganizationID string `json:"organizationId" validate:"id"`
	// GuestID is the consumer whose records move.
	GuestID string `json:"guestId" validate:"id,consumer_id"`
	// ConsumerID is the consumer that receives them.
	ConsumerID string `json:"consumerId" validate:"id,consumer_id,nefield=GuestID"`
	// DryRun makes the merge report what it would do, and do nothing.
	DryRun bool `json:"dryRun"`
}

// Validate returns a [*ValidationError] that names the invalid ids among organizationId,
// guestId and consumerId, or nil. It names consumerId if both consumers are the same.
func (m Merge) Validate() error { return validationError(fieldErrors(m)) }

// Purge selects the records that a [Lifecycle] purge deletes.
type Purge struct {
	// Before is the time before which a record must have ended or expired, and must have
	// been updated for the last time.
	Before time.Time `json:"before" validate:"time"`
	// Limit is the largest number of records that one call deletes.
	Limit int `json:"limit" validate:"gt=0"`
}

// Validate returns a [*ValidationError] that names before if it is not in the years 1 to
// 9999, as the zero time, and limit if it is not positive, or nil.
func (p Purge) Validate() error {
	p.Before = NormalizeTime(p.Before)
	return validationError(fieldErrors(p))
}

// PurgeResult counts what a [Lifecycle] purge deleted.
type PurgeResult struct {
	// Records is the number of participations and admissions.
	Records int
	// Members is how many of these Records ended with their distribution.
	Members int
	// Distributions is the number of distributions.
	Distributions int
	// Events is the number of events about them, if the store records events (see package
	// consumer/event). They don't count against the limit.
	Events int
}

// APIKeyFinder finds the organization of an API key. Stores implement it, and so do
// types of package auth.
//
// A finder receives a digest, never a key. The time that a look-up by digest takes reveals
// nothing about a key: to exploit it, a caller would have to choose digests that share
// ever more leading bytes with a stored one, and to know the key for a chosen digest is to
// invert SHA-256.
type APIKeyFinder interface {
	// OrganizationByAPIKey returns the organization of the key with this SHA-256 digest.
	// It returns [ErrNotFound] if there is no such key or the key is not valid at now. Any
	// other error means that nothing is known about the key. Publishable and secret keys
	// are found alike, because the digest covers the prefix of the key.
	OrganizationByAPIKey(ctx context.Context, digest [32]byte, now time.Time) (organizationID string, err error)
}

// APIKeyStore finds, lists and revokes API keys. [Writer.Write] creates them.
type APIKeyStore interface {
	APIKeyFinder
	// APIKeys returns all keys of an organization, including revoked and expired ones, in
	// the order of their creation, then in the byte order of their digests. It returns nil
	// if there is none.
	APIKeys(ctx context.Context, organizationID string) ([]APIKey, error)
	// RevokeAPIKey makes a key invalid from a time on, past or future. If the key was
	// revoked before, the earlier time remains. RevokeAPIKey returns [ErrNotFound] if the
	// organization has no such key, and a [*ValidationError] if [ValidateRevocation] does.
	RevokeAPIKey(ctx context.Context, organizationID string, digest [32]byte, at time.Time) error
}

// ValidateRevocation returns a [*ValidationError] that names at if the time is not in the
// years 1 to 9999, as the zero time, or nil. It is for implementations of [APIKeyStore].
func ValidateRevocation(at time.Time) error {
	return validationError(fieldErrors(struct {
		At time.Time `json:"at" validate:"time"`
	}{NormalizeTime(at)}))
}
