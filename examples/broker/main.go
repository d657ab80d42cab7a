// Broker records the owner's events from a message broker, NATS JetStream, for those who
// have outgrown webhooks over HTTP. It shows how to use [event.Recorder]:
//
//   - A message is acknowledged after its event was committed. If the program dies in
//     between, the broker delivers the message again, and the store reports a duplicate.
//   - A message that can never succeed goes to a dead-letter subject.
//   - While the store is down, messages wait in the broker.
//
// Any number of instances may run on one durable consumer and one database.
//
//	go run . -nats nats://127.0.0.1:4222 -stream EVENTS -database postgres://…
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/rejoinhq/rejoin/consumer"
	"github.com/rejoinhq/rejoin/consumer/event"
	"github.com/rejoinhq/rejoin/storage/postgres"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "broker:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("broker", flag.ExitOnError)
	url := flags.String("nats", nats.DefaultURL, "`URL` of the NATS server")
	database := flags.String("database", "", "postgres://… (`URL`; required)")
	o := options{ackWait: 30 * time.Second, retryDelay: time.Second, logger: slog.Default()}
	flags.StringVar(&o.stream, "stream", "EVENTS", "`NAME` of the stream with the events")
	flags.StringVar(&o.durable, "durable", "rejoin", "`NAME` of the durable consumer, which all instances share")
	flags.StringVar(&o.deadLetters, "dead-letters", "events.dead", "`SUBJECT` for messages that can never be recorded; outside of the stream")
	_ = flags.Parse(args) // ends the program on an error

	if *database == "" {
		return errors.New("-database is required")
	}
	store, err := postgres.Open(ctx, postgres.Options{URL: *database})
	if err != nil {
		return err
	}
	defer store.Close()
	connection, err := nats.Connect(*url, nats.MaxReconnects(-1))
	if err != nil {
		return err
	}
	defer connection.Close()
	js, err := jetstream.New(connection)
	if err != nil {
		return err
	}
	if err := record(ctx, js, store, o); !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}

type options struct {
	stream, durable string
	deadLetters     string
	// ackWait is how long the broker waits for an acknowledgment before it delivers a message
	// again.
	ackWait time.Duration
	// retryDelay is how long a message waits after the store failed.
	retryDelay time.Duration
	logger     *slog.Logger
}

// record records the events of a stream until ctx ends, one after another.
func record(ctx context.Context, js jetstream.JetStream, events event.Recorder, o options) error {
	messages, err := js.CreateOrUpdateConsumer(ctx, o.stream, jetstream.ConsumerConfig{
		Durable:   o.durable,
		AckPolicy: jetstream.AckExplicitPolicy,
		AckWait:   o.ackWait,
	})
	if err != nil {
		return err
	}
	iterator, err := messages.Messages(jetstream.PullMaxMessages(100))
	if err != nil {
		return err
	}
	defer context.AfterFunc(ctx, iterator.Stop)()
	for {
		message, err := iterator.Next()
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			return err
		}
		if err := handle(ctx, js, events, message, o); err != nil {
			return err
		}
	}
}

// handle records the event of a message and tells the broker what became of it.
func handle(ctx context.Context, js jetstream.JetStream, events event.Recorder, message jetstream.Msg, o options) error {
	e, err := event.Parse(message.Data())
	if err == nil {
		_, err = events.RecordEvent(ctx, e)
	}
	switch {
	case ctx.Err() != nil:
		return ctx.Err() // neither acknowledged nor refused: the broker delivers it again
	case err == nil, errors.Is(err, event.ErrIgnored):
		// The event is durable. An acknowledgment that gets lost does no harm: the message
		// comes again and is a duplicate.
		return message.Ack()
	case errors.Is(err, event.ErrMalformed), errors.Is(err, consumer.ErrInvalid):
		// The reason names fields and never contains their values.
		o.logger.WarnContext(ctx, "an event went to the dead letters", "cause", err)
		letter := nats.NewMsg(o.deadLetters)
		letter.Data = message.Data()
		letter.Header.Set("Rejoin-Error", err.Error())
		if _, err := js.PublishMsg(ctx, letter); err != nil {
			return fmt.Errorf("publish a dead letter: %w", err)
		}
		return message.TermWithReason("invalid event")
	default:
		o.logger.ErrorContext(ctx, "an event could not be recorded yet", "cause", err)
		return message.NakWithDelay(o.retryDelay)
	}
}
