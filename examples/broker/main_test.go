package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/rejoinhq/rejoin/consumer"
	"github.com/rejoinhq/rejoin/consumer/event"
	"github.com/rejoinhq/rejoin/storage/storagetest"
)

// broker is a NATS server in this process, with a stream for events and one for dead letters.
type broker struct {
	t   *testing.T
	js  jetstream.JetStream
	log *bytes.Buffer
}

func newBroker(t *testing.T) *broker {
	t.Helper()
	nats, err := server.NewServer(&server.Options{Host: "127.0.0.1", Port: server.RANDOM_PORT, JetStream: true, StoreDir: t.TempDir(), NoSigs: true})
	must(t, err)
	nats.Start()
	t.Cleanup(func() { nats.Shutdown(); nats.WaitForShutdown() })
	if !nats.ReadyForConnections(30 * time.Second) {
		t.Fatal("the NATS server is not ready")
	}
	b := &broker{t: t, log: &bytes.Buffer{}}
	b.js = connect(t, nats.ClientURL())
	for name, subject := range map[string]string{"EVENTS": "events.fanfare", "DEAD": "events.dead"} {
		_, err := b.js.CreateStream(t.Context(), jetstream.StreamConfig{Name: name, Subjects: []string{subject}})
		must(t, err)
	}
	return b
}

func connect(t *testing.T, url string) jetstream.JetStream {
	t.Helper()
	connection, err := nats.Connect(url)
	must(t, err)
	t.Cleanup(connection.Close)
	js, err := jetstream.New(connection)
	must(t, err)
	return js
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func (b *broker) publish(texts ...string) {
	b.t.Helper()
	for _, text := range texts {
		_, err := b.js.Publish(b.t.Context(), "events.fanfare", []byte(text))
		must(b.t, err)
	}
}

// start runs the program until the returned function is called, which returns its error.
func (b *broker) start(events event.Recorder) (stop func() error) {
	return b.startWith(events, time.Minute)
}

func (b *broker) startWith(events event.Recorder, ackWait time.Duration) (stop func() error) {
	ctx, cancel := context.WithCancel(b.t.Context())
	ended := make(chan error, 1)
	go func() {
		ended <- record(ctx, b.js, events, options{
			stream: "EVENTS", durable: "rejoin", deadLetters: "events.dead", ackWait: ackWait, retryDelay: time.Millisecond,
			logger: slog.New(slog.NewTextHandler(b.log, nil)),
		})
	}()
	return func() error {
		cancel()
		return <-ended
	}
}

// state returns the broker's view of the durable consumer.
func (b *broker) state() *jetstream.ConsumerInfo {
	b.t.Helper()
	c, err := b.js.Consumer(b.t.Context(), "EVENTS", "rejoin")
	must(b.t, err)
	info, err := c.Info(b.t.Context())
	must(b.t, err)
	return info
}

// settled waits until the broker has an answer for n messages and nothing is left.
func (b *broker) settled(n uint64) {
	b.t.Helper()
	for b.t.Context().Err() == nil {
		c, err := b.js.Consumer(b.t.Context(), "EVENTS", "rejoin")
		if err != nil {
			continue // the program has not created it yet
		}
		if info := c.CachedInfo(); info.AckFloor.Stream == n && info.NumAckPending == 0 && info.NumPending == 0 {
			return
		}
	}
}

func bid(n int) string {
	return fmt.Sprintf(`{"id":"evt_%d","type":"auction.bid.placed","organizationId":"org_1","data":{"consumerId":"cons_1","auctionId":"auction_1",`+
		`"experienceId":"exp_1","sequenceId":"seq_1","bidId":"bid_%d","bidAmount":"10.00","bidTime":"2024-12-01T10:00:%02dZ"}}`, n, n, n)
}

func wantBids(t *testing.T, store consumer.Lifecycle, want int64) {
	t.Helper()
	export, err := store.Export(t.Context(), consumer.Key{OrganizationID: "org_1", ConsumerID: "cons_1"})
	if err != nil || len(export.Participations) != 1 || *export.Participations[0].BidCount != want {
		t.Errorf("Export returned %+v and the error %v, want %d bids", export, err, want)
	}
}

// recorderFunc is a Recorder.
type recorderFunc func(context.Context, event.Event) (event.Result, error)

func (f recorderFunc) RecordEvent(ctx context.Context, e event.Event) (event.Result, error) {
	return f(ctx, e)
}

func TestEventsAreRecorded(t *testing.T) {
	b, store := newBroker(t), new(storagetest.Model)
	b.publish(bid(1), bid(2), bid(1), `{"id":"evt_9","type":"queue.opened","organizationId":"org_1","data":{}}`)
	stop := b.start(store)
	b.settled(4)
	if err := stop(); !errors.Is(err, context.Canceled) {
		t.Errorf("record returned the error %v", err)
	}
	wantBids(t, store, 2)
}

func TestMessageIsAcknowledgedAfterTheCommit(t *testing.T) {
	b, store := newBroker(t), new(storagetest.Model)
	recording, commit := make(chan bool), make(chan bool)
	stop := b.start(recorderFunc(func(ctx context.Context, e event.Event) (event.Result, error) {
		recording <- true
		<-commit
		return store.RecordEvent(ctx, e)
	}))
	b.publish(bid(1))
	<-recording
	if info := b.state(); info.NumAckPending != 1 || info.AckFloor.Stream != 0 {
		t.Errorf("before the commit: %d messages wait for an acknowledgment, %d are acknowledged", info.NumAckPending, info.AckFloor.Stream)
	}
	close(commit)
	b.settled(1)
	_ = stop()
	wantBids(t, store, 1)
}

func TestMessageComesAgainAfterACrashBetweenCommitAndAcknowledgment(t *testing.T) {
	b, store := newBroker(t), new(storagetest.Model)
	committed := make(chan bool, 1)
	crash := b.startWith(recorderFunc(func(ctx context.Context, e event.Event) (event.Result, error) {
		result, err := store.RecordEvent(ctx, e)
		committed <- true
		<-ctx.Done() // the program ends here
		return result, err
	}), 10*time.Millisecond)
	b.publish(bid(1))
	<-committed
	_ = crash()
	if info := b.state(); info.AckFloor.Stream != 0 {
		t.Fatalf("%d messages are acknowledged", info.AckFloor.Stream)
	}
	results := make(chan event.Result, 1000)
	stop := b.startWith(recorderFunc(func(ctx context.Context, e event.Event) (event.Result, error) {
		result, err := store.RecordEvent(ctx, e)
		results <- result
		return result, err
	}), 10*time.Millisecond)
	b.settled(1)
	_ = stop()
	close(results)
	deliveries := 0
	for result := range results {
		deliveries++
		if result != event.Duplicate {
			t.Errorf("a later delivery was %q, want a duplicate", result)
		}
	}
	if deliveries == 0 {
		t.Error("the message was not delivered again")
	}
	wantBids(t, store, 1)
}

func TestInvalidMessagesGoToTheDeadLetters(t *testing.T) {
	b, store := newBroker(t), new(storagetest.Model)
	invalid := strings.Replace(bid(1), `"bidAmount":"10.00"`, `"bidAmount":"a secret"`, 1)
	b.publish("no JSON", invalid, bid(2))
	stop := b.start(store)
	b.settled(3)
	_ = stop()
	wantBids(t, store, 1)
	dead, err := b.js.OrderedConsumer(t.Context(), "DEAD", jetstream.OrderedConsumerConfig{})
	must(t, err)
	for _, want := range []struct{ data, reason string }{
		{"no JSON", "event is not one JSON object"},
		{invalid, "data.bidAmount"},
	} {
		letter, err := dead.Next()
		must(t, err)
		if string(letter.Data()) != want.data || !strings.Contains(letter.Headers().Get("Rejoin-Error"), want.reason) {
			t.Errorf("the dead letter is %s with %v, want %s with %q", letter.Data(), letter.Headers(), want.data, want.reason)
		}
	}
	if log := b.log.String(); strings.Contains(log, "a secret") || strings.Contains(log, "cons_1") {
		t.Errorf("the log is %s", log)
	}
}

func TestMessagesWaitWhileTheStoreIsDown(t *testing.T) {
	b, store := newBroker(t), new(storagetest.Model)
	var calls atomic.Int64
	stop := b.start(recorderFunc(func(ctx context.Context, e event.Event) (event.Result, error) {
		if calls.Add(1) <= 3 {
			return "", fmt.Errorf("record event: %w", consumer.ErrUnavailable)
		}
		return store.RecordEvent(ctx, e)
	}))
	b.publish(bid(1), bid(2))
	b.settled(2)
	_ = stop()
	wantBids(t, store, 2)
}
