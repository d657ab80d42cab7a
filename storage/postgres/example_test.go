package postgres_test

import (
	"context"
	"fmt"
	"log"
	"os"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/rejoinhq/rejoin/consumer"
	"github.com/rejoinhq/rejoin/storage/postgres"
)

// Example needs a server, so it is compiled but not run.
func Example() {
	ctx := context.Background()
	store, err := postgres.Open(ctx, postgres.Options{
		URL:     os.Getenv("DATABASE_URL"), // postgres://rejoin@primary/rejoin?sslmode=verify-full
		ReadURL: os.Getenv("REPLICA_URL"),  // may be empty
	})
	if err != nil {
		log.Fatal(err)
	}
	defer store.Close()
	if err := store.Migrate(ctx); err != nil { // in any number of processes at once
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
}

// A service writes its own order and the end of the participation in one transaction.
func ExampleStore_WriteTx() {
	ctx := context.Background()
	complete := func(pool *pgxpool.Pool, store *postgres.Store, participation consumer.Participation) error {
		return pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error {
			if _, err := tx.Exec(ctx, `INSERT INTO orders (consumer_id) VALUES ($1)`, participation.ConsumerID); err != nil {
				return err
			}
			participation.Status, participation.UpdatedAt = consumer.StatusCompleted, time.Now()
			_, err := store.WriteTx(ctx, tx, consumer.Batch{Participations: []consumer.Participation{participation}})
			return err // an error rolls both back
		})
	}
	_ = complete
}

// A Store on the pool of a service, whose search_path names the schema of the tables.
func ExampleNew() {
	ctx := context.Background()
	pool, err := pgxpool.New(ctx, "postgres://shop@db/shop?search_path=rejoin")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer pool.Close()
	store, err := postgres.New(ctx, pool, postgres.PoolOptions{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer store.Close()
	if err := store.Migrate(ctx); err != nil {
		fmt.Println(err)
	}
}
