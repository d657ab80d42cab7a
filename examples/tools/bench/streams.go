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
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/rejoinhq/rejoin/consumer"
)

const (
	// timedWrites is the number of writes whose latency on a stream is measured.
	timedWrites = 49
	// eventTimeout is how long an event may take after a write.
	eventTimeout = time.Minute
)

// measureStreams opens event streams of a number of consumers. It returns a sentence about the
// server's memory for each stream, and about the latency from a write by another process to
// the event.
func (b *bench) measureStreams(ctx context.Context, number int) (report string, err error) {
	data := dataset{consumers: b.config.consumers, participations: max(1, b.config.participations[0]), tickets: true}
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
	start := time.Now()
	var streams []*stream
	for i, r := range requests {
		s, err := openStream(ctx, server.address, r)
		if err != nil {
			return "", fmt.Errorf("stream %d: %w", i+1, err)
		}
		defer s.Close()
		streams = append(streams, s)
		if i%100 == 0 {
			b.progress.update("opening streams: %d of %d", i, number)
		}
	}
	opening := time.Since(start)
	after := memoryOf(server.pid())
	move, err := b.measureMove(ctx, url, server, streams)
	if err != nil {
		return "", err
	}
	latencies, err := b.measureEvents(ctx, url, consumers[0], streams[0])
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("Measured on %s: %s idle event streams on SQLite were opened in %.1f s. The server's memory went from %.0f to %.0f MB, "+
		"%.1f KB for each. One write that moved the queue of all of them reached the last one after %s, with %.2f s of the server's processor time. "+
		"The event after a write about one consumer by another process came after %s (median of %d; the longest took %s).\n",
		machine(time.Now()), grouped(number), opening.Seconds(), float64(before)/1e6, float64(after)/1e6,
		float64(after-before)/float64(number)/1e3, milliseconds(move.latency), move.cpu.Seconds(), milliseconds(median(latencies)), len(latencies), milliseconds(slices.Max(latencies))), nil
}

// move is what it took to tell all streams of one write.
type move struct{ latency, cpu time.Duration }

// measureMove moves the queue that all consumers are in, and waits for the event on every
// stream. The streams are read one after another, so the latency is that of the last one.
func (b *bench) measureMove(ctx context.Context, url string, server *process, streams []*stream) (_ move, err error) {
	w, err := openStore(ctx, url)
	if err != nil {
		return move{}, err
	}
	defer func() { err = errors.Join(err, w.Close()) }()
	b.progress.update("moving the queue of %d streams", len(streams))
	cpu := cpuTime(server.pid())
	serving := int64(1)
	switch stored, err := w.Distribution(ctx, moved(0, epoch()).Key()); {
	case err == nil && stored.Serving != nil: // by an earlier run
		serving = *stored.Serving + 1
	case err != nil && !errors.Is(err, consumer.ErrNotFound):
		return move{}, err
	}
	if _, err := w.Write(ctx, consumer.Batch{Distributions: []consumer.Distribution{moved(serving, time.Now())}}); err != nil {
		return move{}, err
	}
	written := time.Now()
	for i, s := range streams {
		if err := s.next(eventTimeout); err != nil {
			return move{}, fmt.Errorf("event of the move on stream %d: %w", i+1, err)
		}
	}
	return move{latency: time.Since(written), cpu: cpuTime(server.pid()) - cpu}, nil
}

// measureEvents writes records about a consumer. After each write it waits for the event on the
// stream.
func (b *bench) measureEvents(ctx context.Context, url string, n int, s *stream) (latencies []time.Duration, err error) {
	w, err := openStore(ctx, url)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, w.Close()) }()
	writer := aboutConsumers(w, []int{n})
	for i := range timedWrites {
		b.progress.update("timing writes: %d of %d", i+1, timedWrites)
		if _, err := w.Write(ctx, writer.next(1)); err != nil {
			return nil, err
		}
		written := time.Now()
		if err := s.next(eventTimeout); err != nil {
			return nil, fmt.Errorf("event of write %d: %w", i+1, err)
		}
		latencies = append(latencies, time.Since(written))
	}
	return latencies, nil
}

// stream is an event stream.
type stream struct {
	net.Conn
	lines *bufio.Reader
}

// openStream opens an event stream and waits for the first event.
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

// next waits for the next event with the active document.
func (s *stream) next(timeout time.Duration) error {
	if err := s.SetReadDeadline(time.Now().Add(timeout)); err != nil {
		return err
	}
	for {
		line, err := s.lines.ReadSlice('\n')
		switch {
		case errors.Is(err, bufio.ErrBufferFull): // part of the document
		case err != nil:
			return err
		case bytes.HasPrefix(line, []byte("HTTP/1.1 ")) && !bytes.HasPrefix(line, []byte("HTTP/1.1 200")):
			return fmt.Errorf("the server responded %q", line)
		case bytes.HasPrefix(line, []byte("event: end")):
			return errors.New("the server ended the stream")
		case bytes.HasPrefix(line, []byte("event: active")):
			return nil
		}
	}
}

// memoryOf returns the resident memory of a process, or 0 on a system without /proc.
func memoryOf(pid int) int64 {
	status, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "status"))
	if err != nil {
		return 0
	}
	return parseMemory(string(status))
}

// parseMemory returns the resident set size in the content of /proc/PID/status
// (proc_pid_status(5)).
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
