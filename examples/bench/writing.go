package main

import (
	"bufio"
	"context"
	"flag"
	"fmt"
	"io"
	"time"

	"github.com/rejoinhq/rejoin/consumer"
)

const roleWriter = "writer"

// What a writing process is told on stdin.
const (
	commandStart = "start"
	commandStop  = "stop"
)

// wrote is the line with which a writing process answers commandStop.
const wrote = "wrote %d records in %d ms"

// runWriter is another process that writes to the database which a server reads.
func runWriter(ctx context.Context, args []string, getenv func(string) string, stdin io.Reader, stdout, _ io.Writer) (err error) {
	flags := flag.NewFlagSet(roleWriter, flag.ContinueOnError)
	consumers := flags.Int("consumers", 0, "number of consumers in the database")
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
	return writeAsTold(ctx, s, pick(polling, *consumers), stdin, stdout)
}

// writeAsTold writes records about consumers in turn, from each start to the next stop,
// until stdin ends or ctx is done.
func writeAsTold(ctx context.Context, w consumer.Writer, consumers []int, stdin io.Reader, stdout io.Writer) error {
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
	writer := pacedWriter{writer: w, consumers: consumers}
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
		began := time.Now()
		written, err := writer.writeUntil(ctx, commands)
		if err != nil {
			return err
		}
		if _, err := fmt.Fprintf(stdout, wrote+"\n", written, time.Since(began).Milliseconds()); err != nil {
			return err
		}
	}
}

// pacedWriter writes about some consumers in turn.
type pacedWriter struct {
	writer    consumer.Writer
	consumers []int
	turn      int
}

// writeUntil writes writeRate records a second until a command comes. Each is a newer state
// of a consumer's place in the queue, in as many digits. Usually each is a write of its own;
// what became due while the database was busy is one write.
func (p *pacedWriter) writeUntil(ctx context.Context, commands <-chan string) (written int, err error) {
	began := time.Now()
	ticker := time.NewTicker(time.Second / writeRate)
	defer ticker.Stop()
	for {
		select {
		case <-commands:
			return written, nil
		case <-ctx.Done():
			return written, nil
		case <-ticker.C:
		}
		due := int(time.Since(began) * writeRate / time.Second)
		batch := p.next(due - written)
		if _, err := p.writer.Write(ctx, batch); err != nil && ctx.Err() == nil {
			return written, err
		}
		written += len(batch.Participations)
	}
}

// next are the next records to be written.
func (p *pacedWriter) next(n int) consumer.Batch {
	var batch consumer.Batch
	for range n {
		record := participation(p.consumers[p.turn%len(p.consumers)], 0)
		record.UpdatedAt, record.Position = time.Now(), new(int64(p.turn%10))
		batch.Participations = append(batch.Participations, record)
		p.turn++
	}
	return batch
}

// startWriting tells a process to write.
func (p *process) startWriting() error {
	_, err := fmt.Fprintln(p.stdin, commandStart)
	return err
}

// stopWriting tells it to stop, and returns how many records it wrote in a second.
func (p *process) stopWriting(ctx context.Context) (perSecond float64, err error) {
	if _, err := fmt.Fprintln(p.stdin, commandStop); err != nil {
		return 0, err
	}
	line, err := p.line(ctx, patience)
	if err != nil {
		return 0, fmt.Errorf("the %s: %w%s", p.name, err, p.lastWords())
	}
	var records, milliseconds int
	if _, err := fmt.Sscanf(line, wrote, &records, &milliseconds); err != nil {
		return 0, fmt.Errorf("the %s said %q", p.name, line)
	}
	return float64(records) / (float64(max(milliseconds, 1)) / 1000), nil
}
