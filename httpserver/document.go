package httpserver

import (
	"context"
	"slices"
	"time"

	"github.com/rejoinhq/rejoin/consumer"
	"github.com/rejoinhq/rejoin/journey"
)

// document is the ConsumerMe of the API documentation for one consumer, as it is sent. It
// is immutable.
type document struct {
	body []byte
	// active is the index in body at which the value of the field active begins. The value
	// ends before the last byte.
	active int
	etag   string
	// pollInterval is the value of X-Poll-Interval, or "".
	pollInterval string
	// The same records give the same document at every time between from and until: from
	// is the last expiry before the document was derived, and until is the next expiry
	// after it. Zero means that there is none.
	from, until time.Time
	// staleAt is when the document must be read again though no change of it is known, or
	// zero.
	staleAt time.Time

	// dependencies are the distributions that the document depends on, with their records
	// after as many moves.
	dependencies []dependency
	moves        uint64
	// snapshot holds the records that the document was derived from, or nil if it cannot be
	// derived again.
	snapshot *consumer.Snapshot
}

// validAt reports whether the document may be sent at a time.
func (d *document) validAt(now time.Time) bool {
	return !now.Before(d.from) && !reached(d.until, now) && !reached(d.staleAt, now)
}

// activeJSON returns the value of the field active.
func (d *document) activeJSON() []byte { return d.body[d.active : len(d.body)-1] }

// documents reads documents, for requests and for event streams.
type documents struct {
	store     consumer.Reader
	telemetry *telemetry
	poll      *PollIntervals // nil without hints
	cache     *documentCache // nil without a change feed
	// cacheRequests reports whether requests are served from the cache too.
	cacheRequests bool
}

// forRequest returns the document that a consumer gets at a time.
func (d *documents) forRequest(ctx context.Context, key consumer.Key, now time.Time) (*document, error) {
	if d.cacheRequests {
		return d.forStream(ctx, key, now)
	}
	read, err := d.read(ctx, key, now)
	if err != nil {
		return nil, err
	}
	return &read, nil
}

// forStream does what forRequest does, for an open event stream. All streams of a consumer
// share one read after a change, even if requests have no cache, because the change feed
// wakes the streams when the document is outdated.
func (d *documents) forStream(ctx context.Context, key consumer.Key, now time.Time) (*document, error) {
	c := d.cache
	if !c.isCurrent(ctx) {
		c.misses.Add(1)
		read, err := d.read(ctx, key, now)
		if err != nil {
			return nil, err
		}
		return &read, nil
	}
	hash := key.Hash()
	if found := c.documents.Get(hash, key); found != nil && found.validAt(now) {
		if !c.distributions.moved(found) {
			c.hits.Add(1)
			return found, nil
		}
		if again, err := d.deriveAgain(ctx, hash, key, found, now); again != nil || err != nil {
			c.hits.Add(1)
			return again, err
		}
	}
	usable := func(x *document) bool { return x.validAt(now) && !c.distributions.moved(x) }
	found, shared, err := c.documents.Do(ctx, hash, key, usable, func() (document, error) {
		c.misses.Add(1)
		return d.read(ctx, key, now)
	})
	if shared {
		c.hits.Add(1)
	}
	return found, err
}

// deriveAgain derives a cached document again from the same records of its consumer and the
// present records of the distributions that moved. It returns nil if the document must be
// read in whole.
func (d *documents) deriveAgain(ctx context.Context, hash uint64, key consumer.Key, old *document, now time.Time) (*document, error) {
	if old.snapshot == nil {
		return nil, nil
	}
	distributions := d.cache.distributions
	moves := distributions.moves.Load()
	snapshot := *old.snapshot
	snapshot.Distributions = slices.Clone(snapshot.Distributions)
	for i := range old.dependencies {
		moved := &old.dependencies[i]
		if !distributions.movedSince(moved.hash, old.moves) {
			continue
		}
		if !distributions.canRead(moved.key) {
			return nil, nil
		}
		record, err := distributions.record(ctx, moved.hash, moved.key, now)
		if err != nil {
			return nil, err
		}
		snapshot.Distributions = slices.DeleteFunc(snapshot.Distributions, func(other consumer.Distribution) bool {
			return other.Type == moved.key.Type && other.ID == moved.key.ID
		})
		if record.exists {
			snapshot.Distributions = append(snapshot.Distributions, record.Distribution)
		}
	}
	// One write can change a distribution and the records of a consumer. If the record of the
	// distribution shows such a write, the document is outdated by now.
	if !d.cache.isCurrent(ctx) {
		return nil, nil
	}
	again := d.document(ctx, key, snapshot, moves, now)
	again.staleAt = old.staleAt
	return d.cache.documents.Replace(hash, key, old, again), nil
}

// read reads and derives a document.
func (d *documents) read(ctx context.Context, key consumer.Key, now time.Time) (document, error) {
	var moves uint64
	if d.cache != nil {
		moves = d.cache.distributions.moves.Load()
	}
	snapshot, err := d.store.Snapshot(ctx, key)
	if err != nil {
		return document{}, err
	}
	read := d.document(ctx, key, snapshot, moves, now)
	if d.cache != nil {
		read.staleAt = now.Add(d.cache.maxAge)
	}
	return read, nil
}

// document derives the document of a snapshot, whose distributions are as after so many
// moves.
func (d *documents) document(ctx context.Context, key consumer.Key, snapshot consumer.Snapshot, moves uint64, now time.Time) document {
	derived := d.encode(ctx, snapshot.Consumer, d.derive(ctx, snapshot, now))
	if d.cache == nil {
		return derived
	}
	derived.moves = moves
	derived.dependencies = dependencies(key.OrganizationID, &snapshot)
	if slices.ContainsFunc(derived.dependencies, func(x dependency) bool { return d.cache.distributions.canRead(x.key) }) {
		derived.snapshot = &snapshot
	}
	return derived
}

func (d *documents) derive(ctx context.Context, snapshot consumer.Snapshot, now time.Time) journey.Active {
	_, span := d.telemetry.Step(ctx, "derive")
	defer span.End()
	return journey.Derive(snapshot, now)
}

func (d *documents) encode(ctx context.Context, c consumer.Consumer, derived journey.Active) document {
	_, span := d.telemetry.Step(ctx, "encode")
	defer span.End()
	body := journey.AppendConsumer(make([]byte, 0, profileSize), c)
	body = append(body[:len(body)-1], `,"active":`...)
	active := len(body)
	body = append(derived.AppendJSON(body), '}')
	from, _ := derived.LastChange()
	until, _ := derived.NextChange()
	return document{
		body: body, active: active, etag: entityTag(body), pollInterval: d.poll.hint(derived),
		from: from, until: until,
	}
}

// distributionReader returns a function that reads the records of distributions from a
// store, or nil if the store cannot.
func (d *documents) distributionReader(store consumer.Reader) readDistribution {
	reader, ok := store.(consumer.DistributionReader)
	if !ok {
		return nil
	}
	observed := observedStore{store, d.telemetry}
	return func(ctx context.Context, key consumer.DistributionKey) (consumer.Distribution, error) {
		ctx, span := d.telemetry.Step(ctx, "store")
		defer span.End()
		found, err := reader.Distribution(ctx, key)
		observed.note(ctx, span, err)
		return found, err
	}
}
