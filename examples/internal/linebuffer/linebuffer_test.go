package linebuffer

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

// disk counts the calls of Write, and can be full.
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

// written returns what was written and the number of calls.
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

func TestBuffer(t *testing.T) {
	line := []byte("line\n")
	t.Run("many lines are one call after a short time", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			var out disk
			b := New(&out, slog.New(slog.DiscardHandler))
			for range 2 {
				time.Sleep(time.Hour) // by the clock of the bubble
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
			b.Close()
		})
	})
	t.Run("memory is bounded", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			var out disk
			b := New(&out, slog.New(slog.DiscardHandler))
			long := bytes.Repeat([]byte("x"), flushSize/4)
			for range 8 {
				_, err := b.Write(long)
				must(t, err)
			}
			if text, calls := out.written(); len(text) != 2*flushSize || calls != 2 {
				t.Errorf("%d bytes written by %d calls", len(text), calls)
			}
			b.Close()
		})
	})
	t.Run("the end writes what is left, and nothing comes after it", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			var out disk
			b := New(&out, slog.New(slog.DiscardHandler))
			_, err := b.Write(line)
			must(t, err)
			b.Close()
			_, err = b.Write(line)
			if text, _ := out.written(); text != "line\n" || !errors.Is(err, os.ErrClosed) {
				t.Errorf("written %q, error %v", text, err)
			}
		})
	})
	t.Run("a full disk is reported once, and again after it had room", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			var out disk
			var log bytes.Buffer
			b := New(&out, slog.New(slog.NewTextHandler(&log, nil)))
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
			b.Close()
			text, _ := out.written()
			if reports := strings.Count(log.String(), "no space left"); reports != 2 || text != "line\nline\n" {
				t.Errorf("%d reports, written %q", reports, text)
			}
		})
	})
}

// BenchmarkBuffer compares the cost of a line with and without the buffer.
func BenchmarkBuffer(b *testing.B) {
	file, err := os.CreateTemp(b.TempDir(), "")
	if err != nil {
		b.Fatal(err)
	}
	defer file.Close()
	line := []byte("time=2026-10-24T13:14:38.000Z level=INFO msg=request method=GET route=/api/v1/consumers/me status=200 duration=21.3µs bytes=1234 requestId=ABCDEFGHIJKLMNOPQRSTUVWXYZ organizationId=org_demo\n")
	lines := New(file, slog.New(slog.DiscardHandler))
	defer lines.Close()
	for name, out := range map[string]io.Writer{"a call per line": file, "buffered": lines} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				_, _ = out.Write(line)
			}
		})
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
