package main

import (
	"bytes"
	"strings"
	"testing"
)

func TestParseMemory(t *testing.T) {
	for status, want := range map[string]int64{
		"Name:\tserver\nVmHWM:\t  90000 kB\nVmRSS:\t   84120 kB\nThreads:\t7\n": 84120 << 10,
		"Name:\tVmRSS:\n": 0,
		"VmRSS:":          0,
		"\nVmRSS:\tmuch":  0,
		"":                0,
	} {
		if got := parseMemory(status); got != want {
			t.Errorf("%q: %d, want %d", status, got, want)
		}
	}
}

func TestMeasureStreams(t *testing.T) {
	var stdout, stderr bytes.Buffer
	server, err := exampleServer()
	must(t, err)
	status := run(t.Context(), []string{"-server", server, "-streams", "20", "-consumers", "1000"}, noEnvironment, nil, &stdout, &stderr)
	if text := stdout.String(); status != 0 || !strings.Contains(text, "20 idle event streams") || !strings.Contains(text, "median of 49") {
		t.Errorf("status %d\n%s%s", status, text, stderr.String())
	}
}
