package main

import (
	"bytes"
	"errors"
	"io"
	"log/slog"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// disk counts the calls, and can be full.
type disk struct {
	mu      sync.Mutex
	content bytes.Buffer
	calls   int
	full    bool
}

func (d *disk) Write(p []byte) (int, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.calls++
	if d.full {
		return 0, errors.New("no space left")
	}
	return d.content.Write(p)
}

// written is what stands there, and by how many calls.
func (d *disk) written() (text string, calls int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.content.String(), d.calls
}

func (d *disk) fill(full bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.full = full
}

func TestLineBuffer(t *testing.T) {
	line := []byte("line\n")
	t.Run("many lines are one call, soon", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			var out disk
			b := newLineBuffer(&out, slog.New(slog.DiscardHandler))
			for range 2 {
				time.Sleep(time.Hour) // of the bubble's clock: idle
				_, before := out.written()
				for range 10 {
					_, err := b.Write(line)
					must(t, err)
				}
				if _, calls := out.written(); calls != before {
					t.Error("written at once")
				}
				time.Sleep(flushAfter)
				synctest.Wait()
				if _, calls := out.written(); calls != before+1 {
					t.Errorf("%d calls", calls-before)
				}
			}
			if text, _ := out.written(); text != strings.Repeat("line\n", 20) {
				t.Errorf("written %q", text)
			}
			b.close()
		})
	})
	t.Run("memory is bounded", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			var out disk
			b := newLineBuffer(&out, slog.New(slog.DiscardHandler))
			long := bytes.Repeat([]byte("x"), flushSize/4)
			for range 8 {
				_, err := b.Write(long)
				must(t, err)
			}
			if text, calls := out.written(); len(text) != 2*flushSize || calls != 2 {
				t.Errorf("%d bytes written by %d calls", len(text), calls)
			}
			b.close()
		})
	})
	t.Run("the end writes what is left, and nothing comes after it", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			var out disk
			b := newLineBuffer(&out, slog.New(slog.DiscardHandler))
			_, err := b.Write(line)
			must(t, err)
			b.close()
			_, err = b.Write(line)
			if text, _ := out.written(); text != "line\n" || !errors.Is(err, os.ErrClosed) {
				t.Errorf("written %q, error %v", text, err)
			}
		})
	})
	t.Run("a full disk is told of once, and forgotten when it has room", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			var out disk
			var log bytes.Buffer
			b := newLineBuffer(&out, slog.New(slog.NewTextHandler(&log, nil)))
			write := func(full bool) {
				out.fill(full)
				_, err := b.Write(line)
				must(t, err)
				time.Sleep(flushAfter)
				synctest.Wait()
			}
			for _, full := range []bool{true, true, false, true, false} {
				write(full)
			}
			b.close()
			text, _ := out.written()
			if told := strings.Count(log.String(), "no space left"); told != 2 || text != "line\nline\n" {
				t.Errorf("told %d times, written %q", told, text)
			}
		})
	})
}

// What a line costs with and without the buffer.
func BenchmarkLineBuffer(b *testing.B) {
	file, err := os.CreateTemp(b.TempDir(), "")
	if err != nil {
		b.Fatal(err)
	}
	defer file.Close()
	line := []byte("time=2026-10-24T13:14:38.000Z level=INFO msg=request method=GET route=/api/v1/consumers/me status=200 duration=21.3µs bytes=1234 requestId=ABCDEFGHIJKLMNOPQRSTUVWXYZ organizationId=org_demo\n")
	lines := newLineBuffer(file, slog.New(slog.DiscardHandler))
	defer lines.close()
	for name, out := range map[string]io.Writer{"a call per line": file, "buffered": lines} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				_, _ = out.Write(line)
			}
		})
	}
}
