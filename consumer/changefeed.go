package consumer

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"time"
)

// ChangeFeed says whose records change, so that what was derived from them is derived
// anew: an event stream, a cache.
type ChangeFeed interface {
	// Changes tells the listener of all changes until the context ends, and then
	// returns its error. It calls Following before anything else, and anew after each
	// Lost.
	//
	// While it follows, it calls Changed after every write, merge and erasure that
	// changed what [SnapshotReader.Snapshot] returns for a consumer, whichever process
	// made it, and it does so once the change can be read: a Snapshot that begins
	// after the call shows it. It may name consumers of whom nothing changed. A purge is
	// no change.
	//
	// A Store that cannot follow its database calls Lost, tries again, and calls
	// Following once it can. It returns [ErrSchema] when the database does not have the
	// schema of the program, and [ErrUnavailable] when the Store was closed.
	Changes(ctx context.Context, listener ChangeListener) error
}

// ChangeListener is told by a [ChangeFeed]. One call to it ends before the next begins, and
// each should return soon, because all others wait for it.
type ChangeListener interface {
	// Following says that from now on nothing is missed: of every change that a Snapshot
	// which begins after the call does not show yet, Changed will tell. Of what happened
	// before it says nothing, so whatever was derived earlier must be derived anew.
	Following()
	// Changed names the consumers whose records changed, by [ConsumerKey.Hash]. The
	// slice belongs to the caller.
	Changed(consumers []uint64)
	// Confirmed says that everything which was committed before a moment, by the clock of
	// the process, has been told. While the feed is followed it is called again and again,
	// at least every half second; with a replica that lags later, by as much as it lags.
	Confirmed(moment time.Time)
	// Lost says that changes may be missed from now on, until Following is called.
	Lost()
}

// Digest stands for a consumer where the id may not be kept: SHA-256 over the
// organization's id, a NUL, which no id contains, and the consumer's id. Within another
// organization the same id has another digest.
func (k ConsumerKey) Digest() [sha256.Size]byte {
	var buffer [2*maxIDLength + 1]byte
	text := append(buffer[:0], k.OrganizationID...)
	text = append(text, 0)
	text = append(text, k.ConsumerID...)
	return sha256.Sum256(text)
}

// Hash is the first eight bytes of [ConsumerKey.Digest], in big-endian order. A
// [ChangeFeed] names consumers by it, which is short and stays when they are erased. Two
// consumers may have the same, one pair among some billions; whoever is told of one then takes the
// other for changed too.
func (k ConsumerKey) Hash() uint64 {
	digest := k.Digest()
	return binary.BigEndian.Uint64(digest[:8])
}
