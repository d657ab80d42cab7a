package httpserver

import (
	"context"
	"time"

	"github.com/rejoinhq/rejoin/consumer"
	"github.com/rejoinhq/rejoin/journey"
)

// document is the seed's ConsumerMe of one consumer, as it is answered.
type document struct {
	body []byte
	etag string
	// pollInterval is the value of X-Poll-Interval, or "".
	pollInterval string
	// Of the same records, from and until bound the moments at which the document is the
	// same: from the last expiry before it was derived to, but not at, the next one after.
	// Zero means that there is none.
	from, until time.Time
}

// validAt reports whether the document is what the records show at a moment.
func (d *document) validAt(now time.Time) bool {
	return !now.Before(d.from) && (d.until.IsZero() || now.Before(d.until))
}

// size is the memory that the document takes in a cache.
func (d *document) size() int64 { return int64(cap(d.body)) + documentOverhead }

// document returns what a consumer is answered with at a moment.
func (a *API) document(ctx context.Context, key consumer.ConsumerKey, now time.Time) (*document, error) {
	if a.cache == nil {
		return a.readDocument(ctx, key, now)
	}
	return a.cache.document(ctx, key, now, func() (*document, error) { return a.readDocument(ctx, key, now) })
}

// readDocument asks the store.
func (a *API) readDocument(ctx context.Context, key consumer.ConsumerKey, now time.Time) (*document, error) {
	snapshot, err := a.store.Snapshot(ctx, key.OrganizationID, key.ConsumerID)
	if err != nil {
		return nil, err
	}
	view := a.derive(ctx, snapshot, now)
	_, encoding := a.telemetry.step(ctx, "encode")
	defer encoding.End()
	body := appendDocument(make([]byte, 0, profileSize), snapshot.Consumer, view)
	d := &document{body: body, etag: entityTag(body), pollInterval: a.poll.hint(view), from: lastExpiry(snapshot, now)}
	d.until, _ = view.NextChange()
	return d, nil
}

func (a *API) derive(ctx context.Context, snapshot consumer.Snapshot, now time.Time) journey.View {
	_, deriving := a.telemetry.step(ctx, "derive")
	defer deriving.End()
	return journey.Derive(snapshot, now)
}

func appendDocument(dst []byte, c consumer.Consumer, active journey.View) []byte {
	dst = appendProfile(append(dst, '{'), c)
	dst = active.AppendJSON(append(dst, `,"active":`...))
	return append(dst, '}')
}

// lastExpiry is the latest moment up to now at which a record expired, zero for none.
func lastExpiry(snapshot consumer.Snapshot, now time.Time) (last time.Time) {
	later := func(expiresAt *time.Time) {
		if expiresAt == nil {
			return
		}
		// As stores keep it, and Derive reads it.
		if at := expiresAt.Truncate(time.Microsecond); !at.After(now) && at.After(last) {
			last = at
		}
	}
	for i := range snapshot.Participations {
		later(snapshot.Participations[i].ExpiresAt)
	}
	for i := range snapshot.Admissions {
		later(snapshot.Admissions[i].ExpiresAt)
	}
	return last
}
