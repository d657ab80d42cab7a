package consumer_test

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/rejoinhq/rejoin/consumer"
)

type versioned interface{ Version() consumer.Version }

// write returns the version of a participation with the same key.
func write(edit func(*consumer.Participation)) consumer.Version {
	return validParticipation("queue", func(p *consumer.Participation) { p.UpdatedAt = noon }, edit).Normalized().Version()
}

func TestVersionGreaterWins(t *testing.T) {
	status := func(status consumer.Status, minutes int) consumer.Version {
		return write(func(p *consumer.Participation) {
			p.Status, p.UpdatedAt = status, noon.Add(time.Duration(minutes)*time.Minute)
		})
	}
	position := func(n int64) consumer.Version {
		return write(func(p *consumer.Participation) { p.Status, p.Position = "QUEUED", &n })
	}
	admission := func(edit func(*consumer.Admission)) consumer.Version {
		return validAdmission(func(a *consumer.Admission) { a.UpdatedAt = noon }, edit).Normalized().Version()
	}
	name := func(name string) consumer.Version {
		return validConsumer(func(c *consumer.Consumer) { c.FullName = &name }).Normalized().Version()
	}
	cases := []struct {
		name            string
		greater, lesser consumer.Version
	}{
		{"the newer", status("QUEUED", 1), status("QUEUED", 0)},
		{"a newer active one over a terminal one, which is a re-entry", status("QUEUED", 1), status("EXPIRED", 0)},
		{"a newer earlier status over a later one", status("QUEUED", 1), status("ADMITTED", 0)},
		{"by a microsecond",
			write(func(p *consumer.Participation) { p.UpdatedAt = noon.Add(time.Microsecond) }),
			write(func(p *consumer.Participation) { p.UpdatedAt = noon.Add(999 * time.Nanosecond) })},
		{"at equal moments the first terminal status over the last active one", status("COMPLETED", 0), status("ADMITTED", 0)},
		{"at equal moments the later active status", status("ADMITTED", 0), status("QUEUED", 0)},
		{"at equal moments the later terminal status", status("EXPIRED", 0), status("LEFT", 0)},
		{"at equal moments an ended admission over one with the greater JSON",
			admission(func(a *consumer.Admission) { a.AdmissionToken, a.EndedAt = "a", &noon }),
			admission(func(a *consumer.Admission) { a.AdmissionToken = "z" })},
		{"a newer admission over an ended one",
			admission(func(a *consumer.Admission) { a.UpdatedAt = noon.Add(1e9) }),
			admission(func(a *consumer.Admission) { a.EndedAt = &noon })},
		{"at equal statuses the greater JSON in byte order", position(2), position(1)},
		{"JSON in byte order and not by number", position(9), position(10)},
		{"a profile with the greater JSON", name("b"), name("a")},
		{"bytes and not letters", name("\uffee"), name("é")},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if got := c.greater.Compare(c.lesser); got != 1 {
				t.Errorf("greater to lesser: got %d, want 1", got)
			}
			if got := c.lesser.Compare(c.greater); got != -1 {
				t.Errorf("lesser to greater: got %d, want -1", got)
			}
			if c.greater.Compare(c.greater) != 0 || c.lesser.Compare(c.lesser) != 0 {
				t.Error("a version must equal itself")
			}
		})
	}
}

func TestVersionOfTheSameMomentInAnotherZoneIsTheSame(t *testing.T) {
	here := write(func(*consumer.Participation) {})
	there := write(func(p *consumer.Participation) {
		p.EnteredAt, p.UpdatedAt = noon.In(time.FixedZone("east", 3600)), noon.In(time.FixedZone("west", -3600))
	})
	if got := here.Compare(there); got != 0 {
		t.Errorf("got %d, want 0", got)
	}
}

func TestVersionRanksEveryStatusOfATypeByItsPlaceInTheRow(t *testing.T) {
	for kind, row := range contractTable {
		last := int64(-1)
		for _, status := range slices.Concat(row.active, row.terminal) {
			rank := validParticipation(kind, func(p *consumer.Participation) { p.Status = status }).Version().Rank
			if rank <= last {
				t.Errorf("%s %s: got rank %d, want more than %d", kind, status, rank, last)
			}
			if got, want := rank >= consumer.TerminalRank, slices.Contains(row.terminal, status); got != want {
				t.Errorf("%s %s: got rank %d, is it terminal: %v", kind, status, rank, want)
			}
			last = rank
		}
	}
}

func TestVersionOfAProfileAndALiveAdmissionIsNotTerminal(t *testing.T) {
	if got := validConsumer().Version().Rank; got != 0 {
		t.Errorf("profile: got rank %d, want 0", got)
	}
	if got := validAdmission().Version().Rank; got >= consumer.TerminalRank {
		t.Errorf("live admission: got rank %d", got)
	}
	if got := validAdmission(func(a *consumer.Admission) { a.EndedAt = &noon }).Version().Rank; got < consumer.TerminalRank {
		t.Errorf("ended admission: got rank %d", got)
	}
}

// The writes have one key and few values, so that ties are frequent.

func genProfileWrite() *rapid.Generator[consumer.Consumer] {
	return rapid.Custom(func(t *rapid.T) consumer.Consumer {
		return validConsumer(func(c *consumer.Consumer) {
			c.FullName = optional(t, "fullName", rapid.SampledFrom([]string{"a", "b", "\""}))
			c.UpdatedAt = genFewMoments().Draw(t, "updatedAt")
		}).Normalized()
	})
}

func genParticipationWrite() *rapid.Generator[consumer.Participation] {
	row := contractTable["auction"]
	return rapid.Custom(func(t *rapid.T) consumer.Participation {
		return validParticipation("auction", func(p *consumer.Participation) {
			p.Status = rapid.SampledFrom(slices.Concat(row.active, row.terminal)).Draw(t, "status")
			p.BidCount = optional(t, "bidCount", rapid.Int64Range(9, 10))
			p.LastBidAmount = optional(t, "lastBidAmount", rapid.SampledFrom([]consumer.Amount{"1", "1.0"}))
			p.UpdatedAt = genFewMoments().Draw(t, "updatedAt")
		}).Normalized()
	})
}

func genAdmissionWrite() *rapid.Generator[consumer.Admission] {
	return rapid.Custom(func(t *rapid.T) consumer.Admission {
		return validAdmission(func(a *consumer.Admission) {
			a.AdmissionToken = rapid.SampledFrom([]string{"a", "b"}).Draw(t, "admissionToken")
			a.EndedAt = optional(t, "endedAt", genFewMoments())
			a.UpdatedAt = genFewMoments().Draw(t, "updatedAt")
		}).Normalized()
	})
}

func genFewMoments() *rapid.Generator[time.Time] {
	return rapid.SampledFrom([]time.Time{noon, noon.Add(time.Microsecond), noon.Add(time.Hour)})
}

func TestVersionIsATotalOrder(t *testing.T) {
	anyRecord(t,
		func(t *rapid.T) { checkTotalOrder(t, genProfileWrite()) },
		func(t *rapid.T) { checkTotalOrder(t, genParticipationWrite()) },
		func(t *rapid.T) { checkTotalOrder(t, genAdmissionWrite()) },
	)
}

func checkTotalOrder[R versioned](t *rapid.T, writes *rapid.Generator[R]) {
	a, b, c := writes.Draw(t, "a"), writes.Draw(t, "b"), writes.Draw(t, "c")
	ab, bc, ac := a.Version().Compare(b.Version()), b.Version().Compare(c.Version()), a.Version().Compare(c.Version())
	if ba := b.Version().Compare(a.Version()); ab != -ba {
		t.Errorf("not antisymmetric: a to b is %d, b to a is %d", ab, ba)
	}
	if ab >= 0 && bc >= 0 && ac < max(ab, bc) || ab <= 0 && bc <= 0 && ac > min(ab, bc) {
		t.Errorf("not transitive: a to b is %d, b to c is %d, a to c is %d", ab, bc, ac)
	}
	if same := cmp.Equal(a, b); same != (ab == 0) {
		t.Errorf("the same record: %v, but the versions compare as %d", same, ab)
	}
}

// Section 6 of the contract: any permutation of the same writes, with any duplicates, ends
// in the same state.
func TestAnyPermutationOfTheSameWritesWithDuplicatesEndsTheSame(t *testing.T) {
	anyRecord(t,
		func(t *rapid.T) { checkPermutation(t, genProfileWrite()) },
		func(t *rapid.T) { checkPermutation(t, genParticipationWrite()) },
		func(t *rapid.T) { checkPermutation(t, genAdmissionWrite()) },
	)
}

func checkPermutation[R versioned](t *rapid.T, writes *rapid.Generator[R]) {
	once := rapid.SliceOfN(writes, 1, 8).Draw(t, "writes")
	again := append(slices.Clone(once), rapid.SliceOfN(rapid.SampledFrom(once), 0, 4).Draw(t, "duplicates")...)
	again = rapid.Permutation(again).Draw(t, "permutation")
	if diff := cmp.Diff(stored(once), stored(again)); diff != "" {
		t.Errorf("end (-in order +permuted with duplicates):\n%s", diff)
	}
}

// stored writes one after the other, as a store does.
func stored[R versioned](writes []R) R {
	state := writes[0]
	for _, next := range writes[1:] {
		if next.Version().Compare(state.Version()) > 0 {
			state = next
		}
	}
	return state
}
