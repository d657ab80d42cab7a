package main

import (
	"math"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// TestQuantiles checks that a quantile is never too small and at most 1/64 too large.
func TestQuantiles(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		times := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) time.Duration {
			return time.Duration(rapid.Int64Range(0, 1<<rapid.IntRange(0, 37).Draw(t, "magnitude")-1).Draw(t, "time"))
		}), 1, 200).Draw(t, "times")
		q := rapid.Float64Range(0.01, 1).Draw(t, "q")
		var first, second histogram
		for i, d := range times {
			if i%2 == 0 {
				first.record(d)
			} else {
				second.record(d)
			}
		}
		first.add(&second)
		slices.Sort(times)
		exact := times[max(0, int(math.Ceil(q*float64(len(times))))-1)]
		if got := first.quantile(q); got < exact || got > exact+exact/64 {
			t.Errorf("quantile %v is %d, exactly %d", q, got, exact)
		}
	})
}

// TestBuckets checks that each bucket begins where the previous one ends.
func TestBuckets(t *testing.T) {
	last := len(histogram{}.counts) - 1
	for i := range last {
		if largest := largestOf(i); bucketOf(largest) != i || bucketOf(largest+1) != i+1 {
			t.Fatalf("bucket %d ends at %d, whose bucket is %d, and the next time's %d", i, largest, bucketOf(largest), bucketOf(largest+1))
		}
	}
	for name, test := range map[string]struct {
		time time.Duration
		want int
	}{
		"a negative time":  {-time.Second, 0},
		"the longest time": {histogramMax, last},
		"a longer time":    {time.Hour, last},
	} {
		t.Run(name, func(t *testing.T) {
			if got := bucketOf(test.time); got != test.want {
				t.Errorf("bucket %d, want %d", got, test.want)
			}
		})
	}
}

func TestNoTimes(t *testing.T) {
	var h histogram
	if got := h.quantile(0.99); got != 0 {
		t.Errorf("the 99th percentile of an empty histogram is %s", got)
	}
}
