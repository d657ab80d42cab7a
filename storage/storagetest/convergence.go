package storagetest

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/rejoinhq/rejoin/consumer"
)

// convergenceCases test the rule of consumer.Version: first with pairs of writes in both
// orders, then with random histories.
func convergenceCases() []storeCase {
	return []storeCase{
		{"an older write never replaces a newer one", staysOver(
			participation(becoming(consumer.StatusQueued, at(1))),
			participation(becoming(consumer.StatusAdmitted, at(0))))},
		{"a microsecond decides", staysOver(
			participation(becoming(consumer.StatusQueued, at(0).Add(time.Microsecond))),
			participation(becoming(consumer.StatusAdmitted, at(0))))},
		{"a time before 1970 is older", staysOver(
			participation(becoming(consumer.StatusQueued, time.Unix(0, 0).UTC())),
			participation(becoming(consumer.StatusAdmitted, time.Unix(0, -1000).UTC())))},
		{"a late write cannot revive what ended", staysOver(
			participation(becoming(consumer.StatusLeft, at(1))),
			participation(becoming(consumer.StatusAdmitted, at(0))))},
		{"a newer active write after a terminal one is a re-entry", staysOver(
			participation(becoming(consumer.StatusQueued, at(1))),
			participation(becoming(consumer.StatusCompleted, at(0))))},
		{"at equal times a terminal status remains", staysOver(
			participation(becoming(consumer.StatusLeft, at(0))),
			participation(becoming(consumer.StatusAdmitted, at(0))))},
		{"at equal times the status that is later in its row remains", staysOver(
			participation(becoming(consumer.StatusAdmitted, at(0))),
			participation(becoming(consumer.StatusQueued, at(0))))},
		{"at equal times the terminal status that is later in its row remains", staysOver(
			participation(becoming(consumer.StatusExpired, at(0))),
			participation(becoming(consumer.StatusCompleted, at(0))))},
		{"at equal statuses the greater canonical JSON remains", staysOver(
			participation(func(p *consumer.Participation) { p.SequenceID = "seq_2" }),
			participation(func(p *consumer.Participation) { p.SequenceID = "seq_10" }))},
		{"canonical JSON compares in byte order, not by alphabet", staysOver(
			participation(func(p *consumer.Participation) { p.SequenceID = "a" }),
			participation(func(p *consumer.Participation) { p.SequenceID = "Z" }))},
		{"canonical JSON compares numbers as text", staysOver(
			participation(func(p *consumer.Participation) { p.Position = new(int64(9)) }),
			participation(func(p *consumer.Participation) { p.Position = new(int64(10)) }))},
		{"an older profile never replaces a newer one", profileStaysOver(
			profile(func(c *consumer.Consumer) { c.FullName, c.UpdatedAt = new("A"), at(1) }),
			profile(func(c *consumer.Consumer) { c.FullName = new("B") }))},
		{"at equal times the profile that is greater in byte order remains", profileStaysOver(
			profile(func(c *consumer.Consumer) { c.FullName = new("é") }),
			profile(func(c *consumer.Consumer) { c.FullName = new("z") }))},
		{"a late admission cannot revive what ended", admissionStaysOver(
			admission(ended(at(1))), admission())},
		{"at equal times an ended admission remains", admissionStaysOver(
			admission(ended(at(0))),
			admission(func(a *consumer.Admission) { a.AdmissionToken = "zzz" }))},
		{"an admission granted again after its end is live", admissionStaysOver(
			admission(func(a *consumer.Admission) { a.AdmittedAt, a.UpdatedAt = at(2), at(2) }),
			admission(ended(at(1))))},
		{"at equal times the admission with the greater canonical JSON remains", admissionStaysOver(
			admission(func(a *consumer.Admission) { a.AdmissionToken = "b" }),
			admission(func(a *consumer.Admission) { a.AdmissionToken = "a" }))},
		{"any permutation of the same writes, with any duplicates, ends in the same state", testHistories},
	}
}

func staysOver(winner, loser consumer.Participation) func(*testing.T, consumer.Store) {
	return testStays(participations(winner), participations(loser))
}

func profileStaysOver(winner, loser consumer.Consumer) func(*testing.T, consumer.Store) {
	return testStays(profiles(winner), profiles(loser))
}

func admissionStaysOver(winner, loser consumer.Admission) func(*testing.T, consumer.Store) {
	return testStays(admissions(winner), admissions(loser))
}

// testStays writes in both orders, for two consumers. It writes again to see what is stored:
// both writes must be stale.
func testStays(winner, loser consumer.Batch) func(*testing.T, consumer.Store) {
	return func(t *testing.T, store consumer.Store) {
		first := together(profiles(profile()), winner)
		if len(winner.Consumers) > 0 {
			first = winner
		}
		wantWrite(t, store, loser, 1, 0)
		wantWrite(t, store, winner, 1, 0)
		wantWrite(t, store, loser, 0, 1)
		wantWrite(t, store, winner, 0, 1)
		write(t, store, first)
		wantSnapshot(t, store, withoutEnded(first))

		first, winner, loser = movedToOther(first), movedToOther(winner), movedToOther(loser)
		wantWrite(t, store, winner, 1, 0)
		wantWrite(t, store, loser, 0, 1)
		write(t, store, first)
		wantSnapshot(t, store, withoutEnded(first))
	}
}

// withoutEnded returns the part of a batch that a snapshot holds.
func withoutEnded(b consumer.Batch) consumer.Batch {
	shown := profiles(b.Consumers...)
	for _, p := range b.Participations {
		if p.Version().Rank < consumer.TerminalRank {
			shown.Participations = append(shown.Participations, p)
		}
	}
	for _, a := range b.Admissions {
		if a.EndedAt == nil {
			shown.Admissions = append(shown.Admissions, a)
		}
	}
	return shown
}

// movedToOther returns the batch with its records about the other person.
func movedToOther(b consumer.Batch) consumer.Batch {
	b = together(b)
	for i := range b.Consumers {
		b.Consumers[i].ID = otherPerson
	}
	for i := range b.Participations {
		b.Participations[i].ConsumerID = otherPerson
	}
	for i := range b.Admissions {
		b.Admissions[i].ConsumerID = otherPerson
	}
	return b
}

// testHistories writes random histories to the store, in random order, with
// duplicates, in random batches and from several goroutines, and record by record
// to a [Model].
func testHistories(t *testing.T, store consumer.Store) {
	var histories atomic.Int64
	rapid.Check(t, func(rt *rapid.T) {
		organizationID := fmt.Sprintf("org_history_%d", histories.Add(1)) // another for each, so that all start from nothing
		history := drawHistory(rt, organizationID)
		model := new(Model)
		for _, one := range history {
			if _, err := model.Write(t.Context(), one); err != nil {
				rt.Fatalf("the model refused %+v: %v", one, err)
			}
		}
		writeConcurrently(t, rt, store, drawBatches(rt, history))

		for _, id := range historyConsumers() {
			want, err := model.Snapshot(t.Context(), consumer.Key{OrganizationID: organizationID, ConsumerID: id})
			if err != nil {
				rt.Fatalf("the model's snapshot: %v", err)
			}
			got, err := store.Snapshot(t.Context(), consumer.Key{OrganizationID: organizationID, ConsumerID: id})
			if err != nil {
				rt.Fatalf("Snapshot: %v", err)
			}
			if diff := gocmp.Diff(ordered(want), ordered(got)); diff != "" {
				rt.Fatalf("snapshot (-model +store):\n%s", diff)
			}
		}
		// A snapshot lacks tombstones, but they make the whole history stale.
		again, err := store.Write(t.Context(), together(history...))
		if err != nil || again.Applied != 0 {
			rt.Fatalf("the history written again: %+v, error %v", again, err)
		}
	})
}

func historyConsumers() []string { return []string{person, otherPerson} }

// drawHistory returns batches of one record. There are few choices, so that records often
// have the same key, time and status.
func drawHistory(rt *rapid.T, organizationID string) []consumer.Batch {
	var history []consumer.Batch
	for _, id := range historyConsumers() {
		history = append(history, profiles(profile(func(c *consumer.Consumer) { c.OrganizationID, c.ID = organizationID, id })))
	}
	for range rapid.IntRange(1, 30).Draw(rt, "records") {
		history = append(history, drawRecord(rt, organizationID))
	}
	return history
}

func drawRecord(rt *rapid.T, organizationID string) consumer.Batch {
	id := rapid.SampledFrom(historyConsumers()).Draw(rt, "consumer")
	updatedAt := at(0).Add(time.Duration(rapid.IntRange(0, 3).Draw(rt, "moment")) * time.Microsecond)
	text := rapid.SampledFrom([]string{"a", "B", "b", "é", "e\u0301"}).Draw(rt, "text")
	distribution := rapid.SampledFrom([]string{"one", "two"}).Draw(rt, "distribution")
	tables := []string{"profile", "participation", "admission", "distribution"}
	switch rapid.SampledFrom(tables).Draw(rt, "table") {
	case "distribution":
		return distributions(queue(func(d *consumer.Distribution) {
			d.OrganizationID, d.ID, d.UpdatedAt = organizationID, distribution, updatedAt
			d.Type = rapid.SampledFrom([]consumer.DistributionType{consumer.Queue, consumer.Auction}).Draw(rt, "type")
			if rapid.Bool().Draw(rt, "ended") {
				d.EndedAt = &updatedAt
			}
			switch {
			case d.Type == consumer.Queue:
				d.Serving = rapid.SampledFrom([]*int64{nil, new(int64(0)), new(int64(9)), new(int64(10))}).Draw(rt, "serving")
			case d.EndedAt != nil:
				d.WinnerID = rapid.SampledFrom([]*string{nil, new(person), new(otherPerson)}).Draw(rt, "winner")
			}
		}))
	case "profile":
		return profiles(profile(func(c *consumer.Consumer) {
			c.OrganizationID, c.ID, c.FullName, c.UpdatedAt = organizationID, id, &text, updatedAt
		}))
	case "admission":
		return admissions(admission(func(a *consumer.Admission) {
			a.OrganizationID, a.ConsumerID, a.DistributionID, a.AdmissionToken = organizationID, id, distribution, text
			if rapid.Bool().Draw(rt, "ended") {
				a.EndedAt = &updatedAt
			}
			a.UpdatedAt = updatedAt
		}))
	}
	return participations(participation(func(p *consumer.Participation) {
		p.OrganizationID, p.ConsumerID, p.ID, p.UpdatedAt = organizationID, id, distribution, updatedAt
		p.Type = rapid.SampledFrom(consumer.DistributionTypes()).Draw(rt, "type")
		p.Status = rapid.SampledFrom(append(p.Type.ActiveStatuses(), p.Type.TerminalStatuses()...)).Draw(rt, "status")
		if p.Type.IsAdmitting(p.Status) {
			p.AdmissionToken = &text
		}
	}))
}

// drawBatches shuffles a history and some duplicates, and splits it into batches.
func drawBatches(rt *rapid.T, history []consumer.Batch) []consumer.Batch {
	duplicates := rapid.SliceOfN(rapid.SampledFrom(history), 0, 10).Draw(rt, "duplicates")
	shuffled := rapid.Permutation(append(duplicates, history...)).Draw(rt, "order")
	var batches []consumer.Batch
	for len(shuffled) > 0 {
		n := rapid.IntRange(1, min(10, len(shuffled))).Draw(rt, "batch")
		batches = append(batches, together(shuffled[:n]...))
		shuffled = shuffled[n:]
	}
	return batches
}

// writeConcurrently returns when several goroutines have written all batches.
func writeConcurrently(t *testing.T, rt *rapid.T, store consumer.Writer, batches []consumer.Batch) {
	queue := make(chan consumer.Batch, len(batches))
	for _, b := range batches {
		queue <- b
	}
	close(queue)
	var writers sync.WaitGroup
	for range 4 {
		writers.Go(func() {
			for b := range queue {
				if _, err := store.Write(t.Context(), b); err != nil {
					rt.Errorf("Write: %v", err)
				}
			}
		})
	}
	writers.Wait()
	if rt.Failed() {
		rt.FailNow()
	}
}
