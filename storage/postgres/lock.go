package postgres

import (
	"fmt"
	"hash/fnv"
	"math"
	"slices"

	"github.com/rejoinhq/rejoin/consumer"
)

// An erasure must not run concurrently with a write about the same consumer: the write could
// find no erasure, the erasure no records, and both could commit. Row locks don't help,
// because neither sees the other's rows. So every write holds shared advisory locks, and
// every transaction that removes a consumer holds one of them exclusively. Only reads after
// the lock was granted count: at READ COMMITTED every statement sees what was committed
// when it began, and the lock is a statement of its own.
//
// A lock is on the organization's stripe, because a batch may concern more consumers and
// more organizations than the server's lock table has room for. Locks end with the
// transaction, so they work through a pooler in transaction mode.

// lockSpace is the first of the two numbers of all advisory locks of this package: "rejo" in
// ASCII, so that no other program uses it by accident.
const lockSpace int32 = 0x72656a6f

// The second number is one of these or a stripe's.
const (
	migrationLockNumber int32 = 0
	purgeLockNumber     int32 = 1
	firstStripe         int32 = 2
	recordLockNumber    int32 = firstStripe + lockStripes
	noConsumerLock      int32 = recordLockNumber + 1
)

// lockStripes bounds the locks of one transaction. Organizations that share a stripe wait
// for each other's erasures and merges, which is unnecessary but harmless. The number must
// be the same in all programs with the same schema version.
const lockStripes = 128

// advisoryLock is a lock that a transaction acquires when it begins.
type advisoryLock struct {
	function string
	number   int32
}

func (l advisoryLock) statement() string {
	return fmt.Sprintf("SELECT %s(%d, %d)", l.function, lockSpace, l.number)
}

// writerLocks returns the locks of a write, in an order that excludes deadlocks.
func writerLocks(keys []consumer.Key) []advisoryLock {
	var stripes []int32
	for _, key := range keys {
		stripes = append(stripes, stripe(key.OrganizationID))
	}
	slices.Sort(stripes)
	var locks []advisoryLock
	for _, number := range slices.Compact(stripes) {
		locks = append(locks, advisoryLock{"pg_advisory_xact_lock_shared", number})
	}
	return locks
}

// removalLock returns the lock of a transaction that removes a consumer.
func removalLock(organizationID string) advisoryLock {
	return advisoryLock{"pg_advisory_xact_lock", stripe(organizationID)}
}

// purgeLock returns the lock that makes purges take turns.
func purgeLock() advisoryLock { return advisoryLock{"pg_advisory_xact_lock", purgeLockNumber} }

// recordLock returns the lock of a transaction that records an event or completes an admission.
// A purge excludes these, because it deletes events together with the records that follow from
// them, and completions together with the records that had the token.
func recordLock() advisoryLock { return advisoryLock{"pg_advisory_xact_lock_shared", recordLockNumber} }

// recorderLocks returns the locks of a transaction that records an event about consumers.
func recorderLocks(keys []consumer.Key) []advisoryLock {
	return append(writerLocks(keys), recordLock())
}

// excludeRecords returns the lock of a transaction during which no event is recorded and no
// admission is completed.
func excludeRecords() advisoryLock { return advisoryLock{"pg_advisory_xact_lock", recordLockNumber} }

// consumerLock returns the number of the lock that makes events about one consumer take
// turns. It is negative, unlike all others. Two consumers can have the same number.
func consumerLock(key consumer.Key) int32 { return int32(key.Hash()>>32) | math.MinInt32 }

// migrationLock returns the lock that makes migrations take turns.
func migrationLock() advisoryLock { return advisoryLock{"pg_advisory_xact_lock", migrationLockNumber} }

// stripe returns the number of the organization's lock.
func stripe(organizationID string) int32 {
	hash := fnv.New32a()
	_, _ = hash.Write([]byte(organizationID)) // never fails
	return firstStripe + int32(hash.Sum32()%lockStripes)
}
