package main

import (
	"bytes"
	"errors"
	"io"
	"log/slog"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// disk counts the calls, and can be full.
type disk struct {
	bytes.Buffer
	calls int
	full  bool
}

func (d *disk) Write(p []byte) (int, error) {
	d.calls++
	if d.full {
		return 0, errors.New("no space left")
	}
	return d.Buffer.Write(p)
}

func TestLineBuffer(t *testing.T) {
	line := []byte("line\n")
	t.Run("many lines are one call, soon", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			var out disk
			b := newLineBuffer(&out, slog.New(slog.DiscardHandler))
			for range 2 {
				time.Sleep(time.Hour) // of the bubble's clock: idle
				before := out.calls
				for range 10 {
					_, err := b.Write(line)
					must(t, err)
				}
				if out.calls != before {
					t.Error("written at once")
				}
				time.Sleep(flushAfter)
				synctest.Wait()
				if out.calls != before+1 {
					t.Errorf("%d calls", out.calls-before)
				}
			}
			if got := strings.Count(out.String(), "line\n"); got != 20 {
				t.Errorf("%d lines", got)
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
			if out.Len() != 2*flushSize {
				t.Errorf("%d bytes written", out.Len())
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
			if out.String() != "line\n" || !errors.Is(err, os.ErrClosed) {
				t.Errorf("written %q, error %v", out.String(), err)
			}
		})
	})
	t.Run("a full disk is told of once, and forgotten when it has room", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			var out disk
			var log bytes.Buffer
			b := newLineBuffer(&out, slog.New(slog.NewTextHandler(&log, nil)))
			write := func(full bool) {
				out.full = full
				_, err := b.Write(line)
				must(t, err)
				time.Sleep(flushAfter)
				synctest.Wait()
			}
			for _, full := range []bool{true, true, false, true, false} {
				write(full)
			}
			b.close()
			if told := strings.Count(log.String(), "no space left"); told != 2 || out.String() != "line\nline\n" {
				t.Errorf("told %d times, written %q", told, out.String())
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
