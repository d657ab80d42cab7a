package storagetest

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rejoinhq/rejoin/consumer"
	"github.com/rejoinhq/rejoin/consumer/event"
)

// Opener opens an empty Store for one benchmark, and closes it with b.Cleanup. A benchmark
// calls settle after it has filled the Store and before it measures, for work that a
// database would do by itself later.
type Opener func(b *testing.B) (store consumer.Store, settle func())

// Benchmark measures a Store: snapshots, single, batched and bulk writes, purges, look-ups
// of several consumers, and events if the Store records them. Compare the figures of two Stores only within one run.
func Benchmark(b *testing.B, open Opener) {
	for _, one := range []struct {
		name string
		run  func(*testing.B, Opener)
	}{
		{"Snapshot", benchmarkSnapshot},
		{"Write", benchmarkWrite},
		{"WriteBatch", benchmarkWriteBatch},
		{"WriteBulk", benchmarkWriteBulk},
		{"Purge", benchmarkPurge},
		{"Consumers", benchmarkConsumers},
		{"RecordEvent", benchmarkRecordEvent},
		{"WriteOrEvent", benchmarkWriteOrEvent},
	} {
		b.Run(one.name, func(b *testing.B) { one.run(b, open) })
	}
}

// benchmarkConsumer returns a consumer with three records.
func benchmarkConsumer(n int, updatedAt time.Time) consumer.Batch {
	id := fmt.Sprintf("cons_%07d", n)
	return consumer.Batch{
		Consumers: []consumer.Consumer{{
			OrganizationID: "org_1", ID: id, CreatedAt: updatedAt, UpdatedAt: updatedAt,
			Email: new("ada@example.com"), Phone: new("+12025551234"), FullName: new("Ada Lovelace"),
		}},
		Participations: []consumer.Participation{
			{
				OrganizationID: "org_1", ConsumerID: id, Type: consumer.Queue, ID: "queue_1",
				ExperienceID: "exp_1", SequenceID: "seq_1", Status: consumer.StatusAdmitted, Position: new(int64(0)),
				EnteredAt: updatedAt, UpdatedAt: updatedAt, AdmittedAt: &updatedAt, AdmissionToken: new("token"),
			},
			{
				OrganizationID: "org_1", ConsumerID: id, Type: consumer.Draw, ID: "draw_1",
				ExperienceID: "exp_2", SequenceID: "seq_2", Status: consumer.StatusEntered, EnteredAt: updatedAt, UpdatedAt: updatedAt,
			},
			{
				OrganizationID: "org_1", ConsumerID: id, Type: consumer.Auction, ID: "auction_1",
				ExperienceID: "exp_3", SequenceID: "seq_3", Status: consumer.StatusWinning, EnteredAt: updatedAt, UpdatedAt: updatedAt,
				LastBidAmount: new(consumer.Amount("250.00")), LastBidTime: &updatedAt, BidCount: new(int64(3)),
			},
		},
	}
}

func benchmarkMoment() time.Time { return time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC) }

// benchmarkSnapshot reads one consumer of many, with different numbers of records,
// sequentially and concurrently.
func benchmarkSnapshot(b *testing.B, open Opener) {
	for _, participations := range []int{0, 3, 10, 100} {
		b.Run(fmt.Sprintf("participations=%d", participations), func(b *testing.B) {
			benchmarkSnapshotOf(b, open, participations)
		})
	}
}

func benchmarkSnapshotOf(b *testing.B, open Opener, participations int) {
	const records = 30_000
	store, settle := open(b)
	var all consumer.Batch
	var ids []string
	for n := range records / max(participations, 3) {
		one := benchmarkConsumer(n, benchmarkMoment())
		ids = append(ids, one.Consumers[0].ID)
		all.Consumers = append(all.Consumers, one.Consumers...)
		for i := range participations {
			p := one.Participations[i%3]
			p.ID = fmt.Sprintf("%s_%d", p.ID, i)
			all.Participations = append(all.Participations, p)
		}
	}
	if _, err := store.Write(b.Context(), all); err != nil {
		b.Fatal(err)
	}
	settle()
	read := func(ctx context.Context, n int) {
		snapshot, err := store.Snapshot(ctx, consumer.Key{OrganizationID: "org_1", ConsumerID: ids[n%len(ids)]})
		if err != nil || len(snapshot.Participations) != participations {
			b.Errorf("snapshot with %d participations, error %v", len(snapshot.Participations), err)
		}
	}
	b.Run("one after another", func(b *testing.B) {
		b.ReportAllocs()
		n := 0
		for b.Loop() {
			n += 7919
			read(b.Context(), n)
		}
	})
	b.Run("parallel", func(b *testing.B) {
		b.ReportAllocs()
		b.RunParallel(func(pb *testing.PB) {
			for n := 0; pb.Next(); n += 7919 {
				read(b.Context(), n)
			}
		})
	})
}

// benchmarkWrite writes one record at a time, each durable before the next.
func benchmarkWrite(b *testing.B, open Opener) {
	store, _ := open(b)
	batch := consumer.Batch{Participations: benchmarkConsumer(1, benchmarkMoment()).Participations[:1]}
	b.ReportAllocs()
	for updatedAt := benchmarkMoment(); b.Loop(); updatedAt = updatedAt.Add(time.Second) {
		batch.Participations[0].UpdatedAt = updatedAt
		if _, err := store.Write(b.Context(), batch); err != nil {
			b.Fatal(err)
		}
	}
}

// benchmarkWriteBatch writes 1,000 records at a time: new ones, newer versions of them, and
// these again.
func benchmarkWriteBatch(b *testing.B, open Opener) {
	const records = 1000
	batch := func(first int, updatedAt time.Time) (all consumer.Batch) {
		for n := range records / 4 {
			one := benchmarkConsumer(first+n, updatedAt)
			all.Consumers = append(all.Consumers, one.Consumers...)
			all.Participations = append(all.Participations, one.Participations...)
		}
		return all
	}
	for _, kind := range []struct {
		name string
		next func(round int) consumer.Batch
	}{
		{"new", func(round int) consumer.Batch { return batch(round*records, benchmarkMoment()) }},
		{"newer", func(round int) consumer.Batch {
			return batch(0, benchmarkMoment().Add(time.Duration(round)*time.Second))
		}},
		{"stale", func(int) consumer.Batch { return batch(0, benchmarkMoment()) }},
	} {
		b.Run(kind.name, func(b *testing.B) {
			store, _ := open(b)
			ctx, cancel := context.WithCancel(b.Context())
			defer cancel()
			round := 0
			for b.Loop() {
				if _, err := store.Write(ctx, kind.next(round)); err != nil {
					b.Fatal(err)
				}
				round++
			}
			b.ReportMetric(float64(records)*float64(b.N)/b.Elapsed().Seconds(), "records/s")
		})
	}
}

// benchmarkWriteBulk writes 10,000 new records of 3,000 consumers in one call.
func benchmarkWriteBulk(b *testing.B, open Opener) {
	const consumers, records = 3000, 10_000
	store, _ := open(b)
	var batch consumer.Batch
	for n := range consumers {
		one := benchmarkConsumer(n, benchmarkMoment())
		batch.Consumers = append(batch.Consumers, one.Consumers...)
		batch.Participations = append(batch.Participations, one.Participations[:2]...)
	}
	for n := range records - 3*consumers {
		batch.Participations = append(batch.Participations, benchmarkConsumer(n, benchmarkMoment()).Participations[2])
	}
	round := 0
	for b.Loop() {
		b.StopTimer()
		inOrganization(&batch, fmt.Sprintf("org_%d", round))
		round++
		b.StartTimer()
		result, err := consumer.WriteBulk(b.Context(), store, batch)
		if err != nil || result.Applied != records {
			b.Fatalf("WriteBulk returned %+v and the error %v", result.WriteResult, err)
		}
	}
	b.ReportMetric(records*float64(b.N)/b.Elapsed().Seconds(), "records/s")
}

func inOrganization(batch *consumer.Batch, id string) {
	for i := range batch.Consumers {
		batch.Consumers[i].OrganizationID = id
	}
	for i := range batch.Participations {
		batch.Participations[i].OrganizationID = id
	}
}

// benchmarkPurge deletes 1,000 tombstones at a time from among ten times as many records
// that remain.
func benchmarkPurge(b *testing.B, open Opener) {
	const records = 1000
	store, _ := open(b)
	var staying, over consumer.Batch
	for n := range 10 * records {
		one := benchmarkConsumer(n, benchmarkMoment())
		staying.Participations = append(staying.Participations, one.Participations[0])
		if n < records {
			one.Participations[1].Status = consumer.StatusLost
			over.Participations = append(over.Participations, one.Participations[1])
		}
	}
	if _, err := store.Write(b.Context(), staying); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		b.StopTimer()
		if _, err := store.Write(b.Context(), over); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
		if result, err := store.Purge(b.Context(), consumer.Purge{Before: benchmarkMoment().Add(time.Hour), Limit: records}); err != nil || result.Records != records {
			b.Fatalf("Purge returned %+v and the error %v", result, err)
		}
	}
	b.ReportMetric(records*float64(b.N)/b.Elapsed().Seconds(), "records/s")
}

// benchmarkConsumers looks 100 consumers of 10,000 up at once.
func benchmarkConsumers(b *testing.B, open Opener) {
	const consumers, each = 10_000, 100
	store, _ := open(b)
	var all consumer.Batch
	for n := range consumers {
		all.Consumers = append(all.Consumers, benchmarkConsumer(n, benchmarkMoment()).Consumers...)
	}
	if _, err := store.Write(b.Context(), all); err != nil {
		b.Fatal(err)
	}
	ids := make([]string, each)
	b.ReportAllocs()
	for first := 0; b.Loop(); first += 7919 {
		for i := range ids {
			ids[i] = all.Consumers[(first+i*97)%consumers].ID
		}
		found, err := store.Consumers(b.Context(), "org_1", ids)
		if err != nil || len(found) != each {
			b.Fatalf("%d consumers, error %v", len(found), err)
		}
	}
}

func recorderOf(b *testing.B, store consumer.Store) event.Recorder {
	b.Helper()
	recorder, ok := store.(event.Recorder)
	if !ok {
		b.Skip("the store does not record events")
	}
	return recorder
}

// benchmarkEvent returns a bid of a consumer, with an id of its own.
func benchmarkEvent(consumerID string, n int) event.Event {
	return event.Event{
		OrganizationID: "org_1", ConsumerID: consumerID, ID: fmt.Sprintf("%s_%d", consumerID, n), Type: event.BidPlaced,
		At: benchmarkMoment().Add(time.Duration(n) * time.Second), SubjectID: "auction_1", ExperienceID: "exp_1", SequenceID: "seq_1",
		BidID: fmt.Sprintf("bid_%d", n), BidAmount: "250.00", HighestBid: true,
	}
}

// benchmarkRecordEvent records one more event about a consumer who has few or many.
func benchmarkRecordEvent(b *testing.B, open Opener) {
	for _, events := range []int{10, 1000} {
		b.Run(fmt.Sprintf("events=%d", events), func(b *testing.B) {
			store, settle := open(b)
			recorder := recorderOf(b, store)
			record := func(consumerID string, n int) {
				if _, err := recorder.RecordEvent(b.Context(), benchmarkEvent(consumerID, n)); err != nil {
					b.Fatal(err)
				}
			}
			for n := range events {
				record("cons_0", n)
			}
			settle()
			for i := 0; b.Loop(); i++ {
				n := i % (events / 10)
				consumerID := fmt.Sprintf("cons_%d", i/(events/10))
				if n == 0 && i > 0 { // another consumer, so that the number of events stays
					b.StopTimer()
					for n := range events {
						record(consumerID, n)
					}
					b.StartTimer()
				}
				record(consumerID, events+n)
			}
		})
	}
}

// benchmarkWriteOrEvent compares an event with a write of the same participation, each about
// another consumer, at several numbers of goroutines.
func benchmarkWriteOrEvent(b *testing.B, open Opener) {
	for _, goroutines := range []int{1, 8, 32} {
		for _, kind := range []string{"write", "event"} {
			b.Run(fmt.Sprintf("%s/goroutines=%d", kind, goroutines), func(b *testing.B) {
				store, _ := open(b)
				recorder := recorderOf(b, store)
				one := func(n int) (err error) {
					id := fmt.Sprintf("cons_%d", n)
					if kind == "event" {
						_, err = recorder.RecordEvent(b.Context(), benchmarkEvent(id, n))
						return err
					}
					_, err = store.Write(b.Context(), consumer.Batch{Participations: []consumer.Participation{{
						OrganizationID: "org_1", ConsumerID: id, Type: consumer.Auction, ID: "auction_1", ExperienceID: "exp_1", SequenceID: "seq_1",
						Status: consumer.StatusWinning, EnteredAt: benchmarkMoment(), UpdatedAt: benchmarkMoment(),
						LastBidAmount: new(consumer.Amount("250.00")), LastBidTime: new(benchmarkMoment()), BidCount: new(int64(1)),
					}}})
					return err
				}
				var next atomic.Int64
				b.ResetTimer()
				var all sync.WaitGroup
				for range goroutines {
					all.Go(func() {
						for n := next.Add(1); n <= int64(b.N); n = next.Add(1) {
							if err := one(int(n)); err != nil {
								b.Error(err)
								return
							}
						}
					})
				}
				all.Wait()
				b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "ops/s")
			})
		}
	}
}
