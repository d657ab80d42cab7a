package main

import (
	"fmt"
	"io"
	"log/slog"
	"os"
	"sync"
	"time"
)

// openAccessLog opens what -access-log names: a file, which is appended to, - for stderr,
// or off, for which it returns no log. The lines have the form of all the others.
func openAccessLog(name string, stderr io.Writer, logger *slog.Logger) (*accessLog, error) {
	switch name {
	case "off":
		return nil, nil
	case "-":
		return newAccessLog(stderr, nil, logger), nil
	}
	file, err := os.OpenFile(name, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("-access-log: %w", err)
	}
	return newAccessLog(file, file, logger), nil
}

// accessLog is the log and what has to be closed at the end.
type accessLog struct {
	*slog.Logger
	lines *lineBuffer
	file  io.Closer // nil for stderr, which is not ours
}

func newAccessLog(out io.Writer, file io.Closer, logger *slog.Logger) *accessLog {
	lines := newLineBuffer(out, logger)
	return &accessLog{slog.New(slog.NewTextHandler(lines, nil)), lines, file}
}

func (l *accessLog) close() error {
	l.lines.close()
	if l.file == nil {
		return nil
	}
	return l.file.Close()
}

const (
	// flushAfter is how long a line may wait for others, and so how much of the log is
	// lost with a process that is killed. SIGTERM loses none.
	flushAfter = 100 * time.Millisecond
	flushSize  = 64 << 10
)

// lineBuffer writes many lines at once: a call of the system for each would cost as much
// as to make the line.
type lineBuffer struct {
	logger *slog.Logger

	mu     sync.Mutex
	out    io.Writer
	lines  []byte
	timer  *time.Timer
	failed bool
	closed bool
}

func newLineBuffer(out io.Writer, logger *slog.Logger) *lineBuffer {
	b := &lineBuffer{out: out, logger: logger, lines: make([]byte, 0, flushSize)}
	b.timer = time.AfterFunc(flushAfter, func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.flush()
	})
	return b
}

// Write takes a line, and writes those that are there when they are many.
func (b *lineBuffer) Write(line []byte) (int, error) {
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

// flush writes the lines. Those that cannot be written are gone, so that a full disk
// doesn't fill the memory as well; the operator is told when that begins.
func (b *lineBuffer) flush() {
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

func (b *lineBuffer) close() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.timer.Stop()
	b.flush()
	b.closed = true
}

// lockedWriter lets several loggers share one output.
type lockedWriter struct {
	mu  sync.Mutex
	out io.Writer
}

func (w *lockedWriter) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.out.Write(p)
}
