package sqlite_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"time"

	"github.com/rejoinhq/rejoin/consumer"
	"github.com/rejoinhq/rejoin/storage/sqlite"
)

func Example() {
	ctx := context.Background()
	store, err := sqlite.Open(ctx, sqlite.Options{Path: sqlite.Memory}) // or a file
	if err != nil {
		log.Fatal(err)
	}
	defer store.Close()
	if err := store.Migrate(ctx); err != nil {
		log.Fatal(err)
	}

	entered := time.Date(2026, time.January, 2, 3, 4, 5, 0, time.UTC)
	result, err := store.Write(ctx, consumer.Batch{
		Consumers: []consumer.Consumer{{
			OrganizationID: "org_1", ID: "cons_1", FullName: new("Ada Lovelace"), CreatedAt: entered, UpdatedAt: entered,
		}},
		Participations: []consumer.Participation{{
			OrganizationID: "org_1", ConsumerID: "cons_1", Type: consumer.Queue, ID: "queue_1",
			ExperienceID: "exp_1", SequenceID: "seq_1", Status: consumer.StatusQueued, EnteredAt: entered, UpdatedAt: entered,
		}},
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("applied:", result.Applied)

	snapshot, err := store.Snapshot(ctx, consumer.Key{OrganizationID: "org_1", ConsumerID: "cons_1"})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(*snapshot.Consumer.FullName, "is", snapshot.Participations[0].Status)

	_, err = store.Snapshot(ctx, consumer.Key{OrganizationID: "org_2", ConsumerID: "cons_1"})
	fmt.Println("in another organization:", errors.Is(err, consumer.ErrNotFound))
	// Output:
	// applied: 2
	// Ada Lovelace is QUEUED
	// in another organization: true
}

// A write that comes late or twice changes nothing, so an engine that is not sure
// whether a write arrived may send it again.
func ExampleStore_Write_late() {
	ctx := context.Background()
	store, err := sqlite.Open(ctx, sqlite.Options{Path: sqlite.Memory})
	if err != nil {
		log.Fatal(err)
	}
	defer store.Close()
	if err := store.Migrate(ctx); err != nil {
		log.Fatal(err)
	}

	entered := time.Date(2026, time.January, 2, 3, 4, 5, 0, time.UTC)
	queued := consumer.Participation{
		OrganizationID: "org_1", ConsumerID: "cons_1", Type: consumer.Queue, ID: "queue_1",
		ExperienceID: "exp_1", SequenceID: "seq_1", Status: consumer.StatusQueued, EnteredAt: entered, UpdatedAt: entered,
	}
	left := queued
	left.Status, left.UpdatedAt = consumer.StatusLeft, entered.Add(time.Minute)

	for _, p := range []consumer.Participation{left, queued, left} {
		result, err := store.Write(ctx, consumer.Batch{Participations: []consumer.Participation{p}})
		if err != nil {
			log.Fatal(err)
		}
		fmt.Printf("%s: applied %d, stale %d\n", p.Status, result.Applied, result.Stale)
	}
	// Output:
	// LEFT: applied 1, stale 0
	// QUEUED: applied 0, stale 1
	// LEFT: applied 0, stale 1
}

// A store that was opened and not migrated refuses everything. Migrating is a
// decision of whoever runs the program, who may want a backup first.
func ExampleStore_Migrate_forgotten() {
	ctx := context.Background()
	store, err := sqlite.Open(ctx, sqlite.Options{Path: sqlite.Memory})
	if err != nil {
		log.Fatal(err)
	}
	defer store.Close()

	_, err = store.Snapshot(ctx, consumer.Key{OrganizationID: "org_1", ConsumerID: "cons_1"})
	fmt.Println(err)
	// Output:
	// read snapshot: schema version: the database was never migrated
}
