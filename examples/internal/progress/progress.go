// Package progress shows on a terminal, or in a log, how far a long task is.
package progress

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

// Bar prints how much of a file was read: as a bar on a terminal, and otherwise as a line
// every few seconds.
type Bar struct {
	out      io.Writer
	terminal bool
	size     int64
	now      func() time.Time
	printed  time.Time
}

// New returns a Bar for a file of a size in bytes.
func New(out io.Writer, size int64) *Bar {
	return &Bar{out: out, terminal: isTerminal(out), size: size, now: time.Now, printed: time.Now()}
}

func isTerminal(out io.Writer) bool {
	file, ok := out.(*os.File)
	if !ok {
		return false
	}
	info, err := file.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// Reader counts what is read through it. The word, such as "checked", describes what is
// done with it.
func (b *Bar) Reader(done string, r io.Reader) io.Reader {
	return &countingReader{bar: b, done: done, reader: r}
}

type countingReader struct {
	bar    *Bar
	done   string
	reader io.Reader
	read   int64
}

func (r *countingReader) Read(buffer []byte) (int, error) {
	n, err := r.reader.Read(buffer)
	r.read += int64(n)
	r.bar.update(r.done, r.read, err == io.EOF)
	return n, err
}

// update prints the progress, unless it did so just before. It always prints the end.
func (b *Bar) update(done string, read int64, end bool) {
	interval := lineInterval
	if b.terminal {
		interval = barInterval
	}
	if now := b.now(); end || now.Sub(b.printed) >= interval {
		b.printed = now
		b.print(done, read)
	}
}

func (b *Bar) print(done string, read int64) {
	percent := int64(100)
	if b.size > 0 {
		percent = min(100, 100*read/b.size)
	}
	if !b.terminal {
		fmt.Fprintf(b.out, "%s %d %% of %.1f MB\n", done, percent, float64(b.size)/1e6)
		return
	}
	filled := int(percent) * barWidth / 100
	fmt.Fprintf(b.out, "\r[%s%s] %3d %% %-8s", strings.Repeat("█", filled), strings.Repeat("·", barWidth-filled), percent, done)
}

// End leaves the line of the bar.
func (b *Bar) End() {
	if b.terminal {
		fmt.Fprintln(b.out)
	}
}
