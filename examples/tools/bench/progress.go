package main

import (
	"fmt"
	"io"
	"os"
	"time"
)

// lineInterval is the time between two lines if the output is not a terminal.
const lineInterval = 10 * time.Second

// progress prints the state of the run. On a terminal it rewrites one line. Otherwise it
// prints a line from time to time.
type progress struct {
	out      io.Writer
	terminal bool
	now      func() time.Time
	printed  time.Time // of the latest line
}

func newProgress(out io.Writer) *progress {
	return &progress{out: out, terminal: isTerminal(out), now: time.Now}
}

func isTerminal(out io.Writer) bool {
	file, ok := out.(*os.File)
	if !ok {
		return false
	}
	info, err := file.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// update prints the current step.
func (p *progress) update(format string, args ...any) {
	if p.terminal {
		fmt.Fprintf(p.out, "\r\x1b[K"+format, args...)
		return
	}
	if now := p.now(); now.Sub(p.printed) >= lineInterval {
		p.printed = now
		fmt.Fprintf(p.out, format+"\n", args...)
	}
}

// end clears the line that update rewrites.
func (p *progress) end() {
	if p.terminal {
		fmt.Fprint(p.out, "\r\x1b[K")
	}
}

// done prints a line about a finished step.
func (p *progress) done(format string, args ...any) {
	if p.terminal {
		format = "\r\x1b[K" + format
	}
	p.printed = p.now()
	fmt.Fprintf(p.out, format+"\n", args...)
}
