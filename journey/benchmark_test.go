package journey_test

import (
	"fmt"
	"testing"

	"github.com/rejoinhq/rejoin/consumer"
	"github.com/rejoinhq/rejoin/journey"
)

var benchmarkSizes = []int{0, 3, 10, 100}

// BenchmarkDerive measures Derive alone.
func BenchmarkDerive(b *testing.B) {
	benchmark(b, func(records consumer.Snapshot) { journey.Derive(records, now) })
}

// BenchmarkAppendJSON measures AppendJSON alone, without allocation.
func BenchmarkAppendJSON(b *testing.B) {
	for _, n := range benchmarkSizes {
		b.Run(fmt.Sprintf("participations=%d", n), func(b *testing.B) {
			active := journey.Derive(manyParticipations(n), now)
			document := active.AppendJSON(nil)
			b.ReportAllocs()
			for b.Loop() {
				document = active.AppendJSON(document[:0])
			}
		})
	}
}

// BenchmarkDeriveJSON measures both, as for a response.
func BenchmarkDeriveJSON(b *testing.B) {
	benchmark(b, func(records consumer.Snapshot) { journey.Derive(records, now).AppendJSON(nil) })
}

func benchmark(b *testing.B, work func(consumer.Snapshot)) {
	for _, n := range benchmarkSizes {
		b.Run(fmt.Sprintf("participations=%d", n), func(b *testing.B) {
			records := manyParticipations(n)
			b.ReportAllocs()
			for b.Loop() {
				work(records)
			}
		})
	}
}

// manyParticipations spreads all types over sequences of four.
func manyParticipations(n int) consumer.Snapshot {
	var s consumer.Snapshot
	for i := range n {
		id, in := fmt.Sprintf("d%d", i), within(fmt.Sprintf("e%d", i/16), fmt.Sprintf("s%d", i/4))
		switch i % 5 {
		case 0:
			s.Participations = append(s.Participations, part("queue", id, "ADMITTED", -i, full, position(0), in))
		case 1:
			s.Participations = append(s.Participations, part("draw", id, "ENTERED", -i, in))
		case 2:
			s.Participations = append(s.Participations, part("auction", id, "WINNING", -i, bids("250.00", 3), in))
		case 3:
			s.Participations = append(s.Participations, part("timed_release", id, "ENTERED", -i, in))
		case 4:
			s.Participations = append(s.Participations, part("waitlist", id, "WAITING", -i, in))
		}
	}
	return s
}
