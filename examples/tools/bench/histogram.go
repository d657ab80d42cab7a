package main

import (
	"math/bits"
	"time"
)

const (
	// histogramBits splits each power of two into 2^6 buckets of the same width. A quantile
	// is at most 1/64 too large.
	histogramBits = 6
	// histogramMax is the longest time that has a bucket of its own.
	histogramMax = 1<<37 - 1 // 137 s in nanoseconds
)

// histogram counts durations with a constant relative error. The zero value is empty.
type histogram struct {
	counts [(37 - histogramBits + 1) << histogramBits]uint64
	total  uint64
}

func (h *histogram) record(d time.Duration) {
	h.counts[bucketOf(d)]++
	h.total++
}

func (h *histogram) add(other *histogram) {
	for i, n := range other.counts {
		h.counts[i] += n
	}
	h.total += other.total
}

// quantile returns the smallest upper bound of a bucket that at least the fraction q of all
// durations does not exceed. It returns 0 if the histogram is empty.
func (h *histogram) quantile(q float64) time.Duration {
	var below uint64
	for i, n := range h.counts {
		if below += n; n > 0 && float64(below) >= q*float64(h.total) {
			return largestOf(i)
		}
	}
	return 0
}

// bucketOf returns the bucket of a duration. Below 128 ns a bucket is 1 ns wide. Above, its
// width doubles every 64 buckets.
func bucketOf(d time.Duration) int {
	v := uint64(min(max(d, 0), histogramMax))
	shift := max(0, bits.Len64(v)-histogramBits-1)
	return shift<<histogramBits + int(v>>shift)
}

// largestOf returns the longest duration in a bucket.
func largestOf(bucket int) time.Duration {
	const half = 1 << histogramBits
	if bucket < 2*half {
		return time.Duration(bucket)
	}
	shift := bucket>>histogramBits - 1
	return time.Duration((bucket%half+half+1)<<shift - 1)
}
