// Package linebuffer writes the lines of a log in large pieces: a system call for each line
// would cost as much as formatting the line.
package linebuffer

import (
	"io"
	"log/slog"
	"os"
	"sync"
	"time"
)

const (
	// flushAfter is how long a line may wait for others, and so how much of the log is lost
	// with a process that is killed. [Buffer.Close] loses none.
	flushAfter = 100 * time.Millisecond
	flushSize  = 64 << 10
)

// Buffer is an [io.Writer] that delays lines. It is safe for concurrent use.
type Buffer struct {
	logger *slog.Logger

	mu     sync.Mutex
	out    io.Writer
	lines  []byte
	timer  *time.Timer
	failed bool
	closed bool
}

// New returns a Buffer in front of out. The logger gets the errors of out.
func New(out io.Writer, logger *slog.Logger) *Buffer {
	b := &Buffer{out: out, logger: logger, lines: make([]byte, 0, flushSize)}
	b.timer = time.AfterFunc(flushAfter, func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.flush()
	})
	return b
}

// Write takes a line, and writes all lines if there are many.
func (b *Buffer) Write(line []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return 0, os.ErrClosed
	}
	if len(b.lines) == 0 {
		b.timer.Reset(flushAfter)
	}
	b.lines = append(b.lines, line...)
	if len(b.lines) >= flushSize {
		b.flush()
	}
	return len(line), nil
}

// flush writes the lines. It drops lines that cannot be written, so that a full disk does
// not fill the memory as well, and reports the first failure of several in a row.
func (b *Buffer) flush() {
	if len(b.lines) == 0 {
		return
	}
	_, err := b.out.Write(b.lines)
	if err != nil && !b.failed {
		b.logger.Error("the access log is not written", "cause", err)
	}
	b.failed = err != nil
	b.lines = b.lines[:0]
}

// Close writes what is left. Later writes fail with [os.ErrClosed].
func (b *Buffer) Close() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.timer.Stop()
	b.flush()
	b.closed = true
}
