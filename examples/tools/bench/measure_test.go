package main

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// TestMedians checks that each figure is the median of the rounds, and the ratio the median of the
// ratios of the rounds.
func TestMedians(t *testing.T) {
	rounds := []round{
		{ours: measurement{10, 1, 6, 3, 1, []float64{99, 5}, []time.Duration{8, 1}}, other: measurement{20, 1, 3, 1, 9, nil, nil}}, // 0.5 and 2
		{ours: measurement{30, 3, 2, 1, 2, []float64{90, 6}, []time.Duration{9, 2}}, other: measurement{40, 1, 2, 1, 8, nil, nil}}, // 0.75 and 1
		{ours: measurement{40, 2, 4, 2, 3, []float64{91, 7}, []time.Duration{7, 4}}, other: measurement{50, 1, 1, 1, 7, nil, nil}}, // 0.8 and 4
	}
	got := medians(row{database: sqliteName}, rounds)
	want := result{
		row: row{database: sqliteName}, ratio: 0.75, least: 0.5, greatest: 0.8, p99Ratio: 2,
		ours: measurement{30, 2, 4, 2, 2, []float64{91, 6}, []time.Duration{8, 2}}, other: measurement{40, 1, 2, 1, 8, nil, nil},
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(result{}, row{}, dataset{}, measurement{})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestMedianOfEven(t *testing.T) {
	if got := median([]time.Duration{9, 1, 5, 3}); got != 4 {
		t.Errorf("%d, want the mean of the two in the middle, 4", got)
	}
}
