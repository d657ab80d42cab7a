package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"
)

const (
	barWidth     = 40
	barInterval  = 100 * time.Millisecond
	lineInterval = 5 * time.Second
)

// progress tells how far a file was read: as a bar on a terminal, otherwise in lines
// from time to time.
type progress struct {
	out      io.Writer
	terminal bool
	size     int64
	now      func() time.Time
	told     time.Time
}

func newProgress(out io.Writer, size int64) *progress {
	return &progress{out: out, terminal: isTerminal(out), size: size, now: time.Now, told: time.Now()}
}

func isTerminal(out io.Writer) bool {
	file, ok := out.(*os.File)
	if !ok {
		return false
	}
	info, err := file.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// reader counts what is read through it, under a word that says what is done with it.
func (p *progress) reader(done string, r io.Reader) io.Reader {
	return &countingReader{progress: p, done: done, reader: r}
}

type countingReader struct {
	*progress
	done   string
	reader io.Reader
	read   int64
}

func (r *countingReader) Read(buffer []byte) (int, error) {
	n, err := r.reader.Read(buffer)
	r.read += int64(n)
	r.tell(r.done, r.read, err == io.EOF)
	return n, err
}

// tell says how far it is, unless it did so just now. The end is always told.
func (p *progress) tell(done string, read int64, end bool) {
	interval := lineInterval
	if p.terminal {
		interval = barInterval
	}
	if now := p.now(); end || now.Sub(p.told) >= interval {
		p.told = now
		p.print(done, read)
	}
}

func (p *progress) print(done string, read int64) {
	percent := int64(100)
	if p.size > 0 {
		percent = min(100, 100*read/p.size)
	}
	if !p.terminal {
		fmt.Fprintf(p.out, "%s %d %% of %.1f MB\n", done, percent, float64(p.size)/1e6)
		return
	}
	filled := int(percent) * barWidth / 100
	fmt.Fprintf(p.out, "\r[%s%s] %3d %% %-8s", strings.Repeat("█", filled), strings.Repeat("·", barWidth-filled), percent, done)
}

// end leaves the bar's line.
func (p *progress) end() {
	if p.terminal {
		fmt.Fprintln(p.out)
	}
}
