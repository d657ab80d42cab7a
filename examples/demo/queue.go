package demo

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/rejoinhq/rejoin/consumer"
)

const (
	// QueueInterval is how often the queue that moves by itself should move.
	QueueInterval = 2 * time.Second

	movingQueue = "queue_demo_concert"
	// movingTicket is the ticket of the consumer who waits in that queue.
	movingTicket = 120
	// calledAtOnce is how many tickets each move calls.
	calledAtOnce = 7
	// restAtEnd is how many tickets are called after the consumer's before the queue starts
	// over, so that its position stays at 0 for some moves.
	restAtEnd = 5 * calledAtOnce
)

// QueueStore is what a queue that moves needs of a store.
type QueueStore interface {
	consumer.DistributionReader
	consumer.Writer
}

// MoveQueue moves a queue of the demonstration at each tick until ctx ends. Each move is one
// record, whatever the number of consumers in the queue: their documents show the position
// that follows from it. When everybody was called, the queue starts over.
func MoveQueue(ctx context.Context, store QueueStore, ticks <-chan time.Time, logger *slog.Logger) {
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-ticks:
			if err := moveQueue(ctx, store, now); err != nil && ctx.Err() == nil {
				logger.Warn("the demonstration's queue did not move", "cause", err)
			}
		}
	}
}

func moveQueue(ctx context.Context, store QueueStore, now time.Time) error {
	queue := consumer.Distribution{OrganizationID: organizationID, Type: consumer.Queue, ID: movingQueue, UpdatedAt: now}
	serving := int64(0)
	stored, err := store.Distribution(ctx, queue.Key())
	switch {
	case err == nil:
		queue.UpdatedAt = newerThan(stored.UpdatedAt, now)
		if stored.Serving != nil && *stored.Serving < movingTicket+restAtEnd {
			serving = *stored.Serving + calledAtOnce
		}
	case !errors.Is(err, consumer.ErrNotFound):
		return err
	}
	queue.Serving = &serving
	_, err = store.Write(ctx, consumer.Batch{Distributions: []consumer.Distribution{queue}})
	return err
}
