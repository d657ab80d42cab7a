// Package consumer defines the records of the module and how they are stored: a
// [Consumer] with its [Participation] and [Admission] records in product drops, the
// [Distribution] records that many consumers share, their statuses and validation rules,
// the rule that decides between two writes of the same record, and the [Store] interface.
//
// Every record belongs to one organization, and no operation crosses organizations. Ids
// are opaque and case-sensitive; see [ValidID].
//
// An optional field is a pointer. Nil means that it is unset; a pointer to an empty string
// is invalid. Times are stored in UTC with microseconds, and finer input is truncated; see
// [NormalizeTime].
//
// The package does not depend on SQL, HTTP or tokens, so a program that imports it
// compiles no driver.
//
// # Types and statuses
//
//	type           active statuses               terminal statuses
//	queue          QUEUED ADMITTED               COMPLETED DENIED LEFT EXPIRED
//	draw           ENTERED WON                   COMPLETED LOST DENIED LEFT EXPIRED
//	auction        ACTIVE OUTBID WINNING WON     COMPLETED LOST DENIED LEFT EXPIRED
//	timed_release  ENTERED                       COMPLETED LEFT EXPIRED
//	waitlist       WAITING NOTIFIED              CONVERTED LEFT
//
// A participation is active if its status is active and it has not expired. It admits to
// the checkout if it holds a token and its status is ADMITTED, WON, or ENTERED of a timed
// release. A participation with a terminal status has ended. The package journey documents
// what a consumer sees of these records.
//
// # Writes
//
// Writes may arrive late, repeatedly and in any order. Of two writes of the same record,
// the one with the later UpdatedAt remains. If these are equal, a terminal status or an
// ended admission remains over an active one, then the status that is further right in its
// row above, then the record whose canonical JSON is greater in byte order; see [Version]. A
// later write replaces the whole record. So an engine sets UpdatedAt to the time at which
// the state became true, not to the time of the write, and a later active write after a
// terminal one is a re-entry.
//
// # Checkout
//
// The token of an admission opens the checkout once. A store that is a [Completer] decides
// which order completes it, and ends the records that have it.
//
// # Implementing a store
//
// Some names are needed only to implement [Store] or one of its roles: [Batch.Prepare],
// [Batch.ConsumerKeys], [Batch.Records], [Version] with the Version methods and
// [TerminalRank], the Normalized methods, [NormalizeTime], [Key.Digest], [Key.Hash],
// [DistributionKey.Hash], [Merge.Validate], [Purge.Validate], [ValidateRevocation] and the
// methods of [Completion].
// The package storage/storagetest tests an implementation.
package consumer
