package httpserver

import (
	"context"
	"log/slog"
	"time"

	"github.com/rejoinhq/rejoin/consumer"
)

const (
	// firstFeedPause and longestFeedPause bound the time between two attempts to follow a
	// change feed that gave up. The pause doubles from one attempt to the next.
	firstFeedPause   = time.Second
	longestFeedPause = 16 * time.Second
)

// feed is the one subscription of an API to the change feed. It notifies the document
// cache before the event streams, so that a stream that was woken reads the new document.
type feed struct {
	source consumer.ChangeFeed
	cache  *documentCache
	hub    *hub
	logger *slog.Logger

	stop    context.CancelFunc
	stopped chan struct{} // closed when nothing follows the source any more
	// lost reports that the loss of the feed was logged. Only the goroutine of the feed
	// uses it.
	lost bool
}

// followFeed follows the change feed until the feed is closed.
func followFeed(source consumer.ChangeFeed, cache *documentCache, hub *hub, logger *slog.Logger) *feed {
	ctx, stop := context.WithCancel(context.Background())
	f := &feed{source: source, cache: cache, hub: hub, logger: logger, stop: stop, stopped: make(chan struct{})}
	go f.run(ctx)
	return f
}

// run follows the source again when it gives up.
func (f *feed) run(ctx context.Context) {
	defer close(f.stopped)
	pause := firstFeedPause
	for {
		followed := f.cache.followed.Load()
		err := f.source.Changes(ctx, f)
		f.cache.lose()
		if ctx.Err() != nil {
			return
		}
		if f.cache.followed.Load() != followed {
			pause = firstFeedPause // it worked in between
		}
		f.logLoss(slog.LevelError, "the change feed ended: documents are not cached, and event streams may be late", err)
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
		pause = min(2*pause, longestFeedPause)
	}
}

func (f *feed) close() {
	f.stop()
	<-f.stopped
	f.hub.close()
}

// Following implements [consumer.ChangeListener].
func (f *feed) Following() {
	f.cache.follow()
	f.hub.wakeAll() // changes may have been missed before
	if f.lost {
		f.lost = false
		f.logger.Info("the change feed is followed again")
	}
}

// Changed implements [consumer.ChangeListener].
func (f *feed) Changed(change consumer.Change) {
	// The consumers come first: a document that was derived again meanwhile from a record of
	// the same write is not stored.
	for _, hash := range change.Consumers {
		f.cache.documents.Invalidate(hash)
	}
	for _, hash := range change.Distributions {
		f.cache.distributions.move(hash)
	}
	f.hub.wake(change.Consumers)
	f.hub.moved(change.Distributions)
}

// Confirmed implements [consumer.ChangeListener].
func (f *feed) Confirmed(moment time.Time) { f.cache.confirm(moment) }

// Lost implements [consumer.ChangeListener].
func (f *feed) Lost() {
	f.cache.lose()
	f.logLoss(slog.LevelWarn, "the change feed was lost: documents are not cached, and event streams may be late", nil)
}

// logLoss logs once per outage.
func (f *feed) logLoss(level slog.Level, message string, cause error) {
	if f.lost {
		return
	}
	f.lost = true
	var attributes []slog.Attr
	if cause != nil {
		attributes = append(attributes, slog.Any("cause", cause))
	}
	f.logger.LogAttrs(context.Background(), level, message, attributes...)
}
