package main

import (
	"fmt"
	"io"
	"os"
	"time"
)

// lineInterval is how often a program that is no terminal is told how far it is.
const lineInterval = 10 * time.Second

// progress tells how far the run is: on a terminal in a line that changes, otherwise in
// lines from time to time.
type progress struct {
	out      io.Writer
	terminal bool
	now      func() time.Time
	told     time.Time
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

// tell says what is being done.
func (p *progress) tell(format string, args ...any) {
	if p.terminal {
		fmt.Fprintf(p.out, "\r\x1b[K"+format, args...)
		return
	}
	if now := p.now(); now.Sub(p.told) >= lineInterval {
		p.told = now
		fmt.Fprintf(p.out, format+"\n", args...)
	}
}

// end clears the line that changes.
func (p *progress) end() {
	if p.terminal {
		fmt.Fprint(p.out, "\r\x1b[K")
	}
}

// done says what was done, in a line that stays.
func (p *progress) done(format string, args ...any) {
	if p.terminal {
		format = "\r\x1b[K" + format
	}
	p.told = p.now()
	fmt.Fprintf(p.out, format+"\n", args...)
}
