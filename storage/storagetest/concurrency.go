package storagetest

import (
	"errors"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/rejoinhq/rejoin/consumer"
)

func concurrencyCases() []storeCase {
	return []storeCase{
		{"a snapshot sees all of a write or nothing of it", testSnapshotIsConsistent},
		{"after concurrent writes of one record the greatest version remains", testConcurrentWritesOfOneRecord},
		{"no concurrent write of different records is lost", testConcurrentWritesOfManyRecords},
		{"an erasure during concurrent writes leaves nothing", testEraseDuringWrites},
		{"a guest's write during a merge moves or is rejected", testMergeDuringWrites},
		{"one of several concurrent merges of a guest moves its records", testConcurrentMerges},
		{"concurrent purges delete every record once", testConcurrentPurges},
		{"an export is consistent", testExportIsConsistent},
	}
}

// testSnapshotIsConsistent writes the same number to three records while others read.
func testSnapshotIsConsistent(t *testing.T, store consumer.Store) {
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
				s, err := store.Snapshot(t.Context(), consumer.Key{OrganizationID: organization, ConsumerID: person})
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

func testEraseDuringWrites(t *testing.T, store consumer.Store) {
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

// testMergeDuringWrites requires that every acknowledged write of the guest moves, and that
// nothing remains stored about the guest.
func testMergeDuringWrites(t *testing.T, store consumer.Store) {
	const writers, each = 4, 25
	write(t, store, together(profiles(profile()), movedToOther(profiles(profile()))))
	begun := make(chan struct{})
	written := make(chan consumer.Participation, writers*each)
	var all sync.WaitGroup
	for w := range writers {
		all.Go(func() {
			for i := range each {
				p := participation(inDistribution(fmt.Sprintf("queue_%d_%d", w, i)))
				_, err := store.Write(t.Context(), movedToOther(participations(p)))
				switch {
				case err == nil:
					written <- p
				case !errors.Is(err, consumer.ErrErased):
					t.Errorf("Write: %v", err)
				}
				if w == 0 && i == 0 {
					close(begun)
				}
			}
		})
	}
	<-begun
	if _, err := store.Merge(t.Context(), consumer.Merge{OrganizationID: organization, GuestID: otherPerson, ConsumerID: person}); err != nil {
		t.Errorf("Merge: %v", err)
	}
	all.Wait()
	close(written)
	want := profiles(profile())
	for p := range written {
		want.Participations = append(want.Participations, p)
	}
	wantSnapshot(t, store, want)
	wantGone(t, store, organization, otherPerson)
}

func testConcurrentMerges(t *testing.T, store consumer.Store) {
	const merges = 6
	write(t, store, movedToOther(together(participations(participation()), admissions(admission()))))
	claimants := make([]string, merges)
	for n := range claimants {
		claimants[n] = fmt.Sprintf("cons_claimant_%d", n)
		write(t, store, profiles(profile(func(c *consumer.Consumer) { c.ID = claimants[n] })))
	}
	results := make([]consumer.WriteResult, merges)
	var all sync.WaitGroup
	for n, id := range claimants {
		all.Go(func() {
			var err error
			if results[n], err = store.Merge(t.Context(), consumer.Merge{OrganizationID: organization, GuestID: otherPerson, ConsumerID: id}); err != nil {
				t.Errorf("Merge: %v", err)
			}
		})
	}
	all.Wait()
	moved := 0
	for n, id := range claimants {
		e, err := store.Export(t.Context(), consumer.Key{OrganizationID: organization, ConsumerID: id})
		if err != nil {
			t.Fatalf("Export: %v", err)
		}
		if has := len(e.Participations) + len(e.Admissions); has != results[n].Applied {
			t.Errorf("%s has %d records after a merge that applied %d", id, has, results[n].Applied)
		}
		moved += results[n].Applied
	}
	if moved != 2 {
		t.Errorf("the merges applied %d records, want 2", moved)
	}
	wantGone(t, store, organization, otherPerson)
}

func testConcurrentPurges(t *testing.T, store consumer.Store) {
	const records, limit = 200, 15
	var over consumer.Batch
	for i := range records / 2 {
		over.Participations = append(over.Participations, participation(inDistribution(fmt.Sprintf("queue_%d", i)), becoming(consumer.StatusLeft, at(1))))
		over.Admissions = append(over.Admissions, admission(func(a *consumer.Admission) { a.DistributionID, a.ExpiresAt = fmt.Sprintf("release_%d", i), new(at(1)) }))
	}
	write(t, store, over)
	var total atomic.Int64
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for deleted := limit; deleted == limit; {
				result, err := store.Purge(t.Context(), consumer.Purge{Before: at(2), Limit: limit})
				if err != nil {
					t.Errorf("Purge: %v", err)
				}
				deleted = result.Records
				total.Add(int64(deleted))
			}
			wantPurge(t, store, at(2), limit, 0) // fewer than the limit mean that nothing is left
		})
	}
	all.Wait()
	if n := total.Load(); n != records {
		t.Errorf("the purges deleted %d records, want %d", n, records)
	}
	wantNoExport(t, store, organization, person)
}

// testExportIsConsistent merges guests with two records each while others read.
func testExportIsConsistent(t *testing.T, store consumer.Store) {
	const guests = 20
	write(t, store, profiles(profile()))
	for n := range guests {
		id := fmt.Sprintf("guest_%d", n)
		write(t, store, together(
			participations(participation(inDistribution(id), func(p *consumer.Participation) { p.ConsumerID = id })),
			admissions(admission(func(a *consumer.Admission) { a.ConsumerID, a.DistributionID = id, id }))))
	}
	finished := make(chan struct{})
	var readers sync.WaitGroup
	for range 4 {
		readers.Go(func() {
			for {
				e, err := store.Export(t.Context(), consumer.Key{OrganizationID: organization, ConsumerID: person})
				if err != nil || len(e.Participations) != len(e.Admissions) {
					t.Errorf("one export holds %d participations and %d admissions, error %v", len(e.Participations), len(e.Admissions), err)
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
	for n := range guests {
		if _, err := store.Merge(t.Context(), consumer.Merge{OrganizationID: organization, GuestID: fmt.Sprintf("guest_%d", n), ConsumerID: person}); err != nil {
			t.Errorf("Merge: %v", err)
			break
		}
	}
	close(finished)
	readers.Wait()
}
