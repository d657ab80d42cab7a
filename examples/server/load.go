package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/rejoinhq/rejoin/consumer"
	"github.com/rejoinhq/rejoin/consumer/recordjson"
	"github.com/rejoinhq/rejoin/examples/demo"
)

// load writes the demonstration and the fixture: all of it or nothing.
func load(ctx context.Context, c config, database database, fixture []recordjson.Organization, public bool) error {
	if public {
		if err := refuseDemo(ctx, database, fixture); err != nil {
			return err
		}
	}
	now := time.Now()
	var batch consumer.Batch
	if c.demo {
		var err error
		if batch, err = demo.Batch(ctx, database, now); err != nil {
			return fmt.Errorf("-database: %w", err)
		}
	}
	for _, o := range fixture {
		records := o.Batch()
		batch.Consumers = append(batch.Consumers, records.Consumers...)
		batch.Participations = append(batch.Participations, records.Participations...)
		batch.Admissions = append(batch.Admissions, records.Admissions...)
		batch.Distributions = append(batch.Distributions, records.Distributions...)
	}
	batch.APIKeys = append(batch.APIKeys, apiKeys(fixture, now)...)
	_, err := database.Write(ctx, batch)
	what := "the demonstration data"
	if c.fixture != "" {
		what = "fixture " + c.fixture
	}
	switch {
	case errors.Is(err, consumer.ErrConflict):
		key := cmp.Or(foreignKey(ctx, database, fixture), "one of its keys") // which is no longer valid
		return fmt.Errorf("%s: %s belongs to another organization in -database", what, key)
	case errors.Is(err, consumer.ErrErased):
		return fmt.Errorf("%s: one of its consumers was erased from -database", what)
	case err != nil:
		return fmt.Errorf("%s: load into -database: %w", what, err)
	}
	return nil
}

// refuseDemo keeps a server that the world can reach from starting on a database or a
// fixture with the keys of the demonstration, which everybody knows.
func refuseDemo(ctx context.Context, finder consumer.APIKeyFinder, fixture []recordjson.Organization) error {
	refused := errors.New("-addr must be a loopback address, because the data has the well-known keys of the demonstration")
	for _, o := range fixture {
		if demo.HasWellKnownKey(o.PublishableKeys...) || demo.HasWellKnownKey(o.SecretKeys...) {
			return refused
		}
	}
	stored, err := demo.IsLoaded(ctx, finder, time.Now())
	switch {
	case err != nil:
		return fmt.Errorf("-database: %w", err)
	case stored:
		return refused
	}
	return nil
}
