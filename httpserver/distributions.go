package httpserver

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/rejoinhq/rejoin/consumer"
	"github.com/rejoinhq/rejoin/httpserver/internal/readcache"
)

const (
	// moveSlots is the number of slots for the moves of distributions. Distributions that
	// share a slot cost a document one derivation too many when one of them moves.
	moveSlots = 4096
	// recordBytes bounds the memory for records of distributions, recordSize is the memory
	// of one.
	recordBytes = 4 << 20
	recordSize  = 512
)

// distributions knows when each distribution last moved, and caches the records of those
// that did. A distribution moves when its record changes. One move costs the same however
// many members the distribution has: the documents notice it when they are next used.
type distributions struct {
	read readDistribution // nil if the store cannot

	// moves counts the moves of all distributions.
	moves atomic.Uint64
	// last holds the number of the last move of a distribution, by the hash of its key.
	last    [moveSlots]atomic.Uint64
	records *readcache.Cache[consumer.DistributionKey, distributionRecord]
	maxAge  time.Duration
}

// distributionRecord is the record of a distribution as it was read.
type distributionRecord struct {
	consumer.Distribution
	exists bool
	readAt time.Time
}

// dependency is a distribution that a document depends on.
type dependency struct {
	key  consumer.DistributionKey
	hash uint64
	// endedAt is the end in the record that the document was derived from, or zero.
	endedAt time.Time
}

// readDistribution reads the record of a distribution.
type readDistribution func(context.Context, consumer.DistributionKey) (consumer.Distribution, error)

func newDistributions(read readDistribution, maxAge time.Duration) *distributions {
	return &distributions{
		read: read, maxAge: maxAge,
		records: readcache.New[consumer.DistributionKey](readcache.Options[distributionRecord]{
			MaxBytes: recordBytes, Size: func(*distributionRecord) int64 { return recordSize },
		}),
	}
}

// move notes that a distribution moved.
func (d *distributions) move(hash uint64) {
	n := d.moves.Load() + 1 // one goroutine at a time moves
	d.records.Invalidate(hash)
	// A read that begins between these two lines counts as one from before the move.
	d.last[hash%moveSlots].Store(n)
	d.moves.Store(n)
}

// movedSince reports whether a distribution may have moved since there were so many moves.
func (d *distributions) movedSince(hash, moves uint64) bool {
	return d.last[hash%moveSlots].Load() > moves
}

// moved reports whether a distribution that a document depends on may have moved.
func (d *distributions) moved(x *document) bool {
	for i := range x.dependencies {
		if d.movedSince(x.dependencies[i].hash, x.moves) {
			return true
		}
	}
	return false
}

// canRead reports whether the record of a distribution can be read apart from a snapshot.
// The winner of an auction is known to the snapshot only.
func (d *distributions) canRead(key consumer.DistributionKey) bool {
	return d.read != nil && key.Type != consumer.Auction
}

// record returns the record of a distribution after its last move. All callers share one
// read.
func (d *distributions) record(ctx context.Context, hash uint64, key consumer.DistributionKey, now time.Time) (*distributionRecord, error) {
	recent := func(r *distributionRecord) bool { return now.Sub(r.readAt) < d.maxAge }
	record, _, err := d.records.Do(ctx, hash, key, recent, func() (distributionRecord, error) {
		found, err := d.read(ctx, key)
		if errors.Is(err, consumer.ErrNotFound) {
			return distributionRecord{readAt: now}, nil
		}
		return distributionRecord{found, true, now}, err
	})
	return record, err
}

// dependencies returns the distributions that the document of a snapshot depends on. The
// end of a distribution doesn't concern admitting participations, and a waitlist has no
// record.
func dependencies(organizationID string, s *consumer.Snapshot) []dependency {
	var all []dependency
	for i := range s.Participations {
		p := &s.Participations[i]
		if p.Type == consumer.Waitlist || p.Admitting() {
			continue
		}
		key := consumer.DistributionKey{OrganizationID: organizationID, Type: p.Type, ID: p.ID}
		d := dependency{key: key, hash: key.Hash()}
		for j := range s.Distributions {
			if other := &s.Distributions[j]; other.Type == p.Type && other.ID == p.ID {
				d.endedAt = endOf(other)
			}
		}
		all = append(all, d)
	}
	return all
}

// endOf returns the end of a distribution, or zero.
func endOf(d *consumer.Distribution) time.Time {
	if d.EndedAt == nil {
		return time.Time{}
	}
	return d.EndedAt.UTC()
}
