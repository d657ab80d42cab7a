package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

const (
	// toldWrites is how many writes are timed until a stream tells of them.
	toldWrites = 49
	// toldTimeout is how long a stream may take to tell.
	toldTimeout = 10 * time.Second
)

// measureStreams opens event streams of as many consumers, and says how much memory the
// server takes for each, and how soon one of them tells of a write by another process.
func (b *bench) measureStreams(ctx context.Context, number int) (report string, err error) {
	data := dataset{consumers: b.config.consumers, participations: b.config.participations[0]}
	url, err := b.databases.open(ctx, sqliteName, data)
	if err != nil {
		return "", err
	}
	server, err := b.startServer(ctx, row{database: sqliteName}, data, url)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, server.stop()) }()
	consumers := pick(number, data.consumers)
	requests, err := b.client.requests(consumers)
	if err != nil {
		return "", err
	}
	before := memoryOf(server.pid())
	begun := time.Now()
	var first *stream
	for i, r := range requests {
		s, err := openStream(ctx, server.address, r)
		if err != nil {
			return "", fmt.Errorf("stream %d: %w", i+1, err)
		}
		defer s.Close()
		if first == nil {
			first = s
		}
		if i%100 == 0 {
			b.progress.tell("opening streams: %d of %d", i, number)
		}
	}
	opening := time.Since(begun)
	after := memoryOf(server.pid())
	told, err := b.timeToTell(ctx, url, consumers[0], first)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("Measured on %s: %s idle event streams on SQLite were opened in %.1f s. The server's memory went from %.0f to %.0f MB, "+
		"%.1f KB for each. A write by another process was told after %s (median of %d; the longest took %s).\n",
		machine(time.Now()), grouped(number), opening.Seconds(), float64(before)/1e6, float64(after)/1e6,
		float64(after-before)/float64(number)/1e3, milliseconds(median(told)), len(told), milliseconds(longest(told))), nil
}

func longest(all []time.Duration) (most time.Duration) {
	for _, d := range all {
		most = max(most, d)
	}
	return most
}

// timeToTell writes about a consumer, and waits each time until the stream tells of it.
func (b *bench) timeToTell(ctx context.Context, url string, consumer int, s *stream) (told []time.Duration, err error) {
	w, err := openStore(ctx, url)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, w.Close()) }()
	writer := pacedWriter{consumers: []int{consumer}, turn: 1} // the position 0 is there already
	for n := range toldWrites {
		b.progress.tell("timing writes: %d of %d", n+1, toldWrites)
		if _, err := w.Write(ctx, writer.next(1)); err != nil {
			return nil, err
		}
		written := time.Now()
		if err := s.next(toldTimeout); err != nil {
			return nil, fmt.Errorf("write %d was not told: %w", n+1, err)
		}
		told = append(told, time.Since(written))
	}
	return told, nil
}

// stream is an event stream.
type stream struct {
	net.Conn
	lines *bufio.Reader
}

// openStream returns when the first event has come.
func openStream(ctx context.Context, address string, r request) (*stream, error) {
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	s := &stream{conn, bufio.NewReaderSize(conn, 512)}
	message := bytes.Replace(r.message, []byte("/me HTTP"), []byte("/me/events HTTP"), 1)
	if _, err = conn.Write(message); err == nil {
		err = s.next(startTimeout)
	}
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return s, nil
}

// next waits for an event with a state.
func (s *stream) next(timeout time.Duration) error {
	if err := s.SetReadDeadline(time.Now().Add(timeout)); err != nil {
		return err
	}
	for {
		line, err := s.lines.ReadSlice('\n')
		switch {
		case errors.Is(err, bufio.ErrBufferFull): // a part of the document
		case err != nil:
			return err
		case bytes.HasPrefix(line, []byte("HTTP/1.1 ")) && !bytes.HasPrefix(line, []byte("HTTP/1.1 200")):
			return fmt.Errorf("it was answered %q", line)
		case bytes.HasPrefix(line, []byte("event: end")):
			return errors.New("the server ended it")
		case bytes.HasPrefix(line, []byte("event: active")):
			return nil
		}
	}
}

// memoryOf is how much memory a process has, or 0 where /proc doesn't tell.
func memoryOf(pid int) int64 {
	status, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "status"))
	if err != nil {
		return 0
	}
	return parseMemory(string(status))
}

// parseMemory finds the size of what is resident (proc_pid_status(5)).
func parseMemory(status string) int64 {
	_, rest, _ := strings.Cut(status, "\nVmRSS:")
	fields := strings.Fields(rest)
	if len(fields) == 0 {
		return 0
	}
	kilobytes, err := strconv.ParseInt(fields[0], 10, 64)
	if err != nil {
		return 0
	}
	return kilobytes * 1024
}
