package main

import (
	"bytes"
	"strings"
	"testing"
)

func TestMemoryIsReadFromTheStatus(t *testing.T) {
	for status, want := range map[string]int64{
		"Name:\tserver\nVmHWM:\t  90000 kB\nVmRSS:\t   84120 kB\nThreads:\t7\n": 84120 << 10,
		"Name:\tVmRSS:\n": 0,
		"VmRSS:":          0,
		"\nVmRSS:\tmuch":  0,
		"":                0,
	} {
		if got := parseMemory(status); got != want {
			t.Errorf("of %q: %d, want %d", status, got, want)
		}
	}
}

func TestStreamsAreMeasured(t *testing.T) {
	var stdout, stderr bytes.Buffer
	status := run(t.Context(), []string{"-streams", "20", "-consumers", "1000"}, noEnvironment, nil, &stdout, &stderr)
	if said := stdout.String(); status != 0 || !strings.Contains(said, "20 idle event streams") || !strings.Contains(said, "median of 49") {
		t.Errorf("status %d\n%s%s", status, said, stderr.String())
	}
}
