package storagetest

import (
	"errors"
	"fmt"
	"strconv"
	"sync"
	"testing"

	"github.com/rejoinhq/rejoin/consumer"
)

func concurrencyCases() []storeCase {
	return []storeCase{
		{"a snapshot sees all of a write or nothing of it", testSnapshotIsOfOneMoment},
		{"of concurrent writes of one record the greatest version stays", testConcurrentWritesOfOneRecord},
		{"no concurrent write of different records is lost", testConcurrentWritesOfManyRecords},
		{"an erasure beside concurrent writes leaves nothing", testEraseBesideWrites},
	}
}

// testSnapshotIsOfOneMoment keeps three records at one number while others read.
func testSnapshotIsOfOneMoment(t *testing.T, store consumer.Store) {
	numbered := func(n int) consumer.Batch {
		return together(
			profiles(profile(func(c *consumer.Consumer) { c.FullName, c.UpdatedAt = new(strconv.Itoa(n)), at(n) })),
			participations(participation(becoming(consumer.StatusQueued, at(n)), func(p *consumer.Participation) { p.Position = new(int64(n)) })),
			admissions(admission(func(a *consumer.Admission) { a.AdmissionToken, a.UpdatedAt = strconv.Itoa(n), at(n) })))
	}
	write(t, store, numbered(0))
	finished := make(chan struct{})
	var readers sync.WaitGroup
	for range 4 {
		readers.Go(func() {
			for {
				s, err := store.Snapshot(t.Context(), organization, person)
				if err != nil {
					t.Errorf("Snapshot: %v", err)
					return
				}
				name, position := *s.Consumer.FullName, strconv.FormatInt(*s.Participations[0].Position, 10)
				if token := s.Admissions[0].AdmissionToken; name != position || position != token {
					t.Errorf("one snapshot holds the numbers %s, %s and %s", name, position, token)
					return
				}
				select {
				case <-finished:
					return
				default:
				}
			}
		})
	}
	for n := range 100 {
		if _, err := store.Write(t.Context(), numbered(n+1)); err != nil {
			t.Errorf("Write: %v", err)
			break
		}
	}
	close(finished)
	readers.Wait()
}

func testConcurrentWritesOfOneRecord(t *testing.T, store consumer.Store) {
	const writers, each = 8, 25
	var all sync.WaitGroup
	for w := range writers {
		all.Go(func() {
			for i := range each {
				n := i*writers + w
				p := participation(becoming(consumer.StatusQueued, at(n)), func(p *consumer.Participation) { p.Position = new(int64(n)) })
				if _, err := store.Write(t.Context(), participations(p)); err != nil {
					t.Errorf("Write: %v", err)
				}
			}
		})
	}
	all.Wait()
	const last = writers*each - 1
	wantParticipation(t, store, participation(becoming(consumer.StatusQueued, at(last)),
		func(p *consumer.Participation) { p.Position = new(int64(last)) }))
}

func testConcurrentWritesOfManyRecords(t *testing.T, store consumer.Store) {
	const writers, each = 8, 10
	want := profiles(profile())
	var batches []consumer.Batch
	for n := range writers * each {
		p := participation(inDistribution(fmt.Sprintf("queue_%d", n)))
		want.Participations = append(want.Participations, p)
		batches = append(batches, together(profiles(profile()), participations(p)))
	}
	var all sync.WaitGroup
	for w := range writers {
		all.Go(func() {
			for _, b := range batches[w*each : (w+1)*each] {
				if result, err := store.Write(t.Context(), b); err != nil || result.Applied == 0 {
					t.Errorf("Write returned %+v and the error %v", result, err)
				}
			}
		})
	}
	all.Wait()
	wantSnapshot(t, store, want)
}

func testEraseBesideWrites(t *testing.T, store consumer.Store) {
	begun := make(chan struct{})
	var all sync.WaitGroup
	for w := range 4 {
		all.Go(func() {
			for i := range 20 {
				_, err := store.Write(t.Context(), together(profiles(profile()),
					participations(participation(inDistribution(fmt.Sprintf("queue_%d_%d", w, i))))))
				if w == 0 && i == 0 {
					close(begun)
				}
				if err != nil && !errors.Is(err, consumer.ErrErased) {
					t.Errorf("Write: %v", err)
				}
			}
		})
	}
	<-begun
	erase(t, store, organization, person)
	all.Wait()
	wantNotFound(t, store, organization, person)
	wantRefused(t, store, profiles(profile()), consumer.ErrErased)
}
