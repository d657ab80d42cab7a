package main

import (
	"bufio"
	"context"
	"flag"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/rejoinhq/rejoin/consumer"
)

const roleWriter = "writer"

// These are the commands that a writing process reads from stdin.
const (
	commandStart = "start"
	commandStop  = "stop"
)

// wrote is the format of the line that a writing process prints after commandStop.
const wrote = "wrote %d records in %d ms, 99 %% of the writes within %d µs"

// runWriter is a process that writes to the database which the server reads.
func runWriter(ctx context.Context, args []string, getenv func(string) string, stdin io.Reader, stdout, _ io.Writer) (err error) {
	flags := flag.NewFlagSet(roleWriter, flag.ContinueOnError)
	consumers := flags.Int("consumers", 0, "number of consumers in the database")
	queue := flags.Bool("queue", false, "move the queue that all consumers are in")
	if err := flags.Parse(args); err != nil {
		return err
	}
	s, err := openStore(ctx, getenv("DATABASE_URL"))
	if err != nil {
		return err
	}
	defer s.Close()
	if _, err := fmt.Fprintln(stdout, ready); err != nil {
		return err
	}
	writer := aboutConsumers(s, pick(polling, *consumers))
	if *queue {
		writer = movesQueue(s)
	}
	return writeOnCommand(ctx, writer, stdin, stdout)
}

// writeOnCommand writes records from each commandStart to the next commandStop, until stdin
// ends or ctx is done.
func writeOnCommand(ctx context.Context, writer *pacedWriter, stdin io.Reader, stdout io.Writer) error {
	commands := make(chan string)
	go func() {
		defer close(commands)
		for scanner := bufio.NewScanner(stdin); scanner.Scan(); {
			select {
			case commands <- scanner.Text():
			case <-ctx.Done():
				return
			}
		}
	}()
	for {
		select {
		case command, open := <-commands:
			if !open {
				return nil
			}
			if command != commandStart {
				return fmt.Errorf("%s: unknown command %q", roleWriter, command)
			}
		case <-ctx.Done():
			return nil
		}
		start := time.Now()
		written, err := writer.writeUntil(ctx, commands)
		if err != nil {
			return err
		}
		if _, err := fmt.Fprintf(stdout, wrote+"\n", written, time.Since(start).Milliseconds(), writer.p99().Microseconds()); err != nil {
			return err
		}
	}
}

// pacedWriter writes a number of records a second.
type pacedWriter struct {
	writer consumer.Writer
	rate   int
	// next returns a batch of the next n records. It is one write.
	next func(n int) consumer.Batch
	// took has the duration of each write since the last start.
	took []time.Duration
}

// aboutConsumers returns a writer of writeRate records a second about some consumers in turn.
// Each record is a newer state of a consumer's place in the queue, with a position of one
// digit, so that the document keeps its length.
func aboutConsumers(w consumer.Writer, consumers []int) *pacedWriter {
	turn := 0
	return &pacedWriter{writer: w, rate: writeRate, next: func(n int) (batch consumer.Batch) {
		for range n {
			record := participation(consumers[turn%len(consumers)], 0)
			record.UpdatedAt, record.Position = time.Now(), new(int64(turn%10))
			batch.Participations = append(batch.Participations, record)
			turn++
		}
		return batch
	}}
}

// movesQueue returns a writer that calls a ticket moveRate times a second. It begins with the
// first one again in each run: the later record counts.
func movesQueue(w consumer.Writer) *pacedWriter {
	serving := int64(0)
	return &pacedWriter{writer: w, rate: moveRate, next: func(n int) consumer.Batch {
		serving += int64(n)
		return consumer.Batch{Distributions: []consumer.Distribution{moved(serving, time.Now())}}
	}}
}

// writeUntil writes until a command arrives. Records that became due while the database was
// busy are one write.
func (p *pacedWriter) writeUntil(ctx context.Context, commands <-chan string) (written int, err error) {
	start := time.Now()
	p.took = nil
	ticker := time.NewTicker(time.Second / time.Duration(p.rate))
	defer ticker.Stop()
	for {
		select {
		case <-commands:
			return written, nil
		case <-ctx.Done():
			return written, nil
		case <-ticker.C:
		}
		due := int(time.Since(start)*time.Duration(p.rate)/time.Second) - written
		began := time.Now()
		if _, err := p.writer.Write(ctx, p.next(due)); err != nil && ctx.Err() == nil {
			return written, err
		}
		p.took = append(p.took, time.Since(began))
		written += due
	}
}

// p99 returns the 99th percentile of the durations of the writes, 0 if there were none.
func (p *pacedWriter) p99() time.Duration {
	if len(p.took) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(p.took))
	return sorted[(len(sorted)-1)*99/100]
}

// startWriting makes the process write.
func (p *process) startWriting() error {
	_, err := fmt.Fprintln(p.stdin, commandStart)
	return err
}

// stopWriting makes the process stop. It returns the records per second that the process wrote
// and the 99th percentile of the duration of its writes.
func (p *process) stopWriting(ctx context.Context) (perSecond float64, p99 time.Duration, err error) {
	if _, err := fmt.Fprintln(p.stdin, commandStop); err != nil {
		return 0, 0, err
	}
	line, err := p.line(ctx, responseTimeout)
	if err != nil {
		return 0, 0, fmt.Errorf("the %s: %w%s", p.name, err, p.lastLine())
	}
	var records, milliseconds, microseconds int
	if _, err := fmt.Sscanf(line, wrote, &records, &milliseconds, &microseconds); err != nil {
		return 0, 0, fmt.Errorf("the %s printed %q", p.name, line)
	}
	return float64(records) / (float64(max(milliseconds, 1)) / 1000), time.Duration(microseconds) * time.Microsecond, nil
}
