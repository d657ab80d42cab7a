package demo

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/rejoinhq/rejoin/consumer"
	"github.com/rejoinhq/rejoin/consumer/recordjson"
)

// Store is what the demonstration needs of a store.
type Store interface {
	consumer.Reader
	consumer.Writer
	consumer.Lifecycle
}

// command tells the engines to carry out an action.
type command struct {
	ConsumerID     string                    `json:"consumerId"`
	Action         string                    `json:"action"`
	Type           consumer.DistributionType `json:"type"`
	DistributionID string                    `json:"distributionId"`
}

// The errors of a command.
var (
	errUnknownConsumer = errors.New("no such consumer of the demonstration")
	errUnknownAction   = errors.New("no such action, or no such distribution of the demonstration")
	errNotNow          = errors.New("not possible in this state")
)

// engines acts as the engines of a drop, for the consumers of the demonstration only. Like
// real engines it writes through the Store.
type engines struct {
	store Store
	now   func() time.Time

	mu sync.Mutex // held for one action, because each depends on the result of the one before
}

// run carries out a command. Its errors are those above and the store's.
func (e *engines) run(ctx context.Context, c command) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	now := e.now()
	if !slices.ContainsFunc(Organization(now).Consumers, func(known recordjson.Consumer) bool { return known.ID == c.ConsumerID }) {
		return errUnknownConsumer
	}
	all := distributions()
	i := slices.IndexFunc(all, func(d distribution) bool { return d.Type == c.Type && d.ID == c.DistributionID })
	if i < 0 {
		return errUnknownAction
	}
	stored, err := e.store.Export(ctx, consumer.Key{OrganizationID: organizationID, ConsumerID: c.ConsumerID})
	if err != nil {
		return err
	}
	participant := newParticipant(now, c.ConsumerID, all[i], stored)
	if err := participant.do(c.Action); err != nil {
		return err
	}
	return e.write(ctx, participant.written)
}

// startOver resets the whole demonstration.
func (e *engines) startOver(ctx context.Context) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	batch, err := Batch(ctx, e.store, e.now())
	if err != nil {
		return err
	}
	return e.write(ctx, batch)
}

// write fails if something newer was written since the command began.
func (e *engines) write(ctx context.Context, batch consumer.Batch) error {
	result, err := e.store.Write(ctx, batch)
	if err == nil && result.Stale > 0 {
		err = fmt.Errorf("%w: something newer was written", errNotNow)
	}
	return err
}
