package postgres_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"time"

	"github.com/rejoinhq/rejoin/consumer"
	"github.com/rejoinhq/rejoin/storage/postgres"
)

// The example needs a server, so it is compiled but not run.
func Example() {
	ctx := context.Background()
	store, err := postgres.Open(ctx, postgres.Options{
		URL:     os.Getenv("DATABASE_URL"), // postgres://rejoin@primary/rejoin?sslmode=verify-full
		ReadURL: os.Getenv("REPLICA_URL"),  // empty: there is none
	})
	if err != nil {
		log.Fatal(err)
	}
	defer store.Close()
	if err := store.Migrate(ctx); err != nil { // on one replica of the service or on all, at once or not
		log.Fatal(err)
	}

	entered := time.Date(2026, time.January, 2, 3, 4, 5, 0, time.UTC)
	result, err := store.Write(ctx, consumer.Batch{
		Consumers: []consumer.Consumer{{
			OrganizationID: "org_1", ID: "cons_1", FullName: new("Ada Lovelace"), CreatedAt: entered,
		}},
		Participations: []consumer.Participation{{
			OrganizationID: "org_1", ConsumerID: "cons_1", Type: consumer.Queue, ID: "queue_1",
			ExperienceID: "exp_1", SequenceID: "seq_1", Status: consumer.StatusQueued, EnteredAt: entered,
		}},
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("applied:", result.Applied)
}
