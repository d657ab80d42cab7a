package postgres

import (
	"context"
	"fmt"

	"github.com/rejoinhq/rejoin/consumer"
)

// fullQueue is the usage of the notification queue from which on it counts as full.
const fullQueue = 0.99

// NotificationQueueUsage returns how much of the server's notification queue is in use, from 0
// to 1. It grows while any listener of the server, in whatever database, holds a transaction
// open. When the queue is full, no feed is followed, and transactions with [Store.WriteTx] and
// the like fail when they are committed.
func (s *Store) NotificationQueueUsage(ctx context.Context) (usage float64, err error) {
	defer translateTo(&err, ctx, "read usage of the notification queue")
	err = s.primary.QueryRow(ctx, `SELECT pg_notification_queue_usage()`).Scan(&usage)
	return usage, err
}

func (s *Store) requireRoomInQueue(ctx context.Context) error {
	usage, err := s.NotificationQueueUsage(ctx)
	if err == nil && usage >= fullQueue {
		return fmt.Errorf("%w: the server's notification queue is full, because a listener of the server is idle in a transaction", consumer.ErrUnavailable)
	}
	return err
}
