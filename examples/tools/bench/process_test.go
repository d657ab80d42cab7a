package main

import (
	"os"
	"strings"
	"testing"
	"time"
)

func TestParseCPUTime(t *testing.T) {
	for name, test := range map[string]struct {
		stat string
		want time.Duration
	}{
		"user and system time":          {"42 (server) S 1 42 42 0 -1 4194560 100 0 0 0 123 45 7 8 20 0 9 0", 1680 * time.Millisecond},
		"a name of several parentheses": {"42 (a) b) (c) S 1 42 42 0 -1 4194560 100 0 0 0 1 1 7 8 20 0 9 0", 20 * time.Millisecond},
		"cut off":                       {"42 (server) S 1 42", 0},
		"no number":                     {"42 (server) S 1 42 42 0 -1 4194560 100 0 0 0 x 45 7 8", 0},
		"nothing":                       {"", 0},
	} {
		t.Run(name, func(t *testing.T) {
			if got := parseCPUTime(test.stat); got != test.want {
				t.Errorf("%s, want %s", got, test.want)
			}
		})
	}
}

func TestParseModel(t *testing.T) {
	for info, want := range map[string]string{
		"processor\t: 0\nmodel\t\t: 1\nmodel name\t: A Processor 3\nmodel name\t: Another\n": "A Processor 3",
		"processor\t: 0\nBogoMIPS\t: 50.00\n":                                                "",
	} {
		if got := parseModel(info); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

// TestProcessThatEnds checks that the error includes the last line of the process. A test binary
// that was built with -cover prints one more line unless GOCOVERDIR is set.
func TestProcessThatEnds(t *testing.T) {
	program, err := os.Executable()
	must(t, err)
	for name, test := range map[string]struct {
		args []string
		want string
	}{
		"an unknown flag": {[]string{roleLimit, "-nothing"}, "bench: flag provided but not defined: -nothing"},
		"no database":     {[]string{roleWriter}, "bench: the database must be sqlite:PATH or postgres://…"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := startProcess(t.Context(), t.TempDir(), "bare server", program, test.args, []string{"GOCOVERDIR=" + t.TempDir()})
			if err == nil || !strings.HasPrefix(err.Error(), "start the bare server: it ended: "+test.want) {
				t.Errorf("error %v", err)
			}
		})
	}
	t.Run("no program", func(t *testing.T) {
		if _, err := startProcess(t.Context(), t.TempDir(), "bare server", t.TempDir(), nil, nil); err == nil {
			t.Error("it started")
		}
	})
}

// TestProcessThatDies checks that stop returns an error for a process that ended by itself.
func TestProcessThatDies(t *testing.T) {
	program, err := os.Executable()
	must(t, err)
	p, err := startProcess(t.Context(), t.TempDir(), "bare server", program, []string{roleLimit, "-body", "3"}, nil)
	must(t, err)
	must(t, p.cmd.Process.Kill())
	for range p.lines { // until the process has ended
	}
	if err := p.stop(); err == nil || !strings.HasPrefix(err.Error(), "the bare server: ") {
		t.Errorf("error %v", err)
	}
}
