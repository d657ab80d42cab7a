package main

import (
	"math/bits"
	"time"
)

const (
	// histogramBits: each power of two is cut into 2^6 buckets of one width, so that a
	// quantile is at most 1/64 too large.
	histogramBits = 6
	// histogramMax is the longest time that is told apart, more than any request may take.
	histogramMax = 1<<37 - 1 // 137 s in nanoseconds
)

// histogram counts times, each with the same relative error. The zero value is empty.
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

// quantile is a time that at least the share q of all times does not exceed: the largest
// one of the bucket in which that share is reached. Of none it is 0.
func (h *histogram) quantile(q float64) time.Duration {
	var below uint64
	for i, n := range h.counts {
		if below += n; n > 0 && float64(below) >= q*float64(h.total) {
			return largestOf(i)
		}
	}
	return 0
}

// bucketOf: below 64 ns a bucket is a nanosecond wide; then its width doubles every 64.
func bucketOf(d time.Duration) int {
	v := uint64(min(max(d, 0), histogramMax))
	shift := max(0, bits.Len64(v)-histogramBits-1)
	return shift<<histogramBits + int(v>>shift)
}

// largestOf is the longest time that bucketOf sends to a bucket.
func largestOf(bucket int) time.Duration {
	const half = 1 << histogramBits
	if bucket < 2*half {
		return time.Duration(bucket)
	}
	shift := bucket>>histogramBits - 1
	return time.Duration((bucket%half+half+1)<<shift - 1)
}
