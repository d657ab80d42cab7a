package main

import (
	"fmt"
	"io"
	"log/slog"
	"os"
	"sync"

	"github.com/rejoinhq/rejoin/examples/internal/linebuffer"
)

// accessLog is the log of requests and what has to be closed at the end.
type accessLog struct {
	*slog.Logger
	lines *linebuffer.Buffer
	file  io.Closer // nil for stderr, which the program does not close
}

// openAccessLog opens what -access-log names: a file, which is appended to, - for stderr,
// or off, for which it returns nil.
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

func newAccessLog(out io.Writer, file io.Closer, logger *slog.Logger) *accessLog {
	lines := linebuffer.New(out, logger)
	return &accessLog{slog.New(slog.NewTextHandler(lines, nil)), lines, file}
}

func (l *accessLog) close() error {
	l.lines.Close()
	if l.file == nil {
		return nil
	}
	return l.file.Close()
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
