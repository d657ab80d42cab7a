package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/rejoinhq/rejoin/consumer"
)

// order asks the engines for an act.
type order struct {
	ConsumerID     string                    `json:"consumerId"`
	Action         string                    `json:"action"`
	Type           consumer.DistributionType `json:"type"`
	DistributionID string                    `json:"distributionId"`
}

// What an order may be refused for.
var (
	errUnknownConsumer = errors.New("no such consumer of the demonstration")
	errUnknownAct      = errors.New("no such act, or no such distribution of the demonstration")
	errNotNow          = errors.New("not possible in this state")
)

// engines plays the part of the engines behind a drop, for the consumers of the
// demonstration and nobody else. It writes through the Store, as they would.
type engines struct {
	store interface {
		consumer.Exporter
		consumer.Writer
	}
	now func() time.Time

	mu sync.Mutex // one act at a time: each builds on what the one before it left
}

// play carries an order out. Its errors are those above, and the store's.
func (e *engines) play(ctx context.Context, o order) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	now := e.now()
	demonstration := demo(now)[0]
	if !slices.ContainsFunc(demonstration.Consumers, func(c fixtureConsumer) bool { return c.ID == o.ConsumerID }) {
		return errUnknownConsumer
	}
	all := distributions(demonstration)
	i := slices.IndexFunc(all, func(d distribution) bool { return d.Type == o.Type && d.ID == o.DistributionID })
	if i < 0 {
		return errUnknownAct
	}
	stored, err := e.store.Export(ctx, demonstration.ID, o.ConsumerID)
	if err != nil {
		return err
	}
	scene := newScene(now, demonstration.ID, o.ConsumerID, all[i], stored)
	if err := scene.play(o.Action); err != nil {
		return err
	}
	return e.write(ctx, scene.written)
}

// startOver brings the whole demonstration back to its beginning.
func (e *engines) startOver(ctx context.Context) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	now := e.now()
	b := batch(demo(now), now)
	if err := supersede(ctx, e.store, &b, now); err != nil {
		return err
	}
	return e.write(ctx, b)
}

// write fails when somebody else wrote something newer in between.
func (e *engines) write(ctx context.Context, b consumer.Batch) error {
	result, err := e.store.Write(ctx, b)
	if err == nil && result.Stale > 0 {
		err = fmt.Errorf("%w: something newer was written meanwhile", errNotNow)
	}
	return err
}
