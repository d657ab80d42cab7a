package postgres

import (
	"cmp"
	"fmt"
	"hash/fnv"
	"slices"

	"github.com/rejoinhq/rejoin/consumer"
)

// An erasure must not run beside a write of the same consumer: the write could find
// nobody erased, the erasure nothing to delete, and both be committed. Row locks
// don't help, because neither sees a row of the other. So every write holds a shared
// advisory lock on its organizations, and whoever makes a consumer go holds it alone.
// Only what is asked after the lock was granted counts: at READ COMMITTED every
// statement sees what was committed when it began, and the lock is a statement of
// its own.
//
// The lock is on the organization and not on the consumer, because a batch may
// concern more consumers than the server's lock table has room for. It ends with the
// transaction, so a pooler between transactions is no obstacle.

// lockSpace is the first of the two numbers of all our advisory locks: "rejo" in
// ASCII, a space that is nobody else's by accident.
const lockSpace int32 = 0x72656a6f

// The second number is that of an organization, or one of these. Organizations may
// share a number: then they wait for each other, which is needless but harmless.
const (
	lockMigrations int32 = 0
	lockPurge      int32 = 1
)

// advisoryLock is a lock that a transaction takes when it begins.
type advisoryLock struct {
	function string
	number   int32
}

func (l advisoryLock) statement() string {
	return fmt.Sprintf("SELECT %s(%d, %d)", l.function, lockSpace, l.number)
}

// sharedWithWriters returns the locks of a write, in an order in which writers can't
// wait for each other in a circle.
func sharedWithWriters(keys []consumer.ConsumerKey) []advisoryLock {
	var locks []advisoryLock
	for _, key := range keys {
		locks = append(locks, advisoryLock{"pg_advisory_xact_lock_shared", organizationNumber(key.OrganizationID)})
	}
	slices.SortFunc(locks, func(a, b advisoryLock) int { return cmp.Compare(a.number, b.number) })
	return slices.Compact(locks)
}

// withoutWriters returns the lock of whoever makes a consumer go.
func withoutWriters(organizationID string) []advisoryLock {
	return []advisoryLock{{"pg_advisory_xact_lock", organizationNumber(organizationID)}}
}

// oneAtATime returns the lock of a purge.
func oneAtATime() []advisoryLock {
	return []advisoryLock{{"pg_advisory_xact_lock", lockPurge}}
}

// organizationNumber must be the same in every process and in every version of this
// program.
func organizationNumber(organizationID string) int32 {
	hash := fnv.New32a()
	_, _ = hash.Write([]byte(organizationID)) // never fails
	return int32(hash.Sum32())
}
